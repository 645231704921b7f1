"""Ansible inventories as people write them, and as `ansible-inventory --list` does."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.ansible import inventory
from sync_pipeline.fleet.ansible.rows import inventory_hosts
from sync_pipeline.fleet.files import ParsedFile, read_foreign
from sync_pipeline.fleet.foreign import Defaults, ForeignFormat
from sync_pipeline.model.instance import EngineName, Instance

INI = """\
# The fleet of 2019.
web1.example.com ansible_user=deploy
db-alone:2222 sync_pipeline_engine=mysql sync_pipeline_port=03307  # SSH has the other port

[billing]
db[01:03].example.com
pg-x ansible_host=10.0.0.9 sync_pipeline_description='of the "old" shop'
[2001:db8::7]:22

[stock]
st-[a:c] sync_pipeline_engine=mariadb sync_pipeline_port=3306

[databases:children]
billing
stock

[databases:vars]
sync_pipeline_engine=postgresql
sync_pipeline_credential = fleet
sync_pipeline_tags=["eu", 'core']  # Python reads it
sync_pipeline_port=5432 # and this
ansible_password=hunter2

[billing:vars]
; the innermost counts
sync_pipeline_environment=production
sync_pipeline_tls=verify-full
"""

YAML = """\
all:
  hosts:
    web1.example.com:
      ansible_user: deploy
    db-alone:2222:
      sync_pipeline_engine: mysql
      sync_pipeline_port: 03307
  children:
    databases:
      vars: &common
        sync_pipeline_engine: postgresql
        sync_pipeline_credential: fleet
        sync_pipeline_tags: [eu, core]
        ansible_password: !vault |
          $ANSIBLE_VAULT;1.1;AES256
          3131
      children:
        billing:
          hosts:
            db[01:03].example.com:
            pg-x:
              ansible_host: 10.0.0.9
              sync_pipeline_description: of the "old" shop
            2001:db8::7:
          vars:
            sync_pipeline_environment: production
            sync_pipeline_tls: verify-full
        stock:
          hosts:
            st-[a:c]:
              sync_pipeline_engine: mariadb
"""

# As ansible-inventory writes it: variables are merged, and each host has all of its own.
_OF_ALL = {"sync_pipeline_credential": "fleet", "sync_pipeline_tags": ["eu", "core"],
           "ansible_password": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n3131"}}  # fmt: skip
_BILLING = {**_OF_ALL, "sync_pipeline_engine": "postgresql", "sync_pipeline_tls": "verify-full",
            "sync_pipeline_environment": {"__ansible_unsafe": "production"}}  # fmt: skip
_NUMBERED = ("db01.example.com", "db02.example.com", "db03.example.com")
LISTED = {
    "_meta": {
        "hostvars": {
            "web1.example.com": {"ansible_user": "deploy"},
            "db-alone": {"sync_pipeline_engine": "mysql", "sync_pipeline_port": 3307},
            "pg-x": {**_BILLING, "ansible_host": "10.0.0.9",
                     "sync_pipeline_description": 'of the "old" shop'},
            **dict.fromkeys((*_NUMBERED, "2001:db8::7"), _BILLING),
            **{name: {**_OF_ALL, "sync_pipeline_engine": "mariadb"}
               for name in ("st-a", "st-b", "st-c")},
        }
    },
    "all": {"children": ["ungrouped", "databases"]},
    "ungrouped": {"hosts": ["web1.example.com", "db-alone"]},
    "databases": {"children": ["billing", "stock"]},
    "billing": {"hosts": ["db01.example.com", "db02.example.com", "db03.example.com", "pg-x",
                          "2001:db8::7"]},
    "stock": {"hosts": ["st-a", "st-b", "st-c"]},
}  # fmt: skip
FORMS = [("hosts", INI), ("hosts.yml", YAML), ("list.json", json.dumps(LISTED, indent=4))]


def read(tmp_path: Path, name: str, text: str, credential: str = "") -> ParsedFile:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_foreign(path, ForeignFormat.ANSIBLE, Defaults(credential))


def by_name(found: ParsedFile) -> dict[str, Instance]:
    return {item.name: item for item in found.instances}


@pytest.mark.parametrize(("name", "text"), FORMS, ids=["ini", "yaml", "json"])
def test_each_form_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    found = read(tmp_path, name, text)
    assert [str(item.reason) for item in found.problems] == ["credential: Field required"]
    known = by_name(read(tmp_path, name, text, "fleet"))
    assert sorted(known) == [
        "2001:db8::7", "db-alone", "db01.example.com", "db02.example.com", "db03.example.com",
        "pg-x", "st-a", "st-b", "st-c",
    ]  # fmt: skip
    first, alone, last = known["db01.example.com"], known["db-alone"], known["st-c"]
    assert (first.engine, first.host, first.port) == (
        EngineName.POSTGRESQL, "db01.example.com", 5432,
    )  # fmt: skip
    assert first.tags == ("billing", "core", "databases", "eu")
    assert (first.environment, first.tls.mode) == ("production", "verify-full")
    assert (known["pg-x"].host, known["pg-x"].description) == ("10.0.0.9", 'of the "old" shop')
    assert (alone.engine, alone.port, alone.tags) == ("mysql", 3307, ())
    assert (last.engine, last.tags, last.environment) == (
        "mariadb", ("core", "databases", "eu", "stock"), None,
    )  # fmt: skip
    assert [item.reason for item in found.left_out] == [
        "web1.example.com: no sync_pipeline_engine is set"
    ]


def test_what_is_encrypted_or_computed_is_left_out_and_never_shown(tmp_path: Path) -> None:
    text = """
