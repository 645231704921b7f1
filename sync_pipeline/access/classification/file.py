"""The classification file: named classes with their expressions.

Keys of one mapping all have to hold; the values of one key are alternatives.
"""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from sync_pipeline.access.classification.classes import AccountClass
from sync_pipeline.access.classification.expression import (
    AllOf,
    AnyOf,
    Can,
    Expression,
    Like,
    May,
    Not,
    Text,
)
from sync_pipeline.access.rule_file import parse_rules
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.classification import Capability
from sync_pipeline.model.instance import EngineName

ItemT = TypeVar("ItemT")


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s].*[^\s]$|^\S$")
]
Several = Annotated[tuple[ItemT, ...], Field(min_length=1), BeforeValidator(_as_list)]


class _Condition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    all_of: Annotated[tuple[_Condition, ...], Field(min_length=1)] | None = Field(
        default=None, alias="and"
    )
    any_of: Annotated[tuple[_Condition, ...], Field(min_length=1)] | None = Field(
        default=None, alias="or"
    )
    none_of: _Condition | None = Field(default=None, alias="not")
    engine: Several[EngineName] | None = None
    name: Several[Word] | None = None
    kind: Several[AccountKind] | None = None
    instance: Several[Word] | None = None
    tag: Several[Word] | None = None
    environment: Several[Word] | None = None
    role: Several[Word] | None = None
    capability: Several[Capability] | None = None
    privilege: Several[Word] | None = None
    on: Word | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_a_mapping(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        raise ValueError("a condition is a mapping, such as `name: app_%`")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("a condition has to ask something")
        if self.on is not None and self.privilege is None:
            raise ValueError("`on` goes with `privilege`")
        empty = [name for name in self.model_fields_set if getattr(self, name) is None]
        if empty:
            raise ValueError(f"{', '.join(sorted(empty))}: there is no value")
        return self

    def expression(self) -> Expression:
        """Return the test that this asks for."""
        parts: list[Expression] = []
        if self.all_of:
            parts.append(AllOf(tuple(part.expression() for part in self.all_of)))
        if self.any_of:
            parts.append(AnyOf(tuple(part.expression() for part in self.any_of)))
        if self.none_of:
            parts.append(Not(self.none_of.expression()))
        for text in Text:
            patterns = getattr(self, text)
            if patterns:
                parts.append(AnyOf(tuple(Like(text, str(pattern)) for pattern in patterns)))
        if self.capability:
            parts.append(AnyOf(tuple(map(Can, self.capability))))
        if self.privilege:
            wanted = (May(name.upper(), self.on or "") for name in self.privilege)
            parts.append(AnyOf(tuple(wanted)))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


class _Class(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    match: _Condition


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: dict[Name, _Class] = {}


def parse_classes(text: str, file: str) -> tuple[AccountClass, ...]:
    """Return the classes of a classification file, in its order.

    Raises:
        ConfigurationError: it is not valid; the message names the file and the entry.
    """
    found = parse_rules(text, file, _File)
    return tuple(
        AccountClass(name, item.match.expression(), item.description)
        for name, item in found.classes.items()
    )
