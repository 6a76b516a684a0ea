"""What attackers try on the way: another browser, another provider, forged and borrowed tokens, inward addresses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import CLIENT, SECRET, SESSION, TOWN, Browser, Page, Sealing, Town, query_of

from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import HttpAnswer
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.platform.outside import relying
from kumihimo.platform.outside.discovery import MAX_ANSWER
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.outside.flow import Flow
from kumihimo.platform.outside.models import ProviderFailed
from kumihimo.platform.outside.store import SCHEMA


@pytest.fixture
async def town(database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    town = Town(await database_factory([SCHEMA]), fake_clock)
    await town.register()
    return town


def refused(page: Page, code_word: str, status: int = 403) -> Page:
    """The page says, in Japanese, what it must, and nobody was let in: the page, for who looks on."""
    assert page.status == status, (page.status, page.text)
    assert code_word in page.text
    assert not any(one.startswith(SESSION + "=") for one in page.cookies)
    return page


# --- the browser ------------------------------------------------------------------------------------------


async def test_an_answer_in_another_browser_lets_nobody_in(town: Town) -> None:
    attacker, victim = Browser(town), Browser(town)
    answer = await town.choose(attacker, (await attacker.get(f"{TOWN}/login/with/idp")).location)
    assert refused(await victim.get(answer), "続きが見つかりません")
    await victim.get(f"{TOWN}/login/with/idp")
    assert refused(await victim.get(answer), "続きが見つかりません")
    assert town.people.logins == {}


async def test_a_code_in_the_answer_to_anothers_state_is_not_exchanged_for_a_log_in(town: Town) -> None:
    attacker, victim = Browser(town), Browser(town)
    stolen = query_of(await town.choose(victim, (await victim.get(f"{TOWN}/login/with/idp")).location, "hanako"))
    mine = query_of((await attacker.get(f"{TOWN}/login/with/idp")).location)
    given = {"code": stolen["code"], "state": mine["state"], "iss": town.mock.issuer}
    assert refused(await attacker.get(f"{TOWN}/login/from/idp?{urlencode(given)}"), "依頼を断りました")


async def test_an_answer_is_taken_once_and_in_time(town: Town) -> None:
    browser = Browser(town)
    answer = await town.choose(browser, (await browser.get(f"{TOWN}/login/with/idp")).location)
    kept = dict(browser.cookies[TOWN])
    assert (await browser.get(answer)).status == 303
    browser.cookies[TOWN] = kept
    assert refused(await browser.get(answer), "続きが見つかりません")
    answer = await town.choose(browser, (await browser.get(f"{TOWN}/login/with/idp")).location)
    town.clock.advance(601)
    assert refused(await browser.get(answer), "続きが見つかりません")


@pytest.mark.parametrize(
    "way", ["https://evil.example/", "//evil.example", "/\\evil.example", "/%0d%0aSet-Cookie:x=1\r\n", "javascript:1"]
)
async def test_nobody_is_sent_to_another_site_afterwards(town: Town, way: str) -> None:
    page = await town.log_in(Browser(town), way=way)
    assert (page.status, page.location) == (303, "/" if "%0d" not in way or "\r" in way else way)


async def test_a_parameter_that_stands_twice_is_refused_and_so_are_too_many(town: Town) -> None:
    browser = Browser(town)
    answer = await town.choose(browser, (await browser.get(f"{TOWN}/login/with/idp")).location)
    assert refused(await browser.get(f"{answer}&code=other"), "読み取れません")
    many = "&".join(f"a{number}=1" for number in range(60))
    assert refused(await browser.get(f"{TOWN}/login/from/idp?{many}"), "読み取れません")


async def test_the_providers_words_are_not_shown(town: Town) -> None:
    browser = Browser(town)
    state = query_of((await browser.get(f"{TOWN}/login/with/idp")).location)["state"]
    said = {"state": state, "iss": town.mock.issuer, "error": "<script>", "error_description": "call 0120-000-000"}
    page = await browser.get(f"{TOWN}/login/from/idp?{urlencode(said)}")
    assert refused(page, "依頼を断りました")
    assert "script" not in page.text
    assert "0120" not in page.text


async def test_who_begins_too_often_waits(town: Town) -> None:
    browser = Browser(town)
    pages = [await browser.get(f"{TOWN}/login/with/idp") for _ in range(61)]
    assert [page.status for page in pages] == [303] * 60 + [429]
    assert int(pages[-1].headers["retry-after"]) >= 1
    assert town.net.count("openid-configuration") == 1


async def test_a_form_of_another_site_changes_nothing(town: Town) -> None:
    browser = Browser(town)
    browser.enter(town, "p-1")
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        assert (await browser.post("/me/outside", {"provider": "idp", "action": "link"}, **headers)).status == 403
        assert (await browser.post("/login/leave", {}, **headers)).status == 403
    assert "own-p-1" in town.people.logins


# --- mix-up -----------------------------------------------------------------------------------------------


async def test_an_answer_of_another_provider_is_not_taken(town: Town) -> None:
    other = town.add_mock("https://other.example.jp", "other")
    one = replace(town.provider(), name="other", issuer=other.issuer)
    await town.outside.providers.add(one, SECRET)
    browser = Browser(town)
    location = (await browser.get(f"{TOWN}/login/with/idp")).location
    state = query_of(location)["state"]
    answer = {"code": "stolen", "state": state, "iss": other.issuer}
    assert refused(await browser.get(f"{TOWN}/login/from/other?{urlencode(answer)}"), "ログイン先のものではありません")
    await browser.get(f"{TOWN}/login/with/idp")
    answer["state"] = query_of((await browser.get(f"{TOWN}/login/with/idp")).location)["state"]
    assert refused(await browser.get(f"{TOWN}/login/from/idp?{urlencode(answer)}"), "ログイン先のものではありません")
    assert town.net.count("/token") == 0


async def test_a_provider_that_names_itself_must_do_so_in_each_answer(town: Town) -> None:
    browser = Browser(town)
    state = query_of((await browser.get(f"{TOWN}/login/with/idp")).location)["state"]
    page = await browser.get(f"{TOWN}/login/from/idp?{urlencode({'code': 'x', 'state': state})}")
    assert refused(page, "ログイン先のものではありません")


# --- tokens -----------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], None]


def put(**more: Any) -> Change:
    return lambda claims: claims.update(more)


def drop(name: str) -> Change:
    return lambda claims: claims.pop(name) and None


async def forged(town: Town, monkeypatch: pytest.MonkeyPatch, sign: Callable[[dict[str, Any]], str]) -> Page:
    monkeypatch.setattr(town.mock, "signed", lambda claims, kind="JWT": sign(dict(claims)))
    return await town.log_in(Browser(town))


@pytest.mark.parametrize(
    "change",
    [
        put(iss="https://idp.example.jp/realms/town/"),
        put(iss="https://idp.example.jp/realms/other"),
        put(aud="somebody else"),
        put(aud=[CLIENT, "somebody else"]),
        put(aud=[]),
        drop("aud"),
        put(azp="somebody else"),
        put(nonce="that of another log-in"),
        drop("nonce"),
        put(nonce=None),
        put(exp=0),
        put(exp="tomorrow"),
        put(exp=True),
        drop("exp"),
        put(iat=4_000_000_000),
        put(iat=1_000_000_000),
        drop("iat"),
        put(nbf=4_000_000_000),
        put(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
        put(sub=""),
        put(sub=["a"]),
        put(sub="x" * 256),
        drop("sub"),
    ],
)
async def test_an_id_token_that_does_not_hold_is_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    real = town.mock.signed

    def sign(claims: dict[str, Any]) -> str:
        change(claims)
        return real(claims)

    assert refused(await forged(town, monkeypatch, sign), "証明を確認できません")
    assert town.people.logins == {}


def _part(value: Any) -> str:
    return urlsafe_b64encode(dumps(value)).rstrip(b"=").decode()


async def test_no_signature_and_a_secret_made_of_the_public_key_are_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = town.mock.key
    assert isinstance(public, RSAKey)
    for alg in ("none", "None", "NONE"):
        page = await forged(town, monkeypatch, lambda claims, a=alg: f"{_part({'alg': a})}.{_part(claims)}.")  # type: ignore[misc]
        assert refused(page, "証明を確認できません")

    def with_public(claims: dict[str, Any]) -> str:
        signed = f"{_part({'alg': 'HS256', 'kid': public.kid})}.{_part(claims)}"
        digest = hmac.digest(public.as_pem(private=False), signed.encode(), hashlib.sha256)
        return f"{signed}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    assert refused(await forged(town, monkeypatch, with_public), "証明を確認できません")


async def test_the_key_of_somebody_else_under_the_providers_name_is_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    kid = town.mock.key.kid
    rsa, ec = RSAKey.generate_key(2048), ECKey.generate_key("P-256")
    for alg, key in (("RS256", rsa), ("ES256", ec)):

        def sign(claims: dict[str, Any], alg: str = alg, key: Any = key) -> str:
            return jwt.encode(
                {"alg": alg, "kid": kid, "jwk": key.as_dict(private=False)}, claims, key, algorithms=[alg]
            )

        assert refused(await forged(town, monkeypatch, sign), "証明を確認できません")


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", "....", "eyJhbGciOiJSUzI1NiJ9..", "é.é.é", "x" * 40_000, _part([]) + ".a.b"]
)
async def test_what_is_no_token_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    assert refused(await forged(town, monkeypatch, lambda _: token), "証明を確認できません")


async def test_userinfo_of_another_person_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(town.mock, "userinfo", lambda token: {"sub": "somebody else", "name": "x"})
    assert refused(await town.log_in(Browser(town)), "証明を確認できません")


async def test_a_weaker_proof_than_was_asked_for_is_refused(
    database_factory: DatabaseFactory, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(await database_factory([SCHEMA]), fake_clock, "digital-auth-app")
    await town.register()
    real = town.mock.signed
    for acr in ("aal2", "", None, 3):
        assert refused(await forged(town, monkeypatch, lambda claims, a=acr: real({**claims, "acr": a})), "強さ")  # type: ignore[misc]
    assert (await forged(town, monkeypatch, lambda claims: real({**claims, "acr": "aal3"}))).status == 303


async def test_a_new_key_of_the_provider_is_found_and_made_up_ones_cost_it_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await town.log_in(Browser(town))).status == 303
    town.clock.advance(31)
    town.mock.key = town.mock.new_key()
    assert (await town.log_in(Browser(town))).status == 303
    assert town.net.count("/certs") == 2
    stray = town.mock.new_key()

    def sign(claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": stray.kid}, claims, stray, algorithms=["RS256"])

    for _ in range(5):
        assert refused(await forged(town, monkeypatch, sign), "証明を確認できません")
    assert town.net.count("/certs") == 2
    town.clock.advance(3600)
    assert refused(await forged(town, monkeypatch, sign), "証明を確認できません")
    assert town.net.count("/certs") == 3


async def test_secret_short_and_foreign_keys_of_a_set_are_never_used(town: Town) -> None:
    weak: Any = town.mock.certs()["keys"][0]
    private = town.mock.key.as_dict(private=True)
    strange = [
        private,
        {"kty": "oct", "k": "AAAA", "kid": weak["kid"]},
        {**weak, "use": "enc"},
        {**weak, "n": weak["n"][:100]},
        5,
        {},
    ]

    async def keys(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        return HttpAnswer(200, {}, dumps({"keys": strange}))

    town.net.instead["/certs"] = keys
    assert refused(await town.log_in(Browser(town)), "証明を確認できません")


# --- a provider that fails ----------------------------------------------------------------------------------


async def hangs(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
    raise TimeoutError


async def huge(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
    return HttpAnswer(200, {}, b'{"a": "' + b"x" * MAX_ANSWER + b'"}')


def says(status: int, body: bytes) -> Any:
    async def way(method: str, url: str, headers: Mapping[str, str], _: bytes) -> HttpAnswer:
        return HttpAnswer(status, {}, body)

    return way


UNREADABLE = "読み取れません"
WAYS = [
    (hangs, "つながりません"),
    (huge, UNREADABLE),
    (says(200, b"<html>"), UNREADABLE),
]
STRANGE = [says(200, b"[]"), says(200, b'{"a":' * 50 + b"1" + b"}" * 50), says(500, b"{}"), says(302, b"")]


@pytest.mark.parametrize(
    ("where", "way", "words"),
    [
        *((where, *way) for where in ("/openid-configuration", "/token", "/certs", "/userinfo") for way in WAYS),
        *(("/token", way, UNREADABLE) for way in STRANGE),
    ],
)
async def test_a_provider_that_fails_is_told_in_plain_words(town: Town, where: str, way: Any, words: str) -> None:
    town.net.instead[where] = way
    browser = Browser(town)
    page = await browser.get(f"{TOWN}/login/with/idp")
    if page.status == 303:
        page = await browser.get(await town.choose(browser, page.location))
    assert refused(page, words, 502)
    english = await browser.get(f"{TOWN}/login/from/idp?lang=en")
    assert "This log-in cannot be continued" in english.text


async def test_a_provider_that_hangs_holds_up_so_many_and_no_more(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relying, "AT_ONCE", 1)
    came, gate = asyncio.Event(), asyncio.Event()

    async def waits(method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        came.set()
        await gate.wait()
        raise TimeoutError

    first = Browser(town)
    answer = await town.choose(first, (await first.get(f"{TOWN}/login/with/idp")).location)
    town.net.instead["/token"] = waits
    hangs_there = asyncio.create_task(first.get(answer))
    await came.wait()
    assert refused(await town.log_in(Browser(town)), "混み合っています", 502)
    gate.set()
    assert refused(await hangs_there, "つながりません", 502)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://idp.example.jp/realms/town/"},
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://idp.example.jp/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://idp.example.jp/a\r\nSet-Cookie: x=1"},
        {"authorization_endpoint": "https://idp.example.jp/a#b"},
        {"jwks_uri": ["https://idp.example.jp"]},
        {"userinfo_endpoint": "gopher://idp.example.jp"},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"response_types_supported": ["id_token"]},
    ],
)
async def test_a_provider_that_says_what_cannot_be_of_itself_is_not_used(town: Town, change: dict[str, Any]) -> None:
    document = {**town.mock.document(), **change}
    town.net.instead["/openid-configuration"] = says(200, dumps(document))
    assert refused(await Browser(town).get(f"{TOWN}/login/with/idp"), "読み取れません", 502)
    wrong = (await town.outside.party.examine(await town.outside.providers.get("idp")))["faults"]
    assert len(wrong) == 1


async def test_entra_is_told_that_any_directory_is_no_issuer(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    town = Town(await database_factory([SCHEMA]), fake_clock, "entra")
    answer = await town.net("GET", "https://idp.example.jp/common/v2.0/.well-known/openid-configuration")
    town.net.instead["/v2.0/.well-known/openid-configuration"] = says(200, answer.body)
    one = await town.register()
    (wrong,) = (await town.outside.party.examine(one))["faults"]
    assert "any directory" in wrong


# --- inward addresses ---------------------------------------------------------------------------------------


@pytest.fixture
async def inner(town: Town) -> AsyncIterator[tuple[Outside, list[str]]]:
    """The town with the real way out, whose names lie where `places` says; a server on loopback counts who comes."""
    came: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        came.append(host)
        return ["127.0.0.1"] if host == "inner.example.jp" else ["93.184.216.34"]

    fetch = GuardedFetch(lookup=lookup)
    await fetch.open()

    async def way(method: str, url: str, **options: Any) -> HttpAnswer:
        if "idp.example.jp" in url:
            return await town.net(method, url, **options)
        return await fetch(method, url, **options)

    yield Outside(town.database, town.clock, Sealing(), town.people, way, lambda: TOWN), came
    await fetch.close()


@pytest.mark.parametrize(
    "place", ["https://127.0.0.1:1/", "https://[::1]/x", "https://169.254.169.254/x", "https://inner.example.jp/x"]
)
@pytest.mark.parametrize("member", ["jwks_uri", "token_endpoint"])
async def test_a_provider_cannot_send_us_inward(
    town: Town, inner: tuple[Outside, list[str]], place: str, member: str
) -> None:
    outside, _ = inner
    town.net.instead["/openid-configuration"] = says(200, dumps({**town.mock.document(), member: place}))
    one = await outside.providers.get("idp")
    metadata = await outside.party.metadata(one)
    flow = Flow.begun("idp", "log-in", "/", 0)
    answer = {"code": "x", "iss": one.issuer}
    with pytest.raises(ProviderFailed, match="not allowed"):
        await (
            outside.party._keys.find(metadata.jwks_uri, "", "RS256")
            if member == "jwks_uri"
            else outside.party.redeem(one, flow, answer, outside.redirect("idp"))
        )


# --- what is written down -------------------------------------------------------------------------------------


async def test_no_secret_and_no_personal_value_is_logged_or_stored_in_clear(
    database_factory: DatabaseFactory,
    fake_clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    town = Town(await database_factory([SCHEMA]), fake_clock, "digital-auth-app")
    four = ("name", "address", "birthdate", "gender")
    await town.register(scopes=("openid", *four), take=("name",), keep=("address",))
    browser = Browser(town)
    location = (await browser.get(f"{TOWN}/login/with/idp")).location
    answer = await town.choose(browser, location)
    await browser.get(answer)
    await browser.get(answer)
    real = town.mock.signed
    monkeypatch.setattr(town.mock, "signed", lambda claims, kind="JWT": real({**claims, "aud": "x"}))
    await town.log_in(Browser(town))
    bodies = b"".join(body for _, _, _, body in town.net.asked).decode()
    asked, code = query_of(location), query_of(answer)["code"]
    (account,) = town.people.names
    secret = [asked["state"], asked["nonce"], code, "架空", "見本町", "1985-03-15", account]
    secret += [value for name, value in query_of("?" + bodies).items() if name in ("client_assertion", "code_verifier")]
    secret += list(town.mock.tokens)
    assert len(secret) >= 10
    said = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "logged in from outside" in said
    assert "refused" in said
    assert [one for one in secret if one in said] == []

    async def everything(tx: Any) -> str:
        tables = ("provider", "key", "identity", "login", "once", "names")
        return " ".join([repr(await tx.fetch(f"SELECT * FROM outside_{name}")) for name in tables])

    kept = await town.database.read("", everything)
    assert [one for one in secret if one in kept and one != account] == []
    mine = await town.outside.mine(town.people.caller(f"{SESSION}={browser.cookies[TOWN][SESSION]}"))
    assert mine[0].kept == ("address",)
