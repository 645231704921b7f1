"""Which servers may have a password in a form that can be read, and what the others are told.

A proof (SCRAM, a salted challenge) is given to any server. What a server could read or use
again needs more: a certificate that was checked, the TLS mode `disable` for some forms, or
the setting that names the instance. docs/operations.md, "TLS and passwords", has the table.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sync_pipeline.engines.base import Target
from sync_pipeline.errors import AuthenticationError, Phase
from sync_pipeline.model.instance import Instance, TlsMode, TlsOptions

OPTION = "readable_passwords"
"""The key of `Target.options` that is set where the setting names the instance."""
SETTING = "SYNC_PIPELINE_READABLE_PASSWORDS"


@dataclass(frozen=True, slots=True)
class Form:
    """How a server asks for the password; `is_sent_without_tls` in the mode `disable`."""

    name: str
    is_sent_without_tls: bool = False


PLAIN_TEXT = Form("in plain text")


def may_be_readable(target: Target) -> bool:
    """Return whether the setting lets this server have the password in any form."""
    return OPTION in target.options


def is_checked(tls: TlsOptions) -> bool:
    """Return whether it is known who has the other end of the connection.

    An authority of one's own vouches for its servers. The system's authorities vouch for
    anybody with a certificate of the web, so without a CA file the name has to be checked.
    """
    if tls.mode is TlsMode.VERIFY_CA:
        return bool(tls.ca_file)
    return tls.mode is TlsMode.VERIFY_FULL


def edit_command(instance: Instance, mode: TlsMode, rest: str = "") -> str:
    """Return the command that gives an instance another TLS mode."""
    return f"sync-pipeline instances edit {shlex.quote(instance.name)} --tls {mode}{rest}"


def on_a_network_of_ones_own(instance: Instance) -> str:
    """Return the sentence that names the command for going without TLS."""
    return f"On a network that nobody else is on: {edit_command(instance, TlsMode.DISABLE)}."


def withheld(
    where: str, form: Form, target: Target, *, is_encrypted: bool | None
) -> AuthenticationError:
    """Return the error of a server that asked for a form of the password that it does not get.

    `is_encrypted` is None where the driver does not tell.
    """
    instance = target.instance
    checks = edit_command(instance, TlsMode.VERIFY_FULL, " --tls-ca FILE")
    first = "Check" if is_encrypted else "Turn TLS on in the server, and check"
    disable = ""
    if form.is_sent_without_tls and not is_encrypted:
        disable = f" {on_a_network_of_ones_own(instance)}"
    return AuthenticationError(
        f"{where} asks for the password {form.name}. It was not sent, because "
        f"{_why(instance.tls.mode, is_encrypted=is_encrypted)}.",
        instance=instance.name,
        phase=Phase.CONNECT,
        hint=f"{first} its certificate: {checks}.{disable} To send it whatever comes, name the "
        f"instance in {SETTING}.",
    )


def _why(mode: TlsMode, *, is_encrypted: bool | None) -> str:
    if is_encrypted is None:
        return f"the connection has no TLS, or TLS that nobody checked (TLS mode {mode})"
    if is_encrypted:
        return f"nobody checked whose certificate this is (TLS mode {mode})"
    if mode is TlsMode.DISABLE:
        return "the connection has no TLS (TLS mode disable)"
    return (
        "the connection has no TLS: the server offers none, or somebody on the way took it "
        f"away (TLS mode {mode})"
    )
