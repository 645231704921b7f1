"""What Oracle's and the driver's error codes mean while a connection is opened.

Sources: Oracle Database Error Messages; python-oracledb user guide, "Error Handling". Codes
`ORA-` are the server's, the listener's or the network's, `DPY-` are the driver's own and
`DPI-` those of its thick mode. The driver turns some codes into its own (ORA-03113 into
DPY-4011, ORA-01005 into DPY-4001), so both are here.
"""

from __future__ import annotations

from collections.abc import Mapping

from sync_pipeline.engines.troubles import CREDENTIAL, OTHER_ENGINE, Refusal
from sync_pipeline.errors import ConnectReason

SETTING = "SYNC_PIPELINE_ORACLE_CLIENT"
USE_CLIENT = f"Set {SETTING} to the directory of Oracle's client libraries (thick mode)."

REJECTED: Mapping[str, str] = {
    "ORA-01005": "Give the credential a password.",
    "ORA-01017": CREDENTIAL,
    "ORA-01918": CREDENTIAL,
    "ORA-28000": "Unlock it: ALTER USER ... ACCOUNT UNLOCK. Where wrong passwords locked it "
    "(LOCKED(TIMED)), that ends by itself after the profile's PASSWORD_LOCK_TIME.",
    "ORA-28001": "Set a new password: ALTER USER ... IDENTIFIED BY ...",
    "ORA-28007": CREDENTIAL,
    "ORA-28009": "Use an account of its own, not SYS: see sync-pipeline grants oracle.",
    "ORA-28040": "Let SQLNET.ALLOWED_LOGON_VERSION_SERVER of the server admit this client.",
    "ORA-28221": "Set a new password: ALTER USER ... IDENTIFIED BY ...",
    "DPY-3015": f"Set its password again, so that a newer verifier is made. {USE_CLIENT}",
    "DPY-4001": "Give the credential a user name and a password.",
}
"""Why an account was not let in, with what to do."""
WRONG_SECRET = "ORA-01017"  # noqa: S105 - a code
"""What the profile's FAILED_LOGIN_ATTEMPTS counts."""

WARNINGS = frozenset({"ORA-28002", "ORA-28011"})
"""What is said beside a login that works: its password expires soon. It is no reason."""

MAY_NOT_LOG_IN = "ORA-01045"
"""CREATE SESSION is missing."""

UNSUPPORTED: Mapping[str, str] = {
    "DPY-3010": "Oracle 12.2 or newer is needed.",
    "DPY-3040": USE_CLIENT,
    "DPY-4035": OTHER_ENGINE,
    "DPY-5000": OTHER_ENGINE,
    "DPY-5004": OTHER_ENGINE,
    "DPY-5006": OTHER_ENGINE,
}

NEEDS_CLIENT = frozenset({"DPY-3001", "DPY-5016", "ORA-12650", "ORA-12660", "ORA-12661"})
"""What is asked for is a feature of the thick mode: native network encryption, mostly."""


_SERVICE = Refusal(
    ConnectReason.REFUSED,
    "Correct the service name (sync-pipeline instances edit --database), or start the database.",
)
_FULL = Refusal(
    ConnectReason.TOO_MANY,
    "Raise PROCESSES or SESSIONS, or the profile's SESSIONS_PER_USER; or end idle sessions.",
)
_DOWN = Refusal(ConnectReason.REFUSED, "Wait until the database is open.")
_STARTING = Refusal(
    ConnectReason.REFUSED,
    "Wait until the database is open. Where it is a standby that stays mounted, nobody but an "
    "administrator can log in: register its primary database, or open it READ ONLY.",
)
MOUNTED = Refusal(
    ConnectReason.REFUSED,
    "The database is mounted and not open, as a standby is: register its primary database, or "
    "open it READ ONLY.",
)
_ARCHIVER = Refusal(
    ConnectReason.REFUSED,
    "The archive destination is full: only administrators get in until there is space again "
    "(back up and delete archived logs, or raise DB_RECOVERY_FILE_DEST_SIZE).",
)
TRIGGER_FAILED = "ORA-04088"
OF_TRIGGER = (
    "Let the trigger (AFTER LOGON) admit the monitoring account, its host and the program "
    "sync_pipeline."
)
NOT_OPEN = frozenset({"ORA-01109", "ORA-01219", "ORA-01507"})
"""The database, or a pluggable one, is mounted and not open."""

