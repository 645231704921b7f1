"""Which account a client is that the server shows by its user and host."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.mysql_protocol.accounts.clients import Client, Clients


def named(*pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple((user, host) for user, _, host in (pair.partition("@") for pair in pairs))


def quoted(text: str) -> str:
    user, _, host = text.partition("@")
    return f"'{user}'@'{host}'"


@pytest.mark.parametrize(
    ("accounts", "client", "account", "maybe", "others"),
    [
        (("a@%",), "a@10.0.0.1", "a@%", (), ()),
        (("a@%",), "b@10.0.0.1", "", (), ()),
        (("a@%", "a@10.0.0.1"), "a@10.0.0.1", "a@10.0.0.1", (), ("a@%",)),
        (("a@%", "a@10.0.0.%"), "a@10.0.0.1", "a@10.0.0.%", (), ("a@%",)),
        (("a@%", "a@10.0.0.%"), "a@10.0.1.1", "a@%", (), ()),
        # Two patterns: which of them is taken depends on the version.
        (("a@10.%", "a@10.0.0.%"), "a@10.0.0.1", "", ("a@10.%", "a@10.0.0.%"), ()),
        (("a@%", "a@10.0.0.0/255.0.0.0"), "a@10.0.0.1", "", ("a@%", "a@10.0.0.0/255.0.0.0"), ()),
        # A name without a case, and an address that is behind the name.
        (("a@%", "a@Web.example"), "a@web.EXAMPLE", "a@Web.example", (), ("a@%",)),
        (("a@%", "a@10.%"), "a@web.example", "", ("a@%", "a@10.%"), ()),
        (("a@%", "a@%.example"), "a@web.example", "a@%.example", (), ("a@%",)),
        (("a@%", "a@127.0.0.1"), "a@localhost", "", ("a@%", "a@127.0.0.1"), ()),
        (("a@%", "a@10.%"), "a@localhost", "a@%", (), ()),
        (("a@%", "a@localhost"), "a@localhost", "a@localhost", (), ("a@%",)),
        # Accounts without a name take any user whose own account is less specific.
        (("a@%", "@10.0.0.1"), "a@10.0.0.1", "", ("a@%", "@10.0.0.1"), ()),
        (("a@%", "@10.0.0.2"), "a@10.0.0.1", "a@%", (), ()),
        (("b@%", "@%"), "a@10.0.0.1", "@%", (), ()),
    ],
)
def test_a_client_is_one_account_or_it_is_not_known(
    accounts: tuple[str, ...],
    client: str,
    account: str,
    maybe: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    found = Clients(named(*accounts), knows_cidr=False).of(*named(client)[0])
    told = Client(
        quoted(account) if account else "",
        tuple(sorted(map(quoted, maybe))),
        tuple(sorted(map(quoted, others))),
    )
    assert (found.account, tuple(sorted(found.maybe)), tuple(sorted(found.others))) == (
        told.account,
        told.maybe,
        told.others,
    )


def test_of_a_user_alone_an_account_is_known_where_it_is_the_only_one() -> None:
    assert Clients(named("a@%"), knows_cidr=False).of_user("a") == Client("'a'@'%'")
    two = Clients(named("a@%", "a@x"), knows_cidr=False).of_user("a")
    assert two == Client(maybe=("'a'@'%'", "'a'@'x'"))
    beside = Clients(named("a@%", "@x"), knows_cidr=False).of_user("a")
    assert beside == Client(maybe=("'a'@'%'", "''@'x'"))
    assert Clients(named("b@%"), knows_cidr=False).of_user("a") == Client()
