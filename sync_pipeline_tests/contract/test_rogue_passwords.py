"""What a hostile server gets of the password, for each engine and TLS mode.

The table of docs/operations.md, "TLS and passwords", says the same. Each rogue is real
bytes on a real port, against the real drivers.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.wire import passwords
from sync_pipeline.errors import AuthenticationError, SyncError
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.mysql_faults import Authority, authority
from workbench.servers.rogue import (
    passwords_mysql,
    passwords_oracle,
    passwords_postgresql,
    passwords_sqlserver,
)
from workbench.servers.rogue.downgrading import on_the_way
from workbench.servers.rogue.listening import Heard, Line, rogue
from workbench.servers.running import RunningServer
from workbench.servers.sqlserver_drivers import DRIVERS, driver_named

PASSWORD, USER = "hunter2-but-longer", "watcher"
DISABLE, PREFER, REQUIRE = TlsMode.DISABLE, TlsMode.PREFER, TlsMode.REQUIRE
MYSQL, MARIADB = EngineName.MYSQL, EngineName.MARIADB
UNCHECKED = (DISABLE, PREFER, REQUIRE)
NAME = "a rogue's"
COMMAND = """sync-pipeline instances edit 'a rogue'"'"'s' --tls"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("rogue") / "stranger", "127.0.0.1")


@pytest.fixture(scope="module")
def context(stranger: Authority) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(stranger.certificate, stranger.key)
    return made


def attack(
    engine: EngineName,
    serve: Callable[[Line], None],
    tls: TlsOptions,
    database: str | None = None,
    **options: str,
) -> tuple[Heard, SyncError]:
    """Connect to a rogue, and return what it heard and what was said of it."""
    with rogue(serve) as heard:
        instance = Instance(
            1,
            NAME,
            engine,
            "127.0.0.1",
            heard.port,
            "c",
            database=database,
            tls=tls,
            timeouts=Timeouts(connect_seconds=5),
        )
        target = Target(instance, USER, Secret(PASSWORD), 5, options)
        with pytest.raises(SyncError) as caught:
            ENGINES[engine].connect(target).close()
    said = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert PASSWORD not in said
    return heard, caught.value


def is_withheld(error: SyncError) -> bool:
    return isinstance(error, AuthenticationError) and "It was not sent" in str(error)


# --- PostgreSQL ----------------------------------------------------------------------------


@pytest.mark.parametrize("has_tls", [False, True], ids=["no TLS", "TLS"])
@pytest.mark.parametrize("mode", UNCHECKED)
@pytest.mark.parametrize("how", ["clear", "md5", "scram"])
def test_postgresql(how: str, mode: TlsMode, has_tls: bool, context: ssl.SSLContext) -> None:
    serve = passwords_postgresql.asking(how, context if has_tls else None)
    heard, error = attack(EngineName.POSTGRESQL, serve, TlsOptions(mode))
    is_asked = has_tls or mode is not REQUIRE
    gets_md5 = how == "md5" and mode is DISABLE
    assert heard.forms(PASSWORD, USER) == (["md5 answer"] if gets_md5 else [])
    assert bool(heard.asked) is is_asked
    assert is_withheld(error) is (is_asked and how != "scram" and not gets_md5)
    if is_withheld(error):
        assert f"{COMMAND} verify-full --tls-ca FILE" in str(error)
        assert passwords.SETTING in str(error)


