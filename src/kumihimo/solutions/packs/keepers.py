"""The rooms in which a pack's things are kept: each looked at, made, changed and taken away through its room's door."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from kumihimo.base.call import Call
from kumihimo.base.errors import Problem, ResourceNotFound
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, Change, Op
from kumihimo.solutions.packs.errors import refused
from kumihimo.solutions.packs.items import canonical, device_of, device_text, entity_text
from kumihimo.solutions.packs.models import Item, ItemKind
from kumihimo.solutions.packs.ports import PackDoors


class Keeper(Protocol):
    """One kind of things. The call says who does it, and for which pack, in its cause."""

    async def now(self, tenant: str, item: Item) -> str | None:
        """The thing of this name as it stands, as a canonical text; None where there is none."""
        ...

    async def make(self, call: Call, item: Item) -> Item:
        """Makes it; the item with how its room calls it."""
        ...

    async def change(self, call: Call, item: Item) -> Item:
        """Puts this in the place of what stands; the item with how its room calls it."""
        ...

    async def take(self, call: Call, item: Item) -> None:
        """Takes it away; nothing where it is gone."""
        ...


def keepers_of(doors: PackDoors) -> Mapping[ItemKind, Keeper]:
    """The keeper of each kind."""
    return {
        "context": _Contexts(doors),
        "policies": _Policies(doors),
        "family": _Families(doors),
        "device": _Devices(doors),
        "entity": _Entities(doors),
        "rules": _Rules(doors),
    }


class _Contexts:
    def __init__(self, doors: PackDoors) -> None:
        self._shelf = doors.shelf

    async def now(self, tenant: str, item: Item) -> str | None:
        """The hosted @context; its id was drawn when it was made."""
        kept = await self._shelf.find(tenant, item.ref, counted=False) if item.ref else None
        return None if kept is None else canonical(kept.document)

    async def make(self, call: Call, item: Item) -> Item:
        """Hosts it."""
        return replace(item, ref=await self._shelf.add(call.tenant, json.loads(item.text)))

    async def change(self, call: Call, item: Item) -> Item:
        """Hosts the new one beside the old, which others may still name, and then drops that."""
        made = await self.make(call, replace(item, ref=""))
        await self._shelf.delete(call.tenant, item.ref)
        return made

    async def take(self, call: Call, item: Item) -> None:
        """Drops it."""
        if item.ref:
            await self._shelf.delete(call.tenant, item.ref)


class _Policies:
    def __init__(self, doors: PackDoors) -> None:
        self._documents = doors.rules.documents

    async def now(self, tenant: str, item: Item) -> str | None:
        """The document's text."""
        return next((one.text for one in await self._documents.list(tenant) if one.name == item.name), None)

    async def make(self, call: Call, item: Item) -> Item:
        """Puts the document; PolicyRefused where it cannot be kept."""
        await self._documents.put(call.tenant, item.name, item.text, str(call.actor), f"for {call.cause}")
        return item

    change = make

    async def take(self, call: Call, item: Item) -> None:
        """Takes the document away; its versions stay as a record."""
        try:
            await self._documents.remove(call.tenant, item.name, str(call.actor), f"for {call.cause}")
        except ResourceNotFound:
            return


class _Families:
    def __init__(self, doors: PackDoors) -> None:
        self._registry = doors.registry

    async def now(self, tenant: str, item: Item) -> str | None:
        """The family's table."""
        return await self._registry.family(tenant, item.name)

    async def make(self, call: Call, item: Item) -> Item:
        """Declares it in the town."""
        await self._registry.put_family(call.tenant, item.name, item.text)
        return item

    change = make

    async def take(self, call: Call, item: Item) -> None:
        """Takes it out of the town; what devices of it send is refused from then on."""
        await self._registry.remove_family(call.tenant, item.name)


class _Devices:
    def __init__(self, doors: PackDoors) -> None:
        self._registry = doors.registry

    async def now(self, tenant: str, item: Item) -> str | None:
        """The registered device."""
        found = await self._registry.get(tenant, item.name)
        return None if found is None else device_text(found)

    async def make(self, call: Call, item: Item) -> Item:
        """Registers it with a key that nobody has seen; `kumihimo device` makes one that is shown."""
        await self._registry.add(call.tenant, device_of(item.name, item.text))
        return item

    async def change(self, call: Call, item: Item) -> Item:
        """Registers it anew; its key is a new one too."""
        await self._registry.remove(call.tenant, item.name)
        return await self.make(call, item)

    async def take(self, call: Call, item: Item) -> None:
        """Takes it out of use."""
        await self._registry.remove(call.tenant, item.name)


class _Entities:
    def __init__(self, doors: PackDoors) -> None:
        self._broker = doors.broker

    async def now(self, tenant: str, item: Item) -> str | None:
        """The entity's current state."""
        doc = await self._broker.get(tenant, item.name, ALL_ROWS, ALL_ATTRIBUTES)
        return None if doc is None else entity_text(doc)

    async def make(self, call: Call, item: Item) -> Item:
        """Creates it."""
        await self._apply(call, Change(Op.CREATE, item.name, json.loads(item.text)))
        return item

    async def change(self, call: Call, item: Item) -> Item:
        """Replaces it."""
        await self._apply(call, Change(Op.UPSERT, item.name, json.loads(item.text)))
        return item

    async def take(self, call: Call, item: Item) -> None:
        """Deletes it."""
        try:
            await self._apply(call, Change(Op.DELETE, item.name))
        except ResourceNotFound:
            return

    async def _apply(self, call: Call, change: Change) -> None:
        problem: Problem | None = (await self._broker.apply(call, [change]))[0].problem
        if problem is not None:
            raise problem


class _Rules:
    def __init__(self, doors: PackDoors) -> None:
        self._sets = doors.rule_sets

    async def now(self, tenant: str, item: Item) -> str | None:
        """The set's text; None too where the platform has no room of rules."""
        return None if self._sets is None else await self._sets.text(tenant, item.name)

    async def make(self, call: Call, item: Item) -> Item:
        """Puts the set."""
        if self._sets is None:
            raise refused(
                "this platform has no room of rules, which the pack needs",
                "パックに必要な規則の機能が、この基盤にはありません",
            )
        await self._sets.put(call, item.name, item.text, f"for {call.cause}")
        return item

    change = make

    async def take(self, call: Call, item: Item) -> None:
        """Removes the set."""
        if self._sets is None:
            return
        try:
            await self._sets.remove(call, item.name, f"for {call.cause}")
        except ResourceNotFound:
            return
