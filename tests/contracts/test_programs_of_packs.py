"""A pack's program in a town: installed with a yes, called by its own pack's rules alone, and held to what it asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.jsontext import dumps
from kumihimo.base.settings import Settings
from kumihimo.cli.operations.rules import rule_trace
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD
from kumihimo.platform.programs import worker
from kumihimo.platform.programs.models import Program, ProgramLate
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.manifest import held
from kumihimo.solutions.packs.models import Held

FILES = dict(read_path(Path(__file__).parents[1] / "solutions" / "packs" / "heat"))
CALL = Call("town", Actor("system", "command line"))
HERE = "urn:ngsi-ld:WeatherObserved:here"
MINUTE = 60_000_000


def pack(
    program: str = "", *, version: str = "1.0.0", rules: tuple[str, str] = ("", ""), trust: Any = "signed"
) -> Held:
    """The pack with another program, another version, or other words in its rules."""
    manifest = FILES[MANIFEST].decode().replace('version = "1.0.0"', f'version = "{version}"')
    text = FILES["rules.toml"].decode()
    assert rules[0] in text
    files = {**FILES, MANIFEST: manifest.encode(), "rules.toml": text.replace(*rules).encode()}
    files["program.py"] = program.encode() or FILES["program.py"]
    return replace(held(files, "outside", {}), trust=trust, signer="the region")


class Town:
    """A platform with one town, whose rules are looked at when a test says so."""

    def __init__(self, platform: Platform, clock: FakeClock) -> None:
        self.platform = platform
        self.clock = clock
        self.sets = platform.rule_sets
        self.vocabulary = DEFAULT_VOCAB

    async def read(self, temperature: float, humidity: float = 70.0, *, entity_id: str = HERE, east: float = 0) -> None:
        """A reading of this moment, and all that follows from it."""
        self.clock.advance(60)
        moment = times.text(self.clock.now())
        attrs: Any = {
            self.vocabulary + name: [{"type": "Property", "value": value, "observedAt": moment}]
            for name, value in (("temperature", temperature), ("relativeHumidity", humidity))
        }
        point = {"type": "Point", "coordinates": [134.0 + east, 34.3]}
        attrs[NGSI_LD + "location"] = [{"type": "GeoProperty", "value": point}]
        doc: Any = {"id": entity_id, "type": [self.vocabulary + "WeatherObserved"], "attrs": attrs}
        [outcome] = await self.platform.broker.apply(CALL, [Change(Op.UPSERT_UPDATE, entity_id, doc)])
        assert outcome.problem is None
        await self.sets.keeper.catch_up("town")

    async def attribute(self, name: str) -> tuple[Any, Any]:
        """Value and unit."""
        doc = await self.platform.broker.get("town", HERE, ALL_ROWS, ALL_ATTRIBUTES)
        assert doc is not None
        instance: dict[str, Any] = dict(next(iter(doc["attrs"].get(self.vocabulary + name, [{}]))))
        return instance.get("value"), instance.get("unitCode")

    async def done(self) -> list[tuple[str, str]]:
        """What became of each action of each firing, the oldest first."""
        fired = await self.sets.firings(CALL, "heat-rules")
        return [(row.state, row.words.en) for one in fired[::-1] for row in one.actions]

    async def install(self, one: Held) -> None:
        await self.platform.packs.install(CALL, one, program=True)


@pytest.fixture
async def town(tmp_path: Path, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(worker, "CALL_SECONDS", 20.0)
    platform = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1, open=True), fake_clock)
    await platform.database.open()
    await platform.database.add_tenant("town")
    yield Town(platform, fake_clock)
    await platform.programs.close()
    await platform.database.close()


@pytest.fixture
def untried(town: Town) -> Town:
    """The same, where no pack's own tests are run: one test does that."""
    town.platform.packs.doors = replace(town.platform.packs.doors, trial=_no_trial)
    return town


async def _no_trial(held_: Held) -> list[Any]:
    del held_
    return []


