from hypothesis import given
from hypothesis import strategies as st

from hybrid_bridge.terminal.clock import ServerClock, Transition

H = 3_600_000
START = 1_700_000_000_000


def look(clock, utc_msc, offset_s, *, age_msc=50, symbol="EURUSD"):
    clock.observe({symbol: utc_msc - age_msc + offset_s * 1000}, utc_msc)


def tell(clock, offset_s, *, begin=START, looks=4, step_msc=1000, **kinds):
    for number in range(looks):
        look(clock, begin + number * step_msc, offset_s, **kinds)


def test_nothing_is_known_before_the_first_fresh_tick():
    clock = ServerClock()
    clock.observe({"EURUSD": START + 3 * H}, START)
    assert clock.offset_s is None
    assert clock.to_utc_msc(START) is None
    assert clock.to_server_msc(START) is None
    assert clock.server_day(START) is None


def test_a_weekends_standing_tick_teaches_nothing():
    clock = ServerClock()
    for second in range(100):
        clock.observe({"EURUSD": START - 40 * H}, START + second * 1000)
    assert clock.offset_s is None


@given(
    st.integers(-56, 56).map(lambda quarters: quarters * 900),
    st.integers(-60_000, 60_000),
    st.integers(0, 50_000),
)
def test_any_time_zone_is_found_despite_a_wrong_pc_clock_and_old_ticks(offset_s, error_msc, age_msc):
    clock = ServerClock()
    for number in range(4):
        true_msc = START + number * 1000
        look(clock, true_msc + error_msc, offset_s, age_msc=age_msc + error_msc)
    assert clock.offset_s == offset_s


def test_one_stray_observation_is_not_believed():
    clock = ServerClock()
    tell(clock, 10_800, looks=2)
    assert clock.offset_s is None


def test_a_tick_after_a_long_gap_between_looks_is_not_fresh():
    clock = ServerClock()
    tell(clock, 10_800, looks=10, step_msc=61_000)
    assert clock.offset_s is None


def test_a_time_between_two_quarters_is_not_believed():
    clock = ServerClock()
    tell(clock, 10_800, looks=20, age_msc=300_000)
    assert clock.offset_s is None


def test_a_set_offset_is_never_questioned():
    clock = ServerClock(7200)
    tell(clock, 10_800, looks=50)
    assert clock.offset_s == 7200
    assert clock.to_utc_msc(START) == START - 2 * H


def test_a_delayed_symbol_beside_a_live_one_does_not_count():
    clock = ServerClock()
    for second in range(30):
        utc_msc = START + second * 1000
        server_msc = utc_msc + 3 * H
        clock.observe({"EURUSD": server_msc - 20, "DELAYED": server_msc - 900_000}, utc_msc)
    assert clock.offset_s == 10_800


def test_a_first_guess_from_delayed_ticks_is_corrected_from_its_beginning():
    clock = ServerClock()
    tell(clock, 10_800, age_msc=900_000)
    assert clock.offset_s == 9900
    tell(clock, 10_800, begin=START + 10_000, symbol="LIVE", looks=5)
    assert clock.offset_s == 10_800
    assert clock.transitions == (Transition(0, 10_800),)


def test_spring_forward_is_followed_and_older_times_keep_the_older_offset():
    clock = ServerClock()
    tell(clock, 7200, looks=5)
    change = START + 10 * H
    tell(clock, 7200, begin=change - 2000, looks=2)
    tell(clock, 10_800, begin=change, looks=3)
    assert clock.offset_s == 10_800
    assert clock.to_utc_msc(change + 3 * H) == change
    before = change - H
    assert clock.to_utc_msc(before + 2 * H) == before
    assert clock.to_server_msc(before) == before + 2 * H
    assert clock.to_server_msc(change + 1) == change + 1 + 3 * H


def test_fall_back_needs_a_minute_of_agreement():
    clock = ServerClock()
    tell(clock, 10_800, looks=5)
    change = START + 10 * H
    tell(clock, 10_800, begin=change - 3000, looks=3)
    tell(clock, 7200, begin=change, looks=55)
    assert clock.offset_s == 10_800
    tell(clock, 7200, begin=change + 55_000, looks=7)
    assert clock.offset_s == 7200
    assert clock.to_utc_msc(change + 2 * H) == change
    assert clock.to_utc_msc(change - H + 3 * H - 1) == change - H - 1


