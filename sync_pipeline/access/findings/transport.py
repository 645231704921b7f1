"""The rule about logins that anybody on the way may listen to."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.access.findings.case import Case, Remedy, ending, listed
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.engines.access.contract import set_server
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName

REQUIRED = "require_secure_transport"
_NO_CLEAR_TEXT = "Clients from elsewhere that do not use TLS are kept out."
_NO_TLS = "The server has no certificate: it needs one first, for then nobody could log in."


@rule(
    "tls-not-required",
    title="Logins from elsewhere without TLS",
    severity=Severity.MEDIUM,
    rationale="Without TLS everything that a session sends and reads can be read and changed on "
    "the way, and most clients fall back to it when nobody insists.",
    sources=(
        "CIS MySQL 9.7 Benchmark 8.1 and 8.2, require_secure_transport and ssl_type",
        "CIS MariaDB 10.6 Benchmark 8.1 and 8.2",
        "MySQL Reference Manual, Using Encrypted Connections",
    ),
    reads=(SectionName.ACCOUNTS, SectionName.SERVER_SETTINGS),
)
@each
def tls_not_required(rule: Rule, case: Case) -> Iterator[Finding]:
    """Yield one finding of a server that lets accounts in without TLS, however many they are."""
    if case.server.is_on(REQUIRED) is not False:
        return
    remote = [
        state.name
        for state in case.users()
        if case.facts(state.name).is_from_elsewhere
        and not (case.is_expected(state.name) or case.is_left_to_provider(state.name))
    ]
    without = [name for name in remote if case.facts(name).requires_tls is False]
    if without:
        yield case.finding(
            rule.id,
            rule.severity,
            "",
            f"{REQUIRED} is OFF, and {len(without)} of {len(remote)} accounts that log in from "
            f"elsewhere may do so without TLS: {listed(without)}.",
            remedy=_required(case),
        )


def _required(case: Case) -> Remedy:
    if not _has_tls(case):
        return Remedy(left=_NO_TLS)
    found = set_server(case.judged.rules, REQUIRED, "ON", case.server.value(REQUIRED) or "OFF")
    return ending(found.fix, found.undo, found.left, _NO_CLEAR_TEXT)


def _has_tls(case: Case) -> bool:
    """Return whether the server has what TLS needs, as far as it says."""
    return case.server.is_on("have_ssl") is True or bool(case.server.value("ssl_cert"))
