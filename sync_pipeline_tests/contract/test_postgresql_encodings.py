r"""Names in the encoding of another database: each is read, told apart, and never a removal.

Role and database names are in catalogs that all databases share, as the bytes of the database
in which they were made; SQL_ASCII takes any bytes for every name.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.base import UNWRITABLE
from sync_pipeline.engines.postgresql.names import quoted
from sync_pipeline.engines.postgresql.text import codec, decoded, is_raw, unescaped
from sync_pipeline.model.privilege import AccountSetting, SectionKey, SectionName
from sync_pipeline.model.size import MeasureState
from workbench.servers.postgresql_bench import PostgresBench

pytestmark = pytest.mark.postgresql


def database(bench: PostgresBench, name: str, encoding: str) -> None:
    bench.run(
        f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0"
        " LC_COLLATE 'C' LC_CTYPE 'C'",
        database="postgres",
    )


def run_bytes(bench: PostgresBench, where: str, *statements: bytes) -> None:
    """Run statements as the bytes that they are, in whatever encoding the database has."""
    with bench.admin(where) as link:
        link.execute("SET client_encoding = 'SQL_ASCII'")
        for statement in statements:
            link.execute(statement)


def make_mixed(bench: PostgresBench) -> PostgresBench:
    """Make databases of four encodings, and a role in each of two of them."""
    for name, encoding in (("lat", "LATIN1"), ("ascii", "SQL_ASCII"), ("cyr", "WIN1251")):
        database(bench, name, encoding)
    bench.run('CREATE ROLE "zoé" LOGIN')
    run_bytes(bench, "lat", b'CREATE ROLE "ren\xe9" LOGIN')
    run_bytes(bench, "cyr", "CREATE ROLE борис LOGIN".encode("cp1251"))
    return bench


@pytest.fixture
def mixed(newest_bench: PostgresBench) -> PostgresBench:
    """Return a server with such databases."""
    return make_mixed(newest_bench)


def grants(bench: PostgresBench, account: str) -> set[str]:
    return {f"{item.privilege} {item.securable}" for item in bench.account(account).grants}


def test_a_name_of_another_encoding_is_kept_and_named(bench: PostgresBench) -> None:
    snapshot = make_mixed(bench).collect()
    names = {account.name for account in snapshot.accounts}
    boris = "".join(f"\\x{byte:02x}" for byte in "борис".encode("cp1251"))
    assert {r"ren\xe9", "zoé", boris} <= names
    (warning,) = snapshot.warnings
    assert r"role ren\xe9" in warning
    assert boris in warning
    assert "zoé" not in warning
    # The rest is read, as whole as ever.
    assert not snapshot.unread


def test_a_role_has_one_name_wherever_it_is_granted_something(mixed: PostgresBench) -> None:
    """The grants of a role of one encoding in the databases of all others are its own."""
    for where in ("bench", "lat", "ascii", "cyr"):
        run_bytes(
            mixed,
            where,
            b"CREATE TABLE t (c int)",
            b'GRANT SELECT ON t TO "ren\xe9"' if where in ("lat", "ascii") else b"SELECT 1",
            'GRANT INSERT ON t TO "zoé"'.encode() if where != "cyr" else b"SELECT 1",
            "GRANT UPDATE ON t TO борис".encode("cp1251")
            if where == "cyr"
            else b"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        )
    assert grants(mixed, r"ren\xe9") == {
        "SELECT table lat.public.t",
        "SELECT table ascii.public.t",
    }
    assert {item for item in grants(mixed, "zoé") if "table " in item} == {
        "INSERT table bench.public.t",
        "INSERT table lat.public.t",
        "INSERT table ascii.public.t",
    }


def test_names_of_a_database_are_read_by_its_encoding(mixed: PostgresBench) -> None:
    run_bytes(
        mixed,
        "lat",
        b'CREATE SCHEMA "\xfcber"',
        b'CREATE TABLE "\xfcber"."caf\xe9" ("\xe9t\xe9" int)',
        b'GRANT SELECT ("\xe9t\xe9") ON "\xfcber"."caf\xe9" TO "zo\xc3\xa9"',
    )
    run_bytes(
        mixed,
        "cyr",
        "CREATE FUNCTION счёт(имя text) RETURNS int LANGUAGE sql AS 'SELECT 1'".encode("cp1251"),
        "ALTER FUNCTION счёт(text) OWNER TO борис".encode("cp1251"),
    )
    assert grants(mixed, "zoé") == {"SELECT column lat.über.café.été"}
    boris = "".join(f"\\x{byte:02x}" for byte in "борис".encode("cp1251"))
    assert 'OWNER function cyr.public.счёт("имя" text)' in grants(mixed, boris)


def test_bytes_that_are_no_text_lose_nothing_else(mixed: PostgresBench) -> None:
    run_bytes(
        mixed,
        "ascii",
        b'CREATE TABLE "caf\xe9" ("\xff" int)',
        'CREATE TABLE "naïve" ()'.encode(),
        b'GRANT SELECT ON "caf\xe9" TO "zo\xc3\xa9"',
        b"COMMENT ON TABLE \"caf\xe9\" IS 'caf\xe9'",
        b"ALTER ROLE \"zo\xc3\xa9\" SET application_name = 'caf\xe9'",
        b'ALTER ROLE "zo\xc3\xa9" IN DATABASE ascii SET "my.caf\xe9" = \'x\xe9\''
        if mixed.major < 16
        else b"SELECT 1",
    )
    snapshot = mixed.collect()
    assert not snapshot.unread
    assert snapshot.is_known(SectionKey(SectionName.TABLE, "ascii"))
    assert r"SELECT table ascii.public.caf\xe9" in grants(mixed, "zoé")
    zoe = mixed.account("zoé", snapshot)
    assert [item.name for item in zoe.settings if item.database == ""] == ["application_name"]
    (warning,) = snapshot.warnings
    assert r"table ascii.public.caf\xe9" in warning
    assert not mixed.sizes(largest_tables=5).warnings


def test_a_setting_keeps_its_bytes(bench: PostgresBench) -> None:
    database(bench, "ascii", "SQL_ASCII")
    bench.run("CREATE ROLE app")
    run_bytes(bench, "ascii", b"ALTER ROLE app SET search_path = 'caf\xe9'")
    snapshot = bench.collect()
    app = bench.account("app", snapshot)
    assert app.settings == (AccountSetting("", "search_path", r'"caf\xe9"'),)
    assert r'setting search_path = "caf\xe9" of app' in snapshot.warnings[0]


def test_a_database_whose_name_is_no_text_is_measured_and_not_opened(bench: PostgresBench) -> None:
    database(bench, "ascii", "SQL_ASCII")
    run_bytes(bench, "ascii", b'CREATE DATABASE "caf\xe9"')
    try:
        snapshot = bench.collect()
        assert {key.database for key in snapshot.unread} == {r"caf\xe9"}
        assert any(r"Database caf\xe9 was not read" in text for text in snapshot.warnings)
        (found,) = (item for item in bench.sizes().databases if item.name == r"caf\xe9")
        assert found.total.bytes
        assert found.data.state is MeasureState.UNREACHABLE
    finally:
        run_bytes(bench, "ascii", b'DROP DATABASE "caf\xe9"')


def test_a_server_that_is_latin1_itself_reads_its_own_names(bench: PostgresBench) -> None:
    """As it always did: an instance's own database says how shared names are read."""
    database(bench, "lat", "LATIN1")
    run_bytes(bench, "lat", b'CREATE ROLE "ren\xe9"', b"CREATE TABLE t ()")
    run_bytes(bench, "lat", b'GRANT SELECT ON t TO "ren\xe9"')
    snapshot = bench.collect(bench.target(database="lat"))
    (rene,) = (account for account in snapshot.accounts if account.name == "rené")
    assert [str(item.securable) for item in rene.grants] == ["table lat.public.t"]
    assert not snapshot.warnings


