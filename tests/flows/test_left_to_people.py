"""What a pack leaves to a person's decision stays with people, whatever door somebody tries: rules by every way in,
data written over, programs that sign, old decisions, a pack that forgets its mark. A device moves by a command on its
topic; here none is, but for the one that a person decided on.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client, Reply

from kumihimo.app.http import console_of, doors_of
from kumihimo.app.platform import Platform
from kumihimo.app.rules import SOURCE
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call, Caller
from kumihimo.base.errors import BadRequestData, Forbidden
from kumihimo.base.ports import Command
from kumihimo.base.settings import Settings
from kumihimo.cli.operations.rules import rule_set as put_by_command_line
from kumihimo.device.registry.models import Device
from kumihimo.platform.access.grants import NOTHING
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Allowed, Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.service.alerts.models import Alert, AlreadyDecided, Content, Proposal, Sighting
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.manifest import held
from kumihimo.solutions.packs.models import Held

CHIEF, OFFICER = Actor("person", "p-1"), Actor("person", "p-2")
CALL = Call("town", CHIEF)
SIGN, SIREN, FREE = "sign-1", "siren-1", "siren-2"
SIGN_ENTITY = "urn:ngsi-ld:RiversideSign:1"
SHOW = Proposal(SIGN, "show", {"text": "はん濫注意", "level": 2}, {"ja": "表示", "en": "Show it"})
RULE = """name = "{name}"
[[rule]]
name = "high"
types = ["Gauge"]
watch = ["level"]
condition = "entity.level > 3"
[[rule.then]]
{then}
"""
MOVE = f'do = "command"\ndevice = "{SIGN}"\nname = "show"\narguments = {{ text = "x" }}\nreason = "rule"'
HIDDEN = 'do = "command"\ndevice = "{entity.device}"\nname = "show"\narguments = { text = "x" }\nreason = "rule"'
GAUGE = "urn:ngsi-ld:Gauge:1"
FIGURES = {"at": 1, "height": 2.0, "rateState": "too-few", "nextState": "highest"}
PACK = dict(read_path(Path(__file__).parents[1] / "solutions" / "packs" / "parking"))
MARK = """
[[alerts]]
name = "parking.full"
title = { ja = "満車", en = "Full" }
severity = 1
decides = "officer"
%s
"""


class Town:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.caller = CHIEF

    async def down(self, topic: str, payload: bytes, **more: Any) -> bool:
        """The way to the devices."""
        del more
        self.sent.append((topic, json.loads(payload)))
        return True

    def client(self) -> Client:
        pages = Starlette(routes=console_of(self.platform).routes())

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await pages({**scope, "state": {"caller": Caller(self.caller)}}, receive, send)

        return Client(app)

    async def form(self, path: str, **fields: str) -> Reply:
        return await self.client().post(f"/t/town{path}?lang=en", fields)

    async def get(self, path: str, lang: str) -> Reply:
        return await self.client().get(f"/t/town{path}", {"accept-language": lang})

    async def write(self, entity: str, kind: str, **values: Any) -> None:
        attrs: Any = {DEFAULT_VOCAB + name: [{"type": "Property", "value": one}] for name, one in values.items()}
        doc: Any = {"id": entity, "type": [DEFAULT_VOCAB + kind], "attrs": attrs}
        [outcome] = await self.platform.broker.apply(CALL, [Change(Op.UPSERT_UPDATE, entity, doc)])
        assert outcome.problem is None

    async def install(self, *packs: str) -> None:
        for one in packs:
            await self.platform.packs.install(CALL, self.platform.library.find(one))

    async def rules(self) -> None:
        """What the rules come to, to its end."""
        while await self.platform.rule_sets.keeper.look("town"):
            pass

    async def alert(self, subject: str = "urn:gauge", severity: int = 2, at: int = 1) -> Alert:
        content = Content({"ja": "高い", "en": "high"}, facts=FIGURES, proposals=(SHOW,) if severity else ())
        sighted = await self.platform.alerts.sight(CALL, Sighting("flood", subject, severity, at, content))
        assert sighted is not None
        return sighted

    async def refusals(self) -> list[str]:
        return [one.detail.en for one in await self.platform.arbiter.list("town") if one.state == "refused"]


@pytest.fixture
async def town(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Town]:
    platform = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1), fake_clock)
    await platform.database.open()
    await platform.database.add_tenant("town")
    for actor, role in ((CHIEF, "operator"), (OFFICER, "officer")):
        await platform.rules.members.add("town", actor, role, "test")
    devices = ((SIGN, "sign", "RiversideSign"), (SIREN, "siren", "WildlifeSiren"), (FREE, "siren", "ParkSiren"))
    for name, family, kind in devices:
        entity = f"urn:ngsi-ld:{kind}:1"
        await platform.registry.add("town", Device(name, family, name, entity, DEFAULT_VOCAB + kind))
    made = Town(platform)
    platform.arbiter._down = made.down
    yield made
    await platform.database.close()


async def test_what_a_person_decides_moves_the_device_once(town: Town) -> None:
    alert = await town.alert()
    decision = await town.platform.alerts.decide(CALL, alert.id, alert.version, "accepted", "the river rises")
    assert [step.state for step in decision.steps] == ["sent"]
    assert [body["arguments"] for _, body in town.sent] == [{"text": "はん濫注意", "level": 2}]
    call = replace(CALL, cause=f"decision:{decision.id}")
    again = await town.platform.arbiter(call, Command("town", SIGN, "show", SHOW.arguments, "once more"))
    assert again.state == "refused", "a decision is good for one command"
    other = await town.platform.arbiter(call, Command("town", SIREN, "sound", {"pattern": "danger"}, "beside it"))
    assert other.state == "refused", "and for what it says alone"
    assert len(town.sent) == 1


@pytest.mark.parametrize("cause", ["", "decision:", "decision:none", "rule:1:x/y/1/0"])
async def test_nobody_commands_past_the_decision(town: Town, cause: str) -> None:
    for actor in (CHIEF, Actor("application", "a-1"), Actor("system", "rules/x")):
        command = Command("town", SIGN, "show", {"text": "x"}, "because")
        outcome = await town.platform.arbiter(Call("town", actor, cause=cause), command)
        assert outcome.state == "refused"
        assert "the pack flood has the device sign-1 moved only by a person's decision" in outcome.detail
        assert "人の決定" in outcome.detail_ja
    assert town.sent == []


async def test_quiet_is_never_held_back_and_other_devices_are_the_towns_own(town: Town) -> None:
    for device, name, arguments in (
        (SIREN, "stop", {}),
        (FREE, "sound", {"pattern": "test", "level": 3, "urgent": True}),
    ):
        outcome = await town.platform.arbiter(CALL, Command("town", device, name, arguments, "because"))
        assert outcome.state == "sent", outcome
    assert len(town.sent) == 2


async def test_a_rule_that_would_move_it_is_refused_by_every_way_in(town: Town) -> None:
    sets, text = town.platform.rule_sets, RULE.format(name="sly", then=MOVE)
    with pytest.raises(RuleRefused, match="pack flood has the device sign-1"):
        await sets.put(CALL, text)
    given = {"tenant": "town", "text": text, "on": True}
    with pytest.raises(RuleRefused, match="raise an alert"):
        await put_by_command_line(doors_of(town.platform), given)
    reply = await town.form("/rules", text=text)
    assert (reply.status, "only by a person" in reply.text) == (422, True), reply.text
    assert await sets.all(CALL) == []
    quiet = MOVE.replace(SIGN, SIREN).replace("show", "stop").replace('{ text = "x" }', "{}")
    assert (await sets.put(CALL, RULE.format(name="quiet", then=quiet))).version == 1


async def test_a_rule_that_names_it_only_while_it_runs_is_refused_then(town: Town) -> None:
    await town.platform.rule_sets.put(CALL, RULE.format(name="sly", then=HIDDEN), on=True)
    await town.write(GAUGE, "Gauge", level=4, device=SIGN)
    await town.rules()
    [fired] = await town.platform.rule_sets.firings(CALL, "sly")
    [action] = fired.actions
    assert (action.state, "only by a person's decision" in action.words.en) == ("refused", True)
    assert town.sent == []


async def test_a_set_from_before_the_mark_is_not_switched_on_any_more(town: Town) -> None:
    sets = town.platform.rule_sets
    await town.platform.registry.remove("town", SIGN)
    await sets.put(CALL, RULE.format(name="old", then=MOVE))
    sign = Device(SIGN, "sign", SIGN, SIGN_ENTITY, DEFAULT_VOCAB + "RiversideSign")
    await town.platform.registry.add("town", sign)
    with pytest.raises(RuleRefused, match="pack flood"):
        await sets.switch(CALL, "old", on=True)
    assert not (await sets.get(CALL, "old")).is_on


async def test_state_that_is_written_moves_nothing(town: Town) -> None:
    """By a person, by a rule: the entity says what a device reported, it is no way to tell it something."""
    await town.write(SIGN_ENTITY, "RiversideSign", state="on", shownText="x")
    change = f'do = "change"\nentity = "{SIGN_ENTITY}"\nattribute = "state"\nvalue = "on"'
    await town.platform.rule_sets.put(CALL, RULE.format(name="state", then=change), on=True)
    await town.write(GAUGE, "Gauge", level=4)
    await town.rules()
    assert await town.platform.arbiter.list("town") == []
    assert town.sent == []


async def test_an_officer_without_the_right_neither_writes_it_nor_decides(town: Town) -> None:
    await town.install("flood", "wildlife")
    """Through the decision that NGSI-LD's PATCH asks for, and over the alert's own page."""
    for action in ("approve", "command", "write"):
        with pytest.raises(Forbidden):
            await town.platform.access.decide(Call("town", OFFICER), action)
    await town.write(SIGN_ENTITY, "RiversideSign", state="dark")
    grant = await town.platform.access.decide(Call("town", OFFICER), "read")
    doc: Any = {"id": SIGN_ENTITY, "type": [], "attrs": {DEFAULT_VOCAB + "state": [{"type": "Property", "value": 1}]}}
    change = Change(Op.APPEND, SIGN_ENTITY, doc, allowed=Allowed(NOTHING, grant))
    [outcome] = await town.platform.broker.apply(Call("town", OFFICER), [change])
    assert isinstance(outcome.problem, Forbidden)
    alert = await town.alert()
    town.caller = OFFICER
    form = {"verdict": "accepted", "version": "1", "reason": "x", "who": "p-1"}
    assert (await town.form(f"/flood/alerts/{alert.id}", **form)).status == 403
    assert (await town.platform.alerts.get("town", alert.id)).verdict == "undecided"
    assert town.sent == []


async def test_a_rule_neither_decides_nor_gives_a_permission(town: Town) -> None:
    alert = await town.alert()
    sets = town.platform.rule_sets
    decide = 'do = "change"\nentity = "{}"\nattribute = "decision"\nvalue = "accepted"'
    permit = 'do = "change"\nentity = "urn:ngsi-ld:WildlifeSirenRule:town"\ntype = "WildlifeSirenRule"\n'
    permit += 'attribute = "sirenRule"\nvalue = "x"'
    with pytest.raises(RuleRefused, match="a rule does not write alerts"):
        await sets.put(CALL, RULE.format(name="decides", then=decide.format(alert.id)))
    with pytest.raises(RuleRefused, match="standing permission"):
        await sets.put(CALL, RULE.format(name="permits", then=permit))
    await sets.put(CALL, RULE.format(name="hidden", then=decide.format("{entity.alert}")), on=True)
    await town.write(GAUGE, "Gauge", level=4, alert=alert.id)
    await town.rules()
    [fired] = await sets.firings(CALL, "hidden")
    assert [one.state for one in fired.actions] == ["refused"]
    doc = await town.platform.broker.get("town", alert.id, ALL_ROWS, ALL_ATTRIBUTES)
    assert doc is not None
    assert doc["attrs"][DEFAULT_VOCAB + "decision"][0]["value"] == "undecided"
    await town.write(alert.id, "Alert", decision="accepted")  # by somebody who may: it decides nothing
    assert (await town.platform.alerts.get("town", alert.id)).verdict == "undecided"
    assert town.sent == []


async def test_a_short_name_of_a_packs_own_gives_no_permission_either(town: Town) -> None:
    await town.platform.packs.install(CALL, pack("1.0.0", 'permits = ["OffStreetParking"]'), unsigned=True)
    change = 'do = "change"\nattribute = "state"\nvalue = 1'
    short = RULE.format(name="permits", then=change).replace('"Gauge"', '"OffStreetParking"')
    named = short + '\n[names]\nOffStreetParking = "https://example.org/parking/OffStreetParking"\n'
    with pytest.raises(RuleRefused, match="in the pack parking a person alone gives a standing permission"):
        await town.platform.rule_sets.put(CALL, named)
    await town.platform.rule_sets.put(CALL, short)  # of another type, as the core @context has it


async def test_only_a_person_decides_whatever_name_a_program_signs(town: Town) -> None:
    await town.install("flood", "wildlife")
    alert, actor = await town.alert(), Actor("application", "a-1")
    for one in (actor, Actor("device", SIGN), Actor("system", "flood"), Actor("anonymous")):
        with pytest.raises(BadRequestData):
            await town.platform.alerts.decide(Call("town", one), alert.id, alert.version, "accepted", "x")
    await town.platform.rules.members.add("town", actor, "operator", "test")
    town.caller = actor
    rule_alert = await town.platform.alerts.sight(CALL, Sighting(SOURCE, f"{GAUGE}#a/b", 1, 1, alert.content))
    assert rule_alert is not None
    for path in (f"/flood/alerts/{alert.id}", f"/alerts/{rule_alert.id}"):
        reply = await town.form(path, verdict="accepted", version="1", reason="x", who="山田")
        assert (reply.status, "not taken" in reply.text) == (400, True), (path, reply.status)
    assert await town.platform.alerts.decisions("town") == []
    assert town.sent == []


async def test_a_decision_whose_alert_has_ended_moves_nothing_more(town: Town) -> None:
    alerts = town.platform.alerts

    async def away(topic: str, payload: bytes, **more: Any) -> bool:
        del topic, payload, more
        return False

    town.platform.arbiter._down = away
    alert = await town.alert()
    decision = await alerts.decide(CALL, alert.id, alert.version, "accepted", "it rises")
    assert [step.state for step in decision.steps] == ["failed"]
    ended = await town.alert(severity=0, at=2)
    assert ended.state == "closed"
    with pytest.raises(AlreadyDecided, match="has ended"):
        await alerts.again(CALL, decision.id, 0, "once more")
    with pytest.raises(AlreadyDecided, match="closed"):
        await alerts.decide(CALL, alert.id, ended.version, "accepted", "late")
    assert await alerts.decisions("town") == [decision]


def pack(version: str, moves: str) -> Held:
    text = PACK[MANIFEST].decode().replace('version = "1.0.0"', f'version = "{version}"') + MARK % moves
    return held({**PACK, MANIFEST: text.encode()}, "outside", {})


async def test_a_pack_of_outside_marks_its_devices_and_no_upgrade_drops_the_mark(town: Town) -> None:
    with pytest.raises(PackRefused, match="none of the pack's models"):
        pack("1.0.0", 'moves = ["Siren"]')
    marked = pack("1.0.0", 'moves = ["OffStreetParking"]')
    packs = town.platform.packs
    await packs.install(CALL, marked, unsigned=True)
    kind = "https://example.org/parking/OffStreetParking"
    await town.platform.registry.add("town", Device("gate", "sign", "gate", "urn:gate", kind))
    gate = MOVE.replace(SIGN, "gate")
    with pytest.raises(RuleRefused, match="the pack parking has the device gate"):
        await town.platform.rule_sets.put(CALL, RULE.format(name="gate", then=gate))
    with pytest.raises(PackRefused, match=r"no longer leaves OffStreetParking to a person's decision, as 1\.0\.0 does"):
        await packs.install(CALL, pack("1.1.0", ""), unsigned=True)
    [one] = await packs.all("town")
    assert one.version == "1.0.0"
    outcome = await town.platform.arbiter(CALL, Command("town", "gate", "show", {"text": "x"}, "because"))
    assert outcome.state == "refused"
