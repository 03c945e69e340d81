"""start-redpanda.sh and start-redpanda.bat: the same done, the same said."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.redpanda_scripts import COMPOSE, LISTENER, PORTS, ROOT, ShellBench, WindowsBench
from tests.windows_python import WindowsPython, windows_python

from hybrid_bridge.settings import Settings, load_settings

__all__ = ["windows_python"]

pytestmark = pytest.mark.not_on_windows("runs both scripts on Linux or macOS")

RPK = f"docker compose {COMPOSE} exec -T redpanda rpk"
WEEK_MS = 7 * 24 * 3_600_000
RESERVED = "netsh interface ipv4 show excludedportrange protocol=tcp"
TO_USE_IT = "For the bridge to use it, set in .env: "


def created(topic: str, partitions: int, retention_ms: int = WEEK_MS) -> str:
    """Give the call that makes a topic."""
    sizes = f"--partitions {partitions} --replicas 1 --topic-config retention.ms={retention_ms}"
    return f"{RPK} topic create {topic} {sizes}"


@pytest.fixture
def shell(tmp_path: Path) -> ShellBench:
    return ShellBench(tmp_path)


@pytest.fixture
def windows(windows_python: WindowsPython, tmp_path: Path) -> WindowsBench:
    return WindowsBench(tmp_path)


@pytest.fixture(params=["sh", pytest.param("bat", marks=pytest.mark.windows)])
def bench(request: pytest.FixtureRequest) -> ShellBench | WindowsBench:
    made: ShellBench | WindowsBench = request.getfixturevalue("shell" if request.param == "sh" else "windows")
    return made


def test_it_starts_waits_until_ready_and_makes_the_topics(bench: ShellBench | WindowsBench) -> None:
    ended = bench.run("start", READY="at last")
    port, admin, console = (bench.environment[name] for name in PORTS)
    assert (ended.code, ended.complained) == (0, [])
    ready = f"curl --silent --fail --noproxy * --max-time 2 http://127.0.0.1:{admin}/v1/status/ready"
    assert [call for call in bench.calls if call != "curl --version"] == [
        "docker info",
        "docker version --format {{.Server.Os}}",
        "docker compose version",
        "docker ps --quiet --filter label=com.docker.compose.project=hybrid-bridge",
        f"docker compose {COMPOSE} up --detach",
        "bind=127.0.0.1",
        ready,
        ready,
        f"{RPK} cluster config set write_caching_default false",
        f"{RPK} topic list",
        created("market_ticks", 4),
        created("trading_signals", 1),
        created("trading_events", 1),
    ]
    assert ended.said == [
        "Starting Redpanda (the first time its images are fetched, some 300 MB)",
        "Made the topic market_ticks",
        "Made the topic trading_signals",
        "Made the topic trading_events",
        f"Redpanda is ready: 127.0.0.1:{port}",
        f"Its console: http://127.0.0.1:{console}",
        f"{TO_USE_IT}REDPANDA_BOOTSTRAP_SERVERS=127.0.0.1:{port} (now localhost:9092)",
    ]


def topics_of(settings: Settings) -> list[str]:
    """Give the calls that make the topics as the bridge would make them."""
    topics = settings.streams
    return [
        created(topic, plan.partitions, plan.retention_h * 3_600_000 or -1)
        for topic, plan in (
            (topics.tick_topic, topics.tick_plan),
            (topics.signal_topic, topics.signal_plan),
            (topics.event_topic, topics.event_plan),
        )
    ]


def test_without_settings_the_topics_are_those_of_the_bridge(shell: ShellBench) -> None:
    shell.run()
    assert topics_of(Settings()) == [call for call in shell.calls if "create" in call]


SETTINGS = """# mine\r
SIMULATION_MODE=true\r
JOURNAL_RETENTION_DAYS=0\r
MT5_PASSWORD='a b"c#d&e|f>g%PATH%!^'\r
redpanda_tick_topic='my.ticks'\r
REDPANDA_TICK_PARTITIONS="8"   # as many as symbols\r
  REDPANDA_TICK_RETENTION_HOURS\t= 876000\r
