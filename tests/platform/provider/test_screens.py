"""The applications page of a tenant."""

from __future__ import annotations

import re

from tests.platform.provider.house import House
from tests.service.console.asgi_client import Client

PAGE = "/t/mytown/applications"


async def test_an_application_is_added_its_key_shown_once_replaced_and_ended(client: Client, house: House) -> None:
    form = {"action": "add", "name": "<b>集計</b>", "kind": "key", "scope.ngsi-ld:read": "yes"}
    made = await client.post(PAGE, form)
    assert (made.status, made.headers["cache-control"]) == (200, "no-store")
    (secret,) = set(re.findall(r"kmh_[\w-]{43}", made.text))
    assert await house.caller(secret)
    assert "<b>集計" not in made.text
    (one,) = [each for each in await house.provider.applications.all("mytown") if each.kind == "key"]
    shown = await client.get(PAGE, {"accept-language": "en"})
    assert (secret in shown.text, one.id in shown.text, "Last use" in shown.text) == (False, True, True)
    turned = await client.post(PAGE, {"action": "rotate", "application": one.id, "at_once": "yes"})
    (fresh,) = set(re.findall(r"kmh_[\w-]{43}", turned.text))
    await client.post(PAGE, {"action": "disable", "application": one.id})
    states = {each.id: each.disabled_at for each in await house.provider.applications.all("mytown")}
    assert states[one.id] > 0
    stopped = (await client.get(PAGE, {"accept-language": "en"})).text
    assert (fresh in stopped, 'value="enable"' in stopped, "Its keys count again" in stopped) == (False, True, True)
    assert (await client.post(PAGE, {"action": "enable", "application": one.id})).status == 200
    assert await house.caller(fresh)
    assert 'value="enable"' not in (await client.get(PAGE)).text
    assert (await client.post(PAGE, {"action": "enable", "application": one.id})).status == 400


async def test_a_wrong_form_is_told_and_stays_filled(client: Client, house: House) -> None:
    form = {
        "action": "add",
        "name": "地図",
        "kind": "public",
        "redirect_uris": "http://evil.example/",
        "scope.openid": "yes",
    }
    told = await client.post(PAGE, form)
    assert (told.status, "http://evil.example/</textarea>" in told.text, "地図" in told.text) == (400, True, True)
    assert len(await house.provider.applications.all("mytown")) == 2
    assert (await client.post(PAGE, {"action": "explode"})).status == 400
    other = await house.provider.applications.add("othertown", "x", "key", scopes=["ngsi-ld:read"])
    missing = await client.post(PAGE, {"action": "rotate", "application": other.application.id})
    assert (missing.status, "kmh_" in missing.text) == (404, False)


async def test_who_may_not_administer_sees_and_does_nothing(client: Client, house: House) -> None:
    page = "/t/othertown/applications"
    assert (await client.get(page)).status == 403
    form = {"action": "add", "name": "x", "kind": "key", "scope.ngsi-ld:read": "yes"}
    assert (await client.post(page, form)).status == 403
    elsewhere = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site"}
    assert (await client.post(PAGE, form, elsewhere)).status == 403
    assert await house.provider.applications.all("othertown") == []
