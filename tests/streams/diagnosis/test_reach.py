"""Each way in which an address cannot be reached, made on purpose, in the words that are read."""

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.certificates import Authority
from tests.streams.diagnosis.looks import (
    address_of,
    answer_kafka,
    answering_with,
    fault_of,
    hang_up,
    look,
    served_with,
    serving,
    told_of,
    trusting,
)

from hybrid_bridge.streams.diagnosis import reach
from hybrid_bridge.streams.diagnosis.address import Address

PORT_9092 = (
    "correct the port in REDPANDA_BOOTSTRAP_SERVERS: Redpanda's is usually 9092"
    " (8080 to 8082 and 9644 are its others)"
)


async def test_every_step_to_a_broker_is_told() -> None:
    async with serving(answer_kafka) as text:
        found = await look(address_of(text))
    assert ["name 127.0.0.1", f"TCP {text}", f"Kafka {text}"] == [finding.step for finding in found]
    assert "is 127.0.0.1" == found[0].seen
    assert "answers as a Kafka broker" == found[-1].seen


async def test_tls_is_a_step_of_its_own(authority: Authority) -> None:
    async with serving(answer_kafka, served_with(authority.issue("ok"))) as text:
        found = await look(address_of(text, trusting(authority.ca_file)))
    assert ["name", "TCP", "TLS", "Kafka"] == [finding.step.partition(" ")[0] for finding in found]
    assert "TLSv1.3, certificate trusted" == found[2].seen


async def test_a_name_that_does_not_resolve() -> None:
    found = await fault_of(Address("no-such-host.invalid", 9092, None, 5))
    assert "the name no-such-host.invalid cannot be resolved on this PC" == found.cause
    assert found.seen
    assert (
        "correct REDPANDA_BOOTSTRAP_SERVERS; a name from inside Docker, like redpanda, is not known outside"
        " of it: there it is localhost"
    ) == found.mend


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lookups that get no answer for as long as a test may take."""
    answered = threading.Event()

    def wait(*_: object, **__: object) -> list[object]:
        answered.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    answered.set()


async def test_a_name_server_that_does_not_answer(silent_name_server: None) -> None:
    assert (
        "no name server has told this PC the address of broker.example.com (no answer within 0.1 s);"
        " check this PC's network and VPN, then the name servers (DNS) that it is told to use"
    ) == await told_of(Address("broker.example.com", 9092, None, 0.1))


async def test_a_port_that_refuses(refused_address: str) -> None:
    assert (
        f"nothing listens on {refused_address} (connection refused); start Redpanda (start-redpanda does that"
        " on this PC) or correct REDPANDA_BOOTSTRAP_SERVERS"
    ) == await told_of(address_of(refused_address))


async def test_a_firewall_that_swallows_everything(
    full_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "CONNECT_S_MIN", 0.1)
    assert (
        f"no answer from {full_address} (none within 0.3 s); look for a firewall on the way, for a computer"
        " that is off, and for a wrong address in REDPANDA_BOOTSTRAP_SERVERS"
    ) == await told_of(address_of(full_address, patience_s=0.3))


async def test_where_refusing_takes_long_more_time_is_given_to_it(
    full_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows."""
    monkeypatch.setattr(reach, "CONNECT_S_MIN", 0.4)
    assert "none within 0.4 s" == (await fault_of(address_of(full_address, patience_s=0.1))).seen


async def test_an_address_without_a_way_to_it() -> None:
    found = await fault_of(address_of("255.255.255.255:9092"))
    assert "255.255.255.255:9092 cannot be reached from this PC" == found.cause
    assert found.seen
    assert "check the network, a VPN if you use one, and REDPANDA_BOOTSTRAP_SERVERS" == found.mend


async def test_a_server_that_accepts_and_stays_silent(silent_address: str) -> None:
    assert (
        f"{silent_address} accepts connections but does not answer as a Kafka broker (no answer to a Kafka"
        " request within 0.3 s); it hangs or is still starting: look at its log; if the name is localhost,"
        " use 127.0.0.1: on Windows something left over from WSL may answer for localhost"
    ) == await told_of(address_of(silent_address, patience_s=0.3))


