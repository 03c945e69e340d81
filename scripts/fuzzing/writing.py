"""The messages of a session: sound ones of every type, borderline ones, and damaged ones, by seed.

Owns which values are worth trying: at the edge of expiry, around the steps of a volume, around the levels of
a stop, ids that came before. `session` asks for one message after the other.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scripts.fuzzing.market import LOGIN, UNKNOWN_SYMBOL, Instrument, Market
from scripts.fuzzing.mutations import Fields, damage_bytes, damage_fields, damage_tokens, odd_value, render

from hybrid_bridge.core.limits import Limits
from hybrid_bridge.core.tightening import RULES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IDS_KEPT = 40
KINDS = (
    *("trading_signal",) * 70,
    *("close_position",) * 8,
    *("modify_position",) * 10,
    *("get_data",) * 3,
    *("resume_trading",) * 3,
    *("tighten_limits",) * 4,
    *("emergency_stop",) * 2,
)


@dataclass(frozen=True, slots=True)
class Written:
    """One message as it is sent.

    Attributes:
        damage: what was done to it, "" for nothing.
    """

    raw: bytes
    damage: str


class Writer:
    """Writes the messages of one session."""

    def __init__(self, draw: random.Random, market: Market, limits: Limits) -> None:
        self._draw = draw
        self._market = market
        self._limits = limits
        self._ids: list[str] = []
        self._count = 0

    def write(self, now_msc: int) -> Written:
        """Write the next message."""
        draw = self._draw
        kind = draw.choice(KINDS)
        fields = getattr(self, f"_{kind}")(now_msc)
        way, name = draw.random(), self._spell(kind)
        if way < 0.45:
            return Written(render(name, fields, draw).encode(), "")
        if way < 0.75:
            for _ in range(draw.choice((1, 1, 1, 2, 4))):
                damage_fields(fields, draw)
            return Written(_to_bytes(render(name, fields, draw)), "fields")
        if way < 0.77:
            return Written(_to_bytes(render(odd_value(draw), fields, draw)), "type")
        text = render(name, fields, draw)
        if way < 0.88:
            return Written(_to_bytes(damage_tokens(text, draw)), "tokens")
        return Written(damage_bytes(text.encode(), draw), "bytes")

    def _spell(self, kind: str) -> str:
        """Return a type as JSON; any of its letters may be written as an escape."""
        if self._draw.random() < 0.9:
            return f'"{kind}"'
        place = self._draw.randrange(len(kind))
        return f'"{kind[:place]}\\u{ord(kind[place]):04x}{kind[place + 1 :]}"'

    def _id(self) -> str:
        draw = self._draw
        if draw.random() < 0.01:
            length = draw.choice((128, 129))
            return draw.choice((f'"{"i" * length}"', "9" * length))
        if self._ids and draw.random() < 0.06:
            return draw.choice(self._ids)
        self._count += 1
        made = (
            f'"s-{self._count}"'
            if draw.random() < 0.9
            else str(self._count + 10 ** draw.choice((0, 9, 19, 60)))
        )
        self._ids = [*self._ids[-IDS_KEPT:], made]
        return made

    def _trading_signal(self, now_msc: int) -> Fields:
        draw = self._draw
        symbol = draw.choice((*self._market.instruments,) * 4 + (UNKNOWN_SYMBOL, "AUDNZD"))
        buys = draw.random() < 0.5
        fields = [("symbol", f'"{symbol}"'), ("action", '"BUY"' if buys else '"SELL"')]
        instrument = self._market.instruments.get(symbol) or next(iter(self._market.instruments.values()))
        stop = self._stop(instrument, below=buys)
        if stop and draw.random() < 0.92:
            fields.append(("stop_loss", stop))
        if draw.random() < 0.25:
            fields.append(("take_profit", self._stop(instrument, below=not buys)))
        if draw.random() < 0.55:
            fields.append(("volume", self._volume(instrument, float(stop or 0), buys=buys)))
        if draw.random() < 0.9:
            fields.append(("id", self._id()))
        if draw.random() < 0.5:
            fields.append(("timestamp", self._moment(now_msc - self._age(self._limits.signal_max_age_ms))))
        if draw.random() < 0.15:
            fields.append(("expires_at", self._moment(now_msc + draw.choice((-1, 0, 1, 2_000)))))
        if draw.random() < 0.2:
            fields.append(("price", self._seen_price(instrument, buys=buys)))
        if draw.random() < 0.2:
            fields.append(
                ("comment", draw.choice(('"x"', '"\U0001f600 long"', '"a\\u0000b"', f'"{"c" * 60}"')))
            )
        if draw.random() < 0.1:
            fields.append(("account", draw.choice((str(LOGIN), str(LOGIN), "1", "0", "-5", str(10**30)))))
        return fields

    def _age(self, longest: int) -> int:
        draw = self._draw
        if draw.random() < 0.6:
            return 0
        return draw.choice((longest, longest, 0, -2_000, -2_000, -60_000, 10**9)) + draw.choice((-1, 0, 0, 1))

    def _moment(self, msc: int) -> str:
        draw = self._draw
        moment = EPOCH + timedelta(milliseconds=msc)
        way = draw.random()
        if way < 0.6:
            return f'"{moment.isoformat(timespec="milliseconds")[:-6]}Z"'
        if way < 0.7:
            hours = draw.choice((-12, -5, 2, 14))
            east = moment + timedelta(hours=hours)
            return f'"{east.isoformat(timespec="milliseconds")[:-6]}{hours:+03d}:00"'
        if way < 0.8:
            digits = draw.choice(("0", "5", "999", "9994", "9995", "9999", "99949999"))
            return f'"{moment.isoformat(timespec="milliseconds")[:-6]}{digits}Z"'
        if way < 0.9:
            return f'"{moment.isoformat(timespec="seconds")[:-6]}z"'
        odd = (
            moment.isoformat(timespec="milliseconds")[:-6],
            f"{moment:%Y-%m-%d}",
            f"{moment:%Y%m%dT%H%M%SZ}",
            f"{moment:%Y-%m-%dT%H:%MZ}",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00Z",
            f"{moment:%Y-%m-%d}T24:00:00Z",
            f"{moment:%Y-%m-%dT%H:%M}:60Z",
            "2026-02-29T00:00:00Z",
            "now",
            str(msc),
            f"{moment:%Y-%m-%d %H:%M:%S}Z",
            f"{moment:%Y-%m-%dT%H:%M:%S}+24:00",
            f"{moment:%Y-%m-%dT%H:%M:%S}-0000",
            f"{moment:%Y-%m-%dT%H:%M:%S}.Z",
            f"{moment:%Y-%m-%dT%H:%M:%S}+05",
            f"{moment:%Y-%m-%dT%H:%M:%S},5Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            f"{moment:%Y-%m-%dT%H:%M:%S}\u00b2Z",
        )
        return f'"{draw.choice(odd)}"'

    def _stop(self, instrument: Instrument, *, below: bool) -> str:
        """Return a price below or above the market: around the levels, far away, or off the grid."""
        draw, spec = self._draw, instrument.spec
        near = instrument.bid if below else instrument.ask
        level = max(spec.stops_level, spec.freeze_level)
        points: float = draw.choice((level, level, 190, 190, 190, 1_000, 1_000, 5_000, 0, -100, 20_000))
        points += draw.choice((-1, 0, 0, 0, 0.4, 1))
        price = near - points * spec.point if below else near + points * spec.point
        way = draw.random()
        if way < 0.9:
            ticks = round(price / spec.tick_size) * spec.tick_size
            return f"{max(ticks, 0):.{spec.digits}f}"
        return (
            repr(max(price, 0.0))
            if way < 0.97
            else draw.choice(("0", "0.0", "1e-9", repr(spec.tick_size / 2), "1e300"))
        )

    def _volume(self, instrument: Instrument, stop: float, *, buys: bool) -> str:
        draw, spec = self._draw, instrument.spec
        step, limits = spec.volume_step, self._limits
        entry = instrument.ask if buys else instrument.bid
        loss = abs(entry - stop) * instrument.unit
        fits = limits.max_risk_percent / 100 * self._market.equity / loss if loss else 1.0
        base = draw.choice(
            (
                spec.volume_min,
                spec.volume_min,
                spec.volume_max,
                limits.max_volume or 1.0,
                fits,
                fits,
                spec.volume_min * draw.randint(1, 50),
                step,
                fits / 2,
            )
        )
        lots = max(0.0, round(base / step) * step + draw.choice((-1, 0, 0, 0, 1)) * step)
        way = draw.random()
        if way < 0.85:
            return repr(round(lots, 8) or spec.volume_min)
        return repr(lots + draw.choice((step / 2, 1e-9, -1e-9, 1e-12, step * 0.999999999)) or step)

    def _seen_price(self, instrument: Instrument, *, buys: bool) -> str:
        points = self._limits.max_price_drift_points or 10.0
        away = (
            self._draw.choice((0, points, points + 1, points - 1, -points, -points - 1))
            * instrument.spec.point
        )
        seen = (instrument.ask if buys else instrument.bid) + away
        return f"{seen:.{instrument.spec.digits + 1}f}"

    def _ticket(self) -> str:
        draw = self._draw
        if self._market.positions and draw.random() < 0.85:
            return str(draw.choice(list(self._market.positions)))
        return draw.choice(("1", "0", "-1", "5000", str(2**63 - 1), str(2**63), "1.0", '"1001"'))

    def _close_position(self, now_msc: int) -> Fields:
        del now_msc
        draw = self._draw
        fields = [("ticket", self._ticket())]
        if draw.random() < 0.5:
            position = self._market.positions.get(int(fields[0][1])) if fields[0][1].isdigit() else None
            held = position.volume if position is not None else 1.0
            fields.append(
                ("volume", repr(draw.choice((held, held / 2, held + 0.01, 0.01, 0.001, 1e-9, held * 2))))
            )
        if draw.random() < 0.9:
            fields.append(("id", self._id()))
        return fields

    def _modify_position(self, now_msc: int) -> Fields:
        del now_msc
        draw = self._draw
        fields = [("ticket", self._ticket())]
        position = self._market.positions.get(int(fields[0][1])) if fields[0][1].isdigit() else None
        symbol = position.symbol if position is not None else "EURUSD"
        buys = position is None or position.side.value == "BUY"
        instrument = self._market.instruments[symbol]
        if draw.random() < 0.8:
            fields.append(("stop_loss", draw.choice((self._stop(instrument, below=buys),) * 6 + ("0",))))
        if draw.random() < 0.4:
            fields.append(
                ("take_profit", draw.choice((self._stop(instrument, below=not buys),) * 6 + ("0",)))
            )
        if draw.random() < 0.9:
            fields.append(("id", self._id()))
        return fields

    def _emergency_stop(self, now_msc: int) -> Fields:
        del now_msc
        draw, fields = self._draw, []
        for name, values in (
            ("close_positions", ("true", "false", "null", "1")),
            ("cancel_orders", ("true", "false", "null", '"no"')),
            ("reason", ('"news"', '""', f'"{"r" * 501}"', "null", "7")),
        ):
            if draw.random() < 0.4:
                fields.append((name, draw.choice(values)))
        return fields

    def _resume_trading(self, now_msc: int) -> Fields:
        del now_msc
        return [("reason", self._draw.choice(('"looked"', '"looked"', '""', f'"{"r" * 501}"', "null")))]

    def _get_data(self, now_msc: int) -> Fields:
        del now_msc
        return [("request", self._draw.choice(('"status"', '"positions"', '"account_info"', '"deals"', "1")))]

    def _tighten_limits(self, now_msc: int) -> Fields:
        """Some limits to make stricter, half of them with odd names or values."""
        del now_msc
        draw = self._draw
        wanted = []
        for _ in range(draw.choice((0, 1, 1, 1, 2, 4))):
            name = draw.choice(
                (*RULES, *RULES, "magic", "emergency_stop", "oversized", "", "symbols", "mt5_password")
            )
            name = draw.choice((name, name.upper(), name.upper(), name.title()))
            value = draw.choice(("1", "0.5", "5", "100", "0", "-1", "true", "false", "1e9", odd_value(draw)))
            wanted.append(f'"{name}":{value}')
        fields = [("limits", f"{{{','.join(wanted)}}}")]
        if draw.random() < 0.3:
            fields.append(("reason", draw.choice(('"news"', '""', "null", f'"{"r" * 501}"'))))
        return fields


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
