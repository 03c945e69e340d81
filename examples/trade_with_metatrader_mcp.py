"""metatrader-mcp-server, a program from PyPI, trades against a simulated terminal through its own client.

    pip install pandas python-dotenv pytz && pip install --no-deps metatrader-mcp-server
    hybrid-bridge simulator &
    python examples/trade_with_metatrader_mcp.py

`MetaTrader5.py` beside this file is what it imports; --no-deps because the genuine package is for
Windows only.
"""
# ruff: noqa: T201 - it shows what happens

from datetime import UTC, datetime, timedelta

from metatrader_client import MT5Client

client = MT5Client(
    {"path": "127.0.0.1:18812", "login": 10000001, "password": "any", "server": "Simulator-Demo"}
)
print("connected", client.connect(), client.get_version())
print("account  ", client.account.get_balance(), client.account.get_currency())
price = client.market.get_symbol_price("GBPUSD")
print("price    ", price)
placed = client.order.place_market_order(type="BUY", symbol="GBPUSD", volume=0.1)
print("placed   ", placed["error"], placed["message"])
ticket = placed["data"].order
stop = round(price["bid"] - 0.01, 5)
print("modified ", client.order.modify_position(ticket, stop_loss=stop)["message"])
waiting = client.order.place_pending_order(
    type="BUY", symbol="GBPUSD", volume=0.1, price=round(price["bid"] - 0.02, 5)
)
print("waiting  ", waiting["error"], waiting["message"])
print(client.order.get_all_positions().to_string())
print(client.order.get_all_pending_orders().to_string())
print("cancelled", client.order.cancel_all_pending_orders()["message"])
print("closed   ", client.order.close_position(ticket)["message"])
now = datetime.now(UTC)
deals = client.history.get_deals_as_dataframe(now - timedelta(days=1), now + timedelta(days=1))
print(deals[["order", "entry", "symbol", "volume", "price", "profit"]].to_string())
print("closing  ", client.disconnect())
