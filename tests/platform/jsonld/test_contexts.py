"""Where contexts come from: built in, hosted, preloaded, fetched; and what happens when they cannot be had."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock

from kumihimo.base.errors import AddressRefused, BadRequestData, LdContextNotAvailable
from kumihimo.base.ports import HttpAnswer
from kumihimo.platform.jsonld import contexts as room
from kumihimo.platform.jsonld import download
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import CORE_CONTEXT, DEFAULT_VOCAB, NGSI_LD
from kumihimo.platform.jsonld.shelf import MemoryShelf

URL = "https://contexts.example/city.jsonld"
CITY = {"@context": {"水位": "https://example.org/waterLevel"}}


class Web:
    """Answers by address; counts the requests."""

    def __init__(self, pages: Mapping[str, Any]) -> None:
        self.pages = dict(pages)
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer:
        self.asked.append(url)
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        page = self.pages.get(url)
        if isinstance(page, Exception):
            raise page
        if isinstance(page, HttpAnswer):
            return page
        if page is None:
            return HttpAnswer(404, {}, b"")
        return HttpAnswer(200, {}, page if isinstance(page, bytes) else json.dumps(page).encode())


class Ticks(FakeClock):
    """Both clocks, moved by hand together."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.seconds += seconds


async def test_core_is_answered_from_the_package_whatever_its_version_and_scheme() -> None:
    contexts = Contexts()
    for url in (
        None,
        [],
        CORE_CONTEXT,
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld",
        ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"],
    ):
        assert await contexts.resolve(url) is contexts.core
    assert contexts.core.source == CORE_CONTEXT
    assert contexts.core.expand("location") == NGSI_LD + "location"
    assert contexts.core.expand("水位") == DEFAULT_VOCAB + "水位"
    assert contexts.core.compact(DEFAULT_VOCAB + "水位") == "水位"
    assert contexts.core.expand("type") == "@type"


async def test_default_names_that_are_core_terms_do_not_come_back_as_these() -> None:
    core = Contexts().core
    short = core.compact(DEFAULT_VOCAB + "value")
    assert core.expand(short) == DEFAULT_VOCAB + "value"


async def test_an_inline_context_is_compiled_once_and_echoed_with_the_core() -> None:
    contexts = Contexts()
    given_context = {"ex": "https://example.org/", "水位": "ex:waterLevel"}
    context = await contexts.resolve(given_context)
    assert await contexts.resolve([dict(given_context)]) is context
    assert context.expand("水位") == "https://example.org/waterLevel"
    assert context.compact("https://example.org/waterLevel") == "水位"
    assert context.compact("https://example.org/other") == "ex:other"
    assert context.source == [given_context, CORE_CONTEXT]
    assert context.link == ""


async def test_what_draws_in_the_core_is_echoed_as_it_was_given() -> None:
    compound = {"@context": [{"水位": "https://example.org/waterLevel"}, CORE_CONTEXT]}
    contexts = Contexts(preload={URL: json.dumps(compound).encode()})
    assert (await contexts.resolve(URL)).source == URL
    assert (await contexts.resolve([URL])).source == URL
    assert (await contexts.resolve([{"a": "https://example.org/a"}, URL])).source == [
        {"a": "https://example.org/a"},
        URL,
    ]
    older = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"
    assert (await contexts.resolve([{"a": "https://example.org/a"}, older])).source[-1] == older


@pytest.mark.parametrize("page", [b"<html>", {"no": "context"}])
async def test_a_page_that_is_no_context_is_wrong_data_again_and_again(page: Any) -> None:
    contexts = Contexts(Web({URL: page}))
    for _ in range(2):
        with pytest.raises(BadRequestData):
            await contexts.resolve(URL)


async def test_the_core_wins_wherever_it_stands() -> None:
    redefined = {"location": "https://example.org/place", "@vocab": "https://example.org/v/"}
    for given_context in (redefined, [CORE_CONTEXT, redefined], [redefined, CORE_CONTEXT]):
        context = await Contexts().resolve(given_context)
        assert context.expand("location") == NGSI_LD + "location"
        assert context.expand("anything") == DEFAULT_VOCAB + "anything"


async def test_without_fetching_the_words_say_what_to_do() -> None:
    with pytest.raises(LdContextNotAvailable, match="preload it or allow"):
        await Contexts().resolve(URL)


async def test_preloaded_contexts_need_no_network() -> None:
    contexts = Contexts(preload={URL: json.dumps(CITY).encode()})
    context = await contexts.resolve(URL)
    assert context.expand("水位") == "https://example.org/waterLevel"
    assert context.link == URL


