"""What is wrong with a certificate, made on purpose, in the words that are read."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from tests.certificates import YESTERDAY, Authority
from tests.streams.diagnosis.looks import (
    address_of,
    alerting,
    answer_kafka,
    fault_of,
    hang_up,
    served_with,
    serving,
    told_of,
    trusting,
)

from hybrid_bridge.streams.diagnosis.address import Address
from hybrid_bridge.streams.diagnosis.certificates import find_tls_fault, tls_answers


async def test_an_authority_that_this_pc_does_not_know(authority: Authority) -> None:
    async with serving(answer_kafka, served_with(authority.issue("ok"))) as text:
        told = await told_of(address_of(text, ssl.create_default_context()))
    assert told.startswith(
        f"the certificate of {text} is signed by nobody whom this PC trusts (signed by Testing CA #"
    )
    assert told.endswith(
        "; set REDPANDA_TLS_CA_FILE to the certificate (PEM) of the authority that signed it;"
        " whoever runs Redpanda has it"
    )


async def test_a_certificate_for_another_name(authority: Authority) -> None:
    own = authority.issue("else", "broker.example.com", "10.1.2.3")
    async with serving(answer_kafka, served_with(own)) as text:
        told = await told_of(address_of(text, trusting(authority.ca_file)))
    assert (
        f"the certificate of {text} was not made for the name 127.0.0.1 (made for broker.example.com,"
        " 10.1.2.3); use a name that the certificate has in REDPANDA_BOOTSTRAP_SERVERS, or have one made for"
        " 127.0.0.1"
    ) == told


async def test_of_many_names_only_some_are_shown(authority: Authority) -> None:
    own = authority.issue("many", *(f"b{number}.example.com" for number in range(7)))
    async with serving(answer_kafka, served_with(own)) as text:
        found = await fault_of(address_of(text, trusting(authority.ca_file)))
    assert (
        "made for b0.example.com, b1.example.com, b2.example.com, b3.example.com, b4.example.com and 2 more"
    ) == found.seen


async def test_a_certificate_that_has_expired(authority: Authority) -> None:
    async with serving(answer_kafka, served_with(authority.issue("old", expired=True))) as text:
        told = await told_of(address_of(text, trusting(authority.ca_file)))
    days = f"valid until {YESTERDAY:%Y-%m-%d}; this PC has {datetime.now(UTC):%Y-%m-%d}"
    assert (
        f"the certificate of {text} has expired ({days}); have it renewed on the broker; if this PC's date is"
        " wrong, set its clock"
    ) == told


async def test_a_certificate_that_is_not_valid_yet() -> None:
    tomorrow, signer = datetime.now(UTC) + timedelta(days=1), trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    signer.issue_cert("127.0.0.1", not_before=tomorrow).configure_cert(server)
    signer.configure_trust(client)
    async with serving(answer_kafka, server) as text:
        told = await told_of(address_of(text, client))
    days = f"valid from {tomorrow:%Y-%m-%d}; this PC has {datetime.now(UTC):%Y-%m-%d}"
    assert (
        f"the certificate of {text} is not valid yet ({days}); set this PC's clock, or that of the computer"
        " that made the certificate"
    ) == told


async def test_no_version_of_tls_in_common(authority: Authority) -> None:
    old, new = served_with(authority.issue("ok")), trusting(authority.ca_file)
    old.maximum_version, new.minimum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    with alerting(old) as text:
        told = await told_of(address_of(text, new))
    assert (
        f"{text} and this PC have no version of TLS in common (TLSV1_ALERT_PROTOCOL_VERSION);"
        " have TLS 1.2 or newer turned on at the broker"
    ) == told


# Where a server resets a connection, Windows throws away what had come from it, so the alert of TLS 1.3,
# which comes after the handshake, is lost; the fault is told as "closes the connection right after TLS" then.
ALERT_LOST = pytest.mark.not_on_windows("a late alert is lost there with the connection")


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, pytest.param(ssl.TLSVersion.TLSv1_3, marks=ALERT_LOST)]
)
async def test_a_client_s_certificate_that_is_missing(authority: Authority, version: ssl.TLSVersion) -> None:
    asking = served_with(authority.issue("ok"))
    asking.maximum_version = version
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(authority.ca_file)
    with alerting(asking) as text:
        found = await fault_of(address_of(text, trusting(authority.ca_file)))
    assert f"{text} asks for a certificate of this client's own, and none is set" == found.cause
    assert found.seen.startswith("the broker's alert: ")
    assert (
        "set REDPANDA_TLS_CERT_FILE and REDPANDA_TLS_KEY_FILE; whoever runs Redpanda makes them" == found.mend
    )


@ALERT_LOST
async def test_a_client_s_certificate_that_the_broker_does_not_accept(
    authority: Authority, stranger: Authority
) -> None:
    asking = served_with(authority.issue("ok"))
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(authority.ca_file)
    own, context = stranger.issue("client"), trusting(authority.ca_file)
    context.load_cert_chain(own.cert_file, own.key_file)
    with alerting(asking) as text:
        told = await told_of(replace(address_of(text, context), has_certificate=True))
    assert (
        f"{text} does not accept this client's certificate (the broker's alert: TLSV1_ALERT_UNKNOWN_CA); have"
        " REDPANDA_TLS_CERT_FILE renewed, signed by an authority that the broker trusts"
    ) == told


async def test_whether_tls_is_spoken_at_all(authority: Authority, refused_address: str) -> None:
    async with serving(answer_kafka, served_with(authority.issue("ok"))) as speaks, serving(hang_up) as mute:
        assert [True, False, False] == [
            await tls_answers(address_of(text)) for text in (speaks, mute, refused_address)
        ]


async def test_an_error_that_has_nothing_to_do_with_tls_is_left_to_others() -> None:
    assert await find_tls_fault(Address("a", 1, None, 1), ConnectionResetError()) is None
    assert await find_tls_fault(Address("a", 1, None, 1), ssl.SSLError(1, "[SSL] strange")) is None


async def test_a_certificate_that_cannot_be_looked_at_again_is_judged_by_the_error(
    refused_address: str,
) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    found = await find_tls_fault(address_of(refused_address), error)
    assert found is not None
    assert ("tls_expired", "certificate has expired") == (found.key, found.seen)
    error.verify_code, error.verify_message = 23, "certificate revoked"
    found = await find_tls_fault(address_of(refused_address), error)
    assert found is not None
    assert ("tls_failed", "certificate refused: certificate revoked") == (found.key, found.seen)
