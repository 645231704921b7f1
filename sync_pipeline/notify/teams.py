"""Alerts in Microsoft Teams: an adaptive card for a workflow's webhook.

The connectors of Microsoft 365, which took another format, are retired; what is left is the
template "Post to a channel when a webhook request is received" of Workflows, which takes adaptive
cards alone (learn.microsoft.com, "Create and send messages", Workflows).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.model.alert import Alert
from sync_pipeline.notify.plain import fitting, without_mentions
from sync_pipeline.notify.webhook import post_json

_MOST_OF_TEXT = 12_000
"""Bytes: a message of Teams has 28 KB, with the card around each line."""


@dataclass(frozen=True, slots=True)
class Teams:
    """Posts a card to a workflow."""

    url: str = field(repr=False)
    name: str = "teams"
    is_relaxed: bool = False

    def send(self, alert: Alert) -> None:
        """Post the alert; see `Channel.send`."""
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                _line(alert.subject, weight="Bolder", size="Medium"),
                *(
                    _line(line)
                    for line in fitting(alert.text, _MOST_OF_TEXT).split("\n")
                    if line.strip()
                ),
            ],
        }
        kind = "application/vnd.microsoft.card.adaptive"
        attachment = {"contentType": kind, "contentUrl": None, "content": card}
        payload = {"type": "message", "attachments": [attachment]}
        post_json(self.name, self.url, payload, is_relaxed=self.is_relaxed)


def _line(text: str, **style: str) -> dict[str, Any]:
    """Return a line in which nothing is markup: unlike a TextBlock's, a run's text is no Markdown.

    That is adaptivecards.io, "TextRun". Without entities of the card no `<at>` is a mention.
    """
    run = {"type": "TextRun", "text": without_mentions(text), **style}
    return {"type": "RichTextBlock", "inlines": [run]}
