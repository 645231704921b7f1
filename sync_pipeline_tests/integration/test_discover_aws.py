"""Amazon RDS and Aurora against moto's server: fleets that change between looks, and faults."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

import boto3
import botocore.session
import pytest
import requests
from botocore.exceptions import ClientError
from moto.rds.models import DBInstance
from moto.server import ThreadedMotoServer

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.discovery import aws
from sync_pipeline.fleet.discovery.listing import Limits
from sync_pipeline.model.instance import Instance
from workbench.benches.command import CANARY, Command

REGIONS = ("eu-central-1", "us-west-2")
ENGINES = {
    "postgres": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "sqlserver-ex": "sqlserver",
    "oracle-se2": "oracle",
}  # fmt: skip
Tags = dict[str, str]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The server, without the 500 images of machines that nobody asks it for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        yield from _served()


def _served() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def _files_are_read_once() -> Iterator[None]:
    """Let all sessions of AWS's client share what each reads of the services from its files.

    To read it again took a third of the CPU of these tests.
    """
    made, read = botocore.session.create_loader, {}

    def create(*arguments: Any) -> Any:
        loader = made(*arguments)
        loader._cache = read
        return loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", create)
        yield


class Account:
    """An account of AWS, as a person changes it."""

    def __init__(self) -> None:
        self.clients = {
            name: boto3.session.Session(region_name=name).client("rds") for name in REGIONS
        }

    def make(self, region: str, name: str, engine: str, tags: Tags | None = None) -> None:
        self.clients[region].create_db_instance(
            DBInstanceIdentifier=name, Engine=engine, DBInstanceClass="db.t3.micro", DBName="ORCL",
            MasterUsername="root", MasterUserPassword=CANARY, AllocatedStorage=20,
            BackupRetentionPeriod=0, **({"EngineVersion": "10.11"} if engine == "mariadb" else {}),
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        )  # fmt: skip

    def make_cluster(self, region: str, name: str, engine: str, members: int) -> None:
        client = self.clients[region]
        client.create_db_cluster(
            DBClusterIdentifier=name, Engine=engine, MasterUsername="root",
            MasterUserPassword=CANARY, Tags=[{"Key": "cluster", "Value": "yes"}],
        )  # fmt: skip
        for number in range(members):
            client.create_db_instance(
                DBInstanceIdentifier=f"{name}-{number}", Engine=engine,
                DBInstanceClass="db.r5.large", DBClusterIdentifier=name,
            )  # fmt: skip

    def drop(self, region: str, name: str) -> None:
        self.clients[region].delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    def close(self) -> None:
        for client in self.clients.values():
            client.close()


@pytest.fixture
def account(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    # moto gives the same to all; AWS one of its own to each.
    made_before, numbers = DBInstance.__init__, count()

    def made(self: DBInstance, *more: Any, **named: Any) -> None:
        made_before(self, *more, **named)
        self.dbi_resource_id = f"db-{next(numbers)}"

    monkeypatch.setattr(DBInstance, "__init__", made)
    for name, value in (
        ("AWS_ENDPOINT_URL", moto),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", CANARY.encode("ascii", "replace").decode()),
        ("AWS_REGION", REGIONS[0]),
    ):
        monkeypatch.setenv(name, value)
    found = Account()
    yield found
    found.close()
    requests.post(f"{moto}/moto-api/reset", timeout=10)


@pytest.fixture
def fleet(command: Command) -> Command:
    command.ok("credentials", "add", "monitor", "--username", "m", "--password-stdin", stdin=CANARY)
    return command


def discover(fleet: Command, *more: str, status: int = 0) -> dict[str, Any]:
    arguments = ("instances", "discover", "aws", "--credential", "monitor", "--json")
    regions = [word for name in REGIONS for word in ("--region", name)]
    said = fleet.run(*arguments, *([] if "--region" in more else regions), *more)
    assert said.status == status, said
    found: dict[str, Any] = said.json
    return found


def steps(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["step"], step["instance"]) for step in found["steps"]]


def registered(fleet: Command) -> dict[str, Instance]:
    return {item.name: item for item in fleet.store().registry.instances()}


def test_a_plan_comes_first_and_done_twice_it_is_done_once(
    account: Account, fleet: Command
) -> None:
    account.make(REGIONS[0], "orders", "postgres", {"team": "dba", "blank": "", "a;b": "c"})
    account.make(REGIONS[0], "hr", "oracle-se2")
    account.make_cluster(REGIONS[1], "shop", "aurora-postgresql", 3)
    account.make_cluster(REGIONS[1], "papers", "neptune", 0)
    found = discover(fleet)
    assert steps(found) == [("add", "hr"), ("add", "orders"), ("add", "shop")]
    assert found["left_out"] == [
        "papers (aws/123456789012/us-west-2): it is of no engine that is known here (neptune)"
    ]
    assert registered(fleet) == {}
    assert discover(fleet, "--apply")["is_applied"]
    known = registered(fleet)
    orders, shop, hr = known["orders"], known["shop"], known["hr"]
    assert (orders.engine, orders.port, orders.credential) == ("postgresql", 5432, "monitor")
    assert orders.host.startswith("orders.")
    assert orders.tags == ("a,b=c", "blank", "team=dba")
    assert (orders.tls.mode, orders.platform, orders.database) == ("require", "rds", None)
    assert (shop.platform, shop.tags, hr.database) == ("aurora", ("cluster=yes",), "ORCL")
    # Each cluster once: what answers for it alone.
    assert ".cluster-" in shop.host
    assert steps(discover(fleet, "--apply")) == []


def test_what_is_gone_is_marked_and_comes_back(account: Account, fleet: Command) -> None:
    account.make(REGIONS[0], "orders", "postgres")
    account.make(REGIONS[0], "stock", "mariadb")
    discover(fleet, "--apply")
    account.drop(REGIONS[0], "orders")
    assert steps(discover(fleet, "--apply")) == [("vanish", "orders")]
    assert registered(fleet)["orders"].is_active
    assert steps(discover(fleet, "--apply")) == []
    listed = {item["name"]: item["origin"] for item in fleet.ok("instances", "list", "--json").json}
    assert listed["orders"]["vanished_at"] is not None
    assert listed["stock"]["vanished_at"] is None
    assert "gone since" in fleet.ok("instances", "list").out
    assert "gone since" in fleet.ok("instances", "show", "orders").out
    account.make(REGIONS[0], "orders", "postgres")
    found = discover(fleet, "--apply")
    assert steps(found) == [("return", "orders")]
    assert "gone since" not in fleet.ok("instances", "list").out
    assert steps(discover(fleet, "--apply")) == []


def test_a_server_under_another_name_is_the_same_instance(account: Account, fleet: Command) -> None:
    account.make(REGIONS[0], "orders", "postgres", {"env": "test", "team": "dba"})
    discover(fleet, "--apply")
    fleet.ok("instances", "edit", "orders", "--add-tag", "ours", "--remove-tag", "team=dba")
    client = account.clients[REGIONS[0]]
    client.modify_db_instance(
        DBInstanceIdentifier="orders", NewDBInstanceIdentifier="sales", ApplyImmediately=True
    )
    arn = client.describe_db_instances()["DBInstances"][0]["DBInstanceArn"]
    client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "env", "Value": "prod"}])
    found = discover(fleet, "--apply")
    assert steps(found) == [("change", "orders")]
    (known,) = registered(fleet).values()
    assert known.host.startswith("sales.")
    assert known.tags == ("env=prod", "ours")
    assert steps(discover(fleet)) == []


def test_an_address_that_a_person_gave_stays(account: Account, fleet: Command) -> None:
    account.make(REGIONS[0], "orders", "postgres")
    discover(fleet, "--apply")
    fleet.ok("instances", "edit", "orders", "--host", "tunnel.example")
    assert steps(discover(fleet)) == []
    account.clients[REGIONS[0]].modify_db_instance(
        DBInstanceIdentifier="orders", NewDBInstanceIdentifier="sales", ApplyImmediately=True
    )
    assert steps(discover(fleet, "--apply")) == [("change", "orders")]
    assert registered(fleet)["orders"].host == "tunnel.example"
    assert steps(discover(fleet)) == []


def test_what_is_registered_under_its_address_is_linked_and_what_was_removed_stays_so(
    account: Account, fleet: Command
) -> None:
    for name in ("orders", "stock"):
        account.make(REGIONS[0], name, "postgres", {"k": "v"})
    address = account.clients[REGIONS[0]].describe_db_instances(DBInstanceIdentifier="orders")
    host = address["DBInstances"][0]["Endpoint"]["Address"]
    fleet.ok("instances", "add", "mine", "--engine", "postgresql", "--host", host.upper(),
             "--credential", "monitor", "--tag", "old")  # fmt: skip
    assert steps(discover(fleet, "--apply")) == [("add", "stock"), ("link", "mine")]
    assert registered(fleet)["mine"].tags == ("k=v", "old")
    fleet.ok("instances", "remove", "stock", "--yes")
    found = discover(fleet, "--apply")
    assert steps(found) == []
    (left_out,) = found["left_out"]
    assert left_out == (
        "stock (aws/123456789012/eu-central-1): 'stock' was removed from the fleet; "
        "add it to have it"
    )


def test_a_name_that_another_has_gets_its_region(account: Account, fleet: Command) -> None:
    for region in REGIONS:
        account.make(region, "orders", "postgres")
    fleet.ok("instances", "add", "gone", "--engine", "mysql", "--host", "db", "--credential",
             "monitor")  # fmt: skip
    fleet.ok("instances", "remove", "gone", "--yes")
    account.make(REGIONS[1], "gone", "mysql")
    discover(fleet, "--apply")
    assert sorted(registered(fleet)) == ["gone.us-west-2", "orders", "orders.us-west-2"]
    assert steps(discover(fleet)) == []


def test_filters_narrow_what_is_planned_and_mark_nothing_else(
    account: Account, fleet: Command
) -> None:
    account.make(REGIONS[0], "orders", "postgres", {"team": "dba"})
    account.make(REGIONS[0], "stock", "mysql", {"team": "dba"})
    account.make(REGIONS[1], "far", "postgres", {"team": "web"})
    assert steps(discover(fleet, "--tag", "team=dba", "--engine", "mysql")) == [("add", "stock")]
    discover(fleet, "--apply")
    for region, name in ((REGIONS[0], "orders"), (REGIONS[0], "stock"), (REGIONS[1], "far")):
        account.drop(region, name)
    assert steps(discover(fleet, "--tag", "team=web")) == [("vanish", "far")]
    assert steps(discover(fleet, "--region", REGIONS[1])) == [("vanish", "far")]


def test_what_is_not_listed_whole_marks_nothing(
    account: Account, fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region in REGIONS:
        account.make(region, f"db-{region}", "postgres")
    discover(fleet, "--apply")
    for region in REGIONS:
        account.drop(region, f"db-{region}")
    real = aws._client()

    def refused(service: str, region: str) -> Any:
        made = real(service, region)
        if (service, region) == ("rds", REGIONS[1]):
            # The password is refused in the answer of AWS, which is quoted nowhere.
            made.meta.events.register("before-sign.rds", _throttled)
        return made

    monkeypatch.setattr(aws, "_client", lambda: refused)
    found = discover(fleet, "--apply", status=1)
    assert steps(found) == [("vanish", f"db-{REGIONS[0]}")]
    (gap,) = found["gaps"]
    assert gap == (
        f"aws/123456789012/{REGIONS[1]} was not listed whole: AWS refused or did not answer "
        "(ThrottlingException). Nothing there is marked as gone."
    )


def test_a_page_that_fails_costs_what_comes_after_it(
    account: Account, fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_PAGE", 20)
    for number in range(25):
        account.make(REGIONS[0], f"db-{number}", "postgres")
    discover(fleet, "--apply")
    account.drop(REGIONS[0], "db-0")
    account.make(REGIONS[0], "aa", "postgres")
    real, asked = aws._client(), count()

    def failing(**_: object) -> None:
        # Clusters, the first page of instances, and then their second.
        if next(asked) == 2:
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": CANARY}}, "Describe")

    def made(service: str, region: str) -> Any:
        found = real(service, region)
        if (service, region) == ("rds", REGIONS[0]):
            found.meta.events.register("before-sign.rds", failing)
        return found

    monkeypatch.setattr(aws, "_client", lambda: made)
    found = discover(fleet, status=1)
    assert {step for step, _ in steps(found)} <= {"add"}
    assert "(ExpiredToken). Nothing there is marked" in found["gaps"][0]


def _throttled(**_: object) -> None:
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": CANARY}}, "Describe")


def test_a_list_without_end_is_cut_and_its_pages_are_all_read(
    account: Account, fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_PAGE", 20)
    for number in range(45):
        account.make(REGIONS[0], f"db-{number}", "postgres")
    assert len(discover(fleet, "--apply")["steps"]) == 45
    account.drop(REGIONS[0], "db-7")
    cut = aws.list_aws(REGIONS, limits=Limits(pages=2))
    assert cut.whole == {f"aws/123456789012/{REGIONS[1]}"}
    assert len(cut.resources) == 40
    late = aws.list_aws(REGIONS, limits=Limits(seconds=0))
    assert late.whole == frozenset()
    assert steps(discover(fleet)) == [("vanish", "db-7")]


def test_credentials_that_are_over_are_one_sentence(
    account: Account, fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.make(REGIONS[0], "orders", "postgres")
    discover(fleet, "--apply")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = fleet.wrong("instances", "discover", "aws", "--credential", "monitor", "--apply")
    assert "did not say whose credentials these are (EndpointConnectionError)" in said
    assert fleet.store().origins.of(registered(fleet)["orders"].id).vanished_at is None  # type: ignore[union-attr]
    wrong = fleet.wrong("instances", "discover", "aws", "--credential", "nobody")
    assert "'nobody' does not exist" in wrong


def test_without_a_region_all_of_the_account_are_asked(account: Account, fleet: Command) -> None:
    account.make(REGIONS[1], "far", "postgres")
    said = fleet.run("instances", "discover", "aws", "--credential", "monitor")
    assert said.status == 0
    assert "far" in said.out
    assert "Plan: add 1, link 0, change 0, return 0, vanish 0; 0 unchanged. Nothing" in said.out
    arguments = ("instances", "discover", "aws", "--credential", "monitor")
    table = fleet.run(*arguments, "--csv", "--apply", "--region", REGIONS[1])
    assert table.out.startswith("step,instance,engine,address,platform,tls,listed in,why\nadd,far,")
    assert "Done: add 1" in table.err


@pytest.mark.parametrize("seed", range(2))
def test_random_fleets(account: Account, fleet: Command, seed: int) -> None:
    """After each look the fleet is what a model says, and a second look plans nothing."""
    chance = random.Random(seed)
    there: dict[tuple[str, str], tuple[str, Tags]] = {}
    ever: dict[tuple[str, str], str] = {}
    for turn in range(4):
        for key in chance.sample(sorted(there), len(there) // 3):
            account.drop(*key)
            del there[key]
        for _ in range(chance.randint(1, 4)):
            key = chance.choice(REGIONS), f"db{chance.randint(0, 30)}"
            if key in there:
                continue
            # What is made again under its name has its engine; another one is refused below.
            engine = ever.setdefault(key, chance.choice(sorted(ENGINES)))
            tags = {f"k{number}": f"t{turn}" for number in range(chance.randint(0, 3))}
            account.make(*key, engine, tags)
            there[key] = engine, tags
        discover(fleet, "--apply")
        assert steps(discover(fleet)) == []
        origins = fleet.store().origins.all()
        known = {
            (origins[item.id].scope.rpartition("/")[2], item.host.partition(".")[0]): (
                item, origins[item.id].vanished_at is None
            )
            for item in registered(fleet).values()
        }  # fmt: skip
        assert known.keys() == ever.keys()
        for key, engine in ever.items():
            item, is_there = known[key]
            assert item.is_active
            assert (str(item.engine), is_there) == (ENGINES[engine], key in there)
            if key in there:
                tags = there[key][1]
                assert item.tags == tuple(sorted(f"{name}={value}" for name, value in tags.items()))


class _Answers(BaseHTTPRequestHandler):
    """Says whose credentials these are, and then what a proxy of a company might."""

    said = b""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"]))
        body = _CALLER if b"GetCallerIdentity" in asked else self.said
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


_CALLER = b"""<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{}", b"<html><body>blocked</body></html>",
        b"<DescribeDBClustersResponse><DescribeDBClustersResult/></DescribeDBClustersResponse>",
        b"<X><DescribeDBClustersResult><DBClusters/></DescribeDBClustersResult></X>",
    ],
)  # fmt: skip
def test_what_is_no_answer_of_aws_marks_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(_Answers, "said", said)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        found = aws.list_aws(["eu-central-1"])
        with pytest.raises(ConfigurationError, match="did not say which regions"):
            aws.list_aws([])
        server.shutdown()
    assert found.whole == frozenset()
    assert "AWS refused or did not answer" in found.scopes["aws/1/eu-central-1"]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AWS_PROFILE", "nobody's", "can't read what it is set to (ProfileNotFound)"),
        ("AWS_CONFIG_FILE", __file__, "can't read what it is set to (ConfigParseError)"),
        ("AWS_ENDPOINT_URL", "nonsense", "whose credentials these are (ValueError)"),
    ],
)
def test_what_the_client_can_not_read_is_one_sentence(
    account: Account, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        aws.list_aws([])
