"""A subscription as a caller reads it: what was given, under the caller's names, with status and counters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kumihimo.base import times
from kumihimo.base.errors import Problem
from kumihimo.platform.broker.parse import PLAIN, Reading, parse_q, renamed_q
from kumihimo.platform.delivery.catalogue import meanings
from kumihimo.platform.delivery.compile import compile_subscription, reading_of
from kumihimo.platform.delivery.models import TRIGGERS, State, StoredSubscription
from kumihimo.platform.delivery.projection import HEAD, Expand
from kumihimo.platform.jsonld.contexts import Context

_MEMBER = re.compile(r"[^{},|\s]+")
_TYPE = re.compile(r"[^\s(),;|]+")


def shown(
    stored: StoredSubscription, state: State, now: int, context: Context | None, *, sys_attrs: bool = False
) -> dict[str, Any]:
    """The document of clause 5.2.12; now in microseconds. Without a context, names are shown as they were given.

    sys_attrs shows when it was made and changed (clause 5.2.2). What the platform says of the notifications is there
    once there was one (table 5.2.14.2-1).
    """
    document: dict[str, Any] = {**stored.document, "id": stored.id}
    if context is not None and context.source != stored.context:
        document = _renamed(document, meanings(stored.terms), context)
    compiled = compile_subscription(stored, meanings(stored.terms))
    document["status"] = compiled.status(now)
    if not compiled.interval:
        document.setdefault("notificationTrigger", [one for one in TRIGGERS if one in compiled.triggers])
    document["notification"] = {**document["notification"], **_account(state)}
    if sys_attrs:
        document["createdAt"] = times.text(times.from_micros(stored.created_at))
        document["modifiedAt"] = times.text(times.from_micros(stored.modified_at))
    return document


def under_way(state: State, began: Sequence[int]) -> State:
    """The counters with attempts that began at these moments and have no outcome yet."""
    if not began:
        return state
    return replace(
        state,
        times_sent=state.times_sent + len(began),
        last_notification=max(state.last_notification, *began),
    )


def _account(state: State) -> dict[str, Any]:
    """What became of the notifications; nothing before the first."""
    if not state.times_sent:
        return {}
    account: dict[str, Any] = {"timesSent": state.times_sent, "lastNotification": _moment(state.last_notification)}
    if state.times_failed:
        account["timesFailed"] = state.times_failed
    if state.last_success:
        account["lastSuccess"] = _moment(state.last_success)
    if state.last_failure:
        account["lastFailure"] = _moment(state.last_failure)
    if state.last_success or state.last_failure:
        account["status"] = "failed" if state.last_failure > state.last_success else "ok"
    return account


def _moment(micros: int) -> str:
    return times.text(times.from_micros(micros))


def _renamed(document: dict[str, Any], meaning: Expand, context: Context) -> dict[str, Any]:
    """All names in it under another context (clause 5.5.7), `meaning` says what each stands for."""

    def name(term: str) -> str:
        return context.compact(meaning(term))

    readings = {"q": reading_of(document, meaning), "csf": PLAIN}
    asked = {member: document[member] for member in readings if member in document}
    renamed = document | {member: _expression(q, meaning, context, readings[member]) for member, q in asked.items()}
    if "entities" in renamed:
        renamed["entities"] = [{**one, "type": _types(one["type"], name)} for one in renamed["entities"]]
    if "watchedAttributes" in renamed:
        renamed["watchedAttributes"] = _all(renamed["watchedAttributes"], name)
    for member in ("expandValues", "jsonKeys"):
        if member in renamed:
            renamed[member] = ",".join(name(one.strip()) for one in renamed[member].split(","))
    if "geoproperty" in renamed.get("geoQ", {}):
        renamed["geoQ"] = {**renamed["geoQ"], "geoproperty": name(renamed["geoQ"]["geoproperty"])}
    notification = dict(renamed["notification"])
    for member in ("attributes", "pick", "omit"):
        if member in notification:
            notification[member] = _all(notification[member], name)
    return {**renamed, "notification": notification}


def _expression(text: str, meaning: Expand, context: Context, reading: Reading) -> str:
    """The expression under the context's names: where the grammar has no room for one, under full names, else as given.

    A name like `ex:a.b` would be read as a path; so what is shown is read again, and must ask for the same.
    """
    wanted = parse_q(text, meaning, reading)
    for name in (lambda term: context.compact(meaning(term)), meaning):
        shown_as = renamed_q(text, meaning, name, reading)
        with suppress(Problem):
            if parse_q(shown_as, context.expand, reading) == wanted:
                return shown_as
    return text


def _types(selection: str, name: Expand) -> str:
    """A type selection (clause 4.17) with each of its types renamed."""
    return _TYPE.sub(lambda found: name(found.group()), selection)


def _all(given: Any, name: Expand) -> list[str]:
    """Names, each maybe with others in braces behind it (clause 4.21)."""
    each = [given] if isinstance(given, str) else given
    return [_MEMBER.sub(lambda found: found[0] if found[0] in HEAD else name(found[0]), one) for one in each]
