"""What a person is told when there is no connection."""

import socket
import ssl

import pytest

from hybrid_bridge.control import advice


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://localhost:8000/ws/mt5", "ws://localhost:8000/ws/mt5"),
        ("wss://me:secret@host/ws?token=secret", "wss://host/ws"),
        ("ws://[::1]:8000/ws", "ws://[::1]:8000/ws"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert shown == advice.shown_url(url)


@pytest.mark.parametrize(
    ("error", "cause", "advised"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "unreachable", "start the backend"),
        (OSError("Multiple exceptions: [Errno 111] ..."), "unreachable", "start the backend"),
        (socket.gaierror(-2, "Name or service not known"), "unknown_host", "check the host name"),
        (TimeoutError("timed out"), "no_answer", "no answer within 10 s"),
        (ConnectionResetError(), "hung_up", "wss:// for a backend that speaks TLS"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "tls", "ws:// for one that"),
        (PermissionError(), "unreachable", "PermissionError; start the backend"),
    ],
)
def test_a_failure_below_http_is_named_with_what_to_do(error, cause, advised):
    trouble = advice.unreachable(error, 10.0)
    assert cause == trouble.cause
    assert advised in trouble.text


def test_a_certificate_that_is_not_accepted_says_why_and_is_tried_at_leisure():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    trouble = advice.unreachable(error, 10.0)
    assert ("tls_certificate", 5.0) == (trouble.cause, trouble.least_delay_s)
    assert "certificate has expired" in trouble.text


@pytest.mark.parametrize(
    ("retry_after", "least_delay_s"),
    [(None, 5.0), ("2", 5.0), ("60", 60.0), ("86400", 300.0), ("Wed, 21 Oct", 5.0)],
)
def test_the_wait_a_backend_asks_for_is_kept_within_reason(retry_after, least_delay_s):
    assert least_delay_s == advice.refused(429, has_token=True, retry_after=retry_after).least_delay_s


@pytest.mark.parametrize(
    ("code", "reason", "cause", "text"),
    [
        (None, "", "connection_lost", "the connection was lost; is the backend still running?"),
        (1000, "", "closed_1000", "the backend closed the connection (1000)"),
        (1012, "restart", "closed_1012", "the backend closed the connection (1012 restart)"),
    ],
)
def test_an_end_made_by_the_backend_is_told_with_its_code(code, reason, cause, text):
    trouble = advice.closed_by_backend(code, reason)
    assert (cause, text) == (trouble.cause, trouble.text)


def test_an_end_made_by_this_side_is_told_as_such():
    trouble = advice.closed_by_bridge(1011, "keepalive ping timeout")
    assert "the connection was given up (1011 keepalive ping timeout)" == trouble.text
    assert "too_long" == advice.closed_by_bridge(1009, "frame with 300000 bytes").cause
