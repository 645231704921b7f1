"""Listeners that are not a database, and certificates that one has to trust or not."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@contextlib.contextmanager
def listener(banner: bytes = b"", *, closes: bool = False) -> Iterator[int]:
    """Yield a port that accepts, says `banner`, and then stays silent or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        links: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = server.accept()
                    with contextlib.suppress(OSError):
                        link.sendall(banner)
                    if closes:
                        link.close()
                    else:
                        links.append(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for link in links:
                link.close()


@dataclass(frozen=True)
class Authority:
    """A certificate authority and a server certificate of it, as files."""

    ca: Path
    certificate: Path
    key: Path


def authority(directory: Path, host: str, *, is_complete: bool = True) -> Authority:
    """Make an authority that has signed a certificate for one host or address.

    One that is not complete lacks what Python 3.13 asks for and many companies leave out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for path in (directory, directory.parent):  # the server runs as another user
        path.chmod(path.stat().st_mode | 0o055)
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA of {directory.name}")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the server")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().not_valid_before(start)
    builder = builder.not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC)).issuer_name(ca_name)
    of_ca = builder.subject_name(ca_name).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    of_server = builder.subject_name(name).add_extension(
        x509.SubjectAlternativeName([_general_name(host)]), critical=False
    )
    if is_complete:
        of_ca = _identified(of_ca, ca_key, ca_key).add_extension(_CA_KEY_USAGE, critical=True)
        of_server = _identified(of_server, server_key, ca_key)
    ca, certificate = (
        made.public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .sign(ca_key, hashes.SHA256())
        for made, key in ((of_ca, ca_key), (of_server, server_key))
    )
    pem = serialization.Encoding.PEM
    found = Authority(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    found.ca.write_bytes(ca.public_bytes(pem))
    found.certificate.write_bytes(certificate.public_bytes(pem))
    found.key.write_bytes(
        server_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return found


def _identified(
    builder: x509.CertificateBuilder,
    own: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    """Add both key identifiers: RFC 5280, sections 4.2.1.1 and 4.2.1.2."""
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    own_name = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
    return builder.add_extension(of_issuer, critical=False).add_extension(own_name, critical=False)


_CA_KEY_USAGE = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
