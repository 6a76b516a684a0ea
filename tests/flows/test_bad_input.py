"""Bad input through real sockets: each is refused in words, nothing is stored, and the platform goes on unharmed."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tests.processes import Served, free_port

from kumihimo.app.late import Late
from kumihimo.app.start import open_outbound
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.errors import AddressRefused
from kumihimo.base.settings import Settings

pytestmark = pytest.mark.enable_socket

ENTITIES = "/ngsi-ld/v1/entities"
SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
TEMPORAL = "/ngsi-ld/v1/temporal/entities"
MEGABYTE = 1 << 20
CROSSED = [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One platform takes all of it; afterwards it must not have had a single fault."""
    with Served(tmp_path_factory.mktemp("bad") / "data", mqtt_port=free_port()) as one:
        for number in range(20):
            assert one.ask("POST", ENTITIES, thing(f"good-{number}", "a" * 5000 + "!"))[0] == 201
        yield one
        metrics = one.ask("GET", "/metrics")[2].decode()
        assert "kumihimo_http_5xx" not in metrics
        assert one.ask("GET", f"{ENTITIES}/urn:ngsi-ld:Thing:good-1")[0] == 200
        assert one.stop() == 0
        assert "Traceback" not in one.log.read_text()


def thing(number: str, value: Any = 1, **more: Any) -> dict[str, Any]:
    level = {"type": "Property", "value": value, **more}
    return {"id": f"urn:ngsi-ld:Thing:{number}", "type": "Thing", "level": level}


def many_instances(count: int) -> dict[str, Any]:
    """An attribute whose instances would each be looked for among all the others."""
    levels = [{"type": "Property", "value": 1, "datasetId": f"urn:d:{number}"} for number in range(count)]
    return {"id": "urn:ngsi-ld:Thing:bad", "type": "Thing", "level": levels}


