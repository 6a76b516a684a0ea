"""An application that is changed: what it may be, what was given before, and ways to make more of it than it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey
from tests.platform.provider.house import BACK, FORM, House, answered, claims_of, request
from tests.service.console.asgi_client import Client

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.platform.provider.errors import BadToken
from kumihimo.platform.provider.models import Edit

EVIL = (
    "http://evil.example/cb",
    "https://user@evil.example/cb",
    "https://app.example.jp/../cb",
    "https://app.example.jp/cb#at",
    "https://*.example.jp/cb",
    "https://app.example.jp\\@evil.example/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "//evil.example/cb",
    "/cb",
    "jp.example.app:/cb",
    "https://app.example.jp/cb\r\nx: y",
)
"""What a confidential application may not register, be it new or changed."""


async def edit(house: House, application: str = "", /, **changes: Any) -> Any:
    given: dict[str, Any] = {
        field: frozenset(value) if field == "scopes" else value for field, value in changes.items()
    }
    return await house.provider.applications.edit("mytown", application or house.web.application.id, Edit(**given))


async def is_refused(house: House, token: str) -> bool:
    try:
        await house.caller(token)
    except BadToken:
        return True
    return False


@pytest.mark.parametrize("uri", EVIL)
async def test_no_address_comes_in_by_a_change_that_a_new_application_may_not_have(house: House, uri: str) -> None:
    for field in ("redirect_uris", "logout_uris"):
        with pytest.raises(BadRequestData):
            await edit(house, **{field: (BACK, uri)})
    page = await house.authorize(redirect_uri=uri)
    assert (page.status, "location" in page.headers) == (400, False)
    assert (await house.provider.applications.find(house.web.application.id)) == house.web.application


async def test_an_address_that_was_taken_away_leads_nowhere_any_more(house: House) -> None:
    code, page = await house.code(), await house.authorize(prompt="consent")
    other = "https://new.example.jp/cb"
    await edit(house, redirect_uris=(other,))
    assert (await house.exchange(code)).status == 400, "a code that was on its way there"
    assert (await house.answer(page)).status == 400, "a page of consent that stood open"
    assert (await house.authorize()).status == 400
    reply = await house.authorize(redirect_uri=other, scope="openid")
    assert answered(reply if reply.status == 303 else await house.answer(reply), other)["code"]


async def test_tokens_wider_than_the_application_is_now_are_cut(house: House) -> None:
    narrow = await house.tokens(scope="openid ngsi-ld:read", prompt="consent")
    wide = await house.tokens(scope="openid ngsi-ld:read ngsi-ld:write", prompt="consent")
    waiting = await house.code(scope="openid ngsi-ld:write", prompt="consent")
    page = await house.authorize(scope="openid ngsi-ld:write", prompt="consent")
    alone = [
        json.loads((await house.token(grant_type="client_credentials", scope=scope)).body)["access_token"]
        for scope in ("ngsi-ld:read", "ngsi-ld:write")
    ]
    opened = [str((await house.caller(token)).login) for token in (*alone, wide["access_token"])]  # type: ignore[union-attr]
    await edit(house, scopes=("openid", "ngsi-ld:read"))
    cut = [await is_refused(house, one) for one in (narrow["access_token"], wide["access_token"], *alone)]
    assert cut == [False, True, False, True]
    assert [await house.provider.bearer.is_live(one) for one in opened] == [False] * 3
    for given, status in ((narrow, 200), (wide, 400)):
        again = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
        assert again.status == status
    assert (await house.exchange(waiting)).status == 400
    assert answered(await house.answer(page))["error"] == "invalid_scope"
    assert (await house.token(grant_type="client_credentials", scope="ngsi-ld:write")).status == 400
    # What it is given back counts for what is given from then on.
    await edit(house, scopes=("openid", "ngsi-ld:read", "ngsi-ld:write"))
    again = await house.token(grant_type="refresh_token", refresh_token=wide["refresh_token"])
    assert again.status == 400


async def test_a_key_has_the_scopes_of_its_application_as_they_are(house: House) -> None:
    key = await house.provider.applications.add("mytown", "csv", "key", scopes=["ngsi-ld:read", "feeds:read"])
    before = await house.caller(key.secret)
    await edit(house, key.application.id, scopes=("ngsi-ld:read",), name="表")
    after = await house.caller(key.secret)
    assert before is not None
    assert after is not None
    assert (after.scopes, after.name) == (frozenset({"ngsi-ld:read"}), "表")
    assert await house.provider.bearer.is_live(before.login) is False
    assert await house.provider.bearer.is_live(after.login) is True
    for changes in ({"redirect_uris": (BACK,)}, {"scopes": ("openid",)}, {"is_resource": True}, {"jwks": "{}"}):
        with pytest.raises(BadRequestData):
            await edit(house, key.application.id, **changes)


async def test_without_addresses_nobody_logs_in_there_and_with_one_they_do(house: House) -> None:
    given = await house.tokens()
    made = await edit(house, redirect_uris=())
    assert made.grants == {"client_credentials"}
    assert await is_refused(house, given["access_token"])
    assert (await house.authorize()).status == 400
    again = await house.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert again.status == 400
    assert (await edit(house, redirect_uris=(BACK,))).grants == house.web.application.grants


async def test_people_keep_their_names_at_it_while_an_address_stays(house: House) -> None:
    async def subject(back: str) -> str:
        code = await house.code(redirect_uri=back) if back == BACK else ""
        if not code:
            page = await house.authorize(redirect_uri=back, prompt="consent")
            code = answered(await house.answer(page), back)["code"]
        reply = await house.exchange(code, redirect_uri=back)
        return str(claims_of(json.loads(reply.body)["id_token"])["sub"])

    first, other = await subject(BACK), "https://other.example.jp/cb"
    await edit(house, redirect_uris=(BACK, other))
    assert await subject(other) == first
    neighbour = await house.provider.applications.add(
        "othertown", "n", "confidential", scopes=["openid"], redirect_uris=["https://neighbour.example.jp/cb"]
    )
    await edit(house, redirect_uris=("https://third.example.jp/cb",))
    assert await subject("https://third.example.jp/cb") != first, "another host knows nobody by the names of the first"
    assert neighbour.application.sector == "neighbour.example.jp"


async def test_a_replaced_key_set_counts_at_once_and_is_checked(house: House) -> None:
    old, new = (json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}) for _ in "12")
    made = await house.provider.applications.add("mytown", "s", "private_key_jwt", scopes=["ngsi-ld:read"], jwks=old)
    changed = await edit(house, made.application.id, jwks=new)
    assert changed.jwks == new or json.loads(changed.jwks) == json.loads(new)
    private = json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]})
    for wrong in ("{}", "[", private):
        with pytest.raises(BadRequestData):
            await edit(house, made.application.id, jwks=wrong)
    with pytest.raises(BadRequestData, match="no other has"):
        await edit(house, jwks=new)


async def test_what_is_of_another_tenant_or_out_of_use_is_not_changed(house: House) -> None:
    applications, name = house.provider.applications, house.web.application.id
    with pytest.raises(ResourceNotFound):
        await applications.edit("othertown", name, Edit(name="theirs"))
    with pytest.raises(ResourceNotFound):
        await edit(house, "a-none", name="x")
    many = tuple(f"https://app.example.jp/{number}" for number in range(21))
    for wrong in ({"name": ""}, {"name": "a\nb"}, {"scopes": ()}, {"scopes": ("all",)}, {"redirect_uris": many}):
        with pytest.raises(BadRequestData):
            await edit(house, **wrong)
    await applications.disable("mytown", name)
    with pytest.raises(BadRequestData, match="out of use"):
        await edit(house, scopes=("openid",))


# --- the page --------------------------------------------------------------------------------------------


async def test_the_page_changes_what_it_shows(client: Client, house: House) -> None:
    page = f"/t/mytown/applications/{house.spa.application.id}"
    shown = await client.get(page)
    assert (shown.status, "https://map.example.jp/cb</textarea>" in shown.text) == (200, True)
    assert 'name="is_own" value="yes" checked' in shown.text
    form = {"name": "新しい地図", "scope.openid": "yes", "redirect_uris": "https://map.example.jp/b", "is_own": "yes"}
    reply = await client.post(page, form)
    assert (reply.status, reply.headers["location"]) == (303, "/t/mytown/applications")
    one = await house.provider.applications.one("mytown", house.spa.application.id)
    assert (one.name, sorted(one.scopes), one.redirect_uris) == (
        "新しい地図",
        ["openid"],
        ("https://map.example.jp/b",),
    )
    wrong = await client.post(page, {**form, "redirect_uris": "http://evil.example/"})
    assert (wrong.status, "http://evil.example/</textarea>" in wrong.text, 'role="alert"' in wrong.text) == (
        400,
        True,
        True,
    )
    assert await house.provider.applications.one("mytown", house.spa.application.id) == one


async def test_no_other_site_and_nobody_of_another_tenant_changes_an_application(client: Client, house: House) -> None:
    name = house.web.application.id
    form = {"name": "x", "scope.openid": "yes", "redirect_uris": "https://evil.example/cb"}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        assert (await client.post(f"/t/mytown/applications/{name}", form, {**FORM, **headers})).status == 403
    assert (await client.post(f"/t/othertown/applications/{name}", form)).status == 403
    theirs = await house.provider.applications.add("othertown", "x", "key", scopes=["ngsi-ld:read"])
    for method in ("GET", "POST"):
        path = f"/t/mytown/applications/{theirs.application.id}"
        assert (await (client.get(path) if method == "GET" else client.post(path, form))).status == 404
    assert await house.provider.applications.find(name) == house.web.application
    assert request(name)["redirect_uri"] == BACK
