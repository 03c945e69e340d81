"""A small file that is replaced as a whole: whoever reads it finds the text of before or the new one.

For what may be lost in a power cut: nothing is forced onto the disk. Called by who keeps such a file.
"""

from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of a file's.

    Raises:
        OSError: when it cannot be written; on Windows also while somebody reads the file.
    """
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
