"""`hybrid-bridge service`: the bridge starts with the PC, by Windows' Task Scheduler.

Shows what a change would do and asks before it does it. What the task runs is `service run`: the bridge under
a supervisor, in a window that stays open until its last words have been read. What that did last is kept in
STATE_DIR for `service status`.
"""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from hybrid_bridge import interpreter
from hybrid_bridge.commands.options import add_env_file, print_lines
from hybrid_bridge.commands.supervising import read_record, run_supervised
from hybrid_bridge.errors import BridgeError, ConfigurationError
from hybrid_bridge.host.scheduler import (
    LOGON_DELAY_S,
    LogonTask,
    TaskScheduler,
    current_user,
    explain,
    task_scheduler,
)
from hybrid_bridge.host.supervisor import Patience

SOURCE_ROOT = Path(__file__).resolve().parents[3]
WIDTH = 12

DESCRIPTION = """Starts the bridge with the PC, by Windows' Task Scheduler.

  install   make a task that starts the bridge when you log on; shows it first and asks
  remove    take the task away; a bridge that runs goes on
  status    tell whether there is such a task and how its last start ended
  run       what the task does: run the bridge, and start it again when it fails"""
NOTES = """The task belongs to the folder in which it is installed, and to the settings there. Type the other
words in the same folder, with the same --env-file and --websocket-only.

exit codes: 0 done, for status: it is installed and switched on; 1 not; 2 the settings cannot be used;
of run: the bridge's own"""
QUESTION = "Make this task?"
WHY_NO_SERVICE = """It is a task at log-on and not a Windows service: services run in a session of their own,
from which MetaTrader 5 in yours cannot be seen. So it works while you are logged on. Locking the
screen (Windows key + L) or closing a remote desktop's window changes nothing; logging off ends
the bridge and the terminal alike."""
ELSEWHERE = """the Task Scheduler is a part of Windows. On this system let its own service manager start the
bridge; with systemd, for one user, write ~/.config/systemd/user/hybrid-bridge.service:

  [Unit]
  Description=Hybrid MT5 Bridge
  [Service]
  WorkingDirectory={folder}
  ExecStart={command}
  Restart=on-failure
  RestartPreventExitStatus=2 3 4
  [Install]
  WantedBy=default.target

and type: systemctl --user enable --now hybrid-bridge"""


def service(arguments: Sequence[str]) -> int:
    """Do what was typed behind `service` and return the exit code."""
    options = _parse(arguments)
    action = {"install": _install, "remove": _remove, "status": _status, "run": _run}[options.action]
    return action(options)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "hybrid-bridge service",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("install", "remove", "status", "run"))
    add_env_file(parser)
    parser.add_argument("--websocket-only", action="store_true", help="the bridge without Redpanda")
    parser.add_argument("--yes", action="store_true", help="do not ask (install and remove)")
    return parser.parse_args(arguments)


def _install(options: argparse.Namespace) -> int:
    from hybrid_bridge.settings import load_settings

    scheduler, task = _scheduler(options), _task(options)
    load_settings(options.env_file)  # Before a task is made that could only fail.
    there = scheduler.look(task.name) is not None
    _say(*plan(task, there=there))
    if not _agreed(options, QUESTION):
        _say("Nothing was changed.")
        return 1
    scheduler.create(task)
    _say(*done(task))
    return 0


def plan(task: LogonTask, *, there: bool) -> list[str]:
    """Return what installing does, for a person."""
    patience = Patience()
    rows = {
        "name": task.name,
        "when": f"{LOGON_DELAY_S} seconds after {task.user} logs on",
        "starts": task.command_line,
        "in folder": task.folder,
        "rights": "your own, not an administrator's; in a window that you see",
        "on failure": f"starts the bridge again, first after {patience.first_s:g} s, then ever more slowly, "
        f"at most {patience.failures_max - 1} times in a row; never when you ended it in its window, "
        "when the settings are wrong, when recovery was refused or when another bridge runs",
        "ends": "with Ctrl-C in its window, by closing that, or when you log off: in order, as far as "
        "Windows gives time",
        "on battery": "starts and goes on all the same, for as long as it takes",
    }
    does = "replaces the task of this name" if there else "makes one task"
    return [
        f"This {does} in Windows' Task Scheduler, and changes nothing else:",
        "",
        *(line for name, text in rows.items() for line in _row(name, text)),
        "",
        WHY_NO_SERVICE,
        "",
    ]


def done(task: LogonTask) -> list[str]:
    """Return what is said when the task was made."""
    said = "Done. It starts at your next log-on. To try it now, end a bridge that runs, and type:"
    return ["", said, f'  schtasks /run /tn "{task.name}"']


