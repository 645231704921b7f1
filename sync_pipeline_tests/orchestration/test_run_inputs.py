"""What a run takes from who launches it: nothing from its environment, nothing without a bound.

Whoever reaches the UI's port, a web page in a local browser included, may try.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import pytest
from dagster._config import ConfigType, ScalarUnion
from dagster._config.validate import validate_config
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.definitions import defs
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.config import BackfillConfig, SelectionConfig, SyncConfig
from sync_pipeline.orchestration.runs.lineage import SESSION_TAG, SHARD_TAG, Part, part_of
from sync_pipeline.orchestration.runs.runs import (
    ASSET_JOB,
    CREATED_BY_TAG,
    PARTITION_TAG,
    created_by,
    new_session,
    sync_type_of,
)
from sync_pipeline.orchestration.runtime.executors import executor_of
from sync_pipeline.settings import Settings, StepExecutor

REPOSITORY = defs.get_repository_def()
JOBS = sorted(REPOSITORY.job_names)
# What a configuration type may be. Anything else, such as a source or Any, is a surprise.
LEAVES = {"String", "Int", "Bool", "Float", "ConsoleLevel"}
SOURCE = {"env": "SYNC_PIPELINE_SECRET_KEY"}
# Dagster leaves these open, since a run of some assets needs some of them alone. What is given to
# none is resolved by nobody and reaches nobody; what those that there are take is walked.
OPEN = {f"{ASSET_JOB}.ops", f"{ASSET_JOB}.resources"}


def fields(config_type: Any, path: str) -> Iterator[tuple[str, ConfigType]]:
    """Yield every type of a configuration, with the way to it."""
    yield path, config_type
    for name, field in getattr(config_type, "fields", {}).items():
        yield from fields(field.config_type, f"{path}.{name}")
    for inner in ("inner_type", "key_type", "scalar_type", "non_scalar_type"):
        if isinstance(getattr(config_type, inner, None), ConfigType):
            yield from fields(getattr(config_type, inner), f"{path}[]")


def schema_of(job: dg.JobDefinition) -> ConfigType:
    return job.run_config_schema.config_type


@pytest.mark.parametrize("name", JOBS)
def test_no_field_of_a_job_takes_a_value_from_the_environment(name: str) -> None:
    found = list(fields(schema_of(REPOSITORY.get_job(name)), name))
    assert len(found) > 5
    for path, kind in found:
        if path in OPEN:
            continue
        closed = hasattr(kind, "fields") and type(kind) is dg.Shape
        wrapped = isinstance(kind, (dg.Array, dg.Noneable))
        assert closed or wrapped or kind.key in LEAVES, (path, kind.key)
        assert not isinstance(kind, ScalarUnion), path
        assert not validate_config(kind, SOURCE).success, path


@pytest.mark.parametrize("executor", list(StepExecutor))
def test_no_executor_takes_options_of_a_run(executor: StepExecutor) -> None:
    """Those of Dagster's could make the run import a module."""
    field = executor_of(Settings(executor=executor)).config_field
    assert field is not None
    assert dict(field.config_type.fields) == {}  # type: ignore[attr-defined]


def test_the_walk_finds_a_source() -> None:
    class Open(dg.Config):
        names: list[str]
        force: bool = False
        most: int = 0

    found = [kind for _, kind in fields(Open.to_config_schema().config_type, "")]
    assert sum(isinstance(kind, ScalarUnion) for kind in found) == 3


@pytest.mark.parametrize("kind", [SelectionConfig, SyncConfig, BackfillConfig])
def test_the_schema_has_the_same_fields_and_defaults(kind: type[SelectionConfig]) -> None:
    plain = kind.to_fields_dict()
    assert list(plain) == list(kind.model_fields)
    required = {name for name, field in plain.items() if field.is_required}
    assert required == {name for name, item in kind.model_fields.items() if item.is_required()}


