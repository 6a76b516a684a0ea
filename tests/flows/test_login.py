"""People log in, look after their keys and log out, through the whole platform; and those who attack that."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyotp
import pytest
from argon2 import PasswordHasher
from tests.authenticator import Authenticator
from tests.fakes import FakeClock
from tests.flows.browser import Reply, Surfer
from tests.flows.test_tenants import route_table

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.start import offer_welcome, open_database
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.identity import door
from kumihimo.platform.identity.tries import FREE_OF_NAME
from kumihimo.platform.provider.models import Family, Login
from kumihimo.platform.provider.store.families import add_family_tx
from kumihimo.service.console.shell import ScreenRoute
from kumihimo.service.kpi.measures import Measure

PASSWORD, NEW = "kawa-no-mizu-wa-kiyoi", "yama-no-midori-wa-fukai"
COOKIE = "kumihimo"


class Town:
    """A closed platform with one tenant; `root` is its first administrator's browser, once there is one."""

    def __init__(self, platform: Platform, clock: FakeClock) -> None:
        self.platform = platform
        self.clock = clock
        self.app = build_http(platform)

    def surfer(self, **more: Any) -> Surfer:
        return Surfer(self.app, **more)

    async def root(self, surfer: Surfer | None = None) -> Surfer:
        surfer = surfer or self.surfer()
        form = {"name": "root", "shown": "管理 花子", "password": PASSWORD}
        reply = await surfer.post(f"/welcome/{self.platform.welcome}", form)
        assert (reply.status, reply.header("location")) == (303, "/me"), reply.text
        return surfer

    async def enter(self, password: str = PASSWORD, surfer: Surfer | None = None, wished: str = "/me") -> Surfer:
        surfer = surfer or self.surfer()
        reply = await surfer.post("/login", {"name": "root", "password": password, "next": wished})
        assert (reply.status, reply.header("location")) == (303, wished), reply.text
        return surfer


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_clock: FakeClock) -> AsyncIterator[Town]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(door, "owasp_hasher", lambda: cheap)
    settings = Settings(data=str(tmp_path / "data"), port=8080, mqtt_port=-1, allowed_hosts=("town.example",))
    platform = wire(settings, fake_clock)
    async with open_database(platform), offer_welcome(platform):
        await platform.database.add_tenant("kawa")
        platform.ready = True
        yield Town(platform, fake_clock)


async def set_up_app(town: Town, surfer: Surfer) -> pyotp.TOTP:
    page = await surfer.post("/me/app")
    assert 'src="data:image/svg+xml' in page.text
    secret = re.search(r'km-secret">([A-Z2-7 ]+)<', page.text)
    assert secret
    totp = pyotp.TOTP(secret[1].replace(" ", ""))
    form = {"token": page.hidden("token"), "code": totp.at(town.clock.now())}
    assert (await surfer.post("/me/app/confirm", form)).status == 303
    return totp


