"""Reading subscriptions: pages, media, tenants, stamps (clauses 5.5.9, 5.5.10, 5.8.3, 5.8.4 and 6.3)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.platform.ngsild.calls import JSON, LD, LINK, TOWN, Client, Reply

ALL = "/subscriptions"


async def make(client: Client, number: int, **more: Any) -> str:
    name = f"urn:ngsi-ld:Subscription:{number}"
    body = {
        "id": name,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "https://example.org/hook"}},
        **more,
    }
    assert (await client("POST", ALL, body)).status == 201
    return name


def numbers(reply: Reply) -> list[int]:
    assert reply.status == 200, reply.body
    return [int(one["id"].rpartition(":")[2]) for one in reply.json]


def links(reply: Reply) -> dict[str, str]:
    parts = (reply.header("link") or "").split(", <")
    pages = [one.strip("<").split(">;") for one in parts if 'rel="next"' in one or 'rel="prev"' in one]
    return {"next" if 'rel="next"' in rest else "prev": target for target, rest in pages}


@pytest.fixture
async def five(client: Client) -> Client:
    for number in range(5):
        await make(client, number)
    return client


async def test_limit_and_offset_cut_the_list(five: Client) -> None:
    assert numbers(await five("GET", ALL)) == [0, 1, 2, 3, 4]
    assert numbers(await five("GET", ALL, query="limit=2")) == [0, 1]
    assert numbers(await five("GET", ALL, query="limit=2&offset=3")) == [3, 4]
    assert numbers(await five("GET", ALL, query="offset=5")) == []


async def test_links_lead_forth_and_back(five: Client) -> None:
    first = await five("GET", ALL, query="limit=2")
    assert set(links(first)) == {"next"}
    path, _, query = links(first)["next"].partition("?")
    middle = await five("GET", path, query=query)
    assert numbers(middle) == [2, 3]
    assert set(links(middle)) == {"next", "prev"}
    path, _, query = links(middle)["prev"].partition("?")
    assert numbers(await five("GET", path, query=query)) == [0, 1]
    path, _, query = links(middle)["next"].partition("?")
    last = await five("GET", path, query=query)
    assert (numbers(last), set(links(last))) == ([4], {"prev"})
    assert links(await five("GET", ALL, query="limit=5")) == {}


async def test_the_count_goes_with_a_page_or_alone(five: Client) -> None:
    page = await five("GET", ALL, query="limit=2&count=true")
    assert (numbers(page), page.header("ngsild-results-count")) == ([0, 1], "5")
    alone = await five("GET", ALL, query="limit=0&count=true")
    assert (numbers(alone), alone.header("ngsild-results-count")) == ([], "5")
    assert (await five("GET", ALL, query="limit=2")).header("ngsild-results-count") is None


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=abc", "limit=1.5", "limit=0", "offset=-1", "offset=abc", "count=maybe"]
)
async def test_numbers_of_a_page_that_are_none(five: Client, query: str) -> None:
    assert (await five("GET", ALL, query=query)).kind == "BadRequestData"


async def test_a_page_beyond_the_greatest_is_too_many(five: Client) -> None:
    assert (await five("GET", ALL, query="limit=1001")).kind == "TooManyResults"


async def test_without_subscriptions_the_list_is_empty(client: Client) -> None:
    answer = await client("GET", ALL, query="count=true")
    assert (answer.json, answer.header("ngsild-results-count")) == ([], "0")


@pytest.mark.parametrize("one", [True, False])
async def test_json_ld_has_the_context_inside_and_json_in_a_link(client: Client, one: bool) -> None:
    path = f"{ALL}/{await make(client, 1)}" if one else ALL
    if not one:
        await make(client, 2)
        await make(client, 3)
    linked = await client("GET", path, headers={"accept": LD, "link": LINK})
    assert linked.header("content-type") == LD
    assert links(linked) == {}
    assert "json-ld#context" not in (linked.header("link") or "")
    for found in [linked.json] if one else linked.json:
        assert found["@context"][0] == TOWN
    plain = await client("GET", path, headers={"accept": JSON, "link": LINK})
    assert plain.header("content-type") == JSON
    assert f"<{TOWN}>" in (plain.header("link") or "")
    for found in [plain.json] if one else plain.json:
        assert "@context" not in found


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/geo+json", "image/*"])
async def test_other_media_are_not_acceptable(client: Client, accept: str) -> None:
    name = await make(client, 1)
    for path in (ALL, f"{ALL}/{name}"):
        answer = await client("GET", path, headers={"accept": accept})
        assert (answer.status, answer.kind) == (406, "NotAcceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/ld+json;q=0.1, application/json", ""])
async def test_json_is_given_where_it_will_do(client: Client, accept: str) -> None:
    await make(client, 1)
    assert (await client("GET", ALL, headers={"accept": accept})).header("content-type") == JSON


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_what_the_resource_does_not_do_is_refused(five: Client, method: str) -> None:
    answer = await five(method, ALL)
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, POST")
    assert len(numbers(await five("GET", ALL))) == 5


async def test_stamps_are_shown_where_they_are_asked_for(client: Client) -> None:
    name = await make(client, 1)
    for path in (ALL, f"{ALL}/{name}"):
        for query, there in (("", False), ("options=sysAttrs", True)):
            found = (await client("GET", path, query=query)).json
            one = found[0] if isinstance(found, list) else found
            assert ({"createdAt", "modifiedAt"} <= one.keys()) is there


@pytest.fixture
async def two_tenants(any_client: Client) -> tuple[Client, Client]:
    fukui, sabae = any_client.of("fukui"), any_client.of("sabae")
    await make(fukui, 1)
    await make(fukui, 2)
    await make(sabae, 2, description="theirs")
    return fukui, sabae


async def test_a_tenant_lists_and_reads_its_own(two_tenants: tuple[Client, Client], any_client: Client) -> None:
    fukui, sabae = two_tenants
    assert numbers(await fukui("GET", ALL)) == [1, 2]
    listed = await sabae("GET", ALL, query="count=true")
    assert (numbers(listed), listed.header("ngsild-results-count")) == ([2], "1")
    assert listed.header("ngsild-tenant") == "sabae"
    assert (await sabae("GET", f"{ALL}/urn:ngsi-ld:Subscription:1")).kind == "ResourceNotFound"
    assert numbers(await any_client("GET", ALL)) == []


async def test_a_tenant_changes_and_deletes_its_own(two_tenants: tuple[Client, Client], any_client: Client) -> None:
    fukui, sabae = two_tenants
    second, first = f"{ALL}/urn:ngsi-ld:Subscription:2", f"{ALL}/urn:ngsi-ld:Subscription:1"
    for stranger in (sabae, any_client):
        assert (await stranger("PATCH", first, {"description": "taken"})).kind == "ResourceNotFound"
        assert (await stranger("DELETE", first)).kind == "ResourceNotFound"
    assert (await fukui("PATCH", second, {"description": "ours"})).status == 204
    assert (await sabae("GET", second)).json["description"] == "theirs"
    assert (await sabae("DELETE", second)).status == 204
    assert numbers(await fukui("GET", ALL)) == [1, 2]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_tenant_that_is_not_there_has_none(any_client: Client, method: str) -> None:
    nobody = any_client.of("nowhere")
    body = {"q": "level>1"} if method == "PATCH" else None
    answer = await nobody(method, f"{ALL}/urn:ngsi-ld:Subscription:1", body)
    assert (answer.status, answer.kind) == (404, "NonexistentTenant")
