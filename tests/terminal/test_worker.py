import json
import os
import subprocess
import sys

import msgspec
from tests.terminal.support import MODULE, PLAIN

from hybrid_bridge.terminal.framing import pack, read_payload
from hybrid_bridge.terminal.operations import ConnectArgs, Nothing
from hybrid_bridge.terminal.worker_process import _environment

PASSWORD = "pa55word"
CONNECT = ConnectArgs("", 1001, PASSWORD, "", 1000)


def converse(script, *requests, cwd=None):
    """Run a worker for these requests; return its frames and what it printed."""
    frames = b"".join(pack([number, name, args]) for number, (name, args) in enumerate(requests, 1))
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "hybrid_bridge.terminal.worker",
            "--module",
            MODULE,
            "--name",
            "market",
            "--parent",
            str(os.getpid()),
        ],
        input=frames,
        capture_output=True,
        env=_environment(script.environment),
        timeout=30,
        check=True,
        cwd=cwd,
    )
    import io

    stream, read = io.BytesIO(done.stdout), []
    while (payload := read_payload(stream)) is not None:
        read.append(msgspec.msgpack.decode(payload))
    return read, done.stderr.decode()


def test_stray_prints_never_touch_the_frames(script):
    script.say(prints=["initialize", "positions_get"])
    frames, printed = converse(script, ("connect", CONNECT), ("report", PLAIN))
    assert [frame[:3] for frame in frames] == [["reply", 1, True], ["reply", 2, True]]
    assert printed.count("and writes to file descriptor 1") == 2


def test_an_exception_becomes_an_answer_with_its_text_and_the_worker_lives_on(script):
    script.say(raises={"positions_get": "returned a result with an exception set"})
    frames, _ = converse(script, ("connect", CONNECT), ("report", PLAIN), ("newest", Nothing()))
    assert frames[1][2:4] == [False, ["report", 0, "SystemError: returned a result with an exception set"]]
    assert frames[2][2] is True


def test_the_password_shows_in_no_answer(script):
    script.say(raises={"initialize": f"bad credentials {PASSWORD}"})
    frames, printed = converse(script, ("connect", CONNECT))
    assert "***" in frames[0][3][2]
    assert PASSWORD not in json.dumps(frames) + printed


def test_a_lost_connection_is_marked_on_the_reply(script):
    script.say(errors={"positions_get": [-10001, "IPC send failed"]})
    frames, _ = converse(script, ("connect", CONNECT), ("report", PLAIN), ("newest", Nothing()))
    assert [frame[4] for frame in frames] == [False, True, False]
    assert frames[1][3] == ["positions_get", -10001, "IPC send failed"]


def test_arguments_that_do_not_fit_are_an_answer_too(script):
    frames, _ = converse(script, ("submit", Nothing()))
    assert frames[0][2] is False
    assert "ValidationError" in frames[0][3][2]


def test_remarks_come_as_frames_of_their_own(script):
    script.say(errors={"history_deals_get": [-1, "Terminal: Call failed"]})
    frames, _ = converse(script, ("connect", CONNECT), ("select", {"symbols": []}))
    assert [frame[:3] for frame in frames[1:]] == [
        ["log", "warning", "Commission could not be learned from the deals"],
        ["log", "warning", "The history does not tell whether money was paid in or out"],
        ["reply", 2, True],
    ]


def test_a_file_of_the_packages_name_in_the_working_directory_does_not_hide_it(script, tmp_path):
    (tmp_path / "hybrid_bridge.py").write_text("raise SystemExit('wrong file')")
    frames, _ = converse(script, ("connect", CONNECT), cwd=tmp_path)
    assert frames[0][2] is True


def test_the_worker_imports_nothing_of_the_daemons_weight():
    heavy = ("pydantic", "asyncio", "structlog", "aiokafka", "websockets", "dataclasses")
    code = (
        "import sys; import hybrid_bridge.terminal.worker; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=_environment({}), capture_output=True, check=True, timeout=30
    )
    assert done.stdout.decode().strip() == "[]"
