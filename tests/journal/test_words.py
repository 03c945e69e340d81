"""Times, numbers and other people's texts for a person."""

import pytest

from hybrid_bridge.journal.words import aligned, iso, money, number_text, plain


@pytest.mark.parametrize(
    ("at_msc", "text"),
    [
        (0, ""),
        (-1, ""),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_790_000_000_120, "2026-09-21T14:13:20.120Z"),
        (10**18, ""),
    ],
)
def test_instants_are_utc_with_milliseconds(at_msc, text):
    assert text == iso(at_msc)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (1.0, "1"), (0.1 + 0.2, "0.30000000000000004"), (7, "7"), (1e-05, "1e-05")],
)
def test_numbers_are_exact(value, text):
    assert text == number_text(value)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(5.0, "5.00"), (-12.3, "-12.30"), (0.0, "0.00"), (0.12345678, "0.12345678"), (1e6, "1000000.00")],
)
def test_amounts_have_two_digits_and_more_where_they_are_finer(amount, text):
    assert text == money(amount)


def test_what_a_console_would_obey_is_spelt_out_and_letters_stay():
    assert "a\\x1b[2J\\n\\u202eüñ😀" == plain("a\x1b[2J\n\u202eüñ😀")
    assert "\\ud800" == plain("\ud800")


def test_columns_are_straight():
    assert ["a     1", "bcd  22"] == aligned([["a", "1"], ["bcd", "22"]], frozenset({1}))
