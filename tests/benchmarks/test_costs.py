"""From what a broker did to what an account costs: prices, and needs by hand."""

import dataclasses

import pytest
from scripts.scaling.costs import Account, Observation, Prices, need_of, prices_of

PRICES = Prices(
    idle_us=3_000.0,
    publish_us=300.0,
    shared_publish_us=400.0,
    tick_us=5.0,
    signal_us=2_000.0,
    delivery_us=80.0,
)
BASE_CPU = 0.03
# bridges, publishes, ticks, signals and deliveries a second, of each phase.
LOADS = ((50, 0, 0, 0, 0), (50, 275, 400, 0, 0), (50, 500, 4_000, 0, 0), (50, 50, 400, 0, 0))
SHARED_SIGNALS, OWN_SIGNALS = (50, 275, 400, 10, 1_000), (50, 275, 400, 10, 20)
ACCOUNT = Account(ticks=8.0, publishes=5.5, signals=0.01, tick_bytes=200.0, signal_bytes=500.0)


def observed(prices: Prices, base_cpu: float) -> list[Observation]:
    """Return what would be seen if the prices were these."""
    found = []
    for shared, signals in ((True, SHARED_SIGNALS), (False, OWN_SIGNALS)):
        for bridges, publishes, ticks, sent, deliveries in (*LOADS, signals):
            load = Observation(shared, bridges, ticks, publishes, sent, deliveries)
            found.append(dataclasses.replace(load, broker_cpu=base_cpu + prices.cpu(load)))
    return found


def test_prices_that_made_the_observations_are_found_again() -> None:
    found = prices_of(observed(PRICES, BASE_CPU), BASE_CPU)
    assert dataclasses.astuple(PRICES) == pytest.approx(dataclasses.astuple(found))


def test_a_price_that_noise_would_make_negative_is_nothing() -> None:
    odd = dataclasses.replace(PRICES, tick_us=-2.0)
    found = prices_of(observed(odd, BASE_CPU), BASE_CPU)
    assert 0.0 == found.tick_us
    assert all(price >= 0 for price in dataclasses.astuple(found))
    # A tick's missing cost is taken from what it came with, not from what it did not.
    assert PRICES.idle_us == pytest.approx(found.idle_us, rel=0.05)
    assert PRICES.delivery_us == pytest.approx(found.delivery_us, rel=0.1)


def test_accounts_on_topics_of_their_own_need_what_their_parts_cost() -> None:
    need = need_of(1_000, ACCOUNT, PRICES, shared=False, retention_days=7)
    assert 8_000.0 == need.ticks
    # 1,000 idle, 5,500 publishes, 8,000 ticks, 10 signals, and each of them read by two readers.
    assert (3_000_000 + 1_650_000 + 40_000 + 20_000 + 20 * 80) / 1e6 == pytest.approx(need.cores)
    assert (8_000 * 200 + 2 * 10 * 500) / 1e6 == pytest.approx(need.ingress_mb_s)
    assert 20 * 500 / 1e6 == pytest.approx(need.egress_mb_s)
    assert need.ingress_mb_s * 1e6 * 86_400 * 7 * 3 / 1e9 == pytest.approx(need.disk_gb)
    assert 1_000 * 3 * 3 == need.replicas


def test_one_signal_topic_for_all_is_read_by_everybody() -> None:
    own = need_of(1_000, ACCOUNT, PRICES, shared=False, retention_days=7)
    shared = need_of(1_000, ACCOUNT, PRICES, shared=True, retention_days=7)
    assert 1_000 * own.egress_mb_s == pytest.approx(shared.egress_mb_s)
    assert own.ingress_mb_s == shared.ingress_mb_s
    assert own.replicas == 1_000 * shared.replicas
    twice = need_of(2_000, ACCOUNT, PRICES, shared=True, retention_days=7)
    assert 4 * shared.egress_mb_s == pytest.approx(twice.egress_mb_s)