all:
  vars: {sync_pipeline_engine: mysql}
  hosts:
    a: {sync_pipeline_credential: !vault "$ANSIBLE_VAULT;1.1;AES256 31"}
    b: {sync_pipeline_host: "{{ lookup('env', 'HOME') }}"}
    c: {sync_pipeline_password: hunter2}
    d: {sync_pipeline_port: {in: depth}}
"""
    found = read(tmp_path, "x.yml", text, "fleet")
    assert [item.reason for item in found.left_out] == [
        "a: sync_pipeline_credential is encrypted by Ansible Vault, which is not read",
        "b: sync_pipeline_host is a template, which is not computed",
        "c: sync_pipeline_password is no property of an instance",
        "d: sync_pipeline_port is neither a text nor a list",
    ]
    assert [item.line for item in found.left_out] == [5, 6, 7, 8]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("$ANSIBLE_VAULT;1.1;AES256\n3131", "encrypted by Ansible Vault"),
        ("#!/usr/bin/env python3\nprint()", "is a program, and none is run"),
        ("[a:children]\nb\n[b:children]\na\n", "'a' is in itself"),
        ("[a:nonsense]\n", "line 1 .*hosts, children or vars"),
        ("[a:vars]\nx\n", "line 2 .*name=value"),
        ("db[1:999999999]\n", "more than 100000 hosts"),
        ("db[1:9999][1:9999]\n", "more than 100000 hosts"),
        (
            "[a:vars]\n" + "\n".join(f"sync_pipeline_{number}=1" for number in range(101)),
            "more than 100 variables",
        ),
        ("[my group]\n", "line 1 .*begins a section"),
        ("[a-b:c-d]\n", "line 1 .*begins a section"),
        ("[2001:db8::g]\n", "line 1 .*begins a section"),
        ("db[9:1]\n", "is no range"),
        ("db[01:100]\n", "different lengths"),
        ("db x='\n", "line 1 .*quote"),
        ("---\nplugin: aws_ec2\n", "'plugin' is no group"),
        ("---\n- a\n", "no groups"),
        ("---\na: &a\n  children:\n    a: *a\n    b: *a\n", "in itself"),
        ("---\na: &a\n  <<: *a\n", "nested too deeply|in itself|recursive"),
        ("\n".join(f"[g{number}]" for number in range(2100)), "more than 2000 groups"),
    ],
)
def test_what_is_no_inventory_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "hosts"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        read_foreign(path, ForeignFormat.ANSIBLE, Defaults("fleet"))


def test_the_innermost_group_counts_then_its_priority_then_its_name(tmp_path: Path) -> None:
    text = """
