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
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.definitions import defs
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.config import BackfillConfig, SelectionConfig, SyncConfig
from sync_pipeline.orchestration.executors import executor_of
from sync_pipeline.orchestration.runs import (
    CREATED_BY_TAG,
    PARTITION_TAG,
    SESSION_TAG,
    created_by,
    new_session,
    session_id_of,
    sync_type_of,
)
from sync_pipeline.settings import Settings, StepExecutor

REPOSITORY = defs.get_repository_def()
JOBS = sorted(REPOSITORY.job_names)
# What a configuration type may be. Anything else, such as a source or Any, is a surprise.
LEAVES = {"String", "Int", "Bool", "Float", "ConsoleLevel"}
SOURCE = {"env": "SYNC_PIPELINE_SECRET_KEY"}


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


@pytest.mark.parametrize(
    "text", ["", "x", "../../etc/passwd", "A" * 100_000, "'; --", "0" * 36, f"{UUID(int=1)}\n"]
)
def test_a_tag_that_is_no_id_is_no_session(text: str) -> None:
    launched = run(**{SESSION_TAG: text})
    assert session_id_of(launched) == launched.run_id


def test_a_tag_that_is_an_id_is_the_session() -> None:
    session_id = str(uuid4())
    assert session_id_of(run(**{SESSION_TAG: session_id})) == session_id


def test_a_root_run_that_is_no_id_is_no_session() -> None:
    launched = dg.DagsterRun(
        job_name="account_sync", run_id=str(uuid4()), root_run_id="x" * 500, parent_run_id="x"
    )
    assert session_id_of(launched) == launched.run_id


def test_what_is_kept_of_tags_is_bounded() -> None:
    launched = run(**{CREATED_BY_TAG: "x" * 100_000, PARTITION_TAG: "y" * 100_000})
    config = SyncConfig()
    kept = new_session(
        launched, sync_type_of(launched, config.selection(), 0), created_by(launched, config)
    )
    assert len(kept.created_by or "") == len(kept.partition_key or "") == 255
