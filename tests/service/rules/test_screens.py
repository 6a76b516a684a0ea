"""The pages of rules in both languages: made by form and by text, edited by two at once, tried, traced, done."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from tests.contracts.test_rules import GAUGE, OFFICER, World, rule, rule_set
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call, Caller
from kumihimo.platform.access.store import PLATFORM_SCHEMA
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.rules import text
from kumihimo.service.rules.screens import STARTER, rule_screens
from kumihimo.service.rules.store import SCHEMA as RULES

PACKAGE = "kumihimo.service.rules"
Ask = Callable[..., Awaitable[tuple[int, str, str]]]
FIELD = re.compile(r'<(?:input|select|textarea)[^>]* name="([^"]+)"')


@pytest.fixture
async def world(database_factory: DatabaseFactory, fake_clock: FakeClock) -> World:
    database = await database_factory([SCHEMA, HISTORY, ACCESS, PLATFORM_SCHEMA, ALERTS, RULES])
    await database.add_tenant("town")
    world = World(database, fake_clock)
    await world.rules.members.add("town", OFFICER.actor, "operator", "test")
    return world


async def named(actors: Iterable[str]) -> dict[str, str]:
    """What people are called."""
    return {one: "水野 (mizuno)" for one in actors if one == str(OFFICER.actor)}


@pytest.fixture
def ask(world: World) -> Ask:
    live: Any = None
    words = load_words([OWN_PACKAGE, PACKAGE])
    screens = rule_screens(world.sets, world.clock, named)
    for one in screens:
        assert one.needs in ("rules", "read")
    words["nav.manage"] = {"ja": "", "en": ""}
    console = Console(screens, words, tenants=world.database.tenants, live=live, clock=world.clock)
    app = Starlette(routes=console.routes())

    async def asked(path: str, form: Mapping[str, str] | None = None, lang: str = "en") -> tuple[int, str, str]:
        """Status, body, and where it leads."""
        sent: list[Any] = []
        body = b"" if form is None else urlencode(form).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        bare, _, query = path.partition("?")
        headers = [(b"host", b"localhost"), (b"accept-language", lang.encode()), (b"sec-fetch-site", b"same-origin")]
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
        scope = {
            "type": "http", "method": "GET" if form is None else "POST", "path": f"/t/town{bare}", "scheme": "http",
            "server": ("localhost", 80), "query_string": query.encode(), "headers": headers,
            "state": {"caller": Caller(OFFICER.actor)},
        }  # fmt: skip
        await app(scope, receive, send)
        text_ = b"".join(one.get("body", b"") for one in sent[1:]).decode()
        to = dict(sent[0]["headers"]).get(b"location", b"").decode()
        return sent[0]["status"], text_, to

    return asked


async def test_a_set_is_made_from_the_starter_text_and_shown(world: World, ask: Ask) -> None:
    status, page, _ = await ask("/rules")
    assert (status, "There is no rule set yet" in page) == (200, True)
    assert "規則セットはまだありません" in (await ask("/rules", lang="ja"))[1]
    status, page, _ = await ask("/rules", {"action": "text", "text": STARTER.replace("> 3.0", ">")}, "ja")
    assert (status, "式が正しくありません" in page, "entity.waterLevel &gt;" in page) == (422, True, True)
    assert await ask("/rules", {"action": "text", "text": STARTER.replace("\n", "\r\n")}) == (
        303,
        "",
        "/t/town/rules/my-rules",
    )
    one = await world.sets.get(OFFICER, "my-rules")
    assert (one.text, one.is_on) == (STARTER, False)
    assert (await ask("/rules", {"action": "text", "text": STARTER}))[0] == 409
    assert (await ask("/rules/my-rules", {"action": "on"}))[2] == "/t/town/rules/my-rules"
    assert "Switch off" in (await ask("/rules/my-rules"))[1]
    assert (await ask("/rules/my-rules", {"action": "explode"}))[0] == 400
    assert (await ask("/rules/my-rules", {"action": "remove"}))[2] == "/t/town/rules"
    assert (await ask("/rules/my-rules"))[0] == 404


async def test_people_are_named_and_the_command_line_is_in_words(world: World, ask: Ask) -> None:
    await world.sets.put(OFFICER, rule_set(rule()))
    pages = [(await ask(path, lang="ja"))[1] for path in ("/rules/river", "/rules/river/versions")]
    assert [page.count("水野 (mizuno)") for page in pages] == [2, 1]
    assert [str(OFFICER.actor) in page for page in pages] == [False, False]
    await world.sets.put(Call("town", Actor("system", "command line")), rule_set(rule("other"), name="lake"))
    page = (await ask("/rules/lake", lang="ja"))[1]
    assert (page.count("運用者（コマンド）"), "system:" in page) == (2, False)


async def test_a_task_of_the_form_has_no_empty_name_in_its_text() -> None:
    made = text.write(text.read(rule_set(rule())))
    assert "do =" in made
    assert 'name = ""' not in made


async def test_a_set_is_made_by_the_form_alone(world: World, ask: Ask) -> None:
    assert (await ask("/rules", {"action": "form", "name": "No Name"}))[0] == 400
    _, refused, _ = await ask("/rules", {"action": "form", "name": "No Name"}, "ja")
    assert "「No Name」は名前にできません" in refused
    assert (await ask("/rules", {"action": "form", "name": "by-form"}))[2] == "/t/town/rules/by-form/edit"
    _, page, _ = await ask("/rules/by-form/edit", lang="ja")
    assert {"condition", "then.0.whom", "window.count", "version"} <= set(FIELD.findall(page))
    given = {
        "version": "0", "rule": "", "name": "high", "types": "Gauge\r\nMeter", "watch": "level", "repeat": "rise",
        "condition": "entity.level > 3 && many > 1", "title_ja": "水位", "window.count": "0", "join.count": "0",
        "then.count": "1", "then.0.do": "task", "then.0.whom": "officer", "then.0.text": "{entity.id}",
        "then.0.minutes": "x",
    }  # fmt: skip
    _, page, _ = await ask("/rules/by-form/edit", {**given, "action": "add:window"})
    assert {"window.0.name", "window.0.minutes"} <= set(FIELD.findall(page))
    assert "entity.level &gt; 3" in page, "what was typed stays"
    given |= {"window.count": "1", "window.0.name": "many", "window.0.figure": "count", "window.0.attribute": "level"}
    given |= {"window.0.minutes": "10"}
    _, page, _ = await ask("/rules/by-form/edit", {**given, "action": "show", "then.0.do": "command"})
    assert {"then.0.device", "then.0.arguments"} <= set(FIELD.findall(page))
    status, page, _ = await ask("/rules/by-form/edit", given, "ja")
    assert (status, "then.0.minutes：整数で" in page) == (422, True)
    given["then.0.minutes"] = "30"
    assert (await ask("/rules/by-form/edit", given))[2] == "/t/town/rules/by-form"
    made = text.read((await world.sets.get(OFFICER, "by-form")).text)
    assert (made.title_ja, made.rules[0].types, made.rules[0].windows[0].name) == ("水位", ("Gauge", "Meter"), "many")
    _, page, _ = await ask("/rules/by-form/edit?rule=high")
    assert 'value="30"' in page
    more = {**given, "version": "1", "rule": "", "name": "second", "action": "save"}
    await ask("/rules/by-form/edit", more)
    assert [one.name for one in text.read((await world.sets.get(OFFICER, "by-form")).text).rules] == ["high", "second"]
    _, page, _ = await ask("/rules/by-form/edit", {**given, "version": "2", "rule": "high", "action": "drop:window:0"})
    assert "window.0.name" not in FIELD.findall(page)
    await ask("/rules/by-form/edit", {**given, "version": "2", "rule": "high", "action": "remove"})
    assert [one.name for one in text.read((await world.sets.get(OFFICER, "by-form")).text).rules] == ["second"]


async def test_the_form_offers_the_types_and_attributes_that_the_town_has(world: World, ask: Ask) -> None:
    _, page, _ = await ask("/rules/new/edit", lang="ja")
    assert ("このまちにはまだデータがありません" in page, 'list="known-' in page) == (True, False)
    await world.level(1.0)
    _, page, _ = await ask("/rules/new/edit", lang="ja")
    assert "このまちにある型と属性" in page
    assert re.search(r"<dt[^>]*>Gauge</dt><dd[^>]*>[^<]*\blevel\b", page), "a type with its attributes"
    _, page, _ = await ask(
        "/rules/new/edit", {"name": "x", "window.count": "1", "then.count": "0", "action": "show", "version": "0"}
    )
    assert re.search(r'name="window.0.attribute"[^>]* list="known-attributes"', page)
    assert '<option value="level">' in page


async def test_the_form_goes_by_the_names_of_the_set_and_keeps_them(world: World, ask: Ask) -> None:
    names = '\n[names]\nlevel = "https://example.org/dam/level"\n'
    await world.sets.put(OFFICER, rule_set(rule("one", when='condition = "entity.level > 7"')) + names)
    _, page, _ = await ask("/rules/river/edit?rule=one")
    assert "https://example.org/dam" not in page
    form = {
        "version": "1", "rule": "one", "name": "one", "types": "Gauge", "watch": "level", "repeat": "each",
        "condition": "entity.level > 8",
        "window.count": "0", "join.count": "0", "then.count": "1", "then.0.do": "task", "then.0.whom": "officer",
        "then.0.text": "mine", "then.0.minutes": "5",
    }  # fmt: skip
    assert (await ask("/rules/river/edit", form))[0] == 303
    kept = text.read((await world.sets.get(OFFICER, "river")).text)
    assert kept.names == {"level": "https://example.org/dam/level"}
    assert (kept.rules[0].watch, kept.rules[0].condition) == (("level",), "entity.level > 8")
    full = {**form, "version": "2", "condition": 'entity["https://example.org/dam/level"] > 8'}
    status, page, _ = await ask("/rules/river/edit", full, "ja")
    assert (status, "この規則セットでは" in page) == (422, True)
    await world.level(1.0)
    _, page, _ = await ask("/rules/river/edit?rule=one")
    assert '<option value="https://uri.etsi.org/ngsi-ld/default-context/level">' in page, "what is another level"


async def test_two_who_edit_at_once_see_both_and_lose_nothing(world: World, ask: Ask) -> None:
    await world.sets.put(OFFICER, rule_set(rule("one"), rule("two")))
    theirs = rule_set(rule("one"), rule("two", when='condition = "entity.level > 99"'))
    await world.sets.put(OFFICER, theirs)
    form = {
        "version": "1", "rule": "one", "name": "one", "types": "Gauge", "repeat": "each",
        "condition": "entity.level > 7",
        "window.count": "0", "join.count": "0", "then.count": "1", "then.0.do": "task", "then.0.whom": "officer",
        "then.0.text": "mine", "then.0.minutes": "5",
    }  # fmt: skip
    status, page, _ = await ask("/rules/river/edit", form)
    assert (status, "entity.level &gt; 99" in page, page.count("entity.level &gt; 7")) == (409, True, 2)
    found = re.search('name="version" value="([0-9]+)"', page)
    assert found is not None
    assert found[1] == "2"
    assert (await ask("/rules/river/edit", {**form, "version": found[1]}))[0] == 303
    rules = {one.name: one.condition for one in text.read((await world.sets.get(OFFICER, "river")).text).rules}
    assert rules == {"one": "entity.level > 7", "two": "entity.level > 99"}
    status, page, _ = await ask("/rules/river/text", {"text": theirs.replace("99", "98"), "version": "2"}, "ja")
    assert (status, "ほかの人が先に保存しました" in page, "&gt; 98" in page) == (409, True, True)
    assert "第 2 版を直している間に、第 3 版が保存されました。" in page
    assert str(OFFICER.actor) not in page.partition("<main")[2]
    other = theirs.replace('"river"', '"lake"')
    assert (await ask("/rules/river/text", {"text": other, "version": "3"}))[0] == 422
    assert (await ask("/rules/river/text", {"text": theirs, "version": "3", "why": "as before"}))[0] == 303
    _, page, _ = await ask("/rules/river/versions?version=4")
    assert ("as before" in page, "entity.level &gt; 7" in page) == (True, True)
    assert (await ask("/rules/river/versions", {"number": "1", "version": "2"}))[0] == 409
    assert (await ask("/rules/river/versions", {"number": "1", "version": "4"}, "ja"))[0] == 303
    assert "第 1 版に戻しました" in (await ask("/rules/river/versions"))[1], (
        "the reason is in the words of who went back"
    )
    assert (await ask("/rules/river/text"))[1].count("entity.level &gt; 3") == 2


async def test_firings_trace_replay_and_tasks_are_shown(world: World, ask: Ask) -> None:
    await world.put(rule_set(rule(), rule("odd", when='condition = "entity.nothing > 1"')))
    await world.level(4.199999999999999)
    await world.go()
    for lang, words in (("en", ("task: done", "level=4.2<")), ("ja", ("作業の依頼: 実施", "level=4.2<"))):
        _, page, _ = await ask("/rules/river", lang=lang)
        assert all(one in page for one in words), page
    _, page, _ = await ask(f"/rules/river/trace?entity={GAUGE}", lang="ja")
    assert ("作動しました" in page, "式の答えが出ません" in page) == (True, True)
    assert "There is no recent change" in (await ask("/rules/river/trace?entity=urn:x:1"))[1]
    _, page, _ = await ask("/rules/river/replay?from=2026-01-01&to=2026-01-02")
    assert "It would have fired 1 times" in page
    assert (await ask("/rules/river/replay?from=soon&to=2026-01-02"))[0] == 400
    assert (await ask("/rules/river/replay"))[0] == 200
    _, page, _ = await ask("/tasks")
    found = re.search('name="id" value="([^"]+)"', page)
    assert found is not None
    assert f"{GAUGE} stands at 4.2" in page
    assert (await ask("/tasks", {"id": found[1], "note": "was there"}))[2] == "/t/town/tasks"
    assert "was there" in (await ask("/tasks", lang="ja"))[1]
    assert (await ask("/tasks", {"id": found[1]}))[0] == 400


@pytest.mark.parametrize(
    ("page", "ja", "en"),
    [
        ("edit", "規則を編集する", "Edit a rule"),
        ("text", "規則セットの本文を編集する", "Edit the text of a set of rules"),
        ("versions", "版と差分", "Versions and differences"),
        ("trace", "なぜ作動したか、しなかったか", "Why it fired or not"),
        ("replay", "過去で試す", "Try on the past"),
    ],
)
async def test_each_page_of_a_set_says_what_it_is_for(world: World, ask: Ask, page: str, ja: str, en: str) -> None:
    await world.sets.put(OFFICER, STARTER, version=0)
    for lang, heading in (("ja", ja), ("en", en)):
        text = (await ask(f"/rules/my-rules/{page}", lang=lang))[1]
        assert f">{heading}</h1>" in text
        assert f"<title>{heading} |" in text
