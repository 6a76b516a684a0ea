"""The pages of members, policies, agreements and emergencies, in both languages, and who may see them."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.access.directory import OneSato

from kumihimo.base.call import ANONYMOUS, Actor, Call, Caller
from kumihimo.base.errors import Forbidden
from kumihimo.platform.access.decide import Access, Action
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.explain import Subject
from kumihimo.platform.access.models import RowNode, RowOr, RowTypes
from kumihimo.platform.access.screens import access_screens, platform_screens
from kumihimo.platform.access.sharing import PACKAGE, Names
from kumihimo.platform.access.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words

SATO, TANAKA, OTHER = Actor("person", "p-1"), Actor("person", "p-2"), Actor("person", "p-3")
PAGES = ("/members", "/policies", "/policies/officer", "/access-check", "/agreements", "/emergency")
TEXT = 'permit (principal in Role::"officer", action == Action::"read", resource is Entity);'
FORBID = 'forbid (principal, action == Action::"read", resource) when { context.attribute == "https://example.org/a" };'
RIVER = Subject("urn:ngsi-ld:River:1", ("https://example.org/River",), (), {"https://example.org/a": (1, "<b>")})
Ask = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def rules(database_factory: DatabaseFactory, fake_clock: FakeClock) -> StoredRules:
    database = await database_factory([SCHEMA, PLATFORM_SCHEMA])
    for tenant in ("fukui", "sabae"):
        await database.add_tenant(tenant)
    rules = StoredRules(database, fake_clock)
    for tenant in ("fukui", "sabae"):
        for actor in (SATO, TANAKA):
            await rules.members.add(tenant, actor, "operator", "x")
    await rules.members.add("fukui", OTHER, "officer", "x")
    return rules


@pytest.fixture
def ask(rules: StoredRules, fake_clock: FakeClock) -> Ask:
    access = Access(False, rules, fake_clock)
    rules.changes.told.append(access.forget)

    async def look(tenant: str, id_: str) -> Subject | None:
        return RIVER if (tenant, id_) == ("fukui", RIVER.id) else None

    live: Any = None

    def expand(term: str) -> str:
        return term if "://" in term else f"https://example.org/{term}"

    async def kinds(call: Call) -> list[str]:
        return ["Pond", "River", "a、b"] if call.tenant == "fukui" else []

    screens = access_screens(access, rules, look, Names(expand, kinds), OneSato())
    words = load_words([OWN_PACKAGE, PACKAGE])
    above = platform_screens(access, rules, expand, OneSato())

    async def allow(call: Call, needs: str) -> None:
        await access.decide(call, cast("Action", needs))

    more: dict[str, Any] = {"live": live, "clock": fake_clock, "platform": above, "allow": allow}
    app = Starlette(routes=Console(screens, words, tenants=rules.changes.database.tenants, **more).routes())

    async def ask(
        path: str, form: dict[str, str] | None = None, *, who: Actor = SATO, tenant: str = "fukui", lang: str = "en",
        origin: str = "http://localhost",
    ) -> tuple[int, str]:  # fmt: skip
        sent: list[Any] = []
        body = b"" if form is None else urlencode(form).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        path, _, query = path.partition("?")
        headers = [(b"host", b"localhost"), (b"accept-language", lang.encode())]
        if form is not None:
            headers += [(b"origin", origin.encode()), (b"content-type", b"application/x-www-form-urlencoded")]
        scope = {
            "type": "http", "method": "GET" if form is None else "POST",
            "path": f"/t/{tenant}{path}" if tenant else f"/platform{path}",
            "scheme": "http", "server": ("localhost", 80), "query_string": query.encode(), "headers": headers,
            "state": {"caller": Caller(who)},
        }  # fmt: skip
        await app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()

    return ask


@pytest.mark.parametrize("page", PAGES)
async def test_pages_are_told_in_both_languages_to_those_who_may(ask: Ask, page: str) -> None:
    for lang in ("ja", "en"):
        status, text = await ask(page, lang=lang)
        assert status == 200
        assert f'lang="{lang}"' in text
    for nobody in (OTHER, Actor("person", "p-9"), Actor("anonymous")):
        for form in (None, {"action": "put", "why": "x", "text": TEXT, "actor": "person:p-9", "role": "operator"}):
            if form is None or page != "/access-check":
                assert (await ask(page, form, who=nobody))[0] in {401, 403}


async def test_a_form_from_elsewhere_is_refused(ask: Ask, rules: StoredRules) -> None:
    form = {"action": "add", "actor": "person:p-9", "role": "operator"}
    assert (await ask("/members", form, origin="https://evil.example"))[0] == 403
    assert await rules.members.held("fukui", Actor("person", "p-9")) == []


@pytest.mark.parametrize(
    ("page", "form", "said"),
    [
        ("/members", {"action": "end", "id": "x", "why": "x"}, "その役割はもう終了しています"),
        ("/members", {"action": "add", "actor": "nobody", "role": "x"}, "に当たる人やアプリケーションはありません"),
        ("/members", {"action": "add", "actor": "person:p-9", "role": "X"}, "役割の名前として使えません"),
        ("/policies", {"name": "X", "text": TEXT, "why": "x"}, "規則の名前として使えません"),
        (
            "/policies",
            {"name": "x", "text": "nonsense", "why": "x"},
            "1 行目の 9 文字目: Cedar の規則として読め",
        ),
        ("/policies", {"name": "x", "text": "permit (principal, action, resource);", "why": "x"}, "検索の条件に移せる"),
        (
            "/policies",
            {"name": "x", "text": "forbid (principal, action, resource);", "why": "x"},
            "だれも元に戻せません",
        ),
        ("/policies", {"name": "x", "text": "// ", "why": "x"}, "規則が書かれていません"),
        ("/agreements", {"action": "accept", "id": "x"}, "その協定はありません"),
        ("/emergency", {"action": "open", "id": "x"}, "その緊急の権限はありません"),
        ("/emergency", {"action": "ask", "reason": "", "hours": "1"}, "500 文字までで書いてください"),
        ("/emergency", {"action": "ask", "reason": "x", "hours": "many"}, "1 から 72 までの数"),
    ],
)
async def test_a_refusal_is_said_in_japanese_on_a_japanese_page(
    ask: Ask, page: str, form: dict[str, str], said: str
) -> None:
    status, text = await ask(page, form, lang="ja")
    assert status >= 400
    assert said in text
    assert '<span lang="en">' not in text


async def test_who_lacks_a_right_is_told_in_their_language_who_has_it(ask: Ask) -> None:
    for lang, said in (
        ("ja", "fukui では「利用者を管理する」の権限がありません。いまの役割: 職員。この操作は、役割「運用者」"),
        ("en", "manage members. Roles that you hold: Officer. A member with one of these roles may: Operator."),
    ):
        status, text = await ask("/members", who=OTHER, lang=lang)
        assert status == 403
        assert said in text
        assert "the person may not" not in text
    assert "いまの役割: なし" in (await ask("/members", who=Actor("person", "p-9"), lang="ja"))[1]
    assert "ログインが必要です" in (await ask("/members", who=Actor("anonymous"), lang="ja"))[1]
    form = {"action": "end", "id": "x", "why": "x"}
    refused = (await ask("/members", form, origin="https://evil.example", lang="ja"))[1]
    assert "この基盤のページから送られたことを確かめられませんでした" in refused


async def test_a_role_is_given_and_ended_on_the_page(ask: Ask, rules: StoredRules) -> None:
    given = {"action": "add", "actor": "person:p-9", "role": "officer", "until": "2027-03-31", "why": "<i>異動"}
    assert (await ask("/members", given))[0] == 303
    status, text = await ask("/members")
    assert status == 200
    assert "&lt;i&gt;異動" in text
    assert "2027-04-01 00:00" in text
    (held,) = await rules.members.held("fukui", Actor("person", "p-9"))
    assert held.by == "person:p-1"
    assert re.search(r"<td[^>]*>佐藤 \(sato\)</td>", text), "who gave it, by name"
    assert "person:p-9" in text, "who has none, by id"
    status, text = await ask("/members", {"action": "end", "id": held.id, "why": ""})
    assert (status, "Say the reason or purpose in 1 to 500 characters" in text) == (400, True)
    assert (await ask("/members", {"action": "end", "id": held.id, "why": "退職"}))[0] == 303
    assert "退職" in (await ask("/members"))[1]
    status, text = await ask("/members", {**given, "until": "never"})
    assert (status, "is no day" in text) == (400, True)
    assert 'value="person:p-9"' in text, "what was written stays in the form"


async def test_a_person_is_named_by_how_they_sign_in(ask: Ask, rules: StoredRules) -> None:
    assert (await ask("/members", {"action": "add", "actor": "sato", "role": "auditor"}))[0] == 303
    assert "auditor" in {one.role for one in await rules.members.held("fukui", SATO)}
    assert "operator" in (await ask("/access-check?actor=sato&action=policies"))[1]


async def test_policies_are_changed_compared_and_brought_back(ask: Ask, rules: StoredRules) -> None:
    page = "/policies/officer"
    status, text = await ask(page, {"action": "put", "text": f"{TEXT}\n{FORBID[:-2]} ", "why": "x"})
    assert (status, "line 2, column 107: this is no Cedar policy" in text) == (422, True)
    text = html.unescape(
        (await ask(page, {"action": "put", "text": f"{TEXT}\n{FORBID[:-2]} ", "why": "x"}, lang="ja"))[1]
    )
    assert "2 行目の 107 文字目: Cedar の規則として読めません。文が途中で終わっています。" in text
    assert "(Cedar の原文: “unexpected end of input”)" in text
    assert "column" not in text
    assert (await ask(page, {"action": "put", "text": f"{TEXT}\r\n{FORBID}", "why": "<b>"}))[0] == 303
    (standing,) = [one for one in await rules.documents.list("fukui") if one.name == "officer"]
    assert standing.text == f"{TEXT}\n{FORBID}"
    status, text = await ask(f"{page}?version=1")
    assert status == 200
    assert "+forbid (principal" in text
    assert "&lt;b&gt;" in text
    assert (await ask(page, {"action": "back", "number": "0", "why": "x"}))[0] == 303
    assert (await ask(page, {"action": "back", "number": "x", "why": "x"}))[0] == 400
    assert (await ask(page, {"action": "remove", "why": "x"}))[0] == 303
    assert "These policies do not stand now" in (await ask(page))[1]
    assert (await ask("/policies/none"))[0] == 404
    assert (await ask("/policies", {"name": "extra", "text": FORBID, "why": "x"}))[0] == 303
    assert (await ask("/policies", {"name": "Extra", "text": FORBID, "why": "x"}))[0] == 400
    assert "/t/fukui/policies/extra" in (await ask("/policies"))[1]


async def test_one_tries_what_somebody_would_be_allowed(ask: Ask, rules: StoredRules) -> None:
    await rules.documents.put("fukui", "secret", FORBID, "x", "x")

    async def tried(**asked: str) -> str:
        status, text = await ask(f"/access-check?{urlencode(asked)}")
        assert status == 200
        return re.sub(r"\s+", " ", text)

    yes = await tried(actor="person:p-3", action="read", entity=RIVER.id)
    assert ">Allowed<" in yes
    assert "/t/fukui/policies/officer" in yes
    assert "&lt;b&gt;" in yes
    no = await tried(actor="person:p-3", action="read", entity=RIVER.id, attribute="a")
    assert ">Not allowed<" in no
    assert "The forbid in secret, line 1, stands in the way" in no
    assert "Hold the role Operator" in await tried(actor="person:p-3", action="members")
    assert "Log in" in await tried(actor="anonymous", action="read")
    for wrong in ({"actor": "x"}, {"actor": "person:p-3", "action": "fly"}, {"actor": "person:p-3", "entity": "urn:x"}):
        status, text = await ask(f"/access-check?{urlencode(wrong)}")
        assert (status, "This was refused" in text) == (400, True)


async def test_an_agreement_is_offered_accepted_and_ended_on_the_pages_of_both(ask: Ask, rules: StoredRules) -> None:
    offer = {
        "action": "offer", "taker": "sabae", "role": "officer", "purpose": "水防<", "starts": "2026-01-01",
        "ends": "2026-12-31", "text": TEXT.replace("officer", "sabae/officer"),
    }  # fmt: skip
    assert (await ask("/agreements", {**offer, "text": TEXT}))[0] == 422
    assert (await ask("/agreements", offer))[0] == 303
    ours, theirs = (await ask("/agreements"))[1], (await ask("/agreements", tenant="sabae"))[1]
    assert "水防&lt;" in ours
    assert ('value="accept"' in ours, 'value="accept"' in theirs) == (False, True)
    (made,) = await rules.agreements.list("sabae")
    assert (await ask("/agreements", {"action": "accept", "id": made.id}))[0] == 403
    assert (await ask("/agreements", {"action": "accept", "id": made.id}, tenant="sabae"))[0] == 303
    assert ">running<" in (await ask("/agreements"))[1]
    assert (await ask("/agreements", {"action": "end", "id": made.id, "why": "x"}))[0] == 303
    ended = (await ask("/agreements"))[1]
    assert ">ended<" in ended
    assert "Offered: 佐藤 (sato)" in ended
    assert "person:p-1" not in ended


MEMBERS = 'permit (principal in Role::"sabae/officer", action == Action::"members", resource);'
OFFER = {
    "taker": "sabae", "role": "officer", "purpose": "水防<", "starts": "2026-01-01", "ends": "2026-12-31",
}  # fmt: skip


def hidden(text: str) -> dict[str, str]:
    """What a page sends along unseen."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', text)
    return {name: html.unescape(value) for name, value in found}


