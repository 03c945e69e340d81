"""Money paid in or out is told with the look that shows it, and the history is asked no more than it must."""

from types import SimpleNamespace

import pytest

from hybrid_bridge.terminal import bookings
from hybrid_bridge.terminal.bookings import (
    BOOKINGS_KEPT,
    OVERLAP_S,
    PATIENCE_S,
    WHOLE_OVERLAP_EVERY_S,
    WHOLE_OVERLAP_PAUSE_S,
    Bookings,
)
from hybrid_bridge.terminal.package import PackageError

NOW_S = 1_700_000_000
DAY_S = 86_400


class Account:
    """The package over an account whose money moves when a test says so."""

    def __init__(self) -> None:
        self.balance, self.credit = 1000.0, 0.0
        self.deals: list[SimpleNamespace] = []
        self.asked: list[tuple[int, int]] = []
        self.failing = self.link_lost = False
        self.before_answering = lambda: None
        self.remarks: list[str] = []
        self.bookings = Bookings()

    def pay(self, ticket, amount, kind=2, time_s=NOW_S):
        """Book money, in the history and in the balance or the credit."""
        self.record(ticket, amount, kind, time_s)
        if kind == 2:
            self.balance += amount
        else:
            self.credit += amount

    def record(self, ticket, amount, kind=2, time_s=NOW_S, **costs):
        """Put a deal into the history."""
        self.deals.append(
            SimpleNamespace(
                ticket=ticket,
                type=kind,
                profit=amount,
                time=time_s,
                time_msc=time_s * 1000,
                **({"commission": 0.0, "swap": 0.0, "fee": 0.0} | costs),
            )
        )

    def call(self, name, *arguments):
        """Answer as the package does."""
        if name == "account_info":
            return SimpleNamespace(balance=self.balance, credit=self.credit)
        self.asked.append(arguments)
        self.before_answering()
        if self.failing:
            raise PackageError(name, -1, "Terminal: Call failed")
        return tuple(deal for deal in self.deals if arguments[0] <= deal.time <= arguments[1])

    def look(self):
        """Look at the account; return the bookings known then, and the figures that go with them."""
        account = self.bookings.catch_up(
            self, lambda level, event, **fields: self.remarks.append(level), self.call("account_info")
        )
        return [(booking.ticket, booking.profit) for booking in self.bookings.latest], account


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now_s=1000.0)
    made.time, made.monotonic = lambda: NOW_S + made.now_s - 1000, lambda: made.now_s
    monkeypatch.setattr(bookings, "time", made)
    return made


@pytest.fixture
def account(clock):
    return Account()


def settle(account, clock):
    account.look()
    clock.now_s += PATIENCE_S
    account.asked.clear()


def test_the_first_look_learns_what_was_paid_in_the_last_month(account):
    account.pay(1, 500.0)
    found, _ = account.look()
    assert found == [(1, 500.0)]
    assert account.asked == [(NOW_S - 30 * DAY_S, NOW_S + DAY_S)]


def test_deposits_credits_and_bonuses_are_bookings_and_trades_and_charges_are_none(account):
    for kind in range(18):
        account.record(kind + 1, 10.0 * kind, kind)
    found, _ = account.look()
    assert found == [(3, 20.0), (4, 30.0), (7, 60.0)]


@pytest.mark.parametrize(("kind", "amount"), [(2, 300.0), (2, -300.0), (3, 50.0), (3, -50.0)])
def test_a_change_of_balance_or_credit_is_looked_up(account, clock, kind, amount):
    settle(account, clock)
    account.pay(7, amount, kind)
    assert account.look()[0] == [(7, amount)]


def test_the_history_is_left_alone_while_nothing_changes(account, clock):
    settle(account, clock)
    account.look()
    clock.now_s += 3600
    account.look()
    assert account.asked == []


def test_a_deal_that_shows_a_moment_after_its_money_is_waited_for(account, clock):
    settle(account, clock)
    account.balance += 300
    assert account.look()[0] == []
    assert not account.bookings.explained
    clock.now_s += PATIENCE_S - 1
    assert account.look()[0] == []
    account.record(7, 300.0)
    assert account.look()[0] == [(7, 300.0)]
    assert account.bookings.explained
    account.asked.clear()
    account.look()
    assert account.asked == []


@pytest.mark.parametrize(
    ("costs", "explained"),
    [
        ({"commission": -3.5, "swap": -0.2, "fee": -0.1}, True),
        ({"commission": -3.5, "swap": -0.2}, False),
        ({"commission": -3.5, "fee": -0.1}, False),
        ({"swap": -0.2, "fee": -0.1}, False),
    ],
)
def test_a_trade_s_whole_result_explains_the_money_that_it_moved(account, clock, costs, explained):
    settle(account, clock)
    account.balance += 10.0 - 3.5 - 0.2 - 0.1
    account.record(7, 10.0, kind=1, **costs)
    account.look()
    assert account.bookings.explained is explained


