"""The town's rule for sirens, kept as an entity, so that its history tells who changed it when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.broker.models import Change
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.limits import SirenRule

RULE_ID = "urn:ngsi-ld:WildlifeSirenRule:town"
HOURS = range(24)
BUDGETS = range(21)
PAUSES = range(5, 241)


def rule_change(rule: SirenRule) -> Change:
    """The change that writes the rule."""
    return entities.change(RULE_ID, entities.SIREN_RULE, {entities.RULE: entities.prop(asdict(rule))})


def rule_of(doc: EntityDoc | None) -> SirenRule:
    """The rule in the entity; where it cannot be read, the careful one that is built in."""
    found = None if doc is None else entities.value_of(doc, entities.RULE)
    if not isinstance(found, Mapping) or {one.name for one in fields(SirenRule)} != set(found):
        return SirenRule()
    try:
        rule = SirenRule(**found)
        check(rule)
    except (TypeError, BadRequestData):
        return SirenRule()
    return rule


def check(rule: SirenRule) -> None:
    """BadRequestData for a rule that cannot be."""
    numbers = (rule.quiet_from, rule.quiet_until, rule.per_night, rule.pause)
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
        raise BadRequestData("hours, budget and pause are whole numbers").said(
            "時刻、回数、間隔は整数で入れてください。"
        )
    if rule.quiet_from not in HOURS or rule.quiet_until not in HOURS:
        raise BadRequestData("the quiet hours are 0 to 23").said("鳴らさない時間は 0～23 時で入れてください。")
    if rule.per_night not in BUDGETS:
        raise BadRequestData("a siren sounds 0 to 20 times a night").said("一晩に鳴らす上限は 0～20 回です。")
    if rule.pause not in PAUSES:
        raise BadRequestData("between two soundings lie 5 to 240 minutes").said(
            "次に鳴らすまでの間隔は 5～240 分です。"
        )
    if rule.automatic and not rule.is_automatic():
        said = "a siren that sounds without asking needs the name of who permits it, and the reason"
        raise BadRequestData(said).said("人の判断を待たずに鳴らすときは、許可する人の名前と理由を書いてください。")


def rule_of_form(form: Mapping[str, str], person: str) -> SirenRule:
    """The rule in a form; person is who is logged in, "" in an open house, where the form says who. BadRequestData."""
    rule = SirenRule(
        quiet_from=_number(form, "quiet_from"),
        quiet_until=_number(form, "quiet_until"),
        night_beside_houses=form.get("night_beside_houses") == "yes",
        per_night=_number(form, "per_night"),
        pause=_number(form, "pause"),
        automatic=form.get("automatic") == "yes",
        allowed_by=(person or form.get("who", "")).strip()[:200],
        reason=form.get("reason", "").strip()[:500],
    )
    check(rule)
    return rule


def _number(form: Mapping[str, str], name: str) -> int:
    text: Any = form.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise BadRequestData(f"{name} is no whole number").said("時刻、回数、間隔は整数で入れてください。")
    return int(text)