async def test_an_agreement_is_made_of_what_was_chosen_and_shown_before_it_is_offered(
    ask: Ask, rules: StoredRules
) -> None:
    page = (await ask("/agreements"))[1]
    assert ('name="type.River"' in page, 'name="type.a、b"' in page) == (True, False)
    chosen = {"type.River": "yes", "types": "Lake,\r\nPond", "attributes": "name、level", "subscribe": "yes"}
    status, shown = await ask("/agreements", {**OFFER, **chosen, "action": "check"})
    assert (status, await rules.agreements.list("fukui")) == (200, [])
    assert "https://example.org/Lake" in shown
    sent = hidden(shown)
    assert (await ask("/agreements", {**sent, "action": "offer"}))[0] == 303
    (made,) = await rules.agreements.list("sabae")
    assert made.text == sent["text"].replace("\r\n", "\n")
    assert html.escape(made.text, quote=True).replace("&quot;", "&#34;") in shown, "what is kept is what was shown"
    await rules.agreements.accept("sabae", made.id, "x")
    reader = Actor("person", "p-8")
    await rules.members.add("sabae", reader, "officer", "x")
    access = Access(False, rules)
    grant = await access.decide(Call("fukui", reader), "subscribe")
    assert {f"https://example.org/{one}" for one in ("River", "Lake", "Pond")} == types_in(grant.restriction.rows)
    with pytest.raises(Forbidden):
        await access.decide(Call("fukui", reader), "write")


