"""Values that are made of one choice each, drawn as one number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import prod
from typing import Any, TypeVar

from hypothesis import strategies as st

ValueT = TypeVar("ValueT")


def combined(make: Callable[..., ValueT], **choices: Collection[Any]) -> st.SearchStrategy[ValueT]:
    """Return a strategy of `make(name=choice, ...)`, each choice as likely as any other.

    Drawing costs by the number of draws: a grant was one of twelve, and is one number.
    """
    of_each = {name: tuple(items) for name, items in choices.items()}

    def made(number: int) -> ValueT:
        chosen = {}
        for name, items in of_each.items():
            number, at = divmod(number, len(items))
            chosen[name] = items[at]
        return make(**chosen)

    return st.integers(0, prod(map(len, of_each.values())) - 1).map(made)
