"""The log of decisions over all wings: chain, filters, paging, exports; and what a narrowed reader finds of it."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from tests.fakes import FakeClock
from tests.flows.test_left_to_people import CALL, CHIEF, FIGURES, GAUGE, RULE, Town
from tests.flows.test_left_to_people import town as town  # noqa: PLC0414 - the fixture

from kumihimo.base.call import Actor, Call
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.service.alerts.models import Content, Evidence, Maker, Proposal, Sighting

READER = Actor("person", "p-9")
RIVER, ANIMAL = "urn:ngsi-ld:RiverGauge:1", "urn:ngsi-ld:WildlifeEncounter:1"
LIGHT = Proposal("light-9", "on", {"seconds": 5, "urgent": True}, {"ja": "点灯", "en": "Light it"})
STOOD: dict[str, dict[str, Any]] = {"flood": {"height": 1.875}, "rules": {}, "wildlife": {}}
"""What stood when each was decided."""
RAISE = 'do = "alert"\nseverity = 2\ntitle_ja = "高い"\ntitle_en = "Gauge is high"'
SHOW = 'permit (principal in Role::"reader", action == Action::"read", resource is Entity);'
HIDE = """forbid (principal in Role::"reader", action == Action::"read", resource == Entity::"{}")
  when {{ context.attribute == "{}" }};"""


async def decided(town: Town, clock: FakeClock) -> dict[str, str]:
    """One decision in each wing, a second apart; their ids by wing."""
    await town.write(RIVER, "RiverGauge", waterLevel=1.5, name="R", cautionLevel=1.0, address="x", location="x")
    await town.write(ANIMAL, "WildlifeEncounter", species="bear")
    limits = Maker("limits", "flood.thresholds", at=5, facts={"caution": 1.0, "automatic": True})
    river = Content(
        {"ja": "川 到達", "en": "River reached"},
        attribute=DEFAULT_VOCAB + "waterLevel",
        evidence=(Evidence(1_000_000, 1.25, "MTR"), Evidence(2_000_000, 1.5, "MTR")),
        facts=FIGURES,
        makers=(limits,),
    )
    model = Maker("model", "wildlife.risk", "1", 7, {"state": "known", "chance": 0.03125, "learnedFrom": "2019-04-01"})
    animal = Content({"ja": "クマ", "en": "A bear"}, proposals=(LIGHT,), makers=(model,))
    await town.platform.rule_sets.put(CALL, RULE.format(name="gauge", then=RAISE), on=True)
    await town.write(GAUGE, "Gauge", level=4.5)
    await town.rules()
    for sighting in (Sighting("flood", RIVER, 2, 2_000_000, river), Sighting("wildlife", ANIMAL, 4, 9, animal)):
        assert await town.platform.alerts.sight(CALL, sighting) is not None
    found = {}
    for number, wing in enumerate(("rules", "flood", "wildlife")):
        clock.advance(1)
        [alert] = await town.platform.alerts.list("town", source=wing)
        who = Call("town", Actor("person", f"Sato_{number} (p-{number})"))
        verdict: Any = "rejected" if wing == "flood" else "accepted"
        made = await town.platform.alerts.decide(
            who, alert.id, alert.version, verdict, f"=why {wing}", facts=STOOD[wing]
        )
        found[wing] = made.id
    return found


async def page(town: Town, path: str, lang: str = "en") -> str:
    reply = await town.get(path, lang)
    assert reply.status == 200, (path, reply.status, reply.text)
    return reply.text


def ids(text: str) -> list[str]:
    return re.findall(r'id="decision-([^"]+)"', text)


async def test_one_log_holds_the_decisions_of_all_wings_and_is_filtered_and_paged(
    town: Town, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await decided(town, fake_clock)
    newest = [made["wildlife"], made["flood"], made["rules"]]
    log = "/alerts/decisions"
    assert ids(await page(town, log)) == newest
    for query, wanted in (
        ("wing=flood", ["flood"]),
        ("wing=rules", ["rules"]),
        ("wing=none", []),
        ("verdict=accepted", ["wildlife", "rules"]),
        ("who=sato_1", ["flood"]),
        ("who=%25", []),
        (f"from={fake_clock.now():%Y-%m-%d}&verdict=rejected", ["flood"]),
        ("until=2001-01-01", []),
        ("from=0001-01-01&until=9999-12-31&wing=flood", ["flood"]),
    ):
        assert ids(await page(town, f"{log}?{query}")) == [made[one] for one in wanted], query
    for wrong in ("from=yesterday", "verdict=x", "after=x", "after=12"):
        assert (await town.get(f"{log}?{wrong}", "en")).status == 400, wrong
    monkeypatch.setattr("kumihimo.service.alerts.chain.DecisionLog.leaf.__defaults__", (1,))
    seen, path = [], log
    while path:
        text = await page(town, path)
        seen += ids(text)
        found = re.search(r'rel="next" href="/t/town([^"]+)"', text)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == newest


async def test_a_decisions_page_tells_the_chain_with_versions_and_the_way_back_to_the_readings(
    town: Town, fake_clock: FakeClock
) -> None:
    made = await decided(town, fake_clock)
    text = await page(town, f"/alerts/decisions/{made['flood']}")
    for word in (
        "flood.thresholds",
        "Flood watch level (m): 1.0",
        "<code>automatic</code>: true",
        "1.25",
        "MTR",
        "waterLevel",
        "timerel=between",
        "=why flood",
        "Sato_1",
    ):
        assert word in text, word
    assert f"/temporal/entities/{RIVER.replace(':', '%3A')}" in text
    proposal, _, decision = text.partition('id="evidence-title"')
    assert ("1.875" in proposal, "1.875" in decision) == (False, True), "what stood later is no ground of the proposal"
    assert '<th scope="row">Height (m)</th><td>1.875</td>' in decision
    assert "Program: <strong>kumihimo</strong>" in text, "no pack is installed here"
    assert ("Sato_" in text, "(p-" in text) == (True, False), "a page calls people by name"
    text = await page(town, f"/alerts/decisions/{made['rules']}")
    assert "/rules/gauge/versions?version=1" in text
    assert "4.5" in text
    text = await page(town, f"/alerts/decisions/{made['wildlife']}", "ja")
    for word in (
        "wildlife.risk",
        "版 1",
        "出やすさ(確率): 0.03125",
        "学習の始まり: 2019-04-01",
        "点灯",
        "urgent=true",
        "拒否",
        "その端末は登録されていません",
    ):
        assert word in text, word
    text = await page(town, "/alerts/decisions", "ja")
    assert "拒否されました</strong> – その端末は登録されていません" in text, (
        "what the device answered is apart from its state"
    )
    assert (await town.get("/alerts/decisions/none", "en")).status == 404


async def test_the_exports_hold_evidence_and_versions(town: Town, fake_clock: FakeClock) -> None:
    made = await decided(town, fake_clock)
    body = (await town.get("/alerts/decisions.json?wing=flood", "en")).body
    [one] = json.loads(body)
    assert (one["id"], one["wing"], one["subject"], one["verdict"]) == (made["flood"], "flood", RIVER, "rejected")
    assert one["evidence"][1] == {
        "entity": RIVER,
        "attribute": DEFAULT_VOCAB + "waterLevel",
        "value": 1.5,
        "unitCode": "MTR",
        "observedAt": "1970-01-01T00:00:02.000Z",
    }
    assert [each["name"] for each in one["raisedBy"]] == ["flood.thresholds", "kumihimo"]
    [rule] = json.loads((await town.get("/alerts/decisions.json?wing=rules", "en")).body)
    assert (rule["raisedBy"][0]["name"], rule["raisedBy"][0]["version"]) == ("gauge", "1")
    assert rule["raisedBy"][0]["facts"]["figures"] == {"level": 4.5}
    assert (rule["evidence"][0]["value"], rule["evidence"][0]["entity"]) == (4.5, GAUGE)
    text = (await town.get("/alerts/decisions.csv", "en")).body.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Record"] for row in rows] == [made["wildlife"], made["flood"], made["rules"]]
    assert rows[0]["Reason"] == "'=why wildlife"
    assert "model: wildlife.risk 1" in rows[0]["What made the proposal (versions then)"]


@pytest.mark.parametrize(
    ("who", "why", "makers"),
    [
        ("田中", "通学路", (Maker("permission", "田中", at=9),)),
        ("田中 (常時許可)", "常時許可による自動 / by standing permission: 通学路", ()),
    ],
)
async def test_a_decision_by_permission_says_so_in_the_readers_language_also_one_of_before(
    town: Town, fake_clock: FakeClock, who: str, why: str, makers: tuple[Maker, ...]
) -> None:
    await decided(town, fake_clock)
    animal = Content({"ja": "クマ", "en": "A bear"}, proposals=(LIGHT,))
    assert await town.platform.alerts.sight(CALL, Sighting("wildlife", f"{ANIMAL}2", 4, 9, animal)) is not None
    await town.write(f"{ANIMAL}2", "WildlifeEncounter", species="bear")
    [alert] = [one for one in await town.platform.alerts.list("town", source="wildlife") if one.subject.endswith("2")]
    fake_clock.advance(1)
    by = Call("town", Actor("person", who))
    made = await town.platform.alerts.decide(by, alert.id, alert.version, "accepted", why, makers=makers)
    for path in ("/alerts/decisions", f"/alerts/decisions/{made.id}"):
        ja, en = await page(town, path, "ja"), await page(town, path)
        assert ("田中（常時許可による）" in ja, "田中 (by standing permission)" in en) == (True, True)
        assert ("(常時許可)" in ja + en, "常時許可による自動" in ja + en) == (False, False)
    table = (await town.get("/alerts/decisions.csv", "en")).body.decode("utf-8-sig")
    assert "田中 (by standing permission),通学路," in table
    [newest, *older] = json.loads((await town.get("/alerts/decisions.json?wing=wildlife", "en")).body)
    assert (newest["who"], newest["reason"], newest["byPermission"]) == ("田中", "通学路", True)
    assert [one["byPermission"] for one in older] == [False]


@pytest.mark.parametrize(
    ("hidden", "of", "there", "not_there"),
    [
        ("decision", "Alert", ["wildlife", "flood", "rules"], ["Sato", "=why"]),
        ("waterLevel", RIVER, ["wildlife", "flood", "rules"], ["1.25", "River reached", "caution"]),
        ("species", ANIMAL, ["flood", "rules"], ["A bear", "wildlife.risk"]),
        ("level", GAUGE, ["wildlife", "flood"], ["Gauge is high", "4.5"]),
    ],
)
async def test_a_narrowed_reader_finds_as_much_as_the_wing_would_show(
    town: Town, fake_clock: FakeClock, hidden: str, of: str, there: list[str], not_there: list[str]
) -> None:
    made = await decided(town, fake_clock)
    rules = town.platform.rules
    entities = [one.id for one in await town.platform.alerts.list("town")] if of == "Alert" else [of]
    policies = "\n".join((SHOW, *(HIDE.format(one, DEFAULT_VOCAB + hidden) for one in entities)))
    await rules.documents.put("town", "reader", policies, "person:p-1", "narrow")
    await rules.members.add("town", READER, "reader", "test")
    town.caller = READER
    texts = [await page(town, "/alerts/decisions")]
    assert ids(texts[0]) == [made[one] for one in there]
    texts += [await page(town, f"/alerts/decisions.{kind}") for kind in ("csv", "json")]
    for wing, id_ in made.items():
        reply = await town.get(f"/alerts/decisions/{id_}", "en")
        assert reply.status == (200 if wing in there else 404), wing
        texts.append(reply.text)
    for text in texts:
        for word in not_there:
            assert word not in text, (word, text)
    if hidden == "decision":
        assert ids(await page(town, "/alerts/decisions?who=Sato")) == [], "what is hidden is not found by either"
    town.caller = CHIEF
    assert len(ids(await page(town, "/alerts/decisions?who=Sato"))) == 3
