"""Ways to get past the rights to what is hidden: each finds what there would be if that had never been written."""

from __future__ import annotations

from tests.platform.ngsild.calls import LD
from tests.platform.ngsild.guarded import DARK, OPEN, PERSON, VAULT, Guard, guard
from tests.platform.ngsild.writes import VOCAB

__all__ = ["guard"]
BOTH = [DARK, OPEN]
PAST = "/temporal/entities"
ALIAS = {"@context": [{"innocent": VOCAB + "secret", "Gauge": VOCAB + "Gauge"}]}


async def test_what_is_hidden_is_in_no_form(guard: Guard) -> None:
    for form in ("", "options=concise", "options=keyValues", "options=sysAttrs", "pick=id,secret,owner,site"):
        for accept in ("application/json", LD, "application/geo+json"):
            reply = await guard.guest("GET", f"/entities/{DARK}", query=form, headers={"accept": accept})
            assert not any(word in reply.text for word in ("42", "secret", "owner", "136.0")), (form, accept)
    whole = (await guard.guest("GET", f"/entities/{OPEN}", query="options=keyValues")).json
    assert whole["secret"] == {"dataset": {"@none": 7, "urn:d:1": 8}}
    assert (await guard.guest("GET", f"/entities/{VAULT}")).status == 404
    assert (await guard.guest("GET", f"/entities/{DARK}", query="attrs=secret")).status == 404


FILTERS = [
    ("secret==42", []),
    ("secret>0", [OPEN]),
    ("!secret", [DARK, PERSON]),
    ("secret!=7", []),
    ("<secret>==42", []),
    ("secret.note", [OPEN]),
    ("secret.observedAt>2020-01-01T00:00:00Z", [OPEN]),
    ('phone~="0776"', []),
    ("secret>0|phone", [OPEN]),
    ('owner=="urn:p:1"', [OPEN]),
    ("code==9", []),
]


async def test_a_filter_does_not_reach_what_is_hidden(guard: Guard) -> None:
    for q, found in FILTERS:
        text = q.replace("<secret>", VOCAB + "secret")
        body = {"type": "Query", "entities": [{"type": "Gauge"}, {"type": "Person"}, {"type": "Vault"}], "q": text}
        reply = await guard.guest("POST", "/entityOperations/query", body)
        assert [one["id"] for one in reply.json] == found, q
        assert await guard.ids(f"q={text}") == found, q
        assert await guard.ids(f"type=Gauge&q={text}") == [one for one in found if one != PERSON], q