def types_in(rows: RowNode) -> set[str]:
    if isinstance(rows, RowTypes):
        return set(rows.types)
    assert isinstance(rows, RowOr), rows
    return set[str]().union(*map(types_in, rows.parts))


async def test_one_goes_back_from_what_is_shown_to_the_form(ask: Ask, rules: StoredRules) -> None:
    chosen = {"type.River": "yes", "types": "Lake", "attributes": "name"}
    shown = (await ask("/agreements", {**OFFER, **chosen, "action": "check"}))[1]
    status, back = await ask("/agreements", {**hidden(shown), "action": "edit"})
    assert status == 200
    assert 'name="type.River" value="yes" checked' in back
    assert re.search(r'<textarea id="types"[^>]*>\nLake</textarea>', back)
    assert re.search(r'<textarea id="text"[^>]*>\n</textarea>', back), "what was made is made anew"
    written = {**OFFER, "text": TEXT.replace("officer", "sabae/officer")}
    shown = (await ask("/agreements", {**written, "action": "check"}))[1]
    assert "sabae/officer" in hidden(shown)["text"]
    assert "sabae/officer" in (await ask("/agreements", {**hidden(shown), "action": "edit"}))[1]
    assert await rules.agreements.list("fukui") == []


WRONG: list[tuple[dict[str, str], str, str, str]] = [
    ({"taker": "fukui"}, "taker", "ほかの団体ではありません", "no other town"),
    ({"taker": '"'}, "taker", "ほかの団体ではありません", "no other town"),
    ({"role": '"x'}, "role", "役割の名前として使えません", "cannot be the name of a role"),
    ({"purpose": " "}, "purpose", "500 文字までで", "in 1 to 500 characters"),
    ({"starts": "x"}, "starts", "「x」は日付ではありません", "“x” is no day"),
    ({"ends": "x"}, "ends", "「x」は日付ではありません", "“x” is no day"),
    ({"ends": "2025-12-31"}, "ends", "協定の終わりは", "An agreement ends in the future"),
    ({"types": ""}, "types", "一つ以上選ぶか", "at least one type"),
    ({"types": 'a"b'}, "types", "として使えません", "cannot be the name of a type"),
    ({"attributes": 'a"b'}, "attributes", "として使えません", "cannot be the name of a type"),
    ({"text": TEXT}, "text", "どちらか一方に", "not both"),
    ({"types": "", "text": TEXT}, "text", "1 行目: 協定に書けるのは", "line 1: an agreement holds only"),
    ({"types": "", "text": MEMBERS}, "text", "1 行目: 何をしてよいかを", "line 1: say which of these actions"),
    ({"types": "", "text": "// "}, "text", "見せるものが書かれていません", "There is no policy"),
    ({"types": "", "text": "x"}, "text", "Cedar の規則として読めません", "is no Cedar policy"),
    ({"types": "", "text": "//" * 9000}, "text", "16384 バイトまで", "more than 16384 bytes"),
]