async def test_the_whole_way_from_the_first_link_and_no_secret_in_the_log(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        surfer = town.surfer()
        assert (await surfer.get("/")).header("location") == "/login?next=%2F"
        assert "最初の管理者" in (await surfer.get(f"/welcome/{town.platform.welcome}")).text
        await town.root(surfer)
        cookie = surfer.jar[COOKIE]
        mine = await surfer.get("/me")
        assert "管理 花子" in mine.text
        assert "Surfer 1" in mine.text
        assert "192.0.2.1" in mine.text
        assert 'href="/t/kawa' in (await surfer.get("/")).text
        totp = await set_up_app(town, surfer)
        codes = re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}", (await surfer.post("/me/codes")).text)
        assert len(codes) == 10
        out = await surfer.post("/logout")
        assert (out.status, surfer.jar.get(COOKIE)) == (303, None)
        surfer.jar[COOKIE] = cookie
        assert (await surfer.get("/me")).status == 303
        assert (await surfer.get("/login")).status == 200
        town.clock.advance(30)
        asked = await surfer.post("/login", {"name": "root", "password": PASSWORD, "next": "/t/kawa?a=b"})
        assert (asked.status, asked.cookies) == (200, [])
        half = asked.hidden("half")
        form = {"half": half, "next": asked.hidden("next"), "code": totp.at(town.clock.now())}
        wrong = await surfer.post("/login/code", {**form, "code": "x"})
        assert "コードが正しくないか" in wrong.text, (
            "name and password are right by then, and it is not said that they may be wrong"
        )
        assert (await surfer.post("/login/code", form)).header("location") == "/t/kawa?a=b"
        assert (await surfer.get("/login?next=/me")).header("location") == "/me"
        lost = town.surfer()
        form = {"name": "root", "password": PASSWORD, "code": codes[3]}
        assert (await lost.post("/recover", form)).status == 303
        assert (await town.surfer().post("/recover", form)).status == 401
        changed = await lost.post("/me/password", {"password": NEW})
        assert changed.status == 303
        assert (await surfer.get("/me")).status == 303, "every other log-in ended"
        assert (await lost.get("/me")).status == 200
        cookies = {cookie, lost.jar[COOKIE]}
    logged = "".join(f"{one.__dict__}" for one in caplog.records)
    for secret in (
        PASSWORD,
        NEW,
        totp.secret,
        half,
        town.platform.welcome,
        *codes,
        *cookies,
        "$argon2",
        "管理",
        "root",
    ):
        assert secret not in logged, secret


