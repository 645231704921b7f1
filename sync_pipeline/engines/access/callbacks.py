"""Callbacks that do not keep whom they call. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def weakly(method: Callable[P, ResultT]) -> Callable[P, ResultT]:
    """Return what calls a method of an object, and does not keep the object.

    Rules hold parts that call them back. Were they kept by these as well, they would be freed by
    the garbage collector alone, each with all of its world: over a fleet that was a fifth of what
    a question costs. Whoever calls back is a part of the object, so that it is still there.
    """
    reference = WeakMethod(method)

    def call(*arguments: P.args, **named: P.kwargs) -> ResultT:
        alive = reference()
        assert alive is not None  # noqa: S101 - the caller is a part of it
        return alive(*arguments, **named)

    return call