@pytest.mark.parametrize("cents", [-0.01, 0.01])
def test_a_cent_of_a_million_is_not_explained_by_the_rest(account, clock, cents):
    account.balance = 1_000_000.0
    settle(account, clock)
    account.pay(7, 300.1)
    account.balance += cents
    account.look()
    assert not account.bookings.explained


def test_the_noise_of_binary_sums_is_not_money(account, clock):
    account.balance = 100_000_000.0
    settle(account, clock)
    account.pay(7, 0.01)
    account.look()
    assert account.bookings.explained


def test_money_that_is_back_where_it_was_needs_no_explanation(account, clock):
    settle(account, clock)
    account.balance += 300
    account.look()
    account.balance -= 300
    account.look()
    assert account.bookings.explained


def test_what_moved_before_the_first_answer_is_not_asked_about(account):
    account.failing = True
    account.look()
    account.failing = False
    account.record(7, 300.0)
    account.balance += 20
    assert account.look()[0] == [(7, 300.0)]
    assert account.bookings.explained


def test_money_that_nothing_explains_is_believed_after_a_while_and_told_once(account, clock):
    settle(account, clock)
    account.balance += 300
    account.look()
    clock.now_s += PATIENCE_S
    account.look()
    assert (account.bookings.explained, account.remarks) == (True, ["warning"])
    account.asked.clear()
    account.look()
    assert account.asked == []


def test_an_account_that_does_not_add_up_is_not_doubted_at_every_trade(account, clock):
    settle(account, clock)
    account.balance += 300
    account.look()
    clock.now_s += PATIENCE_S
    account.look()
    account.balance += 5
    account.look()
    assert account.bookings.explained
    account.record(8, 5.0)
    assert account.look()[0] == [(8, 5.0)]
    account.balance += 6
    account.look()
    assert not account.bookings.explained


def test_deals_that_come_and_go_with_a_late_history_count_once(account, clock):
    settle(account, clock)
    account.pay(7, 300.0)
    account.look()
    late, account.deals = account.deals, []
    account.balance += 50
    account.look()
    account.deals = late
    account.look()
    assert not account.bookings.explained
    account.record(8, 50.0)
    account.look()
    assert account.bookings.explained


def test_deals_that_come_late_for_the_first_look_explain_nothing_later(account, clock):
    account.balance += 300
    account.look()
    assert account.bookings.explained
    account.record(7, 300.0)
    assert account.look()[0] == [(7, 300.0)]
    clock.now_s += PATIENCE_S
    account.look()
    account.balance += 300
    account.look()
    assert not account.bookings.explained


def test_figures_and_bookings_are_of_one_instant(account, clock):
    settle(account, clock)
    account.pay(7, 300.0)
    payments = iter([lambda: account.pay(8, 40.0), lambda: None])
    account.before_answering = lambda: next(payments)()
    found, figures = account.look()
    assert (found, figures.balance) == ([(7, 300.0), (8, 40.0)], 1340.0)
    assert len(account.asked) == 2


@pytest.mark.parametrize(("late", "looked"), [(0.0, 1), (40.0, 2)])
def test_the_account_is_looked_at_again_only_where_the_deals_go_with_other_figures(
    account, clock, late, looked
):
    settle(account, clock)
    account.pay(7, -3.5, kind=2)
    account.before_answering = lambda: late and account.pay(8, late)
    figures = account.call("account_info")
    calls = []
    answer = account.call
    account.call = lambda name, *arguments: (calls.append(name), answer(name, *arguments))[1]
    account.bookings.catch_up(account, lambda *_, **__: None, figures)
    assert calls.count("account_info") == looked - 1


def test_a_payment_that_comes_with_a_late_deal_is_not_told_with_figures_from_before_it(account, clock):
    account.record(1, 0.0, kind=0, time_s=NOW_S)
    account.look()
    clock.now_s += 1
    payments = iter([lambda: account.pay(8, 40.0)])
    account.before_answering = lambda: next(payments, lambda: None)()
    found, figures = account.look()
    assert (found, figures.balance) == ([(8, 40.0)], 1040.0)


def test_money_that_never_stands_still_does_not_hold_up_the_look(account, clock):
    settle(account, clock)
    account.balance += 1

    def move():
        account.balance += 1

    account.before_answering = move
    account.look()
    assert len(account.asked) == bookings.QUESTIONS_MAX
    account.look()
    assert len(account.asked) == 2 * bookings.QUESTIONS_MAX