async def test_a_fetched_context_is_remembered_for_an_hour() -> None:
    ticks, web = Ticks(), Web({URL: CITY})
    contexts = Contexts(web, monotonic=ticks, clock=ticks)
    for _ in range(3):
        await contexts.resolve(URL)
    await contexts.resolve([URL, {"a": "https://example.org/a"}])
    assert web.asked == [URL]
    ticks.advance(download.FRESH_SECONDS + 1)
    await contexts.resolve(URL)
    assert web.asked == [URL, URL]


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("", download.FRESH_SECONDS),
        ("public, max-age=120", 120),
        ("MAX-AGE=120, immutable", 120),
        ("max-age=1", 10),
        ("no-cache", 10),
        ("no-store, max-age=120", 10),
        ("max-age=9999999999", 86_400),
        ("s-maxage=5", download.FRESH_SECONDS),
        ("max-age=x", download.FRESH_SECONDS),
    ],
)
async def test_a_copy_is_fresh_for_as_long_as_its_host_says(told: str, seconds: float) -> None:
    ticks, web = Ticks(), Web({})
    web.pages[URL] = HttpAnswer(200, {"Cache-Control": told}, json.dumps(CITY).encode())
    contexts = Contexts(web, monotonic=ticks, clock=ticks)
    await contexts.resolve(URL)
    ticks.advance(seconds - 1)
    await contexts.resolve(URL)
    await contexts.resolve([URL, {"a": "https://example.org/a"}])
    assert web.asked == [URL]
    ticks.advance(2)
    await contexts.resolve([URL, {"a": "https://example.org/a"}])
    assert web.asked == [URL, URL]


async def test_many_who_wait_for_one_context_share_one_request() -> None:
    web = Web({URL: CITY})
    web.gate = asyncio.Event()
    contexts = Contexts(web)
    waiting = [asyncio.create_task(contexts.resolve([URL, {"n": f"https://example.org/{n}"}])) for n in range(5)]
    await web.arrived.wait()
    waiting[0].cancel()
    await asyncio.sleep(0)
    web.gate.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert [one.expand("水位") for one in done[1:] if not isinstance(one, BaseException)] == [
        "https://example.org/waterLevel"
    ] * 4
    assert web.asked == [URL]


@pytest.mark.parametrize("fault", [OSError("refused"), TimeoutError()])
async def test_a_dead_host_is_left_alone_for_a_while(fault: Exception) -> None:
    ticks, web = Ticks(), Web({URL: fault})
    contexts = Contexts(web, monotonic=ticks, clock=ticks)
    for url in (URL, URL, "https://contexts.example/another.jsonld"):
        with pytest.raises(LdContextNotAvailable):
            await contexts.resolve(url)
    assert web.asked == [URL]
    ticks.advance(download.DEAD_SECONDS + 1)
    web.pages[URL] = CITY
    assert (await contexts.resolve(URL)).expand("水位") == "https://example.org/waterLevel"


async def test_a_host_that_hangs_holds_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FETCH_SECONDS", 0.01)
    web = Web({URL: CITY})
    web.gate = asyncio.Event()
    with pytest.raises(LdContextNotAvailable, match="does not answer"):
        await Contexts(web).resolve(URL)