def test_back_filled_ticks_do_not_set_the_clock_back():
    clock = ServerClock()
    tell(clock, 10_800, looks=5)
    for number in range(200):
        utc_msc = START + 10_000 + number * 1000
        clock.observe({"EURUSD": utc_msc + 3 * H - 3_600_000}, utc_msc)
        if number % 20 == 19:
            clock.observe({"EURUSD": utc_msc + 3 * H + 1}, utc_msc + 1)
    assert clock.offset_s == 10_800


def test_the_servers_day_begins_at_its_own_midnight():
    clock = ServerClock(10_800)
    midnight = 20_000 * 86_400_000 - 3 * H
    assert clock.server_day(midnight - 1) == 19_999
    assert clock.server_day(midnight) == 20_000


def test_a_day_begins_with_its_first_tick_and_not_by_a_pc_clock_that_is_set_ahead():
    clock = ServerClock()
    midnight = 20_000 * 86_400_000 - 3 * H
    tell(clock, 10_800, begin=midnight - 60_000)
    assert clock.server_day(midnight + 24 * H) == 19_999
    look(clock, midnight + 60, 10_800)
    assert clock.server_day(midnight + 60) == 20_000
    assert clock.server_day(midnight - 1) == 19_999


def test_a_tick_from_the_future_begins_no_day():
    clock = ServerClock(10_800)
    midnight = 20_000 * 86_400_000 - 3 * H
    clock.observe({"EURUSD": midnight + 240 * H}, midnight - 60_000)
    assert clock.server_day(midnight - 60_000) == 19_999


@given(st.integers(START, START + 1000 * H), st.sampled_from([-7200, 0, 10_800]))
def test_there_and_back_is_the_same_instant(utc_msc, offset_s):
    clock = ServerClock(offset_s)
    assert clock.to_utc_msc(clock.to_server_msc(utc_msc)) == utc_msc


# After a sleep


def asleep_for(clock, hours):
    clock.doubt()
    return START + hours * H


def test_after_a_sleep_the_offset_is_unknown_until_fresh_ticks_show_it_again():
    clock = ServerClock()
    tell(clock, 10_800)
    awake_msc = asleep_for(clock, 8)
    assert (clock.offset_s, clock.to_utc_msc(START + 3 * H)) == (None, START)
    tell(clock, 10_800, begin=awake_msc, looks=3)
    assert clock.offset_s is None
    look(clock, awake_msc + 3_000, 10_800)
    assert (clock.offset_s, clock.transitions) == (10_800, (Transition(0, 10_800),))


def test_daylight_saving_that_began_during_the_sleep_is_learned_before_any_tick_is_believed():
    clock = ServerClock()
    tell(clock, 7_200)
    awake_msc = asleep_for(clock, 8)
    tell(clock, 10_800, begin=awake_msc, looks=3)
    assert clock.offset_s is None
    look(clock, awake_msc + 3_000, 10_800)
    assert (clock.offset_s, clock.transitions[-1].offset_s) == (10_800, 10_800)
    assert clock.to_utc_msc(START + 2 * H) == START


def test_daylight_saving_that_ended_during_the_sleep_wants_as_much_proof_as_ever():
    clock = ServerClock()
    tell(clock, 10_800)
    awake_msc = asleep_for(clock, 8)
    tell(clock, 7_200, begin=awake_msc, looks=60)
    assert clock.offset_s is None
    tell(clock, 7_200, begin=awake_msc + 60_000, looks=4)
    assert clock.offset_s == 7_200


def test_a_tick_that_came_during_the_sleep_is_not_fresh():
    clock = ServerClock()
    tell(clock, 10_800)
    awake_msc = asleep_for(clock, 8)
    look(clock, awake_msc, 10_800, age_msc=H)
    for second in range(1, 10):
        clock.observe({"EURUSD": awake_msc - H + 3 * H}, awake_msc + second * 1000)
    assert clock.offset_s is None


def test_what_was_about_to_be_proven_before_the_sleep_is_counted_anew():
    clock = ServerClock()
    tell(clock, 10_800)
    tell(clock, 7_200, begin=START + 10_000, looks=10)
    awake_msc = asleep_for(clock, 1)
    tell(clock, 7_200, begin=awake_msc, looks=3)
    assert clock.offset_s is None


def test_a_doubt_before_anything_is_known_and_one_of_a_given_offset_change_nothing():
    clock = ServerClock()
    clock.doubt()
    tell(clock, 10_800)
    assert clock.offset_s == 10_800
    given_offset = ServerClock(7_200)
    given_offset.doubt()
    assert given_offset.offset_s == 7_200