def test_the_same_name_is_there_again_next_time(mixed: PostgresBench) -> None:
    """Whatever databases come and go: nothing is taken for a removal and an addition."""
    before = {account.name for account in mixed.collect().accounts}
    mixed.run("DROP DATABASE lat", "DROP DATABASE cyr", database="postgres")
    assert {account.name for account in mixed.collect().accounts} == before


@pytest.mark.parametrize(
    "until",
    ["infinity", "-infinity", "0044-03-15 BC", "294276-12-31", "4713-01-01 BC", "0001-01-01"],
)
def test_every_date_of_the_server_is_read(newest_bench: PostgresBench, until: str) -> None:
    newest_bench.run(f"CREATE ROLE app LOGIN VALID UNTIL '{until}'")
    found = dict(newest_bench.account("app").attributes)["valid_until"]
    assert isinstance(found, str)
    assert found.endswith(" BC") == until.endswith("BC")
    assert found.partition("-")[0].lstrip("0") == until.partition("-")[0].lstrip("0")


# --- bytes and text ---------------------------------------------------------------------------

BYTES = st.binary(max_size=12) | st.lists(
    st.sampled_from([b"\\", b"x", b"e9", b"5c", b"\xe9", b"\xc3\xa9", b"a", b"\\x"]), max_size=6
).map(b"".join)


@given(BYTES, BYTES, st.sampled_from(["utf-8", "iso8859-1", "cp1252", "euc_jp"]))
def test_two_names_never_become_one(first: bytes, second: bytes, name: str) -> None:
    same = decoded(first, name) == decoded(second, name)
    assert same == (first == second) or is_ambiguous(first, second, name)


def is_ambiguous(first: bytes, second: bytes, name: str) -> bool:
    """Return whether the codec itself reads both as one text, as some do with rare bytes."""
    try:
        return first.decode(name) == second.decode(name)
    except UnicodeDecodeError:
        return False


@given(st.text(max_size=12) | BYTES.map(lambda data: data.decode("latin-1")))
def test_what_is_text_stays_text(text: str) -> None:
    kept = decoded(text.encode("utf-8", "surrogatepass"), "utf-8")
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert not is_raw(kept)
    assert unescaped(kept) == text


def test_no_statement_for_people_holds_bytes_that_are_no_text() -> None:
    assert quoted(decoded(b"ren\xe9", "utf-8")) == UNWRITABLE
    assert quoted(decoded(rb"ren\xe9", "utf-8")) == r'"ren\xe9"'
    assert quoted("back\\slash") == '"back\\slash"'


def test_every_encoding_of_a_server_is_known(newest_bench: PostgresBench) -> None:
    """Those that a database can have: the first 35, by the server's own list."""
    rows = newest_bench.rows("SELECT pg_encoding_to_char(n) FROM generate_series(0, 34) AS n")
    unknown = {name for (name,) in rows if codec(name) == "utf-8"}
    assert unknown == {"SQL_ASCII", "EUC_TW", "UTF8", "MULE_INTERNAL"}
    assert all(b"a".decode(codec(name)) == "a" for (name,) in rows)