async def test_another_name_for_it_is_the_same_attribute(guard: Guard) -> None:
    """By alias in a body's @context, by the context of a Link header, by its full IRI."""
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "q": "innocent>0", **ALIAS}
    reply = await guard.guest("POST", "/entityOperations/query", body, media=LD)
    assert [one["id"] for one in reply.json] == [OPEN]
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "attrs": ["innocent"], **ALIAS}
    reply = await guard.guest("POST", "/entityOperations/query", body, media=LD)
    assert [one["id"] for one in reply.json] == [OPEN]
    made = await guard.keeper("POST", "/jsonldContexts", ALIAS)
    address = (made.header("location") or "").rpartition("/")[2]
    served = f"https://platform.example/ngsi-ld/v1/jsonldContexts/{address}"
    headers = {"link": f'<{served}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    for query in ("type=Gauge&q=innocent%3E0", "type=Gauge&attrs=innocent", "type=Gauge&pick=innocent"):
        reply = await guard.guest("GET", "/entities", query=query, headers=headers)
        assert reply.status == 200, reply.body
        assert "42" not in reply.text
        assert len(reply.json) == 1
    full = await guard.guest("GET", "/entities", query=f"attrs={VOCAB}secret")
    assert [one["id"] for one in full.json] == [OPEN]


async def test_an_order_does_not_tell_values(guard: Guard) -> None:
    assert await guard.ids("type=Gauge&orderBy=secret", guard.keeper) == [OPEN, DARK]
    for key in ("secret", f"{VOCAB}secret"):
        for direction in ("", ";desc"):
            # What is not there comes last, whichever way.
            assert await guard.ids(f"type=Gauge&orderBy={key}{direction}") == [OPEN, DARK]
    near = "type=Gauge&orderBy=site;dist-asc&orderFrom=[136.0,36.0]"
    reply = await guard.guest("GET", "/entities", query=near)
    assert reply.status != 200 or [one["id"] for one in reply.json][-1] == DARK


async def test_counts_and_empty_pages_are_no_oracle(guard: Guard) -> None:
    for query, number in (
        ("attrs=secret", 1),
        ("q=secret==42", 0),
        ("type=Vault", 0),
        ("q=phone", 0),
        ("type=Gauge", 2),
    ):
        reply = await guard.guest("GET", "/entities", query=f"{query}&limit=0&count=true")
        assert (reply.status, reply.json) == (200, [])
        assert reply.header("ngsild-results-count") == str(number), query
    first = await guard.guest("GET", "/entities", query="local=true&limit=2&count=true")
    assert first.header("ngsild-results-count") == "3"


async def test_instances_of_a_dataset_go_with_their_attribute(guard: Guard) -> None:
    reply = await guard.guest("GET", "/entities", query="type=Gauge&datasetId=urn:d:1")
    told = {one["id"]: one.get("secret") for one in reply.json}
    assert told.get(DARK) is None
    assert told[OPEN]["value"] == 8


async def test_places_do_not_tell(guard: Guard) -> None:
    for longitude, found in ((136.0, []), (137.0, [OPEN])):
        near = f"georel=near%3BmaxDistance==1000&geometry=Point&coordinates=[{longitude},36.0]&geoproperty=site"
        assert await guard.ids(f"type=Gauge&{near}") == found
    accept = {"accept": "application/geo+json"}
    reply = await guard.guest("GET", "/entities", query="type=Gauge&geometryProperty=site", headers=accept)
    assert {one["id"]: one["geometry"] is None for one in reply.json["features"]} == {DARK: True, OPEN: False}


async def test_links_are_not_followed_past_the_mask(guard: Guard) -> None:
    for q, found in (("owner{name}", [OPEN]), ("owner{phone}", [])):
        assert await guard.ids(f"type=Gauge&join=inline&q={q}") == found
    for join in ("inline", "flat"):
        reply = await guard.guest("GET", f"/entities/{DARK}", query=f"join={join}")
        assert PERSON not in reply.text
        reply = await guard.guest("GET", f"/entities/{OPEN}", query=f"join={join}&joinLevel=2")
        assert "花子" in reply.text
        assert "0776" not in reply.text
        reply = await guard.guest("GET", "/entities", query=f"type=Gauge&join={join}&containedBy={OPEN}")
        assert "0776" not in reply.text


async def test_discovery_tells_of_what_is_seen_alone(guard: Guard) -> None:
    assert "Vault" not in (await guard.guest("GET", "/types")).text
    assert "phone" not in (await guard.guest("GET", "/types", query="details=true")).text
    assert (await guard.guest("GET", "/types/Vault")).status == 404
    assert "phone" not in (await guard.guest("GET", "/types/Person")).text
    assert not {"phone", "code"} & {*(await guard.guest("GET", "/attributes")).json["attributeList"]}
    assert (await guard.guest("GET", "/attributes/phone")).status == 404
    # Two instances, both of the open gauge.
    assert (await guard.guest("GET", "/attributes/secret")).json["attributeCount"] == 2


async def test_entity_maps_are_not_made(guard: Guard) -> None:
    """What would remember a result for later is refused, so that no page outlives the rights that it was made with."""
    reply = await guard.guest("GET", "/entities", query="type=Gauge&entityMap=true")
    assert reply.status >= 400


async def test_the_past_is_masked_as_the_present(guard: Guard) -> None:
    span = "timerel=after&timeAt=2020-01-01T00:00:00Z"
    for more in ("", "&lastN=5", "&options=temporalValues", "&aggrMethods=max,sum&aggrPeriodDuration=PT0S"):
        reply = await guard.guest("GET", f"{PAST}/{DARK}", query=span + more)
        assert reply.status == 200
        assert not any(word in reply.text for word in ("42", "secret")), more
        assert "secret" in (await guard.guest("GET", f"{PAST}/{OPEN}", query=span + more)).text
        reply = await guard.guest("GET", PAST, query=f"type=Gauge&attrs=secret&{span}{more}")
        assert [one["id"] for one in reply.json] == [OPEN], more
    reply = await guard.guest("GET", PAST, query=f"type=Gauge&q=secret%3E0&{span}")
    assert [one["id"] for one in reply.json] == [OPEN]
    assert (await guard.guest("GET", f"{PAST}/{VAULT}")).status == 404
    assert (await guard.guest("GET", f"{PAST}/{DARK}", query="attrs=secret")).status == 404
    assert (await guard.guest("GET", f"{PAST}/{PERSON}", query="timeproperty=createdAt")).text.count("0776") == 0


async def test_of_what_was_deleted_only_what_type_and_id_decide_is_told(guard: Guard) -> None:
    for one in (OPEN, PERSON, VAULT):
        assert (await guard.keeper("DELETE", f"/entities/{one}")).status == 204
    assert "secret" not in (await guard.guest("GET", f"{PAST}/{OPEN}")).text
    assert (await guard.guest("GET", f"{PAST}/{OPEN}")).json["level"][0]["value"] == 5
    assert "花子" in (await guard.guest("GET", f"{PAST}/{PERSON}")).text
    assert "0776" not in (await guard.guest("GET", f"{PAST}/{PERSON}")).text
    assert (await guard.guest("GET", f"{PAST}/{VAULT}")).status == 404


async def test_nobody_is_served_what_was_written_for_another(guard: Guard) -> None:
    """The caches of written entities hold what each may see, whoever asks first."""
    for order in ((guard.keeper, guard.guest), (guard.guest, guard.keeper)):
        for path, query in ((f"/entities/{DARK}", ""), ("/entities", "type=Gauge")):
            told = {client is guard.keeper: (await client("GET", path, query=query)).text for client in order * 2}
            assert "42" in told[True]
            assert "42" not in told[False]
