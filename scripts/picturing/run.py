"""Makes the pictures of docs/windows.md. Options: scripts/pictures --help"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "src")]

from scripts.picturing.drawing import draw  # noqa: E402
from scripts.picturing.scenes import PICTURES, TITLE, scenes, take  # noqa: E402


def main() -> None:
    """Draw every picture, after running the demo anew unless told otherwise."""
    parser = argparse.ArgumentParser("scripts/pictures", description=__doc__)
    parser.add_argument("--draw", action="store_true", help="do not run the demo anew")
    options = parser.parse_args()
    if not options.draw:
        with tempfile.TemporaryDirectory() as folder:
            take(Path(folder).resolve())
    for name, lines in scenes().items():
        path = PICTURES / f"{name}.svg"
        path.write_text(draw(TITLE, lines), encoding="utf-8", newline="\n")
        print(path)


if __name__ == "__main__":
    main()
