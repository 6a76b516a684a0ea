"""The tutorial on short-term history: what a herd's collars told, asked as the platform's own temporal evolution."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.platform.ngsild.calls import Client
from tests.platform.ngsild.tutorials.farm import done, n, point, seen

PAST = "/temporal/entities"
COWS = [n("Cow", number) for number in (1, 2, 3)]


def moment(minute: int) -> str:
    return f"2026-01-01T00:{minute:02}:00.000Z"


def cow(number: int, **members: Any) -> dict[str, Any]:
    sex = "female" if number == 3 else "male"
    return {"id": COWS[number - 1], "type": "Cow", "sex": sex, "location": point(136 + number / 100, 35.9), **members}


@pytest.fixture
async def herd(any_client: Client, fake_clock: FakeClock) -> Client:
    """Three cows, whose hearts are heard every minute; the second walks and rests in turn."""
    await done(any_client, "POST", "/entityOperations/create", [cow(number) for number in (1, 2, 3)])
    for minute in range(1, 6):
        fake_clock.advance(60)
        rates = [
            {
                "id": COWS[number - 1],
                "type": "Cow",
                "heartRate": {"value": 50 + 10 * number + minute, "unitCode": "5K", "observedAt": moment(minute)},
                "status": {"value": "foraging" if (minute + number) % 2 else "resting", "observedAt": moment(minute)},
            }
            for number in (1, 2, 3)
        ]
        await done(any_client, "POST", "/entityOperations/update", rates)
    return any_client


async def test_the_last_of_one(herd: Client) -> None:
    whole = await seen(herd, f"{PAST}/{COWS[1]}", "lastN=3")
    assert [one["value"] for one in whole["heartRate"]] == [73, 74, 75]
    assert whole["heartRate"][2].items() >= {"type": "Property", "unitCode": "5K", "observedAt": moment(5)}.items()
    picked = await seen(herd, f"{PAST}/{COWS[0]}", "lastN=3&pick=id,type,heartRate")
    assert picked.keys() == {"id", "type", "heartRate"}
    assert len(picked["heartRate"]) == 3
    values = await seen(herd, f"{PAST}/{COWS[0]}", "lastN=3&format=temporalValues&pick=id,type,heartRate")
    assert values["heartRate"] == {"type": "Property", "values": [[63, moment(3)], [64, moment(4)], [65, moment(5)]]}


async def test_the_last_of_many_by_pages(herd: Client, fake_clock: FakeClock) -> None:
    fake_clock.advance(60)
    query: dict[str, Any] = {
        "type": "Cow",
        "q": 'sex=="male"',
        "timeproperty": "modifiedAt",
        "timerel": "before",
        "timeAt": moment(6),
        "lastN": 3,
        "limit": 1,
        "count": "true",
        "pick": "id,type,sex,heartRate",
    }
    first = await herd("GET", f"{PAST}/", query=query)
    assert (first.status, first.header("ngsild-results-count")) == (200, "2")
    assert [(one["id"], [each["value"] for each in one["heartRate"]]) for one in first.json] == [
        (COWS[0], [63, 64, 65])
    ]
    following = (first.header("link") or "").partition('>; rel="next"')[0].partition("?")[2]
    second = await herd("GET", f"{PAST}/", query=following)
    assert [one["id"] for one in second.json] == [COWS[1]]
    assert 'rel="prev"' in (second.header("link") or "")
    assert 'rel="next"' not in (second.header("link") or "")
    values = await seen(herd, f"{PAST}/", {**query, "limit": 2, "format": "temporalValues"})
    assert [value for value, _ in values[1]["heartRate"]["values"]] == [73, 74, 75]
    assert [value for value, _ in values[1]["sex"]["values"]] == ["male"]


async def test_pages_are_asked_for_as_everywhere(herd: Client) -> None:
    query = {"type": "Cow", "timerel": "before", "timeAt": moment(9), "pageSize": 2}
    refused = await herd("GET", f"{PAST}/", query=query)
    assert refused.kind == "InvalidRequest"
    assert "pageSize" in refused.json["detail"]


async def test_what_they_did_and_where(herd: Client) -> None:
    span = {"timerel": "before", "timeAt": moment(9), "lastN": 2, "format": "temporalValues"}
    picked = {"type": "Cow", "pick": "id,type,heartRate,status", **span}
    foraging = await seen(herd, f"{PAST}/", {**picked, "q": 'status=="foraging"'})
    assert [one["id"] for one in foraging] == COWS, "each of them did at some time"
    narrow = {**picked, "timerel": "between", "timeAt": moment(5), "endTimeAt": moment(6), "lastN": 1}
    assert [one["id"] for one in await seen(herd, f"{PAST}/", {**narrow, "q": 'status=="foraging"'})] == [COWS[1]]
    near = {"georel": "near;maxDistance==800", "geometry": "Point", "coordinates": "[136.021,35.9]"}
    placed = {"type": "Cow", "pick": "id,type,heartRate", **span, **near, "timeproperty": "createdAt"}
    assert [one["id"] for one in await seen(herd, f"{PAST}/", placed)] == [COWS[1]]


async def test_figures_of_a_time(herd: Client) -> None:
    query = {
        "timerel": "between",
        "timeAt": moment(1),
        "endTimeAt": moment(6),
        "aggrMethods": "totalCount,min,max,avg,sum",
        "aggrPeriodDuration": "PT5M",
        "options": "aggregatedValues",
        "attrs": "heartRate",
    }
    figures = (await seen(herd, f"{PAST}/{COWS[0]}", query))["heartRate"]
    found = {name: [value for value, *_ in figures[name]] for name in ("totalCount", "min", "max", "avg", "sum")}
    assert found == {"totalCount": [5], "min": [61], "max": [65], "avg": [63], "sum": [315]}
