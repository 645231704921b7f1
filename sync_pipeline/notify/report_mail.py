"""Reports as e-mail: a summary, and the report as files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from sync_pipeline.errors import DeliveryError
from sync_pipeline.notify.mail import MailServer, hand_in


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a mail; `media_type` is such as `text/html`."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReportMail:
    """A mail that is ready. `key` is the same each time that the same report is sent again.

    `sent_at` is aware.
    """

    subject: str
    text: str
    key: str
    sent_at: datetime
    attachments: Sequence[Attachment] = ()


def send_report(
    server: MailServer, sender: str, recipients: Sequence[str], mail: ReportMail
) -> None:
    """Hand a report in.

    Raises:
        DeliveryError: it was not sent, or nobody knows whether it was.
    """
    hand_in(server, _message(sender, recipients, mail), _not_sent)


def _message(sender: str, recipients: Sequence[str], mail: ReportMail) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = mail.subject
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(mail.sent_at)
    # Of the same report: who gets it twice, because an answer was lost, can tell.
    message["Message-ID"] = f"<{mail.key}@sync-pipeline.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    for item in mail.attachments:
        main, _, sub = item.media_type.partition("/")
        message.add_attachment(item.content, maintype=main, subtype=sub, filename=item.name)
    return message


def _not_sent(what: str) -> DeliveryError:
    return DeliveryError(
        f"The report was not sent: {what}.",
        hint="It is tried again by itself; try it: sync-pipeline report --send --to ADDRESS.",
    )
