"""Whoever was shut out is told nothing more: not by a subscription either that was made while they had rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from tests.fakes import FakeClock

from kumihimo.app.platform import Platform
from kumihimo.app.start import open_database
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.call import Actor, Call, call_of
from kumihimo.base.ports import HttpAnswer
from kumihimo.base.settings import Settings
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.identity import door
from kumihimo.platform.provider.errors import BadToken
from kumihimo.platform.provider.models import Consent, Edit, Family, Login
from kumihimo.platform.provider.store.families import add_family_tx, keep_consent_tx

TYPE = "https://uri.etsi.org/ngsi-ld/default-context/Gauge"


class Town:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.told: list[str] = []
        self.level = 0

    async def subscribe(self, actor: Actor, scopes: frozenset[str] | None = None, call: Call | None = None) -> None:
        await self.platform.access.add_member("kawa", actor, "data-manager", "test")
        document = {
            "type": "Subscription",
            "entities": [{"type": "Gauge"}],
            "notification": {"endpoint": {"uri": f"http://receiver.example/{actor.kind}"}},
        }
        core = self.platform.contexts.core
        await self.platform.delivery.create(call or Call("kawa", actor, scopes=scopes), document, core)

    async def heard(self) -> list[str]:
        """Who is told of a new reading."""
        self.told.clear()
        self.level += 1
        level: Any = [{"type": "Property", "value": self.level}]
        doc: Any = {"id": "urn:g:1", "type": [TYPE], "attrs": {f"{TYPE[:-5]}level": level}}
        call = Call("kawa", Actor("system", "test"))
        (outcome,) = await self.platform.broker.apply(call, [Change(Op.UPSERT_UPDATE, "urn:g:1", doc)])
        assert outcome.problem is None
        await self.platform.delivery.catch_up("kawa")
        return sorted(self.told)


@pytest.fixture
async def town(tmp_path: Path, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(door, "owasp_hasher", lambda: cheap)
    platform = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1), fake_clock)
    made = Town(platform)

    async def post(method: str, url: str, **options: Any) -> HttpAnswer:
        del method, options
        made.told.append(url.rpartition("/")[2])
        return HttpAnswer(200, {}, b"")

    monkeypatch.setattr(platform.delivery._sender._carry, "_fetch", post)
    async with open_database(platform):
        await platform.database.add_tenant("kawa")
        yield made


async def test_the_subscriptions_of_an_account_that_is_shut_are_silent_until_it_is_open_again(town: Town) -> None:
    identity = town.platform.identity
    account = await identity.add("sato", "佐藤")
    await town.subscribe(Actor("person", account.id))
    assert await town.heard() == ["person"]
    await identity.disable(account.id)
    assert await town.heard() == []
    await identity.disable(account.id, disabled=False)
    assert await town.heard() == ["person"]


async def test_the_subscriptions_of_an_application_end_with_it_and_with_the_scope_for_them(town: Town) -> None:
    applications = town.platform.provider.applications
    scopes = frozenset({"ngsi-ld:read", "ngsi-ld:subscribe"})
    made = await applications.add("kawa", "w", "confidential", scopes=scopes)
    name = made.application.id
    await town.subscribe(Actor("application", name), scopes)
    assert await town.heard() == ["application"]
    await applications.edit("kawa", name, Edit(scopes=frozenset({"ngsi-ld:read"})))
    assert await town.heard() == []
    await applications.edit("kawa", name, Edit(scopes=scopes))
    assert await town.heard() == ["application"]
    await applications.disable("kawa", name)
    assert await town.heard() == []


async def test_what_an_application_made_in_a_persons_name_ends_with_it_and_with_what_they_let_it_have(
    town: Town,
) -> None:
    provider, database = town.platform.provider, town.platform.database
    account = await town.platform.identity.add("sato", "佐藤")
    scopes = frozenset({"ngsi-ld:read", "ngsi-ld:subscribe"})
    made = await provider.applications.add(
        "kawa", "w", "confidential", scopes=scopes, redirect_uris=["https://app.example.jp/cb"]
    )
    one, now = made.application, times.micros(town.platform.clock.now())
    family = Family("f-1", one.id, account.id, "l-1", scopes, Login(now), now + 10**9)
    consent = Consent(account.id, one.id, scopes, now)
    await database.write("", lambda tx: add_family_tx(tx, family))
    await database.write("", lambda tx: keep_consent_tx(tx, consent))
    caller = await provider.bearer.caller(await provider.tokens.access(one, family, scopes))
    assert caller is not None
    await town.subscribe(caller.actor, call=call_of({"caller": caller}, "kawa"))
    assert await town.heard() == ["person"]
    await provider.applications.edit("kawa", one.id, Edit(scopes=frozenset({"ngsi-ld:read"})))
    assert await town.heard() == []
    await provider.applications.edit("kawa", one.id, Edit(scopes=scopes))
    assert await town.heard() == ["person"]
    await provider.take_back(account.id, one.id)
    assert await town.heard() == [], "the person took it back"
    await database.write("", lambda tx: keep_consent_tx(tx, consent))
    await provider.applications.edit("kawa", one.id, Edit(name="w 2"))
    assert await town.heard() == ["person"]
    await provider.applications.disable("kawa", one.id)
    assert await town.heard() == []


RULES = """name = "gauges"
title_ja = "水位"