def geo(shape: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:Thing:bad", "type": "Thing", "location": {"type": "GeoProperty", "value": shape}}


def near(**given: str) -> str:
    return "?" + urlencode({"type": "Thing", **given}, quote_via=quote)


# --- one table -------------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}
BODIES: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("broken JSON", b'{"id": ', JSON, 400, "InvalidRequest"),
    ("no JSON at all", b"\x00\xff\xfe", JSON, 400, "InvalidRequest"),
    ("wrong content type", b"{}", {"Content-Type": "text/xml"}, 415, "UnsupportedMediaType"),
    ("arrays 10,000 deep", b"[" * 10_000 + b"]" * 10_000, JSON, 413, "PayloadTooLarge"),
    ("objects 10,000 deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, JSON, 413, "PayloadTooLarge"),
    ("NaN", b'{"id":"urn:a:b","type":"T","a":NaN}', JSON, 400, "InvalidRequest"),
    ("1e999", b'{"id":"urn:a:b","type":"T","a":1e999}', JSON, 400, "InvalidRequest"),
    ("U+0000", b'{"id":"urn:a:b","type":"T","a":"x\\u0000"}', JSON, 400, "BadRequestData"),
    ("U+0000 as a byte", b'{"id":"urn:a:b","type":"T","a":"x\x00"}', JSON, 400, "InvalidRequest"),
    ("invalid URI", json.dumps({"id": "no uri", "type": "T"}).encode(), JSON, 400, "BadRequestData"),
    ("year 0", json.dumps(thing("bad", observedAt="0000-01-01T00:00:00Z")).encode(), JSON, 400, "BadRequestData"),
    ("year 10000", json.dumps(thing("bad", observedAt="10000-01-01T00:00:00Z")).encode(), JSON, 400, "BadRequestData"),
    ("24:00", json.dumps(thing("bad", observedAt="2026-01-01T24:00:00Z")).encode(), JSON, 400, "BadRequestData"),
    ("60,000 instances", json.dumps(many_instances(60_000)).encode(), JSON, 413, "PayloadTooLarge"),
    (
        "a ring that is open",
        json.dumps(geo({"type": "Polygon", "coordinates": [CROSSED[0][:3]]})).encode(),
        JSON,
        400,
        "BadRequestData",
    ),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"), [row[1:] for row in BODIES], ids=[one[0] for one in BODIES]
)
def test_bodies(served: Served, body: bytes, headers: dict[str, str], status: int, kind: str) -> None:
    assert problem(served.ask("POST", ENTITIES, body, headers)) == (status, kind)
    assert served.ask("GET", f"{ENTITIES}/urn:ngsi-ld:Thing:bad")[0] == 404


def test_a_polygon_that_crosses_itself_is_kept_and_compared(served: Served) -> None:
    """RFC 7946 does not forbid it, so it is taken as it is; a comparison takes the valid polygon of its lines."""
    asked = {"geometry": "Polygon", "coordinates": json.dumps(CROSSED)}
    body = json.dumps(geo({"type": "Polygon", "coordinates": CROSSED})).encode()
    assert served.ask("POST", ENTITIES, body, JSON)[0] == 201
    for relation, found in (("equals", 1), ("intersects", 1), ("disjoint", 0), ("overlaps", 0)):
        status, _, answer = served.ask("GET", ENTITIES + near(georel=relation, **asked))
        assert (status, len(json.loads(answer))) == (200, found), relation
    assert served.ask("DELETE", f"{ENTITIES}/urn:ngsi-ld:Thing:bad")[0] == 204


QUERIES: list[tuple[str, str, int, str]] = [
    ("an id that is no URI", f"{ENTITIES}/no-uri", 400, "BadRequestData"),
    ("an id with U+0000", f"{ENTITIES}/urn:a%00b", 400, "BadRequestData"),
    ("q that does not parse", ENTITIES + near(q="level>>1;("), 400, "BadRequestData"),
    ("q with U+0000", ENTITIES + near(q='level=="\x00"'), 400, "InvalidRequest"),
    ("q 2,000 deep", ENTITIES + near(q="(" * 2000 + "level" + ")" * 2000), 403, "TooComplexQuery"),
    ("back reference", ENTITIES + near(q=r"level~=(a)\1"), 400, "BadRequestData"),
    ("year 0", TEMPORAL + near(timerel="after", timeAt="0000-01-01T00:00:00Z"), 400, "BadRequestData"),
    ("24:00", TEMPORAL + near(timerel="after", timeAt="2026-01-01T24:00:00Z"), 400, "BadRequestData"),
    ("no number", ENTITIES + near(limit="1e3"), 400, "BadRequestData"),
    ("a number too large", ENTITIES + near(limit="9" * 400), 400, "BadRequestData"),
    ("a URL too long", ENTITIES + near(id="urn:a:" + "b" * 20_000), 414, "RequestUriTooLong"),
    ("no such resource", "/ngsi-ld/v1/%2e%2e/%2e%2e/etc/passwd", 404, "ResourceNotFound"),
]


@pytest.mark.parametrize(("path", "status", "kind"), [row[1:] for row in QUERIES], ids=[one[0] for one in QUERIES])
def test_queries(served: Served, path: str, status: int, kind: str) -> None:
    assert problem(served.ask("GET", path)) == (status, kind)


def problem(reply: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    """Status and the problem's name; the document must say the same and hold a sentence."""
    status, headers, body = reply
    assert headers["content-type"] == "application/problem+json", (status, body)
    document = json.loads(body)
    assert document["status"] == status
    assert document["detail"]
    return status, document["type"].rpartition("/")[2]


def test_the_last_year_is_kept(served: Served) -> None:
    assert served.ask("POST", ENTITIES, thing("9999", observedAt="9999-12-31T23:59:59Z"))[0] == 201
    path = f"{TEMPORAL}/urn:ngsi-ld:Thing:9999?timerel=after&timeAt=9999-01-01T00:00:00Z"
    assert served.ask("GET", path)[0] == 200


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){25}", "((a{0,50}){0,50}){0,50}"])
@pytest.mark.timed
def test_a_catastrophic_pattern_is_answered_at_once(served: Served, pattern: str) -> None:
    for query in (near(q=f'level~="{pattern}"'), near(q=f"level~={pattern}"), near(idPattern=pattern)):
        began = time.monotonic()
        status, _, body = served.ask("GET", ENTITIES + query)
        assert status in (200, 400, 403), body
        assert time.monotonic() - began < 2


def test_an_attribute_does_not_grow_without_bounds(served: Served) -> None:
    body = many_instances(1000) | {"id": "urn:ngsi-ld:Thing:many"}
    assert served.ask("POST", ENTITIES, body)[0] == 201
    more = [{"type": "Property", "value": 1, "datasetId": "urn:d:more"}]
    refused = served.ask("POST", f"{ENTITIES}/urn:ngsi-ld:Thing:many/attrs", {"level": more})
    assert problem(refused) == (413, "PayloadTooLarge")
    assert served.ask("DELETE", f"{ENTITIES}/urn:ngsi-ld:Thing:many")[0] == 204


# --- too much --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(
    ("path", "in_chunks"),
    [
        (ENTITIES, 411),  # the binding wants a length (RFC 9110 section 15.5.12)
        ("/webhooks/default/{token}", 413),
        ("/devices/v1/default/x/readings", 401),
        ("/t/default/subscriptions", 403),
    ],
)
def test_100_mb_are_refused_without_being_held(served: Served, path: str, in_chunks: int, told: bool) -> None:
    page = served.ask("GET", "/t/default/webhook")[2].decode()
    token = page.partition("/webhooks/default/")[2][:200].split("<")[0].split('"')[0]
    before = peak_memory(served)
    status, sent = pour(served.port, path.format(token=token), 100 * MEGABYTE, told=told)
    assert status == (413 if told else in_chunks)
    assert sent < 60 * MEGABYTE, "the rest should not have been taken"
    assert peak_memory(served) - before < 40 * MEGABYTE
    assert served.ready()


def peak_memory(served: Served) -> int:
    """The largest resident set that the process ever had, in bytes."""
    assert served.process is not None
    text = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


