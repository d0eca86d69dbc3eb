"""Quantities of limits: text to number and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wassette_py.limits import DEFAULT_CEILINGS, LIMIT_NAMES, LimitName, Limits, format_limit, parse_limit


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("memory", "512Mi", 512 << 20),
        ("memory", "1Gi", 1 << 30),
        ("memory", "2048Ki", 2 << 20),
        ("memory", "1000", 1000),
        ("memory", "8Ti", 8 << 40),
        ("cpu", "500m", 0.5),
        ("cpu", "2", 2.0),
        ("cpu", "0.25", 0.25),
        ("timeout", "30s", 30.0),
        ("timeout", "700ms", 0.7),
        ("timeout", "1.5m", 90.0),
        ("timeout", "1h", 3600.0),
        ("output", "4Mi", 4 << 20),
    ],
)
def test_a_limit_reads_as_the_number_it_means(name: LimitName, text: str, value: float) -> None:
    assert parse_limit(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, text) for name in LIMIT_NAMES for text in ("", "0", "-1", "x", "1e3", "nan", "inf", "٣", "1 ", "9" * 400)),
        ("memory", "512M"),
        ("memory", "1.5Gi"),
        ("memory", "9000000Ti"),
        ("cpu", "0.0005"),
        ("cpu", "0m"),
        ("timeout", "30"),
        ("timeout", "0s"),
        ("timeout", "0.5ms"),
    ],
)
def test_what_is_no_limit_says_what_was_expected(name: LimitName, text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a .* such as .*, got"):
        parse_limit(name, text)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("memory", 512 << 20, "512Mi"),
        ("memory", 1000, "1000"),
        ("output", 1 << 40, "1Ti"),
        ("cpu", 0.5, "500m"),
        ("cpu", 1.5, "1500m"),
        ("cpu", 4.0, "4"),
        ("cpu", 1 / 3, repr(1 / 3)),
        ("timeout", 30.0, "30s"),
        ("timeout", 0.7, "700ms"),
        ("timeout", 1.5, "1.5s"),
    ],
)
def test_a_limit_is_written_in_its_usual_form(name: LimitName, value: float, text: str) -> None:
    assert format_limit(name, value) == text


@given(st.sampled_from(["cpu", "timeout"]), st.floats(0.001, 999_999_999))
def test_every_share_and_time_reads_back_as_written(name: LimitName, value: float) -> None:
    assert parse_limit(name, format_limit(name, value)) == value


@given(st.sampled_from(["memory", "output"]), st.integers(1, 1 << 53))
def test_every_size_reads_back_as_written(name: LimitName, value: int) -> None:
    assert parse_limit(name, format_limit(name, value)) == value


def test_limits_put_over_others_leave_the_rest() -> None:
    assert Limits().merged({"cpu": 2}) == Limits(cpu=2.0)
    assert Limits().merged({"memory": 1.0, "timeout": 2, "output": 3.0}) == Limits(memory=1, timeout=2.0, output=3)


def test_limits_show_as_they_are_written_in_a_policy() -> None:
    assert Limits().texts() == {"memory": "512Mi", "cpu": "1", "timeout": "30s", "output": "4Mi"}
    assert DEFAULT_CEILINGS.texts() == {"memory": "4Gi", "cpu": "4", "timeout": "3600s", "output": "64Mi"}
