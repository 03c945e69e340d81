"""`log`: the end of the log of these settings."""

import pytest

from hybrid_bridge import cli


def test_the_last_lines_are_shown_in_any_language(folder, offline, capsys):
    offline.write_text("LOG_FILE=журнал.log\n", encoding="utf-8")
    (folder / "журнал.log").write_text("".join(f"строка {n}\n" for n in range(100)), encoding="utf-8")
    assert 0 == cli.main(["log", "--lines", "2"])
    assert "строка 98\nстрока 99\n" == capsys.readouterr().out
    assert 0 == cli.main(["log"])
    assert 40 == len(capsys.readouterr().out.splitlines())


def test_what_is_no_text_in_it_is_no_obstacle(folder, offline, capsys):
    (folder / "mt5_bridge.log").write_bytes(b"a\xff\n")
    assert 0 == cli.main(["log"])
    assert capsys.readouterr().out.startswith("a")


def test_without_a_log_its_place_is_told(folder, offline, capsys):
    assert 1 == cli.main(["log"])
    assert f"no log at {folder / 'mt5_bridge.log'}; a bridge writes it" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "x", "²", "100001"])
def test_a_count_that_is_none_is_refused(offline, capsys, count):
    with pytest.raises(SystemExit) as left:
        cli.main(["log", f"--lines={count}"])
    assert 2 == left.value.code
    assert "must be a number from 1 to 100000" in capsys.readouterr().err
