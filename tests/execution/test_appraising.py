"""Each kind of order asks the terminal its own questions, and a silent terminal is an answer too."""

from dataclasses import replace

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
    assert venue.appraised == [AppraisalQuery("EURUSD", Side.BUY, 1.0981, valued=False)]
    assert venue.asked == ["appraise"]
    assert (appraised.problem, appraised.position, appraised.superseded) == ("", None, False)


@pytest.mark.parametrize("limit", ["max_open_risk_percent", "max_exposure_percent"])
async def test_what_all_that_is_open_is_worth_is_asked_for_where_a_limit_needs_it(venue, limit):
    await ask(venue, make_signal(), **{limit: 5.0})
    assert venue.appraised[0].valued


HELD = {500: make_position(side=Side.SELL), 501: make_position(ticket=501)}


async def test_a_close_finds_its_position_and_asks_for_the_price_it_would_close_at(venue):
    venue.positions = dict(HELD)
    appraised = await ask(venue, make_close(), max_open_risk_percent=5.0)
    assert appraised.position == HELD[500]
    assert venue.appraised == [AppraisalQuery("EURUSD", Side.BUY, 0.0, valued=False)]


@pytest.mark.parametrize(
    ("limits", "valued"),
    [({}, False), ({"max_exposure_percent": 5.0}, False), ({"max_open_risk_percent": 5.0}, True)],
)
async def test_a_change_asks_for_the_loss_of_the_new_stop_from_the_position_s_opening(venue, limits, valued):
    venue.positions = dict(HELD)
    appraised = await ask(venue, make_modify(stop_loss=1.12), **limits)
    assert appraised.position == HELD[500]
    assert venue.appraised == [AppraisalQuery("EURUSD", Side.SELL, 1.12, valued, entry_price=1.099)]


async def test_a_command_is_judged_on_the_position_as_it_was_seen_last(venue):
    venue.positions = dict(HELD)
    moved = replace(HELD[500], stop_loss=1.15)
    ask_before = venue.appraise

    async def appraise_later(query):
        venue.positions[500] = moved
        return await ask_before(query)

    venue.appraise = appraise_later
    assert (await ask(venue, make_modify(stop_loss=1.12))).position == moved


@pytest.mark.parametrize("stop_loss", [None, 0.0])
async def test_a_change_without_a_new_stop_asks_for_no_loss(venue, stop_loss):
    venue.positions = dict(HELD)
    await ask(venue, make_modify(stop_loss=stop_loss))
    assert venue.appraised == [AppraisalQuery("EURUSD", Side.SELL, 0.0, valued=False, entry_price=1.099)]


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
