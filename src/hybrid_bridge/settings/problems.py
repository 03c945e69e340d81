"""Puts a refused setting into words: what was seen, what is accepted, what to do.

A leaf of settings, used by nobody else. Pure; a secret's value never enters a text.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

SHOWN_CHARS_MAX = 80
# At 0.8, MAX_RISK_PCT is taken for MAX_RISK_PERCENT and MAX_LOTS is not taken for anything.
LIKENESS_MIN = 0.8

_UNITS = {"number": "a number", "integer": "a whole number"}


def problem_text(error: ErrorDetails, schema: Mapping[str, Any], origin: str, *, secret: bool) -> str:
    """Return the sentence for one refused value.

    Args:
        error: as pydantic reports it; its location names the setting.
        schema: the setting's own JSON schema.
        origin: where the value came from, like "line 3 of C:/bridge/.env".
        secret: whether the value must stay out of the text.
    """
    name = str(error["loc"][0]).upper()
    if error["type"] == "extra_forbidden":
        return f"{name}: no such setting; remove it"
    seen = "a value that is not shown" if secret else shown(error["input"])
    default = default_text(schema)
    remedy = f"correct it in {origin}" + (f" (default: {default})" if default else "")
    return f"{name}: saw {seen}, accepts {_accepted_here(error, schema)}; {remedy}"


def shown(value: object) -> str:
    """Return a value as a person may see it: cut short, without credentials inside addresses."""
    text = value if isinstance(value, str) else str(value)
    text = re.sub(r"//[^/@\s]*@", "//***@", text)
    text = re.sub(r"(://[^?\s]*)\?.*", r"\1?***", text)
    if len(text) > SHOWN_CHARS_MAX:
        text = text[:SHOWN_CHARS_MAX] + "..."
    return f"'{text}'"


def default_text(schema: Mapping[str, Any]) -> str:
    """Return a setting's default as one would write it, empty when there is none to speak of."""
    return written(schema.get("default"))


def written(value: object) -> str:
    """Return a value as one would write it into a `.env` file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def accepted(schema: Mapping[str, Any]) -> str:
    """Return in words what a setting's JSON schema accepts."""
    if "anyOf" in schema:
        some = next(one for one in schema["anyOf"] if one.get("type") != "null")
        return f"{accepted(some)}, or nothing to leave it off"
    if "enum" in schema:
        return f"one of {', '.join(str(one) for one in schema['enum'])}"
    kind = schema.get("type")
    if kind == "boolean":
        return "true or false"
    if kind in _UNITS:
        return f"{_UNITS[kind]}{_bounds(schema)}"
    return "text"


def sort_unknown(
    names: Iterable[str], known: Collection[str], origins: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Tell names that look like misspelt settings from names that belong to something else.

    Args:
        names: in lower case, none of them known.
    Returns:
        Problems and warnings, each a sentence.
    """
    problems, warnings = [], []
    for name in names:
        near = difflib.get_close_matches(name, known, n=1, cutoff=LIKENESS_MIN)
        where = origins[name]
        if near:
            problems.append(
                f"{name.upper()}: no such setting; did you mean {near[0].upper()}? Correct or remove {where}"
            )
        else:
            warnings.append(f"{name.upper()}: no such setting, so {where} has no effect")
    return problems, warnings


def _accepted_here(error: ErrorDetails, schema: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    words = accepted(schema)
    if isinstance(error["input"], str) and re.fullmatch(r"[-+]?\d+,\d+", error["input"].strip()):
        words += ", with a point for the decimals"
    return words


def _bounds(schema: Mapping[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high = schema.get("maximum")
    if low is not None and high is not None:
        return f" from {_plain(low)} to {_plain(high)}"
    words = ""
    if above is not None:
        words = f" above {_plain(above)}"
    elif low is not None:
        words = f" of at least {_plain(low)}"
    return f"{words}, at most {_plain(high)}" if high is not None else words


def _plain(number: float) -> str:
    return json.dumps(int(number) if float(number).is_integer() else number)