@pytest.mark.parametrize(
    "page",
    [
        None,
        b"<html>",
        {"no": "context"},
        [],
        AddressRefused("private"),
        b'{"@context": ' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
async def test_an_address_without_a_context_is_refused_and_its_neighbours_are_not(page: Any) -> None:
    other = "https://contexts.example/other.jsonld"
    web = Web({URL: page, other: CITY})
    contexts = Contexts(web)
    for _ in range(2):
        with pytest.raises((LdContextNotAvailable, BadRequestData)):
            await contexts.resolve(URL)
    assert web.asked == [URL]
    await contexts.resolve(other)


async def test_redirects_are_followed_a_few_times() -> None:
    web = Web({URL: HttpAnswer(302, {"Location": "/moved"}, b""), "https://contexts.example/moved": CITY})
    assert (await Contexts(web).resolve(URL)).expand("水位") == "https://example.org/waterLevel"
    loop = Web({URL: HttpAnswer(302, {"location": URL}, b"")})
    with pytest.raises(LdContextNotAvailable, match="redirects"):
        await Contexts(loop).resolve(URL)
    assert len(loop.asked) == download.MAX_REDIRECTS + 1


async def test_contexts_may_include_others_by_relative_address_and_from_scopes() -> None:
    pages = {
        URL: {"@context": ["more.jsonld", {"a": "https://example.org/a"}]},
        "https://contexts.example/more.jsonld": {
            "@context": {"b": {"@id": "https://example.org/b", "@context": "inner.jsonld"}}
        },
        "https://contexts.example/inner.jsonld": {"@context": {"c": "https://example.org/c"}},
    }
    context = await Contexts(Web(pages)).resolve(URL)
    assert context.expand("b") == "https://example.org/b"
    assert context.expand("c") == DEFAULT_VOCAB + "c"
    assert context.into("b").expand("c") == "https://example.org/c"


async def test_import_puts_one_context_below_another() -> None:
    pages = {URL: {"@context": {"a": "https://example.org/a", "b": "https://example.org/b"}}}
    context = await Contexts(Web(pages)).resolve({"@import": URL, "b": "https://example.org/mine"})
    assert context.expand("a") == "https://example.org/a"
    assert context.expand("b") == "https://example.org/mine"


async def test_contexts_that_include_themselves_are_refused() -> None:
    other = "https://contexts.example/other.jsonld"
    pages = {URL: {"@context": [other]}, other: {"@context": [URL]}}
    with pytest.raises(BadRequestData, match="includes itself"):
        await Contexts(Web(pages)).resolve(URL)


async def test_a_scope_may_name_its_own_document() -> None:
    pages = {URL: {"@context": {"a": {"@id": "https://example.org/a", "@context": URL}}}}
    context = await Contexts(Web(pages)).resolve(URL)
    assert context.into("a").into("a").expand("a") == "https://example.org/a"


async def test_chains_crowds_and_term_floods_have_limits() -> None:
    chain: dict[str, Any] = {f"https://c.example/{n}": {"@context": [f"https://c.example/{n + 1}"]} for n in range(12)}
    chain["https://c.example/12"] = {"@context": {}}
    with pytest.raises(BadRequestData, match="deep"):
        await Contexts(Web(chain)).resolve("https://c.example/0")
    crowd: dict[str, Any] = {f"https://c.example/{n}": {"@context": {}} for n in range(room.MAX_DOCUMENTS + 1)}
    with pytest.raises(BadRequestData, match="draws in more"):
        await Contexts(Web(crowd)).resolve(list(crowd))
    with pytest.raises(BadRequestData, match="terms"):
        await Contexts().resolve({f"t{n}": f"https://example.org/{n}" for n in range(20_001)})
    with pytest.raises(BadRequestData, match="of their own"):
        await Contexts().resolve({f"t{n}": {"@id": f"https://e.org/{n}", "@context": {}} for n in range(501)})


async def test_terms_defined_by_terms_have_limits() -> None:
    forwards = {f"t{n}": f"t{n + 1}:x" for n in range(5000)} | {"t5000": "https://example.org/"}
    with pytest.raises(BadRequestData, match="by each other"):
        await Contexts().resolve(forwards)
    backwards = {"t0": "https://example.org/"} | {
        f"t{n + 1}": {"@id": f"t{n}:x/", "@prefix": True} for n in range(5000)
    }
    with pytest.raises(BadRequestData, match="characters"):
        await Contexts().resolve(backwards)


async def test_an_old_context_serves_while_its_host_is_away() -> None:
    ticks, web = Ticks(), Web({URL: CITY})
    contexts = Contexts(web, monotonic=ticks, clock=ticks)
    await contexts.resolve(URL)
    web.pages[URL] = OSError("away")
    ticks.advance(download.FRESH_SECONDS + 1)
    for _ in range(3):
        assert (await contexts.resolve([URL, {"a": "https://example.org/a"}])).expand("水位").endswith("waterLevel")
    assert web.asked == [URL, URL]


async def test_hosts_that_hang_one_after_the_other_hold_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RESOLVE_SECONDS", 0.05)
    monkeypatch.setattr(download, "FETCH_SECONDS", 0.02)
    urls = [f"https://c{n}.example/" for n in range(room.MAX_DOCUMENTS)]
    web = Web({})
    web.gate = asyncio.Event()
    with pytest.raises(LdContextNotAvailable, match=r"does not answer|did not come"):
        await Contexts(web).resolve(urls)
    slow = Web({url: {"@context": {}} for url in urls})

    async def creep(method: str, url: str, **options: Any) -> HttpAnswer:
        await asyncio.sleep(0.01)
        return await slow(method, url, **options)

    with pytest.raises(LdContextNotAvailable, match="did not come"):
        await Contexts(creep).resolve(urls)
    assert len(slow.asked) < len(urls)


async def test_a_herd_at_a_dead_host_asks_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FETCH_SECONDS", 0.02)
    web = Web({URL: CITY})
    web.gate = asyncio.Event()
    contexts = Contexts(web)
    herd = [contexts.resolve([URL, {"n": f"https://example.org/{n}"}], f"town{n % 5}") for n in range(100)]
    told = await asyncio.gather(*herd, return_exceptions=True)
    assert {type(one) for one in told} == {LdContextNotAvailable}
    assert web.asked == [URL]
    with pytest.raises(LdContextNotAvailable, match="not asked again"):
        await contexts.resolve(URL, "another")
    assert (await contexts.resolve({"a": "https://example.org/a"})).expand("a") == "https://example.org/a"


async def test_a_copy_belongs_to_the_tenant_that_asked() -> None:
    web = Web({URL: CITY})
    contexts = Contexts(web)
    first = await contexts.resolve(URL, "fukui")
    web.pages[URL] = {"@context": {"水位": "https://example.org/other"}}
    second = await contexts.resolve(URL, "sabae")
    assert first.expand("水位") == "https://example.org/waterLevel"
    assert second.expand("水位") == "https://example.org/other"
    assert (await contexts.resolve(URL, "fukui")) is first


async def test_tenants_for_whom_a_context_means_the_same_share_it() -> None:
    contexts = Contexts(Web({URL: CITY}))
    assert await contexts.resolve(URL, "fukui") is await contexts.resolve(URL, "sabae")


async def test_what_is_hosted_is_known_by_its_tenant_alone() -> None:
    shelf = MemoryShelf()
    contexts = Contexts(shelf=shelf, address=lambda: "http://here:8080")
    await shelf.give("fukui", "urn:ngsi-ld:Context:1", CITY["@context"], lasting=True)
    for origin in ("http://here:8080", "https://by.another.name"):
        url = origin + "/ngsi-ld/v1/jsonldContexts/urn:ngsi-ld:Context:1"
        assert (await contexts.resolve(url, "fukui")).expand("水位") == "https://example.org/waterLevel"
        for other in ("sabae", ""):
            with pytest.raises(LdContextNotAvailable):
                await contexts.resolve(url, other)


async def test_we_do_not_ask_ourselves_over_the_network() -> None:
    web = Web({})
    contexts = Contexts(web, address=lambda: "http://here:8080")
    url = "http://here:8080/ngsi-ld/v1/jsonldContexts/urn:ngsi-ld:Context:1"
    with pytest.raises(LdContextNotAvailable, match="add it again"):
        await contexts.resolve(url, "fukui")
    assert web.asked == []
    with pytest.raises(LdContextNotAvailable):
        await contexts.resolve(url.replace("here", "there"), "fukui")
    assert len(web.asked) == 1


async def test_a_context_without_an_address_gets_one_that_means_it() -> None:
    contexts = Contexts(address=lambda: "http://here:8080")
    inline = await contexts.resolve({"水位": "https://example.org/waterLevel"}, "fukui")
    assert inline.link == ""
    named = await contexts.addressed(inline, "fukui")
    assert named.link.startswith("http://here:8080/ngsi-ld/v1/jsonldContexts/urn:ngsi-ld:Context:")
    assert inline.link == ""
    assert await contexts.addressed(inline, "fukui") is named
    assert (await contexts.resolve(named.link, "fukui")).expand("水位") == "https://example.org/waterLevel"
    assert contexts.address_of(inline.source) == named.link
    assert contexts.address_of([*inline.source, {}]) != named.link
    again = await contexts.resolve(inline.source, "fukui")
    assert (await contexts.addressed(again, "fukui")).link == named.link
    assert await contexts.addressed(contexts.core, "fukui") is contexts.core


async def test_while_the_platform_has_no_address_it_gives_none() -> None:
    contexts = Contexts()
    inline = await contexts.resolve({"a": "https://example.org/a"}, "fukui")
    assert await contexts.addressed(inline, "fukui") is inline
    assert contexts.address_of(inline.source) == ""
    assert contexts.address_of([URL, CORE_CONTEXT]) == URL
    assert contexts.address_of(CORE_CONTEXT) == CORE_CONTEXT


async def test_a_reload_asks_again_and_buries_nobody() -> None:
    web = Web({URL: OSError("away")})
    contexts = Contexts(web)
    for _ in range(2):
        with pytest.raises(LdContextNotAvailable):
            await contexts.reload(URL, "fukui")
    assert len(web.asked) == 2
    web.pages[URL] = CITY
    assert (await contexts.resolve(URL, "fukui")).expand("水位") == "https://example.org/waterLevel"
    web.pages[URL] = {"@context": {"水位": "https://example.org/new"}}
    await contexts.reload(URL, "fukui")
    assert (await contexts.resolve(URL, "fukui")).expand("水位") == "https://example.org/new"


async def test_what_was_forgotten_meanwhile_is_not_remembered() -> None:
    web = Web({URL: CITY})
    web.gate = asyncio.Event()
    contexts = Contexts(web)
    waiting = asyncio.create_task(contexts.resolve(URL, "fukui"))
    await web.arrived.wait()
    contexts.forget("fukui")
    web.gate.set()
    await waiting
    assert not contexts._known


async def test_large_contexts_push_others_out_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_COMPILED_TERMS", 3000)
    contexts = Contexts()
    for number in range(5):
        await contexts.resolve({f"t{n}": f"https://example.org/{number}" for n in range(1000)})
    assert len(contexts._compiled) == 2


async def test_long_names_are_not_remembered() -> None:
    core = Contexts().core
    assert core.expand("x" * 1000) == DEFAULT_VOCAB + "x" * 1000
    assert not core._expanded


async def test_what_is_remembered_is_bounded() -> None:
    contexts = Contexts()
    for number in range(room.MAX_COMPILED + 10):
        await contexts.resolve({"a": f"https://example.org/{number}"})
    assert len(contexts._compiled) == room.MAX_COMPILED


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"a": {"@reverse": "https://example.org/a"}}, "@reverse"),
        ({"a": "b:c", "b": "a:d"}, "by itself"),
        ({"a": "nowhere"}, None),
        ({"@version": 1.0}, "@version"),
        ({"a": 5}, "neither a text"),
        ({"a": {"@id": 5}}, "no text"),
        ({"a": {"@id": "https://e.org/a", "@container": "@bag"}}, "@container"),
        ({"a": {"@id": "https://e.org/a", "@made": "up"}}, "@made"),
        ({"a": "@context"}, "alias"),
        ({"@id": "https://e.org/a"}, "redefines"),
        ({"": "https://e.org/a"}, "redefines"),
        ({"@vocab": 5}, "@vocab"),
        ({"a/b": {"@type": "@id"}}, "absolute"),
        (5, "address"),
        ("ftp://example.org/a", "http"),
        ([{"a": "https://e.org/a"}, [["x"]]], "address"),
    ],
)
async def test_contexts_that_json_ld_refuses(definition: Any, words: str | None) -> None:
    if words is None:
        # A relative name lands in the default vocabulary, as it would once the core context is there.
        assert (await Contexts().resolve(definition)).expand("a") == DEFAULT_VOCAB + "nowhere"
        return
    with pytest.raises(BadRequestData, match=words):
        await Contexts().resolve(definition)


