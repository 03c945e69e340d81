"""start-redpanda.sh and start-redpanda.bat in folders of their own, with stand-ins for what they call.

The stand-ins record how they were called. `ShellBench` runs the one in bash, `WindowsBench` the other in the
cmd.exe of Wine; what they give is put into one form, so that a test can ask the same of both.
"""

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.windows_python import WindowsPython, windows_path

ROOT = Path(__file__).parent.parent
COMPOSE = "--project-name hybrid-bridge --env-file /dev/null --file docker-compose.yml"
PORTS = ("REDPANDA_PORT", "REDPANDA_ADMIN_PORT", "REDPANDA_CONSOLE_PORT")

TOOLS = ("bash", "env", "dirname", "grep", "sed", "awk", "tr", "sleep")
DOCKER = """#!/usr/bin/env bash
printf '%s %s\\n' "${0##*/}" "$*" >>"$CALLS"
case "$*" in
  info) exit "$INFO_CODE" ;;
  version\\ *) printf '%s\\n' "$SERVER_OS" ;;
  'compose version') exit "$COMPOSE_CODE" ;;
  ps\\ *) printf '%s' "$OURS" ;;
  *'up --detach') printf 'bind=%s\\n' "$REDPANDA_BIND" >>"$CALLS"; exit "$UP_CODE" ;;
  *' cluster config set '*) exit "$CONFIG_CODE" ;;
  *' rpk topic list') printf 'NAME PARTITIONS REPLICAS\\n%s 1 1\\n' "$EXISTING"; exit "$LIST_CODE" ;;
  *' rpk topic create '*) exit "$CREATE_CODE" ;;
  *' down') exit "$DOWN_CODE" ;;
esac
"""
CURL = """#!/usr/bin/env bash
printf 'curl %s\\n' "$*" >>"$CALLS"
[ "$1" = --version ] || if [ "$READY" = yes ] || [ -e "$CALLS.asked" ] && [ "$READY" != never ]; then
  echo '{"status":"ready"}'
else
  : >"$CALLS.asked"
  echo '{"status":"booting"}'
fi
"""
WINDOWS_DOCKER = """@echo off
set "ASKED=%*"
set "ASKED=%ASKED:"=%"
>>"%CALLS%" echo %~n0 %ASKED%
if "%1"=="info" exit /b %INFO_CODE%
if "%1"=="version" echo %SERVER_OS%
if "%1 %2"=="compose version" exit /b %COMPOSE_CODE%
if "%1"=="ps" if not "%OURS%"=="" echo %OURS%
if not "%ASKED:up --detach=%"=="%ASKED%" >>"%CALLS%" echo bind=%REDPANDA_BIND%
if not "%ASKED:up --detach=%"=="%ASKED%" exit /b %UP_CODE%
if not "%ASKED:cluster config set=%"=="%ASKED%" exit /b %CONFIG_CODE%
if not "%ASKED:rpk topic list=%"=="%ASKED%" echo NAME PARTITIONS REPLICAS
if not "%ASKED:rpk topic list=%"=="%ASKED%" echo %EXISTING% 1 1
if not "%ASKED:rpk topic list=%"=="%ASKED%" exit /b %LIST_CODE%
if not "%ASKED:rpk topic create=%"=="%ASKED%" exit /b %CREATE_CODE%
if not "%ASKED:docker-compose.yml down=%"=="%ASKED%" exit /b %DOWN_CODE%
exit /b 0
"""
WINDOWS_CURL = """@echo off
>>"%CALLS%" echo curl %*
if "%1"=="--version" exit /b 0
if "%READY%"=="yes" goto ready
if "%READY%"=="never" goto booting
if exist "%CALLS%.asked" goto ready
type nul >"%CALLS%.asked"
:booting
echo {"status":"booting"}
exit /b 0
:ready
echo {"status":"ready"}
"""
# As Windows prints them, in German, whose states have other names.
LISTENER = "  TCP    {address}         {foreign}              ABHÖREN         4242"
NETSTAT = """
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         1012
{listener}
  TCP    127.0.0.1:50111        127.0.0.1:9092         HERGESTELLT     77
  UDP    0.0.0.0:9092           *:*                                    99
"""
# With an asterisk: reserved by an administrator, who means programs to use it.
RANGES = """
Protocol tcp Port Exclusion Ranges

Start Port    End Port
----------    --------
        80          80
{range}
      1024       65535     *

* - Administered port exclusions.
"""
NO_FAILURE = {
    **dict.fromkeys(("INFO", "COMPOSE", "UP", "CONFIG", "LIST", "CREATE", "DOWN"), "0"),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True)