async def test_passkeys_by_their_script(town: Town) -> None:
    surfer, key = town.surfer(), Authenticator("http://localhost:8080")

    async def ask(path: str, given: dict[str, str]) -> Reply:
        fields = {"content-type": "application/json", "sec-fetch-site": "same-origin"}
        return await surfer.send("POST", path, json.dumps(given).encode(), fields)

    async def question(path: str, **given: str) -> tuple[str, str]:
        found = json.loads((await ask(path, given)).text)
        return found["token"], json.dumps(found["options"])

    base = f"/welcome/{town.platform.welcome}/passkey"
    token, options = await question(f"{base}/options", name="root", shown="管理 花子")
    made = await ask(base, {"token": token, "answer": key.make(options)})
    assert (made.status, json.loads(made.text)) == (200, {"to": "/me"})
    other = Authenticator("http://localhost:8080")
    token, options = await question("/me/passkeys/options")
    kept = await ask("/me/passkeys", {"token": token, "answer": other.make(options), "name": "わたしの電話"})
    assert kept.status == 200
    page = (await surfer.get("/me")).text
    assert "わたしの電話" in page
    [name] = re.findall(r"わたしの電話</strong>.*?name=\"passkey\" value=\"([^\"]+)\"", page, re.DOTALL)
    form = {"passkey": name, "name": "<b>庁舎の鍵"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        assert (await surfer.post("/me/passkeys/rename", form, **headers)).status == 403
    assert (await surfer.post("/me/passkeys/rename", form)).header("location") == "/me"
    page = (await surfer.get("/me")).text
    assert ("&lt;b&gt;庁舎の鍵" in page, "<b>庁舎" in page, "わたしの電話" in page) == (True, False, False)
    wrong = await surfer.post("/me/passkeys/rename", {"passkey": name, "name": ""})
    assert (wrong.status, 'role="alert"' in wrong.text) == (400, True)
    await surfer.post("/logout")
    token, options = await question("/login/passkey/options")
    entered = await ask("/login/passkey", {"token": token, "answer": other.sign(options), "next": "//evil.example"})
    assert json.loads(entered.text) == {"to": "/"}
    token, options = await question("/login/passkey/options")
    assert (await ask("/login/passkey", {"token": token, "answer": "{}"})).status == 400
    assert (await ask("/login/passkey", {"token": token, "answer": other.sign(options)})).status == 200
    town.clock.advance(601)
    stale = await ask("/me/passkeys/options", {})
    assert (stale.status, json.loads(stale.text)) == (403, {"to": "/prove?next=/me"})
    token, options = await question("/login/passkey/options")
    assert (await ask("/prove/passkey", {"token": token, "answer": other.sign(options)})).status == 200
    assert (await ask("/me/passkeys/options", {})).status == 200
    assert (await ask("/login/passkey/options", {"x": "y" * 70_000})).status == 413
    answers = [(await ask("/login/passkey/options", {})).status for _ in range(12)]
    assert (answers[0], answers[-1]) == (200, 429)


async def test_changing_what_one_logs_in_with_asks_for_a_fresh_proof(town: Town) -> None:
    surfer = await town.root()
    town.clock.advance(601)
    for path in ("/me/password", "/me/app", "/me/codes", "/me/app/remove", "/me/passkeys/remove"):
        reply = await surfer.post(path, {"password": NEW})
        assert (reply.status, reply.header("location")) == (303, "/prove?next=/me"), path
    assert (await surfer.get("/prove?next=https://evil.example")).hidden("next") == "/"
    assert (await surfer.post("/prove", {"password": "wrong-wrong-wrong", "next": "/me"})).status == 401
    assert (await surfer.post("/prove", {"password": PASSWORD, "next": "/me"})).header("location") == "/me"
    assert (await surfer.post("/me/codes")).status == 200


# --- attacks -------------------------------------------------------------------------------------------------


async def test_cookies_are_out_of_reach_and_over_tls_bound_to_the_host(town: Town) -> None:
    surfer = await town.root()
    town.clock.advance(1)
    plain = await surfer.post("/login", {"name": "root", "password": PASSWORD})
    (line,) = [one for one in plain.cookies if one.startswith("kumihimo=")]
    assert set(line.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=lax"}
    over_tls = town.surfer(scheme="https", host="town.example")
    reply = await over_tls.post("/login", {"name": "root", "password": PASSWORD})
    (line,) = [one for one in reply.cookies if "kumihimo=" in one]
    assert line.startswith("__Host-kumihimo=")
    assert set(line.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}
    assert (await over_tls.get("/me")).status == 200
    tossed = town.surfer(scheme="https", host="town.example", jar={COOKIE: surfer.jar[COOKIE]})
    assert (await tossed.get("/me")).status == 303, "over TLS a cookie that any neighbour could set is none"


async def test_a_cookie_that_was_put_there_before_is_not_the_log_ins(town: Town) -> None:
    await town.root()
    surfer = town.surfer()
    surfer.jar[COOKIE] = "A" * 43
    await town.enter(surfer=surfer)
    first = surfer.jar[COOKIE]
    assert first != "A" * 43
    await town.enter(surfer=surfer)
    assert surfer.jar[COOKIE] != first
    surfer.jar[COOKIE] = first
    assert (await surfer.get("/me")).status == 303, "logging in anew ends what the browser had"


async def test_of_two_cookies_of_a_log_in_neither_is_taken(town: Town) -> None:
    """One of them a neighbour host may have put there."""
    surfer = await town.root()
    good = f"{COOKIE}={surfer.jar[COOKIE]}"
    assert (await town.surfer().get("/me", cookie=good)).status == 200
    for both in (f"{good}; {COOKIE}=x", f"{COOKIE}=x; {good}", f"{good}; {good}"):
        assert (await town.surfer().get("/me", cookie=both)).status == 303, both


async def test_a_disabled_accounts_log_in_is_none_though_nothing_ended_it(town: Town) -> None:
    """As in the moment between the two, or in a store that was put back."""
    surfer = await town.root()
    disable = "UPDATE account SET disabled_at = 1 WHERE sign_in = $1"
    await town.platform.database.write("", lambda tx: tx.execute(disable, "root"))
    assert (await surfer.get("/me")).status == 303
    assert (await town.surfer().post("/login", {"name": "root", "password": PASSWORD})).status == 401


async def test_another_site_sends_no_form_of_ours(town: Town) -> None:
    surfer = await town.root()
    body = b"password=evil-evil-evil-1&shown=evil&lang=ja&login=others"
    for path in ("/me", "/me/password", "/me/codes", "/logout", "/login", "/me/log-ins/end", "/prove"):
        for more in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
            fields = {"content-type": "application/x-www-form-urlencoded", **more}
            assert (await surfer.send("POST", path, body, fields)).status == 403, (path, more)
    assert "evil" not in (await surfer.get("/me")).text


async def test_another_site_logs_nobody_in_as_somebody_else(town: Town) -> None:
    """Without any cookie: whoever is logged in as the attacker writes into the attacker's account."""
    await town.root()
    form = urlencode({"name": "root", "password": PASSWORD, "code": "x", "half": "x"}).encode()
    for path in ("/login", "/recover", "/login/code", f"/welcome/{'x' * 43}"):
        for more in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"}, {}):
            fields = {"content-type": "application/x-www-form-urlencoded", **more}
            reply = await town.surfer().send("POST", path, form, fields)
            assert (reply.status, reply.cookies) == (403, []), (path, more)
    assert (await town.surfer().post("/login", {"name": "root", "password": PASSWORD})).status == 303


async def test_another_site_writes_no_entity_with_a_cookie(town: Town) -> None:
    surfer = await town.root()
    fields = {"content-type": "application/json", "ngsild-tenant": "kawa", "accept": "application/json"}
    body = b'{"id":"urn:a:b","type":"T"}'
    for more in ({}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "null"}):
        reply = await surfer.send("POST", "/ngsi-ld/v1/entities", body, {**fields, **more})
        assert reply.status == 403
        assert "cookie" in reply.text


ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "%2F%2Fevil.example",
    "/\t/evil.example",
    "/%0a/evil.example\r\nset-cookie: a=b",
    " //evil.example",
    "data:text/html,x",
    "evil.example",
    "/x" * 2000,
    "",
]