@pytest.mark.parametrize("mode", [TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_postgresql_whose_certificate_is_checked(
    mode: TlsMode,
    context: ssl.SSLContext,
    stranger: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    other = authority(tmp_path_factory.mktemp("rogue") / "other", "127.0.0.1")
    serve = passwords_postgresql.asking("clear", context)
    heard, _ = attack(EngineName.POSTGRESQL, serve, TlsOptions(mode, str(other.ca)))
    assert heard.forms(PASSWORD, USER) == []
    assert not heard.asked
    heard, _ = attack(EngineName.POSTGRESQL, serve, TlsOptions(mode, str(stranger.ca)))
    assert heard.forms(PASSWORD, USER) == ["plain"]


@pytest.mark.parametrize("how", ["clear", "md5"])
def test_postgresql_that_the_setting_names(how: str) -> None:
    serve = passwords_postgresql.asking(how, None)
    named = {passwords.OPTION: "yes"}
    heard, _ = attack(EngineName.POSTGRESQL, serve, TlsOptions(PREFER), **named)
    assert heard.forms(PASSWORD, USER) == (["plain"] if how == "clear" else ["md5 answer"])


# --- MySQL and MariaDB ---------------------------------------------------------------------

FULL = (passwords_mysql.SHA256, passwords_mysql.CACHING)
PROOFS = (passwords_mysql.NATIVE,)
VERSIONS = {MYSQL: passwords_mysql.MYSQL, MARIADB: passwords_mysql.MARIADB}


def gets(engine: EngineName, plugin: str, mode: TlsMode, *, has_tls: bool) -> bool:
    """Return whether the table says that the rogue can read the password."""
    if plugin not in FULL:
        return False
    return mode is DISABLE or (has_tls and engine is MYSQL)


@pytest.mark.parametrize("has_tls", [False, True], ids=["no TLS", "TLS"])
@pytest.mark.parametrize("mode", UNCHECKED)
@pytest.mark.parametrize("plugin", passwords_mysql.PLUGINS)
@pytest.mark.parametrize("at_once", [False, True], ids=["switch", "at once"])
@pytest.mark.parametrize("engine", [MYSQL, MARIADB])
def test_mysql_and_mariadb(
    engine: EngineName,
    at_once: bool,
    plugin: str,
    mode: TlsMode,
    has_tls: bool,
    context: ssl.SSLContext,
) -> None:
    tls = context if has_tls else None
    serve = passwords_mysql.asking(plugin, tls, VERSIONS[engine], at_once=at_once)
    heard, error = attack(engine, serve, TlsOptions(mode))
    is_asked = has_tls or mode is not REQUIRE
    is_read = gets(engine, plugin, mode, has_tls=has_tls)
    # A plugin that is not asked for again after the greeting has had its proof.
    is_switch = not at_once or plugin == passwords_mysql.CACHING
    if is_switch:
        assert heard.forms(PASSWORD, USER) == (["plain"] if is_read else [])
        assert is_withheld(error) is (is_asked and plugin not in PROOFS and not is_read)
    else:
        assert heard.forms(PASSWORD, USER) == []
    assert bool(heard.asked) is is_asked
    if is_withheld(error):
        assert f"{COMMAND} verify-full --tls-ca FILE" in str(error)
        assert passwords.SETTING in str(error)
        offers_disable = plugin in FULL and mode is not DISABLE and not has_tls
        assert (f"{COMMAND} disable" in str(error)) is offers_disable


@pytest.mark.parametrize("plugin", [passwords_mysql.CLEAR, passwords_mysql.DIALOG, *FULL])
@pytest.mark.parametrize("engine", [MYSQL, MARIADB])
def test_a_server_whose_certificate_is_checked_gets_what_it_asks_for(
    engine: EngineName, plugin: str, context: ssl.SSLContext, stranger: Authority
) -> None:
    serve = passwords_mysql.asking(plugin, context, VERSIONS[engine])
    heard, _ = attack(engine, serve, TlsOptions(TlsMode.VERIFY_FULL, str(stranger.ca)))
    assert heard.forms(PASSWORD, USER) == ["plain"]
    heard, _ = attack(engine, serve, TlsOptions(TlsMode.VERIFY_FULL))
    assert heard.forms(PASSWORD, USER) == []


@pytest.mark.parametrize(
    ("engine", "plugin"),
    [
        (MYSQL, passwords_mysql.CLEAR),
        (MYSQL, passwords_mysql.DIALOG),
        *((MARIADB, plugin) for plugin in (passwords_mysql.CLEAR, *FULL)),
    ],
)
def test_a_certificate_of_anybody_on_the_web_is_not_checked_enough(
    engine: EngineName,
    plugin: str,
    context: ssl.SSLContext,
    stranger: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a CA file verify-ca takes what the system's authorities signed, for any name."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.ca))
    serve = passwords_mysql.asking(plugin, context, VERSIONS[engine])
    heard, error = attack(engine, serve, TlsOptions(TlsMode.VERIFY_CA))
    assert heard.asked
    assert heard.forms(PASSWORD, USER) == []
    assert is_withheld(error)


@pytest.mark.parametrize("plugin", passwords_mysql.PLUGINS)
@pytest.mark.parametrize("engine", [MYSQL, MARIADB])
def test_a_server_that_says_it_is_the_other_product(engine: EngineName, plugin: str) -> None:
    other = VERSIONS[MARIADB if engine is MYSQL else MYSQL]
    heard, error = attack(engine, passwords_mysql.asking(plugin, None, other), TlsOptions(PREFER))
    assert heard.forms(PASSWORD, USER) == []
    assert is_withheld(error) or plugin in PROOFS or "it says that it is" in str(error)


@pytest.mark.parametrize("plugin", [passwords_mysql.CLEAR, passwords_mysql.DIALOG, *FULL])
def test_mysql_that_the_setting_names(plugin: str) -> None:
    serve = passwords_mysql.asking(plugin, None)
    heard, _ = attack(MYSQL, serve, TlsOptions(PREFER), **{passwords.OPTION: "yes"})
    assert heard.forms(PASSWORD, USER) == ["plain"]


def test_nothing_is_better_than_a_password_of_before_4_1() -> None:
    serve = passwords_mysql.asking(passwords_mysql.OLD, None)
    heard, error = attack(MYSQL, serve, TlsOptions(PREFER), **{passwords.OPTION: "yes"})
    assert heard.forms(PASSWORD, USER) == []
    assert is_withheld(error)


def passed_on(heard: Heard, user: str, mode: TlsMode) -> Target:
    instance = Instance(1, NAME, MYSQL, "127.0.0.1", heard.port, "c", tls=TlsOptions(mode))
    return Target(instance, user, Secret(PASSWORD), 20)


@pytest.mark.mysql
@pytest.mark.parametrize("changes_plugin", [False, True], ids=["at once", "switch"])
def test_a_real_mysql_whose_tls_somebody_takes_away(
    changes_plugin: bool, mysql_server: RunningServer
) -> None:
    server, engine, family = mysql_server, ENGINES[MYSQL], Family(mysql_server)
    user = "switched" if changes_plugin else "asked"  # whom the server's cache does not know
    with (
        family.users(f"'{user}'@'%' IDENTIFIED BY '{PASSWORD}'"),
        on_the_way(server.host, server.port, changes_plugin=changes_plugin) as heard,
    ):
        with pytest.raises(AuthenticationError, match="It was not sent"):
            engine.connect(passed_on(heard, user, PREFER))
        with pytest.raises(SyncError, match="Turn TLS on"):
            engine.connect(passed_on(heard, user, REQUIRE))
        engine.connect(family.target(user, PASSWORD, TlsOptions(REQUIRE))).close()
        # Now the cache knows the account, and a proof is enough.
        engine.connect(passed_on(heard, user, PREFER)).close()
    assert heard.forms(PASSWORD, user) == []


# --- Oracle --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [DISABLE, PREFER])
@pytest.mark.parametrize("verifier", passwords_oracle.VERIFIERS)
def test_oracle(verifier: str, mode: TlsMode) -> None:
    serve = passwords_oracle.asking(verifier)
    heard, _ = attack(EngineName.ORACLE, serve, TlsOptions(mode), database="ERP")
    assert heard.asked
    assert b"AUTH_PASSWORD" in heard.data
    assert heard.forms(PASSWORD, USER) == []


def test_oracle_that_must_have_tls() -> None:
    serve = passwords_oracle.asking("12c")
    heard, _ = attack(EngineName.ORACLE, serve, TlsOptions(REQUIRE), database="ERP")
    assert not heard.asked


# --- SQL Server ----------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", range(4), ids=["off", "on", "none", "required"])
@pytest.mark.parametrize("mode", [PREFER, REQUIRE])
@pytest.mark.parametrize("kind", DRIVERS)
def test_sqlserver(kind: str, mode: TlsMode, encryption: int) -> None:
    serve = passwords_sqlserver.answering(encryption)
    driver = {"sqlserver_driver": driver_named(kind)}
    heard, _ = attack(EngineName.SQLSERVER, serve, TlsOptions(mode), **driver)
    assert heard.forms(PASSWORD, USER) == []
    assert heard.asked


@pytest.mark.parametrize("kind", DRIVERS)
def test_sqlserver_without_tls_by_choice(kind: str) -> None:
    serve = passwords_sqlserver.answering(passwords_sqlserver.ENCRYPT_NOT_SUPPORTED)
    driver = {"sqlserver_driver": driver_named(kind)}
    heard, _ = attack(EngineName.SQLSERVER, serve, TlsOptions(DISABLE), **driver)
    assert heard.forms(PASSWORD, USER) == ["login packet"]
