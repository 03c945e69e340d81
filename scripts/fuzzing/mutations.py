"""Damage: a message's fields, tokens and bytes made odd, wrong or broken, by seed.

Owns what goes wrong with a message, nothing about what it means. A field is kept as the text of its JSON
value, so that a value no encoder would write can stand there too. `writing` calls it.
"""

import random
import re
from collections.abc import Callable

Fields = list[tuple[str, str]]  # Name and the JSON text of the value; a name may stand twice.


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NUMBERS = (
    *_words(
        "NaN Infinity -Infinity 1e309 -1e309 1e-400 0 -0 -0.0 0.0 -1 1 0.5 1e5 1E+2 01 +1 .5 1. 1.e1 0x10"
        " 1_000 1e 5.0 1e18 1e19 1e22 1e23 2147483648 9007199254740993 9223372036854775807"
        " 9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616 4.9e-324 2e-324"
        " 0.30000000000000004 0.1000000000000000055511151231257827 1.7976931348623157e308"
        " 1.7976931348623159e308"
    ),
    "9" * 400,
    "0." + "0" * 340 + "1",
    "1" + "0" * 310 + "e-305",
    "7" * 4_301,
    "123456789" * 14 + "12",
)
TEXTS = (
    *_words(
        '"" "1" "NaN" "BUY" "buy" "\\u0000" "\\ud800" "\\udc00x" "\\ud83d\\ude00" "\U0001f600" "é"'
        ' "EURUSD\\u0000" "eurusd" "\\u0045URUSD" "\\x41" "\\u12" "\x7f" "\x01" "\u202eEURUSD" "\ufeff" \'x\''
        ' " "emergency_stop" "2026-03-02T09:30:00Z"'
    ),
    '" "',
    '"EURUSD "',
    '"\t"',
    '"\u2028"',
    *(f'"{letter * count}"' for letter, count in (("x", 29), ("x", 30), ("y", 128), ("y", 129))),
    *(f'"{letter * count}"' for letter, count in (("z", 500), ("z", 501), ("\U0001f600", 251))),
)
SHAPES = (
    *_words('null true false [] {} [1] [[]] {"a":1} [null] True None undefined [1,] {"a":1,} {,} {"a"}'),
    *_words('/**/1 1//x {"a":1,"a":2} {"a":{"b":1e999}} {"a":NaN} {"a":-0} {"a":"\\ud800"}'),
    "[1 2]",
    '"a" "b"',
    "[" * 150 + "]" * 150,
)
DEEP = ("[" * 20_000, "[" * 20_000 + "]" * 20_000, '{"a":' * 9_000 + "1" + "}" * 9_000)
TYPES = _words(
    '"trading_signal" "close_position" "modify_position" "emergency_stop" "resume_trading" "get_data"'
    ' "tighten_limits" "restore_limits" "TRADING_SIGNAL" "tick_data" "" null 1 [] "\\u0065mergency_stop"'
)
STRANGE_NAMES = (
    "ID",
    "Symbol",
    "volume ",
    "__proto__",
    "",
    "é",
    "type",
    "data",
    "magic",
    "slippage",
    "a" * 300,
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|.', re.DOTALL)
BYTES_MAX = 65_536
BURIED = 0.004  # Rare, for what is so long takes long.


def render(kind: str, fields: Fields, draw: random.Random) -> str:
    """Put a message together as its sender would, keys in any order."""
    if draw.random() < 0.3:
        draw.shuffle(fields)
    body = ",".join(f'"{name}":{value}' for name, value in fields)
    if draw.random() < 0.05:
        return f'{{"data":{{{body}}},"type":{kind}}}'
    if draw.random() < 0.05:
        return f' {{ "type" : {kind} ,\n\t"data" : {{ {body} }} }}\r\n'
    return f'{{"type":{kind},"data":{{{body}}}}}'


def odd_type(draw: random.Random) -> str:
    """Return the JSON text of another type than a message has, or of none."""
    return draw.choice(TYPES) if draw.random() < 0.7 else odd_value(draw)


def odd_value(draw: random.Random) -> str:
    """Return the JSON text, or almost JSON text, of a value that nobody expects."""
    return draw.choice(draw.choice((NUMBERS, NUMBERS, TEXTS, SHAPES)))


def damage_fields(fields: Fields, draw: random.Random) -> None:
    """Change, drop, double or add a field."""
    damage = _bury if draw.random() < BURIED else draw.choice(FIELD_DAMAGE)
    damage(fields, draw)


def _replace(fields: Fields, draw: random.Random) -> None:
    if fields:
        place = draw.randrange(len(fields))
        fields[place] = (fields[place][0], odd_value(draw))


def _drop(fields: Fields, draw: random.Random) -> None:
    if fields:
        del fields[draw.randrange(len(fields))]


def _double(fields: Fields, draw: random.Random) -> None:
    if fields:
        name, value = draw.choice(fields)
        name = name if draw.random() < 0.8 else "".join(f"\\u{ord(char):04x}" for char in name)
        fields.insert(draw.randint(0, len(fields)), (name, value if draw.random() < 0.5 else odd_value(draw)))


def _swap(fields: Fields, draw: random.Random) -> None:
    if len(fields) > 1:
        one, two = draw.sample(range(len(fields)), 2)
        fields[one], fields[two] = (fields[one][0], fields[two][1]), (fields[two][0], fields[one][1])


def _add(fields: Fields, draw: random.Random) -> None:
    fields.insert(draw.randint(0, len(fields)), (draw.choice(STRANGE_NAMES), odd_value(draw)))


def _bury(fields: Fields, draw: random.Random) -> None:
    fields.append(("deep", draw.choice(DEEP)))


def _rename(fields: Fields, draw: random.Random) -> None:
    if fields:
        place = draw.randrange(len(fields))
        name, value = fields[place]
        fields[place] = (draw.choice((name.upper(), f"{name} ", name[:-1], name[:1] + name)), value)


FIELD_DAMAGE: tuple[Callable[[Fields, random.Random], None], ...] = (
    *(_replace,) * 30,
    *(_drop,) * 6,
    *(_double,) * 8,
    *(_swap,) * 5,
    *(_add,) * 8,
    *(_rename,) * 3,
)


def damage_tokens(text: str, draw: random.Random) -> str:
    """Drop, double, move or replace one token of a message's text."""
    tokens = TOKEN.findall(text)
    place, way = draw.randrange(len(tokens)), draw.random()
    if way < 0.25:
        del tokens[place]
    elif way < 0.45:
        tokens.insert(place, tokens[place])
    elif way < 0.6:
        other = draw.randrange(len(tokens))
        tokens[place], tokens[other] = tokens[other], tokens[place]
    elif way < 0.9:
        tokens[place] = odd_value(draw)
    else:
        tokens.insert(
            place, draw.choice(("\ufeff", "\x00", "//", "/* */", "\u00a0", "\v", ",", ":", "}", "]"))
        )
    return "".join(tokens)


def damage_bytes(raw: bytes, draw: random.Random) -> bytes:
    """Change a message below the level of text."""
    damage = _pad if draw.random() < BURIED else draw.choice(BYTE_DAMAGE)
    return damage(raw, draw)


def _flip(raw: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(raw))
    return raw[:place] + bytes((raw[place] ^ 1 << draw.randrange(8),)) + raw[place + 1 :]


def _cut(raw: bytes, draw: random.Random) -> bytes:
    return raw[: draw.randrange(len(raw))]


def _lose(raw: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(raw))
    return raw[:start] + raw[start + draw.choice((1, 1, 2, 9)) :]


def _insert(raw: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(raw) + 1)
    odd = (
        bytes((draw.randrange(256),)),
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x00",
        b"\xe2\x82",
        b"9",
    )
    return raw[:place] + draw.choice(odd) + raw[place:]


def _repeat(raw: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(raw))
    end = min(len(raw), start + draw.randint(1, 40))
    return raw[:end] + raw[start:end] + raw[end:]


def _recode(raw: bytes, draw: random.Random) -> bytes:
    text = raw.decode("utf-8", "replace")
    return text.encode(draw.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig")), "replace")


def _pad(raw: bytes, draw: random.Random) -> bytes:
    """Bring it to the edge of the longest message."""
    length = BYTES_MAX + draw.choice((-1, 0, 1, 1, 4_000))
    return raw.ljust(length, draw.choice((b" ", b" ", b"\n", b"\x00")))


def _join(raw: bytes, draw: random.Random) -> bytes:
    return raw + draw.choice((b"", b"\n", b",", b" ")) + draw.choice((raw, b"{}", b"null", b"]", b"}", b"x"))


def _empty(_: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"", b" ", b"null", b"{}", b"[]", b'""', b"0", b"{", b'{"type":', b"\x00" * 40))


BYTE_DAMAGE: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip,) * 12,
    *(_cut,) * 6,
    *(_lose,) * 6,
    *(_insert,) * 6,
    *(_repeat,) * 4,
    *(_recode,) * 2,
    *(_join,) * 3,
    *(_empty,) * 2,
)
