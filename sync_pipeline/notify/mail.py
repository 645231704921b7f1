"""Alerts as e-mail."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from sync_pipeline.certificates import client_context
from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.channel import SECONDS_TO_ANSWER, cause_of, not_sent
from sync_pipeline.settings import SmtpTls

_LOG = logging.getLogger(__name__)


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
        message["Message-ID"] = make_msgid(domain="sync-pipeline.invalid")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(alert.text)
        return message


def hand_in(
    server: MailServer, message: EmailMessage, failed: Callable[[str], DeliveryError]
) -> None:
    """Hand a mail in at a server. An address that is refused beside others is logged.

    Raises:
        DeliveryError: what `failed` makes of a reason in which there is no secret.
    """
    where = f"the mail server {server.host}:{server.port}"
    try:
        with closing(_connected(server)) as connection:
            if server.tls is SmtpTls.STARTTLS:
                connection.starttls(context=client_context(is_relaxed=server.is_relaxed))
            if server.username:
                connection.login(server.username, server.password)
            refused = connection.send_message(message)
            # The mail is handed in: how the server says goodbye changes nothing.
            with suppress(OSError):
                connection.quit()
    except smtplib.SMTPResponseException as error:
        # The code alone: a server may quote anything that it was sent.
        raise failed(f"{where} answered with the code {error.smtp_code}") from None
    except smtplib.SMTPRecipientsRefused:
        raise failed(f"{where} refused every address") from None
    except smtplib.SMTPNotSupportedError:
        raise failed(f"{where} lacks what TLS or login needs") from None
    except (OSError, ValueError) as error:
        raise failed(f"{where} could not be used ({cause_of(error)})") from None
    if refused:
        _LOG.warning("The mail server refused %s; the others have it.", ", ".join(refused))


def _connected(server: MailServer) -> smtplib.SMTP:
    if server.tls is SmtpTls.TLS:
        return smtplib.SMTP_SSL(
            server.host,
            server.port,
            timeout=SECONDS_TO_ANSWER,
            context=client_context(is_relaxed=server.is_relaxed),
        )
    return smtplib.SMTP(server.host, server.port, timeout=SECONDS_TO_ANSWER)
