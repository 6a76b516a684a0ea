"""A rule set as the fields of a form, and back; a field's name says where it stands: "rule.0.then.1.text"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kumihimo.base import jsontext
from kumihimo.base.errors import Problem
from kumihimo.service.rules.definition import Definition, Rule
from kumihimo.service.rules.fields import MOST, RULE, SET, Member, Part, model_of
from kumihimo.service.rules.refusal import RuleRefused

COUNT: Final = "count"
"""The field that says how many parts of a kind there are: "rule.count"."""


def form_of(definition: Definition) -> dict[str, str]:
    """All fields with their values; `definition_of` gives the definition back."""
    found: dict[str, str] = {}
    _fill(SET, definition, "", found)
    return found


def rule_form(rule: Rule) -> dict[str, str]:
    """The fields of one rule; `rule_of` gives the rule back."""
    found: dict[str, str] = {}
    _fill(RULE, rule, "", found)
    return found


def rule_of(form: Mapping[str, str]) -> Rule:
    """The rule that the fields hold; RuleRefused where one of them cannot be read."""
    found: Rule = model_of(RULE, _table(RULE, form, ""), "")
    return found


def with_part(form: Mapping[str, str], kind: str) -> dict[str, str]:
    """The fields with one more part of the kind (window, join or then), which is empty yet."""
    number = count_of(form, kind)
    count_of({f"{kind}.{COUNT}": str(number + 1)}, kind)
    found = {**form, f"{kind}.{COUNT}": str(number + 1)}
    _fill(_below(kind), _below(kind).model(), f"{kind}.{number}.", found)
    return found


def without_part(form: Mapping[str, str], kind: str, number: int) -> dict[str, str]:
    """The fields without one part; those behind it move up."""
    many = count_of(form, kind)
    if not 0 <= number < many:
        return dict(form)
    found = {name: value for name, value in form.items() if not name.startswith(f"{kind}.")}
    kept = [one for one in range(many) if one != number]
    for place, one in enumerate(kept):
        for member in _below(kind).members:
            found[f"{kind}.{place}.{member.name}"] = form.get(f"{kind}.{one}.{member.name}", "")
    return {**found, f"{kind}.{COUNT}": str(len(kept))}


def filled(form: Mapping[str, str]) -> dict[str, str]:
    """All fields of one rule that a page shows; those that were not sent are as in an empty rule."""
    found: dict[str, str] = {}
    _fill(RULE, RULE.model(), "", found)
    for kind in PARTS:
        for number in range(count_of(form, kind)):
            _fill(_below(kind), _below(kind).model(), f"{kind}.{number}.", found)
    return {**found, **{name: value for name, value in form.items() if name in found}}


PARTS: Final = tuple(name for name, _, _ in RULE.parts)


def _below(kind: str) -> Part:
    return next(below for name, _, below in RULE.parts if name == kind)


def _fill(part: Part, model: Any, at: str, found: dict[str, str]) -> None:
    for one in part.members:
        found[at + one.name] = _shown(one, getattr(model, one.name))
    for name, into, below in part.parts:
        many = getattr(model, into)
        found[f"{at}{name}.{COUNT}"] = str(len(many))
        for number, each in enumerate(many):
            _fill(below, each, f"{at}{name}.{number}.", found)


def _shown(member: Member, value: Any) -> str:
    if member.kind == "names":
        return "\n".join(value)
    if member.kind == "flag":
        return "on" if value else ""
    if member.kind == "number":
        return str(value) if value else ""
    if member.kind in ("value", "values", "terms"):
        is_none = value is None or (member.kind != "value" and not value)
        return "" if is_none else jsontext.text(value)
    return str(value)


def definition_of(form: Mapping[str, str]) -> Definition:
    """The definition that the fields hold; RuleRefused where one of them cannot be read."""
    found: Definition = model_of(SET, _table(SET, form, ""), "")
    return found


def _table(part: Part, form: Mapping[str, str], at: str) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for one in part.members:
        given = form.get(at + one.name, "").replace("\r\n", "\n")
        if given != "" and (not one.only or form.get(at + "do", "task") in one.only):
            table[one.name] = _read(one, given, at + one.name)
    for name, _, below in part.parts:
        table[name] = [_table(below, form, f"{at}{name}.{number}.") for number in range(count_of(form, at + name))]
    return table


def count_of(form: Mapping[str, str], at: str) -> int:
    """How many parts of a kind the form holds at this place."""
    given = form.get(f"{at}.{COUNT}", "0")
    most = MOST[at.rpartition(".")[2]]
    if not given.isascii() or not given.isdigit() or int(given[:6]) > most:
        raise RuleRefused(f"{at}: at most {most} are taken", f"{at}：{most} 個までです。")
    return int(given)


def _read(member: Member, given: str, where: str) -> Any:
    if member.kind == "names":
        return [one.strip() for one in given.split("\n") if one.strip()]
    if member.kind == "flag":
        return given == "on"
    if member.kind == "number":
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise RuleRefused(f"{where}: give a whole number", f"{where}：整数で書いてください。")
        return int(given)
    if member.kind in ("value", "values", "terms"):
        try:
            return jsontext.loads(given.encode())
        except Problem as problem:
            raise RuleRefused(
                f'{where}: write JSON, a text in quotation marks: "open"',
                f'{where}：JSON で書いてください。文字列は "open" のように引用符で囲みます。',
            ) from problem
    return given
