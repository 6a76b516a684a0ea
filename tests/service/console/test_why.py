"""The page that says why a subscription was told of a change or not."""

from __future__ import annotations

import re
from typing import Any, get_args
from urllib.parse import quote

import pytest
from tests.service.console.asgi_client import Client
from tests.service.console.console_town import SYSTEM, Town, gauge_id

from kumihimo.base.call import Call
from kumihimo.base.events import ChangeKind
from kumihimo.platform.delivery import why
from kumihimo.platform.delivery.checks import CheckName
from kumihimo.platform.delivery.explain import How, Outcome, Result
from kumihimo.platform.delivery.models import Rest
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.storage.database import Tx

EN = {"accept-language": "en"}


async def subscribe(town: Town, **members: Any) -> str:
    notification = {"endpoint": {"uri": "http://receiver.example/"}}
    entities = [{"type": "WaterLevelObserved"}]
    body = {"type": "Subscription", "entities": entities, "notification": notification, **members}
    return await town.doors.delivery.create(Call("fukui", SYSTEM), body, town.contexts.core)


def address(name: str, entity: str = gauge_id(0)) -> str:
    return f"/t/fukui/subscriptions/{name}/why?entity={quote(entity)}"


async def test_the_way_from_the_subscription_to_the_reason(client: Client, town: Town) -> None:
    name = await subscribe(town, q="waterLevel>5;waterLevel<9", description="高い水位")
    await town.rise(0, 6.5, 30)
    await town.rise(0, 9.5, 40)
    await town.doors.delivery.catch_up("fukui")
    page = await client.get(f"/t/fukui/subscriptions/{name}", {"accept-language": "ja"})
    assert re.search(r'<form [^>]*action="[^"]*/why"', page.text)
    assert f'<option value="{gauge_id(0)}">' in page.text
    assert re.search(r'href="[^"]*/why\?entity=urn[^"]*gauge-0"', page.text)
    page = await client.get(address(name), {"accept-language": "ja"})
    assert page.status == 200
    assert "高い水位" in page.text
    first, second = page.text.index("条件に合いません"), page.text.index("すべての条件に合いました")
    assert first < second, "newest first"
    assert "<code>waterLevel&lt;9</code>: 合わない (このときの値: 9.5)" in page.text
    assert "6.5 → 9.5" in page.text
    assert '<span class="km-tag km-tag-good">204</span>' in page.text
    assert "登録する前の変化です。" in page.text


async def test_without_an_entity_it_asks_for_one(client: Client, town: Town) -> None:
    name = await subscribe(town)
    page = await client.get(f"/t/fukui/subscriptions/{name}/why", EN)
    assert page.status == 200
    assert "Find out why" in page.text
    assert "What was sent" not in page.text


async def test_a_wrong_entity_is_said_on_the_page(client: Client, town: Town) -> None:
    name = await subscribe(town)
    page = await client.get(address(name, "no uri <b>"), EN)
    assert page.status == 400
    assert "This is no entity&#39;s id." in page.text
    assert 'value="no uri &lt;b&gt;"' in page.text
    page = await client.get(address(name, "urn:x:nobody"), EN)
    assert page.status == 200
    assert "There is no entity of this id." in page.text
    assert "None of the newest 50,000 changes" in page.text
    assert "Nothing was sent of this entity yet" in page.text


async def test_unknown_subscriptions_and_positions_are_errors(client: Client, town: Town) -> None:
    assert (await client.get(address("urn:s:none"), EN)).status == 404
    name = await subscribe(town)
    for before in ("x", "-1", "9" * 30):
        assert (await client.get(f"{address(name)}&before={before}", EN)).status == 400


async def test_one_can_look_further_back(client: Client, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(why, "LOOK_BACK", 2)
    name = await subscribe(town)
    page = await client.get(address(name), EN)
    assert "None of the newest" in page.text
    found = re.search(r'href="([^"]*before=[^"]*)"', page.text)
    assert found
    page = await client.get(found[1].replace("&amp;", "&"), EN)
    assert "The change came before the subscription was made." in page.text
    assert "Back to the newest" in page.text


async def test_what_was_given_up_is_sent_again_from_here(client: Client, town: Town) -> None:
    name = await subscribe(town)

    async def bury(tx: Tx) -> None:
        for id_, entity in (("dead", gauge_id(0)), ("other", gauge_id(1))):
            await tx.execute(
                "INSERT INTO dead_letter"
                " (id, seq, subscription, entity, at, body, headers, attempts, buried_at, reason)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                *(f"urn:n:{id_}", 1, name, entity, 1, "{}", "{}", 400, 2, f"no answer {id_}"),
            )

    await town.database.write("fukui", bury)
    page = await client.get(address(name), EN)
    assert "no answer dead" in page.text
    assert "no answer other" not in page.text
    assert (await client.post(address(name), {"action": "burn"})).status == 400
    reply = await client.post(address(name), {"action": "replay", "notification": "urn:n:dead"})
    assert reply.status == 303
    assert reply.headers["location"].endswith(f"/why?entity={quote(gauge_id(0), safe='')}")
    assert "Waiting to be sent" in (await client.get(address(name), EN)).text
    await town.doors.delivery.catch_up("fukui")
    page = await client.get(address(name), EN)
    assert "no answer dead" not in page.text
    assert '<span class="km-tag km-tag-good">204</span>' in page.text


async def test_throttling_says_when_it_goes_out(client: Client, town: Town) -> None:
    name = await subscribe(town, throttling=3600)
    await town.rise(0, 6.5, 30)
    await town.doors.delivery.catch_up("fukui")
    await town.rise(0, 7.5, 40)
    await town.doors.delivery.catch_up("fukui")
    page = await client.get(address(name), EN)
    assert "Held back" in page.text
    assert re.search(r"Goes out at \(JST\): <time", page.text)
    assert "Some of these told of several" not in page.text


def test_every_reason_check_and_result_has_words() -> None:
    """The names that the explanation uses, as its module lists them."""
    words = load_words([OWN_PACKAGE])
    named = {"check": CheckName, "result": Result, "outcome": Outcome, "how": How, "kind": ChangeKind}
    wanted = {f"why.{group}.{name}" for group, names in named.items() for name in get_args(names)}
    wanted |= {f"why.reason.entities.{miss}" for miss in ("id", "type", "idPattern")}
    wanted |= {f"why.reason.{name}" for name in get_args(CheckName) if name not in ("status", "trigger", "throttling")}
    assert wanted - words.keys() == set()


@pytest.mark.parametrize(
    ("until", "said"), [(1 << 52, "Left alone until (JST): <time"), (1, "One notification is tried now")]
)
async def test_an_endpoint_that_is_dead_is_told_of(
    client: Client, town: Town, monkeypatch: pytest.MonkeyPatch, until: int, said: str
) -> None:
    name = await subscribe(town)
    assert "attempts in a row" not in (await client.get(address(name), EN)).text
    circuits = town.doors.delivery._sender._circuits
    monkeypatch.setattr(circuits, "rest", {("fukui", "http://receiver.example/"): Rest(until, failed=7)}.get)
    text = (await client.get(address(name), EN)).text
    assert said in text
    assert "7 attempts in a row" in text
