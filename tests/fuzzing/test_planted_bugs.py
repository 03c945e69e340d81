"""The fuzz sees every planted bug; one that cannot fail proves nothing."""

import pytest
from scripts.fuzzing.session import run_session
from tests.fuzzing.planted import BUGS, SEEN_BY

SEEDS = range(1, 81)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_seen(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name, instead in BUGS[bug]:
        monkeypatch.setattr(where, name, instead)

    seeds = (SEEN_BY.get(bug, 1), *SEEDS)
    assert any(run_session(seed).differences for seed in seeds), f"nobody noticed that {bug}"
