"""A rule that tells people is made by the form as by the text, and its firings say how many were told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.contracts.test_rules import OFFICER, rule, rule_set
from tests.contracts.test_rules_tell import HERE, TellingWorld, tell
from tests.fakes import DatabaseFactory, FakeClock
from tests.service.rules.test_screens import Ask, ask

from kumihimo.platform.access.store import PLATFORM_SCHEMA
from kumihimo.platform.access.store import SCHEMA as ACCESS
from kumihimo.platform.broker.store import SCHEMA
from kumihimo.platform.history.store import SCHEMA as HISTORY
from kumihimo.service.alerts.store import SCHEMA as ALERTS
from kumihimo.service.notices.store import PLATFORM_SCHEMA as NOTICES_OF_ALL
from kumihimo.service.notices.store import SCHEMA as NOTICES
from kumihimo.service.rules import text
from kumihimo.service.rules.store import SCHEMA as RULES

__all__ = ["ask"]


@pytest.fixture
async def world(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> TellingWorld:
    schemas = [SCHEMA, HISTORY, ACCESS, PLATFORM_SCHEMA, ALERTS, RULES, NOTICES, NOTICES_OF_ALL]
    database = await database_factory(schemas)
    await database.add_tenant("town")
    world = TellingWorld(database, fake_clock, tmp_path)
    await world.rules.members.add("town", OFFICER.actor, "operator", "test")
    return world


async def test_the_form_offers_what_can_be_told_and_makes_what_the_text_would(world: TellingWorld, ask: Ask) -> None:
    shown = {
        "version": "0", "rule": "", "name": "high", "types": "Gauge", "watch": "level", "repeat": "each",
        "window.count": "0", "join.count": "0", "then.count": "1", "then.0.do": "notify",
    }  # fmt: skip
    _, page, _ = await ask("/rules/by-form/edit", {**shown, "action": "show"}, "ja")
    offered = re.search(r'<select id="then.0.topic".*?</select>', page, re.DOTALL)
    assert offered is not None
    assert re.findall(r'value="([^"]*)"', offered[0]) == ["", "town.information", "town.staff", "air.smog"]
    assert "光化学スモッグ" in offered[0]
    given = shown | {
        "then.0.topic": "air.smog", "then.0.title_ja": "濃度 {entity.level}", "then.0.title_en": "Smog {entity.level}",
        "then.0.text_ja": "屋内へ", "then.0.text_en": "Go in", "then.0.title_easy": "空気（くうき）が わるいです",
    }  # fmt: skip
    status, page, _ = await ask("/rules/by-form/edit", {**given, "then.0.topic": "wildlife.bear"}, "ja")
    assert (status, "お知らせの種類" in page, 'value="wildlife.bear" selected' in page) == (422, True, True)
    assert (await ask("/rules/by-form/edit", given))[0] == 303
    by_form = text.read((await world.sets.get(OFFICER, "by-form")).text)
    by_text = text.read(rule_set(rule(when='watch = ["level"]', then=tell())))
    assert by_form.rules == by_text.rules


async def test_the_page_and_the_trace_of_a_firing_say_how_many_were_told(world: TellingWorld, ask: Ask) -> None:
    await world.gauge()
    await world.person("near", HERE, "air.smog")
    await world.put(rule_set(rule(when='watch = ["level"]', then=tell())))
    await world.level(4.0)
    await world.go()
    _, page, _ = await ask("/rules/river", lang="ja")
    assert "1 人に知らせます（1 通）" in page
    _, page, _ = await ask("/rules/river/trace?entity=urn:ngsi-ld:Gauge:1")
    assert "people told: 1 (messages: 1)" in page
