"""The pages of packs: installed from, set, removed; seen by each as they may; other towns only as they offer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import FakeClock

from kumihimo.app.access import Directory
from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.screens import Ask, Document, Page, Screen
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import Change, Op
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE, read_path, write_archive
from kumihimo.solutions.packs.likeness import MOST, score_of, suits
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.models import TRAITS, Fits, Town
from kumihimo.solutions.packs.screens import pack_screens
from kumihimo.solutions.packs.signature import read_key, signed, write_keys

FILES = dict(read_path(Path(__file__).parent / "parking"))
CALL = Call("town", Actor("person", "p-1"))
PLACE = "https://example.org/parking/"
FIVE = "urn:ngsi-ld:OffStreetParking:takamatsu-5"


class House:
    def __init__(self, platform: Platform, data: Path) -> None:
        self.platform = platform
        self.app: Any = build_http(platform)
        self.folder = data / "packs"

    async def ask(
        self, path: str, form: dict[str, str] | None = None, *, origin: str = "http://localhost"
    ) -> tuple[int, str]:
        """Status and text of the town's page, or where a form led to."""
        body = b"" if form is None else urlencode(form).encode()
        path, _, query = f"/t/town{path}".partition("?")
        given = {"host": "localhost", "accept": "text/html", "origin": origin}
        given["content-type"] = "application/x-www-form-urlencoded"
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET" if form is None else "POST",
            "path": path,
            "query_string": query.encode(),
        }
        scope |= {"raw_path": path.encode(), "headers": headers, "root_path": "", "scheme": "http"}
        waiting, sent = [{"type": "http.request", "body": body, "more_body": False}], []

        async def receive() -> Any:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        where = dict(sent[0]["headers"]).get(b"location", b"").decode()
        return sent[0]["status"], where or b"".join(one.get("body", b"") for one in sent[1:]).decode()

    def lay(self, files: dict[str, bytes], name: str = "parking.zip") -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_bytes(write_archive(files))

    def trust(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """The files, signed by somebody whom the platform trusts."""
        signers = self.folder / "signers"
        if not signers.is_dir():
            signers.mkdir(parents=True)
            write_keys(signers / "city")
        key = read_key(signers / "city")
        return {**files, SIGNATURE: signed(read_pack(files), files, key)}

    async def install(self, tenant: str = "town") -> None:
        await self.platform.packs.install(Call(tenant, CALL.actor), held(FILES, "outside", {}), unsigned=True)

    async def write(self, **values: Any) -> None:
        attrs = {PLACE + name: [{"type": "Property", "value": value}] for name, value in values.items()}
        fragment: Any = {"attrs": attrs}
        assert (await self.platform.broker.apply(CALL, [Change(Op.APPEND, FIVE, fragment)]))[0].problem is None


@pytest.fixture
async def house(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[House]:
    data = tmp_path / "data"
    platform = wire(Settings(data=str(data), port=0, mqtt_port=-1, open=True), fake_clock)
    await platform.database.open()
    for tenant in ("town", "next"):
        await platform.database.add_tenant(tenant)
    yield House(platform, data)
    await platform.database.close()


async def test_what_attributes_are_called_is_what_the_installed_packs_say(house: House) -> None:
    packs = house.platform.packs
    assert await packs.attribute_titles("town") == {}
    await house.install()
    found = await packs.attribute_titles("town")
    assert found["availableSpotNumber"] == {"ja": "空き台数", "en": "Free spaces"}
    assert (await packs.attribute_titles("next"), await packs.attribute_titles("town") is found) == ({}, True)


async def test_a_signed_pack_is_installed_set_and_removed_from_its_page(house: House) -> None:
    house.lay(house.trust(FILES))
    status, page = await house.ask("/packs/parking?lang=en")
    assert (status, "What installing it would do" in page, "signed by city" in page) == (200, True, True)
    form = {"action": "install", "value-few_spaces": "7", "value-contact": ""}
    assert await house.ask("/packs/parking", form) == (303, "/t/town/packs/parking")
    assert await house.platform.packs.values("town", "parking") == {"few_spaces": 7}
    status, page = await house.ask("/packs/parking?lang=ja")
    revision = re.search(r'name="revision" value="(\d+)"', page)
    assert (status, "この自治体の値" in page, revision is not None) == (200, True, True)
    assert revision is not None
    change = {"action": "set", "revision": revision[1], "value-few_spaces": "9"}
    assert (await house.ask("/packs/parking", change))[0] == 303
    _, page = await house.ask("/packs/parking?lang=ja")
    history = page.partition('id="events"')[2]
    assert ("導入 版 1.0.0" in history, "値の変更（few_spaces）" in history, "日々の業務" in page) == (True, True, True)
    late = await house.ask("/packs/parking?lang=en", {**change, "value-few_spaces": "1"})
    in_japanese = await house.ask("/packs/parking?lang=ja", {**change, "value-few_spaces": "1"})
    assert (in_japanese[0], "ほかの人がこのパックの設定を変えました" in in_japanese[1]) == (409, True)
    assert (late[0], "It was changed after you opened this" in late[1], 'value="1"' in late[1]) == (409, True, True)
    wrong = {**change, "revision": str(int(revision[1]) + 1), "value-few_spaces": "many"}
    status, page = await house.ask("/packs/parking", wrong)
    assert (status, page.count('aria-invalid="true" aria-describedby="value-few_spaces-wrong')) == (400, 1)
    assert 'id="value-few_spaces-wrong"' in page, "the field itself says what is wrong"
    assert await house.platform.packs.values("town", "parking") == {"few_spaces": 9}
    assert (await house.ask("/packs/parking", {"action": "remove"}))[0] == 400
    assert (await house.ask("/packs/parking", {"action": "else"}))[0] == 400
    foreign = await house.ask("/packs/parking", {"action": "remove", "sure": "yes"}, origin="http://evil.example")
    assert foreign[0] == 403
    assert [one.id for one in await house.platform.packs.all("town")] == ["parking"]
    assert await house.ask("/packs/parking", {"action": "remove", "sure": "yes"}) == (303, "/t/town/packs")
    assert await house.platform.packs.all("town") == []


async def test_no_page_installs_what_nobody_trusted_signed(house: House) -> None:
    house.lay(FILES)
    status, page = await house.ask("/packs/parking?lang=en")
    assert (status, "--unsigned" in page, ">Install</button>" in page) == (200, True, False)
    status, page = await house.ask("/packs/parking?lang=en", {"action": "install"})
    assert (status, "nobody signed it" in page) == (422, True)
    assert await house.platform.packs.all("town") == []


async def test_an_upgrade_is_offered_where_a_newer_version_lies_ready(house: House) -> None:
    house.lay(house.trust(FILES))
    assert (await house.ask("/packs/parking", {"action": "install"}))[0] == 303
    newer = {**FILES, MANIFEST: FILES[MANIFEST].replace(b'"1.0.0"', b'"1.1.0"')}
    house.lay(house.trust(newer))
    assert "What going from 1.0.0 to 1.1.0 would do" in (await house.ask("/packs/parking?lang=en"))[1]
    assert (await house.ask("/packs/parking", {"action": "install"}))[0] == 303
    assert [one.version for one in await house.platform.packs.all("town")] == ["1.1.0"]


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_every_page_is_there_in_both_languages(house: House, lang: str) -> None:
    house.lay({MANIFEST: b"broken"}, "broken.zip")
    empty = [await house.ask(f"{path}?lang={lang}") for path in ("/packs", "/pack-register", "/pack-planner")]
    assert [status for status, _ in empty] == [200] * 3
    await house.install()
    await house.write(availableSpotNumber=3, totalSpotNumber=20)
    for path, words in (
        ("/packs", ("0.15", "駐車場の一覧" if lang == "ja" else "Car parks")),
        ("/packs/parking", ("OffStreetParking",)),
        ("/packs/parking/list", ("残りわずか" if lang == "ja" else "few left", "瓦町駅地下")),
        ("/packs/parking/map", ("/pack-map?id=parking&amp;screen=map", "常磐町一丁目3-1")),
        ("/pack-register", ("0.15", "broken.zip", "flood")),
        ("/pack-planner", ("population",)),
    ):
        status, page = await house.ask(f"{path}?lang={lang}")
        assert status == 200, path
        assert [one for one in words if one not in page] == [], path
    assert (await house.ask("/packs/nothing"))[0] == 404
    assert (await house.ask("/packs/parking/nothing"))[0] == 404
    assert (await house.ask("/pack-map?id=nothing"))[0] == 404
    status, points = await house.ask("/pack-map?id=parking&screen=map")
    assert (status, points.count('"Point"')) == (200, 8)


PERSONS = """
[persons]
notice = { ja = "車のナンバーを読みます", en = "Number plates are read", ja-easy = "くるまの ばんごうを よみます" }
consent = { ja = "同意します", en = "I agree to that", ja-easy = "はい、いいです" }
"""


async def test_notice_and_consent_are_a_page_of_the_pack_in_three_languages(house: House) -> None:
    await house.install()
    assert (await house.ask("/packs/parking/persons"))[0] == 404
    assert "/packs/parking/persons" not in (await house.ask("/packs/parking/list"))[1]
    manifest = FILES[MANIFEST].replace(b'"1.0.0"', b'"1.1.0"') + PERSONS.encode()
    newer = held({**FILES, MANIFEST: manifest}, "outside", {})
    await house.platform.packs.install(CALL, newer, unsigned=True)
    for lang, notice, consent in (
        ("ja", "車のナンバーを読みます", "同意します"),
        ("en", "Number plates are read", "I agree to that"),
        ("ja-easy", "くるまの ばんごうを よみます", "はい、いいです"),
    ):
        status, page = await house.ask(f"/packs/parking/persons?lang={lang}")
        assert (status, notice in page, consent in page, "lang=ja-easy" in page) == (200, True, True, True)
    for path in ("/packs", "/packs/parking", "/packs/parking/list", "/packs/parking/map", "/pack-register"):
        assert 'href="/t/town/packs/parking/persons"' in (await house.ask(path))[1], path
    assert (await house.ask("/packs/nothing/persons"))[0] == 404


async def test_the_history_of_a_pack_names_people(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def names(self: Directory, actors: Iterable[str]) -> dict[str, str]:
        return {one: "水野 (mizuno)" for one in actors if one == "person:p-7"}

    monkeypatch.setattr(Directory, "names", names)
    here = House(house.platform, house.folder.parent)
    call = Call("town", Actor("person", "p-7"), "pack")
    await house.platform.packs.install(call, held(FILES, "outside", {}), unsigned=True)
    page = (await here.ask("/packs/parking?lang=ja"))[1]
    assert "利用目的: 日々の業務、オープンデータ" in page
    history = page.partition('id="events"')[2]
    assert ("水野 (mizuno)" in history, "person:p-7" in history) == (True, False)


async def nobody(actors: Iterable[str]) -> dict[str, str]:
    """Nobody is known by name."""
    del actors
    return {}


def shown(house: House, path: str, call: Call, **query: str) -> Any:
    """What a page's handler gives to a caller."""
    screens = {
        one.path: one
        for one in pack_screens(house.platform.packs.doors, house.platform.packs, house.platform.library, nobody)
    }
    found: Screen = screens[path]
    return found.show(Ask(call, "en", {"id": "parking", "screen": "list"}, query, {}))


async def test_a_pages_rows_and_figures_are_those_that_its_reader_may_see(
    tmp_path: Path, fake_clock: FakeClock
) -> None:
    """On a closed platform: a resident for whom the count is hidden learns of it neither by order, mark nor figure."""
    platform = wire(Settings(data=str(tmp_path / "closed"), port=0, mqtt_port=-1), fake_clock)
    await platform.database.open()
    await platform.database.add_tenant("town")
    house = House(platform, tmp_path / "closed")
    await house.install()
    await house.write(availableSpotNumber=3, totalSpotNumber=20)
    people = {role: Call("town", Actor("person", role)) for role in ("officer", "resident", "auditor")}
    for role, call in people.items():
        await platform.rules.members.add("town", call.actor, role, "test")
    hide = (
        'forbid (principal in Role::"resident", action == Action::"read", resource)'
        f' when {{ context.attribute == "{PLACE}availableSpotNumber" }};'
    )
    await platform.rules.documents.put("town", "hidden", hide, "test", "test")
    pages: dict[str, Page] = {role: await shown(house, "/packs/{id}/{screen}", call) for role, call in people.items()}
    rows = {role: {row.id: row for row in page.data["rows"]} for role, page in pages.items()}
    assert rows["officer"][FIVE].cells[1:] == ("3", "20")
    assert rows["officer"][FIVE].marked
    assert rows["resident"][FIVE].cells[1:] == ("", "20")
    assert not rows["resident"][FIVE].marked
    lists = {role: await shown(house, "/packs", call) for role, call in people.items()}
    figures = {role: page.data["packs"][0]["figures"][0] for role, page in lists.items()}
    assert (figures["officer"].value, figures["officer"].reached) == (0.15, True)
    assert (figures["resident"].value, figures["resident"].reached) == (None, None)
    points: Document = await shown(house, "/pack-map", people["resident"], id="parking", screen="map")
    assert b"087-" not in points.body
    assert b"few left" not in points.body
    await platform.database.close()


async def test_another_town_is_seen_with_its_results_only_after_it_chose_to_be(house: House) -> None:
    await house.install("next")
    own = {"population": "26,000", "snow": "yes", "river": "yes"}
    assert (await house.ask("/pack-planner", own))[0] == 303
    town = Town("next", 52_000, frozenset({"river"}))
    await house.platform.packs.describe(town)
    for path in ("/pack-register", "/pack-planner"):
        assert "next" not in (await house.ask(f"{path}?lang=en"))[1].partition("<main")[2]
    await house.platform.packs.describe(Town("next", 52_000, frozenset({"river"}), listed=True))
    planner = (await house.ask("/pack-planner?lang=en"))[1]
    assert "3.5 / 5" in planner
    assert "next" in planner.partition("<main")[2]
    assert "River levels and flood decisions" in planner
    house.lay(FILES)
    assert "next" in (await house.ask("/pack-register?lang=en"))[1].partition("<main")[2]
    assert (await house.ask("/pack-planner", {"population": "-1"}))[0] == 400


TOWNS = st.builds(Town, st.just("x"), st.integers(0, 10**6), st.frozensets(st.sampled_from(TRAITS)))


@given(TOWNS, TOWNS)
def test_likeness_is_the_same_from_both_sides_and_a_town_is_most_like_itself(one: Town, other: Town) -> None:
    assert score_of(one, other) == score_of(other, one)
    assert 0 <= score_of(one, other) <= MOST
    if one.population:
        assert score_of(one, one) == MOST
        assert score_of(one, other) <= MOST


def test_a_pack_suits_a_town_that_has_what_it_is_for() -> None:
    town = Town("x", 26_000, frozenset({"river", "snow"}))
    assert suits(Fits(river=True), town)
    assert suits(Fits(population=(20_000, 30_000)), town)
    assert not suits(Fits(river=True, coast=True), town)
    assert not suits(Fits(population=(30_000, 40_000)), town)