[b]
one
[a]
one
[outer:children]
a
[outer:vars]
sync_pipeline_x=outer
sync_pipeline_y=outer
[a:vars]
sync_pipeline_x=a
sync_pipeline_z=a
ansible_group_priority=5
[b:vars]
sync_pipeline_x=b
sync_pipeline_z=b
"""
    (host,) = inventory_hosts(text, tmp_path / "hosts")
    # `a` is deeper than `b`.
    said = [host.variables[f"sync_pipeline_{name}"] for name in "xyz"]
    assert said == ["a", "outer", "a"]
    flat = text.replace("[outer:children]\na\n", "")
    (host,) = inventory_hosts(flat, tmp_path / "hosts")
    assert host.variables["sync_pipeline_x"] == "a"
    (host,) = inventory_hosts(flat.replace("ansible_group_priority=5", ""), tmp_path / "hosts")
    assert host.variables["sync_pipeline_x"] == "b"


def test_what_several_lines_list_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "MOST_HOSTS", 100)
    monkeypatch.setattr(inventory, "MOST_NAMES", 200)
    path = tmp_path / "hosts"
    # What two groups list is one host.
    assert len(inventory_hosts("[a]\ndb[1:60]\n[b]\ndb[1:60]\n", path)) == 60
    with pytest.raises(ConfigurationError, match=r"line 2 .*more than 100 hosts"):
        inventory_hosts("a[1:60]\nb[1:60]\n", path)
    with pytest.raises(ConfigurationError, match=r"line 3 .*names hosts more than 200 times"):
        inventory_hosts("db[1:90]\n" * 12, path)


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        # A group of lower priority than that of all others.
        ("[a:vars]\nE=mysql\n[b:vars]\nE=oracle\nansible_group_priority=-1\n[a]\nh\n[b]\nh\n",
         "mysql"),
        # What is in a group is not ungrouped.
        ("[all]\nh\n[ungrouped:vars]\nE=oracle\n[a]\nh\n[a:vars]\nE=mysql\n", "mysql"),
        ("[zz:vars]\nE=mysql\n[zz]\nh\n[all]\nh\n[all:vars]\nE=oracle\n", "mysql"),
        ("[a]\nh E=mysql\n[a:vars]\nE=oracle\n", "mysql"),
        ("[a]\nh\n[a:vars]\nE=oracle\nE='mysql'# c\n", "mysql"),
        ("[a]\nh E=None\n[a:vars]\nE=oracle\n", None),
        ("[a]\nh\n[a:vars]\nE = None  # none at all\n", None),
        ("h E=NoneSuch\n", "NoneSuch"),
        ("[a]\nh\n[a:vars]\nE=('a', 'b')\n", ["a", "b"]),
        ("[a]\nh\n[a:vars]\nE=(a)\n", "(a)"),
    ],
)  # fmt: skip
def test_which_of_several_counts(tmp_path: Path, text: str, engine: object) -> None:
    name = "sync_pipeline_engine"
    (host,) = inventory_hosts(text.replace("E", name), tmp_path / "hosts")
    assert host.variables.get(name) == engine


def test_only_what_means_something_is_kept_of_a_host(tmp_path: Path) -> None:
    (host,) = inventory_hosts(INI.replace("db[01:03]", "#"), tmp_path / "hosts")[2:3]
    assert host.name == "pg-x"
    assert "hunter2" not in str(host)


def test_addresses_are_written_in_two_ways(tmp_path: Path) -> None:
    text = """
[all:vars]
sync_pipeline_engine=mysql
[a]
one ansible_ssh_host=10.0.0.1
two ansible_ssh_host=10.0.0.2 ansible_host=10.0.0.3
three ansible_host=10.0.0.4
"""
    known = by_name(read(tmp_path, "hosts", text, "fleet"))
    assert {name: item.host for name, item in known.items()} == {
        "one": "10.0.0.1", "two": "10.0.0.2", "three": "10.0.0.4",
    }  # fmt: skip


def test_a_host_has_one_spelling_in_both_parts_of_a_list(tmp_path: Path) -> None:
    name = "2001:DB8::7"
    listed = {"_meta": {"hostvars": {name: {"sync_pipeline_engine": "mysql"}}},
              "a;b": {"hosts": [name]}}  # fmt: skip
    (item,) = read(tmp_path, "list.json", json.dumps(listed), "fleet").instances
    assert (item.host, item.tags) == ("2001:db8::7", ("a,b",))


@pytest.mark.parametrize(
    "value", ["'{% if x %}a{% endif %}'", "'a{# no #}'", "['{{ x }}']", "[!vault x]", "!vault x"]
)
def test_a_value_that_is_not_as_it_is_written_is_not_taken(tmp_path: Path, value: str) -> None:
    mine = f"{{sync_pipeline_engine: mysql, sync_pipeline_tags: {value}}}"
    text = f"a:\n  hosts:\n    h: {mine}\n"
    found = read(tmp_path, "x.yml", text, "fleet")
    assert (found.instances, len(found.left_out)) == ((), 1)


_PIECES = st.sampled_from(
    ["[a]", "[a:vars]", "[b:children]", "a", "x=1", "db[01:3]", "h y='z'", "[", "---", "{", "all:",
     " hosts:", "  h:", "\t", "::1", "[::1]:22", "h:22", "'", "sync_pipeline_engine=mysql"]
)  # fmt: skip


@given(st.lists(_PIECES | st.text(max_size=10), max_size=12))
def test_whatever_is_written_is_hosts_or_one_sentence(lines: list[str]) -> None:
    with suppress(ConfigurationError):
        for host in inventory_hosts("\n".join(lines), Path("hosts")):
            assert host.name