async def test_what_is_wrong_in_an_offer_is_said_at_its_field(ask: Ask, rules: StoredRules) -> None:
    for wrong, field, ja, en in WRONG:
        form = {**OFFER, "types": "River", **wrong, "action": "check"}
        for lang, said in (("ja", ja), ("en", en)):
            status, text = await ask("/agreements", form, lang=lang)
            assert status in {400, 422}
            found = re.findall(r'<p class="km-wrong" id="([^"]*)-wrong">(.*?)</p>', text, re.DOTALL)
            assert [name for name, _ in found] == [field], wrong
            assert said in html.unescape(found[0][1]), wrong
            assert text.count('aria-invalid="true"') == 1
            assert lang == "en" or '<span lang="en">' not in text
            assert "水防&lt;" in text or field == "purpose", "what was written stays"
    assert await rules.agreements.list("fukui") == []


async def test_an_agreement_does_not_name_the_people_of_the_other_side(ask: Ask, rules: StoredRules) -> None:
    now = rules.changes.now()
    await rules.members.end("sabae", (await rules.members.held("sabae", SATO))[0].id, "x", "x")
    text = TEXT.replace("officer", "sabae/officer")
    terms: dict[str, Any] = {"purpose": "水防", "text": text, "starts_at": now, "ends_at": now + 10**12}
    await rules.agreements.offer("fukui", "sabae", "officer", by=str(SATO), **terms)
    ours, theirs = (await ask("/agreements"))[1], (await ask("/agreements", tenant="sabae", who=TANAKA))[1]
    assert "佐藤 (sato)" in ours
    assert "佐藤" not in theirs