async def test_who_holds_a_persons_token_sees_and_changes_nothing_of_their_account(town: Town) -> None:
    """What the person let an application have is a scope of an API, not their log-ins and keys."""
    surfer = await town.root()
    provider, now = town.platform.provider, times.micros(town.clock.now())
    [root] = await town.platform.identity.accounts()
    scopes = frozenset({"openid", "profile", "email", "ngsi-ld:read", "ngsi-ld:write"})
    made = await provider.applications.add(
        "kawa", "w", "confidential", scopes=scopes, redirect_uris=["https://app.example.jp/cb"]
    )
    family = Family("f-1", made.application.id, root.id, "l-1", scopes, Login(now), now + 10**9)
    await town.platform.database.write("", lambda tx: add_family_tx(tx, family))
    bearer = f"Bearer {await provider.tokens.access(made.application, family, scopes)}"
    thief = town.surfer()
    fields = {"ngsild-tenant": "kawa", "accept": "application/json", "authorization": bearer}
    assert (await thief.get("/ngsi-ld/v1/types", **fields)).status == 200, "the token itself is good"
    page = await thief.get("/me", authorization=bearer)
    assert (page.status, "Surfer 1" in page.text, "管理 花子" in page.text) == (403, False, False)
    shown = await thief.get("/t/kawa/entities", authorization=bearer)
    assert shown.status == 200
    assert root.id not in page.text + shown.text, "to an application the person has the name of its sector alone"
    forms = {"": {"shown": "evil", "lang": "ja"}, "/log-ins/end": {"login": "others"}, "/passkeys/rename": {}}
    forms |= {one: {"password": NEW} for one in ("/password", "/app", "/app/remove", "/codes", "/passkeys/remove")}
    for path, form in forms.items():
        assert (await thief.post(f"/me{path}", form, authorization=bearer)).status == 403, path
    proof = {"password": PASSWORD, "next": "/me"}
    assert (await thief.post("/prove", proof, authorization=bearer)).status == 403
    mine = await surfer.get("/me")
    assert (mine.status, "evil" in mine.text) == (200, False), "the person is still logged in"


