"""Windows' Task Scheduler: the task that starts the bridge when its user logs on.

Owns the task's definition (XML), the words for what the Task Scheduler says of it, and every call of
schtasks.exe. It decides nothing: commands/service asks, shows and calls it. A task at log-on, not a Windows
service: services run in a session of their own and cannot see the terminal, which runs in the user's.
"""

import csv
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree as Xml

from hybrid_bridge.errors import BridgeError, ConfigurationError

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
# Time for the desktop, the network and a terminal that starts by itself.
LOGON_DELAY_S = 30
# Only a start that fails is tried again so; an exit code other than 0 is none for the Task Scheduler.
LAUNCH_RETRIES = 3
LAUNCH_RETRY_MINUTES = 1
# Of 0 to 10. The default, 7, is a priority class below that of what is started by hand.
PRIORITY = 5
PATH_CHARS_MAX = 260  # Source: Task Scheduler schema, pathType.
SCHTASKS_TIMEOUT_S = 30.0
# Columns of `schtasks /query /fo CSV /v`; their names are in the language of the PC, their places are not.
NAME_COLUMN, LAST_RUN_COLUMN, LAST_RESULT_COLUMN = 1, 5, 6

SETTINGS = {
    "MultipleInstancesPolicy": "IgnoreNew",
    "DisallowStartIfOnBatteries": "false",
    "StopIfGoingOnBatteries": "false",
    "AllowHardTerminate": "true",
    "StartWhenAvailable": "false",
    "RunOnlyIfNetworkAvailable": "false",
    "AllowStartOnDemand": "true",
    "Enabled": "true",
    "Hidden": "false",
    "RunOnlyIfIdle": "false",
    "WakeToRun": "false",
    "ExecutionTimeLimit": "PT0S",  # None; the default ends a task after three days.
    "Priority": str(PRIORITY),
}

# Source: Task Scheduler error and success constants, winerror.h, ntstatus.h; 1 to 4 are the bridge's own.
RESULTS = {
    0x0: "it ended because it was asked to",
    0x1: "it ended after failures; its log says which",
    0x2: "the settings need a correction",
    0x3: "recovery was refused: look at the account, then start it by hand",
    0x4: "another bridge ran already",
    0x41301: "it is running now",
    0x41302: "the task is switched off",
    0x41303: "it has not been started yet",
    0x41306: "it was ended in the Task Scheduler",
    0x41325: "it waits to be started",
    0x40010004: "it ended when the PC was shut down",
    0x8004131F: "it was running already",
    0x80070002: "its program was not found: remove the task and install it again",
    0x80070003: "its folder was not found: remove the task and install it again",
    0x80070005: "Windows denied it access",
    0x8007010B: "its folder was not found: remove the task and install it again",
    0x800704DD: "its user was not logged on",
    0x800710E0: "Windows refused to start it: it was running already, or its user was not logged on",
    0xC0000142: "it ended while its user logged off",
    0xC000013A: "its window was closed",
}


@dataclass(frozen=True, slots=True)
class LogonTask:
    """What is started when a user logs on.

    Attributes:
        user: as Windows names the account, DOMAIN\\name.
        program: the full path of the program.
        arguments: as the program is to see them.
        folder: where it is started.
    """

    user: str
    program: str
    arguments: tuple[str, ...]
    folder: str

    @property
    def name(self) -> str:
        """Its name in the Task Scheduler: the same for the same user, folder and arguments, else another."""
        what = "\n".join((self.user, self.folder, *self.arguments))
        return f"Hybrid MT5 Bridge {zlib.crc32(what.casefold().encode()):08x}"

    @property
    def command_line(self) -> str:
        """The command as one would type it."""
        return subprocess.list2cmdline([self.program, *self.arguments])


@dataclass(frozen=True, slots=True)
class TaskStanding:
    """What the Task Scheduler knows of a task.

    Attributes:
        program: None when it does not say.
        last_run: as Windows writes it, in the language of the PC; "" when it does not say.
        last_result: as one number without a sign; None when it does not say.
    """

    enabled: bool
    program: str | None
    last_run: str
    last_result: int | None