async def test_a_role_that_no_policy_names_is_said_to_give_nothing(ask: Ask) -> None:
    assert "no policy names it" not in (await ask("/members"))[1]
    assert (await ask("/members", {"action": "add", "actor": "sato", "role": "oficer"}))[0] == 303
    assert (await ask("/members"))[1].count("no policy names it") == 1


TITLED = """@role_ja("猟友会<会>")
@role_en("Hunters' club")
permit (principal in Role::"hunter", action == Action::"policies", resource is Tenant);
@role_ja("題だけ")
permit (principal in Role::"half", action == Action::"read", resource is Entity);
@role_ja("長" )
@role_en("much too long for any table of people and of what they may do")
permit (principal in Role::"long", action == Action::"read", resource is Entity);
@role_ja("偽の職員")
@role_en("No officer")
permit (principal in Role::"officer", action == Action::"audit", resource is Tenant);"""


@pytest.mark.parametrize(("lang", "title"), [("ja", "猟友会&lt;会&gt;"), ("en", "Hunters&#39; club")])
async def test_a_role_is_called_as_its_policies_title_it(ask: Ask, rules: StoredRules, lang: str, title: str) -> None:
    await rules.documents.put("fukui", "more", TITLED, str(SATO), "x")
    for role in ("hunter", "half", "long"):
        await rules.members.add("fukui", Actor("person", "p-9"), role, "x")
    shown = {page: (await ask(page, lang=lang))[1] for page in ("/members", "/agreements")}
    assert f">{title}</td>" in shown["/members"], "who holds it"
    assert f'<option value="hunter">{title}</option>' in shown["/members"], "it may be given"
    assert (">half</td>" in shown["/members"], ">long</td>" in shown["/members"]) == (True, True)
    assert [one for one in shown.values() if "偽の職員" in one or "No officer" in one] == []
    tried = (await ask(f"/access-check?{urlencode({'actor': 'person:p-9', 'action': 'policies'})}", lang=lang))[1]
    assert title in re.sub(r"<pre.*?</pre>", "", tried, flags=re.DOTALL), "by which role they may"
    status, refused = await ask("/members", who=Actor("person", "p-9"), lang=lang)
    assert (status, title in refused, "half" in refused) == (403, True, True)


