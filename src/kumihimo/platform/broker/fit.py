"""What a merge is given, as an instance of the attribute that stands (clause 5.6.17). Pure."""

from __future__ import annotations

from typing import Any, cast

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import Merging
from kumihimo.platform.jsonld.instance import check_object
from kumihimo.platform.jsonld.models import NGSI_LD_NULL, Instance

_PLAIN = frozenset({"Property", "GeoProperty"})
"""The types that a simplified value may be taken for without saying so."""


def fit(name: str, before: Instance | None, given: Instance, merging: Merging) -> Instance:
    """The instance with the moment of the request, and, where it came simplified, as of the type that stands.

    BadRequestData where its value can be none of an attribute of this type, or where a text lacks its language.
    """
    if before is None:
        return given
    new = dict(given)
    if merging.observed and "observedAt" in before and "observedAt" not in given:
        new["observedAt"] = merging.observed
    if merging.simplified and given.get("type") in _PLAIN and given.get("value") != NGSI_LD_NULL:
        _take_type(name, before["type"], new, merging.lang)
    return cast("Instance", new)


def _take_type(name: str, kind: str, new: dict[str, Any], lang: str) -> None:
    if kind == "Relationship":
        new["object"] = check_object(name, new.pop("value"), nulls=False)
    elif kind == "LanguageProperty":
        new["languageMap"] = {_known(name, lang): _words(name, new.pop("value"))}
    elif kind != "Property":
        return  # other kinds stand in a member of their own in the simplified form too (clause 4.5.4)
    new["type"] = kind


def _known(name: str, lang: str) -> str:
    if not lang:
        raise BadRequestData(f"{name} is a LanguageProperty; say with lang in which language the text is")
    return lang


def _words(name: str, value: Any) -> str | list[str]:
    words = value if isinstance(value, list) and value else [value]
    if not all(isinstance(word, str) for word in words):
        raise BadRequestData(f"{name} is a LanguageProperty; it takes a text, or an array of texts")
    return cast("str | list[str]", value)
