"""The example `time`, with Python's zoneinfo and datetime as oracles."""

from __future__ import annotations

import datetime
import random
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.installed import Installed

SAMPLES = 300


@pytest.fixture(scope="module")
def installed(load_example: Callable[[str], Installed]) -> Installed:
    return load_example("time")


@pytest.fixture
def oracle() -> Iterator[None]:
    """zoneinfo with the table of the package tzdata, as the component was made from it, not with this system's."""
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


def converted(installed: Installed, at: str, zone: str, to: str) -> dict[str, Any]:
    value = installed.value("time_convert", at=at, **{"from": zone}, to=to)
    assert isinstance(value, dict)
    return value


def test_now_is_the_time_of_this_machine(installed: Installed) -> None:
    value = installed.value("time_now", zone="UTC")
    assert isinstance(value, dict)
    assert abs(value["unix-seconds"] - datetime.datetime.now().timestamp()) < 60
    assert value["local"].endswith("+00:00")


@pytest.mark.usefixtures("oracle")
def test_every_zone_agrees_with_zoneinfo(installed: Installed) -> None:
    chance = random.Random(20261120)
    names = sorted(zoneinfo.available_timezones())
    assert set(names) >= set(installed.value("time_zones", matching=""))  # type: ignore[call-overload]
    last = int(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC).timestamp())
    for name in [*names, *chance.choices(names, k=SAMPLES)]:
        moment = datetime.datetime.fromtimestamp(chance.randrange(last), datetime.UTC)
        local = moment.astimezone(zoneinfo.ZoneInfo(name))
        value = converted(installed, moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "UTC", name)
        assert value["local"][:19] == local.strftime("%Y-%m-%dT%H:%M:%S"), (name, moment)
        assert value["abbreviation"] == local.tzname()
        assert value["unix-seconds"] == moment.timestamp()
        assert value["weekday"] == local.strftime("%A")


@pytest.mark.usefixtures("oracle")
def test_local_times_mean_what_zoneinfo_says(installed: Installed) -> None:
    chance = random.Random(1)
    for _ in range(SAMPLES):
        name = chance.choice(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"])
        naive = datetime.datetime(2020, 1, 1) + datetime.timedelta(minutes=chance.randrange(60 * 24 * 365 * 10))
        value = converted(installed, naive.strftime("%Y-%m-%d %H:%M"), name, "UTC")
        assert value["unix-seconds"] == naive.replace(tzinfo=zoneinfo.ZoneInfo(name)).timestamp()


def test_a_local_time_that_happens_twice_or_never_is_said(installed: Installed) -> None:
    twice = converted(installed, "2026-10-25T02:30", "Europe/Berlin", "UTC")
    assert (twice["local"], "twice" in twice["note"]) == ("2026-10-25T00:30:00+00:00", True)
    never = converted(installed, "2026-03-29T02:30", "Europe/Berlin", "Europe/Berlin")
    assert (never["local"], "skipped" in never["note"]) == ("2026-03-29T03:30:00+02:00", True)


@pytest.mark.parametrize(
    ("date", "amount", "unit", "expected"),
    [
        ("2026-01-31", 1, "months", "2026-02-28"),
        ("2024-02-29", -1, "years", "2023-02-28"),
        ("2026-12-31", 1, "days", "2027-01-01"),
        ("2026-03-01", -2, "weeks", "2026-02-15"),
        ("2026-12-24", 1, "business-days", "2026-12-28"),
        ("2026-12-28", -1, "business-days", "2026-12-24"),
    ],
)
def test_dates_are_added_to(date: str, amount: int, unit: str, expected: str, installed: Installed) -> None:
    value = installed.value("time_add", date=date, amount=amount, unit=unit, holidays=["2026-12-25"])
    assert value == {"date": expected, "weekday": datetime.date.fromisoformat(expected).strftime("%A")}


def test_business_days_between_dates_are_those_one_counts(installed: Installed) -> None:
    chance = random.Random(2)
    for _ in range(50):
        start = datetime.date(2026, 1, 1) + datetime.timedelta(days=chance.randrange(400))
        end = start + datetime.timedelta(days=chance.randrange(60))
        holidays = [(start + datetime.timedelta(days=chance.randrange(60))).isoformat() for _ in range(3)]
        value = installed.value("time_between", start=start.isoformat(), end=end.isoformat(), holidays=holidays)
        days = [start + datetime.timedelta(days=number + 1) for number in range((end - start).days)]
        assert isinstance(value, dict)
        assert value["days"] == (end - start).days
        assert value["business-days"] == sum(day.weekday() < 5 and day.isoformat() not in holidays for day in days)


def test_distances_are_put_into_words(installed: Installed) -> None:
    def words(start: str, end: str) -> object:
        value = installed.value("time_between", start=start, end=end)
        return value["words"] if isinstance(value, dict) else None

    assert words("2025-11-20", "2026-12-25") == "1 year, 1 month, 5 days"
    assert words("2026-12-25", "2025-11-20") == "1 year, 1 month, 5 days earlier"
    assert words("2026-01-01", "2026-01-01") == "the same day"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("time_now", {"zone": "Mars/Olympus"}, "no time zone is called Mars/Olympus"),
        ("time_now", {"zone": "constructor"}, "no time zone is called constructor"),
        ("time_convert", {"at": "soon", "from": "UTC", "to": "UTC"}, "soon is not a time"),
        ("time_convert", {"at": "2026-03-29T25:00", "from": "UTC", "to": "UTC"}, "is not a time"),
        ("time_convert", {"at": "1969-12-31T00:00", "from": "UTC", "to": "UTC"}, "is before 1970"),
        ("time_add", {"date": "2026-02-30", "amount": 1, "unit": "days"}, "2026-02-30 is not a date"),
        ("time_add", {"date": "2026-02-28", "amount": 9000, "unit": "years"}, "outside the years 0001 to 9999"),
        ("time_add", {"date": "2026-02-28", "amount": 200000, "unit": "business-days"}, "at most 100000 business days"),
    ],
)
def test_what_makes_no_sense_is_said(tool: str, arguments: dict[str, object], said: str, installed: Installed) -> None:
    result = installed.call(tool, **arguments)
    assert result.kind == "tool-error"
    assert said in (result.error or "")
