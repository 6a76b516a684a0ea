"""What stands behind alerts and decisions, and what a person's decision alone may move: bound over all packs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kumihimo import __version__
from kumihimo.app.platform import Platform
from kumihimo.base.call import Call
from kumihimo.base.ports import Command
from kumihimo.device.actuation.capability import ABILITIES
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Words as DeviceWords
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.service.alerts.mirror import ALERT
from kumihimo.service.alerts.models import Maker
from kumihimo.service.rules.definition import Action, Definition, Rule
from kumihimo.service.rules.models import Order
from kumihimo.service.rules.refusal import Words
from kumihimo.solutions.packs.items import context_of
from kumihimo.solutions.packs.models import Held

DECISION: Final = "decision:"
"""How the cause of a command begins that a decision put; the decision's id follows."""
_CACHED: Final = 1000


@dataclass(frozen=True, slots=True)
class Marked:
    """What a pack leaves to a person: devices of the types `moves`, and entities of the types `permits`, which hold a
    standing permission. Expanded names.
    """

    pack: str
    moves: frozenset[str]
    permits: frozenset[str]


class Persons:
    """What the packs of a town, and the wings that come with the program, leave to a person's decision."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._cache: dict[tuple[str, str, str, int], Marked] = {}
        self._shipped: list[Marked] | None = None

    def bind(self) -> None:
        """Puts this before the rooms that act."""
        self._platform.alerts.standing = self.standing
        self._platform.arbiter.permit = self.permit
        self._platform.rule_sets.bind(self)

    # --- what stands behind an alert ---------------------------------------------------------------------

    async def standing(self, tenant: str, source: str, made: Sequence[Maker]) -> list[Maker]:
        """As service.alerts.door.Standing: the pack that brought the rule set, or that stands on the wing; where none
        does, the program.
        """
        packs = self._platform.packs
        sets = sorted({one.name for one in made if one.kind == "rule"})
        owners = {await packs.owner(tenant, "rules", name) for name in sets}
        found = []
        for one in await packs.all(tenant):
            stands_on = set() if sets or one.id == source else set((await packs.get(tenant, one.id))[1].pack.parts)
            if one.id in owners or (not sets and source in {one.id, *stands_on}):
                facts = {"state": one.state, "trust": one.trust, "signer": one.signer}
                found.append(Maker("pack", one.id, one.version, one.at, facts))
        return found or [Maker("program", "kumihimo", __version__)]

    # --- what is marked ----------------------------------------------------------------------------------

    async def marks(self, tenant: str) -> list[Marked]:
        """The marks that hold in a tenant; the wings' own hold also where their pack is not installed."""
        packs = self._platform.packs
        found = []
        for one in await packs.all(tenant):
            key = (tenant, one.id, one.version, one.revision)
            if key not in self._cache:
                if len(self._cache) > _CACHED:
                    self._cache.clear()
                self._cache[key] = await self._marked((await packs.get(tenant, one.id))[1])
            found.append(self._cache[key])
        if self._shipped is None:
            self._shipped = [await self._marked(one) for one in self._platform.library.shipped()]
        return [*found, *self._shipped]

    async def _marked(self, held: Held) -> Marked:
        context, alerts = await context_of(self._platform.contexts, held), held.pack.alerts
        moves = frozenset(context.expand_type(kind) for one in alerts for kind in one.moves)
        return Marked(
            held.pack.id, moves, frozenset(context.expand_type(kind) for one in alerts for kind in one.permits)
        )

    async def _mover(self, tenant: str, kind: str) -> str:
        """The pack that has a person decide on devices of this type, "" for none."""
        return next((one.pack for one in await self.marks(tenant) if kind in one.moves), "")

    # --- commands ----------------------------------------------------------------------------------------

    async def permit(self, call: Call, command: Command, device: Device) -> DeviceWords | None:
        """As device.actuation.arbiter.Permit: a marked device moves for a step that a decision put, and waits to be."""
        pack = await self._mover(call.tenant, device.entity_type)
        if not pack:
            return None
        if call.cause.startswith(DECISION):
            decision = call.cause.removeprefix(DECISION)
            if await self._platform.alerts.asks(call.tenant, decision, command):
                return None
        words = _of_command(pack, device.id)
        return DeviceWords(words.ja, words.en)

    # --- rules -------------------------------------------------------------------------------------------

    async def of_text(self, tenant: str, definition: Definition) -> Words | None:
        """As service.rules.models.Persons: what the text says openly; what it fills in, the order tells."""
        expand = self._platform.rule_sets.names(definition).expand
        for rule in definition.rules:
            for action in rule.actions:
                if action.do == "command" and (words := await self._command(tenant, action.device, action.name)):
                    return words
                if action.sets and (words := await self._of_change(tenant, rule, action, expand)):
                    return words
        return None

    async def of_order(self, tenant: str, order: Order) -> Words | None:
        """As service.rules.models.Persons."""
        content = order.content
        if order.kind == "command":
            return await self._command(tenant, str(content.get("device", "")), str(content.get("name", "")))
        if order.kind in ("change", "compute"):
            kinds = await self._types(tenant, str(content.get("entity") or content.get("of", "")))
            return await self._written(tenant, {*kinds, str(content.get("type", ""))})
        return None

    async def _command(self, tenant: str, device: str, name: str) -> Words | None:
        known = None if not device or "{" in device else await self._platform.registry.known(tenant, device)
        if known is None:
            return None
        ability = ABILITIES.get(known.family, {}).get(name)
        pack = await self._mover(tenant, known.entity_type)
        return _of_command(pack, device) if pack and not (ability and ability.is_safe) else None

    async def _of_change(self, tenant: str, rule: Rule, action: Action, expand: Callable[[str], str]) -> Words | None:
        kinds = {expand(action.type)} if action.type else set[str]()
        if not action.entity:
            kinds |= {expand(one) for one in rule.types}
        elif "{" not in action.entity:
            kinds |= set(await self._types(tenant, action.entity))
        return await self._written(tenant, kinds)

    async def _types(self, tenant: str, entity: str) -> Sequence[str]:
        doc = await self._platform.broker.get(tenant, entity, ALL_ROWS, ALL_ATTRIBUTES) if entity else None
        return () if doc is None else doc["type"]

    async def _written(self, tenant: str, kinds: set[str]) -> Words | None:
        if ALERT in kinds:
            return _ALERTS
        for one in await self.marks(tenant):
            if kinds & one.permits:
                return Words(
                    f"パック {one.pack} では、常時許可を出せるのは人だけです。規則からは変えられません。",
                    f"in the pack {one.pack} a person alone gives a standing permission; a rule does not change it",
                )
        return None


_ALERTS: Final = Words(
    "警報とその決定は、規則からは書き換えられません。決定は人が警報のページで行います。",
    "a rule does not write alerts and their decisions: a person decides, on the alert's page",
)


def _of_command(pack: str, device: str) -> Words:
    return Words(
        f"端末 {device} は、パック {pack} により、人の決定があったときだけ動かせます。"
        "警報を出し、提案として人に示してください。",
        f"the pack {pack} has the device {device} moved only by a person's decision; raise an alert, so that a person"
        " decides on it",
    )