export REDPANDA_SIGNAL_TOPIC=orders\r
REDPANDA_SIGNAL_RETENTION_HOURS=0\r
REDPANDA_EVENT_TOPIC = results # here\r
#REDPANDA_EVENT_TOPIC=elsewhere\r
REDPANDA_EVENT_PARTITIONS= # the default\r
REDPANDA_EVENT_RETENTION_HOURS=\r
REDPANDA_BOOTSTRAP_SERVERS=127.0.0.1:{port}\r
"""


def test_port_and_topics_are_those_of_the_settings(bench: ShellBench | WindowsBench) -> None:
    port = bench.environment.pop("REDPANDA_PORT")
    bench.write_settings(SETTINGS.replace("{port}", port))
    ended = bench.run("start", REDPANDA_TICK_PARTITIONS="16")
    assert (ended.code, ended.complained) == (0, [])
    read_by_the_bridge = load_settings(bench.project / ".env", {"redpanda_tick_partitions": "16"})
    assert topics_of(read_by_the_bridge) == [call for call in bench.calls if "create" in call]
    assert bench.calls[-2] == created("orders", 1, -1)
    console = bench.environment["REDPANDA_CONSOLE_PORT"]
    assert ended.said[-2:] == [
        f"Redpanda is ready: 127.0.0.1:{port}",
        f"Its console: http://127.0.0.1:{console}",
    ]


def test_a_topic_that_is_there_is_left_as_it_is(bench: ShellBench | WindowsBench) -> None:
    bench.run("start", EXISTING="trading_signals")
    assert [call for call in bench.calls if "create" in call] == [
        created("market_ticks", 4),
        created("trading_events", 1),
    ]


def test_settings_that_windows_notepad_wrote_are_read(shell: ShellBench) -> None:
    shell.write_settings("\ufeffREDPANDA_TICK_TOPIC=first\r\n")
    shell.run()
    assert [call for call in shell.calls if " create first " in call]


def refuses(bench: ShellBench | WindowsBench, line: str, words: str) -> None:
    bench.write_settings(line)
    ended = bench.run("start")
    name, _, value = line.partition("=")
    assert (ended.code, bench.calls) == (1, [])
    assert ended.complained == [
        f"{name}: saw '{value}', accepts {words}; correct it in .env or in the environment"
    ]


IMPOSSIBLE = [
    ("REDPANDA_TICK_PARTITIONS=#4", "a whole number from 1 to 1000"),  # no comment, for the bridge neither
    ("REDPANDA_TICK_TOPIC=my/ticks", "1 to 249 letters, digits, dots, hyphens and underscores"),
    ("REDPANDA_SIGNAL_PARTITIONS=08", "a whole number from 1 to 1000"),
    ("REDPANDA_EVENT_PARTITIONS=1001", "a whole number from 1 to 1000"),
    ("REDPANDA_TICK_RETENTION_HOURS=1e3", "a whole number from 0 to 876000"),
]


@pytest.mark.parametrize(("line", "words"), IMPOSSIBLE)
def test_a_setting_that_cannot_be_is_refused_before_anything_starts(
    shell: ShellBench, line: str, words: str
) -> None:
    refuses(shell, line, words)


@pytest.mark.windows
@pytest.mark.parametrize(("line", "words"), IMPOSSIBLE[:3])
def test_a_setting_that_cannot_be_is_refused_on_windows(windows: WindowsBench, line: str, words: str) -> None:
    refuses(windows, line, words)


def test_settings_that_lead_elsewhere_are_told(bench: ShellBench | WindowsBench) -> None:
    del bench.environment["REDPANDA_PORT"]
    servers = "one.example.com:9093"
    bench.write_settings(f"REDPANDA_BOOTSTRAP_SERVERS={servers}\nREDPANDA_SECURITY_PROTOCOL=SASL_SSL\n")
    assert bench.run("start", OURS="0123abcd").said[-2:] == [
        f"{TO_USE_IT}REDPANDA_BOOTSTRAP_SERVERS=127.0.0.1:9092 (now {servers})",
        f"{TO_USE_IT}REDPANDA_SECURITY_PROTOCOL=PLAINTEXT (now SASL_SSL)",
    ]


def test_the_older_compose_is_used_where_it_is_the_only_one(bench: ShellBench | WindowsBench) -> None:
    bench.add_docker_compose()
    assert (bench.run("stop", COMPOSE_CODE="1").code, bench.calls[-1]) == (
        0,
        f"docker-compose {COMPOSE} down",
    )


def test_without_docker_it_says_where_to_get_it(bench: ShellBench | WindowsBench) -> None:
    bench.remove("docker")
    ended = bench.run("start")
    assert ended.code == 1
    assert ended.complained == [
        "Docker is not installed. Windows and macOS: https://www.docker.com/products/docker-desktop/",
        "Linux: https://docs.docker.com/engine/install/",
    ]


HINDRANCES = [
    (
        "INFO_CODE=1",
        [
            "Docker does not answer. Start Docker Desktop and wait until it says that it runs,",
            "or on Linux: sudo systemctl start docker",
            "(and if that is running: sudo usermod -aG docker YOUR_NAME, then log in anew)",
        ],
    ),
    (
        "SERVER_OS=windows",
        [
            "Docker runs Windows containers, and Redpanda is one for Linux.",
            "Click on Docker's icon beside the clock with the right button: Switch to Linux containers",
        ],
    ),
    (
        "COMPOSE_CODE=1",
        ["Docker Compose is not installed: https://docs.docker.com/compose/install/"],
    ),
    ("UP_CODE=1", ["Docker could not start Redpanda; the lines above say why."]),
    (
        "CONFIG_CODE=1",
        ["Redpanda cannot be told to keep what it acknowledges; the lines above say why."],
    ),
    ("LIST_CODE=1", ["The topics cannot be listed; the lines above say why."]),
    ("CREATE_CODE=1", ["The topic market_ticks cannot be made; the lines above say why."]),
]


@pytest.mark.parametrize(("failing", "words"), HINDRANCES)
def test_what_hinders_docker_is_told(shell: ShellBench, failing: str, words: list[str]) -> None:
    name, _, value = failing.partition("=")
    ended = shell.run("start", **{name: value})
    assert (ended.code, ended.complained) == (1, words)


@pytest.mark.windows
@pytest.mark.parametrize(("failing", "words"), HINDRANCES[:4])
def test_what_hinders_docker_is_told_on_windows(
    windows: WindowsBench, failing: str, words: list[str]
) -> None:
    name, _, value = failing.partition("=")
    ended = windows.run("start", **{name: value})
    assert (ended.code, ended.complained) == (1, words)


def test_a_redpanda_that_never_gets_ready_is_told_after_a_bounded_time(
    bench: ShellBench | WindowsBench,
) -> None:
    ended = bench.run("start", READY="never", REDPANDA_READY_TIMEOUT_S="1")
    url = f"http://127.0.0.1:{bench.environment['REDPANDA_ADMIN_PORT']}/v1/status/ready"
    assert f"docker compose {COMPOSE} logs --tail 20 redpanda" in bench.calls
    assert (ended.code, ended.complained) == (
        1,
        [
            f"Redpanda was started but is not ready after some 1 s ({url}).",
            "Its last words are above; all of them: SCRIPT logs",
        ],
    )


@pytest.mark.parametrize(
    ("word", "call"),
    [("stop", "down"), ("status", "ps"), ("logs", "logs --follow --tail 100 redpanda")],
)
def test_stop_status_and_logs_are_handed_to_compose(
    bench: ShellBench | WindowsBench, word: str, call: str
) -> None:
    ended = bench.run(word)
    assert (ended.code, ended.complained) == (0, [])
    assert f"docker compose {COMPOSE} {call}" in bench.calls
    assert not [one for one in bench.calls if "up --detach" in one]


def test_status_tells_of_a_redpanda_that_is_not_ready(bench: ShellBench | WindowsBench) -> None:
    ended = bench.run("status", READY="never")
    admin = bench.environment["REDPANDA_ADMIN_PORT"]
    assert (ended.code, ended.complained) == (
        1,
        [f"Redpanda is not ready (http://127.0.0.1:{admin}/v1/status/ready)"],
    )


def test_a_word_that_it_does_not_know_is_refused_with_those_it_does(bench: ShellBench | WindowsBench) -> None:
    ended = bench.run("restart")
    assert (ended.code, ended.complained, bench.calls) == (
        1,
        ["There is no 'restart'; use: SCRIPT [start | stop | status | logs | help]"],
        [],
    )


@pytest.mark.windows
def test_both_scripts_give_the_same_help(shell: ShellBench, windows_python: WindowsPython) -> None:
    (shell.folder / "there").mkdir()
    expected = shell.run("help").said
    assert expected[0].startswith("Starts Redpanda for the bridge in Docker: SCRIPT [start | stop")
    assert expected == WindowsBench(shell.folder / "there").run("/?").said


def test_other_computers_get_in_only_on_request(bench: ShellBench | WindowsBench) -> None:
    ended = bench.run("start", REDPANDA_ADVERTISED_HOST="trading-pc")
    assert f"Redpanda is ready: trading-pc:{bench.environment['REDPANDA_PORT']}" in ended.said
    assert "bind=0.0.0.0" in bench.calls


@pytest.mark.parametrize("name", PORTS)
def test_a_port_that_is_taken_is_named_before_anything_starts(shell: ShellBench, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = shell.run(**{name: str(port)})
    another = port + 10_000 if port < 50_000 else port - 10_000
    assert (ended.code, ended.complained[0].partition(",")[0]) == (1, f"Port {port}")
    assert ended.complained[1] == f"Stop that program, or choose another port: {name}={another} SCRIPT"
    assert not [call for call in shell.calls if call.endswith("up --detach")]


def test_whoever_listens_on_the_other_loopback_alone_is_in_the_way(shell: ShellBench) -> None:
    if not socket.has_ipv6:
        pytest.skip("this computer has no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        ended = shell.run(REDPANDA_PORT=str(other.getsockname()[1]))
    assert ended.complained[0].endswith("is taken by another program.")


def test_its_own_ports_are_no_obstacle_to_a_second_start(shell: ShellBench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        ended = shell.run(REDPANDA_PORT=str(own.getsockname()[1]), OURS="0123abcd")
    assert (ended.code, ended.complained) == (0, [])


@pytest.mark.windows
@pytest.mark.parametrize(
    ("address", "foreign"),
    [
        ("127.0.0.1", "0.0.0.0:0"),
        ("0.0.0.0", "0.0.0.0:0"),  # noqa: S104 - as netstat shows it
        ("[::1]", "[::]:0"),
    ],
)
def test_windows_tells_who_has_taken_a_port(windows: WindowsBench, address: str, foreign: str) -> None:
    del windows.environment["REDPANDA_PORT"]
    windows.set_listener(LISTENER.format(address=f"{address}:9092", foreign=foreign))
    ended = windows.run("start")
    assert (ended.code, ended.complained) == (
        1,
        [
            "Port 9092, which Redpanda needs, is taken by wslrelay.exe (process 4242).",
            "Stop that program, or choose another port in .env: REDPANDA_BOOTSTRAP_SERVERS=127.0.0.1:19092",
        ],
    )


@pytest.mark.windows
def test_windows_tells_which_port_it_reserves(windows: WindowsBench) -> None:
    windows.environment["REDPANDA_CONSOLE_PORT"] = "8080"
    windows.set_reserved("      8040        8139")
    ended = windows.run("start")
    folder = str(windows.project).replace("/", "\\")
    in_a_prompt = "choose another port, in a Command Prompt: set REDPANDA_CONSOLE_PORT=18080"
    assert (ended.code, ended.complained) == (
        1,
        [
            f"Port 8080, which the console needs, is reserved by Windows ({RESERVED}).",
            f"Start Windows anew, which reserves others, or {in_a_prompt}",
            f'and then, in the same: "Z:{folder}\\SCRIPT"',
        ],
    )


@pytest.mark.windows
def test_what_runs_already_needs_no_free_port_on_windows(windows: WindowsBench) -> None:
    windows.set_listener(LISTENER.format(address="127.0.0.1:9092", foreign="0.0.0.0:0"))
    ended = windows.run("start", REDPANDA_PORT="9092", OURS="0123abcd")
    assert (ended.code, ended.complained) == (0, [])


def test_the_windows_script_ends_its_lines_as_windows_wants_them() -> None:
    content = (ROOT / "start-redpanda.bat").read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert content.isascii()


def test_the_compose_file_is_one_by_the_compose_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(ROOT / "docker-compose.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (checked.returncode, checked.stdout.strip()) == (0, "ok -- validation done")


def test_what_is_advertised_is_what_is_published() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert "external://${REDPANDA_ADVERTISED_HOST:-127.0.0.1}:${REDPANDA_PORT:-9092}" in text
    assert '"${REDPANDA_BIND:-127.0.0.1}:${REDPANDA_PORT:-9092}:9092"' in text
    assert "internal://redpanda:29092" in text
    assert "KAFKA_BROKERS: redpanda:29092" in text


def test_what_is_acknowledged_is_on_disk() -> None:
    lines = [line.strip() for line in (ROOT / "docker-compose.yml").read_text("utf-8").splitlines()]
    assert "- --unsafe-bypass-fsync=false" in lines
    assert lines[lines.index("- --set") + 1] == "- redpanda.write_caching_default=false"
