"""A subscription's document after a change (clauses 5.5.8 and 5.8.2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kumihimo.platform.delivery.compile import compile_subscription
from kumihimo.platform.delivery.models import StoredSubscription
from kumihimo.platform.jsonld.models import NGSI_LD_NULL


def changed(stored: StoredSubscription, given: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The document with the fragment's members in the place of its own; an NGSI-LD Null takes one away.

    One that has expired is neither paused nor resumed by isActive alone; a new expiresAt alone makes it active.
    """
    expired = compile_subscription(stored, lambda term: stored.terms.get(term, term)).status(now) == "expired"
    whole = dict(stored.document)
    for name, value in given.items():
        if value is None or value == NGSI_LD_NULL:
            whole.pop(name, None)
        else:
            whole[name] = value
    if expired and "isActive" not in given and "expiresAt" in given:
        whole.pop("isActive", None)
    return whole
