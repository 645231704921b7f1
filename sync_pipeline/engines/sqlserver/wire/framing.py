"""Where the frames of a conversation begin, so that the end of TLS is seen from outside.

A packet of TDS ([MS-TDS] 2.2.3.1) has its whole length in its third and fourth byte, a record
of TLS 1.2 (RFC 5246, 6.2.1) that of its contents in its fourth and fifth.
"""

from __future__ import annotations

_HEADER = 5
_TLS_TYPES = range(0x14, 0x18)
_ALERT = 0x15


class Framing:
    """Follows what a server sends. FreeTDS never comes back from an alert that ends TLS.

    It reads on, finds nothing, and asks again without a pause, also when the connection has
    ended; from a connection that ends without the alert it comes back at once.
    """

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def before_alert(self, data: bytes) -> bytes:
        """Return what comes before an alert of TLS: all of it where there is none."""
        position = 0
        while position < len(data):
            if self._left:
                step = min(self._left, len(data) - position)
                self._left -= step
            elif not self._head and data[position] == _ALERT:
                return data[:position]
            else:
                part = data[position : position + _HEADER - len(self._head)]
                step = len(part)
                self._begin(self._head + part)
            position += step
        return data

    def _begin(self, head: bytes) -> None:
        self._head = head
        if len(head) == _HEADER:
            is_tls = head[0] in _TLS_TYPES
            length = head[3:5] if is_tls else head[2:4]
            whole = int.from_bytes(length, "big") + (_HEADER if is_tls else 0)
            self._left, self._head = max(0, whole - _HEADER), b""
