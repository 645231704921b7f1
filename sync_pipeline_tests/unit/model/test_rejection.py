"""What a server rejected is known again, and by nobody read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.rejection import LEFT_ALONE, Rejection
from sync_pipeline.model.secret import Secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = Secret("hunter2-Ω")


def test_the_same_is_left_alone_for_hours() -> None:
    found = Rejection.of("monitor", SECRET, NOW)
    assert found.holds_for("monitor", SECRET, NOW)
    assert found.holds_for("monitor", SECRET, NOW + LEFT_ALONE - timedelta(seconds=1))
    assert not found.holds_for("monitor", SECRET, NOW + LEFT_ALONE)
    # A clock was set back.
    assert not found.holds_for("monitor", SECRET, NOW - timedelta(seconds=1))


@given(st.text(max_size=5), st.text(max_size=5))
def test_another_account_or_secret_is_another(username: str, secret: str) -> None:
    found = Rejection.of("ab", Secret("cd"), NOW)
    assert found.holds_for(username, Secret(secret), NOW) is ((username, secret) == ("ab", "cd"))


def test_nothing_of_the_secret_is_in_it() -> None:
    first, second = (Rejection.of("monitor", SECRET, NOW) for _ in range(2))
    assert first.digest != second.digest
    assert "hunter2" not in f"{first!r}{first.digest!r}{first.salt!r}"
    assert not first.holds_for("a", Secret("b"), NOW)
