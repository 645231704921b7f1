"""Which ODBC driver is used, and what each one is told.

Sources: Microsoft, "DSN and Connection String Keywords and Attributes" of ODBC Driver 18;
FreeTDS User Guide, "ODBC Connection Attributes"; ODBC Programmer's Reference,
SQLDriverConnect (a value in braces may hold anything, a closing brace in it is doubled).
"""

from __future__ import annotations

import importlib
import importlib.util
import platform
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.wire.azure import login_username
from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.instance import TlsMode, TlsOptions

DRIVER_OPTION = "sqlserver_driver"
"""The key of `Target.options` that names a driver, or the path of its library."""
STRICT_OPTION = "sqlserver_strict"
"""The key of `Target.options` that asks for TDS 8: TLS comes before the first word of TDS."""
INTEGRATED_OPTION = "sqlserver_integrated"
"""The key of `Target.options` that asks for the Kerberos ticket of this process."""
ENTRA_OPTION = "sqlserver_entra"
"""The key of `Target.options` that asks for Entra authentication, by one of ENTRA_METHODS."""
ENTRA_METHODS = {
    "service-principal": "ActiveDirectoryServicePrincipal",
    "password": "ActiveDirectoryPassword",
    "managed-identity": "ActiveDirectoryMsi",
}
"""Microsoft, "Using Microsoft Entra ID with the ODBC driver", Authentication."""
_MANAGED = "managed-identity"
_CLIENT_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
APPLICATION = "sync_pipeline"
MASTER = "master"
INSTALL = (
    "Install unixODBC and a driver: on Debian, apt-get install unixodbc tdsodbc, or "
    "Microsoft's ODBC Driver 18 for SQL Server."
)
_MICROSOFT_PACKAGE = "mssql_python_odbc"
_PLAIN = re.compile(r"[\w.:,/-]+", re.ASCII)
_VERIFYING = (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL)


@dataclass(frozen=True, slots=True)
class Driver:
    """An ODBC driver by its registered name, or by the path of its library."""

    name: str

    @property
    def is_freetds(self) -> bool:
        """Return whether this is FreeTDS; else it is one of Microsoft's."""
        return re.search(r"freetds|tdsodbc", self.name, re.IGNORECASE) is not None


def load_pyodbc(instance: str) -> ModuleType:
    """Return pyodbc, with the driver manager's pool off: a pool would keep logins open.

    Raises:
        ConfigurationError: pyodbc can't be loaded, because libodbc is missing.
    """
    try:
        module = importlib.import_module("pyodbc")
    except ImportError as error:
        raise ConfigurationError(
            f"The ODBC driver manager can't be loaded: {error}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint=INSTALL,
        ) from None
    module.pooling = False  # type: ignore[attr-defined]
    return module


def choose_driver(setting: str, registered: Iterable[str], instance: str) -> Driver:
    """Return the driver of the setting, or the best that is installed.

    Microsoft's newest registered driver comes first, then FreeTDS, then the library that
    Microsoft's Python package brings.

    Raises:
        ConfigurationError: there is no such driver, or none at all.
    """
    names = tuple(registered)
    if setting:
        if setting in names or Path(setting).is_file():
            return Driver(setting)
        raise ConfigurationError(
            f"There is no ODBC driver {setting!r}; registered are: {', '.join(names) or 'none'}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Correct SYNC_PIPELINE_SQLSERVER_DRIVER, or leave it empty.",
        )
    microsoft = [name for name in names if re.fullmatch(r"ODBC Driver \d+ for SQL Server", name)]
    if microsoft:
        return Driver(max(microsoft, key=lambda name: int(name.split()[2])))
    freetds = [name for name in names if Driver(name).is_freetds]
    library = freetds[0] if freetds else packaged_library()
    if library is None:
        raise ConfigurationError(
            "No ODBC driver for SQL Server is installed.",
            instance=instance,
            phase=Phase.CONNECT,
            hint=INSTALL,
        )
    return Driver(library)


