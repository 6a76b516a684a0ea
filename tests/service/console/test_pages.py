import json
import re
import shlex
from html import unescape
from typing import Any
from urllib.parse import quote, unquote

import pytest
from tests.service.console.asgi_client import Client
from tests.service.console.console_town import NEWEST, Town, gauge, gauge_id

from kumihimo.base.call import Call
from kumihimo.base.errors import StorageRefused
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.console.curl import create_entity, get_entity
from kumihimo.service.console.entities import PAGE_SIZE
from kumihimo.service.console.store import keep_message_tx, messages_tx
from kumihimo.service.console.subscriptions import document_of, summary
from kumihimo.service.console.values import show_value
from kumihimo.service.console.webhook import is_webhook
from kumihimo.storage.database import Tx


async def test_entities_by_type_and_by_id(client: Client) -> None:
    everything = await client.get("/t/fukui/entities?lang=en")
    assert "3 found" in everything.text
    assert "WaterLevelObserved (3)" in everything.text
    one = await client.get("/t/fukui/entities?type=WaterLevelObserved&q=gauge-2&lang=en")
    assert "1 found" in one.text
    assert gauge_id(1) not in one.text
    none = await client.get("/t/fukui/entities?q=.*&lang=en")
    assert "Nothing fits" in none.text


async def test_an_empty_town_says_how_to_begin(client: Client) -> None:
    reply = await client.get("/t/sabae/entities", {"accept-language": "en"})
    assert "There is no data yet" in reply.text
    assert "NGSILD-Tenant: sabae" in reply.text


async def test_an_entity_shows_values_units_and_japans_time(client: Client) -> None:
    reply = await client.get(f"/t/fukui/entities/{gauge_id(0)}")
    assert "<h1>九頭竜川 中角</h1>" in reply.text
    assert ">2024-06-23 14:00<" in reply.text
    assert "<td>m</td>" in reply.text
    assert 'href="/t/fukui/entities/urn%3Angsi-ld%3ARiver%3Akuzuryu">' in reply.text
    assert "curl -s http://localhost/ngsi-ld/v1/entities/" in reply.text


async def test_names_are_escaped(client: Client, town: Town) -> None:
    hostile = '</td><script>alert(1)</script>"'
    name = "urn:x:" + quote(hostile)
    await town.put({"id": name, "type": "T", "name": {"type": "Property", "value": hostile}})
    for path in ("/t/fukui/entities", f"/t/fukui/entities/{quote(name)}"):
        reply = await client.get(path)
        assert reply.status == 200
        assert "<script>alert" not in reply.text


