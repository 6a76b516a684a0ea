"""Entities as they were written into answers, found again by what they were made of.

The stored text stands in the key, so that an entity that changed, in this process or in another, is another key:
nothing is ever stale, and nothing has to be taken back.
"""

from __future__ import annotations

from collections import OrderedDict

from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.rendering import Rendering

MAX_WEIGHT = 16 * 1024 * 1024
"""Characters of what is remembered, as stored and as written, together."""
MAX_ONE = 64 * 1024
"""A longer one is not remembered, so that it does not push out a thousand others."""
MAX_CONTEXTS = 16
"""Contexts come from outside and may be large: those used least are forgotten with all that was written by them."""
_EACH = 512

Key = tuple[str, str, Rendering, str]
"""Tenant, media type, rendering (which holds context, form and language), and the stored text of what may be seen: of
whoever sees another part of the entity it is another key.
"""


class Remembered:
    """Written entities by Key; those used latest stay."""

    def __init__(self, most: int = MAX_WEIGHT) -> None:
        self._most = most
        self.weight = 0
        self._known: OrderedDict[Context, OrderedDict[Key, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(one) for one in self._known.values())

    def get(self, key: Key) -> bytes | None:
        """What is remembered under the key."""
        known = self._known.get(key[2].context)
        found = known.get(key) if known is not None else None
        if known is not None and found is not None:
            known.move_to_end(key)
        return found

    def keep(self, key: Key, written: bytes) -> None:
        """Remembers it, and forgets what was not used for longest where there is too much."""
        weight = _weight(key, written)
        if weight > MAX_ONE or self.get(key) is not None:
            return
        context = key[2].context
        self._known.setdefault(context, OrderedDict())[key] = written
        self._known.move_to_end(context)
        self.weight += weight
        while self.weight > self._most or len(self._known) > MAX_CONTEXTS:
            self._forget_one()

    def _forget_one(self) -> None:
        context, known = next(iter(self._known.items()))
        self.weight -= _weight(*known.popitem(last=False))
        if not known:
            del self._known[context]


def _weight(key: Key, written: bytes) -> int:
    _, _, look, stored = key
    return _EACH + len(stored) + len(written) + len(look.lang) + sum(len(name) for name in (*look.pick, *look.omit))
