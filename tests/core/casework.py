"""One entry before the guard, sound but for what a test changes; and values that no figure should have."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from tests.core.builders import (
    DAY,
    INF,
    NAN,
    NOW,
    make_account,
    make_appraisal,
    make_case,
    make_intent,
    make_limits,
    make_quote,
    make_report,
    make_signal,
    make_spec,
    make_state,
    make_terminal,
)

from hybrid_bridge.core.cases import AppraisedCase
from hybrid_bridge.core.events import Denial

ABSURD = (NAN, INF, -INF, 0.0, -1.0)
Changes = dict[str, Any]


def case_with(
    *,
    signal: Changes | None = None,
    state: Changes | None = None,
    limits: Changes | None = None,
    quote: Changes | None = None,
    spec: Changes | None = None,
    account: Changes | None = None,
    terminal: Changes | None = None,
    report: Changes | None = None,
    appraisal: Changes | None = None,
    now_msc: int = NOW,
    server_day: int | None = DAY,
) -> AppraisedCase:
    """Return the sound case with some of its layers changed."""
    seen = make_report(
        **{
            "account": make_account(**account or {}),
            "terminal": make_terminal(**terminal or {}),
            **(report or {}),
        }
    )
    facts = {"spec": make_spec(**spec or {}), "quote": make_quote(**quote or {}), "report": seen}
    case = make_case(
        make_signal(**signal or {}),
        make_state(**state or {}),
        make_limits(**limits or {}),
        make_appraisal(**{**facts, **(appraisal or {})}),
        now_msc,
    )
    return replace(case, server_day=server_day)


def table(*rows: tuple[str, Changes, str | None]) -> pytest.MarkDecorator:
    """Parametrize a test by rows of a name, what is changed and the check that denies it, None for none."""
    return pytest.mark.parametrize(
        ("changes", "expected"), [row[1:] for row in rows], ids=[row[0] for row in rows]
    )


def name_of(denial: Denial | None) -> str | None:
    """Return the name of the check that denies, None where none does."""
    return denial.check if denial is not None else None


def names_of(denials: Iterable[Denial]) -> list[str]:
    """Return the names of the checks that deny."""
    return [denial.check for denial in denials]


def entries_at(*instants: int, **changes: Any) -> deque[Any]:
    """Return entries that reached SENDING at these instants."""
    return deque((at, make_intent(number, **changes)) for number, at in enumerate(instants, 1))