async def test_the_title_of_a_role_is_told_to_its_own_town_alone(ask: Ask, rules: StoredRules) -> None:
    await rules.documents.put("sabae", "more", TITLED, str(SATO), "x")
    await rules.members.add("fukui", Actor("person", "p-9"), "hunter", "x")
    shown = (await ask("/members", lang="en"))[1]
    assert (">hunter " in shown, "club" in shown) == (True, False)


async def test_who_worked_on_the_machine_itself_is_called_so_in_each_language(ask: Ask, rules: StoredRules) -> None:
    await rules.members.add("fukui", Actor("person", "p-7"), "officer", "command line")
    await rules.documents.put("fukui", "more", TEXT, str(SATO), "x")
    page = (await ask("/members", lang="ja"))[1]
    assert "コマンド(サーバー上)" in page
    assert "command line" not in page
    assert "佐藤 (sato)" in (await ask("/policies/more", lang="ja"))[1]


async def test_the_other_side_is_shown_that_a_town_was_removed(ask: Ask, rules: StoredRules) -> None:
    offer = {
        "action": "offer", "taker": "sabae", "role": "officer", "purpose": "水防", "starts": "2026-01-01",
        "ends": "2026-12-31", "text": TEXT.replace("officer", "sabae/officer"),
    }  # fmt: skip
    assert (await ask("/agreements", offer))[0] == 303
    await rules.changes.database.remove_tenant("sabae")
    text = (await ask("/agreements", lang="ja"))[1]
    assert "相手の団体が基盤から削除されたため" in text
    assert 'value="end"' not in text


