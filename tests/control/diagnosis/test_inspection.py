"""The WebSocket itself: what a backend answers, made on purpose, in the words that are read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.certificates import Authority
from tests.control.diagnosis.looks import (
    answer_noise,
    answer_page,
    fault_of,
    hang_up,
    look,
    served_with,
    serving,
)
from websockets.asyncio.server import serve

from hybrid_bridge.findings import Fault, Verdict

TOKEN = "very-secret"


async def test_every_step_to_a_backend_is_told(backend) -> None:
    found = await look(backend.url, TOKEN)
    steps = ["address", "name 127.0.0.1", f"TCP 127.0.0.1:{backend.port}", "WebSocket"]
    assert steps == [finding.step for finding in found]
    assert {Verdict.OK} == {finding.verdict for finding in found}
    assert found[-1].seen.startswith("accepted in ")
    assert ", answers a ping in " in found[-1].seen


async def test_it_comes_with_the_token_says_nothing_and_takes_its_leave(backend) -> None:
    await look(backend.url, TOKEN)
    connection = await backend.connection()
    assert f"Bearer {TOKEN}" == connection.request.headers["Authorization"]
    assert [] == [message async for message in connection]
    assert (1000, "the check is over") == (connection.close_code, connection.close_reason)


async def test_what_a_backend_sends_at_once_stands_in_nobodys_way() -> None:
    async def greet(connection) -> None:
        for number in range(10):
            await connection.send(f'{{"type": "get_data", "id": "{number}"}}')
        await connection.wait_closed()

    async with backend_that(greet) as url:
        assert Verdict.OK is (await look(url))[-1].verdict


async def test_a_bridge_that_runs_keeps_its_connection(backend) -> None:
    found = (await look(backend.url, running="process 4711"))[-1]
    assert (Verdict.SKIPPED, "WebSocket") == (found.verdict, found.step)
    assert "a bridge runs (process 4711) and has the connection" in found.seen
    assert backend.connections.empty()


async def test_an_address_that_is_none() -> None:
    (found,) = await look("ws://a..b/?token=very-secret")
    assert found.fault is not None
    assert "address_bad" == found.fault.key
    assert TOKEN not in str(found.fault)


async def test_a_token_that_cannot_be_sent(backend) -> None:
    found = (await look(backend.url, "two words"))[-1]
    assert found.fault is not None
    assert "token_bad" == found.fault.key
    assert "character 4 of 9" in found.fault.seen
    assert backend.connections.empty()


async def test_a_token_that_crosses_the_network_in_clear() -> None:
    found = (await look("ws://no-such-host.invalid/", TOKEN))[1]
    assert (Verdict.NOTE, "token") == (found.verdict, found.step)
    assert "BACKEND_AUTH_TOKEN crosses the network unencrypted; use wss://" in found.seen
    assert TOKEN not in found.seen


@pytest.mark.parametrize(
    ("status", "token", "key"),
    [
        (401, "", "token_missing"),
        (403, "", "token_missing"),
        (401, TOKEN, "token_refused"),
        (403, TOKEN, "token_refused"),
        (404, "", "path_unknown"),
        (429, "", "too_many"),
        (500, "", "not_ready"),
        (502, "", "not_ready"),
        (503, "", "not_ready"),
        (418, "", "not_websocket"),
    ],
)
async def test_a_refusal_is_explained(start_backend, status: int, token: str, key: str) -> None:
    def refuse(connection, _request):
        return connection.respond(status, "no\n")

    backend = await start_backend(process_request=refuse)
    found = await fault_of(backend.url, token)
    assert (key, f"HTTP {status}") == (found.key, found.seen)


async def test_a_web_server_that_knows_no_websockets() -> None:
    async with serving(answer_page) as at:
        assert ("not_websocket", "HTTP 200") == ((found := await fault_of(f"ws://{at}/")).key, found.seen)
    async with serving(answer_noise) as at:
        assert "not_websocket" == (await fault_of(f"ws://{at}/")).key


async def test_ws_at_a_backend_that_encrypts(start_backend, authority: Authority) -> None:
    backend = await start_backend(ssl=served_with(authority.issue("ok")))
    found = await fault_of(backend.url)
    assert ("tls_spoken", "it answers a TLS greeting") == (found.key, found.seen)
    assert "begin BACKEND_WS_URL with wss://" == found.mend


async def test_a_server_that_accepts_and_stays_silent(hung_tcp: str) -> None:
    found = await fault_of(hung_tcp, patience_s=0.3)
    assert ("silent", "no answer within 0.3 s") == (found.key, found.seen)


async def test_a_server_that_hangs_up_without_an_answer() -> None:
    async with serving(hang_up) as at:
        assert "hung_up" == (await fault_of(f"ws://{at}/")).key


@pytest.mark.parametrize("code", [1008, 4401, 4403])
async def test_a_backend_that_refuses_the_token_after_the_handshake(code: int) -> None:
    found = await closed_with(code, TOKEN)
    assert ("token_refused", f"it closed with {code} no") == (found.key, found.seen)
    assert "token_missing" == (await closed_with(code, "")).key


async def test_a_backend_that_closes_at_once_for_another_reason() -> None:
    found = await closed_with(1011, TOKEN)
    assert ("closed", "1011 no") == (found.key, found.seen)


async def test_a_backend_that_is_deaf(deaf_backend: str) -> None:
    found = await fault_of(deaf_backend, patience_s=0.3)
    assert ("deaf", "no pong within 0.3 s") == (found.key, found.seen)


async def closed_with(code: int, token: str) -> Fault:
    """What is said of a backend that closes every connection with this code."""

    async def close(connection) -> None:
        await connection.close(code, "no")

    async with backend_that(close) as url:
        return await fault_of(url, token)


@asynccontextmanager
async def backend_that(does) -> AsyncIterator[str]:
    """A backend that does this with each connection; its address."""
    async with serve(does, "127.0.0.1", 0, close_timeout=0.5) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ws/mt5"
