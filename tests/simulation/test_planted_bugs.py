"""Every planted bug is caught: a proof that cannot fail is none."""

import pytest
from tests.simulation.catching import SEEDS_MAX, catch, documented
from tests.simulation.planted import BUGS

pytestmark = pytest.mark.not_on_windows("the disk of a simulation is filled by a limit that POSIX has")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug):
    seeds = dict.fromkeys([*filter(None, [documented().get(bug.name)]), *range(1, SEEDS_MAX + 1)])
    caught = catch(bug, list(seeds))
    assert caught is not None, f"{bug.name} was not caught within {SEEDS_MAX} seeds"
    assert caught.judgement in bug.caught_as


def test_the_document_names_every_bug():
    assert [bug.name for bug in BUGS] == list(documented())
