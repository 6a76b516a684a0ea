"""The pages of measures in both languages: made by form, changed by two at once, judged, reviewed, taken as a file."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from tests.contracts.test_measures import (
    OFFICER,
    PLANNER,
    POLICY,
    PROJECT,
    RESIDENT,
    TARGET,
    World,
    make_world,
    micros,
)
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Call, Caller
from kumihimo.base.errors import Problem
from kumihimo.base.screens import EITHER, OWN
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.service.kpi.measures_screens import measure_screens
from kumihimo.service.kpi.measures_text import read

Ask = Callable[..., Awaitable[tuple[int, str, str]]]
NEW = {
    "revision": "0", "level": "policy", "parent": "", "title_ja": "水害からの早期避難", "title_en": "",
    "aim_ja": "逃げ遅れ０", "aim_en": "", "owner": "危機管理課", "starts_on": "2026-04-01", "due_on": "",
    "state": "running", "budget": "１，２００万",
}  # fmt: skip

TO = {"revision": "1", "kpi": "town.damage", "target": "1", "due_on": "2027-01-01"}


@pytest.fixture
async def world(database_factory: DatabaseFactory, fake_clock: FakeClock) -> World:
    return await make_world(database_factory, fake_clock)


@pytest.fixture
def ask(world: World) -> Ask:
    async def allow(call: Call, needs: str) -> None:
        for one in needs.split():
            if one != OWN and EITHER not in one:  # of which tests/flows/test_login.py tells
                await world.access.decide(call, one)  # type: ignore[arg-type]

    live: Any = None
    words = load_words([OWN_PACKAGE, "kumihimo.service.kpi"])

    async def names(actors: Iterable[str]) -> dict[str, str]:
        return {one: "山田 花子 (yamada)" for one in actors if one == "person:p-1"}

    screens = measure_screens(world.measures, world.grant, names)
    tenants = world.database.tenants
    console = Console(screens, words, tenants=tenants, live=live, clock=world.clock, allow=allow)
    app = Starlette(routes=console.routes())

    async def asked(
        path: str, form: Mapping[str, str] | None = None, lang: str = "en", call: Call = PLANNER
    ) -> tuple[int, str, str]:
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
            "state": {"caller": Caller(call.actor)},
        }  # fmt: skip
        await app(scope, receive, send)
        text = b"".join(one.get("body", b"") for one in sent[1:]).decode()
        return sent[0]["status"], text, dict(sent[0]["headers"]).get(b"location", b"").decode()

    return asked


async def test_a_planner_makes_a_measure_with_a_target_by_forms_alone(world: World, ask: Ask) -> None:
    status, page, _ = await ask("/measures", lang="ja")
    assert (status, "施策はまだ登録されていません" in page, "/measures/new" in page) == (200, True, True)
    status, page, _ = await ask("/measures/new", NEW, "ja")
    assert (status, "「予算(円)」は数で" in page, "逃げ遅れ０" in page) == (400, True, True)
    assert _at_fault(page) == {"budget": "「予算(円)」は数で書いてください。"}
    status, _, to = await ask("/measures/new", NEW | {"budget": "１，２００，０００円"})
    assert (status, to.startswith("/t/town/measures/")) == (303, True)
    id_ = to.rpartition("/")[2]
    made = await world.measures.get("town", id_)
    assert (made.budget, made.title, made.due_on) == (1_200_000, {"ja": "水害からの早期避難"}, None)
    assert 'value="programme" selected' in (await ask(f"/measures/new?parent={id_}"))[1]
    target = {"revision": "1", "id": "", "action": "save", "kpi": "town.damage", "subject": "", "baseline": "１００",
              "target": "50", "better": "lower", "due_on": "2027-03-31", "owner": ""}  # fmt: skip
    assert (await ask(f"/measures/{id_}/target", target | {"due_on": "soon"}))[0] == 400
    assert (await ask(f"/measures/{id_}/target", target))[0] == 303
    _, page, _ = await ask(f"/measures/{id_}", lang="ja")
    assert all(one in page for one in ("遅れ", "90 m²", "観測値 3 件", "50 m² 以下", "1,200,000 円", "危機管理課"))
    assert re.search(r'href="/t/town/kpi/town\.damage\.\d+"', page)
    _, page, _ = await ask(f"/measures/{id_}/target?target=t1")
    assert 'name="baseline" type="text" value="100"' in page
    assert (await ask(f"/measures/{id_}/target?target=t9"))[0] == 404
    _, page, _ = await ask(f"/measures/{id_}/history", lang="ja")
    assert "被害 · 100 → ≤ 50 · 2027-03-31" in page
    assert "<h1>変更の履歴</h1>" in page
    assert f'<a href="/t/town/measures/{id_}">水害からの早期避難</a>' in page
    assert "第 1 版" in page
    changed = target | {"revision": "2", "id": "t1", "target": "95"}
    assert (await ask(f"/measures/{id_}/target", changed))[0] == 303
    assert "reached" in (await ask(f"/measures/{id_}"))[1]
    assert (await ask(f"/measures/{id_}/target", changed | {"revision": "3", "action": "remove"}))[0] == 303
    assert (await world.measures.get("town", id_)).targets == ()
    assert (await ask(f"/measures/{id_}", {"action": "remove", "revision": "4"}))[2] == "/t/town/measures"
    assert (await ask(f"/measures/{id_}"))[0] == 404


def _at_fault(page: str) -> dict[str, str]:
    """What is said at fields, by the field, where the field points to it."""
    said = {name: re.sub(r"<[^>]+>", "", text) for name, text in re.findall(r'id="(\w+)-wrong">(.*?)</p>', page)}
    return {
        name: said[name] for name in re.findall(r'id="(\w+)"[^>]* aria-describedby="\1-wrong[^>]*aria-invalid', page)
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"due_on": "2020-01-01"}, "due_on"),
        ({"starts_on": "soon"}, "starts_on"),
        ({"title_ja": " "}, "title_ja"),
        ({"owner": "x" * 500}, "owner"),
        ({"parent": "nothing-there"}, "parent"),
        ({"budget": "9" * 19}, "budget"),
    ],
)
async def test_what_is_wrong_is_said_at_the_field(ask: Ask, changed: dict[str, str], field: str) -> None:
    status, page, _ = await ask("/measures/new", NEW | {"budget": ""} | changed, "ja")
    assert status == 400
    assert list(_at_fault(page)) == [field]


async def test_what_is_wrong_with_a_note_or_a_target_is_said_at_the_field(world: World, ask: Ask) -> None:
    await world.measures.put(PLANNER, POLICY, revision=0)
    _, page, _ = await ask("/measures/policy", {"action": "note", "kind": "act", "text": "続ける"}, "ja")
    assert _at_fault(page) == {"verdict": "「改善」の記録では、継続・見直し・中止のどれかを選んでください。"}
    _, page, _ = await ask("/measures/policy", {"action": "note", "kind": "do", "text": " "}, "ja")
    assert list(_at_fault(page)) == ["text"]
    target = {"revision": "1", "id": "", "action": "save", "kpi": "town.damage", "target": "多め", "better": "lower",
              "due_on": "2027-03-31"}  # fmt: skip
    _, page, _ = await ask("/measures/policy/target", target, "ja")
    assert _at_fault(page) == {"target": "「目標値」は数で書いてください。"}
    _, page, _ = await ask("/measures/policy/target", target | {"target": "5", "kpi": "town.none"}, "ja")
    assert list(_at_fault(page)) == ["kpi"]


async def test_the_second_of_two_who_save_sees_both_and_keeps_what_was_typed(world: World, ask: Ask) -> None:
    made = await world.measures.put(PLANNER, POLICY, revision=0)
    await world.measures.put(PLANNER, replace(made, owner="総務課"), revision=1)
    mine = NEW | {"revision": "1", "owner": "河川課", "budget": "", "title_ja": "防災", "why": "担当替え"}
    status, page, _ = await ask("/measures/policy/edit", mine, "ja")
    assert (status, "ほかの人が先に変更しました" in page, "総務課" in page) == (409, True, True)
    assert ("山田 花子 (yamada)" in page, "person:p-1" in page) == (True, False), "who was quicker is called by name"
    assert 'value="河川課"' in page
    assert 'name="revision" value="2"' in page
    assert (await world.measures.get("town", "policy")).owner == "総務課"
    assert (await ask("/measures/policy/edit", mine | {"revision": "2"}))[0] == 303
    assert (await world.measures.get("town", "policy")).owner == "河川課"
    assert "担当替え" in (await ask("/measures/policy/history"))[1]
    target = {"revision": "1", "id": "", "action": "save", "kpi": "town.damage", "target": "50", "better": "lower",
              "due_on": "2027-03-31"}  # fmt: skip
    status, page, _ = await ask("/measures/policy/target", target)
    assert (status, "Somebody else was quicker" in page) == (409, True)


async def test_reviews_are_written_and_shown_to_who_may_see(world: World, ask: Ask) -> None:
    await world.measures.put(PLANNER, replace(PROJECT, parent="", is_example=True), revision=0)
    note = {"action": "note", "kind": "check", "text": "まだ<b>減って</b>いない\r\n\r\n秋に再評価", "verdict": "stop"}
    assert (await ask("/measures/project", note))[0] == 303
    world.values = {micros(2026, 6, 1): 10.0}
    status, page, _ = await ask("/measures/project", {"action": "note", "kind": "act", "text": "続ける"}, "ja")
    assert (status, "継続・見直し・中止" in page, "続ける" in page) == (400, True, True)
    done = {"action": "note", "kind": "act", "text": "続ける", "verdict": "continue"}
    assert (await ask("/measures/project", done))[0] == 303
    _, page, _ = await ask("/measures/project", lang="ja", call=OFFICER)
    assert all(
        one in page
        for one in ("90 m²", "10 m²", "&lt;b&gt;", "改善(A)", "継続", "達成", "遅れ", "実在の計画や予算では")
    )
    assert (page.count("山田 花子 (yamada)"), "person:p-1" in page) == (3, False), "of the measure and both notes"
    history = (await ask("/measures/project/history", lang="ja"))[1]
    assert ("山田 花子 (yamada)" in history, "person:p-1" in history) == (True, False)
    assert "記録を加える" not in page
    assert "/edit" not in page
    _, page, _ = await ask("/measures/project", lang="en", call=RESIDENT)
    assert "not shown to you" in page
    assert "10 m²" not in page
    assert "90 m²" not in page
    assert (await ask("/measures/project", note, call=OFFICER))[0] == 403
    assert (await ask("/measures/project", {"action": "explode"}))[0] == 400
    assert (await ask("/measures/project", {"action": "remove", "revision": "1"}))[0] == 400


async def test_the_tree_is_filtered_and_exported(world: World, ask: Ask) -> None:
    await world.measures.put(PLANNER, POLICY, revision=0)
    await world.measures.put(PLANNER, PROJECT, revision=0)
    other = replace(PROJECT, id="other", title={"ja": "広報"}, state="ended", targets=(replace(TARGET, target=99.0),))
    await world.measures.put(PLANNER, other, revision=0)
    _, page, _ = await ask("/measures", lang="ja")
    assert all(one in page for one in ("政策", "事務事業", "電気柵の設置", "広報", "達成", "遅れ", "状況の決め方"))
    _, page, _ = await ask("/measures?standing=behind", lang="ja")
    assert ("電気柵の設置" in page, "広報" in page, "防災" in page) == (True, False, True)
    _, page, _ = await ask("/measures?state=ended")
    assert ("Fences" in page, "広報" in page) == (False, True)
    assert "No measure is like that" in (await ask("/measures?state=stopped"))[1]
    status, text, _ = await ask("/measures.toml", call=OFFICER)
    assert (status, [one.id for one in read(text)]) == (200, ["policy", "other", "project"])


async def test_what_is_no_form_is_refused(world: World, ask: Ask) -> None:
    await world.measures.put(PLANNER, POLICY, revision=0)
    for path, form in (
        ("/measures/new", NEW | {"level": "x"}),
        ("/measures/new", NEW | {"revision": "x", "budget": ""}),
        ("/measures/new", NEW | {"starts_on": "2026-02-30", "budget": ""}),
        ("/measures/new", NEW | {"budget": "", "parent": "none"}),
        ("/measures/policy/target", TO | {"kpi": "town.none"}),
        ("/measures/policy/target", TO | {"subject": "urn:none"}),
        ("/measures/policy/target", TO | {"target": "nan"}),
        ("/measures/policy/target", TO | {"target": "much"}),
    ):
        status, page, _ = await ask(path, form, "ja")
        assert (status, "保存できませんでした" in page) == (400, True), form
    assert len(await world.measures.tree("town")) == 1
    assert (await ask("/measures/none"))[0] == 404
    with pytest.raises(Problem):
        await world.measures.get("town", "none")
