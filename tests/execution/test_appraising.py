"""Each kind of order asks the terminal its own questions, and a silent terminal is an answer too."""

import pytest
from tests.core.builders import (
    NOW,
    make_cancel,
    make_close,
    make_limits,
    make_modify,
    make_position,
    make_signal,
)

from hybrid_bridge.core.appraisal import AppraisalQuery
from hybrid_bridge.core.market import Side
from hybrid_bridge.execution.appraising import appraise


async def ask(venue, wanted, **limits):
    return await appraise(venue, make_limits(**limits), wanted, lambda: NOW + len(venue.asked))


async def test_an_entry_asks_for_its_symbol_side_and_stop_once(venue):
    appraised = await ask(venue, make_signal())
    assert venue.appraised == [AppraisalQuery("EURUSD", Side.BUY, 1.0981, open_risk=False)]
    assert venue.asked == ["appraise"]
    assert (appraised.problem, appraised.position, appraised.superseded) == ("", None, False)


async def test_the_risk_of_all_that_is_open_is_asked_for_where_a_limit_needs_it(venue):
    await ask(venue, make_signal(), max_open_risk_percent=5.0)
    assert venue.appraised[0].open_risk


@pytest.mark.parametrize("make", [make_close, make_modify])
async def test_a_command_finds_its_position_and_asks_for_the_price_it_would_close_at(venue, make):
    venue.positions = {500: make_position(side=Side.SELL), 501: make_position(ticket=501)}
    appraised = await ask(venue, make())
    assert appraised.position == venue.positions[500]
    assert venue.appraised == [AppraisalQuery("EURUSD", Side.BUY, 0.0, open_risk=False)]


@pytest.mark.parametrize("wanted", [make_close(ticket=9), make_cancel(ticket=500)])
async def test_what_names_no_open_position_asks_for_the_account_alone(venue, wanted):
    venue.positions = {500: make_position()}
    appraised = await ask(venue, wanted)
    assert (venue.asked, appraised.position) == (["report"], None)
    assert appraised.appraisal is not None


@pytest.mark.parametrize("call", ["report", "appraise"])
async def test_a_terminal_that_is_silent_at_either_question_is_told_in_its_words(venue, call):
    venue.positions = {500: make_position()}
    venue.failing = {call}
    appraised = await ask(venue, make_close())
    assert appraised.appraisal is None
    assert appraised.problem == f"{call}: the lane was killed at its deadline"


async def test_the_clock_is_read_once_the_terminal_has_answered(venue):
    venue.positions = {500: make_position()}
    assert (await ask(venue, make_close())).now_msc == NOW + 2
