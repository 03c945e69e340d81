"""pdmt5, a wrapper from PyPI, trades against a simulated terminal: place, modify, close, history.

    pip install pandas pydantic && pip install --no-deps pdmt5
    hybrid-bridge simulator &
    python examples/trade_with_pdmt5.py

`MetaTrader5.py` beside this file is what pdmt5 imports; --no-deps because the genuine package is for
Windows only.
"""
# ruff: noqa: T201 - it shows what happens

from datetime import UTC, datetime, timedelta

from pdmt5 import Mt5Config, Mt5DataClient

with Mt5DataClient(config=Mt5Config(timeout=10_000)) as client:
    mt5 = client.mt5
    account = client.account_info_as_dict()
    print("account ", account["login"], account["balance"], account["currency"], client.version())
    client.symbol_select("EURUSD", True)
    tick = client.symbol_info_tick("EURUSD")
    opened = client.order_send(
        {
            "action": mt5.TRADE_ACTION_DEAL,
            "symbol": "EURUSD",
            "volume": 0.2,
            "type": mt5.ORDER_TYPE_BUY,
            "price": tick.ask,
            "deviation": 20,
            "type_filling": mt5.ORDER_FILLING_IOC,
            "comment": "pdmt5",
        }
    )
    print("placed  ", opened.retcode, opened.comment, opened.order, opened.volume, opened.price)
    levels = {"sl": round(tick.bid - 0.01, 5), "tp": round(tick.bid + 0.01, 5)}
    changed = client.order_send({"action": mt5.TRADE_ACTION_SLTP, "position": opened.order, **levels})
    print("modified", changed.retcode, changed.comment)
    print(client.positions_get_as_df()[["ticket", "symbol", "volume", "price_open", "sl", "tp", "comment"]])
    closed = client.order_send(
        {
            "action": mt5.TRADE_ACTION_DEAL,
            "symbol": "EURUSD",
            "volume": 0.2,
            "type": mt5.ORDER_TYPE_SELL,
            "position": opened.order,
            "price": client.symbol_info_tick("EURUSD").bid,
            "deviation": 20,
            "type_filling": mt5.ORDER_FILLING_IOC,
        }
    )
    print(
        "closed  ", closed.retcode, closed.comment, closed.price, "positions left:", client.positions_total()
    )
    now = datetime.now(UTC)
    deals = client.history_deals_get_as_df(now - timedelta(days=1), now + timedelta(days=1))
    print(deals[["order", "entry", "symbol", "volume", "price", "profit"]])
    rates = client.copy_rates_from_pos_as_df("EURUSD", mt5.TIMEFRAME_M1, 0, 3)
    print(rates[["open", "high", "low", "close", "tick_volume"]])
