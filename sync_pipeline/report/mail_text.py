"""The mail that brings a report: its subject, and a summary that is read without opening it."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.model.report import FleetReport, PowerSpell
from sync_pipeline.model.text import shortened, visible_start
from sync_pipeline.report.readable import shown_size
from sync_pipeline.report.summary import Fact, summary
from sync_pipeline.report.texts import ReportTexts
from sync_pipeline.visible import visible

MOST_ADMINISTRATORS = 10
LONGEST_ABOUT, LONGEST_NAME = 80, 100


def mail_subject(report: FleetReport, texts: ReportTexts) -> str:
    """Return one line."""
    about = visible_start(texts.about(report.selection), LONGEST_ABOUT)
    facts = {item.name: item.value for item in summary(report)}
    return texts("mail.subject", about=about, count=facts["changes"])


def mail_text(report: FleetReport, texts: ReportTexts) -> str:
    """Return the summary."""
    return "\n".join(visible(line) for line in _lines(report, texts)) + "\n"


def _lines(report: FleetReport, texts: ReportTexts) -> Iterator[str]:
    yield shortened(texts.about(report.selection), 1000)
    yield texts(
        "header.time",
        since=f"{report.since:%Y-%m-%d %H:%M}",
        until=f"{report.until:%Y-%m-%d %H:%M}",
    )
    yield ""
    if not report.instances:
        yield from (texts("mail.empty"), *report.notes[:1], "")
    for item in summary(report):
        yield f"{texts(f'summary.{item.name}')}: {_value(item)}"
    yield ""
    for heading, spells in (
        ("new_administrators", report.administrators.new),
        ("gone_administrators", report.administrators.gone),
    ):
        if spells:
            yield f"{texts(f'table.{heading}')}:"
            yield from (f"- {_spell(item, texts)}" for item in spells[:MOST_ADMINISTRATORS])
            more = len(spells) - MOST_ADMINISTRATORS
            if more > 0:
                yield texts("more.rows", count=more)
            yield ""
    yield texts("mail.attached")


def _value(item: Fact) -> str:
    if isinstance(item.value, int) and item.is_bytes:
        return shown_size(item.value)
    return f"{item.value:,}" if isinstance(item.value, int) else item.value


def _spell(item: PowerSpell, texts: ReportTexts) -> str:
    at = item.until or item.since
    power = texts.or_as_it_is("power", item.power)
    who = " / ".join(shortened(name, LONGEST_NAME) for name in (item.instance, item.account))
    return f"{who}: {power}, {at:%Y-%m-%d %H:%M}Z" if at else f"{who}: {power}"