async def test_nobody_is_led_to_another_site(town: Town) -> None:
    surfer = await town.root()
    for wished in ELSEWHERE:
        await surfer.post("/logout")
        reply = await surfer.post("/login", {"name": "root", "password": PASSWORD, "next": wished})
        assert (reply.status, reply.header("location"), len(reply.cookies)) == (303, "/", 2), wished


async def test_who_has_an_account_is_not_told(town: Town) -> None:
    await town.root()
    answers = []
    for name in ("root", "nobody"):
        surfer = town.surfer(address=f"198.51.100.{len(name)}")
        reply = await surfer.post("/login", {"name": name, "password": "wrong-wrong-wrong"})
        kept = [(one, value) for one, value in reply.headers if one not in ("x-request-id", "content-length")]
        answers.append((reply.status, kept, reply.text.replace(name, "")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_guessing_is_slowed_and_the_page_says_for_how_long(town: Town) -> None:
    await town.root()
    for _ in range(FREE_OF_NAME):
        await town.surfer().post("/login", {"name": "root", "password": "wrong-wrong-wrong"})
    slowed = await town.surfer(address="203.0.113.77").post("/login", {"name": "root", "password": PASSWORD})
    assert slowed.status == 429
    assert "1秒後" in slowed.text


async def test_no_page_stands_in_a_frame_or_is_kept(town: Town) -> None:
    strangers, roots = town.surfer(), await town.root()
    for path in ("/login", "/me", "/recover", "/prove", "/", "/t/kawa/x"):
        for surfer in (strangers, roots):
            reply = await surfer.get(path)
            if reply.status in (200, 404):
                policy = reply.header("content-security-policy")
                assert "frame-ancestors 'none'" in policy, path
                assert "unsafe" not in policy
            assert reply.header("cache-control") in ("no-store", "private, no-cache")


async def test_huge_and_odd_inputs_are_answered(town: Town) -> None:
    surfer = town.surfer()
    assert (await surfer.post("/login", {"name": "x" * 70_000, "password": "y"})).status == 413
    assert (await surfer.post("/login", {"name": "x" * 30_000, "password": "y" * 30_000})).status == 401
    assert (await surfer.post("/login", {"name": "\x00", "password": "y"})).status == 400
    assert (await surfer.post("/login", {})).status == 401
    assert (await surfer.post("/login/code", {"half": "x" * 9000, "code": "１２３４５６"})).status == 401
    assert (await surfer.post("/recover", {"name": "<script>alert(1)</script>"})).status == 401
    page = await surfer.post("/login", {"name": '"><script>alert(1)</script>', "password": "y"})
    assert "<script>alert" not in page.text
    assert (await surfer.get("/login?lang=xx%0d%0aset-cookie:a=b")).cookies == []
    assert (await surfer.get("/me", cookie=f"{COOKIE}={'x' * 20_000}")).status == 303
    for cut in ("x", "x" * 42, "x" * 43, "x" * 64):
        assert (await surfer.get(f"/welcome/{cut}")).status == 410, "a link that lost its end is told to be no good"
    assert (await surfer.post(f"/welcome/{'x' * 43}", {"password": PASSWORD})).status == 410


async def test_a_log_in_ended_elsewhere_stops_at_once(town: Town) -> None:
    first = await town.root()
    second = await town.enter(surfer=town.surfer(address="198.51.100.4"))
    page = await second.get("/me")
    assert page.text.count('name="login" value="l-') == 2
    for login in re.findall(r'name="login" value="(l-[^"]+)"', page.text):
        (standing,) = await town.platform.identity.accounts()
        mine = await town.platform.identity.mine(standing.id)
        if next(one for one in mine.logins if one.id == login).address == "192.0.2.1":
            assert (await second.post("/me/log-ins/end", {"login": login})).status == 303
    assert (await first.get("/me")).status == 303
    assert (await first.get("/ngsi-ld/v1/entities", accept="application/json")).status == 401
    assert (await second.get("/me")).status == 200
    third = await town.enter()
    await second.post("/me/log-ins/end", {"login": "others"})
    assert (await third.get("/me")).status == 303
    assert (await second.post("/me/log-ins/end", {"login": "l-nobodys"})).status == 404


async def test_a_password_does_not_travel_in_the_clear(town: Town) -> None:
    far = town.surfer(host="town.example")
    for reply in (await far.get("/login"), await far.post("/login", {"name": "root", "password": PASSWORD})):
        assert reply.status == 403
        assert reply.cookies == []


async def test_who_has_nothing_to_do_in_a_tenant_does_not_see_it(town: Town) -> None:
    root = await town.root()
    account = await town.platform.identity.add("sato", "佐藤")
    surfer = town.surfer()
    link = await town.platform.identity.link(account.id)
    await surfer.post(f"/welcome/{link}", {"password": PASSWORD})
    assert (await surfer.get("/me")).status == 200
    home = (await surfer.get("/")).text
    assert "kawa" not in home
    assert "役割を割り当てて" in home
    assert [(await one.get("/metrics")).status for one in (root, surfer, town.surfer())] == [200, 403, 303]
    there, nowhere = await surfer.get("/t/kawa/entities"), await surfer.get("/t/yama/entities")
    assert there.status == nowhere.status == 404
    assert there.text.replace("kawa", "yama") == nowhere.text
    await town.platform.identity.disable(account.id)
    assert (await surfer.get("/me")).status == 303


async def test_an_emergency_is_announced_to_whoever_has_anything_to_do_in_the_town(town: Town) -> None:
    await town.root()
    people: dict[str, tuple[Actor, Surfer]] = {}
    for name, role in (
        ("ono", "disaster-officer"),
        ("mori", "disaster-officer"),
        ("sato", "resident"),
        ("kobayashi", ""),
    ):
        account = await town.platform.identity.add(name, name)
        people[name] = Actor("person", account.id), town.surfer(address=f"198.51.100.{len(people)}")
        await people[name][1].post(f"/welcome/{await town.platform.identity.link(account.id)}", {"password": PASSWORD})
        if role:
            await town.platform.access.add_member("kawa", people[name][0], role, "test")
    emergencies, told = town.platform.rules.emergencies, "防災担当の権限が広がっています"

    async def hears(name: str) -> bool:
        page = (await people[name][1].get("/t/kawa/entities")).text
        assert (told in page) == ("氾濫の&lt;おそれ" in page)
        return told in page

    asked = await emergencies.ask("kawa", people["ono"][0], "氾濫の<おそれ", 2)
    assert not await hears("mori"), "it is only asked for"
    await emergencies.open("kawa", asked.id, people["mori"][0])
    assert [await hears(name) for name in people] == [True, True, True, False]
    page = (await people["ono"][1].get("/t/kawa/entities")).text
    assert 'href="/t/kawa/emergency">くわしく' in page
    town.clock.advance(2 * 3600)
    await town.enter(surfer=(late := town.surfer()))
    assert told not in (await late.get("/t/kawa/entities")).text, "it ends by its time"


# --- a town in which one holds no role of one's own ------------------------------------------------------------

VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
READS = 'permit (principal {who}, action == Action::"read", resource in EntityType::"{type}");'
PLAN = Measure("m-1", "policy", {"ja": "ひみつの施策"}, "防災課", date(2026, 4, 1))


async def somebody(town: Town, name: str, tenant: str, role: str) -> Surfer:
    """The browser of a new person, who holds one role."""
    account = await town.platform.identity.add(name, name)
    surfer = town.surfer(address="198.51.100.9")
    await surfer.post(f"/welcome/{await town.platform.identity.link(account.id)}", {"password": PASSWORD})
    await town.platform.access.add_member(tenant, Actor("person", account.id), role, "test")
    return surfer


async def keep_a_plan(town: Town) -> None:
    await town.platform.measures.put(Call("kawa", Actor("system", "test")), PLAN, revision=0)


async def test_who_holds_no_role_sees_of_a_town_what_it_published_and_nothing_else(town: Town) -> None:
    await town.platform.database.add_tenant("yama")
    await keep_a_plan(town)
    text = "".join(READS.format(who=f"is {one}", type=VOCAB + "Well") for one in ("Anonymous", "Person"))
    await town.platform.rules.documents.put("kawa", "published", text, "person:p-1", "test")
    surfer, stranger = await somebody(town, "sato", "yama", "operator"), town.surfer()
    paths = {f"/t/kawa{one.screen.path}" for one in route_table(town.platform) if isinstance(one, ScreenRoute)}
    open_ = {one for one in paths if "{" not in one and (await stranger.get(one)).status == 200}
    assert open_ == {"/t/kawa/entities", "/t/kawa/entity-map"}
    for path in sorted(one for one in paths if "{" not in one):
        page = await surfer.get(path)
        assert (page.status == 200) == (path in {*open_, "/t/kawa/public/kpi"}), (path, page.status)
        assert "ひみつの施策" not in page.text
    shown = (await surfer.get("/t/kawa/entities")).text
    assert "/t/kawa/entities" in shown
    assert "/t/kawa/measures" not in shown, "no way leads to what is refused"
    assert (await surfer.get("/t/kawa")).header("location") == "/t/kawa/entities"
    refused = await surfer.get("/t/kawa/measures")
    assert refused.status == 403
    assert "このまちの役割" in refused.text


async def test_an_agreement_shares_data_and_not_the_plans_of_the_town(town: Town) -> None:
    await town.platform.database.add_tenant("yama")
    await keep_a_plan(town)
    agreements, now = town.platform.rules.agreements, times.micros(town.clock.now())
    text = READS.format(who='in Role::"yama/officer"', type=VOCAB + "Well")
    more: dict[str, Any] = {
        "purpose": "治水",
        "text": text,
        "starts_at": now,
        "ends_at": now + 86_400_000_000,
        "by": "person:p-1",
    }
    made = await agreements.offer("kawa", "yama", "officer", **more)
    await agreements.accept("yama", made.id, "person:p-2")
    guest, member = await somebody(town, "sato", "yama", "officer"), await somebody(town, "ito", "kawa", "officer")
    for path in ("/t/kawa/entities", "/t/kawa/kpi", "/t/kawa/alerts"):
        assert (await guest.get(path)).status == 200
    for path in ("/t/kawa/measures", "/t/kawa/measures.toml", "/t/kawa/measures/m-1", "/t/kawa/measures/m-1/sheet.csv"):
        assert ((await guest.get(path)).status, (await member.get(path)).status) == (403, 200), path
    assert "/t/kawa/measures" not in (await guest.get("/t/kawa/entities")).text


async def test_an_agreement_is_offered_accepted_read_through_and_ended_by_people_of_two_towns(town: Town) -> None:
    """The whole way on the pages: what was ticked is what the guest reads, until it ends."""
    await town.platform.database.add_tenant("yama")
    for type_, level in (("Well", 3), ("Secret", 4)):
        values: Any = {"level": level, "owner": "井戸端"}
        attrs: Any = {VOCAB + name: [{"type": "Property", "value": one}] for name, one in values.items()}
        doc: Any = {"id": f"urn:ngsi-ld:{type_}:1", "type": [VOCAB + type_], "attrs": attrs}
        await town.platform.broker.apply(
            Call("kawa", Actor("system", "test")), [Change(Op.UPSERT_UPDATE, doc["id"], doc)]
        )
    giver, taker = await somebody(town, "sato", "kawa", "operator"), await somebody(town, "ito", "yama", "operator")
    guest = await somebody(town, "mori", "yama", "officer")
    paths = "/t/kawa/entities", "/t/kawa/entities/urn:ngsi-ld:Well:1"
    assert {(await guest.get(path)).status for path in paths} == {404}
    form = (await giver.get("/t/kawa/agreements")).text
    assert 'name="type.Well"' in form
    today = town.clock.now().date()
    offer = {
        "taker": "yama", "role": "officer", "purpose": "治水", "type.Well": "yes", "attributes": "level",
        "starts": str(today - timedelta(days=1)), "ends": str(today + timedelta(days=30)), "action": "check",
    }  # fmt: skip
    shown = await giver.post("/t/kawa/agreements", offer)
    assert (shown.status, f"EntityType::&#34;{VOCAB}Well&#34;" in shown.text) == (200, True)
    names = ("taker", "role", "purpose", "starts", "ends", "types", "attributes", "subscribe", "text")
    sent = {name: html.unescape(shown.hidden(name)) for name in names}
    assert (await giver.post("/t/kawa/agreements", {**sent, "action": "offer"})).status == 303
    assert (await guest.get(paths[0])).status == 404, "not before the other side said so"
    (made,) = await town.platform.rules.agreements.list("yama")
    assert (await taker.post("/t/yama/agreements", {"action": "accept", "id": made.id})).status == 303
    seen = [(await guest.get(path)).text for path in paths]
    assert all("urn:ngsi-ld:Well:1" in text for text in seen)
    assert not any("Secret" in text or "井戸端" in text for text in seen)
    end = {"action": "end", "id": made.id, "why": "終えた"}
    assert (await taker.post("/t/yama/agreements", end)).status == 303
    assert {(await guest.get(path)).status for path in paths} == {404}


async def test_who_sees_a_part_of_the_town_sees_of_its_plans_what_it_published(town: Town) -> None:
    await keep_a_plan(town)
    text = READS.format(who='in Role::"resident"', type=VOCAB + "Well")
    await town.platform.rules.documents.put("kawa", "wells", text, "person:p-1", "test")
    plans = 'permit (principal in Role::"planner", action == Action::"measures", resource is Tenant);'
    reads = READS.format(who='in Role::"planner"', type=VOCAB + "Well")
    await town.platform.rules.documents.put("kawa", "planners", f"{plans}\n{reads}", "person:p-1", "test")
    resident, planner = await somebody(town, "sato", "kawa", "resident"), await somebody(town, "ito", "kawa", "planner")
    assert (await resident.get("/t/kawa/kpi")).status == 200
    for path in ("/t/kawa/measures", "/t/kawa/measures.toml", "/t/kawa/measures/m-1", "/t/kawa/measures/m-1/sheet.csv"):
        assert ((await resident.get(path)).status, (await planner.get(path)).status) == (403, 200), path
    assert "/t/kawa/measures" not in (await resident.get("/t/kawa/kpi")).text


# --- languages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "said"), [("ja", "ログインしてください"), ("en", "Log in to use"), ("ja-easy", "ログインして ください")]
)
async def test_the_pages_speak_three_languages(town: Town, lang: str, said: str) -> None:
    surfer = town.surfer()
    assert said in (await surfer.get(f"/login?lang={lang}")).text
    assert surfer.jar == {"lang": lang}
    assert said in (await surfer.get("/login")).text
    await town.root(surfer)
    assert surfer.jar["lang"] == lang, "the first administrator's language is that of the page"
    assert (await surfer.get("/")).status == 200, "where there is no easy Japanese, there is Japanese"
    changed = await surfer.post("/me", {"shown": "新しい名", "email": "a@example.jp", "lang": "en"})
    assert (changed.status, surfer.jar["lang"]) == (303, "en")
    assert 'value="a@example.jp"' in (await surfer.get("/me")).text
    assert (await surfer.post("/me", {"shown": "", "lang": "en"})).status == 400