async def test_the_maps_points(client: Client) -> None:
    reply = await client.get("/t/fukui/entity-map?q=gauge-1")
    found = json.loads(reply.body)
    assert reply.headers["content-type"] == "application/geo+json"
    [feature] = found["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [136.275, 36.028]}
    assert feature["properties"]["name"] == "足羽川 天神橋"
    assert (await client.get(feature["properties"]["href"])).status == 200


async def test_the_table_of_entities_says_what_their_map_says(client: Client) -> None:
    page = (await client.get("/t/fukui/entities")).text
    table = {
        unquote(unescape(href)): (unescape(name), unescape(types))
        for href, name, types in re.findall(
            r'<td class="km-id"><a [^>]*href="([^"]+)">[^<]*</a></td>\s*<td>([^<]*)</td>\s*<td>([^<]*)</td>', page
        )
    }
    features = [one["properties"] for one in json.loads((await client.get("/t/fukui/entity-map")).body)["features"]]
    assert features
    for one in features:
        assert table[unquote(one["href"])] == (one["name"], one["label"]), one["id"]


async def test_the_charts_points_end_at_the_newest_value(client: Client) -> None:
    reply = await client.get(f"/t/fukui/entity-points?id={gauge_id(0)}&attribute=waterLevel&days=1")
    [series] = json.loads(reply.body)["series"]
    assert series["unit"] == "m"
    assert len(series["points"]) == 9
    assert series["points"][-1] == [1719118800.0, 2.0]
    assert (await client.get(f"/t/fukui/entity-points?id={gauge_id(0)}&attribute=name")).status == 404
    assert (await client.get(f"/t/fukui/entity-points?id={gauge_id(0)}&attribute=waterLevel&days=x")).status == 400


async def test_a_subscription_from_the_form_to_its_end(client: Client, town: Town) -> None:
    form = {"type": "WaterLevelObserved", "watched": "waterLevel、 name", "q": "waterLevel>2", "endpoint": ""}
    assert (await client.post("/t/fukui/subscriptions", form)).status == 303
    page = await client.get("/t/fukui/subscriptions", {"accept-language": "en"})
    assert "Active" in page.text
    [found] = (await town.doors.delivery.list(Call("fukui"), 9, 0))[0]
    assert found["watchedAttributes"] == ["waterLevel", "name"]
    one = f"/t/fukui/subscriptions/{found['id']}"
    assert (await client.post(one, {"action": "pause"})).status == 303
    assert "Paused" in (await client.get(one, {"accept-language": "en"})).text
    assert (await client.post(one, {"action": "explode"})).status == 400
    assert (await client.post(one, {"action": "delete"})).status == 303
    assert (await client.get(one)).status == 404


async def test_a_wrong_condition_comes_back_with_the_form(client: Client) -> None:
    form = {"type": "WaterLevelObserved", "q": "((waterLevel>2", "description": "<keep me>"}
    reply = await client.post("/t/fukui/subscriptions", form)
    assert reply.status == 400
    assert 'value="&lt;keep me&gt;"' in reply.text
    assert 'role="alert"' in reply.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"q": "((waterLevel>2"}, "条件(q)を読み取れません"),
        ({"q": "x" * 9000}, "条件(q)を読み取れません"),
        ({"endpoint": "ftp://example.org/"}, "送り先のアドレスを使えません"),
    ],
)
async def test_what_is_wrong_with_the_form_is_said_in_the_readers_language(
    client: Client, form: dict[str, str], said: str
) -> None:
    page = await client.post("/t/fukui/subscriptions", {"type": "WaterLevelObserved", **form})
    assert page.status == 400
    assert said in page.text
    assert '<span lang="en">' in page.text, "what only English says is marked as such"


@pytest.mark.parametrize(
    ("endpoint", "warns"),
    [
        ("http://192.168.1.20/hook", True),
        ("http://localhost:9/hook", True),
        ("http://[fd00::1]/hook", True),
        ("http://203.0.113.9.example.org/hook", False),
        ("", False),
    ],
)
async def test_a_private_endpoint_is_warned_of_when_it_is_made(client: Client, endpoint: str, warns: bool) -> None:
    made = await client.post("/t/fukui/subscriptions", {"type": "WaterLevelObserved", "endpoint": endpoint})
    assert made.status == 303
    page = await client.get(made.headers["location"])
    assert ("警告: 送り先は内部のアドレスです" in page.text) is warns


async def test_a_subscriptions_page_bears_its_name(client: Client) -> None:
    form = {"type": "WaterLevelObserved", "endpoint": "http://10.0.0.9/", "description": "水防団へ"}
    made = await client.post("/t/fukui/subscriptions", form)
    assert "<h1>水防団へ</h1>" in (await client.get(made.headers["location"])).text