async def test_a_name_mapped_to_nothing_is_refused_where_it_is_used() -> None:
    context = await Contexts().resolve({"a": None, "b": {"@id": None}})
    for name in ("a", "b"):
        with pytest.raises(BadRequestData, match="nothing"):
            context.expand(name)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["@id", "@vocab", "ex:a", "https://e.org/"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@id", "@type", "@context", "@container", "@vocab", "a", "ex", "ex:a"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_context_breaks_the_compiler(given_context: Any) -> None:
    async def run() -> None:
        context = await Contexts().resolve(given_context)
        for name in ("a", "ex", "ex:a", "value"):
            iri = context.lookup(name)
            assert iri is None or context.lookup(context.compact(iri)) == iri

    with contextlib.suppress(BadRequestData, LdContextNotAvailable):
        asyncio.run(run())


async def test_scoped_contexts_do_not_redefine_core_terms_either() -> None:
    scope = {"value": "https://example.org/v", "location": "https://example.org/l", "mine": "https://example.org/m"}
    context = await Contexts().resolve({"Room": {"@id": "https://example.org/Room", "@context": scope}})
    for inside in (context.typed(["Room"]), context.into("Room")):
        assert inside.expand("value") == NGSI_LD + "hasValue"
        assert inside.expand("location") == NGSI_LD + "location"
        assert inside.expand("mine") == "https://example.org/m"