def test_later_questions_begin_at_the_newest_deal_and_before_it_where_that_explains_nothing(account, clock):
    account.record(1, 0.0, kind=0, time_s=NOW_S - 5)
    settle(account, clock)
    account.pay(2, 10.0)
    account.look()
    assert [from_s for from_s, _ in account.asked] == [NOW_S - 5]
    account.asked.clear()
    account.balance += 1
    account.look()
    clock.now_s += WHOLE_OVERLAP_PAUSE_S
    account.look()
    assert [from_s for from_s, _ in account.asked] == [NOW_S, *[NOW_S - OVERLAP_S] * 2]


def test_now_and_then_a_question_reaches_back_all_the_same(account, clock):
    account.record(1, 0.0, kind=0)
    settle(account, clock)
    clock.now_s += WHOLE_OVERLAP_EVERY_S - PATIENCE_S - 1
    account.pay(2, 10.0)
    account.look()
    clock.now_s += 1
    account.pay(3, 10.0)
    account.look()
    assert [from_s for from_s, _ in account.asked] == [NOW_S, NOW_S - OVERLAP_S]


def test_an_order_of_a_busy_day_does_not_go_through_the_day(account, clock):
    settle(account, clock)
    for ticket in range(1, 200):
        account.pay(ticket, -3.5, kind=2, time_s=NOW_S + ticket // 10)
        account.look()
    answered = [sum(from_s <= deal.time for deal in account.deals) for from_s, _ in account.asked[-20:]]
    assert max(answered) <= 30, "those of three seconds, by what there is in the end"


@pytest.mark.parametrize("begin", ["just connected", "money that nothing explains"])
def test_not_even_in_doubt_does_one_order_after_the_other_go_through_the_day(account, clock, begin):
    for ticket in range(1, 1001):
        account.record(ticket, 0.0, kind=0, time_s=NOW_S - 2000 + ticket)
    if begin != "just connected":
        settle(account, clock)
        account.balance += 1
    account.look()
    account.asked.clear()
    for ticket in range(1001, 1111):
        clock.now_s += 0.01
        account.pay(ticket, -3.5, kind=2, time_s=NOW_S)
        account.look()
    through_the_day = [from_s for from_s, _ in account.asked if from_s < NOW_S - 2000]
    assert len(through_the_day) == 1, "once in that second"


def test_in_doubt_a_late_deal_from_before_the_newest_is_found_a_second_later_at_most(account, clock):
    account.record(1, 0.0, kind=0, time_s=NOW_S)
    settle(account, clock)
    account.balance += 300
    account.look()
    account.record(2, 300.0, time_s=NOW_S - 60)
    account.look()
    assert not account.bookings.explained
    clock.now_s += WHOLE_OVERLAP_PAUSE_S
    assert account.look()[0] == [(2, 300.0)]
    assert account.bookings.explained


def test_a_payment_from_before_the_newest_deal_is_found_after_the_clocks_were_set_back(account, clock):
    account.record(1, 0.0, kind=0, time_s=NOW_S)
    settle(account, clock)
    account.pay(2, 10.0, time_s=NOW_S - 3600)
    assert account.look()[0] == [(2, 10.0)]


def test_a_payment_is_found_where_the_pc_s_clock_is_far_behind_the_servers(account, clock):
    account.record(1, 0.0, kind=0, time_s=NOW_S + 23 * 3600)
    settle(account, clock)
    account.pay(2, 10.0, time_s=NOW_S + 25 * 3600)
    assert account.look()[0] == [(2, 10.0)]


def test_a_history_that_does_not_answer_fails_no_look_is_told_once_and_asked_again(account, clock):
    settle(account, clock)
    account.pay(7, 300.0)
    account.failing = True
    for _ in range(2):
        found, figures = account.look()
        assert (found, figures.balance) == ([], 1300.0)
    assert account.remarks == ["warning"]
    assert not account.bookings.explained
    clock.now_s += 2 * PATIENCE_S
    account.look()
    account.failing = False
    assert account.look()[0] == [(7, 300.0)]


def test_a_lost_connection_fails_the_look(account):
    account.failing = account.link_lost = True
    with pytest.raises(PackageError):
        account.look()


def test_the_latest_are_kept_in_the_order_of_their_time(account, clock):
    settle(account, clock)
    for ticket in range(1, BOOKINGS_KEPT + 3):
        account.pay(ticket, 1.0, time_s=NOW_S - ticket)
    found, _ = account.look()
    assert [ticket for ticket, _ in found] == list(range(BOOKINGS_KEPT, 0, -1))


def test_what_is_told_again_is_one_booking(account, clock):
    account.pay(7, 300.0)
    settle(account, clock)
    account.pay(8, 20.0)
    assert account.look()[0] == [(7, 300.0), (8, 20.0)]


def test_what_later_questions_do_not_reach_back_to_stays_known(account, clock):
    account.pay(7, 300.0, time_s=NOW_S - 5 * DAY_S)
    account.record(8, 0.0, kind=0)
    settle(account, clock)
    account.pay(9, 20.0)
    assert account.look()[0] == [(7, 300.0), (9, 20.0)]