@pytest.mark.parametrize(
    "values",
    [
        {"instances": ["x" * 256]},
        {"instances": [""]},
        {"instances": ["x"] * 20_001},
        {"tags": ["x" * 256]},
        {"engines": ["x" * 256]},
        {"environments": ["x" * 256]},
        {"created_by": "x" * 256},
        {"instances": [SOURCE]},
        {"instances": SOURCE},
        {"force": SOURCE},
        {"created_by": SOURCE},
    ],
)
def test_what_is_too_long_or_of_another_kind_is_refused_and_not_repeated(
    values: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SyncConfig.read(values)
    assert len(str(caught.value)) < 700
    assert "SECRET_KEY" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_any_configuration_is_read_or_refused(values: Any) -> None:
    try:
        read = BackfillConfig.read(values)
    except ConfigurationError as error:
        assert len(str(error)) < 700  # noqa: PT017 - an error is one of two outcomes
    else:
        assert max(map(len, (read.period, read.first, read.last))) <= 32


def test_null_is_what_is_not_given() -> None:
    values = {"instances": None, "created_by": None, "force": None}
    assert SyncConfig.read(values) == SyncConfig()
    assert SyncConfig.read({"instances": ["é" * 255]}).selection().names == ("é" * 255,)


def run(**tags: str) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="account_sync", run_id=str(uuid4()), tags=tags)


def part(launched: dg.DagsterRun) -> Part:
    with dg.DagsterInstance.ephemeral() as instance:
        return part_of(launched, instance)


@pytest.mark.parametrize(
    "text", ["", "x", "../../etc/passwd", "A" * 100_000, "'; --", "0" * 36, f"{UUID(int=1)}\n"]
)
def test_a_tag_that_is_no_id_is_no_session(text: str) -> None:
    launched = run(**{SESSION_TAG: text})
    assert part(launched).session_id == launched.run_id


def test_a_tag_that_is_an_id_is_the_session() -> None:
    session_id = str(uuid4())
    assert part(run(**{SESSION_TAG: session_id})).session_id == session_id


def test_a_root_run_that_is_no_id_is_no_session() -> None:
    launched = dg.DagsterRun(
        job_name="account_sync", run_id=str(uuid4()), root_run_id="x" * 500, parent_run_id="x"
    )
    assert part(launched).session_id == launched.run_id


def test_what_is_kept_of_tags_is_bounded() -> None:
    launched = run(**{CREATED_BY_TAG: "x" * 100_000, PARTITION_TAG: "y" * 100_000})
    config = SyncConfig()
    whole = part(launched)
    sync_type = sync_type_of(launched, whole, config.selection(), 0)
    kept = new_session(launched, whole, sync_type, created_by(launched, whole, config))
    assert len(kept.created_by or "") == len(kept.partition_key or "") == 255


def put(instance: dg.DagsterInstance, **values: Any) -> dg.DagsterRun:
    """Put a run where a page or a script could: with any parents, tags and steps."""
    root = values.get("parent_run_id")
    filled = {"job_name": "account_sync", "root_run_id": root, **values}
    return instance.add_run(dg.DagsterRun(**filled))


RESUMED = {"dagster/is_resume_retry": "true"}


def ids(count: int) -> list[str]:
    return [str(UUID(int=number + 1)) for number in range(count)]


@settings(max_examples=30)  # each has a Dagster instance of its own
@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 5), st.booleans(), st.booleans(), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_any_ancestors_are_followed_to_an_end(
    drawn: list[tuple[int | None, bool, bool, bool]],
) -> None:
    """Runs that name each other, themselves or nobody: each is one part of one session."""
    names = ids(6)
    with dg.DagsterInstance.ephemeral() as instance:
        for name, (parent, is_resumed, is_partial, is_other) in zip(names, drawn, strict=False):
            put(
                instance,
                run_id=name,
                job_name="capacity_sync" if is_other else "account_sync",
                parent_run_id=None if parent is None else names[parent],
                root_run_id=None if parent is None else names[0],
                tags=RESUMED if is_resumed else {},
                step_keys_to_execute=["sync_instance[a_i7]"] if is_partial else None,
                status=dg.DagsterRunStatus.SUCCESS,
            )
        for name, (parent, is_resumed, _, _) in zip(names, drawn, strict=False):
            launched = instance.get_run_by_id(name)
            assert launched is not None
            found = part_of(launched, instance)
            assert found.session_id in names
            if parent is None or not is_resumed:
                assert found.session_id == name
                assert not found.is_continued


