"""Batch deletion by ids (clauses 5.6.10 and 6.17)."""

from __future__ import annotations

import pytest
from tests.platform.ngsild.batches import DELETE, ids, one, parts
from tests.platform.ngsild.calls import JSON, LD, LINK, Client, gauge


async def made(client: Client) -> Client:
    assert (await client("POST", "/entityOperations/create", [gauge(n) for n in range(1, 5)])).status == 201
    return client


@pytest.fixture
async def river(client: Client) -> Client:
    return await made(client)


@pytest.fixture
async def any_river(any_client: Client) -> Client:
    return await made(any_client)


async def test_what_is_named_goes_and_the_rest_stays(any_river: Client) -> None:
    gone = await any_river("POST", DELETE, ids(1, 3))
    assert (gone.status, gone.body) == (204, b"")
    for number, status in ((1, 404), (2, 200), (3, 404), (4, 200)):
        assert (await any_river("GET", one(number))).status == status
    assert [each["id"] for each in (await any_river("GET", "/entities", query="type=Gauge&q=level")).json] == ids(2, 4)


async def test_what_is_not_there_is_told_and_the_others_go(river: Client) -> None:
    answer = await river("POST", DELETE, ids(9, 1, 8))
    assert parts(answer) == (ids(1), [(ids(9)[0], "ResourceNotFound"), (ids(8)[0], "ResourceNotFound")])
    assert [error["error"]["status"] for error in answer.json["errors"]] == [404, 404]
    assert (await river("GET", one(1))).kind == "ResourceNotFound"


async def test_the_second_of_one_id_is_not_found(river: Client) -> None:
    assert parts(await river("POST", DELETE, ids(1, 2, 1))) == (ids(1, 2), [(ids(1)[0], "ResourceNotFound")])
    assert (await river("POST", DELETE, ids(3, 4))).status == 204


async def test_both_media_types_and_a_link_are_taken(client: Client) -> None:
    for number, (media, headers) in enumerate(((JSON, {}), (LD, {}), (JSON, {"link": LINK}))):
        await client("POST", "/entities", gauge(number))
        assert (await client("POST", DELETE, ids(number), media=media, headers=headers)).status == 204, media
    assert (await client("GET", "/entities", query="type=Gauge")).json == []


async def test_what_went_is_in_the_past_and_can_be_made_anew(any_river: Client) -> None:
    assert (await any_river("POST", DELETE, ids(1))).status == 204
    past = await any_river("GET", f"/temporal/entities/{ids(1)[0]}", query="options=sysAttrs")
    assert (past.json["deletedAt"], past.json["level"][0]["value"]) == ("2026-01-01T00:00:00.000Z", 1.5)
    assert (await any_river("POST", "/entityOperations/create", [gauge(1, 7.0)])).json == ids(1)
    assert (await any_river("GET", one(1))).json == gauge(1, 7.0)


async def test_an_item_that_is_wrong_keeps_no_other(river: Client) -> None:
    assert parts(await river("POST", DELETE, ["gauge", *ids(1), "urn:a b"])) == (
        ids(1),
        [("gauge", "BadRequestData"), ("urn:a b", "BadRequestData")],
    )
