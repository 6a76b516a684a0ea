"""Packs come, change and go in a town, on both engines and through every room's own door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock

from kumihimo.app.packs import pack_doors
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, Forbidden, NonexistentTenant, Problem, ResourceNotFound
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op, Query
from kumihimo.service.rules.text import read, write
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE, read_archive, read_path, write_archive
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.errors import PackChanged, PackRefused
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.models import Held, Plan, Town
from kumihimo.solutions.packs.ports import RulesSaid
from kumihimo.solutions.packs.signature import new_key, read_key, read_signers, signed, write_keys

CALL = Call("town", Actor("person", "p-1"))
FILES = dict(read_path(Path(__file__).parents[1] / "solutions" / "packs" / "parking"))
OFFICER, RESIDENT = Actor("person", "p-2"), Actor("person", "p-3")
TYPE = "https://example.org/parking/OffStreetParking"
FREE = "https://example.org/parking/availableSpotNumber"
FIVE = "urn:ngsi-ld:OffStreetParking:takamatsu-5"
NAMED = "# with names\n"
RULES = b"""
[[rules]]
file = "few.toml"
title = { ja = "x", en = "x" }
watches = ["OffStreetParking.availableSpotNumber"]
does = ["alert"]
"""


class Sets:
    """A room of rules that keeps texts."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def check(self, text: str) -> RulesSaid:
        if "bomb" in text:
            raise Forbidden("the rule costs too much")
        name = "parking-few" if "kawaramachi" not in text else "kawaramachi-few"
        does = {"notify"} if "notify" in text else {"alert"}
        writes = {"https://example.org/parking/telephone"} if "telephone" in text else set()
        watches = None if "anything" in text else frozenset({FREE})
        return RulesSaid(name, frozenset({TYPE}), watches, frozenset(writes), frozenset(does))

    def named(self, text: str, names: Mapping[str, str]) -> str:
        assert names[FREE.rpartition("/")[2]] == FREE
        return f"{NAMED}{text}"

    def unnamed(self, text: str, names: Mapping[str, str]) -> str:
        assert names[FREE.rpartition("/")[2]] == FREE
        return text.removeprefix(NAMED)

    async def allow(self, call: Call) -> None:
        """Everybody may put rules."""

    async def text(self, tenant: str, name: str) -> str | None:
        del tenant
        return self.texts.get(name)

    async def put(self, call: Call, name: str, text: str, why: str) -> None:
        assert call.cause.startswith("pack ")
        assert why
        self.texts[name] = text

    async def remove(self, call: Call, name: str, why: str) -> None:
        del call, why
        if self.texts.pop(name, None) is None:
            raise ResourceNotFound(name)


class House:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.sets = Sets()
        self.doors = replace(pack_doors(platform, None), rule_sets=self.sets)
        self.packs = Packs(self.doors)

    async def state(self) -> dict[str, Any]:
        """All that a pack could have left anywhere in the town."""
        tenant = "town"
        found = await self.platform.broker.find(tenant, Query(ALL_ROWS, ALL_ATTRIBUTES, limit=1000))
        documents = await self.platform.rules.documents.list(tenant)
        return {
            "entities": {one["id"] for one in found.entities},
            "policies": {one.name for one in documents if one.version},
            "devices": {one.id for one in await self.platform.registry.list(tenant)},
            "contexts": len(await self.platform.shelf.list(tenant, "Hosted")),
            "rules": dict(self.sets.texts),
            "packs": await self.packs.all(tenant),
        }

    async def put(self, entity_id: str, **values: Any) -> None:
        """The town writes to an entity."""
        fragment: Any = {
            "attrs": {
                f"https://example.org/parking/{name}": [{"type": "Property", "value": one}]
                for name, one in values.items()
            }
        }
        assert (await self.platform.broker.apply(CALL, [Change(Op.APPEND, entity_id, fragment)]))[0].problem is None

    async def value(self, entity_id: str) -> Any:
        doc = await self.platform.broker.get("town", entity_id, ALL_ROWS, ALL_ATTRIBUTES)
        return None if doc is None else doc["attrs"][FREE][0].get("value")

    async def documents(self) -> dict[str, str]:
        return {one.name: one.text for one in await self.platform.rules.documents.list("town")}


