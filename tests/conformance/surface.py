"""The fields of the package's result types, with a value for each that no other field has.

Owns the table of names and types, written down from the genuine package and not from our own code, and
the values made from it. The made terminal answers with these values, and the checks expect them.

Each phase gives other values: texts and numbers of its own, and every truth value turned round.
"""

from collections.abc import Callable
from typing import Any

PHASES = (0, 1)
STRUCTURES = {
    "Tick": """
        time:i64 bid:f64 ask:f64 last:f64 volume:u64 time_msc:i64 flags:u32 volume_real:f64
    """,
    "OrderSendResult": """
        retcode:u32 deal:u64 order:u64 volume:f64 price:f64 bid:f64 ask:f64 comment:str request_id:u32
        retcode_external:i32 request:TradeRequest
    """,
    "TradePosition": """
        ticket:u64 time:i64 time_msc:i64 time_update:i64 time_update_msc:i64 type:u32 magic:u64
        identifier:u64 reason:u32 volume:f64 price_open:f64 sl:f64 tp:f64 price_current:f64 swap:f64
        profit:f64 symbol:str comment:str external_id:str
    """,
    "BookInfo": """
        type:u32 price:f64 volume:u64 volume_dbl:f64
    """,
    "AccountInfo": """
        login:u64 trade_mode:u32 leverage:u32 limit_orders:u32 margin_so_mode:u32 trade_allowed:bool
        trade_expert:bool margin_mode:u32 currency_digits:u32 fifo_close:bool balance:f64 credit:f64
        profit:f64 equity:f64 margin:f64 margin_free:f64 margin_level:f64 margin_so_call:f64
        margin_so_so:f64 margin_initial:f64 margin_maintenance:f64 assets:f64 liabilities:f64
        commission_blocked:f64 name:str server:str currency:str company:str
    """,
    "TradeOrder": """
        ticket:u64 time_setup:i64 time_setup_msc:i64 time_done:i64 time_done_msc:i64 time_expiration:i64
        type:u32 type_time:u32 type_filling:u32 state:u32 magic:u64 position_id:u64 position_by_id:u64
        reason:u32 volume_initial:f64 volume_current:f64 price_open:f64 sl:f64 tp:f64 price_current:f64
        price_stoplimit:f64 symbol:str comment:str external_id:str
    """,
    "OrderCheckResult": """
        retcode:u32 balance:f64 equity:f64 profit:f64 margin:f64 margin_free:f64 margin_level:f64
        comment:str request:TradeRequest
    """,
    "SymbolInfo": """
        custom:bool chart_mode:u32 select:bool visible:bool session_deals:u64 session_buy_orders:u64
        session_sell_orders:u64 volume:u64 volumehigh:u64 volumelow:u64 time:i64 digits:u32 spread:i32
        spread_float:bool ticks_bookdepth:u32 trade_calc_mode:u32 trade_mode:u32 start_time:i64
        expiration_time:i64 trade_stops_level:i32 trade_freeze_level:i32 trade_exemode:u32 swap_mode:u32
        swap_rollover3days:u32 margin_hedged_use_leg:bool expiration_mode:i32 filling_mode:i32
        order_mode:i32 order_gtc_mode:u32 option_mode:u32 option_right:u32 bid:f64 bidhigh:f64
        bidlow:f64 ask:f64 askhigh:f64 asklow:f64 last:f64 lasthigh:f64 lastlow:f64 volume_real:f64
        volumehigh_real:f64 volumelow_real:f64 option_strike:f64 point:f64 trade_tick_value:f64
        trade_tick_value_profit:f64 trade_tick_value_loss:f64 trade_tick_size:f64
        trade_contract_size:f64 trade_accrued_interest:f64 trade_face_value:f64 trade_liquidity_rate:f64
        volume_min:f64 volume_max:f64 volume_step:f64 volume_limit:f64 swap_long:f64 swap_short:f64
        margin_initial:f64 margin_maintenance:f64 session_volume:f64 session_turnover:f64
        session_interest:f64 session_buy_orders_volume:f64 session_sell_orders_volume:f64
        session_open:f64 session_close:f64 session_aw:f64 session_price_settlement:f64
        session_price_limit_min:f64 session_price_limit_max:f64 margin_hedged:f64 price_change:f64
        price_volatility:f64 price_theoretical:f64 price_greeks_delta:f64 price_greeks_theta:f64
        price_greeks_gamma:f64 price_greeks_vega:f64 price_greeks_rho:f64 price_greeks_omega:f64
        price_sensitivity:f64 basis:str category:str currency_base:str currency_profit:str
        currency_margin:str bank:str description:str exchange:str formula:str isin:str name:str page:str
        path:str
    """,
    "TerminalInfo": """
        community_account:bool community_connection:bool connected:bool dlls_allowed:bool
        trade_allowed:bool tradeapi_disabled:bool email_enabled:bool ftp_enabled:bool
        notifications_enabled:bool mqid:bool build:u32 maxbars:u32 codepage:i32 ping_last:i32
        community_balance:f64 retransmission:f64 company:str name:str language:str path:str
        data_path:str commondata_path:str
    """,
    "TradeDeal": """
        ticket:u64 order:u64 time:i64 time_msc:i64 type:u32 entry:u32 magic:u64 position_id:u64
        reason:u32 volume:f64 price:f64 commission:f64 swap:f64 profit:f64 fee:f64 symbol:str
        comment:str external_id:str
    """,
    "TradeRequest": """
        action:u32 magic:u64 order:u64 symbol:str volume:f64 price:f64 stoplimit:f64 sl:f64 tp:f64
        deviation:u64 type:u32 type_filling:u32 type_time:u32 expiration:i64 comment:str position:u64
        position_by:u64
    """,
}
ROWS = {
    "rates": """
        time:i8 open:f8 high:f8 low:f8 close:f8 tick_volume:u8 spread:i4 real_volume:u8
    """,
    "ticks": """
        time:i8 bid:f8 ask:f8 last:f8 volume:u8 time_msc:i8 flags:u4 volume_real:f8
    """,
}
# Values at the far ends of their type, so that one read with the wrong sign or width is seen.
VALUES: dict[str, Callable[[int, int, str], Any]] = {
    "u64": lambda place, phase, _: 2**64 - 1 - place - 1000 * phase,
    "i64": lambda place, phase, _: -(2**62) + place + 1000 * phase,
    "u32": lambda place, phase, _: 2**32 - 1 - place - 1000 * phase,
    "i32": lambda place, phase, _: -(2**31) + place + 1000 * phase,
    "f64": lambda place, phase, _: (place + 0.1) * (-1) ** phase * 10.0 ** (phase * 100),
    "bool": lambda place, phase, _: (place + phase) % 2 == 0,
    "str": lambda place, phase, name: f"{place} {name[:6]} \u00e4\U0001f4c8{phase}",
}
ROW_KINDS = {"i8": "i64", "u8": "u64", "i4": "i32", "u4": "u32", "f8": "f64"}


def fields(structure: str) -> list[tuple[str, str]]:
    """Give names and types of a structure's fields, in their order."""
    pairs = (word.split(":") for word in STRUCTURES[structure].split())
    return [(name, kind) for name, kind in pairs]


def values(structure: str, phase: int) -> list[Any]:
    """Give the values of a structure's fields, without a request inside it."""
    return [
        VALUES[kind](place, phase, name)
        for place, (name, kind) in enumerate(fields(structure))
        if kind in VALUES
    ]


def row_fields(rows: str) -> list[tuple[str, str]]:
    """Give names and NumPy types of the columns of ticks or rates."""
    pairs = (word.split(":") for word in ROWS[rows].split())
    return [(name, kind) for name, kind in pairs]


def row(rows: str, phase: int) -> list[Any]:
    """Give the values of one row."""
    return [
        VALUES[ROW_KINDS[kind]](place, phase, name) for place, (name, kind) in enumerate(row_fields(rows))
    ]
