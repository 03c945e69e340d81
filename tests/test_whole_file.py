"""A small file is replaced as a whole, or not at all."""

from pathlib import Path

import pytest

from hybrid_bridge.whole_file import replace_text


def test_the_text_of_before_gives_way_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    replace_text(path, "the first, and the longer one: ü")
    replace_text(path, "Мост")
    assert ("Мост", [path]) == (path.read_text(encoding="utf-8"), list(tmp_path.iterdir()))


def test_a_text_that_cannot_be_put_in_place_leaves_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("before", encoding="utf-8")
    (tmp_path / "kept.json.part").mkdir()
    with pytest.raises(OSError):
        replace_text(path, "new")
    assert "before" == path.read_text(encoding="utf-8")
