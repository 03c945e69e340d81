"""Some thousand odd messages: neither decoder nor guard raises, and both do what the reference does."""

import pytest
from scripts.fuzzing.report import Report, tell
from scripts.fuzzing.session import run_session

SEEDS = 16
SEEDS_PER_TEST = 4


@pytest.mark.parametrize("first", range(1, SEEDS + 1, SEEDS_PER_TEST))
def test_bridge_and_reference_agree_on_every_message(first: int) -> None:
    report = Report()
    for seed in range(first, first + SEEDS_PER_TEST):
        report.add(run_session(seed))

    assert not report.differences, "\n\n".join(map(tell, report.differences))
    # A fuzz of which everything is refused at the door tries no guard.
    assert report.counts["approved"] > 30
    assert report.counts["denied late"] > 100
    assert report.counts["malformed"] > 500
    assert report.borders < report.messages / 50


def test_one_seed_is_one_session() -> None:
    assert run_session(3).counts == run_session(3).counts


def test_a_difference_is_told_with_its_message_and_the_way_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hybrid_bridge.messages.inbound.ID_CHARS_MAX", 5)
    difference = next(
        outcome.differences[0] for seed in range(1, 20) if (outcome := run_session(seed)).differences
    )

    assert difference.stage.startswith("decoder")
    assert f"scripts/fuzz --seed {difference.seed} --messages {difference.index + 1}" in tell(difference)
    assert repr(difference.raw)[:40] in tell(difference)
    assert run_session(difference.seed, difference.index + 1).differences
