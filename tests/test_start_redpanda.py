"""start-redpanda.sh, with stand-ins for docker and curl on PATH that record how they were called."""

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMPOSE = "--project-name hybrid-bridge --env-file /dev/null --file docker-compose.yml"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script")

DOCKER = """#!/usr/bin/env bash
printf '%s %s\\n' "${0##*/}" "$*" >>"$CALLS"
case "$*" in
  info) exit "${DOCKER_INFO_CODE:-0}" ;;
  'compose version') exit "${COMPOSE_VERSION_CODE:-0}" ;;
  ps\\ *) printf '%s' "${RUNNING:-}" ;;
  *'up --detach') exit "${UP_CODE:-0}" ;;
  *'rpk topic list') printf 'NAME PARTITIONS REPLICAS\\n%s\\n' "${TOPICS:-}" ;;
  *'rpk topic create'*) exit "${CREATE_CODE:-0}" ;;
esac
"""
CURL = """#!/usr/bin/env bash
printf 'curl %s\\n' "$*" >>"$CALLS"
count=$(grep -c ^curl "$CALLS")
if [ "$count" -gt "${NOT_READY_TIMES:-0}" ]; then status=ready; else status=booting; fi
echo "{\\"status\\":\\"$status\\"}"
"""
TOOLS = ("bash", "env", "dirname", "grep", "sed", "awk", "tail", "sleep")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Bench:
    """A copy of the script and its stand-ins in a folder of their own."""

    folder: Path
    environment: dict[str, str]

    def stand_in(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.folder / "bin" / name).unlink()

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "my bridge" / "start-redpanda.sh"), *arguments],
            env={**self.environment, **environment},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        path = Path(self.environment["CALLS"])
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    project = tmp_path / "my bridge"
    project.mkdir()
    for name in ("start-redpanda.sh", "docker-compose.yml"):
        shutil.copy2(ROOT / name, project / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    bench = Bench(
        tmp_path,
        {
            "PATH": str(tmp_path / "bin"),
            "CALLS": str(tmp_path / "calls"),
            "REDPANDA_PORT": str(free_port()),
            "REDPANDA_ADMIN_PORT": str(free_port()),
            "REDPANDA_CONSOLE_PORT": str(free_port()),
        },
    )
    bench.stand_in("docker", DOCKER)
    bench.stand_in("curl", CURL)
    return bench


def test_it_starts_waits_until_ready_and_makes_the_topics(bench: Bench) -> None:
    result = bench.run(NOT_READY_TIMES="1")
    assert (result.returncode, result.stderr) == (0, "")
    admin = bench.environment["REDPANDA_ADMIN_PORT"]
    ready = f"curl --silent --fail --max-time 2 http://localhost:{admin}/v1/status/ready"
    create = f"docker compose {COMPOSE} exec -T redpanda rpk topic create"
    assert bench.calls == [
        "docker info",
        "docker compose version",
        "docker ps --quiet --filter label=com.docker.compose.project=hybrid-bridge",
        f"docker compose {COMPOSE} up --detach",
        ready,
        ready,
        f"docker compose {COMPOSE} exec -T redpanda rpk topic list",
        f"{create} market_ticks --partitions 1 --replicas 1",
        f"{create} trading_signals --partitions 1 --replicas 1",
        f"{create} trading_events --partitions 1 --replicas 1",
    ]
    port = bench.environment["REDPANDA_PORT"]
    assert f"Redpanda is ready: REDPANDA_BOOTSTRAP_SERVERS=localhost:{port}" in result.stdout


def test_topics_are_those_of_the_settings_and_made_only_once(bench: Bench) -> None:
    env = "\ufeff# mine\r\nREDPANDA_TICK_TOPIC='my.ticks'\r\nREDPANDA_EVENT_TOPIC = results # here\r\n"
    (bench.folder / "my bridge" / ".env").write_text(env, encoding="utf-8")
    result = bench.run(TOPICS="my.ticks 1 1\nresults-old 1 1")
    assert result.returncode == 0, result.stderr
    assert [call.split()[-5] for call in bench.calls if "create" in call] == ["trading_signals", "results"]


def test_the_older_compose_is_used_where_it_is_the_only_one(bench: Bench) -> None:
    bench.stand_in("docker-compose", DOCKER)
    result = bench.run(COMPOSE_VERSION_CODE="1")
    assert result.returncode == 0, result.stderr
    assert f"docker-compose {COMPOSE} up --detach" in bench.calls


def test_without_docker_it_says_where_to_get_it(bench: Bench) -> None:
    bench.remove("docker")
    result = bench.run()
    assert result.returncode == 1
    assert result.stderr.startswith("Docker is not installed. Windows and macOS: https://")


def test_a_docker_that_does_not_answer_is_told_with_what_to_do(bench: Bench) -> None:
    result = bench.run(DOCKER_INFO_CODE="1")
    assert result.returncode == 1
    assert result.stderr.startswith("Docker does not answer. Start Docker Desktop")
    assert bench.calls == ["docker info"]


def test_without_compose_it_says_where_to_get_it(bench: Bench) -> None:
    result = bench.run(COMPOSE_VERSION_CODE="1")
    assert (result.returncode, result.stderr.splitlines()) == (
        1,
        ["Docker Compose is not installed: https://docs.docker.com/compose/install/"],
    )


@pytest.mark.parametrize("name", ["REDPANDA_PORT", "REDPANDA_ADMIN_PORT", "REDPANDA_CONSOLE_PORT"])
def test_a_port_that_is_taken_is_named_before_anything_starts(bench: Bench, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = bench.run(**{name: str(port)})
    assert result.returncode == 1
    assert result.stderr.startswith(f"Port {port}, which ")
    assert f"{name}=" in result.stderr
    assert not [call for call in bench.calls if call.endswith("up --detach")]


def test_its_own_ports_are_no_obstacle_to_a_second_start(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        result = bench.run(REDPANDA_PORT=str(own.getsockname()[1]), RUNNING="0123abcd")
    assert result.returncode == 0, result.stderr


def test_a_redpanda_that_never_gets_ready_is_told_after_a_bounded_time(bench: Bench) -> None:
    result = bench.run(NOT_READY_TIMES="999", REDPANDA_READY_TIMEOUT_S="1")
    assert result.returncode == 1
    assert "is not ready after 1 s" in result.stderr
    assert "./start-redpanda.sh logs" in result.stderr


@pytest.mark.parametrize("failing", ["UP_CODE", "CREATE_CODE"])
def test_a_failure_of_docker_is_a_failure(bench: Bench, failing: str) -> None:
    result = bench.run(**{failing: "1"})
    assert result.returncode == 1
    assert "the lines above say why" in result.stderr


@pytest.mark.parametrize(
    ("word", "call"),
    [("stop", "down"), ("status", "ps"), ("logs", "logs --follow --tail 100 redpanda")],
)
def test_stop_status_and_logs_are_handed_to_compose(bench: Bench, word: str, call: str) -> None:
    result = bench.run(word)
    assert result.returncode == 0, result.stderr
    assert f"docker compose {COMPOSE} {call}" in bench.calls
    assert not [one for one in bench.calls if "up --detach" in one]


def test_a_word_that_it_does_not_know_is_refused_with_those_it_does(bench: Bench) -> None:
    result = bench.run("restart")
    assert (result.returncode, bench.calls) == (1, [])
    assert "[start | stop | status | logs]" in result.stderr


def test_help_is_what_stands_at_the_top_of_the_script(bench: Bench) -> None:
    result = bench.run("--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Starts Redpanda for the bridge in Docker:")
    assert "logs     shows" in result.stdout


def test_what_is_advertised_is_what_is_published() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "external://${REDPANDA_ADVERTISED_HOST:-localhost}:${REDPANDA_PORT:-9092}" in text
    assert '"${REDPANDA_BIND:-127.0.0.1}:${REDPANDA_PORT:-9092}:9092"' in text
    assert "internal://redpanda:29092" in text
    assert "KAFKA_BROKERS: redpanda:29092" in text


def test_other_computers_get_in_only_on_request(bench: Bench) -> None:
    bench.stand_in("docker", DOCKER + 'printf "bind=%s\\n" "${REDPANDA_BIND:-}" >>"$CALLS"\n')
    bench.run()
    assert "bind=" in bench.calls
    bench.run(REDPANDA_ADVERTISED_HOST="trading-pc")
    assert "bind=0.0.0.0" in bench.calls
