"""Rules bound: how each kind of action is done, always with the rights of whoever owns the rule set, never more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from kumihimo.app.telling import Telling, topics_for_rules
from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AddressRefused, Forbidden, Problem
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import Act, Bus, Command, CommandOutcome, HttpFetch
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import NOTHING, Grant
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Allowed, Change, Op
from kumihimo.platform.history.query import History
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import EntityDoc, Instance
from kumihimo.service.alerts.door import Alerts
from kumihimo.service.alerts.models import Content, Evidence, Maker, Sighting
from kumihimo.service.notices.door import Notices
from kumihimo.service.rules.definition import ActionKind
from kumihimo.service.rules.door import Names, RuleSets
from kumihimo.service.rules.models import Done, Order, Perform
from kumihimo.service.rules.refusal import Words
from kumihimo.storage.database import Database

PURPOSE: Final = "rules"
SOURCE: Final = "rules"
OF_SET: Final = "urn:ngsi-ld:RuleSet:"
"""How the subject begins of an alert that is about no entity, as at a set hour."""
NOTIFY_SECONDS: Final = 10.0
MAX_ANSWER: Final = 16 * 1024
Commands = Callable[[str, str], Awaitable[list[tuple[str, CommandOutcome]]]]
"""The newest commands of a tenant's device: the cause of each, and where it stands."""


def rules_of(
    database: Database,
    clock: Clock,
    bus: Bus,
    access: Access,
    broker: Broker,
    history: History,
    context: Context,
    alerts: Alerts,
    act: Act,
    commands: Commands,
    fetch: HttpFetch,
    *,
    alone: bool,
    notices: Notices | None = None,
) -> RuleSets:
    """The rules of all tenants, bound to all that they act through. alone: no other process serves these tenants.
    notices: by which people are told; without it rules tell nobody.
    """
    ports: dict[ActionKind, Perform] = {
        "change": Changing(access, broker),
        "compute": Changing(access, broker),
        "alert": Alerting(access, alerts, broker, context.expand),
        "command": Commanding(access, act, commands),
        "notify": Notifying(access, fetch, clock, None if notices is None else Telling(access, notices, broker, clock)),
    }
    topics = None if notices is None else partial(topics_for_rules, notices)
    names = Names(context.expand, context.compact)
    return RuleSets(database, clock, bus, access, broker, history, names, ports, topics=topics, alone=alone)


def commands_of(arbiter: Arbiter) -> Commands:
    """The arbiter's own list, by which a command that was put before a kill is known."""

    async def commands(tenant: str, device: str) -> list[tuple[str, CommandOutcome]]:
        return [(one.cause, one.outcome()) for one in await arbiter.list(tenant, device)]

    return commands


_NOBODY: Final = Done("refused", Words("この基盤には人へのお知らせがありません。", "this platform tells nobody"))


def _owner(tenant: str, order: Order) -> Call:
    """The call by which it is decided what the owner may do."""
    return Call(tenant, order.owner, PURPOSE)


def _as_rules(tenant: str, order: Order) -> Call:
    """The call by which it is done, once that was decided: the rule set acts, and its hop travels along."""
    return Call(tenant, Actor("system", f"rules/{order.rule_set}"), PURPOSE, cause=order.cause)


class Changing:
    """Sets attributes. Observed at the moment that was judged: what stands there and is as new is left."""

    def __init__(self, access: Access, broker: Broker) -> None:
        self._access = access
        self._broker = broker

    async def __call__(self, tenant: str, order: Order) -> Done:
        """As Perform."""
        owner = _owner(tenant, order)
        grant = await self._access.decide(owner, "write")
        allowed = Allowed(grant, await self._sight(owner))
        content = order.content
        entity_id = content.get("entity") or content["of"]
        moment = times.text(times.from_micros(order.at))
        doc = await self._broker.get(tenant, entity_id, ALL_ROWS, ALL_ATTRIBUTES)
        wanted = _wanted(content, moment)
        attrs = {name: one for name, one in wanted.items() if not _stands(doc, name, moment)}
        if wanted and not attrs:
            return Done("done", Words("すでに同じか新しい値があります。", "a value as new as this stands already"))
        if not attrs:
            return Done("done", Words("計算の答えがありませんでした。", "there was nothing to write"))
        change: EntityDoc = {"id": entity_id, "type": [content["type"]], "attrs": attrs}
        op = Op.APPEND if doc is not None or not content["type"] else Op.UPSERT_UPDATE
        if op is Op.APPEND:
            change = {"id": entity_id, "type": [] if doc is None else doc["type"], "attrs": change["attrs"]}
        [outcome] = await self._broker.apply(_as_rules(tenant, order), [Change(op, entity_id, change, allowed=allowed)])
        if outcome.problem is not None:
            return _refused(outcome.problem)
        return Done("done")

    async def _sight(self, owner: Call) -> Grant:
        try:
            return await self._access.decide(owner, "read")
        except Forbidden:
            return NOTHING


def _wanted(content: Mapping[str, Any], moment: str) -> dict[str, list[Instance]]:
    """The attributes that are to be set: one, or those that a function gave, each with its unit."""
    given = content.get("attributes") or {}
    if "attribute" in content:
        given = {content["attribute"]: {"value": content["value"]}}
    found: dict[str, list[Instance]] = {}
    for name, one in given.items():
        instance: Instance = {"type": one.get("type", "Property"), "value": one["value"], "observedAt": moment}
        if one.get("unit"):
            instance["unitCode"] = one["unit"]
        found[name] = [instance]
    return found