def pour(port: int, path: str, size: int, *, told: bool) -> tuple[int, int]:
    """Sends so much until an answer comes; its status and the bytes that were sent."""
    length = f"Content-Length: {size}" if told else "Transfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    piece = b"x" * 65536
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(head.encode())
        answer = bytearray()
        with suppress(ConnectionError):
            while sent < size and not answer:
                line.sendall(piece if told else b"%x\r\n%b\r\n" % (len(piece), piece))
                sent += len(piece)
                line.setblocking(False)
                with suppress(BlockingIOError):
                    answer += line.recv(4096)
                line.settimeout(20)
        with suppress(ConnectionError):
            answer = answer or bytearray(line.recv(4096))
    return int(answer.split()[1]), sent


@pytest.mark.timed
def test_connections_that_never_end_their_head_delay_nobody(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=5))
            line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(20):
            began = time.monotonic()
            assert served.ask("GET", f"{ENTITIES}/urn:ngsi-ld:Thing:good-1")[0] == 200
            assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"\x10\xff\xff\xff\xff", b"\x10\xff\xff\xff\x7f"]
)
def test_noise_on_the_mqtt_port_is_cut_off(served: Served, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.mqtt_port), timeout=15) as line:
        line.sendall(noise)
        with suppress(ConnectionError):
            while line.recv(4096):
                pass
    assert served.ready()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_heads(served: Served, head: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=15) as line:
        line.sendall(head)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert answer.status == status


# --- outbound --------------------------------------------------------------------------------------------


class Endpoint(ThreadingHTTPServer):
    """Takes notifications; `hangs` never answers until it is closed."""

    daemon_threads = True
    request_queue_size = 128
    """Eight connections come at once; the library's queue of five would drop some, and the kernel repeats them late."""

    def __init__(self, *, hangs: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.hangs = hangs
        self.bodies: list[Any] = []
        self.closing = threading.Event()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Endpoint)
        server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if server.hangs:
            server.closing.wait(60)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def endpoint(*, hangs: bool = False) -> Iterator[Endpoint]:
    server = Endpoint(hangs=hangs)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def subscribe(served: Served, kind: str, uri: str) -> str:
    notification = {"endpoint": {"uri": uri, "accept": "application/json"}}
    body = {"type": "Subscription", "entities": [{"type": kind}], "notification": notification}
    status, headers, said = served.ask("POST", SUBSCRIPTIONS, body)
    assert status == 201, said
    return headers["location"]


def test_an_endpoint_that_hangs_delays_no_other(served: Served) -> None:
    with endpoint(hangs=True) as hanging, endpoint() as well:
        paths = [subscribe(served, "Pair", hanging.uri) for _ in range(3)]
        paths.append(subscribe(served, "Pair", well.uri))
        for number in range(30):
            entity = {**thing(f"pair-{number}"), "type": "Pair"}
            assert served.ask("POST", ENTITIES, entity)[0] == 201
        until(lambda: bool(hanging.bodies))
        until(lambda: len(well.bodies) == 30, 5)
        for path in paths:
            assert served.ask("DELETE", path)[0] == 204


def test_private_addresses_are_not_reached_unless_that_is_set(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    served.environ = {}
    with served, endpoint() as well:
        port = well.server_address[1]
        names = [well.uri, f"http://localhost:{port}/", f"http://0.0.0.0:{port}/", f"http://[::ffff:127.0.0.1]:{port}/"]
        names += [f"http://2130706433:{port}/", f"http://0x7f.1:{port}/", "http://169.254.169.254/latest/"]
        paths = [subscribe(served, "Thing", name) for name in names]
        assert served.ask("POST", ENTITIES, thing("1"))[0] == 201
        for path in paths:
            until(lambda path=path: _notification(served, path).get("timesFailed", 0) > 0)
            assert "lastSuccess" not in _notification(served, path)
        assert well.bodies == []
        page = served.ask("GET", f"/t/default/subscriptions/{quote(paths[0].rpartition('/')[2])}")[2].decode()
        assert "127.0.0.1" in page
        assert served.stop() == 0


async def test_of_our_own_port_the_webhook_page_alone_is_reached(tmp_path: Path) -> None:
    """A subscription is anybody's; with our own address as its endpoint it would ask in our name."""
    platform = wire(Settings(data=str(tmp_path), open=True), SystemClock())
    platform.http_port = free_port()
    late = Late(platform.fetch)
    late.platform = platform
    async with open_outbound(platform):
        for path in ("/ngsi-ld/v1/entityOperations/delete", "/t/a/flood/replay", "/webhooks", "/webhooks/../metrics"):
            with pytest.raises(AddressRefused):
                await late.notify("POST", f"http://localhost:{platform.http_port}{path}", body=b"{}")
        with pytest.raises(OSError):  # noqa: PT011 - reached, and nobody listens there
            await late.notify("POST", f"http://localhost:{platform.http_port}/webhooks/fukui/{'0f' * 16}", body=b"{}")


def _notification(served: Served, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(served.ask("GET", path)[2])["notification"]
    return found


def until(look: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