async def test_an_emergency_takes_two_persons_on_the_page(ask: Ask, rules: StoredRules) -> None:
    assert (await ask("/emergency", {"action": "ask", "reason": "氾濫<", "hours": "many"}))[0] == 400
    assert (await ask("/emergency", {"action": "ask", "reason": "氾濫<", "hours": "12"}))[0] == 303
    mine, others = (await ask("/emergency"))[1], (await ask("/emergency", who=TANAKA))[1]
    assert "氾濫&lt;" in mine
    assert ('value="open"' in mine, 'value="open"' in others) == (False, True)
    (asked,) = await rules.emergencies.list("fukui")
    assert (await ask("/emergency", {"action": "open", "id": asked.id}))[0] == 403
    assert (await ask("/emergency", {"action": "open", "id": asked.id}, who=TANAKA))[0] == 303
    assert ">Open<" in (await ask("/emergency"))[1]
    assert (await ask("/emergency", {"action": "end", "id": asked.id}))[0] == 303
    past = (await ask("/emergency"))[1]
    assert "佐藤 (sato)" in past
    assert "ended by: 佐藤 (sato)" in past, "who ended it is part of the record"
    assert "person:p-1" not in past
    assert "person:p-2" in past, "who has no name here stands by the id"


async def test_a_ready_text_publishes_what_was_chosen_once_it_is_saved(ask: Ask, rules: StoredRules) -> None:
    page = "/policies?types=River+Pond&attributes=name,+level&scope="
    status, text = await ask(page)
    assert (status, 'value="published"' in text) == (200, True)
    assert "published" not in {one.name for one in await rules.documents.list("fukui")}
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", text, re.DOTALL)
    assert found is not None
    ready = html.unescape(found[1])
    assert (await ask("/policies", {"name": "published", "text": ready, "why": "公開"}))[0] == 303
    for type_, names in (("River", {"name", "level"}), ("Pond", {"name", "level"}), ("Tree", set())):
        seen = await seen_by_strangers(rules, type_, {"name", "level", "owner"})
        assert seen == names, type_
    status, text = await ask("/policies?attributes=name")
    assert (status, "Say which types" in text) == (400, True)
    assert "form" in text
    for query, said in (
        ("attributes=name", "公開するデータの型かスコープを書いてください。"),
        ("types=River&attributes=a%5Cb", "は型や属性の名前として使えません。"),
        ("scope=/a%22b", "はスコープとして使えません。"),
    ):
        status, text = await ask(f"/policies?{query}", lang="ja")
        assert (status, said in text) == (400, True), query


async def seen_by_strangers(rules: StoredRules, type_: str, names: set[str]) -> set[str]:
    """Of these attributes those that a stranger may see of an entity of the type."""
    grant = await Access(False, rules).decide(Call("fukui", ANONYMOUS), "read")
    iri = "https://example.org/"
    held = grant.visible.names(lambda rows: admits_types(rows, iri + type_))
    return {name for name in names if iri + name in held}


def admits_types(rows: RowNode, type_: str) -> bool:
    if isinstance(rows, RowOr):
        return any(admits_types(one, type_) for one in rows.parts)
    assert isinstance(rows, RowTypes)
    return type_ in rows.types


# --- the platform itself ------------------------------------------------------------------------------------

ABOVE = ("/members", "/policies", "/policies/operator")
CHIEF, AUDITOR = Actor("person", "p-7"), Actor("person", "p-8")


@pytest.fixture
async def chief(rules: StoredRules) -> Actor:
    """An operator of the platform, beside an auditor of it."""
    await rules.members.add("", CHIEF, "operator", "x")
    await rules.members.add("", AUDITOR, "auditor", "x")
    return CHIEF


