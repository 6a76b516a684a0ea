"""Who a request comes from, as named proxies say it; and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from kumihimo.network.http.fairness import Fairness
from kumihimo.network.http.limits import Limits
from kumihimo.network.http.proxies import MAX_HOPS, Proxies, networks_of

PROXIES = networks_of(["10.0.0.0/8", "::1", "2001:db8::/64"])
Headers = list[tuple[str, str]]


async def seen(peer: str, *headers: tuple[str, str], kind: str = "http") -> tuple[str, str, str]:
    """Client, scheme and host as the application finds them."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    nothing: Any = None
    raw = [(b"host", b"own"), *((name.lower().encode(), value.encode("latin-1")) for name, value in headers)]
    scheme = "http" if kind == "http" else "ws"
    scope = {"type": kind, "client": (peer, 1) if peer else None, "scheme": scheme, "headers": raw}
    await Proxies(app, PROXIES)(scope, nothing, nothing)
    client = found[0]["client"]
    hosts = [value.decode() for name, value in found[0]["headers"] if name == b"host"]
    assert len(hosts) == 1
    return str(client[0]) if client else "", found[0]["scheme"], hosts[0]


FORGED = (
    ("X-Forwarded-For", "1.1.1.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("Forwarded", "for=1.1.1.1;proto=https;host=evil.example"),
)


@pytest.mark.parametrize("peer", ["203.0.113.7", "2001:db8:0:1::1", "11.0.0.1", "127.0.0.1"])
async def test_what_a_stranger_says_of_its_way_is_ignored(peer: str) -> None:
    assert await seen(peer, *FORGED) == (peer, "http", "own")


async def test_a_unix_socket_is_no_proxy() -> None:
    assert await seen("", *FORGED) == ("", "http", "own")


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([("X-Forwarded-For", "203.0.113.7")], "203.0.113.7"),
        ([("X-Forwarded-For", "1.1.1.1, 203.0.113.7")], "203.0.113.7"),
        ([("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.7, 10.1.2.3")], "203.0.113.7"),
        ([("X-Forwarded-For", "1.1.1.1,, 203.0.113.7:4711, 10.1.2.3 ,10.9.9.9")], "203.0.113.7"),
        ([("X-Forwarded-For", "::ffff:203.0.113.7")], "203.0.113.7"),
        ([("X-Forwarded-For", "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
        ([("X-Forwarded-For", "1.1.1.1, unknown")], "10.0.0.1"),
        ([("X-Forwarded-For", "<script>")], "10.0.0.1"),
        ([("X-Forwarded-For", "")], "10.0.0.1"),
        ([("Forwarded", 'for="[2001:db8:cafe::17]:4711"')], "2001:db8:cafe::17"),
        ([("Forwarded", "For=1.1.1.1, for=203.0.113.7;by=10.0.0.1"), ("X-Forwarded-For", "9.9.9.9")], "203.0.113.7"),
        ([("Forwarded", 'for="_hid,den";proto=https, for=203.0.113.7')], "203.0.113.7"),
        ([("Forwarded", "for=1.1.1.1, for=_hidden")], "10.0.0.1"),
        ([("Forwarded", "for=1.1.1.1"), ("Forwarded", "for=203.0.113.7")], "203.0.113.7"),
    ],
)
async def test_the_rightmost_that_no_proxy_has_is_the_client(headers: Headers, client: str) -> None:
    assert (await seen("10.0.0.1", *headers))[0] == client


async def test_no_list_is_walked_for_ever() -> None:
    ours = ", ".join(["10.1.1.1"] * MAX_HOPS)
    assert (await seen("10.0.0.1", ("X-Forwarded-For", f"203.0.113.7, {ours}")))[0] == "10.1.1.1"


async def test_scheme_and_host_come_from_the_hop_that_the_client_met() -> None:
    said = (("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.5.5.5"), ("X-Forwarded-Proto", "https"))
    assert await seen("10.0.0.1", *said, ("X-Forwarded-Host", "data.example.jp:8443")) == (
        "203.0.113.7", "https", "data.example.jp:8443",
    )  # fmt: skip
    forwarded = 'for=6.6.6.6;host=evil;proto=http, for=203.0.113.7;host="data.example.jp";proto=HTTPS, for=10.5.5.5'
    assert await seen("::1", ("Forwarded", forwarded)) == ("203.0.113.7", "https", "data.example.jp")
    assert (await seen("10.0.0.1", *said, kind="websocket"))[1] == "wss"


@pytest.mark.parametrize("host", ["a b", "a\nb", "a/b", "", "a:port", "[::1", "x,y@z"])
async def test_a_host_that_is_none_is_passed_over(host: str) -> None:
    assert (await seen("10.0.0.1", ("Forwarded", f'for=1.1.1.1;host="{host}"')))[2] == "own"


async def test_a_scheme_that_is_none_is_passed_over() -> None:
    assert (await seen("10.0.0.1", ("Forwarded", "for=1.1.1.1;proto=javascript")))[1] == "http"


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
async def test_nothing_that_a_proxy_says_breaks_it(text: str) -> None:
    for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host"):
        client, scheme, host = await seen("10.0.0.1", (name, text))
        assert client
        assert scheme in ("http", "https")
        assert host


async def test_rates_count_clients_behind_a_proxy_apart_and_one_that_forges_as_itself() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    limits = Limits(app, fairness=Fairness(lambda _: "", 9, client_rate=0.1))
    door = Proxies(limits, PROXIES)

    async def ask(peer: str, said: str) -> int:
        answers: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/x", "query_string": b"", "client": (peer, 1), "scheme": "http",
            "headers": [(b"host", b"localhost"), (b"x-forwarded-for", said.encode())],
        }  # fmt: skip
        await door(scope, receive, send)
        return int(answers[0]["status"])

    assert [await ask("10.0.0.1", f"203.0.113.{one}") for one in (1, 2, 1)] == [204, 204, 429]
    assert [await ask("198.51.100.1", f"203.0.113.{one}") for one in (3, 4)] == [204, 429]