async def test_the_lists_map_shows_the_rows_of_its_page(client: Client, town: Town) -> None:
    for number in range(PAGE_SIZE + 5):
        await town.put(gauge(100 + number, f"観測所 {number}", 136.2, 36.1, 1.0, NEWEST))
    page = await client.get("/t/fukui/entities")
    rows = set(re.findall(r'id="row-([^"]+)"', page.text))
    [source] = re.findall(r'data-src="([^"]+)"', page.text)
    shown = {one["properties"]["id"] for one in json.loads((await client.get(unescape(source))).body)["features"]}
    assert len(rows) == PAGE_SIZE
    assert shown == rows
    [more] = re.findall(r'id="entities-more" [^>]*href="([^"]+)"', page.text)
    second = await client.get("/t/fukui/entities" + unescape(more))
    [source] = re.findall(r'data-src="([^"]+)"', second.text)
    later = {one["properties"]["id"] for one in json.loads((await client.get(unescape(source))).body)["features"]}
    assert later == set(re.findall(r'id="row-([^"]+)"', second.text))
    assert not later & rows


async def test_an_unknown_town_is_named_without_english(client: Client) -> None:
    page = await client.get("/t/nowhere/entities")
    assert page.status == 404
    assert "アドレスにある名前: nowhere" in page.text
    assert "no tenant" not in page.text


async def test_attempts_are_shown(client: Client, town: Town) -> None:
    name = await town.subscribe()
    await town.rise(0, 9.0, 30)
    await town.doors.delivery.catch_up("fukui")
    page = await client.get(f"/t/fukui/subscriptions/{name}", {"accept-language": "en"})
    assert '<span class="km-tag km-tag-good">204</span>' in page.text
    assert gauge_id(0) in page.text
    assert "<dd>1</dd>" in page.text


async def test_what_was_given_up_is_sent_again_from_the_page(client: Client, town: Town) -> None:
    name, other = await town.subscribe(), await town.subscribe()
    await town.rise(0, 9.0, 30)
    await town.doors.delivery.catch_up("fukui")

    async def bury(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO dead_letter (id, seq, subscription, entity, at, body, headers, attempts, buried_at, reason)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            *("urn:ngsi-ld:Notification:dead", 1, name, gauge_id(0), 1, "{}", "{}", 400, 2, "no answer"),
        )

    await town.database.write("fukui", bury)
    path = f"/t/fukui/subscriptions/{name}"
    page = await client.get(path, {"accept-language": "ja"})
    assert "送れなかった通知" in page.text
    assert "no answer" in page.text
    form = {"action": "replay", "notification": "urn:ngsi-ld:Notification:dead"}
    assert (await client.post(f"/t/fukui/subscriptions/{other}", form)).status == 404, "another subscription's"
    assert (await client.post(path, form)).status == 303
    await town.doors.delivery.catch_up("fukui")
    page = await client.get(path, {"accept-language": "ja"})
    assert "送れなかった通知" not in page.text
    assert "<dd>2</dd>" in page.text


async def webhook_path(client: Client, tenant: str = "fukui") -> str:
    page = await client.get(f"/t/{tenant}/webhook")
    return str(page.text.partition("<code>http://localhost")[2].partition("</code>")[0])


async def test_notifications_arrive_at_the_tenants_own_address(client: Client) -> None:
    path = await webhook_path(client)
    assert path == await webhook_path(client)
    body = '{"data":[{"id":"urn:x:1","name":"<b>合言葉</b>"}]}'.encode()
    headers = {"content-type": "application/json", "authorization": "Bearer secret"}
    assert (await client.send("POST", path, headers, body)).status == 204
    page = await client.get("/t/fukui/webhook")
    assert "&lt;b&gt;合言葉" in page.text
    assert "Bearer secret" not in page.text
    assert "合言葉" not in (await client.get("/t/sabae/webhook")).text
    assert (await client.post("/t/fukui/webhook", {})).status == 303
    assert "合言葉" not in (await client.get("/t/fukui/webhook")).text


async def test_a_wrong_address_takes_nothing(client: Client) -> None:
    path = await webhook_path(client)
    await webhook_path(client, "sabae")
    token = path.rpartition("/")[2]
    for wrong in (f"/webhooks/sabae/{token}", "/webhooks/fukui/guess", f"/webhooks/nowhere/{token}"):
        assert (await client.send("POST", wrong, {}, b"{}")).status == 404