[[rule]]
name = "any"
types = ["Gauge"]
watch = ["level"]

[[rule.then]]
do = "task"
whom = "operator"
text = "見る"
minutes = 60
"""


NOTIFIES = """[[rule.then]]
do = "notify"
to = "https://receiver.example/x"
title = "水位"
"""


async def test_the_rules_of_an_account_that_is_shut_stop_and_say_why(town: Town) -> None:
    identity, rules = town.platform.identity, town.platform.rule_sets
    account = await identity.add("sato", "佐藤")
    owner = Call("kawa", Actor("person", account.id))
    await town.platform.access.add_member("kawa", owner.actor, "data-manager", "test")
    await rules.put(owner, RULES, on=True)
    await town.heard()
    await rules.keeper.catch_up("kawa")
    assert len(await rules.firings(owner, "gauges")) == 1
    await identity.disable(account.id)
    town.platform.clock.advance(7200)  # type: ignore[attr-defined]  # the fake one
    await town.heard()
    await rules.keeper.catch_up("kawa")
    assert len(await rules.firings(owner, "gauges")) == 1
    assert "account" in (await rules.get(owner, "gauges")).stopped[""].words.en


async def test_what_a_rule_has_to_tell_is_told_no_more_once_its_owner_is_shut_out(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a receiver that is away was written with rights that nobody has any more."""
    identity, rules, answers = town.platform.identity, town.platform.rule_sets, [503, 200]
    sent = []

    async def post(method: str, url: str, **options: Any) -> HttpAnswer:
        del method, options
        sent.append(url)
        return HttpAnswer(answers[len(sent) - 1], {}, b"")

    monkeypatch.setattr(rules.keeper._performer._ports["notify"], "_fetch", post)
    account = await identity.add("sato", "佐藤")
    owner = Call("kawa", Actor("person", account.id))
    await town.platform.access.add_member("kawa", owner.actor, "data-manager", "test")
    told = RULES.partition("[[rule.then]]")[0] + NOTIFIES
    await rules.put(owner, told, on=True)
    await town.heard()
    await rules.keeper.catch_up("kawa")
    assert len(sent) == 1
    await identity.disable(account.id)
    town.platform.clock.advance(7200)  # type: ignore[attr-defined]  # the fake one
    await rules.keeper.catch_up("kawa")
    [fired] = await rules.firings(owner, "gauges")
    assert (len(sent), [one.state for one in fired.actions]) == (1, ["refused"])


async def test_what_a_person_let_applications_have_ends_when_the_account_is_shut(town: Town) -> None:
    """Their tokens, and what is open by them, not only the person's own log-ins."""
    provider, clock = town.platform.provider, town.platform.clock
    account = await town.platform.identity.add("sato", "佐藤")
    scopes = frozenset({"ngsi-ld:read"})
    made = await provider.applications.add(
        "kawa", "w", "confidential", scopes=scopes, redirect_uris=["https://app.example.jp/cb"]
    )
    now = times.micros(clock.now())
    family = Family("f-1", made.application.id, account.id, "l-1", scopes, Login(now), now + 10**9)
    await town.platform.database.write("", lambda tx: add_family_tx(tx, family))
    token = await provider.tokens.access(made.application, family, scopes)
    caller = await provider.bearer.caller(token)
    assert caller is not None
    assert await provider.bearer.is_live(caller.login)
    await town.platform.identity.disable(account.id)
    assert await provider.bearer.is_live(caller.login) is False
    with pytest.raises(BadToken):
        await provider.bearer.caller(token)
