"""Counting what there is: which types, which attributes, of which kinds (clauses 5.7.5 to 5.7.10)."""

from __future__ import annotations

from dataclasses import dataclass, field

from kumihimo.base.jsontext import parse
from kumihimo.platform.access.grants import Restriction, Visible
from kumihimo.platform.broker.masks import admits, masked
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.storage.database import Tx

_PAGE = 500


@dataclass(slots=True)
class Tally:
    """How many entities have it; kinds by attribute of a type, or types and kinds of an attribute."""

    count: int = 0
    attributes: dict[str, set[str]] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Census:
    """Types and attributes by their IRIs; of an attribute, count is the number of its instances."""

    types: dict[str, Tally] = field(default_factory=dict)
    attributes: dict[str, Tally] = field(default_factory=dict)

    def add(self, doc: EntityDoc, visible: Visible) -> None:
        """Counts one entity, as far as it may be seen."""
        seen = masked(doc, visible)["attrs"]
        for one in dict.fromkeys(doc["type"]):
            tally = self.types.setdefault(one, Tally())
            tally.count += 1
            for name, instances in seen.items():
                tally.attributes.setdefault(name, set()).update(part["type"] for part in instances)
        for name, instances in seen.items():
            tally = self.attributes.setdefault(name, Tally())
            tally.count += len(instances)
            tally.types.update(doc["type"])
            tally.kinds.update(part["type"] for part in instances)


async def census_tx(tx: Tx, restriction: Restriction, visible: Visible, type_: str = "") -> Census:
    """Of all entities that may be seen; with type_, of those of this type alone. Reads every one of them."""
    found = Census()
    after = -1
    # A type is looked up in its index; all entities are read in the order of their creation.
    source = "entity_type t JOIN entity e ON e.number = t.number WHERE t.type = $3 AND" if type_ else "entity e WHERE"
    bound = (type_,) if type_ else ()
    while True:
        rows = await tx.fetch(
            f"SELECT e.number, e.doc FROM {source} e.number > $1 ORDER BY e.number LIMIT $2", after, _PAGE, *bound
        )
        for _, text in rows:
            doc: EntityDoc = parse(text)
            if admits(restriction, doc):
                found.add(doc, visible)
        if len(rows) < _PAGE:
            return found
        after = rows[-1][0]