async def test_the_webhook_is_bounded(client: Client) -> None:
    path = await webhook_path(client)
    assert (await client.send("POST", path, {}, b"x" * 300_000)).status == 413
    for number in range(103):
        assert (await client.send("POST", path, {}, f'"n{number}\\u0000\xff"'.encode("latin-1"))).status == 204
    page = await client.get("/t/fukui/webhook")
    assert page.text.count("<article") == 20
    assert "n102" in page.text


async def test_only_the_last_hundred_messages_are_kept(town: Town, client: Client) -> None:
    async def keep(tx: Tx) -> None:
        for number in range(130):
            await keep_message_tx(tx, number, {}, str(number))

    await town.database.write("fukui", keep)
    kept = await town.database.read("fukui", lambda tx: messages_tx(tx, 1000))
    assert len(kept) == 100
    assert kept[0].body == "129"


@pytest.mark.parametrize("text", ["urn:x:it's", "urn:x:$(reboot)", 'urn:x:"q"'])
def test_commands_survive_the_shell(text: str) -> None:
    context = Contexts().core
    words = shlex.split(get_entity("http://localhost", "a", text, context).replace("\\\n", " "))
    assert words[2] == f"http://localhost/ngsi-ld/v1/entities/{quote(text, safe=':')}"
    words = shlex.split(create_entity("http://localhost", "a", {"id": text}).replace("\\\n", " "))
    assert json.loads(words[-1]) == {"id": text}
    shown = get_entity("http://localhost", "a", text, context, needs_key=True)
    assert shown.endswith(' -H "Authorization: Bearer $KUMIHIMO_KEY"'), "the shell puts the key in, between such quotes"


def test_a_form_without_endpoint_sends_to_the_webhook_page() -> None:
    assert document_of({}, "http://w")["notification"]["endpoint"]["uri"] == "http://w"


@pytest.mark.parametrize(("value", "shown"), [("水", "水"), (1.0, "1.0"), (2**70, str(2**70)), ([1], "[1]")])
def test_values_are_shown_as_given(value: Any, shown: str) -> None:
    assert show_value(value) == shown


@pytest.mark.parametrize(
    "path",
    ["/entities?type=a%00", "/entities?q=%00", "/entities/urn:x:%00", "/entity-points?id=%00", "/subscriptions/%00"],
)
async def test_the_character_nul_is_refused_before_a_store_sees_it(client: Client, path: str) -> None:
    assert (await client.get(f"/t/fukui{path}")).status == 400
    form = {"type": "A\x00", "endpoint": "http://a.example/"}
    assert (await client.post("/t/fukui/subscriptions", form)).status == 400


def test_only_the_address_of_a_webhook_page_is_one() -> None:
    assert is_webhook(f"/webhooks/fukui/{'0f' * 16}")
    for path in (
        "/webhooks/../ngsi-ld/v1/entities",
        "/webhooks/%2e%2e/x",
        "/webhooks/a/b/../../c",
        "/webhooks/a/..",
        "/t/a",
    ):
        assert not is_webhook(path)


async def test_a_page_says_that_the_store_is_away(client: Client, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> list[str]:
        raise StorageRefused("the database server cannot be reached")

    monkeypatch.setattr(town.console, "_tenants", away)
    reply = await client.get("/t/fukui/entities")
    assert reply.status == 503
    assert "cannot be reached" in reply.text


def test_a_list_of_subscriptions_tells_no_password() -> None:
    found = {"id": "urn:s:1", "notification": {"endpoint": {"uri": "mqtts://user:key@broker/town/@home"}}}
    assert summary(found)["endpoint"] == "mqtts://broker/town/@home"
    found["notification"] = {"endpoint": {"uri": "http://town.example/@home"}}
    assert summary(found)["endpoint"] == "http://town.example/@home"