@asynccontextmanager
async def town(folder: Path, url: str, clock: FakeClock) -> AsyncIterator[House]:
    platform = wire(Settings(data=str(folder / "data"), port=0, mqtt_port=-1, database_url=url), clock)
    await platform.database.open()
    await platform.database.add_tenant("town")
    for actor, role in ((OFFICER, "officer"), (RESIDENT, "resident")):
        await platform.rules.members.add("town", actor, role, "test")
    yield House(platform)
    await platform.database.close()


@pytest.fixture
async def house(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[House]:
    """On SQLite, where what is tested does not touch this room's rows."""
    async with town(tmp_path, "", fake_clock) as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def any_house(request: pytest.FixtureRequest, tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[House]:
    """On each engine in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    async with town(tmp_path, url, fake_clock) as made:
        yield made


def pack(*changes: tuple[str, str], more: bytes = b"", **files: bytes) -> Held:
    text = FILES[MANIFEST].decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return held({**FILES, MANIFEST: text.encode() + more, **files}, "outside", {})


def steps(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in plan.steps:
        found.setdefault(one.what, []).append(one.item.name)
    return found


async def test_a_pack_comes_does_its_work_and_goes_without_a_trace(any_house: House) -> None:
    house = any_house
    before = await house.state()
    planned = await house.packs.plan(pack(), "town")
    assert await house.state() == before, "a plan changes nothing"
    plan = await house.packs.install(CALL, pack(), unsigned=True)
    assert (plan.steps, plan.action, plan.missing) == (planned.steps, "install", ())
    there = await house.state()
    assert there["policies"] == {"pack-parking"}
    assert there["devices"] == {"parking-5"}
    assert there["contexts"] == 1
    assert len(there["entities"]) == 8
    grant = await house.platform.access.decide(Call("town", RESIDENT), "read")
    seen = await house.platform.broker.get("town", FIVE, grant.restriction, grant.visible)
    assert seen is not None
    assert "https://example.org/parking/telephone" not in seen["attrs"]
    again = await house.packs.install(CALL, pack(), unsigned=True)
    assert again.steps == ()
    gone = await house.packs.remove(CALL, "parking")
    assert {one.what for one in gone.steps} == {"take-away"}
    assert await house.state() == before
    with pytest.raises(Forbidden):
        await house.platform.access.decide(Call("town", RESIDENT), "approve")
    assert [one.what for one in await house.packs.events("town", "parking")] == ["removed", "upgrade", "install"]


async def test_what_the_town_changed_stays_when_the_pack_goes_unless_it_is_purged(house: House) -> None:
    await house.packs.install(CALL, pack(), unsigned=True)
    await house.put(FIVE, availableSpotNumber=7)
    mine: Any = {"id": "urn:x:mine", "type": [TYPE], "attrs": {}}
    await house.platform.broker.apply(CALL, [Change(Op.CREATE, "urn:x:mine", mine)])
    gone = await house.packs.remove(CALL, "parking")
    assert steps(gone)["stays"] == [FIVE]
    assert (await house.state())["entities"] == {FIVE, "urn:x:mine"}
    with pytest.raises(PackRefused, match=f"entity {FIVE}: the town has one of this name already"):
        await house.packs.install(CALL, pack(), unsigned=True)
    await house.platform.broker.apply(CALL, [Change(Op.DELETE, FIVE)])
    await house.packs.install(CALL, pack(), {"few_spaces": 9}, unsigned=True)
    told = await house.packs.plan_removal("town", "parking", purge=True)
    assert [one.en for one in told.later] == [
        "all 9 entities of the type OffStreetParking are deleted, with what the town made of them"
    ]
    await house.packs.remove(CALL, "parking", purge=True)
    assert (await house.state())["entities"] == set()
    assert await house.packs.values("town", "parking") == {}


async def test_an_upgrade_keeps_the_towns_values_changes_and_data(any_house: House) -> None:
    house = any_house
    await house.packs.install(CALL, pack(), {"few_spaces": 9}, unsigned=True)
    await house.put(FIVE, availableSpotNumber=7)
    await house.platform.broker.apply(CALL, [Change(Op.DELETE, "urn:ngsi-ld:OffStreetParking:takamatsu-1")])
    own = (await house.documents())["pack-parking"] + "\n// the town's own words"
    await house.platform.rules.documents.put("town", "pack-parking", own, "test", "ours")
    start = FILES["start.jsonld"].decode()
    newer = pack(
        ('version = "1.0.0"', 'version = "1.1.0"'),
        ("Residents see which", "All residents see which"),
        **{"start.jsonld": start.replace("杣場川", "新しい").replace("takamatsu-8", "takamatsu-9").encode()},
    )
    plan = await house.packs.install(CALL, newer, unsigned=True)
    assert (plan.action, plan.before) == ("upgrade", "1.0.0")
    assert steps(plan) == {
        "take-away": ["urn:ngsi-ld:OffStreetParking:takamatsu-8"],
        "stays": ["pack-parking", "urn:ngsi-ld:OffStreetParking:takamatsu-1", FIVE],
        "change": ["urn:ngsi-ld:OffStreetParking:takamatsu-4"],
        "make": ["urn:ngsi-ld:OffStreetParking:takamatsu-9"],
    }
    assert await house.value(FIVE) == 7
    assert (await house.documents())["pack-parking"] == own
    assert await house.packs.values("town", "parking") == {"few_spaces": 9}
    with pytest.raises(PackRefused, match=r"1\.1\.0 is installed, which is newer"):
        await house.packs.install(CALL, pack(), unsigned=True)


class Killed(Exception):
    """The process ends here."""


async def test_killed_at_any_step_an_installation_goes_on_and_a_removal_too(house: House) -> None:
    before = await house.state()
    wanted = len((await house.packs.plan(pack(), "town")).steps)

    def dying(packs: Packs, after: int, name: str) -> Packs:
        left = after
        for keeper in packs._keepers.values():
            real: Callable[..., Any] = getattr(keeper, name)

            async def work(*given: Any, real: Callable[..., Any] = real) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Killed
                return await real(*given)

            setattr(keeper, name, work)
        return packs

    for after in (0, 2, wanted - 1):
        with pytest.raises(Killed):
            await dying(Packs(house.doors), after, "make").install(CALL, pack(), unsigned=True)
        assert [one.state for one in await house.packs.all("town")] == ["installing"]
        await house.packs.install(CALL, pack(), unsigned=True)
        assert len((await house.state())["entities"]) == 8
        assert (await house.packs.plan(pack(), "town")).steps == ()
        with pytest.raises(Killed):
            await dying(Packs(house.doors), after, "take").remove(CALL, "parking")
        await house.packs.remove(CALL, "parking")
        assert await house.state() == before


async def test_names_that_clash_are_refused_and_nothing_is_made(house: House) -> None:
    await house.packs.install(CALL, pack(), unsigned=True)
    before = await house.state()
    other = pack(
        ('id = "parking"', 'id = "spaces"'),
        ("parking.free-share", "spaces.free-share"),
        ('id = "parking-5"', 'id = "spaces-5"'),
        ('entity = "parking-5"', 'entity = "spaces-5"'),
    )
    with pytest.raises(PackRefused) as refused:
        await house.packs.install(CALL, other, unsigned=True)
    assert "the pack parking brings the model OffStreetParking already" in refused.value.detail
    assert f"entity {FIVE}: the pack parking made it" in refused.value.detail
    assert await house.state() == before
    with pytest.raises(PackRefused, match="another pack named parking is installed"):
        await house.packs.plan(replace(pack(), origin="shipped", trust="shipped"), "town")


async def test_an_unsigned_pack_needs_a_word_and_a_signed_one_is_followed_by_its_signer_alone(
    house: House, tmp_path: Path
) -> None:
    write_keys(tmp_path / "town")
    signers = read_signers(tmp_path)

    def by(key: bytes, version: str) -> Held:
        files = {**FILES, MANIFEST: FILES[MANIFEST].replace(b'"1.0.0"', f'"{version}"'.encode())}
        return held({**files, SIGNATURE: signed(read_pack(files), files, key)}, "outside", signers)

    with pytest.raises(PackRefused, match="nobody signed it"):
        await house.packs.install(CALL, pack())
    (tmp_path / "stranger").write_bytes(new_key()[0])
    stranger = read_key(tmp_path / "stranger")
    with pytest.raises(PackRefused, match="nobody whom this platform trusts"):
        await house.packs.install(CALL, by(stranger, "1.0.0"))
    await house.packs.install(CALL, by(read_key(tmp_path / "town"), "1.0.0"))
    with pytest.raises(PackRefused, match="was signed by town"):
        await house.packs.install(CALL, by(stranger, "1.1.0"), unsigned=True)
    await house.packs.install(CALL, by(read_key(tmp_path / "town"), "1.1.0"))
    assert [(one.version, one.signer) for one in await house.packs.all("town")] == [("1.1.0", "town")]


async def test_two_who_change_values_at_once_lose_nothing(any_house: House) -> None:
    house = any_house
    ruled = pack(more=RULES, **{"few.toml": b"few = @{few_spaces}"})
    await house.packs.install(CALL, ruled, unsigned=True)
    assert house.sets.texts == {"parking-few": NAMED + "few = 5"}
    seen = (await house.packs.get("town", "parking"))[0].revision
    await house.packs.set_values(CALL, "parking", {"few_spaces": 8}, seen)
    assert house.sets.texts == {"parking-few": NAMED + "few = 8"}
    with pytest.raises(PackChanged):
        await house.packs.set_values(CALL, "parking", {"few_spaces": 3}, seen)
    assert house.sets.texts == {"parking-few": NAMED + "few = 8"}
    for wrong in ({"few_spaces": 5000}, {"other": 1}):
        with pytest.raises(BadRequestData):
            await house.packs.set_values(CALL, "parking", wrong, seen + 1)
    house.sets.texts["parking-few"] = "the town's own rule"
    plan = await house.packs.set_values(CALL, "parking", {"few_spaces": None}, seen + 1)
    assert steps(plan) == {"stays": ["parking-few"]}
    assert house.sets.texts == {"parking-few": "the town's own rule"}


SET = """
name = "parking-few"
title_ja = "駐車場の名前"
title_en = "names of car parks"

[[rule]]
name = "renamed"
types = ["https://example.org/parking/OffStreetParking"]
watch = ["name"]
quiet_minutes = @{few_spaces}

[[rule.then]]
do = "task"
text = "look at the sign"
whom = "officer"
minutes = 60
"""


async def test_a_packs_rules_are_on_in_the_platforms_own_room_follow_the_values_and_go(house: House) -> None:
    packs, sets, call = house.platform.packs, house.platform.rule_sets, replace(CALL, actor=Actor("system", "test"))
    more = RULES.replace(b".availableSpotNumber", b".name").replace(b'"alert"', b'"task"')
    await packs.install(call, pack(more=more, **{"few.toml": SET.encode()}), unsigned=True)
    made = await sets.get(call, "parking-few")
    assert (made.is_on, "quiet_minutes = 5\n" in made.text) == (True, True)
    await sets.switch(call, "parking-few", on=False)
    seen = (await packs.get("town", "parking"))[0].revision
    await packs.set_values(call, "parking", {"few_spaces": 8}, seen)
    made = await sets.get(call, "parking-few")
    assert (made.is_on, "quiet_minutes = 8\n" in made.text) == (False, True)
    await packs.remove(call, "parking")
    assert await sets.all(call) == []
    watching = SET.replace('watch = ["name"]\n', "")
    changing = SET.replace('do = "task"', 'do = "change"\nattribute = "address"\nvalue = "x"')
    changing = changing.replace('text = "look at the sign"\nwhom = "officer"\nminutes = 60\n', "")
    bomb = SET.replace("quiet_minutes", 'condition = "' + "(" * 300 + 'true"\nquiet_minutes')
    for text, why in (
        (watching, "a rule without watch watches whatever changes"),
        (changing, "it changes what the manifest does not say"),
        (changing.replace('"address"', '"name"'), "set each other off in a loop"),
        (bomb, "condition"),
        ("nonsense = 1", "there is no such member"),
    ):
        with pytest.raises(Problem, match=why):
            await packs.plan(pack(more=more, **{"few.toml": text.encode()}), "town")
    before, officer = await house.state(), replace(CALL, actor=OFFICER)
    with pytest.raises(Forbidden):
        await packs.install(officer, pack(more=more, **{"few.toml": SET.encode()}), unsigned=True)
    assert await house.state() == before, "who may not put rules installs no half of a pack"


FEW = """# few places are left
name = "parking-few"

[[rule]]
name = "few"
types = ["OffStreetParking"]
watch = ["availableSpotNumber"]
condition = "entity.availableSpotNumber < @{few_spaces} && before.availableSpotNumber > 1.0"

[[rule.then]]
do = "alert"
severity = 2
title_ja = "残り {entity.availableSpotNumber}"
title_en = "{entity.availableSpotNumber} left"
"""


async def test_rules_of_a_pack_go_by_its_own_short_names(house: House) -> None:
    """Written, judged, explained, changed and handed on by the names of the pack's @context."""
    packs, sets, call = house.platform.packs, house.platform.rule_sets, replace(CALL, actor=Actor("system", "test"))
    await packs.install(call, pack(more=RULES, **{"few.toml": FEW.encode()}), unsigned=True)
    assert await packs.changed("town", "parking") == []
    await house.put(FIVE, availableSpotNumber=9)
    await house.put(FIVE, availableSpotNumber=1)
    await sets.keeper.catch_up("town")
    [fired] = await sets.firings(call, "parking-few")
    assert fired.firing.facts["availableSpotNumber"] == 1.0
    assert [one.order.content["title_en"] for one in fired.actions] == ["1 left"]
    assert [one["attribute"] for one in fired.actions[0].order.content["evidence"]] == [FREE]
    newest = (await sets.trace(call, "parking-few", FIVE)).changes[0].steps[0]
    assert (newest.outcome, newest.facts["availableSpotNumber"]) == ("did", 1.0)
    stands = (await sets.get(call, "parking-few")).text
    definition = sets.check(stands)
    assert dict(await sets.known(call, definition))["OffStreetParking"].count("availableSpotNumber") == 1
    changed = replace(definition, rules=(replace(definition.rules[0], condition="entity.availableSpotNumber < 7"),))
    await sets.put(call, write(changed), why="as the form puts it")
    copy = await packs.export("town", "parking", "kawaramachi")
    assert b"example.org" not in copy.files["few.toml"]
    assert read(copy.files["few.toml"].decode()) == replace(changed, name="kawaramachi-few", names={})
    await packs.remove(call, "parking")
    await house.put(FIVE, availableSpotNumber=6)
    await sets.keeper.catch_up("town")
    newest = (await sets.trace(call, "parking-few", FIVE)).changes[0].steps[0]
    assert (newest.outcome, newest.facts["availableSpotNumber"]) == ("did", 6.0), "the town's rule means what it meant"


async def test_a_file_of_rules_gives_a_name_no_other_meaning_than_the_pack(house: House) -> None:
    other = '\n[names]\navailableSpotNumber = "https://example.org/people/availableSpotNumber"\n'
    with pytest.raises(PackRefused, match=r"few\.toml of parking: its names make 'https://example\.org/people/"):
        await house.platform.packs.plan(pack(more=RULES, **{"few.toml": (FEW + other).encode()}), "town")


async def test_rules_that_the_room_does_not_take_stop_the_pack_before_anything_is_made(house: House) -> None:
    before = await house.state()
    with pytest.raises(PackRefused, match=r"few\.toml: the rule costs too much"):
        await house.packs.install(CALL, pack(more=RULES, **{"few.toml": b"bomb"}), unsigned=True)
    without = Packs(replace(house.doors, rule_sets=None))
    with pytest.raises(PackRefused, match="no room of rules"):
        await without.install(CALL, pack(more=RULES, **{"few.toml": b"x"}), unsigned=True)
    for text, why in (
        (b"notify", "it does notify, which does must name"),
        (b"telephone", "it changes what the manifest does not say"),
        (b"anything", "a rule without watch watches whatever changes"),
        (b"kawaramachi", "the set is named 'kawaramachi-few'"),
    ):
        with pytest.raises(PackRefused, match=why):
            await house.packs.install(CALL, pack(more=RULES, **{"few.toml": text}), unsigned=True)
    assert await house.state() == before


async def test_a_towns_changed_copy_is_a_pack_that_can_be_installed_elsewhere(house: House) -> None:
    ruled = pack(more=RULES, **{"few.toml": b"few = @{few_spaces}"})
    await house.packs.install(CALL, ruled, {"few_spaces": 9, "contact": "p@town.example.jp"}, unsigned=True)
    house.sets.texts["parking-few"] = "few = 12  # parking-few"
    await house.put(FIVE, availableSpotNumber=1)
    made = await house.packs.export("town", "parking", "kawaramachi")
    assert made.left == (
        f"entity {FIVE}: changed in the town",
        "the value of contact stays in the town",
    )
    copy = held(read_archive(write_archive(made.files)), "outside", {})
    assert (copy.pack.id, copy.pack.changed_from) == ("kawaramachi", "parking 1.0.0")
    assert {one.name: one.default for one in copy.pack.parameters} == {"few_spaces": 9, "contact": None}
    assert "town.example.jp" not in str(made.files)
    await house.platform.database.add_tenant("next")
    await house.packs.install(replace(CALL, tenant="next"), copy, unsigned=True)
    assert house.sets.texts["kawaramachi-few"] == NAMED + "few = 12  # kawaramachi-few"
    for name in ("parking", "Kawaramachi", "../x", ""):
        with pytest.raises(BadRequestData):
            await house.packs.export("town", "parking", name)


async def test_a_name_that_stands_for_something_else_than_it_says_is_refused(house: House) -> None:
    """Rights are read by their short names: one that the context turns into another's would open that."""
    context = FILES["context.jsonld"].replace(b"parking/telephone", b"people/salary")
    with pytest.raises(PackRefused, match=r"makes 'https://example\.org/people/salary' of 'telephone'"):
        await house.packs.plan(pack(**{"context.jsonld": context}), "town")


async def test_a_town_is_seen_by_others_only_where_it_said_so(house: House) -> None:
    await house.packs.install(CALL, pack(), unsigned=True)
    assert await house.packs.towns() == []
    town = Town("town", 26_000, frozenset({"river", "snow"}), listed=True)
    await house.packs.describe(town)
    assert [(one, [each.id for each in packs]) for one, packs in await house.packs.towns()] == [(town, ["parking"])]
    with pytest.raises(BadRequestData):
        await house.packs.describe(replace(town, population=-1))


async def test_what_is_not_there(house: House) -> None:
    with pytest.raises(ResourceNotFound):
        await house.packs.remove(CALL, "parking")
    with pytest.raises(NonexistentTenant):
        await house.packs.plan(pack(), "nowhere")
    with pytest.raises(PackRefused, match="say a value of the parameter few_spaces"):
        await house.packs.install(CALL, pack(("default = 5\n", "")), unsigned=True)
    plan = await house.packs.install(CALL, pack(("default = 5\n", "")), {"few_spaces": 4}, unsigned=True)
    assert "nobody holds the role resident yet" not in {one.en for one in plan.later}


async def test_policies_that_would_not_be_kept_stop_the_pack(house: House) -> None:
    many = "".join(
        '\n[[rights]]\nrole = "officer"\nmay = ["read"]\ntypes = ["OffStreetParking"]\n'
        f'why = {{ ja = "{"わ" * 300}", en = "{number}" }}\n'
        for number in range(40)
    )
    with pytest.raises(Problem, match="bytes"):
        await house.packs.plan(pack(more=many.encode()), "town")
