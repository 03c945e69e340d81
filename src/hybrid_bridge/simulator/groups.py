"""The group filter of symbols_get, positions_get, orders_get and the history functions.

Owns the reading of a filter like `*USD*, !EURUSD`; the server uses it for symbols and the
module-shaped client, as the package does, for everything else.

Source: measured with the genuine package 5.0.6231.
"""

import re


class GroupFilter:
    """Tell which names a group selects.

    Conditions are separated by commas, blanks after a comma are ignored. `*` stands for any
    characters; upper and lower case differ. A condition with `!` in front excludes, wherever it
    stands; exclusions alone select nothing, and neither does an empty group.
    """

    def __init__(self, group: str) -> None:
        conditions = [condition.lstrip(" ") for condition in group.split(",")]
        self._included = [_pattern(text) for text in conditions if text and text[0] != "!"]
        self._excluded = [_pattern(text[1:]) for text in conditions if text.startswith("!")]

    def matches(self, name: str) -> bool:
        """Tell whether the group selects this name."""
        return any(pattern.fullmatch(name) for pattern in self._included) and not any(
            pattern.fullmatch(name) for pattern in self._excluded
        )


def _pattern(condition: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in condition.split("*")), re.DOTALL)
