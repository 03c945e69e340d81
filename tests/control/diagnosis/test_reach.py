"""Each way in which the backend's network cannot be used, made on purpose, in the words that are read."""

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.certificates import Authority
from tests.control.diagnosis.looks import answer_noise, fault_of, hang_up, look, served_with, serving

from hybrid_bridge.findings import Verdict


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority whom this PC trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    return authority


async def test_every_step_over_tls_is_told(start_backend, trusted: Authority) -> None:
    backend = await start_backend(ssl=served_with(trusted.issue("ok")))
    found = await look(f"wss://127.0.0.1:{backend.port}/ws/mt5")
    at = f"127.0.0.1:{backend.port}"
    assert ["address", "name 127.0.0.1", f"TCP {at}", f"TLS {at}", "WebSocket"] == [one.step for one in found]
    assert {Verdict.OK} == {one.verdict for one in found}
    assert found[3].seen.startswith("encrypted, certificate accepted (")


async def test_a_name_that_does_not_resolve() -> None:
    found = await fault_of("ws://no-such-host.invalid:8000/ws/mt5")
    assert ("name_unknown", "the name no-such-host.invalid cannot be resolved on this PC") == (
        found.key,
        found.cause,
    )
    assert found.seen


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


@pytest.mark.usefixtures("silent_name_server")
async def test_a_name_server_that_does_not_answer() -> None:
    found = await fault_of("ws://backend.example.com/", patience_s=0.1)
    assert ("name_silent", "no answer within 0.1 s") == (found.key, found.seen)


async def test_a_port_that_refuses(refused_address: str) -> None:
    found = await fault_of(f"ws://{refused_address}/ws/mt5")
    assert (
        f"nothing listens at {refused_address} (connection refused); start the backend, or correct"
        " BACKEND_WS_URL"
    ) == str(found)


@pytest.mark.not_on_windows("a full queue refuses there, and cannot play a firewall")
async def test_a_firewall_that_swallows_everything(full_address: str) -> None:
    found = await fault_of(f"ws://{full_address}/", patience_s=0.3)
    assert ("tcp_silent", "no answer within 0.3 s") == (found.key, found.seen)


async def test_an_address_without_a_way_to_it() -> None:
    found = await fault_of("ws://255.255.255.255:9/")
    assert "tcp_unreachable" == found.key
    assert found.seen


async def test_wss_at_a_backend_that_does_not_encrypt(backend) -> None:
    found = await fault_of(f"wss://127.0.0.1:{backend.port}/ws/mt5")
    assert "tls_not_spoken" == found.key
    assert (
        f"127.0.0.1:{backend.port} does not encrypt, but BACKEND_WS_URL begins with wss://"
        " (it answers without TLS); begin BACKEND_WS_URL with ws://, or give the port that"
        " speaks TLS"
    ) == str(found)


async def test_tls_with_something_that_speaks_neither() -> None:
    async with serving(hang_up) as at:
        assert "tls_failed" == (await fault_of(f"wss://{at}/")).key
    async with serving(answer_noise) as at:
        assert "tls_not_spoken" == (await fault_of(f"wss://{at}/")).key


async def test_an_authority_that_this_pc_does_not_know(start_backend, authority: Authority) -> None:
    backend = await start_backend(ssl=served_with(authority.issue("ok")))
    found = await fault_of(f"wss://127.0.0.1:{backend.port}/ws/mt5")
    assert "tls_authority" == found.key
    assert "unable to get local issuer certificate" == found.seen


async def test_a_certificate_for_another_name(start_backend, trusted: Authority) -> None:
    backend = await start_backend(ssl=served_with(trusted.issue("else", "backend.example.com")))
    found = await fault_of(f"wss://127.0.0.1:{backend.port}/ws/mt5")
    assert "tls_name" == found.key
    assert f"the certificate of 127.0.0.1:{backend.port} was not made for the name 127.0.0.1" == found.cause


async def test_a_certificate_that_has_expired(start_backend, trusted: Authority) -> None:
    backend = await start_backend(ssl=served_with(trusted.issue("old", expired=True)))
    found = await fault_of(f"wss://127.0.0.1:{backend.port}/ws/mt5")
    assert ("tls_dates", "certificate has expired") == (found.key, found.seen)
