"""Alerts as e-mail."""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import BinaryIO, cast

from sync_pipeline.certificates import client_context
from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.channel import (
    SECONDS_TO_ANSWER,
    cause_of,
    is_before_sending,
    not_sent,
)
from sync_pipeline.settings import SmtpTls

_LOG = logging.getLogger(__name__)
_DOMAIN = "sync-pipeline.invalid"
MOST_LINES_OF_ANSWER = 200
"""Of one answer: a greeting or a list of abilities has a dozen."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and as whom; without a user name nobody logs in."""

    host: str
    port: int
    tls: SmtpTls = SmtpTls.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    is_relaxed: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends the alert's text to some addresses."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]
    name: str = "email"

    def send(self, alert: Alert) -> None:
        """Hand the mail in; see `Channel.send`. An address that is refused is logged."""
        hand_in(self.server, self._message(alert), lambda what: not_sent(self.name, what))

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = alert.subject
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Date"] = formatdate()
        # The same for the same alert: mail that is handed in twice is shown once.
        key = f"<{alert.key}@{_DOMAIN}>" if alert.key else make_msgid(domain=_DOMAIN)
        message["Message-ID"] = key
        message["Auto-Submitted"] = "auto-generated"
        # A name may have half of a pair, which no mail can carry.
        message.set_content(alert.text.encode("utf-8", "replace").decode())
        return message


def hand_in(
    server: MailServer, message: EmailMessage, failed: Callable[[str], DeliveryError]
) -> None:
    """Hand a mail in at a server. An address that is refused beside others is logged.

    Raises:
        DeliveryError: what `failed` makes of a reason in which there is no secret.
    """
    with _handing_in(server, failed) as connection:
        refused = connection.send_message(message)
        # The mail is handed in: how the server says goodbye changes nothing.
        with suppress(OSError):
            connection.quit()
    if refused:
        _LOG.warning("The mail server refused %s; the others have it.", ", ".join(refused))


def greet(server: MailServer, failed: Callable[[str], DeliveryError]) -> None:
    """Connect to a server as for a mail, with TLS and login, and hand none in.

    Raises:
        DeliveryError: what `failed` makes of a reason in which there is no secret.
    """
    with _handing_in(server, failed) as connection, suppress(OSError):
        connection.quit()


@contextmanager
def _handing_in(
    server: MailServer, failed: Callable[[str], DeliveryError]
) -> Iterator[smtplib.SMTP]:
    """Yield a connection that takes mail, and say of what goes wrong why, without a secret."""
    where = f"the mail server {server.host}:{server.port}"
    try:
        with closing(_connected(server)) as connection:
            if server.tls is SmtpTls.STARTTLS:
                connection.starttls(context=client_context(is_relaxed=server.is_relaxed))
            if server.username:
                connection.login(server.username, server.password)
            yield connection
    except smtplib.SMTPResponseException as error:
        # The code alone: a server may quote anything that it was sent.
        raise _refused(failed(f"{where} answered with the code {error.smtp_code}")) from None
    except smtplib.SMTPRecipientsRefused:
        raise _refused(failed(f"{where} refused every address")) from None
    except smtplib.SMTPNotSupportedError:
        raise _refused(failed(f"{where} lacks what TLS or login needs")) from None
    except (OSError, ValueError) as error:
        found = failed(f"{where} could not be used ({cause_of(error)})")
        raise (_refused(found) if is_before_sending(error) else found) from None


def _refused(error: DeliveryError) -> DeliveryError:
    """Return an error that says that the server has no mail."""
    error.is_refused = True
    return error


class _Answers:
    """What a server sends: each answer has so many lines, and so much time, at most.

    smtplib reads the lines of an answer without end, each of which may take its time.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.begin()

    def begin(self) -> None:
        """Wait for a new answer."""
        self._lines = 0
        self._until = time.monotonic() + SECONDS_TO_ANSWER

    def readline(self, most: int) -> bytes:
        """Return the next line.

        Raises:
            OSError: there are too many, or they come too slowly.
        """
        self._lines += 1
        if self._lines > MOST_LINES_OF_ANSWER or time.monotonic() > self._until:
            raise TimeoutError
        return self._file.readline(most)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Bounded(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _Answers(cast("BinaryIO", self.sock.makefile("rb")))  # type: ignore[union-attr]
        else:
            self.file.begin()
        return super().getreply()


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    pass


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.tls is SmtpTls.TLS:
        return _BoundedTls(
            server.host,
            server.port,
            timeout=SECONDS_TO_ANSWER,
            context=client_context(is_relaxed=server.is_relaxed),
        )
    return _Bounded(server.host, server.port, timeout=SECONDS_TO_ANSWER)