async def test_a_server_that_hangs_up_at_once() -> None:
    async with serving(hang_up) as text:
        told = await told_of(address_of(text))
    assert (
        f"{text} accepts connections and closes them at once (no answer to a Kafka request before that);"
        " Docker does so for a container in which nothing listens yet: look at the broker's log, and whether"
        " REDPANDA_BOOTSTRAP_SERVERS has the port that the container is reached at"
    ) == told


async def test_a_broker_that_hangs_up_once_tls_is_agreed_upon(authority: Authority) -> None:
    """So does one that wants a certificate and does not say so."""
    async with serving(hang_up, served_with(authority.issue("ok"))) as text:
        told = await told_of(address_of(text, trusting(authority.ca_file)))
    assert (
        f"{text} closes the connection right after TLS has been agreed upon (no answer to a Kafka request"
        " before that); most often such a broker wants a certificate of this client's own: set"
        " REDPANDA_TLS_CERT_FILE and REDPANDA_TLS_KEY_FILE, or have them renewed; otherwise look at its log"
    ) == told


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"SSH-2.0\x00\xff", "SSH-2.0??"),
        (b"\n", ""),
        (bytes(40), "?" * 40),
    ],
)
async def test_a_server_that_speaks_something_else(answer: bytes, shown: str) -> None:
    async with serving(answering_with(answer)) as text:
        told = await told_of(address_of(text))
    assert f"{text} is something else than a Kafka broker (it answered '{shown}'); {PORT_9092}" == told


async def test_a_broker_that_encrypts_spoken_to_in_plain_text(authority: Authority) -> None:
    async with serving(answer_kafka, served_with(authority.issue("ok"))) as text:
        told = await told_of(address_of(text))
    assert (
        f"{text} speaks TLS, but this PC was told not to encrypt (it answers a TLS greeting); set"
        " REDPANDA_SECURITY_PROTOCOL=SSL, or SASL_SSL if you have a user name and password for Redpanda"
    ) == told


@pytest.mark.parametrize(("logs_in", "protocol"), [(False, "PLAINTEXT"), (True, "SASL_PLAINTEXT")])
async def test_a_broker_that_does_not_encrypt_spoken_to_by_tls(
    authority: Authority, logs_in: bool, protocol: str
) -> None:
    async with serving(answer_kafka) as text:
        host, _, port = text.rpartition(":")
        told = await told_of(Address(host, int(port), trusting(authority.ca_file), 1, logs_in))
    assert (
        f"{text} does not encrypt, but this PC was told to (it answers Kafka's protocol unencrypted); set"
        f" REDPANDA_SECURITY_PROTOCOL={protocol}, or give the port that speaks TLS in"
        " REDPANDA_BOOTSTRAP_SERVERS"
    ) == told


async def test_a_server_that_breaks_the_handshake_off(authority: Authority) -> None:
    async with serving(hang_up) as text:
        found = await fault_of(address_of(text, trusting(authority.ca_file)))
    assert f"no TLS connection with {text} comes about" == found.cause
    assert found.seen
    assert (
        "compare with the broker's log; is it the port that speaks TLS in REDPANDA_BOOTSTRAP_SERVERS?"
    ) == found.mend


async def test_a_server_that_never_answers_a_tls_greeting(silent_address: str, authority: Authority) -> None:
    found = await fault_of(address_of(silent_address, trusting(authority.ca_file), patience_s=0.2))
    assert ("tls_failed", "no answer to a TLS greeting within 0.2 s") == (found.key, found.seen)


async def test_a_name_with_several_addresses_shows_them_all() -> None:
    many = socket.getaddrinfo("localhost", 9092, type=socket.SOCK_STREAM)
    found = await look(Address("localhost", 9092, None, 1))
    assert "is " + ", ".join(dict.fromkeys(place[4][0] for place in many)) == found[0].seen
