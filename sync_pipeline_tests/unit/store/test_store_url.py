"""Whatever a store's URL holds, no secret of it is in an error, in a log or on `/metrics`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from sync_pipeline.errors import ConfigurationError, StoreUnavailable, SyncError
from sync_pipeline.store.database import Database
from sync_pipeline.store.masking import masked, without_secrets
from sync_pipeline.store.store import Store
from workbench.servers.running import free_port

# Letters that nothing else in a URL or a message has.
secrets = st.text(st.sampled_from("ÄÖÜ@:/?#%&+ =\\'\"*.ß密"), max_size=8).map("Ä{}密".format)
names = st.sampled_from(["password", "sslpassword", "passfile", "options", "service", "x", "PGx"])


def written(draw: st.DrawFn, secret: str) -> str:
    """Return the text as some program might write it: each character encoded or not."""
    ways = (lambda one: one, lambda one: quote(one, safe=""), lambda one: quote(one).lower())
    return "".join(draw(st.sampled_from(ways))(one) for one in secret)


@given(st.data(), secrets, secrets, names)
def test_no_form_of_a_secret_is_shown(
    data: st.DataObject, password: str, value: str, name: str
) -> None:
    url = make_url(
        URL.create(
            "postgresql+psycopg", "u", password, "h", 5432, "d", {name: value, "sslmode": "require"}
        ).render_as_string(hide_password=False)
    )
    assert (url.password, url.query[name]) == (password, value)
    forms = [
        form
        for secret in (password, value)
        for form in (secret, quote(secret), quote_plus(secret), written(data.draw, secret))
    ]
    said = without_secrets(f"{url.render_as_string(hide_password=False)} {' '.join(forms)}", url)
    for form in forms:
        assert form not in said
        assert form not in masked(url)
    assert "sslmode=require" in masked(url)
    assert f"{name}=***" in masked(url)
    assert "u:***@h:5432/d" in masked(url)


@pytest.mark.parametrize(
    "query",
    [
        "password=S3CRET", "sslpassword=S3CRET", "options=-c%20app.key=S3CRET", "passfile=/S3CRET",
        "nonsense=S3CRET", "password=S3CRET&password=S3CRET", "PASSWORD=S3CRET",
        "connect_timeout=S3CRET", "sslmode=prefer&service=S3CRET",
    ],
)  # fmt: skip
def test_a_store_that_is_away_names_no_secret(query: str) -> None:
    url = f"postgresql+psycopg://u@127.0.0.1:{free_port()}/d?{query}"
    with pytest.raises(SyncError) as caught:
        Store.open(url)
    if not query.startswith("connect_timeout"):
        assert "S3CRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("query", ["nonsense=S3CRET", "timeout=S3CRET", "password=S3CRET"])
def test_a_file_that_is_away_names_no_parameter(query: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(SyncError, match=r"has a parameter|does not answer") as caught:
        Store.open(f"sqlite:///{tmp_path}/file/a.db?{query}")
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:p@S3CRET/x@h/d", "postgresql+psycopg://u:p@S3CRET@h/d@e",
        "postgresql+psycopg://u:S3CRET@h:port/d", "mysql://u:S3CRET@h/d", "S3CRET",
        "postgresql+psycopg://u:p@h/d?x=1@S3CRET",
    ],
)  # fmt: skip
def test_a_url_that_is_read_in_another_way_is_refused_or_masked(url: str) -> None:
    try:
        shown = str(Database(url).unavailable(OSError(url)))
    except ConfigurationError as error:
        shown = str(error)
    assert "S3CRET" not in shown


def test_the_driver_is_quoted_without_the_secret() -> None:
    database = Database("postgresql+psycopg://u:S3%20CRET@h/d?sslpassword=OTHER")
    error = database.unavailable(OSError("no S3   CRET, S3%20CRET, S3+CRET nor OTHER here"))
    assert isinstance(error, StoreUnavailable)
    assert "no ***, ***, *** nor *** here" in str(error)


def test_a_secret_that_is_a_part_of_another_shows_nothing_of_that() -> None:
    url = make_url("postgresql+psycopg://u:inner@h/d?password=inner-and-more")
    assert without_secrets("said inner-and-more, inner", url) == "said ***, ***"
