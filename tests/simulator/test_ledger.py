"""The ledger file."""

import json
from pathlib import Path

import pytest
from tests.simulator.trading import Account

from hybrid_bridge.simulator import constants as mt5
from hybrid_bridge.simulator.ledger import Ledger, LedgerError
from hybrid_bridge.simulator.records import TradeDeal


def test_a_deal_is_on_disk_before_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        account = Account(ledger, commission_per_lot=3.5)
        account.quote("EURUSD", 1.08500, 1.08510)
        result = account.buy("EURUSD", 0.2, magic=7, comment="é 1")
        # The ledger is still open here: another process reads what a reply promises.
        (line,) = path.read_text(encoding="utf-8").splitlines()
        assert {
            "deal": result.deal,
            "order": result.order,
            "position": result.order,
            "symbol": "EURUSD",
            "type": 0,
            "entry": 0,
            "volume": 0.2,
            "price": 1.0851,
            "profit": 0.0,
            "commission": -0.7,
            "swap": 0.0,
            "fee": 0.0,
            "magic": 7,
            "comment": "é 1",
            "reason": mt5.DEAL_REASON_EXPERT,
            "time_msc": account.now_msc,
            "utc_msc": account.now_msc - 10_800_000,
            "balance": 9999.3,
        } == json.loads(line)


def test_what_the_server_closes_by_itself_is_in_it_too(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        account = Account(ledger)
        account.quote("EURUSD", 1.08500, 1.08510)
        account.buy("EURUSD", 0.2, sl=1.084)
        account.quote("EURUSD", 1.08390, 1.08400)
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(0, 3), (1, 4)] == [(row["entry"], row["reason"]) for row in rows]


def test_the_deposit_is_no_line(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        Account(ledger)
    assert "" == (tmp_path / "ledger.jsonl").read_text(encoding="utf-8")


def test_tickets_go_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    seen = []
    for _ in range(2):
        with Ledger(path) as ledger:
            account = Account(ledger)
            account.quote("EURUSD", 1.08500, 1.08510)
            result = account.buy("EURUSD", 0.2)
            seen.append((result.order, result.deal))
    assert seen[0][0] < seen[1][0]
    assert seen[0][1] < seen[1][1]
    assert 2 == len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("line", ["no json", "[]", '{"deal": 1}', '{"deal":1,"order":"x","position":2}'])
def test_a_file_that_is_no_ledger_is_refused_by_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.write(TradeDeal(ticket=1, order=2, position_id=2), utc_msc=0, balance=1.0)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(LedgerError, match=r"ledger\.jsonl, line 2: expected .* move the file away"):
        Ledger(path)
    assert path.read_text(encoding="utf-8").endswith(line + "\n")


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.close()
    ledger.close()