def packaged_library() -> str | None:
    """Return the library that Microsoft's Python package brings for this machine, if any."""
    spec = importlib.util.find_spec(_MICROSOFT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    for location in spec.submodule_search_locations:
        libraries = Path(location) / "libs" / "linux" / _distribution() / machine / "lib"
        found = sorted(libraries.glob("libmsodbcsql*.so*"))
        if found:
            return str(found[-1])
    return None


def _distribution() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    family = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}"
    if "suse" in family:
        return "suse"
    if "alpine" in family:
        return "alpine"
    return "rhel" if re.search(r"rhel|fedora|centos", family) else "debian_ubuntu"


def connection_string(
    driver: Driver,
    target: Target,
    tls: TlsOptions,
    server: tuple[str, int] | None = None,
    database: str = "",
) -> str:
    """Return the string for the driver's connect call alone: it holds the password.

    The driver connects to `server` where that is not the instance itself, and opens
    `database` where that is not the instance's own.

    Raises:
        ConfigurationError: the driver can't do this TLS mode, or can't be given a value.
    """
    instance = target.instance
    host, port = server or (instance.host, instance.port)
    parts: dict[str, str] = {"DRIVER": driver.name}
    if driver.is_freetds:
        parts |= {"SERVER": host, "PORT": str(port), "TDS_Version": "7.4"}
        parts |= {"ClientCharset": "UTF-8", "Timeout": str(_seconds(target))}
    else:
        parts |= {"SERVER": f"tcp:{host},{port}", "ConnectRetryCount": "0"}
        if tls.mode is TlsMode.VERIFY_FULL or is_strict(target):
            parts |= {"HostnameInCertificate": instance.host}
    parts |= {
        **_login(driver, target, tls),
        "DATABASE": database or instance.database or MASTER,
        "APP": APPLICATION,
        "ApplicationIntent": "ReadOnly",
        **_tls(driver, tls, instance.name),
        **_strict(driver, target, tls),
    }
    return ";".join(
        f"{key}={_quoted(key, value, driver, instance.name)}" for key, value in parts.items()
    )


def _login(driver: Driver, target: Target, tls: TlsOptions) -> Mapping[str, str]:
    """Return what proves who we are: the password, a ticket of this process, or a token."""
    password = {"UID": target.username, "PWD": target.password.reveal()}
    if is_integrated(target):
        _require_microsofts(driver, target, "be told whose ticket to use", "INTEGRATED")
        return _ticket(target)
    if ENTRA_OPTION not in target.options:
        return {**password, "UID": login_username(target)}
    _require_microsofts(driver, target, "get a token of Entra", "ENTRA")
    _require_checked(target, tls)
    method = target.options[ENTRA_OPTION]
    if method == _MANAGED:
        # The identity of the machine, or the one whose client id is the account.
        is_named = _CLIENT_ID.fullmatch(target.username)
        password = {"UID": target.username} if is_named else {}
    return {**password, "Authentication": ENTRA_METHODS[method]}


def _ticket(target: Target) -> Mapping[str, str]:
    """Return what asks for a ticket for the instance's service.

    The driver itself is given an address of this machine (Microsoft, "Using integrated
    authentication", ServerSPN).
    """
    instance = target.instance
    service = f"MSSQLSvc/{instance.host}:{instance.port}"
    return {"Trusted_Connection": "yes", "ServerSPN": service}


def _require_microsofts(driver: Driver, target: Target, what: str, setting: str) -> None:
    if driver.is_freetds:
        raise _impossible(
            driver,
            target.instance.name,
            what,
            "Use Microsoft's driver (SYNC_PIPELINE_SQLSERVER_DRIVER), or take the instance out of "
            f"SYNC_PIPELINE_SQLSERVER_{setting}.",
        )


def _require_checked(target: Target, tls: TlsOptions) -> None:
    """Refuse a server of which nobody knows who it is: it says where the token is got.

    The password goes to whatever address the server names ([MS-TDS] 2.2.7.12, STSURL).
    """
    if tls.mode is not TlsMode.VERIFY_FULL and not is_strict(target):
        name = shlex.quote(target.instance.name)
        raise ConfigurationError(
            "Entra authentication needs a server whose certificate is checked: it is told by the "
            "server where to get a token with the password. Nothing was sent.",
            instance=target.instance.name,
            phase=Phase.CONNECT,
            hint=f"Run: sync-pipeline instances edit {name} --tls verify-full.",
        )