def test_a_continuation_is_of_the_session_that_began_and_not_of_the_root() -> None:
    first, whole, again, last = ids(4)
    with dg.DagsterInstance.ephemeral() as instance:
        put(instance, run_id=first)
        put(instance, run_id=whole, parent_run_id=first, root_run_id=first)
        put(instance, run_id=again, parent_run_id=whole, root_run_id=first, tags=RESUMED)
        put(instance, run_id=last, parent_run_id=again, root_run_id=first, tags=RESUMED)
        parts = {run.run_id: part_of(run, instance) for run in instance.get_runs()}
    assert [parts[name].session_id for name in (first, whole, again, last)] == [
        first,
        whole,
        whole,
        whole,
    ]
    assert [parts[name].is_continued for name in (first, whole, again, last)] == [
        False,
        False,
        True,
        True,
    ]
    for name in (whole, again, last):
        repeated = parts[name].repeated
        assert repeated is not None
        assert repeated.session_id == first


def test_a_run_of_another_job_is_nothing_to_continue() -> None:
    first, again = ids(2)
    with dg.DagsterInstance.ephemeral() as instance:
        put(instance, run_id=first, job_name="capacity_sync")
        launched = put(instance, run_id=again, parent_run_id=first, tags=RESUMED)
        assert part_of(launched, instance).session_id == again


def test_a_continuation_whose_parent_was_deleted_keeps_the_session_it_names() -> None:
    session_id, shard_run, again = ids(3)
    tags = {**RESUMED, SESSION_TAG: session_id, SHARD_TAG: "2/5"}
    with dg.DagsterInstance.ephemeral() as instance:
        of_shard = put(instance, run_id=again, parent_run_id=shard_run, tags=tags)
        found = part_of(of_shard, instance)
        of_whole = put(
            instance,
            run_id=str(uuid4()),
            parent_run_id=shard_run,
            root_run_id=shard_run,
            tags=RESUMED,
        )
        assert part_of(of_whole, instance).session_id == shard_run
    assert (found.session_id, str(found.shard), found.is_continued) == (session_id, "2/5", True)


def test_copied_tags_of_a_session_begin_another() -> None:
    """The launchpad, opened from a run of a schedule, has them filled in."""
    session_id, first, copied, repeated = ids(4)
    tags = {SESSION_TAG: session_id, SHARD_TAG: "2/5"}
    with dg.DagsterInstance.ephemeral() as instance:
        original = put(instance, run_id=first, tags=tags)
        put(instance, run_id=str(uuid4()), tags={**tags, SHARD_TAG: "1/5"})
        launched = put(instance, run_id=copied, tags=tags)
        again = put(instance, run_id=repeated, tags=tags, parent_run_id=first)
        parts = [part_of(run, instance) for run in (original, launched, again)]
    assert [(found.session_id, str(found.shard)) for found in parts] == [
        (session_id, "2/5"),
        (copied, "1/1"),
        (repeated, "1/1"),
    ]
    assert parts[2].repeated is not None
    assert (parts[2].repeated.session_id, str(parts[2].repeated.shard)) == (session_id, "2/5")


def test_who_repeats_a_run_is_not_who_launched_it() -> None:
    first, again, named = ids(3)
    config = SyncConfig()
    with dg.DagsterInstance.ephemeral() as instance:
        put(instance, run_id=first, tags={CREATED_BY_TAG: "ann"})
        copied = put(instance, run_id=again, parent_run_id=first, tags={CREATED_BY_TAG: "ann"})
        said = put(instance, run_id=named, parent_run_id=first, tags={CREATED_BY_TAG: "bob"})
        assert created_by(copied, part_of(copied, instance), config) is None
        assert created_by(said, part_of(said, instance), config) == "bob"
