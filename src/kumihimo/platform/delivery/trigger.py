"""Whether a change is one of those that a subscription waits for (table 5.2.12-1, notificationTrigger)."""

from __future__ import annotations

from collections.abc import Iterable

from kumihimo.base.events import LogRecord
from kumihimo.platform.access.models import Names
from kumihimo.platform.delivery.changes import Changes
from kumihimo.platform.delivery.models import Subscription

Fired = tuple[bool, tuple[str, ...]]
"""Whether one of the triggers fired, and the attributes of which lost instances are told."""
_NOT: Fired = (False, ())


def triggered(subscription: Subscription, record: LogRecord, changes: Changes, now: Names, before: Names) -> Fired:
    """What the triggers make of the record; attributes that the subscription's maker may not see do not count.

    now are those that may be seen, before those that could be seen too before they were lost.
    """

    def heard(names: Iterable[str], seen: Names = now) -> tuple[str, ...]:
        watched = subscription.watched
        return tuple(name for name in names if name in seen and (name in watched or not watched))

    triggers = subscription.triggers
    if record.kind == "entityDeleted":
        return _on_deletion(subscription, heard(changes.lost), tuple(name for name in changes.lost if name in now))
    created = heard(changes.created)
    if record.kind == "entityCreated":
        born = "entityCreated" in triggers and (bool(created) or not subscription.watched)
        return born or ("attributeCreated" in triggers and bool(created)), ()
    lost = heard(changes.lost, before) if "attributeDeleted" in triggers else ()
    fired = (
        bool(lost)
        or ("attributeCreated" in triggers and bool(created))
        or ("attributeUpdated" in triggers and bool(heard(changes.updated)))
        or ("entityUpdated" in triggers and _is_head_only(subscription, record))
    )
    return fired, lost


def _on_deletion(subscription: Subscription, watched: tuple[str, ...], visible: tuple[str, ...]) -> Fired:
    """A deleted entity lost its attributes too; where only these were asked for, these are told."""
    if subscription.watched and not watched:
        return _NOT
    if "entityDeleted" in subscription.triggers:
        return True, visible if subscription.show_changes else ()
    if "attributeDeleted" in subscription.triggers and watched:
        return True, watched
    return _NOT


def _is_head_only(subscription: Subscription, record: LogRecord) -> bool:
    """Whether only types or scope changed, of which no attribute tells."""
    return not record.changed and not record.deleted and not subscription.watched