class Ended:
    """How a script ended, and what it said; its own name reads SCRIPT."""

    code: int
    said: list[str]
    complained: list[str]


@dataclass
class Bench:
    """A copy of a script and its stand-ins."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    script: str = ""

    def __post_init__(self) -> None:
        self.project.mkdir()
        self.bin.mkdir()
        for name in (self.script, "docker-compose.yml"):
            shutil.copy2(ROOT / name, self.project / name)
        self.environment |= {f"{name}_CODE": code for name, code in NO_FAILURE.items()}
        self.environment |= {"SERVER_OS": "linux", "EXISTING": "-", "READY": "yes", "OURS": ""}
        self.environment |= {name: str(free_port()) for name in PORTS}

    @property
    def project(self) -> Path:
        return self.folder / "my bridge"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def calls_file(self) -> Path:
        return self.folder / "calls"

    @property
    def calls(self) -> list[str]:
        """Every call of a stand-in, as a shell would show it."""
        if not self.calls_file.exists():
            return []
        lines = self.calls_file.read_text(encoding="utf-8").replace('"', "").splitlines()
        return [re.sub(r"--env-file .*?\.env ", "--env-file /dev/null ", line.strip()) for line in lines]

    def write_settings(self, text: str) -> None:
        (self.project / ".env").write_bytes(text.encode())

    def ended(self, command: list[str], environment: dict[str, str]) -> Ended:
        done = subprocess.run(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=100,
            check=False,
        )
        said, complained = (
            text.replace(f"./{self.script}", "SCRIPT").replace(self.script, "SCRIPT").splitlines()
            for text in (done.stdout, done.stderr)
        )
        return Ended(done.returncode, said, complained)


@dataclass
class ShellBench(Bench):
    """start-redpanda.sh in bash, which finds nothing on PATH but what it needs and the stand-ins."""

    script: str = "start-redpanda.sh"

    def __post_init__(self) -> None:
        super().__post_init__()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        self.stand_in("docker", DOCKER)
        self.stand_in("curl", CURL)
        self.environment |= {"PATH": str(self.bin), "CALLS": str(self.calls_file)}

    def stand_in(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def add_docker_compose(self) -> None:
        self.stand_in("docker-compose", DOCKER)

    def remove(self, name: str) -> None:
        (self.bin / name).unlink()

    def run(self, *arguments: str, **environment: str) -> Ended:
        return self.ended([str(self.project / self.script), *arguments], {**self.environment, **environment})


@dataclass
class WindowsBench(Bench):
    """start-redpanda.bat in the cmd.exe of Wine."""

    script: str = "start-redpanda.bat"
    windows: WindowsPython = field(default_factory=WindowsPython)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stand_in("docker", WINDOWS_DOCKER)
        self.stand_in("curl", WINDOWS_CURL)
        self.stand_in("tasklist", '@echo off\nif "%~2"=="PID eq 4242" echo "wslrelay.exe","4242","Console"\n')
        self.stand_in("ping", "@echo off\n")
        self.set_listener("")
        self.set_reserved("")
        self.environment |= {"CALLS": windows_path(self.calls_file), "WINEPATH": windows_path(self.bin)}

    def stand_in(self, name: str, text: str) -> None:
        (self.bin / f"{name}.bat").write_bytes(text.replace("\n", "\r\n").encode())

    def add_docker_compose(self) -> None:
        self.stand_in("docker-compose", WINDOWS_DOCKER)

    def remove(self, name: str) -> None:
        (self.bin / f"{name}.bat").unlink()

    def set_listener(self, line: str) -> None:
        """Let netstat tell of a program with the number 4242."""
        self._show("netstat", NETSTAT.format(listener=line))

    def set_reserved(self, line: str) -> None:
        """Let netsh tell of ports that Windows keeps for itself."""
        self._show("netsh", RANGES.format(range=line))

    def run(self, *arguments: str, **environment: str) -> Ended:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("REDPANDA_")}
        ended = self.ended(
            ["wine", "cmd", "/c", windows_path(self.project / self.script), *arguments],
            {**inherited, **self.windows.environment(), **self.environment, **environment},
        )
        # A service of Wine's own may break at its start; Wine says so on whatever console there is.
        return replace(ended, complained=[line for line in ended.complained if not line.startswith("wine: ")])

    def _show(self, program: str, text: str) -> None:
        shown = self.bin / f"{program}.txt"
        shown.write_bytes(text.replace("\n", "\r\n").encode("cp850"))
        self.stand_in(program, f'@echo off\ntype "{windows_path(shown)}"\n')