async def test_a_pack_with_a_program_is_tried_installed_at_work_and_goes(town: Town) -> None:
    planned = await town.platform.packs.plan(pack(), "town")
    with pytest.raises(PackRefused, match="say --program on the command line"):
        await town.platform.packs.install(CALL, pack())
    with pytest.raises(PackRefused, match="not with --unsigned either"):
        await town.platform.packs.install(CALL, pack(trust="unsigned"), unsigned=True, program=True)
    assert await town.platform.packs.all("town") == []
    await town.install(pack())
    await town.read(30.0, entity_id="urn:ngsi-ld:WeatherObserved:near", east=0.001)
    await town.read(33.0)
    assert (planned.program, planned.missing) == ("new", ())
    assert await town.attribute("discomfort") == (85.9, None)
    assert await town.attribute("heatLevel") == ("hot", None)
    assert await town.attribute("warmerThanAround") == (3.0, "CEL")
    assert await town.done() == [("done", ""), ("done", "")]
    [firing, _] = await town.sets.firings(CALL, "heat-rules")
    assert firing.firing.facts["heat().discomfort"] == 85.9
    await town.platform.packs.remove(CALL, "heat")
    await town.read(35.0)
    assert await town.attribute("discomfort") == (85.9, None)


async def test_a_pack_whose_program_fails_its_own_tests_is_not_installed(town: Town) -> None:
    wrong = FILES["program.py"].decode().replace("0.81 *", "0.9 *")
    with pytest.raises(PackRefused, match=r"a hot and damp day: discomfort is 88\.\d, not 85\.9"):
        await town.install(pack(wrong))
    assert await town.platform.packs.all("town") == []


async def test_a_program_that_does_not_begin_hinders_the_installation(untried: Town) -> None:
    plan = await untried.platform.packs.plan(pack(FILES["program.py"].decode() + "\nX = 1 / 0\n"), "town")
    assert [one.en for one in plan.missing] == [
        "its program was tried: the program failed: ZeroDivisionError in line 23"
    ]


