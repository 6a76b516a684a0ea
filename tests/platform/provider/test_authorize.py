"""The authorization request: what leads where, and what leads nowhere."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from tests.platform.provider.house import BACK, ISSUER, House, answered, challenge, next_of, request

from kumihimo.base.call import NOBODY, Actor, Caller
from kumihimo.platform.provider.authorize import CODE_SECONDS
from kumihimo.platform.provider.tickets import TICKET_SECONDS


async def test_a_stranger_is_sent_to_log_in_and_comes_back_to_the_same_request(house: House) -> None:
    for who in ("", "stale", "a-1"):
        reply = await house.authorize(who)
        assert (reply.status, reply.headers["cache-control"]) == (303, "no-store")
        back = next_of(reply)
        assert back.pop("path") == "/oauth/authorize"
        assert back.pop("by") == "/login"
        assert back.pop("logged_in_after") == str(int(house.clock.now().timestamp()))
        assert back == request(house.web.application.id)


async def test_the_person_is_asked_once_and_the_answer_is_remembered(house: House) -> None:
    page = await house.authorize()
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert "図書館アプリ" in page.text
    assert re.findall(r"<li>[^<]*<code>([^<]+)</code>", page.text) == ["ngsi-ld:read", "openid", "profile"]
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://app.example.jp;" in policy
    assert "frame-ancestors 'none'" in policy
    found = answered(await house.answer(page))
    assert (found["state"], found["iss"], set(found)) == ("s-1", ISSUER, {"code", "state", "iss"})
    assert "code" in answered(await house.authorize())
    assert (await house.authorize(scope="openid email")).status == 200
    assert (await house.authorize(prompt="consent")).status == 200
    assert (await house.authorize("p-2")).status == 200, "another person"


async def test_no_is_told_to_the_application(house: House) -> None:
    found = answered(await house.answer(await house.authorize(), "deny"))
    assert (found["error"], found["state"], found["iss"]) == ("access_denied", "s-1", ISSUER)
    assert (await house.authorize()).status == 200, "a no is no answer for the next time"


async def test_nobody_is_asked_for_the_tenants_own_application(house: House) -> None:
    back = "https://map.example.jp/cb"
    own = house.spa.application.id
    assert "code" in answered(await house.authorize(client_id=own, redirect_uri=back), back)


async def test_the_consent_of_another_log_in_an_old_one_or_none_is_refused(house: House) -> None:
    page = await house.authorize()
    for who in ("p-2", "", "stale"):
        assert (await house.answer(page, who=who)).status in (400, 401)
    house.clock.advance(TICKET_SECONDS + 1)
    assert (await house.answer(page)).status == 400
    form = {"ticket": "AAAA", "answer": "allow"}
    forged = await house.client.post(
        "/oauth/consent", form, {"content-type": "application/x-www-form-urlencoded", "cookie": "who=p-1"}
    )
    assert (forged.status, "location" in forged.headers) == (400, False)


ELSEWHERE = (
    "https://evil.example/cb",
    BACK + "/",
    BACK + "/../evil",
    BACK + "?x=1",
    BACK + "#fragment",
    BACK + "x",
    BACK[:-1],
    BACK.replace("https://", "https://user@"),
    BACK.replace("https://app.example.jp", "https://app.example.jp@evil.example"),
    BACK.replace("app.example.jp", "app.example.jp.evil.example"),
    BACK.replace("app.example.jp", "APP.example.jp"),
    BACK.replace("app.example.jp", "app.example.jp:8443"),
    BACK.replace("app.example.jp", "app.example.jp:443"),
    BACK.replace("https:", "http:"),
    BACK.replace("/cb", "/%63b"),
    BACK.replace("/cb", "/CB"),
    BACK.replace("/cb", "\\@evil.example/cb"),
    " " + BACK,
    BACK + "\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "//app.example.jp/cb",
    "",
    None,
)


async def test_an_address_that_is_not_the_registered_one_letter_for_letter_leads_nowhere(house: House) -> None:
    await house.code()  # so that the person would not be asked
    for uri in ELSEWHERE:
        for who in ("p-1", ""):
            reply = await house.authorize(who, redirect_uri=uri)
            assert (reply.status, reply.headers.get("location")) == (400, None), uri
            assert "letter for letter" in reply.text, uri


async def test_an_unknown_client_leads_nowhere(house: House) -> None:
    for client in ("", "a-nobody", "A" * 3000, None):
        reply = await house.authorize(client_id=client)
        assert (reply.status, reply.headers.get("location")) == (400, None)


FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("unsupported_response_type", {"response_type": "token"}),
    ("unsupported_response_type", {"response_type": "code id_token"}),
    ("unsupported_response_type", {"response_type": None}),
    ("invalid_request", {"response_mode": "fragment"}),
    ("invalid_request", {"response_mode": "form_post"}),
    ("invalid_request", {"code_challenge": None}),
    ("invalid_request", {"code_challenge_method": None}),
    ("invalid_request", {"code_challenge_method": "plain"}),
    ("invalid_request", {"code_challenge_method": "s256"}),
    ("invalid_request", {"code_challenge": challenge("x") + "="}),
    ("invalid_request", {"code_challenge": "short"}),
    ("invalid_request", {"nonce": None}),
    ("invalid_request", {"nonce": "n" * 1025}),
    ("invalid_request", {"nonce": "n\r\n"}),
    ("invalid_scope", {"scope": None}),
    ("invalid_scope", {"scope": "openid devices:write"}),
    ("invalid_scope", {"scope": "everything"}),
    ("invalid_request", {"prompt": "none login"}),
    ("invalid_request", {"prompt": "later"}),
    ("invalid_request", {"max_age": "-1"}),
    ("invalid_request", {"max_age": "soon"}),
    ("invalid_request", {"nonce": "n" * 1000, "login_hint": "x" * 900}),
    ("request_not_supported", {"request": "eyJ"}),
    ("request_uri_not_supported", {"request_uri": "https://evil.example/"}),
)


async def test_a_fault_is_told_to_the_application_and_gives_no_code(house: House) -> None:
    await house.code()
    for error, changes in FAULTS:
        found = answered(await house.authorize(**changes))
        told = (found["error"], found["state"], found["iss"], "code" in found)
        assert told == (error, "s-1", ISSUER, False), changes


async def test_a_state_that_is_none_is_refused_and_not_given_back(house: House) -> None:
    await house.code()
    for state in (None, "", "s" * 1025, "s\r\nSet-Cookie: a=b", "状態"):
        found = answered(await house.authorize(state=state))
        assert (found["error"], "state" in found, "code" in found) == ("invalid_request", False, False), state
    assert (await house.authorize(state="s\0")).status == 400


async def test_a_state_comes_back_as_it_was_and_breaks_out_of_nothing(house: House) -> None:
    await house.code()
    for state in ("a&code=evil&iss=x", "%0d%0aSet-Cookie: a=b", "x#y?z", '"><script>', " ", "a+b%2B"):
        reply = await house.authorize(state=state)
        assert answered(reply)["state"] == state
        assert not set(reply.headers["location"]) & set('\r\n <>"#'), state


async def test_a_parameter_that_stands_there_twice_leads_nowhere(house: House) -> None:
    await house.code()
    pairs = [*request(house.web.application.id, prompt="none").items()]
    for name in ("client_id", "redirect_uri", "state", "scope", "code_challenge", "prompt"):
        twice = urlencode([*pairs, (name, dict(pairs)[name])])
        reply = await house.client.get(f"/oauth/authorize?{twice}", {"cookie": "who=p-1"})
        assert (reply.status, reply.headers.get("location")) == (400, None), name
    assert "code" in answered(await house.authorize(prompt="none"))


async def test_huge_parameters_and_many_lead_nowhere(house: House) -> None:
    for changes in ({"state": "s" * 9000}, {f"x{number}": "1" for number in range(70)}, {"x" * 70: "1"}):
        reply = await house.authorize(**changes)
        assert (reply.status, reply.headers.get("location")) == (400, None)


async def test_a_request_may_be_posted_but_not_half_and_half(house: House) -> None:
    await house.code()
    assert "code" in answered(await house.authorize(method="POST"))
    half = await house.client.post(
        "/oauth/authorize?prompt=none", request(house.web.application.id),
        {"content-type": "application/x-www-form-urlencoded", "cookie": "who=p-1"},
    )  # fmt: skip
    assert half.status == 400


async def test_prompt_none_never_shows_a_page(house: House) -> None:
    assert answered(await house.authorize("", prompt="none"))["error"] == "login_required"
    assert answered(await house.authorize(prompt="none"))["error"] == "consent_required"
    await house.code()
    assert "code" in answered(await house.authorize(prompt="none"))
    house.people.login_at = 1
    assert answered(await house.authorize(prompt="none", max_age="60"))["error"] == "login_required"


async def test_a_person_logs_in_again_where_the_application_asks_for_it(house: House) -> None:
    await house.code()
    asked: tuple[dict[str, Any], ...] = ({"prompt": "login"}, {"max_age": "60"}, {"max_age": "0"})
    for changes in asked:
        await logs_in_again(house, changes)


async def logs_in_again(house: House, changes: dict[str, Any]) -> None:
    start = int(house.clock.now().timestamp())
    house.people.login_at = (start - 100) * 1_000_000
    house.clock.advance(10)
    back = next_of(await house.authorize(**changes))
    assert (back.pop("path"), back.pop("by"), back["logged_in_after"]) == (
        "/oauth/authorize", "/prove", str(start + 10),
    )  # fmt: skip
    given: dict[str, Any] = {**back}
    assert "logged_in_after" in next_of(await house.authorize(**given)), "who only comes back is sent again"
    house.people.login_at = (start + 12) * 1_000_000
    house.clock.advance(100)
    assert "code" in answered(await house.authorize(**given))


async def test_an_application_out_of_use_leads_nowhere(house: House) -> None:
    await house.code()
    await house.provider.applications.disable("mytown", house.web.application.id)
    assert (await house.authorize()).status == 400


async def test_a_code_lives_a_minute(house: House) -> None:
    code = await house.code()
    house.clock.advance(CODE_SECONDS)
    assert (await house.exchange(code)).status == 400
    assert CODE_SECONDS == 60


async def test_a_persons_token_is_no_log_in(house: House) -> None:
    """As the listener finds a caller, by a cookie or by a token, and hands them on in the request's state."""
    token = (await house.tokens())["access_token"]
    inner = house.client.app
    found = Caller(Actor("person", "p-1"), login="l-p-1")
    by_token = await house.caller(token)
    for caller, by in ((found, "https://app.example.jp/cb"), (by_token, "/login"), (NOBODY, "/login")):

        async def app(scope: Any, receive: Any, send: Any, caller: Any = caller) -> None:
            await inner({**scope, "state": {"caller": caller}}, receive, send)

        house.client.app = app
        reply = await house.authorize("")
        assert reply.headers["location"].partition("?")[0] == by