def _row(name: str, text: str, width: int = 88) -> list[str]:
    """Return a row of a table, with the text wrapped between blanks."""
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"  {name if not at else '':{WIDTH}}  {line}" for at, line in enumerate(lines)]


def _remove(options: argparse.Namespace) -> int:
    scheduler, task = _scheduler(options), _task(options)
    if scheduler.look(task.name) is None:
        _say(f"There is no task {task.name!r}: the bridge in {task.folder} does not start by itself.")
        return 0
    _say(
        f"This removes the task {task.name!r} from Windows' Task Scheduler.",
        "The bridge will not start by itself any more. One that runs now goes on until you end it.",
        "",
    )
    if not _agreed(options, "Remove this task?"):
        _say("Nothing was changed.")
        return 1
    scheduler.remove(task.name)
    _say("Done.")
    return 0


def _status(options: argparse.Namespace) -> int:
    scheduler, task = _scheduler(options), _task(options)
    standing = scheduler.look(task.name)
    if standing is None:
        _say(
            f"The bridge in {task.folder} does not start with the PC.",
            "To have it started at log-on: hybrid-bridge service install",
        )
        return 1
    # Letters that consoles of this PC lack come back as others.
    program = standing.program if standing.program is not None and standing.program.isascii() else ""
    missing = bool(program) and not Path(program).is_file()
    result = standing.last_result
    rows = {
        "task": f"{task.name}, {'switched on' if standing.enabled else 'switched OFF in the Task Scheduler'}",
        "when": f"{LOGON_DELAY_S} seconds after {task.user} logs on",
        "starts": task.command_line,
        "last started": standing.last_run or "Windows does not say",
        "last result": "Windows does not say" if result is None else explain(result),
    }
    if missing:
        rows["starts"] = f"{program}, which is NOT THERE: type hybrid-bridge service install again"
    record = read_record(options.env_file)
    if record is not None:
        rows["last words"] = f"{record.text} ({record.at})"
    _say(*(line for name, text in rows.items() for line in _row(name, text)))
    return 0 if standing.enabled and not missing else 1


def _run(options: argparse.Namespace) -> int:
    # Not the small program of a virtual environment, which would stand between: see interpreter.
    command = [interpreter.program(), *_bridge(options)[1:]]
    return run_supervised(command, interpreter.environment(), options.env_file)


def _scheduler(options: argparse.Namespace) -> TaskScheduler:
    """Return the Task Scheduler.

    Raises:
        ConfigurationError: where there is none; says what to use.
    """
    if sys.platform == "win32":
        return task_scheduler()
    from shlex import join

    text = ELSEWHERE.format(folder=Path.cwd(), command=join(_bridge(options)))
    raise ConfigurationError(f"service {options.action}: {text}")


def _task(options: argparse.Namespace) -> LogonTask:
    program, *launcher = _launcher(websocket_only=False)
    arguments = [*launcher, "service", "run", *_settings_named(options)]
    if options.websocket_only:
        arguments.append("--websocket-only")
    return LogonTask(current_user(), program, tuple(arguments), str(Path.cwd()))


def _bridge(options: argparse.Namespace) -> list[str]:
    """Return the command that runs the bridge itself."""
    return [*_launcher(websocket_only=options.websocket_only), *_settings_named(options)]


def _settings_named(options: argparse.Namespace) -> list[str]:
    """Name the settings in a way that holds in any folder.

    Raises:
        ConfigurationError: when there is no such file.
    """
    if options.env_file is None:
        return []
    path = options.env_file.absolute()
    if not path.is_file():
        raise ConfigurationError(f"--env-file: no file at {path}; name the settings of the bridge you mean")
    return ["--env-file", str(path)]


def _launcher(*, websocket_only: bool) -> list[str]:
    """Return what starts the command line: the launcher in the bridge's folder, or the installed package."""
    path = SOURCE_ROOT / ("run_bridge.py" if websocket_only else "hybrid_bridge.py")
    if path.is_file():
        return [sys.executable, str(path)]
    if not websocket_only:
        return [sys.executable, "-m", "hybrid_bridge"]
    start = "import sys; from hybrid_bridge.launch import start; sys.exit(start(websocket_only=True))"
    return [sys.executable, "-c", start]


def _agreed(options: argparse.Namespace, question: str) -> bool:
    """Ask; what is no clear yes is a no."""
    if options.yes:
        return True
    try:
        return input(f"{question} Type yes: ").strip().casefold() in {"yes", "y"}
    except (EOFError, RuntimeError):  # The latter without any console.
        raise BridgeError("nobody answered, so nothing was changed; with --yes it does not ask") from None


def _say(*lines: str) -> None:
    print_lines(f"{line}\n" for line in lines)