@pytest.mark.parametrize("page", ABOVE)
async def test_the_platforms_pages_are_for_its_operators_alone(
    ask: Ask, rules: StoredRules, chief: Actor, page: str
) -> None:
    for lang, said in (("ja", "基盤"), ("en", "latform")):
        status, text = await ask(page, who=chief, tenant="", lang=lang)
        assert status == 200
        assert said in text
        assert "/t//" not in text
    form = {"action": "put", "why": "x", "text": TEXT, "name": "x", "actor": "person:p-9", "role": "operator"}
    for nobody in (SATO, OTHER, AUDITOR, Actor("person", "p-9"), Actor("application", "a"), Actor("anonymous")):
        for sent in (None, form):
            status, text = await ask(page, sent, who=nobody, tenant="")
            assert status in {401, 403}, "an operator of a town is none of the platform"
            assert "p-7" not in text
    assert (await ask(page, form, who=chief, tenant="", origin="https://evil.example"))[0] == 403
    assert {one.actor for one in await rules.members.list("")} == {CHIEF, AUDITOR}
    assert all(one.version == 0 for one in await rules.documents.list(""))


async def test_an_operator_of_the_platform_is_made_and_ended_on_its_page(
    ask: Ask, rules: StoredRules, chief: Actor
) -> None:
    given = {"action": "add", "actor": "person:p-9", "role": "operator", "why": "異動"}
    assert (await ask("/members", given, who=chief, tenant=""))[0] == 303
    (held,) = await rules.members.held("", Actor("person", "p-9"))
    assert await rules.members.held("fukui", Actor("person", "p-9")) == []
    assert (await ask("/members", who=Actor("person", "p-9")))[0] == 200, "an operator in every town"
    text = (await ask("/members", who=chief, tenant=""))[1]
    assert 'action="/platform/members"' in text
    assert "異動" in text
    assert 'value="resident"' not in text, "a role that means nothing here is not proposed"
    assert 'id="publish"' not in (await ask("/policies?types=River", who=chief, tenant=""))[1], "a town publishes"
    assert (await ask("/members", {"action": "end", "id": held.id, "why": "x"}, who=chief, tenant=""))[0] == 303
    (last,) = await rules.members.held("", CHIEF)
    status, text = await ask("/members", {"action": "end", "id": last.id, "why": "x"}, who=chief, tenant="", lang="ja")
    assert status == 403
    assert "基盤全体の最後の運用者です" in text
    # What is kept of a town is not ended through the platform's page.
    (theirs,) = await rules.members.held("fukui", TANAKA)
    assert (await ask("/members", {"action": "end", "id": theirs.id, "why": "x"}, who=chief, tenant=""))[0] == 404


async def test_the_platforms_policies_are_changed_on_its_page(ask: Ask, rules: StoredRules, chief: Actor) -> None:
    text = 'permit (principal in Role::"auditor", action == Action::"members", resource is Tenant);'
    assert (await ask("/policies", {"name": "auditors", "text": text, "why": "x"}, who=chief, tenant=""))[0] == 303
    assert (await ask("/members", who=AUDITOR, tenant=""))[0] == 200
    assert (await ask("/members", who=AUDITOR))[0] == 403, "and in no town"
    assert "auditors" not in {one.name for one in await rules.documents.list("fukui")}
    status, page = await ask("/policies/auditors", who=chief, tenant="")
    assert status == 200
    assert 'href="/platform/policies"' in page
    assert (await ask("/policies/auditors", {"action": "remove", "why": "x"}, who=chief, tenant=""))[0] == 303
    assert (await ask("/members", who=AUDITOR, tenant=""))[0] == 403


async def test_the_way_to_the_platforms_pages_is_shown_to_who_may_go(ask: Ask, chief: Actor) -> None:
    for who, shown in ((chief, True), (SATO, False), (AUDITOR, False)):
        text = (await ask("/policies", who=who, tenant=""))[1]
        assert ('href="/platform/members"' in text) is shown
