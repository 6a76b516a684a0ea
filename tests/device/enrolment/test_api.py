"""Claim codes and certificates over HTTP: bodies that are none, and answers that say what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.device.enrolment import csr

from kumihimo.base.errors import TooManyRequests, Unauthenticated
from kumihimo.device.enrolment.api import MAX_CLAIM, routes
from kumihimo.device.enrolment.models import Redeemed


class Door:
    """Enrolment that gives what it was told to."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.trouble: Exception | None = None

    async def redeem(self, tenant: str, code: str, request: bytes = b"", *, address: str = "") -> Redeemed:
        self.asked.append((tenant, code, request, address))
        if self.trouble is not None:
            raise self.trouble
        return Redeemed("g1", certificate="PEM") if request else Redeemed("g1", key="k" * 64)

    async def issue(self, tenant: str, device: str, request: bytes) -> Any:
        raise AssertionError("nothing is to be issued here")

    async def revoked(self, tenant: str) -> bytes:
        return b"list"


async def ask(
    door: Door,
    path: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    media: str = "application/json",
    key: str = "",
    query: bytes = b"code=ab%22c",
    cookie: bytes = b"",
) -> tuple[int, dict[str, str], bytes]:
    async def prove(tenant: str, device: str, key: str, certificate: bytes) -> None:
        if (key, certificate) not in (("right", b""), ("", b"der")):
            raise Unauthenticated("no")

    anything: Any = door
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", media.encode())]
    headers += [(b"authorization", key.encode())] if key else []
    headers += [(b"cookie", cookie)] if cookie else []
    shown = {"tls": {"client_cert_der": b"der"}} if key == "by certificate" else {}
    scope = {
        "type": "http", "method": method, "path": path, "headers": headers, "query_string": query,
        "client": ("203.0.113.7", 1), "extensions": shown,
    }  # fmt: skip
    await Starlette(routes=routes(anything, prove))(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent[1:])


async def test_a_program_gets_what_it_needs_to_begin() -> None:
    door = Door()
    status, headers, body = await ask(door, "/devices/v1/a/claim", b'{"code": "ABCDE-FGHJK"}')
    assert (status, headers["cache-control"]) == (201, "no-store")
    assert json.loads(body) == {
        "tenant": "a", "device": "g1", "username": "a/g1", "topic": "kumihimo/a/g1/up", "key": "k" * 64,
    }  # fmt: skip
    signing = csr.request()
    given = json.dumps({"code": "c", "csr": signing.decode()}).encode()
    status, _, body = await ask(door, "/devices/v1/a/claim", given)
    assert json.loads(body)["certificate"] == "PEM"
    assert door.asked == [("a", "ABCDE-FGHJK", b"", "203.0.113.7"), ("a", "c", signing, "203.0.113.7")]


async def test_a_device_without_json_sends_its_request_as_it_is() -> None:
    door, where = Door(), "/devices/v1/a/claim"
    status, headers, body = await ask(door, where, b"the request", media="application/pkcs10", key="Bearer ABCDE-FGHJK")
    assert (status, headers["content-type"], body) == (201, "application/pem-certificate-chain", b"PEM")
    assert door.asked == [("a", "ABCDE-FGHJK", b"the request", "203.0.113.7")]
    assert (await ask(door, where, b"the request", media="application/pkcs10"))[0] == 401
    assert (await ask(door, where, b"", media="application/pkcs10", key="Bearer c"))[0] == 400
    assert len(door.asked) == 1


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"code": 1}', b'{"code": " "}', b'"x"'])
async def test_without_a_code_nothing_is_tried(body: bytes) -> None:
    door = Door()
    status, headers, said = await ask(door, "/devices/v1/a/claim", body)
    assert (status, headers["www-authenticate"], door.asked) == (401, "Bearer", [])
    assert b"XXXXX-XXXXX" in said


@pytest.mark.parametrize("body", [b"{", b'{"code": "c", "csr": 1}'])
async def test_what_cannot_be_read_is_a_bad_request(body: bytes) -> None:
    assert (await ask(Door(), "/devices/v1/a/claim", body))[0] == 400


async def test_a_body_over_the_limit_is_refused() -> None:
    for path in ("/devices/v1/a/claim", "/devices/v1/a/g1/certificate"):
        assert (await ask(Door(), path, b" " * (MAX_CLAIM + 1), media="text/plain", key="Bearer right"))[0] == 413


async def test_who_guesses_is_told_when_to_come_back_also_on_the_page() -> None:
    door = Door()
    door.trouble = TooManyRequests("wait", retry_after=7)
    for media, kind in (
        ("application/json", "application/problem+json"),
        ("application/x-www-form-urlencoded", "text/html"),
    ):
        body = b'{"code": "c"}' if kind != "text/html" else b"code=c"
        status, headers, said = await ask(door, "/devices/v1/a/claim", body, media=media)
        assert (status, headers["retry-after"]) == (429, "7")
        assert headers["content-type"].startswith(kind)
    assert "7 秒待って" in said.decode()


async def test_the_page_is_safe_to_open_and_says_nothing_of_the_tenant() -> None:
    status, headers, page = await ask(Door(), "/devices/v1/a/claim", method="GET")
    assert status == 200
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert b'value="ab&#34;c"' in page
    assert (await ask(Door(), "/devices/v1/b/claim", method="GET"))[2] == page


async def test_the_page_speaks_as_its_reader_wishes_and_keeps_the_code_meanwhile() -> None:
    for query, cookie, title in (
        (b"", b"", "端末の登録"),
        (b"lang=en", b"", "Claim a device"),
        (b"lang=ja-easy&code=ABCDE-FGHJK", b"", "機械"),
        (b"", b"lang=ja-easy", "機械"),
        (b"lang=%3Cb%3E", b"lang=<b>", "端末の登録"),
    ):
        status, headers, page = await ask(Door(), "/devices/v1/a/claim", method="GET", query=query, cookie=cookie)
        text = page.decode()
        assert (status, f"<h1>{title}" in text, "<b>" in text) == (200, True, False)
        assert headers.get("set-cookie", "").startswith("lang=") == (query.startswith(b"lang=") and b"%" not in query)
        assert ('href="?code=ABCDE-FGHJK&amp;lang=en"' in text) == (b"code=" in query)
    form = "application/x-www-form-urlencoded"
    _, _, page = await ask(Door(), "/devices/v1/a/claim", b"code=c", media=form, cookie=b"lang=ja-easy")
    assert "いまだけ" in page.decode()


@pytest.mark.parametrize(
    ("key", "status"), [("Bearer right", 200), ("by certificate", 200), ("Bearer no", 401), ("", 401)]
)
async def test_the_list_is_for_the_device_itself(key: str, status: int) -> None:
    found = await ask(Door(), "/devices/v1/a/g1/revoked", method="GET", key=key)
    assert found[0] == status
    assert (found[2] == b"list") == (status == 200)


async def test_a_request_in_another_clothing_is_refused_in_words() -> None:
    status, _, said = await ask(Door(), "/devices/v1/a/g1/certificate", b"{}", key="Bearer right")
    assert status == 400
    assert b"application/pkcs10" in said
