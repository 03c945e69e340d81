"""TLS and SASL: the settings as aiokafka's clients take them.

Owns how certificates are read and checked, and the words for those that cannot be used. The files are read
anew for each client, so that what is renewed on the disk is taken with the next connection. Opens no
connection. Called wherever a client is built.
"""

import re
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybrid_bridge.settings import SecuritySettings

SYSTEM_LIFE_S = (
    60.0  # Reading all that an operating system trusts may take 0.1 s, and outages bring many clients.
)

_CA, _CERT, _KEY = (f"REDPANDA_TLS_{part}_FILE" for part in ("CA", "CERT", "KEY"))
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
_CONVERT = "convert it with openssl if it is in DER, PFX (PKCS #12) or a Java key store"
_EXPLICIT_0, _UTC_TIME = 0xA0, 0x17  # Tags of DER.


class CertificateUnusable(OSError):
    """A certificate or a key cannot be used.

    Attributes:
        cause: names the setting and the file.
        mend: what to do about it.
    """

    def __init__(self, setting: str, cause: str, mend: str) -> None:
        super().__init__(f"{setting}: {cause}; {mend}")
        self.cause = f"{setting}: {cause}"
        self.mend = mend


def security_options(security: SecuritySettings) -> dict[str, Any]:
    """Return the keyword arguments that tell an aiokafka client how to connect and as whom.

    Raises:
        CertificateUnusable: when a certificate or key cannot be read or used.
    """
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.encrypted:
        options["ssl_context"] = tls_context(security)
    if security.authenticated:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value()
    return options


def tls_context(security: SecuritySettings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and name and shows the client's own, if set.

    Raises:
        CertificateUnusable: when a certificate or key cannot be read or used.
    """
    if not (security.ca_file or security.cert_file):
        return _SYSTEM.context()
    context = _new_context(security.ca_file)
    if security.cert_file:
        _show_own(context, security.cert_file, security.key_file)
    return context


def _new_context(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=_authorities(ca_file) if ca_file else None)
    except ssl.SSLError as error:
        cause = f"a certificate in {ca_file} is damaged ({_reason(error)})"
        raise CertificateUnusable(_CA, cause, "copy it anew") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The same on every Python. From 3.13 on the default is to refuse what a plain `openssl req -x509` makes,
    # and to trust an authority that is not the last of its chain, too.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class _System:
    """What the operating system trusts, read again after a while."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._read_at = 0.0

    def context(self) -> ssl.SSLContext:
        now = time.monotonic()
        if self._context is None or now - self._read_at > SYSTEM_LIFE_S:
            self._context, self._read_at = _new_context(""), now
        return self._context


_SYSTEM = _System()


def _authorities(path: str) -> str:
    """Return the certificates of a file of authorities, at least one of which is still valid."""
    certificates = _certificates(_CA, path)
    end = max(_validity(_CA, path, certificate)[1] for certificate in certificates)
    if end < datetime.now(UTC):
        cause = f"what {path} holds expired at {_minute(end)}"
        raise CertificateUnusable(_CA, cause, "get the present certificate from whoever runs Redpanda")
    return "\n".join(certificates)


def _show_own(context: ssl.SSLContext, cert_path: str, key_path: str) -> None:
    """Have the context show the client's own certificate, the first in its file."""
    begin, end = _validity(_CERT, cert_path, _certificates(_CERT, cert_path)[0])
    now = datetime.now(UTC)
    if not begin <= now <= end:
        when = f"expired at {_minute(end)}" if now > end else f"is not valid before {_minute(begin)}"
        cause = f"the certificate in {cert_path} {when}, and this PC's clock says {_minute(now)}"
        raise CertificateUnusable(_CERT, cause, "have it renewed, or set the clock")
    if not any(kind.endswith("PRIVATE KEY") for kind, _ in _blocks(_KEY, key_path)):
        raise CertificateUnusable(_KEY, f"{key_path} holds no private key in PEM", _CONVERT)

    def refuse_passphrase() -> str:  # Without it OpenSSL would ask on the terminal, and wait.
        cause = f"the key in {key_path} is encrypted, and nobody is there to type its passphrase"
        decrypt = f"openssl pkey -in {key_path} -out ..."
        mend = f"decrypt it (`{decrypt}`) and let nobody but the bridge's user read it"
        raise CertificateUnusable(_KEY, cause, mend)

    try:
        context.load_cert_chain(cert_path, key_path, refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            cause = f"the key in {key_path} does not belong to the certificate in {cert_path} ({_CERT})"
            raise CertificateUnusable(_KEY, cause, "give the two that were made together") from error
        cause = f"{cert_path} with {key_path} cannot be used ({_reason(error)})"
        raise CertificateUnusable(_CERT, cause, "copy both anew, as plain text in PEM") from error


def _certificates(setting: str, path: str) -> list[str]:
    """Return the certificates in a file, each in PEM."""
    found = [text for kind, text in _blocks(setting, path) if kind == "CERTIFICATE"]
    if not found:
        cause = f"{path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
        raise CertificateUnusable(setting, cause, _CONVERT)
    return found


def _blocks(setting: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield what a PEM file holds: kind and text. What stands between is for people."""
    try:
        text = Path(path).read_bytes().decode("ascii", errors="replace")
    except OSError as error:
        cause = f"{path} cannot be read ({error.strerror or error})"
        raise CertificateUnusable(
            setting, cause, "give a PEM file that the bridge's user may read"
        ) from error
    for block in _PEM_BLOCK.finditer(text):
        yield block[1], block[0]


def _validity(setting: str, path: str, certificate: str) -> tuple[datetime, datetime]:
    """Return from when and until when a certificate is valid.

    Source: RFC 5280, 4.1; version, serial number, algorithm and issuer stand before it. Python itself shows
    the parts of no certificate but a trusted one.
    """
    try:
        der = ssl.PEM_cert_to_DER_cert(certificate)
        at = _element(der, _element(der, 0)[1])[1]
        for _ in range(4 if der[at] == _EXPLICIT_0 else 3):
            at = _element(der, at)[2]
        begin = _element(der, _element(der, at)[1])
        return _instant(der, *begin), _instant(der, *_element(der, begin[2]))
    except (ValueError, IndexError) as error:
        raise CertificateUnusable(setting, f"a certificate in {path} is damaged", "copy it anew") from error


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return an element's tag, and where its content begins and ends. Source: ITU-T X.690, 8.1."""
    tag, length = der[at], der[at + 1]
    if length < 0x80:
        return tag, at + 2, at + 2 + length
    start = at + 2 + (length & 0x7F)
    return tag, start, start + int.from_bytes(der[at + 2 : start], "big")


def _instant(der: bytes, tag: int, start: int, end: int) -> datetime:
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:  # Two digits of a year from 1950 to 2049.
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
