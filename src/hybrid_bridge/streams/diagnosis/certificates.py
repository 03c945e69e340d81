"""Why a TLS handshake failed, and what the broker's certificate says.

Owns how OpenSSL's errors are read. Looks at a certificate once more where the error does not tell enough: on
connections of its own that carry nothing. Called by reach alone.
"""

import ssl
import time
from typing import Any

from hybrid_bridge.findings import Fault
from hybrid_bridge.streams.diagnosis.address import Address, connection
from hybrid_bridge.streams.diagnosis.faults import fault

# X509_V_ERR_*, openssl/x509_vfy.h.
_EXPIRED, _TOO_EARLY, _HOSTNAME, _ADDRESS = 10, 9, 62, 64
_UNTRUSTED = {2, 18, 19, 20, 21}
# X509_V_FLAG_NO_CHECK_TIME, which Python has no name for: what has expired is to be looked at too.
_NO_CHECK_TIME = 0x200000

# What is said of a client's certificate, by the ends of OpenSSL's names.
_CLIENT_MISSING = ("CERTIFICATE_REQUIRED",)
_CLIENT_REFUSED = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_HANDSHAKE_FAILURE",
    "ALERT_ACCESS_DENIED",
)
_VERSION = ("ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE")
NAMES_SHOWN_MAX = 5


async def find_tls_fault(address: Address, error: BaseException) -> Fault | None:
    """Say what an error of a TLS connection means; None when it does not tell."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _judged(address, error, await _look_at_certificate(address))
    if not isinstance(error, ssl.SSLError):
        return None
    reason = _reason(error)
    if reason.endswith(_VERSION):
        return fault("tls_version", reason, address=address)
    if reason.endswith((*_CLIENT_MISSING, *_CLIENT_REFUSED)):
        missing = reason.endswith(_CLIENT_MISSING) or not address.has_certificate
        key = "tls_client_missing" if missing else "tls_client_refused"
        return fault(key, f"the broker's alert: {reason}", address=address)
    return None


async def tls_answers(address: Address) -> bool:
    """Tell whether whoever listens there speaks TLS, whatever its certificate is worth."""
    try:
        await _handshake(address, _blind_context())
    except ssl.SSLError as error:
        return _reason(error).endswith((*_CLIENT_MISSING, *_CLIENT_REFUSED, *_VERSION))
    except (OSError, TimeoutError):
        return False
    return True


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's name for it, "" when it has none."""
    return getattr(error, "reason", None) or ""


def _judged(address: Address, error: ssl.SSLCertVerificationError, found: dict[str, Any]) -> Fault:
    names: dict[str, object] = {"address": address, "host": address.host}
    match error.verify_code:
        case code if code in (_EXPIRED, _TOO_EARLY):
            edge = found.get("notAfter" if code == _EXPIRED else "notBefore")
            now = time.strftime("%Y-%m-%d", time.gmtime())
            key, word = ("tls_expired", "until") if code == _EXPIRED else ("tls_too_early", "from")
            day = _day(edge) if edge else ""
            # Otherwise it is another certificate of its chain.
            judged = bool(day) and (day <= now if code == _EXPIRED else day >= now)
            seen = f"valid {word} {day}; this PC has {now}" if judged else error.verify_message
            return fault(key, seen, **names)
        case code if code in (_HOSTNAME, _ADDRESS):
            made_for = _made_for(found)
            return fault("tls_wrong_name", f"made for {made_for}" if made_for else "", **names)
        case code if code in _UNTRUSTED:
            signer = _common_name(found.get("issuer", ()))
            seen = f"signed by {signer}" if signer else error.verify_message
            return fault("tls_unknown_authority", seen, **names)
    return fault("tls_failed", f"certificate refused: {error.verify_message}", **names)


def _day(edge: str) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(ssl.cert_time_to_seconds(edge)))


def _made_for(found: dict[str, Any]) -> str:
    names = [str(name) for kind, name in found.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return ", ".join(names[:NAMES_SHOWN_MAX]) + more or _common_name(found.get("subject", ()))


def _common_name(parts: Any) -> str:
    named = {key: str(value) for part in parts for key, value in part}
    for key in ("commonName", "organizationalUnitName", "organizationName"):
        if key in named:
            return named[key]
    return ""


async def _look_at_certificate(address: Address) -> dict[str, Any]:
    """Return the certificate as Python takes it apart, {} when it cannot be had.

    Python shows the parts of a certificate that it trusts, and no other: first it is taken without trust,
    then it is trusted itself.
    """
    try:
        raw = (await _handshake(address, _blind_context()))[0]
        context = _blind_context()
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        context.load_verify_locations(cadata=raw)
        context.verify_mode = ssl.CERT_REQUIRED
        return (await _handshake(address, context))[1]
    except (OSError, TimeoutError):
        return {}


def _blind_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _handshake(address: Address, context: ssl.SSLContext) -> tuple[bytes, dict[str, Any]]:
    """Shake hands and hang up; return the broker's certificate as bytes and, if trusted, taken apart."""
    async with connection(address, context) as (_, writer):
        session: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return session.getpeercert(binary_form=True) or b"", session.getpeercert() or {}
