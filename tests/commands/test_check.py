"""`hybrid-bridge check`: what a person reads, what a program reads, and the exit code."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from confluent_kafka import Producer

from hybrid_bridge import cli
from hybrid_bridge.commands import check_parts
from hybrid_bridge.findings import Finding, well
from hybrid_bridge.settings import StreamSettings
from hybrid_bridge.streams.diagnosis.faults import FAULTS

STEPS = ("name", "TCP", "Kafka", "cluster", "topic", "write", "read", "group", "clock", "round trip")


@pytest.fixture
def broker() -> Iterator[str]:
    """librdkafka's mock cluster."""
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored"})
    yield next(iter(cluster.list_topics(timeout=10).brokers.values())).__str__().split("/")[0]
    cluster.flush(1)


@pytest.fixture
def refused() -> str:
    """An address that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def settings_file(folder: Path, **settings: str) -> None:
    lines = {"MT5_LOGIN": "7001", "SIMULATION_MODE": "true"} | settings
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def test_0_where_redpanda_can_be_used(folder, broker, capsys):
    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=broker)
    assert 0 == cli.main(["check", "redpanda"])
    told = capsys.readouterr().out.splitlines()
    assert f"Redpanda at {broker}, PLAINTEXT" == told[0]
    assert "Redpanda can be used from this PC." == told[-1]
    assert f"  ok        TCP {broker}" in "\n".join(told)
    for step in STEPS:
        assert any(re.match(rf"  (ok|note|left out) +{step}", line) for line in told), step


def test_1_with_cause_what_was_seen_and_mend(folder, refused, capsys):
    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=refused)
    assert 1 == cli.main(["check", "redpanda"])
    assert [
        f"Redpanda at {refused}, PLAINTEXT",
        "",
        "  ok        name 127.0.0.1                      is 127.0.0.1",
        f"  FAILED    TCP {refused}",
        f"            cause: nothing listens on {refused}",
        "            seen: connection refused",
        f"            mend: {FAULTS['tcp_refused'].mend}",
        "",
        f"Redpanda cannot be used as it is set up. Mend 'TCP {refused}'; then check again.",
    ] == capsys.readouterr().out.splitlines()


def test_several_faults_are_mended_one_after_the_other(folder, refused, capsys):
    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=f"{refused},no-such-host.invalid:9092")
    assert 1 == cli.main(["check", "redpanda"])
    assert f"Mend 'TCP {refused}', then the 1 after it; then check again." in capsys.readouterr().out


def test_a_program_reads_the_same(folder, refused, capsys):
    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=refused)
    assert 1 == cli.main(["check", "redpanda", "--json"])
    part = {
        "part": "redpanda",
        "ok": False,
        "servers": refused,
        "protocol": "PLAINTEXT",
        "account": "simulator-7001",
        "steps": [
            {
                "step": "name 127.0.0.1",
                "verdict": "ok",
                "seen": "is 127.0.0.1",
                "fault": None,
                "cause": None,
                "mend": None,
            },
            {
                "step": f"TCP {refused}",
                "verdict": "failed",
                "seen": "connection refused",
                "fault": "tcp_refused",
                "cause": f"nothing listens on {refused}",
                "mend": FAULTS["tcp_refused"].mend,
            },
        ],
    }
    assert {"ok": False, "parts": [part]} == json.loads(capsys.readouterr().out)


def test_a_program_reads_that_all_is_well(folder, broker, capsys):
    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=broker)
    assert 0 == cli.main(["check", "redpanda", "--json"])
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_another_settings_file_can_be_named(folder, refused, capsys):
    (folder / "other.env").write_text(f"REDPANDA_BOOTSTRAP_SERVERS={refused}\n")
    assert 1 == cli.main(["check", "redpanda", "--env-file", "other.env", "--json"])
    # Without MT5_LOGIN there is no account yet, and the way to Redpanda can be looked at all the same.
    (told,) = json.loads(capsys.readouterr().out)["parts"]
    assert (refused, "no-account") == (told["servers"], told["account"])


def test_settings_that_do_not_go_together_are_2(folder, refused, capsys):
    settings_file(
        folder,
        REDPANDA_BOOTSTRAP_SERVERS=refused,
        REDPANDA_SECURITY_PROTOCOL="SASL_SSL",
        MAX_RISK_PERCENT="x",
    )
    assert 2 == cli.main(["check", "redpanda"])
    told = capsys.readouterr().err
    assert "REDPANDA_SASL_USERNAME: not set, but REDPANDA_SECURITY_PROTOCOL=SASL_SSL logs in; set it" in told
    assert "MAX_RISK_PERCENT" not in told


def test_a_password_is_never_shown(folder, refused, capsys):
    settings_file(
        folder,
        REDPANDA_BOOTSTRAP_SERVERS=refused,
        REDPANDA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        REDPANDA_SASL_USERNAME="trader",
        REDPANDA_SASL_PASSWORD="very-secret",
    )
    assert 1 == cli.main(["check", "redpanda"])
    assert 1 == cli.main(["check", "redpanda", "--json"])
    assert "very-secret" not in "".join(capsys.readouterr())


def test_the_report_leaves_the_logs_as_they_were(folder, refused, capsys):
    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=refused)
    before = structlog.get_config()
    assert 1 == cli.main(["check", "redpanda"])
    assert before == structlog.get_config()


def test_ctrl_c_ends_it_in_one_sentence(folder, refused, monkeypatch, capsys):
    async def interrupted(*_: object) -> AsyncIterator[Finding]:
        yield well("name", "is 127.0.0.1")
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    settings_file(folder, REDPANDA_BOOTSTRAP_SERVERS=refused)
    monkeypatch.setattr(check_parts, "inspect_redpanda", interrupted)
    assert 1 == cli.main(["check", "redpanda"])
    assert "interrupted: nothing can be said\n" == capsys.readouterr().err


@pytest.mark.parametrize(("named", "expected"), [("", "hybrid-bridge-no-account"), ("desk", "desk")])
def test_without_an_account_the_group_is_not_that_of_the_simulation(
    folder, refused, monkeypatch, named, expected
):
    asked = []

    async def inspect(streams: StreamSettings, _: object) -> AsyncIterator[Finding]:
        asked.append(streams.group_id)
        yield well("name", "is 127.0.0.1")

    (folder / ".env").write_text(f"MT5_BACKEND=terminal\nREDPANDA_GROUP_ID={named}\n")
    monkeypatch.setattr(check_parts, "inspect_redpanda", inspect)
    assert 0 == cli.main(["check", "redpanda"])
    assert [expected] == asked
