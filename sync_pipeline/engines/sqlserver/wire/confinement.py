"""Keeps an ODBC driver from connecting anywhere but to the relay.

A server can send a login on to another one ([MS-TDS] 2.2.7.9, ENVCHANGE, Routing), and both
drivers follow, with the password, past the relay. Linux can forbid a thread to connect to other
TCP ports (Landlock, landlock(7), from 6.7 on), for ever: it is for threads that make one login.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of system calls, the same on every architecture."""
_VERSION_FLAG, _VERSION_WITH_TCP = 1, 4
_CONNECT_TCP, _NET_PORT = 1 << 1, 2
_NO_NEW_PRIVILEGES = 38


def may_connect_only_to(port: int) -> bool:
    """Let this thread connect to one TCP port alone; return whether the system does that.

    Elsewhere than on Linux, and where Landlock is switched off, nothing changes.
    """
    try:
        library = ctypes.CDLL(None, use_errno=True)
        return _restricted(library, port)
    except (OSError, AttributeError):
        return False


def _restricted(library: ctypes.CDLL, port: int) -> bool:
    if library.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG) < _VERSION_WITH_TCP:
        return False
    handled = struct.pack("=QQ", 0, _CONNECT_TCP)
    rules = library.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return False
    try:
        rule = struct.pack("=QQ", _CONNECT_TCP, port)
        steps: tuple[Callable[[], int], ...] = (
            lambda: library.syscall(_ADD_RULE, rules, _NET_PORT, rule, 0),
            lambda: library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
            lambda: library.syscall(_RESTRICT_SELF, rules, 0),
        )
        return all(step() == 0 for step in steps)
    finally:
        os.close(rules)
