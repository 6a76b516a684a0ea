"""What is to be done, step by step: what was shipped, what is to be shipped, and what stands, held against each other.

Pure. What the town changed is the town's: no upgrade writes over it, and no removal takes it away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from kumihimo.solutions.packs.models import Item, ItemKind, Said, Step

Key = tuple[ItemKind, str]
CHANGED: Final = Said(ja="自治体が変更しました", en="the town changed it")
BOTH: Final = Said(
    ja="自治体とパックの両方が変更しました。自治体のものを残します",
    en="the town and the pack both changed it; the town's stays",
)
TAKEN: Final = Said(ja="同じ名前のものがすでにあります", en="the town has one of this name already")
TAKEN_AWAY: Final = Said(ja="自治体が取り除きました", en="the town took it away")
PENDING: Final = "pending"
"""In place of how its room calls it: it was noted to be made, and nobody noted that it was."""


class Standing(NamedTuple):
    """How a thing stands: its text now (None where there is none), and which pack made it ("" for none)."""

    text: str | None
    owner: str = ""


def steps_of(
    pack: str, shipped: Sequence[Item], wanted: Sequence[Item], standing: Mapping[Key, Standing]
) -> list[Step]:
    """From what the pack shipped to what it ships now: first what goes, then what comes."""
    old = {key_of(one): one for one in shipped}
    new = {key_of(one) for one in wanted}
    gone = [one for one in reversed(shipped) if key_of(one) not in new]
    steps = [_leave(one, standing[key_of(one)]) for one in gone]
    steps += [_come(pack, old.get(key_of(one)), one, standing[key_of(one)]) for one in wanted]
    return [one for one in steps if one is not None]


def steps_away(shipped: Sequence[Item], standing: Mapping[Key, Standing], *, purge: bool) -> list[Step]:
    """All that the pack made, the last first; purge takes also what the town changed."""
    found = [_leave(one, standing[key_of(one)], purge=purge) for one in reversed(shipped)]
    return [one for one in found if one is not None]


def key_of(item: Item) -> Key:
    """Under what it is told from others."""
    return item.kind, item.name


def _leave(item: Item, now: Standing, *, purge: bool = False) -> Step | None:
    if now.text is None:
        return None
    if now.text == item.text:
        return Step("take-away", item)
    if purge:
        return Step("take-away", item, CHANGED)
    return Step("stays", item, CHANGED)


def _come(pack: str, old: Item | None, new: Item, now: Standing) -> Step | None:
    if now.owner not in {"", pack}:
        return Step("clash", new, Said(ja=f"パック {now.owner} が作ったものです", en=f"the pack {now.owner} made it"))
    if old is None:
        if now.text is None:
            return Step("make", new)
        return Step("clash", new, TAKEN)
    if now.text is None and old.ref == PENDING:
        return Step("make", new)
    item = replace(new, ref=old.ref)
    if now.text is None:
        return Step("stays", item, TAKEN_AWAY)
    if now.text == new.text:
        return None
    if now.text == old.text:
        return Step("change", item)
    return Step("stays", item, CHANGED if old.text == new.text else BOTH)
