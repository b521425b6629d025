"""Keys and certificates of one control plane, created and deleted with it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

LIFETIME = datetime.timedelta(days=30)
CLIENTS = ("kubelet-client", "etcd-client")
"""What the API server is as a client, each with a certificate."""


def write_certificates(folder: Path, *addresses: str) -> None:
    """Write the certificate authority, key pairs and the signing key of service accounts.

    The files are ``ca.crt``, ``tls.crt`` and ``tls.key`` (served by the API server, etcd and the webhooks),
    ``kubelet-client.crt`` and ``kubelet-client.key`` (how the API server authenticates to kubelets),
    ``etcd-client.crt`` and ``etcd-client.key`` (the same for etcd), and ``service-account.key``.

    Args:
        folder: target folder, created if missing.
        addresses: IP addresses of the API server besides the loopback address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "modelservice cluster")])
    authority = _certificate(authority_name, authority_name, authority_key.public_key(), authority_key, authority=True)
    serving_key = ec.generate_private_key(ec.SECP256R1())
    serving_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    serving = _certificate(
        serving_name, authority_name, serving_key.public_key(), authority_key, authority=False, addresses=addresses
    )
    (folder / "ca.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.crt").write_bytes(serving.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / "tls.key", serving_key)
    for name in CLIENTS:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kube-apiserver-{name}")])
        client = _certificate(subject, authority_name, key.public_key(), authority_key, authority=False)
        (folder / f"{name}.crt").write_bytes(client.public_bytes(serialization.Encoding.PEM))
        _write_key(folder / f"{name}.key", key)
    _write_key(folder / "service-account.key", rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    signing_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
    addresses: Sequence[str] = (),
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", *addresses)),
            x509.DNSName("localhost"),
            x509.DNSName("kubernetes.default.svc"),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(signing_key, hashes.SHA256())
    )
