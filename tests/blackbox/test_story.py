"""The story of a signal that failed holds every line with its name, and no other's."""

from pathlib import Path

from scripts.siege.evidence import Evidence, Record
from scripts.siege.judge import judge
from scripts.siege.story import tell
from scripts.siege.wanted import Wanted

BODY = '{"type": "trading_signal", "data": {"id": "s1", "comment": "s1"}}'


def test_a_story_has_the_log_the_ledger_and_the_topics(tmp_path: Path) -> None:
    log = '{"event": "Order placed", "signal": "s1"}\n{"event": "Order placed", "signal": "s12"}\n'
    (tmp_path / "mt5_bridge.log").write_text(log, encoding="utf-8")
    deals = [
        {"order": order, "position": order, "entry": 0, "volume": 0.01, "magic": 234_000 << 32 | 7}
        | {"comment": "s1 #7", "time_msc": 1, "utc_msc": 1}
        for order in (100, 101)
    ]
    data = {"signal_id": "s1", "status": "filled", "volume": 0.01, "ticket": 100, "sent_at": None}
    message = {"type": "trade_result", "data": {**data, "done_at": None}}
    evidence = Evidence(
        wanted=[Wanted("s1", "entry", "redpanda", "twice", "s1", 0.01, True, BODY, 1.0)],
        deals=deals,
        signals=[Record(0, 4, BODY.encode())],
        events=[message],
        heard=[{"at": 2.0, "message": message}],
        numbers={"s1": 7},
        committed=1,
        signal_end=1,
    )
    told = tell(judge(evidence).failed[0], evidence, tmp_path)
    for part in (
        "=== s1 (entry, twice, sent by redpanda)",
        "DOUBLED: 2 orders: [100, 101]",
        "number 7, magic 1005022347264007",
        '"order": 101',
        "event topic: ",
        "backend heard at 2.000: ",
        "signal topic 4: ",
        'mt5_bridge.log: {"event": "Order placed", "signal": "s1"}',
    ):
        assert part in told
    assert "s12" not in told