def define(task: LogonTask) -> str:
    """Return the task's definition.

    Raises:
        ConfigurationError: when a path is too long for the Task Scheduler.
    Source: Task Scheduler schema 1.2.
    """
    for path in (task.program, task.folder):
        if len(path) > PATH_CHARS_MAX:
            told = f"the Task Scheduler takes paths of at most {PATH_CHARS_MAX} characters"
            raise ConfigurationError(
                f"{told}, and this one has {len(path)}: {path}; move the bridge's folder"
            )
    root = Xml.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    about = f"Starts Hybrid MT5 Bridge in {task.folder}. Made by 'hybrid-bridge service install'."
    _add(root, "RegistrationInfo", {"Author": task.user, "Description": about})
    logon = {"Enabled": "true", "UserId": task.user, "Delay": f"PT{LOGON_DELAY_S}S"}
    _add(Xml.SubElement(root, "Triggers"), "LogonTrigger", logon)
    principal = {"UserId": task.user, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"}
    _add(Xml.SubElement(root, "Principals"), "Principal", principal).set("id", "Author")
    settings = _add(root, "Settings", SETTINGS)
    _add(settings, "IdleSettings", {"StopOnIdleEnd": "false", "RestartOnIdle": "false"})
    retry = {"Interval": f"PT{LAUNCH_RETRY_MINUTES}M", "Count": str(LAUNCH_RETRIES)}
    _add(settings, "RestartOnFailure", retry)
    started = {
        "Command": task.program,
        "Arguments": subprocess.list2cmdline(task.arguments),
        "WorkingDirectory": task.folder,
    }
    actions = Xml.SubElement(root, "Actions", {"Context": "Author"})
    _add(actions, "Exec", started)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _add(parent: Xml.Element, name: str, texts: dict[str, str]) -> Xml.Element:
    element = Xml.SubElement(parent, name)
    for child, text in texts.items():
        Xml.SubElement(element, child).text = text
    return element


def explain(result: int) -> str:
    """Say what a task's last result means, with its number."""
    known = RESULTS.get(result)
    return f"0x{result:X}" if known is None else f"{known} (0x{result:X})"


class TaskScheduler:
    """Windows' Task Scheduler, asked through schtasks.exe with the rights of the user."""

    def __init__(self, program: Sequence[str]) -> None:
        """Ask through this program.

        Args:
            program: schtasks.exe, or what stands in for it.
        """
        self._program = list(program)

    def create(self, task: LogonTask) -> None:
        """Make the task, in place of one with the same name.

        Raises:
            ConfigurationError: when the task cannot be described.
            BridgeError: when the Task Scheduler refuses it.
        """
        definition = define(task)
        with tempfile.TemporaryDirectory(prefix="hybrid-bridge-") as folder:
            path = Path(folder) / "task.xml"
            path.write_text(definition, encoding="utf-16", newline="\r\n")
            self._demand("create", "/tn", task.name, "/xml", str(path), "/f")

    def remove(self, name: str) -> None:
        """Remove the task; what runs goes on.

        Raises:
            BridgeError: when the Task Scheduler refuses.
        """
        self._demand("delete", "/tn", name, "/f")

    def look(self, name: str) -> TaskStanding | None:
        """Return what the Task Scheduler knows of the task; None when there is none.

        Raises:
            BridgeError: when it cannot be asked.
        """
        try:
            definition = self._demand("query", "/tn", name, "/xml")
        except BridgeError:
            # Why it cannot be shown is said in the language of the PC: the list tells whether it is there.
            if self._is_listed(name):
                raise
            return None
        enabled, program = _read_definition(definition)
        last_run, last_result = _read_last(
            name, self._demand("query", "/tn", name, "/fo", "CSV", "/v", "/nh")
        )
        return TaskStanding(enabled, program, last_run, last_result)

    def _is_listed(self, name: str) -> bool:
        listed = self._demand("query", "/fo", "CSV", "/nh")
        return any(row and _is(name, row[0]) for row in csv.reader(listed.splitlines()))

    def _demand(self, verb: str, *options: str) -> str:
        """Return what schtasks prints.

        Raises:
            BridgeError: when it cannot be run, takes too long, ends with an error or answers nothing.
        """
        try:
            done = subprocess.run(  # noqa: S603 - Windows' own program
                [*self._program, f"/{verb}", *options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SCHTASKS_TIMEOUT_S,
                check=False,
                creationflags=NO_WINDOW,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BridgeError(f"schtasks /{verb}: {error}; {_MEND}") from error
        said = done.stdout.decode(CONSOLE_ENCODING, errors="replace").strip()
        if done.returncode == 0 and (said or verb != "query"):
            return said
        words = done.stderr.decode(CONSOLE_ENCODING, errors="replace").strip() or said or "it gave no reason"
        raise BridgeError(f"schtasks /{verb} ended with code {done.returncode}: {words}; {_MEND}")


_MEND = "see whether Windows' Task Scheduler opens (Windows key + R, taskschd.msc) and shows you your tasks"


def _is(name: str, listed: str) -> bool:
    """Tell whether a name of the list, which begins with the task's folder, is this one."""
    return PureWindowsPath(listed.strip()).name.casefold() == name.casefold()


def _read_definition(text: str) -> tuple[bool, str | None]:
    """Return whether the task is on, and its program, as far as its definition says so."""
    try:
        # The declaration says UTF-16, but schtasks prints in the code page of consoles.
        root = Xml.fromstring(text[max(text.find("<Task"), 0) :])  # noqa: S314 - the user's own task
    except Xml.ParseError:
        return True, None
    enabled = root.findtext(f"{{{NAMESPACE}}}Settings/{{{NAMESPACE}}}Enabled", "true")
    command = root.findtext(f"{{{NAMESPACE}}}Actions/{{{NAMESPACE}}}Exec/{{{NAMESPACE}}}Command")
    return enabled.strip().lower() != "false", command


def _read_last(name: str, text: str) -> tuple[str, int | None]:
    """Return when the task was last started, and its last result, as far as the table says so."""
    for row in csv.reader(text.splitlines()):
        if len(row) > LAST_RESULT_COLUMN and _is(name, row[NAME_COLUMN]):
            result = row[LAST_RESULT_COLUMN].strip()
            known = result.removeprefix("-").isdecimal()
            return row[LAST_RUN_COLUMN].strip(), int(result) & 0xFFFFFFFF if known else None
    return "", None


if sys.platform == "win32":
    import ctypes
    import os

    NAME_SAM_COMPATIBLE = 2
    NAME_CHARS_MAX = 1024
    CONSOLE_ENCODING = "oem"
    NO_WINDOW = subprocess.CREATE_NO_WINDOW

    def task_scheduler() -> TaskScheduler:
        """Return the Task Scheduler of this PC."""
        windows = os.environ.get("SYSTEMROOT", r"C:\Windows")
        return TaskScheduler([rf"{windows}\System32\schtasks.exe"])

    def current_user() -> str:
        """Return who is logged on, as DOMAIN\\name.

        Raises:
            BridgeError: when Windows does not say.
        """
        name, size = ctypes.create_unicode_buffer(NAME_CHARS_MAX), ctypes.c_ulong(NAME_CHARS_MAX)
        if not ctypes.WinDLL("secur32").GetUserNameExW(NAME_SAM_COMPATIBLE, name, ctypes.byref(size)):
            raise BridgeError("Windows does not say who is logged on; log off and on, then try again")
        return name.value

else:
    CONSOLE_ENCODING = "utf-8"
    NO_WINDOW = 0

    def task_scheduler() -> TaskScheduler:
        """Refuse: there is none here.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("the Task Scheduler is a part of Windows, and this is another system")

    def current_user() -> str:
        """Refuse: asked only for the Task Scheduler.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("the Task Scheduler is a part of Windows, and this is another system")