async def test_where_programs_are_unsafe_the_installation_is_refused_with_that_reason(
    untried: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(PackRefused, match="only Linux on x86_64 and aarch64 can keep them"):
        await untried.install(pack())


async def test_a_failing_program_is_a_failed_action_and_the_rule_goes_on(untried: Town) -> None:
    body = "import statistics\ndef heat(temperature, humidity, around):\n    if temperature > 40:\n"
    body += "        posix = statistics.sys.modules['posix']\n        posix.kill(posix.getppid(), 9)\n"
    body += "    return {'discomfort': 100 / (temperature - 10), 'heatLevel': 'fair', 'other': 1} "
    body += "if temperature < 5 else {'discomfort': 100 / (temperature - 10), 'heatLevel': 'fair'}\n"
    await untried.install(pack(body))
    for temperature in (10.0, 0.0, 45.0, 20.0):
        await untried.read(temperature)
    states = await untried.done()
    assert [state for state, _ in states] == ["failed", "failed", "failed", "done"]
    said = [words for _, words in states[:3]]
    assert said[0] == "heat(): the program failed: ZeroDivisionError in line 6"
    assert said[1] == "heat(): what heat() gives: 'other' is not declared"
    assert said[2].startswith("heat(): the program tried to do more than reckon")
    assert await untried.attribute("discomfort") == (10.0, None)
    costs = await untried.sets.costs(CALL, "heat-rules")
    assert (costs["reckon"].fired, costs["reckon"].unanswered) == (4, 3)
    one = await untried.sets.get(CALL, "heat-rules")
    assert not one.stopped


async def test_an_argument_of_a_program_that_has_no_answer_is_named_where_the_rule_is_traced(
    untried: Town,
) -> None:
    await untried.install(pack(rules=(' && has(entity.relativeHumidity)"', '"')))
    point = {"type": "Point", "coordinates": [134.0, 34.3]}
    attrs = {untried.vocabulary + "temperature": [{"type": "Property", "value": 30.0}]}
    attrs[NGSI_LD + "location"] = [{"type": "GeoProperty", "value": point}]
    doc: Any = {"id": HERE, "type": [untried.vocabulary + "WeatherObserved"], "attrs": attrs}
    await untried.platform.broker.apply(CALL, [Change(Op.UPSERT_UPDATE, HERE, doc)])
    await untried.sets.keeper.catch_up("town")
    doors: Any = untried.platform
    [row] = await rule_trace(doors, {"tenant": "town", "name": "heat-rules", "entity": HERE})
    assert row["outcome"] == "did"
    assert row["why"].startswith("compute failed: the expression has no answer: arguments.humidity: ")


async def test_a_program_that_costs_too_much_has_its_rule_stopped(
    untried: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await untried.install(pack())
    monkeypatch.setattr("kumihimo.service.rules.budget.MEASURED", 3)
    monkeypatch.setattr("kumihimo.service.rules.budget.MAX_MEAN", 1)
    for temperature in (20.0, 21.0, 22.0, 23.0):
        await untried.read(temperature)
    one = await untried.sets.get(CALL, "heat-rules")
    assert "for a judgement in the mean" in one.stopped["reckon"].words.en


async def test_a_program_that_is_late_again_and_again_has_its_rule_stopped_soon(
    untried: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(user: object, program: Program, function: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if given["temperature"] < 0:
            raise ProgramLate("遅い", "too late")
        return {"discomfort": 50.0, "heatLevel": "fair"}

    await untried.install(pack())
    monkeypatch.setattr(untried.platform.programs, "call", call)
    after = []
    for temperature in (-1.0, -2.0, 20.0, -3.0, -4.0, -5.0, -6.0):
        await untried.read(temperature)
        after.append(list((await untried.sets.get(CALL, "heat-rules")).stopped))
    stopped = (await untried.sets.get(CALL, "heat-rules")).stopped["reckon"].words
    assert after == [[], [], [], [], [], ["reckon"], ["reckon"]]
    assert stopped.en.startswith("a function of the pack's program gave no answer in time, 3 times in a row")
    assert "3 回続けて時間内に答えなかった" in stopped.ja
    assert [state for state, _ in await untried.done()] == ["failed", "failed", "done", "failed", "failed", "failed"]


async def test_what_the_pack_did_not_ask_to_write_is_refused_when_put_and_when_done(untried: Town) -> None:
    await untried.install(pack())
    text = (await untried.sets.get(CALL, "heat-rules")).text
    elsewhere = text.replace('do = "compute"', 'do = "compute"\nentity = "urn:ngsi-ld:Other:1"')
    with pytest.raises(RuleRefused, match="the pack heat asked for no right to write discomfort of this type"):
        await untried.sets.put(CALL, elsewhere.replace('entity = "urn', 'type = "Other"\nentity = "urn'))
    for old, new, words in (
        ('"heat"', '"cold"', "has no function cold"),
        ('humidity = "entity.relativeHumidity", ', "", "is not what it takes: humidity"),
        ('["discomfort", ', '["name", ', "gives no name"),
    ):
        with pytest.raises(RuleRefused, match=words):
            await untried.sets.put(CALL, text.replace(f"function = {old}", f"function = {new}").replace(old, new))
    await untried.sets.put(CALL, elsewhere)
    other: Any = {"id": "urn:ngsi-ld:Other:1", "type": [DEFAULT_VOCAB + "Other"], "attrs": {}}
    await untried.platform.broker.apply(CALL, [Change(Op.CREATE, other["id"], other)])
    await untried.read(30.0)
    [(state, words)] = await untried.done()
    assert (state, "asked for no right to write discomfort" in words) == ("refused", True)


NAMED = "https://example.org/heat/"


def named() -> Held:
    """The pack with an @context of its own, whose names its rules write in full."""
    short = ("WeatherObserved", "temperature", "relativeHumidity", "discomfort", "heatLevel", "warmerThanAround")
    rules = FILES["rules.toml"].decode()
    for name in short:
        rules = rules.replace(f'"{name}"', f'"{NAMED}{name}"').replace(f"entity.{name}", f"entity['{NAMED}{name}']")
    rules = "\n".join(line for line in rules.splitlines() if not line.startswith("condition"))
    context = dumps({"@context": {name: NAMED + name for name in short}})
    manifest = FILES[MANIFEST].decode().replace('licence = "Apache-2.0"', 'licence = "x"\ncontext = "context.jsonld"')
    files = {**FILES, MANIFEST: manifest.encode(), "rules.toml": rules.encode(), "context.jsonld": context}
    return replace(held(files, "outside", {}), trust="signed", signer="the region")


async def test_a_pack_with_names_of_its_own_calls_its_program_by_its_short_names(untried: Town) -> None:
    untried.vocabulary = NAMED
    await untried.install(named())
    await untried.read(30.0, entity_id="urn:ngsi-ld:WeatherObserved:near", east=0.001)
    await untried.read(33.0)
    assert [state for state, _ in await untried.done()] == ["done", "done"]
    assert await untried.attribute("discomfort") == (85.9, None)
    assert await untried.attribute("warmerThanAround") == (3.0, "CEL")


async def test_rules_call_the_program_by_the_short_names_of_the_packs_context(untried: Town) -> None:
    untried.vocabulary = NAMED
    whole = named()
    await untried.install(replace(whole, files={**whole.files, "rules.toml": FILES["rules.toml"]}))
    await untried.read(30.0, entity_id="urn:ngsi-ld:WeatherObserved:near", east=0.001)
    await untried.read(33.0)
    assert [state for state, _ in await untried.done()] == ["done", "done"]
    assert await untried.attribute("discomfort") == (85.9, None)
    assert await untried.attribute("warmerThanAround") == (3.0, "CEL")
    text = (await untried.sets.get(CALL, "heat-rules")).text
    elsewhere = text.replace(f'discomfort = "{NAMED}', 'discomfort = "https://example.org/other/')
    assert elsewhere != text
    with pytest.raises(RuleRefused, match="asked for no right to write discomfort of this type"):
        await untried.sets.put(CALL, elsewhere)


async def test_rules_of_a_pack_that_name_one_thing_in_two_ways_are_told_how_it_is_written(untried: Town) -> None:
    whole = named()
    short = whole.files["rules.toml"].decode().replace(f'watch = ["{NAMED}', 'watch = ["')
    found = replace(whole, files={**whole.files, "rules.toml": short.encode()})
    with pytest.raises(PackRefused, match=f"temperature; write {NAMED}temperature in one way") as refused:
        await untried.install(found)
    assert refused.value.wording is not None
    assert f"{NAMED}temperature は、短い名前か" in str(refused.value.wording.values["ja"])


async def test_no_other_rules_call_the_program_and_no_circle_is_made(untried: Town) -> None:
    await untried.install(pack())
    text = (await untried.sets.get(CALL, "heat-rules")).text
    with pytest.raises(RuleRefused, match="only a rule set that a pack brought calls the pack's program"):
        await untried.sets.put(CALL, text.replace("heat-rules", "our-rules"))
    with pytest.raises(RuleRefused, match="rules set each other off in a loop"):
        await untried.sets.put(CALL, text.replace('"relativeHumidity"]', '"relativeHumidity", "discomfort"]', 1))


async def test_a_replay_calls_the_program_and_writes_nothing(untried: Town) -> None:
    await untried.install(pack())
    await untried.read(33.0)
    await untried.read(20.0)
    before = await untried.attribute("discomfort")
    text = (await untried.sets.get(CALL, "heat-rules")).text
    now = times.micros(untried.clock.now())
    found = await untried.sets.replay(CALL, text, now - 10 * MINUTE, now + MINUTE)
    assert [one.facts["heat().heatLevel"] for one in found.found] == ["hot", "fair"]
    assert (found.counts, found.unanswered) == ({"reckon": 2}, {})
    assert await untried.attribute("discomfort") == before


async def test_an_upgrade_that_changes_the_program_says_so_and_needs_a_yes(untried: Town) -> None:
    packs = untried.platform.packs
    await untried.install(pack())
    await packs.install(CALL, pack(version="1.0.1"))
    other = pack(FILES["program.py"].decode().replace("HOT = 80", "HOT = 90"), version="1.1.0")
    planned = await packs.plan(other, "town")
    with pytest.raises(PackRefused, match="brings another program than the one that runs"):
        await packs.install(CALL, other)
    await untried.read(33.0)
    before = await untried.attribute("heatLevel")
    await untried.install(other)
    await untried.read(33.0)
    assert (planned.program, before) == ("changed", ("hot", None))
    assert await untried.attribute("heatLevel") == ("warm", None)


async def test_no_page_installs_a_program_and_the_page_shows_it(untried: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    library = untried.platform.library
    monkeypatch.setattr(library, "find", lambda _id: pack())
    monkeypatch.setattr(library, "all", lambda: [pack()])
    client = Client(build_http(untried.platform))
    page = await client.get("/t/town/packs/heat")
    sent = await client.post("/t/town/packs/heat", {"action": "install"})
    installed = await untried.platform.packs.all("town")
    await untried.install(pack())
    after = await client.get("/t/town/packs/heat")
    assert "kumihimo solution install --program" in page.text
    assert 'value="install"' not in page.text
    assert (sent.status, installed) == (422, [])
    assert "program.py" in after.text
    assert "statistics" in after.text
