"""A feed's parameters as the document of a subscription (clauses 5.2.12 and 5.2.14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kumihimo.base.errors import BadRequestData

_TRIGGERS = "entityCreated,entityUpdated,entityDeleted"
_TEXTS = ("q", "scopeQ", "lang", "expandValues", "jsonKeys")
_LISTS = {"attrs": "attributes", "pick": "pick", "omit": "omit"}
_FLAGS = ("sysAttrs", "showChanges")
_GEO = ("georel", "geometry", "coordinates", "geoproperty")
TAKES = frozenset(
    (
        *("type", "id", "idPattern", "watched", "triggers", "datasetId"),
        *(*_TEXTS, *_LISTS, *_FLAGS, *_GEO),
        *("format", "join", "joinLevel", "after", "standing"),
    )
)
MAX_AFTER = 2**62


@dataclass(frozen=True, slots=True)
class FeedAsk:
    """What is asked of a feed. after: a position in the log, None for now; standing: the entities as they are first."""

    document: dict[str, Any]
    after: int | None
    standing: bool


def read_ask(query: Mapping[str, str], last_event: str = "") -> FeedAsk:
    """The parameters, checked as far as a subscription does not check them. BadRequestData names the parameter.

    last_event is the header Last-Event-ID, by which a browser goes on where its feed broke off.
    """
    unknown = sorted(query.keys() - TAKES)
    if unknown:
        raise BadRequestData(
            f"a feed has no parameter {unknown[0][:64]!r}; it takes context, {', '.join(sorted(TAKES))}"
        )
    return FeedAsk(_document(query), _after(query.get("after", ""), last_event), _flag(query, "standing"))


def _document(query: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {name: query[name] for name in _TEXTS if name in query}
    document["notificationTrigger"] = _list(query.get("triggers", _TRIGGERS))
    document["localOnly"] = True
    document["notification"] = _notification(query)
    for name, member in (("watched", "watchedAttributes"), ("datasetId", "datasetId")):
        if name in query:
            document[member] = _list(query[name])
    if any(name in query for name in ("type", "id", "idPattern")):
        document["entities"] = [_selector(query)]
    if any(name in query for name in _GEO):
        document["geoQ"] = {name: query[name] for name in _GEO if name in query}
    return document


def _selector(query: Mapping[str, str]) -> dict[str, Any]:
    selector: dict[str, Any] = {"type": query.get("type", "*")}
    if "id" in query:
        selector["id"] = _list(query["id"])
    if "idPattern" in query:
        selector["idPattern"] = query["idPattern"]
    return selector


def _notification(query: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {member: _list(query[name]) for name, member in _LISTS.items() if name in query}
    found |= {name: query[name] for name in ("format", "join") if name in query}
    found |= {name: _flag(query, name) for name in _FLAGS if name in query}
    if "joinLevel" in query:
        found["joinLevel"] = _number(query["joinLevel"], "joinLevel")
    return found


def _after(given: str, last_event: str) -> int | None:
    """The header counts before the parameter: the browser's second try has both, and the header is the newer one."""
    text = last_event or given
    return _number(text, "Last-Event-ID" if last_event else "after") if text else None


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_AFTER):
        raise BadRequestData(f"{name} is {text[:32]!r}; a whole number is needed")
    return int(text)


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise BadRequestData(f"{name} is {text[:32]!r}; use true or false")
    return text == "true"


def _list(text: str) -> list[str]:
    """Names with commas between."""
    return [one.strip() for one in text.split(",") if one.strip()]
