import pytest
from tests.service.console.asgi_client import Client
from tests.service.console.console_town import SCHEMAS, Factory, Town, gauge_id

from kumihimo.base.call import Call
from kumihimo.base.errors import Forbidden
from kumihimo.base.screens import Ask, Document, Page, Redirect, Screen
from kumihimo.service.console.guard import content_policy, origin_of

PAGES = ["/", "/t/fukui/entities", f"/t/fukui/entities/{gauge_id(0)}", "/t/fukui/subscriptions", "/t/fukui/webhook"]


async def test_home_lists_the_towns_in_both_languages(client: Client) -> None:
    japanese = await client.get("/", {"accept-language": "ja"})
    english = await client.get("/", {"accept-language": "en"})
    assert '<html lang="ja">' in japanese.text
    assert "福井市" in japanese.text
    assert '<html lang="en">' in english.text
    assert "Sabae City" in english.text


async def test_the_language_is_kept(client: Client) -> None:
    reply = await client.get("/?lang=en")
    assert '<html lang="en">' in reply.text
    assert reply.headers["set-cookie"].startswith("lang=en;")
    assert "httponly" in reply.headers["set-cookie"].lower()
    assert '<html lang="en">' in (await client.get("/", {"cookie": "lang=en", "accept-language": "ja"})).text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_carries_the_strict_policy(client: Client, path: str) -> None:
    reply = await client.get(path)
    assert reply.status == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "Cookie" in reply.headers["vary"]


def test_tiles_are_allowed_by_name_only() -> None:
    policy = content_policy([origin_of("https://tiles.example/xyz/{z}/{x}/{y}.png")])
    assert "img-src 'self' data: blob: https://tiles.example;" in policy
    assert "connect-src 'self' https://tiles.example;" in policy
    assert "script-src 'self';" in policy


async def test_navigation_marks_where_one_is(client: Client) -> None:
    reply = await client.get(f"/t/fukui/entities/{gauge_id(0)}")
    assert '<a href="/t/fukui/entities" aria-current="true">' in reply.text
    assert '<a href="/t/sabae/entities">' in reply.text


async def test_the_first_page_of_a_town(client: Client) -> None:
    reply = await client.get("/t/fukui")
    assert reply.status == 303
    assert reply.headers["location"] == "/t/fukui/entities"


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_unknown_town_lists_those_there_are(client: Client, lang: str) -> None:
    for path in ("/t/atlantis/entities", "/t/atlantis", "/t/atlantis/no/such", "/t/<script>/entities"):
        reply = await client.get(path, {"accept-language": lang})
        assert reply.status == 404
        assert '<a href="/t/fukui/entities">' in reply.text
        assert "<script>/" not in reply.text


@pytest.mark.parametrize("path", ["/nowhere", "/t/fukui/nowhere", "/t/fukui/entities/urn:x:none"])
async def test_missing_pages_stand_in_the_shell(client: Client, path: str) -> None:
    reply = await client.get(path, {"accept-language": "en"})
    assert reply.status == 404
    assert "Page not found" in reply.text
    assert "content-security-policy" in reply.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none", "origin": "http://localhost"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
    ],
)
async def test_a_form_from_elsewhere_is_refused(client: Client, town: Town, headers: dict[str, str]) -> None:
    base = {"content-type": "application/x-www-form-urlencoded", "accept-language": "en"}
    reply = await client.post("/t/fukui/subscriptions", {"type": "X"}, {**base, **headers})
    assert reply.status == 403
    assert "This is not allowed" in reply.text
    assert (await town.doors.delivery.list(Call("fukui"), 1, 0))[1] == 0


async def test_an_older_browser_says_its_origin(client: Client) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": "http://localhost"}
    assert (await client.post("/t/fukui/subscriptions", {"type": "X"}, headers)).status == 303


async def test_forms_are_bounded(client: Client) -> None:
    assert (await client.post("/t/fukui/subscriptions", {"type": "x" * 70_000})).status == 413
    assert (await client.post("/t/fukui/subscriptions", {f"f{n}": "" for n in range(500)})).status == 413
    headers = {"content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin"}
    assert (await client.post("/t/fukui/subscriptions", {}, headers)).status == 415
    assert (await client.post("/t/fukui/entities", {})).status == 405


@pytest.fixture
async def odd(database_factory: Factory) -> Client:
    """A town with pages that fail in each way."""

    async def broken(ask: Ask) -> Page:
        raise RuntimeError("secret detail")

    async def refused(ask: Ask) -> Page:
        raise Forbidden("the sign is claimed by another <b>officer</b>")

    async def file(ask: Ask) -> Document:
        return Document(b"a,b\n", "text/csv")

    async def away(ask: Ask) -> Redirect:
        return Redirect("/elsewhere")

    screens = [Screen("/broken", broken), Screen("/refused", refused), Screen("/file", file), Screen("/away", away)]
    town = Town(await database_factory(SCHEMAS), screens=screens)
    await town.fill()
    return Client(town.app)


async def test_a_fault_says_what_to_do_and_no_more(odd: Client) -> None:
    reply = await odd.get("/t/fukui/broken", {"accept-language": "en"})
    assert reply.status == 500
    assert "tell the administrator" in reply.text
    assert "secret detail" not in reply.text


async def test_a_refusal_gives_its_reason_escaped(odd: Client) -> None:
    reply = await odd.get("/t/fukui/refused")
    assert reply.status == 403
    assert "another &lt;b&gt;officer" in reply.text


async def test_answers_that_are_no_pages(odd: Client) -> None:
    file = await odd.get("/t/fukui/file")
    assert (file.status, file.body, file.headers["content-type"]) == (200, b"a,b\n", "text/csv; charset=utf-8")
    away = await odd.get("/t/fukui/away")
    assert (away.status, away.headers["location"]) == (303, "/t/fukui/elsewhere")


async def test_a_closed_house_shows_no_data(database_factory: Factory) -> None:
    town = Town(await database_factory(SCHEMAS), open_house=False)
    await town.fill()
    client = Client(town.app)
    for path in (*PAGES[1:3], "/t/fukui/webhook", "/t/fukui/live", "/t/fukui/entity-map"):
        reply = await client.get(path)
        assert reply.status == 401, path
        assert "中角" not in reply.text


async def test_static_files_have_their_types(client: Client) -> None:
    for path, kind in (("js/live.js", "text/javascript"), ("css/base.css", "text/css"), ("icon.svg", "image/svg+xml")):
        reply = await client.get(f"/static/console/{path}")
        assert reply.status == 200
        assert reply.headers["content-type"].startswith(kind)
    assert (await client.get("/static/console/../shell.py")).status == 404


@pytest.mark.parametrize(
    "up", ["../", "%2e%2e/", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "....//", "./../", "%252e%252e/"]
)
async def test_no_way_leads_up_out_of_the_static_files(client: Client, up: str) -> None:
    """The module of the shell lies beside the folder that is served; so does every other file of the machine."""
    for deep in range(1, 5):
        for start in ("/static/", "/static/console/", "/static/people/css/"):
            for file in ("shell.py", "console/shell.py", "etc/passwd"):
                reply = await client.get(f"{start}{up * deep}{file}")
                assert reply.status == 404, (start, up, deep)
                assert "class Console" not in reply.text
    assert (await client.get("/static//etc/passwd")).status == 404