_SLOW = Refusal.plain(ConnectReason.TIMEOUT)
_TLS = Refusal(
    ConnectReason.TLS,
    "Check the instance's TLS mode and CA file, and that its port is a TCPS address.",
)
_NAME = Refusal.plain(ConnectReason.DNS)
_NOBODY = Refusal(ConnectReason.REFUSED, "Check that the listener runs and its port is right.")
_NO_WAY = Refusal(ConnectReason.UNREACHABLE, "Check the network and the listener's log.")
_CUT = Refusal(
    ConnectReason.LOST,
    "Check the listener's log, and that its port speaks what the TLS mode says (TCP or TCPS).",
)
_CLOSED = Refusal(
    ConnectReason.LOST,
    f"{_CUT.hint} A server that demands native network encryption closes it too "
    f"(SQLNET.ENCRYPTION_SERVER=REQUIRED, SQLNET.ALLOW_WEAK_CRYPTO_CLIENTS=FALSE): {USE_CLIENT}",
)
OF_LISTENER = Refusal(ConnectReason.REFUSED, "Check the listener's log.")
OF_SERVER = Refusal(ConnectReason.UNREACHABLE, "Check the server's alert log.")

REFUSALS: Mapping[str, Refusal] = {
    **dict.fromkeys(("ORA-12505", "ORA-12514", "ORA-12521", "DPY-6001", "DPY-6003"), _SERVICE),
    **dict.fromkeys(
        (
            "ORA-00018",
            "ORA-00019",
            "ORA-00020",
            "ORA-02391",
            "ORA-12516",
            "ORA-12518",
            "ORA-12519",
            "ORA-12520",
        ),
        _FULL,
    ),
    **dict.fromkeys(
        (
            "ORA-01034",
            "ORA-01035",
            "ORA-01089",
            "ORA-01090",
            "ORA-12526",
            "ORA-12527",
            "ORA-12528",
            "ORA-27101",
            "ORA-65024",
            "ORA-65054",
        ),
        _DOWN,
    ),
    "ORA-01033": _STARTING,
    "ORA-00257": _ARCHIVER,
    **dict.fromkeys(NOT_OPEN, MOUNTED),
    **dict.fromkeys(
        ("ORA-03136", "ORA-12170", "ORA-12525", "ORA-12535", "ORA-12606", "ORA-12609", "DPY-4024"),
        _SLOW,
    ),
    **dict.fromkeys(
        (
            "ORA-12560",
            "ORA-28759",
            "ORA-28791",
            "ORA-28860",
            "ORA-28864",
            "ORA-28865",
            "ORA-29002",
            "ORA-29019",
            "ORA-29024",
            "ORA-29106",
            "DPY-2018",
            "DPY-6002",
            "DPY-6006",
            "DPY-6008",
            "DPY-6009",
        ),
        _TLS,
    ),
    **dict.fromkeys(("ORA-12154", "ORA-12545"), _NAME),
    **dict.fromkeys(("ORA-12541",), _NOBODY),
    **dict.fromkeys(("DPY-5005",), OF_LISTENER),
    **dict.fromkeys(("ORA-12543", "DPY-6004"), _NO_WAY),
    **dict.fromkeys(
        (
            "ORA-00028",
            "ORA-01012",
            "ORA-02396",
            "ORA-03113",
            "ORA-03114",
            "ORA-03135",
            "ORA-12537",
            "ORA-12547",
            "ORA-12570",
            "ORA-12571",
            "DPY-1001",
            "DPY-4033",
        ),
        _CUT,
    ),
    "DPY-4011": _CLOSED,
}
BY_CAUSE: tuple[tuple[str, Refusal], ...] = (
    ("SSLError", _TLS),
    ("gaierror", _NAME),
    ("TimeoutError", _SLOW),
    ("ConnectionRefusedError", _NOBODY),
    ("ConnectionError", _CUT),
    ("OSError", _NO_WAY),
)
"""Python's own exceptions beneath the driver's, by a class that they descend from."""

DENIED = frozenset({"ORA-00942", "ORA-01031", "ORA-01039", "ORA-01720", "ORA-41900"})
"""A view that may not be read does not exist for the one who asks (until 23ai)."""

TIMED_OUT = frozenset(
    {
        "ORA-00040",
        "ORA-00051",
        "ORA-00054",
        "ORA-01013",
        "ORA-02393",
        "ORA-03136",
        "ORA-03156",
        "ORA-04021",
        "ORA-12609",
        "ORA-30006",
        "DPY-4024",
        "DPI-1067",
    }
)
RETRYABLE = frozenset({"ORA-01555", "ORA-01652", "ORA-04068", "ORA-08103", "ORA-65011"})
"""What a second run can pass: a snapshot too old, no temporary space, an object in change."""