def _stands(doc: EntityDoc | None, attribute: str, moment: str) -> bool:
    """Whether the attribute is as new as the moment: an older reading never replaces newer state (decision 4)."""
    instances = [] if doc is None else doc["attrs"].get(attribute, [])
    return any(
        not one.get("datasetId") and times.parse(one["observedAt"]) >= times.parse(moment)
        for one in instances
        if "observedAt" in one
    )


def _refused(problem: Problem) -> Done:
    return Done("refused", Words(f"拒否されました（{problem.detail}）。", f"refused: {problem.detail}"))


class Alerting:
    """Raises an alert, to be decided on by a person; of one rule and entity there is one at a time."""

    def __init__(self, access: Access, alerts: Alerts, broker: Broker, expand: Callable[[str], str]) -> None:
        self._access = access
        self._alerts = alerts
        self._broker = broker
        self._expand = expand

    async def __call__(self, tenant: str, order: Order) -> Done:
        """As Perform."""
        await self._access.decide(_owner(tenant, order), "read")
        content = order.content
        title = {"ja": content["title_ja"], "en": content["title_en"]}
        place = content.get("place")
        shown = Content(
            title,
            facts={"ruleSet": order.rule_set, "rule": order.rule, "entity": content["of"]},
            location=None if place is None else (place[0], place[1]),
            evidence=await self._evidence(tenant, content),
            makers=_made(order),
        )
        own = f"{content['of'] or OF_SET + order.rule_set}#{order.rule_set}/{order.rule}"
        await self._alerts.sight(_as_rules(tenant, order), Sighting(SOURCE, own, content["severity"], order.at, shown))
        return Done("done")

    async def _evidence(self, tenant: str, content: Mapping[str, Any]) -> tuple[Evidence, ...]:
        """The readings that the rule saw, with the units that the entity's attributes have."""
        readings, of = content.get("evidence", ()), content["of"]
        doc = await self._broker.get(tenant, of, ALL_ROWS, ALL_ATTRIBUTES) if of and readings else None
        attrs = {} if doc is None else doc["attrs"]
        found = []
        for one in readings:
            name = self._expand(one["attribute"])
            units = [each["unitCode"] for each in attrs.get(name, ()) if "unitCode" in each]
            found.append(Evidence(one["at"], one["value"], units[0] if units else "", of, name))
        return tuple(found)


def _made(order: Order) -> tuple[Maker, ...]:
    """The rule that raised it, as it was; one that was planned by an older program says no version."""
    made = order.content.get("made", {})
    facts = {"rule": order.rule, **{name: made[name] for name in ("firing", "seq", "figures") if name in made}}
    return (Maker("rule", order.rule_set, str(made.get("version", "")), order.made_at, facts),)


def about(subject: str) -> str:
    """The entity that an alert with this subject is about, "" for none; no name of a set or a rule has a "#". A wing's
    alert, whose subject has none, is about the subject itself.
    """
    entity = subject.rpartition("#")[0] if "#" in subject else subject
    return "" if entity.startswith(OF_SET) else entity


class Commanding:
    """Puts a command before the arbiter; one that was put under the same cause before is not put again."""

    def __init__(self, access: Access, act: Act, commands: Commands) -> None:
        self._access = access
        self._act = act
        self._commands = commands

    async def __call__(self, tenant: str, order: Order) -> Done:
        """As Perform."""
        await self._access.decide(_owner(tenant, order), "command")
        content = order.content
        known = [one for cause, one in await self._commands(tenant, content["device"]) if cause == order.cause]
        if known:
            return _commanded(known[0])
        command = Command(tenant, content["device"], content["name"], content["arguments"], content["reason"])
        return _commanded(await self._act(_as_rules(tenant, order), command))


def _commanded(outcome: CommandOutcome) -> Done:
    words = Words(outcome.detail_ja or outcome.detail, outcome.detail)
    if outcome.state == "refused":
        return Done("refused", words)
    return Done("done" if outcome.state in ("sent", "confirmed") else "failed", words)


class Notifying:
    """Sends a notification by POST; the key stands in it, so that its receiver can tell one that comes twice. One to
    people goes by `telling`.
    """

    def __init__(self, access: Access, fetch: HttpFetch, clock: Clock, telling: Telling | None = None) -> None:
        self._telling = telling
        self._access = access
        self._fetch = fetch
        self._clock = clock

    async def __call__(self, tenant: str, order: Order) -> Done:
        """As Perform. OSError where the receiver is away or answers that it is; refused where it says no.

        What waited for the receiver is not sent once the owner may read nothing any more.
        """
        if "topic" in order.content:
            return _NOBODY if self._telling is None else await self._telling(tenant, order)
        await self._access.decide(_owner(tenant, order), "read")
        content = order.content
        body: dict[str, Any] = {
            "id": order.key,
            "tenant": tenant,
            "ruleSet": order.rule_set,
            "rule": order.rule,
            "entity": content["of"],
            "observedAt": times.text(times.from_micros(order.at)),
            "notifiedAt": times.text(self._clock.now()),
            "title": content["title"],
            "text": content.get("text", ""),
        }
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{order.key}"'}
        try:
            answer = await self._fetch(
                "POST", content["to"], headers=headers, body=dumps(body), timeout=NOTIFY_SECONDS, max_bytes=MAX_ANSWER
            )
        except AddressRefused as problem:
            return _refused(problem)
        if answer.status >= 500 or answer.status in (408, 429):
            raise OSError(f"the receiver answered {answer.status}")
        if answer.status >= 300:
            said = f"the receiver answered {answer.status}"
            return Done("refused", Words(f"宛先が {answer.status} と答えました。", said))
        return Done("done")
