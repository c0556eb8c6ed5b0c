"""The lab's certificate authority: one CA per lab, one server certificate for the loopback names."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.files import write_private, write_public

VALIDITY = datetime.timedelta(days=365)
SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)


@dataclass(frozen=True)
class Certificates:
    """The paths of a lab's certificates.

    :ivar authority: the lab's CA alone
    :ivar bundle: the lab's CA and the system's, for SSL_CERT_FILE: other TLS connections must continue to work
    """

    authority: Path
    bundle: Path
    server: Path
    server_key: Path


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def make_authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A CA; its key is used once, for the server's certificate, and never written."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("cutover.smc lab CA")
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def make_server_certificate(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, host: str = "localhost"
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for a host and 127.0.0.1, with the extensions that strict verifiers ask for."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        _builder(_name(host), authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .add_extension(names, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return certificate, key


def system_authorities() -> bytes:
    """The CAs that this machine trusts; certifi's if the system has no file of them."""
    for bundle in SYSTEM_BUNDLES:
        if bundle.is_file():
            return bundle.read_bytes()
    return Path(certifi.where()).read_bytes()


def write_certificates(directory: Path, host: str = "localhost") -> Certificates:
    """Make a CA and a server certificate, and write what the lab and its clients need of them."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = Certificates(
        authority=directory / "ca.pem",
        bundle=directory / "ca-bundle.pem",
        server=directory / "server.pem",
        server_key=directory / "server-key.pem",
    )
    authority, authority_key = make_authority()
    server, server_key = make_server_certificate(authority, authority_key, host)
    authority_pem = authority.public_bytes(serialization.Encoding.PEM)
    write_public(paths.authority, authority_pem)
    write_public(paths.bundle, authority_pem + b"\n" + system_authorities())
    write_public(paths.server, server.public_bytes(serialization.Encoding.PEM))
    write_private(
        paths.server_key,
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    return paths