def is_confined(target: Target) -> bool:
    """Return whether the login talks to the server alone, and to nobody who proves who we are."""
    return not is_integrated(target) and ENTRA_OPTION not in target.options


def is_integrated(target: Target) -> bool:
    """Return whether the setting asks for the ticket of this process."""
    return INTEGRATED_OPTION in target.options


def is_strict(target: Target) -> bool:
    """Return whether the setting asks for TDS 8 with this instance."""
    return STRICT_OPTION in target.options


def _strict(driver: Driver, target: Target, tls: TlsOptions) -> Mapping[str, str]:
    """Return what asks for TDS 8: the certificate is checked in each TLS mode.

    Microsoft, "TDS 8.0" and "Using Connection String Keywords" (Encrypt=strict ignores
    TrustServerCertificate); driver 17 knows no such value and would refuse the string itself.
    """
    if not is_strict(target):
        return {}
    if driver.is_freetds:
        raise _impossible(
            driver,
            target.instance.name,
            "speak TDS 8 (Encrypt=strict)",
            "Use Microsoft's driver (SYNC_PIPELINE_SQLSERVER_DRIVER), or take the instance out of "
            "SYNC_PIPELINE_SQLSERVER_STRICT.",
        )
    if tls.mode is TlsMode.DISABLE:
        raise ConfigurationError(
            "The TLS mode disable and SYNC_PIPELINE_SQLSERVER_STRICT exclude each other.",
            instance=target.instance.name,
            phase=Phase.CONNECT,
            hint="Use the TLS mode verify-full, or take the instance out of the setting.",
        )
    return {"Encrypt": "strict", "TrustServerCertificate": "no"}


def _seconds(target: Target) -> int:
    return max(1, round(target.instance.timeouts.connect_seconds))


def _quoted(key: str, value: str, driver: Driver, instance: str) -> str:
    """Return a value as it is where it is plain, else in braces.

    FreeTDS takes what is between the first brace and the first `};` as it is, and reads no
    number in braces.
    """
    if _PLAIN.fullmatch(value):
        return value
    if "\0" in value or (driver.is_freetds and "};" in value):
        what = {"UID": "user name", "PWD": "password"}.get(key, key)
        raise ConfigurationError(
            f"The {what} has characters that the driver {driver.name} can't be given.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Use another one (without '};'), or use Microsoft's driver.",
        )
    if not driver.is_freetds:
        value = value.replace("}", "}}")
    return "{" + value + "}"


def _tls(driver: Driver, tls: TlsOptions, instance: str) -> Mapping[str, str]:
    given = tls.cert_file or tls.key_file or (tls.ca_file if tls.mode in _VERIFYING else None)
    if given:
        raise _impossible(
            driver,
            instance,
            f"be given the TLS file {given}",
            "Put the authority into the system's store and take the file off the instance.",
        )
    if driver.is_freetds:
        return _freetds_tls(driver, tls.mode, instance)
    if tls.mode is TlsMode.VERIFY_CA:
        raise _impossible(
            driver,
            instance,
            "check a certificate without its host name (TLS mode verify-ca)",
            "Use verify-full.",
        )
    is_encrypted = tls.mode is not TlsMode.DISABLE
    is_verified = tls.mode is TlsMode.VERIFY_FULL
    return {
        "Encrypt": "yes" if is_encrypted else "no",
        "TrustServerCertificate": "no" if is_verified else "yes",
    }


def _freetds_tls(driver: Driver, mode: TlsMode, instance: str) -> Mapping[str, str]:
    if mode in _VERIFYING:
        raise _impossible(
            driver,
            instance,
            f"check the server's certificate (TLS mode {mode})",
            "Use Microsoft's driver (SYNC_PIPELINE_SQLSERVER_DRIVER), or the TLS mode require.",
        )
    # `request` would send the login so that whoever listens can read it, and encrypt nothing
    # after it where the server does not insist.
    return {"Encryption": "off" if mode is TlsMode.DISABLE else "require"}


def _impossible(driver: Driver, instance: str, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(
        f"The driver {driver.name} can't {what}.",
        instance=instance,
        phase=Phase.CONNECT,
        hint=hint,
    )
