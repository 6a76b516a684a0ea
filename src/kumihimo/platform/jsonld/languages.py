"""Choosing one language of a LanguageProperty (clause 4.15), as RFC 4647 lookup does."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

from kumihimo.platform.jsonld.models import Instance


@lru_cache(maxsize=1_000)
def preferences(text: str) -> tuple[str, ...]:
    """Language ranges, best first, of a text like "ja, en;q=0.5, *;q=0.1"; those with q=0 or a wrong q are left out."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(text.split(",")):
        tag, _, parameter = part.partition(";")
        quality = _quality(parameter)
        if tag.strip() and quality > 0:
            ranked.append((-quality, place, tag.strip().lower()))
    return tuple(tag for _, _, tag in sorted(ranked))


def _quality(parameter: str) -> float:
    name, _, number = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(number) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0


def best_language(available: Iterable[str], wanted: str) -> str | None:
    """The language to show: the best match, else "@none", else the first there is; None where there is none."""
    tags = list(available)
    by_lower = {tag.lower(): tag for tag in tags}
    for preference in preferences(wanted):
        found = tags[0] if preference == "*" and tags else _match(by_lower, preference)
        if found is not None:
            return found
    return by_lower.get("@none", tags[0] if tags else None)


def _match(by_lower: dict[str, str], preference: str) -> str | None:
    shorter = preference
    while shorter:
        if shorter in by_lower:
            return by_lower[shorter]
        shorter = shorter.rpartition("-")[0]
    return next((tag for lower, tag in by_lower.items() if lower.startswith(preference + "-")), None)


def choose_language(instance: Instance, wanted: str) -> Instance:
    """A LanguageProperty as a Property with the one language and "lang" saying which; other kinds as they are."""
    if instance["type"] != "LanguageProperty" or not isinstance(instance["languageMap"], dict):
        return instance
    tag = best_language(instance["languageMap"], wanted)
    if tag is None:
        return instance
    rest: dict[str, Any] = {key: value for key, value in instance.items() if key not in {"type", "languageMap"}}
    return cast("Instance", {"type": "Property", "value": instance["languageMap"][tag], "lang": tag, **rest})
