"""Subscriptions whose @context can no more be had, or is none any more: the notifications go on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.platform.delivery.stand import Stand

from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.jsonld.contexts import Contexts

JA = "https://example.org/ja.jsonld"
NAMES = json.dumps({"@context": {"水位": "https://uri.etsi.org/ngsi-ld/default-context/level"}}).encode()


@pytest.mark.parametrize("now", [None, b'{"@context": {"level": 5}}'])
async def test_it_costs_the_short_names_and_no_notification(stand: Stand, now: bytes | None) -> None:
    stand.contexts = Contexts(preload={JA: NAMES})
    stand.restart()
    await stand.subscribe(jsonldContext=JA, uri="http://named.example/")
    await stand.subscribe(uri="http://other.example/")
    await stand.put("urn:x:0", level=0)
    named = {one.url: one.entity for one in await stand.catch_up()}["http://named.example/"]
    assert "水位" in named
    stand.contexts = Contexts(preload={JA: now} if now else {})
    stand.restart()
    await stand.put(level=1)
    sent = {one.url: one.entity for one in await stand.catch_up()}
    whole = {"id": "urn:x:1", "type": "Gauge", "level": {"type": "Property", "value": 1}}
    assert sent == {"http://named.example/": whole, "http://other.example/": whole}


async def test_hosts_that_hang_are_waited_for_together_and_not_one_by_one(stand: Stand) -> None:
    addresses = [f"https://host{number}.example/c.jsonld" for number in range(3)]
    stand.contexts = Contexts(preload=dict.fromkeys(addresses, NAMES))
    stand.restart()
    for address in addresses:
        await stand.subscribe(jsonldContext=address)
    asked: set[str] = set()
    given_up: list[str] = []
    together = asyncio.Event()

    async def hang(method: str, url: str, **options: Any) -> HttpAnswer:
        del method, options
        asked.add(url)
        if len(asked) == len(addresses):
            together.set()
        try:
            await together.wait()
        except asyncio.CancelledError:
            given_up.append(url)
            raise
        raise OSError("nobody there")

    stand.contexts = Contexts(fetch=hang)
    stand.restart()
    await stand.put(level=1)
    assert len(await stand.catch_up()) == 3
    assert (asked, given_up) == (set(addresses), [])
