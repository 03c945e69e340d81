"""Library lines come through, their floods do not."""

import logging

from hybrid_bridge.logs.library import KINDS_MAX, LibraryLines, Repetitions


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_repeated_every_second_is_written_once_a_minute_with_the_number_held_back() -> None:
    clock = Clock()
    repetitions = Repetitions(clock, window_s=60)
    written = []
    for second in range(121):
        clock.now = 100.0 + second
        held_back = repetitions.admit("aiokafka", logging.ERROR, f"Unable to connect, attempt {second}")
        if held_back is not None:
            written.append((second, held_back))
    assert written == [(0, 0), (60, 59), (120, 59)]


def test_other_lines_are_not_held_back() -> None:
    repetitions = Repetitions(Clock())
    lines = [("a", 40, "x"), ("b", 40, "x"), ("a", 30, "x"), ("a", 40, "y")]
    assert [repetitions.admit(*line) for line in lines] == [0, 0, 0, 0]


def test_the_memory_of_lines_is_bounded() -> None:
    repetitions = Repetitions(Clock())
    for number in range(10 * KINDS_MAX):
        repetitions.admit("a", 40, "x" * number)
    assert len(repetitions._seen) == KINDS_MAX


def test_a_record_becomes_an_entry() -> None:
    written: list[tuple[object, ...]] = []
    logger = logging.getLogger("a.library")
    logger.propagate = False
    logger.addHandler(LibraryLines(lambda *entry: written.append(entry)))
    error = OSError("refused")
    logger.error("Cannot reach %s", "localhost:9092", exc_info=error)
    logger.error("Cannot reach %s", "localhost:9092")
    logger.warning("badly %d formatted", "x")
    assert written == [
        (
            "a.library",
            "ERROR",
            "Cannot reach localhost:9092",
            {"exc_info": (OSError, error, None)},
        ),
        ("a.library", "WARNING", "badly %d formatted ('x',)", {}),
    ]
