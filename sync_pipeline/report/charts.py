"""The interactive plots of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from html import escape
from itertools import groupby
from typing import Any

import plotly.graph_objects as go

from sync_pipeline.model.growth import Growth
from sync_pipeline.model.report import MOST_LINES, FleetDay
from sync_pipeline.model.size import SizePoint
from sync_pipeline.report.readable import every_day
from sync_pipeline.visible import visible

COLOURS = (
    "#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d", "#dc2626",
    "#4b5563", "#a16207",
)  # fmt: skip
_HEIGHT = 340
_CONFIG = {"displaylogo": False, "responsive": True, "displayModeBar": False}


def fleet_chart(days: Sequence[FleetDay]) -> str:
    """Return the size of the whole fleet over time, as HTML."""
    figure = go.Figure(
        go.Scatter(
            x=[item.day for item in days],
            y=[item.total_bytes for item in days],
            mode="lines",
            line={"color": COLOURS[0], "width": 2},
            fill="tozeroy",
            fillcolor="rgba(37, 99, 235, 0.12)",
            customdata=[(item.instances, item.carried) for item in days],
            hovertemplate="%{y:.4s}B, %{customdata[0]} instances"
            "<br>%{customdata[1]} of them not measured that day<extra></extra>",
        )
    )
    return _html(figure, "fleet", has_legend=False)


def instance_chart(points: Sequence[SizePoint]) -> str:
    """Return the sizes of a few instances over time, largest first, as HTML; gaps stay open."""
    series = {name: list(own) for name, own in groupby(points, key=lambda item: item.instance)}
    largest = sorted(series, key=lambda name: (-(series[name][-1].total_bytes or 0), name))
    figure = go.Figure()
    for name, colour in zip(largest, COLOURS, strict=False):
        by_day = {point.collected_date: point.total_bytes for point in series[name]}
        days = every_day(by_day)
        figure.add_scatter(
            x=[day for day, _ in days],
            y=[total for _, total in days],
            name=_plain(name),
            mode="lines",
            line={"color": colour, "width": 2},
            connectgaps=False,
            hovertemplate="%{y:.4s}B<extra>%{fullData.name}</extra>",
        )
    return _html(figure, "instances", has_legend=True)


def forecast_chart(growths: Sequence[Growth]) -> str:
    """Return where the fastest growing instances lead, with the interval, as HTML."""
    known = [item for item in growths if item.forecasts]
    fastest = sorted(known, key=lambda item: -(item.bytes_per_day or 0))[:MOST_LINES]
    figure = go.Figure()
    for item, colour in zip(fastest, COLOURS, strict=False):
        days = [item.last_date, *(_ahead(item, found.days) for found in item.forecasts)]
        low = [item.last_bytes, *(found.low_bytes for found in item.forecasts)]
        high = [item.last_bytes, *(found.high_bytes for found in item.forecasts)]
        figure.add_scatter(
            x=[*days, *reversed(days)],
            y=[*high, *reversed(low)],
            fill="toself",
            fillcolor=colour,
            opacity=0.15,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=item.instance,
        )
        figure.add_scatter(
            x=days,
            y=[item.last_bytes, *(found.expected_bytes for found in item.forecasts)],
            name=_plain(item.instance),
            mode="lines+markers",
            line={"color": colour, "dash": "dot", "width": 2},
            legendgroup=item.instance,
            hovertemplate="%{y:.4s}B<extra>%{fullData.name}</extra>",
        )
    return _html(figure, "forecast", has_legend=True)


def _plain(name: str) -> str:
    """Return a name that Plotly shows as it is: it makes links and styles of a kind of HTML."""
    return escape(visible(name), quote=False)


def _ahead(item: Growth, days: int) -> date:
    return item.last_date + timedelta(days=days)


def _html(figure: Any, name: str, *, has_legend: bool) -> str:
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 56, "r": 12, "t": 12, "b": 36},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "color": "#6b7280", "size": 12},
        hovermode="x unified" if has_legend else "x",
        showlegend=has_legend,
        legend={"orientation": "h", "y": -0.18, "x": 0},
        xaxis={"gridcolor": "rgba(107,114,128,0.15)", "fixedrange": False},
        yaxis={
            "gridcolor": "rgba(107,114,128,0.2)",
            "rangemode": "tozero",
            "tickformat": ".3s",
            "ticksuffix": "B",
        },
    )
    html: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=f"plot-{name}", config=_CONFIG
    )
    return html
