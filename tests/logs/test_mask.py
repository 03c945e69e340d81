"""Secrets stay out of entries, however they are spelt."""

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hybrid_bridge.logs.mask import MASK, Mask

AWKWARD = "p\\a'ss \"w/örd&"


@pytest.mark.parametrize(
    "text",
    [
        AWKWARD,
        f"login failed for {AWKWARD}!",
        repr(AWKWARD),
        json.dumps(AWKWARD),
        json.dumps(repr(AWKWARD)),
        json.dumps({"password_is": AWKWARD}, ensure_ascii=False),
        "wss://host/ws?key=" + quote(AWKWARD, safe=""),
    ],
)
def test_every_spelling_of_a_secret_is_masked(text: str) -> None:
    masked = Mask([AWKWARD]).text(text)
    assert MASK in masked
    assert not [part for part in ("ss", "rd") if part in masked.replace("password_is", "").replace("wss", "")]


@given(st.text(min_size=4), st.text(), st.text())
def test_no_text_with_a_secret_leaves_the_mask_with_it(secret: str, before: str, after: str) -> None:
    masked = Mask([secret]).text(before + secret + after)
    assert secret not in masked.replace(MASK, "") or secret in MASK or secret in before + after


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Mask(["abcd", "abcdefgh"]).text("x abcdefgh y") == f"x {MASK} y"


def test_texts_too_short_to_be_secret_leave_the_log_readable() -> None:
    assert Mask(["", "1", "abc"]).text("position 1 abc") == "position 1 abc"


def test_without_secrets_nothing_changes() -> None:
    assert Mask([]).text("as it was") == "as it was"


def test_fields_named_like_secrets_are_masked_whatever_they_hold() -> None:
    entry = {"password": "x", "BACKEND_AUTH_TOKEN": SecretStr("y"), "headers": {"Authorization": "z"}}
    assert Mask([]).entry(entry) == {
        "password": MASK,
        "BACKEND_AUTH_TOKEN": MASK,
        "headers": {"Authorization": MASK},
    }


def test_secret_objects_show_nothing() -> None:
    assert "hunter22" not in str(
        Mask([]).entry({"value": SecretStr("hunter22"), "more": [SecretStr("hunter22")]})
    )


def test_values_become_plain_ones_that_later_changes_do_not_reach() -> None:
    positions = [1, {"volume": 0.1}]
    entry = Mask(["hunter22"]).entry(
        {"positions": positions, "why": ValueError("hunter22"), "nan": float("nan")}
    )
    positions.clear()
    assert entry == {"positions": [1, {"volume": 0.1}], "why": MASK, "nan": "nan"}


def test_a_value_that_cannot_be_shown_is_said_to_be_one() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert Mask([]).entry({"value": Broken()}) == {"value": "<Broken that cannot be shown: RuntimeError>"}


def test_an_endless_value_ends() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert len(str(Mask([]).entry({"value": endless, "long": "x" * 1_000_000}))) < 25_000


def test_a_mapping_of_any_kind_is_looked_into() -> None:
    class Odd(Mapping[str, str]):
        def __getitem__(self, name: str) -> str:
            return "hunter22"

        def __iter__(self) -> Iterator[str]:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    assert Mask(["hunter22"]).entry({"odd": Odd()}) == {"odd": {"a": MASK}}
