"""Private Redis servers, from the system's packages."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from sync_pipeline.settings import project_root
from workbench.servers.mysql_faults import Authority
from workbench.servers.running import free_port, start, stop

ADDRESS = "127.0.0.1"


@contextmanager
def redis_server(
    directory: Path, authority: Authority | None = None, password: str = ""
) -> Iterator[str]:
    """Start a server that keeps nothing on disk, yield its URL, and stop it.

    With an authority it speaks TLS alone, with the authority's certificate. With a password
    it has the users that docs/more-machines.md gives it.

    Raises:
        RuntimeError: there is no redis-server, or it did not start.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is missing: install the package redis-server.")
    port = free_port()
    lines = [f"bind {ADDRESS}", 'save ""', "appendonly no", f"dir {directory}"]
    # A title is written over the environment, by which the tests' warden knows its processes.
    lines.append("set-proc-title no")
    if password:
        lines += documented_users(password)
    if authority is None:
        lines.append(f"port {port}")
    else:
        lines += ["port 0", f"tls-port {port}", f"tls-ca-cert-file {authority.ca}"]
        lines += [f"tls-cert-file {authority.certificate}", f"tls-key-file {authority.key}"]
        lines.append("tls-auth-clients no")
    settings = directory / "redis.conf"
    settings.write_text("\n".join(lines) + "\n")
    command = [program, str(settings)]
    process = start(command, directory / "redis.log", lambda: _answers(port, authority))
    scheme = "redis" if authority is None else "rediss"
    known = {} if authority is None else {"ssl_ca_certs": str(authority.ca)}
    query = urlencode({"ssl_cert_reqs": "required", **known}) if known else ""
    login = f"sync:{password}@" if password else ""
    try:
        yield f"{scheme}://{login}{ADDRESS}:{port}/0{'?' if query else ''}{query}"
    finally:
        stop(process, signal.SIGTERM)


def documented_users(password: str) -> list[str]:
    """Return the lines of redis.conf that say who gets in and what they may do."""
    page = (project_root() / "docs" / "more-machines.md").read_text()
    users = re.findall(r"^user .*$", page, re.MULTILINE)
    return [line.replace(">PASSWORD", f">{password}") for line in users]


def _answers(port: int, authority: Authority | None) -> bool:
    try:
        with socket.create_connection((ADDRESS, port), timeout=1) as plain:
            if authority is None:
                return _is_redis(plain)
            trust = ssl.create_default_context(cafile=str(authority.ca))
            with trust.wrap_socket(plain, server_hostname=ADDRESS) as connection:
                return _is_redis(connection)
    except OSError:
        return False


def _is_redis(connection: socket.socket) -> bool:
    connection.sendall(b"PING\r\n")
    return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
