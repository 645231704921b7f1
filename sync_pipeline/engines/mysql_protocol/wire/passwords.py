"""What a server of this protocol may have of the password: PyMySQL's plugins, guarded.

Sources: MySQL 8.4 Reference Manual, "Caching SHA-2 Pluggable Authentication" (a full
authentication sends the password as it is over TLS, else under the server's RSA key),
"SHA-256 Pluggable Authentication" and "Client-Side Cleartext Pluggable Authentication";
MariaDB Knowledge Base, "Authentication Plugin - PAM" (the dialog).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql import _auth
from pymysql.constants import CR
from pymysql.cursors import DictCursor

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.wire.passwords import PLAIN_TEXT, Form, is_checked, may_be_readable
from sync_pipeline.model.instance import EngineName, TlsMode

OLD, CLEAR, DIALOG = b"mysql_old_password", b"mysql_clear_password", b"dialog"
SHA256, CACHING_SHA2 = b"sha256_password", b"caching_sha2_password"
_FULL_AUTHENTICATION = b"\x01\x04"
_BEFORE_4_1 = Form("as MySQL did before 4.1, which is as good as plain text")
_UNDER_ITS_KEY = Form("under a key that the server chose itself", is_sent_without_tls=True)


class Withheld(pymysql.OperationalError):
    """The server asked for a form of the password that it does not get."""

    def __init__(self, form: Form) -> None:
        super().__init__(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, f"it asks for the password {form.name}")
        self.form = form


if TYPE_CHECKING:
    _Connection = pymysql.Connection[DictCursor]
else:
    _Connection = pymysql.Connection


class GuardedConnection(_Connection):
    """A connection that sends no password with its first packet."""

    def _get_server_information(self) -> None:
        super()._get_server_information()  # type: ignore[misc]
        # Over TLS PyMySQL would send the password at once. With a proof for another plugin
        # the server asks again, and the guard decides.
        if vars(self)["_auth_plugin_name"] == SHA256.decode():
            self._auth_plugin_name = CACHING_SHA2.decode()


def guards(target: Target, *, is_encrypted: bool) -> Mapping[bytes, type]:
    """Return the plugins that stand before PyMySQL's own on a connection."""
    tls = target.instance.tls
    found: dict[bytes, type] = {OLD: _refusing(_BEFORE_4_1)}
    if may_be_readable(target) or (is_encrypted and is_checked(tls)):
        return found
    found |= dict.fromkeys((CLEAR, DIALOG), _refusing(PLAIN_TEXT))
    if is_encrypted:
        # Without it nobody logs in to a MySQL that was just started. MariaDB has no such need.
        is_sent, form = target.instance.engine is EngineName.MYSQL, PLAIN_TEXT
    else:
        is_sent, form = tls.mode is TlsMode.DISABLE, _UNDER_ITS_KEY
    if not is_sent:
        found |= {SHA256: _refusing(form), CACHING_SHA2: _proving(form)}
    return found


def _refusing(form: Form) -> type:
    class Refusing:
        """Refuses before anything is sent."""

        def __init__(self, connection: pymysql.Connection[DictCursor]) -> None:
            """Take what PyMySQL gives."""

        def authenticate(self, packet: object) -> None:  # noqa: ARG002
            raise Withheld(form)

    return Refusing


def _proving(form: Form) -> type:
    class Proving:
        """Gives the proof of caching_sha2_password, and refuses what may follow it."""

        def __init__(self, connection: pymysql.Connection[DictCursor]) -> None:
            self._connection: Any = connection

        def authenticate(self, packet: Any) -> Any:
            if packet.is_auth_switch_request():
                nonce = packet.read_all().removesuffix(b"\0")
                proof = _auth.scramble_caching_sha2(self._connection.password, nonce)
                self._connection.write_packet(proof)
                packet = self._connection._read_packet()  # noqa: SLF001
                packet.check_error()
            if packet.get_all_data()[:2] == _FULL_AUTHENTICATION:
                raise Withheld(form)
            if packet.is_ok_packet():
                return packet
            return _auth.caching_sha2_password_auth(self._connection, packet)

    return Proving
