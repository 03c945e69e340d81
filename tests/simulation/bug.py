"""What a planted bug is: parts of the bridge that others are put in place of, and how it must be caught."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Change = tuple[Any, str, Any]


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug.

    Attributes:
        plant: makes the changes; called for each seed, so that nothing is carried over.
        caught_as: the judgements that may catch it.
    """

    name: str
    plant: Callable[[], Sequence[Change]]
    caught_as: tuple[str, ...]
