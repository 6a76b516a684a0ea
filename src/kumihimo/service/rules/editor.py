"""The editor of a rule set: a form for one rule at a time, and the text; both keep the work of two who edit at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, Page, Redirect
from kumihimo.service.rules import form, text
from kumihimo.service.rules.definition import Definition, Rule
from kumihimo.service.rules.door import RuleSets
from kumihimo.service.rules.fields import RULE
from kumihimo.service.rules.refusal import ChangedMeanwhile, RuleRefused

PACKAGE: Final = "kumihimo.service.rules"
HINTS: Final = frozenset(f"rules.hint.{name}" for name in ("condition", "schedule", "value", "text", "area"))
"""Members of which the form says more than their name."""


def refusal_of(problem: Problem | None, lang: str) -> tuple[str, str] | None:
    """What a page says of a refusal, and in which language it is."""
    if problem is None:
        return None
    if isinstance(problem, RuleRefused):
        return problem.words.of(lang), lang
    if problem.wording is not None and not problem.wording.key and lang in problem.wording.values:
        return str(problem.wording.values[lang]), lang
    return problem.detail, "en"


def failed(page: Page, problem: Problem | None) -> Page:
    """The page with the status of what went wrong on it."""
    return page if problem is None else replace(page, status=problem.status, headers=problem.headers())


class Editor:
    """The pages /rules/{name}/edit (rule: which one, "" for a new one) and /rules/{name}/text."""

    def __init__(self, sets: RuleSets) -> None:
        self._sets = sets

    # --- the text ------------------------------------------------------------------------------------------

    async def show_text(self, ask: Ask) -> Page:
        """The text of the set, for developers."""
        one = await self._sets.get(ask.call, ask.path["name"])
        return self._text(ask, {"text": one.text, "version": str(one.version), "why": ""})

    def _text(self, ask: Ask, given: dict[str, str], problem: Problem | None = None) -> Page:
        data = {
            "name": ask.path["name"],
            "form": given,
            "theirs": problem.theirs if isinstance(problem, ChangedMeanwhile) else None,
            "refused": refusal_of(problem, ask.lang),
        }
        return failed(Page(f"{PACKAGE}:rule_text.html", "rules.text.title", data), problem)

    async def take_text(self, ask: Ask) -> Answer:
        """Takes the form: text, version (the one that was changed), why."""
        given = {"text": "", "version": "0", "why": "", **ask.form}
        given["text"] = given["text"].replace("\r\n", "\n")
        try:
            self._check_name(ask, self._sets.check(given["text"]))
            await self._sets.put(ask.call, given["text"], version=version_of(given["version"]), why=given["why"])
        except ChangedMeanwhile as problem:
            return self._text(ask, {**given, "version": str(problem.revision)}, problem)
        except (RuleRefused, BadRequestData) as problem:
            return self._text(ask, given, problem)
        return Redirect(f"/rules/{ask.path['name']}")

    @staticmethod
    def _check_name(ask: Ask, definition: Definition) -> None:
        if definition.name != ask.path["name"]:
            raise RuleRefused(
                f"name: the text names {definition.name!r}; a rule set keeps its name",
                f"name：本文の名前は {definition.name!r} です。規則セットの名前は変えられません。",
            )

    # --- the form ------------------------------------------------------------------------------------------

    async def show(self, ask: Ask) -> Page:
        """The form of one rule (rule), or of a new one; of a set that there is not, one of a new set."""
        version, definition = await self._base(ask, "")
        wanted = ask.query.get("rule", "")
        rule = next((one for one in definition.rules if one.name == wanted), None)
        given = form.rule_form(rule or Rule(name=wanted))
        if rule is None:
            given = form.with_part(given, "then")
        return await self._form(ask, definition, given, version, wanted if rule is not None else "")

    async def _base(self, ask: Ask, version: str) -> tuple[int, Definition]:
        """The version that is edited, "" for the newest, and what it says; 0 and nothing where there is no set."""
        name = ask.path["name"]
        try:
            one = await self._sets.get(ask.call, name)
        except ResourceNotFound:
            return 0, Definition(name)
        if version in ("", str(one.version)):
            return one.version, text.read(one.text)
        wanted = version_of(version)
        if wanted == 0:
            return 0, Definition(name)
        return wanted, text.read((await self._sets.version(ask.call, name, wanted)).text)

    async def _form(
        self,
        ask: Ask,
        definition: Definition,
        given: dict[str, str],
        version: int,
        rule: str,
        problem: Problem | None = None,
    ) -> Page:
        data: dict[str, Any] = {
            "name": ask.path["name"],
            "rule": rule,
            "version": version,
            "part": RULE,
            "parts": [(name, below, range(form.count_of(given, name))) for name, _, below in RULE.parts],
            "form": given,
            "hints": HINTS,
            "topics": await self._sets.topics(ask.call.tenant),
            "known": await self._sets.known(ask.call, definition),
            "about": {"title_ja": definition.title_ja, "title_en": definition.title_en, "why": "", **_about(ask)},
            "theirs": problem.theirs if isinstance(problem, ChangedMeanwhile) else None,
            "yours": problem.yours if isinstance(problem, ChangedMeanwhile) else None,
            "refused": refusal_of(problem, ask.lang),
        }
        return failed(Page(f"{PACKAGE}:rule_form.html", "rules.form.title", data), problem)

    async def take(self, ask: Ask) -> Answer:
        """Takes the form: action is save, remove, show, add:KIND or drop:KIND:NUMBER; version and rule say of what."""
        version, definition = await self._base(ask, ask.form.get("version", ""))
        rule, action = ask.form.get("rule", ""), ask.form.get("action", "save")
        given = form.filled({})
        try:
            given = form.filled(ask.form)
            verb, _, rest = action.partition(":")
            if verb in ("add", "drop", "show"):
                return await self._form(ask, definition, _parts(given, verb, rest), version, rule)
            made = self._with(definition, given, rule, removes=verb == "remove", ask=ask)
            await self._sets.put(ask.call, text.write(made), version=version, why=ask.form.get("why", ""))
        except ChangedMeanwhile as problem:
            return await self._form(ask, definition, given, problem.revision, rule, problem)
        except (RuleRefused, BadRequestData) as problem:
            return await self._form(ask, definition, given, version, rule, problem)
        return Redirect(f"/rules/{ask.path['name']}")

    @staticmethod
    def _with(definition: Definition, given: dict[str, str], rule: str, *, removes: bool, ask: Ask) -> Definition:
        """The set with the rule as the form has it, in its place; a new one stands last."""
        about: dict[str, Any] = {name: value for name, value in _about(ask).items() if name != "why"}
        if removes:
            return replace(definition, rules=tuple(one for one in definition.rules if one.name != rule), **about)
        made = form.rule_of(given)
        if any(one.name == rule for one in definition.rules) and rule:
            rules = tuple(made if one.name == rule else one for one in definition.rules)
        else:
            rules = (*definition.rules, made)
        return replace(definition, rules=rules, **about)


def _about(ask: Ask) -> dict[str, str]:
    return {name: ask.form[name] for name in ("title_ja", "title_en", "why") if name in ask.form}


def _parts(given: dict[str, str], verb: str, rest: str) -> dict[str, str]:
    if verb == "show":
        return given
    kind, _, number = rest.partition(":")
    if kind not in form.PARTS:
        raise BadRequestData(f"there is no part {kind[:20]!r}")
    if verb == "add":
        return form.with_part(given, kind)
    return form.without_part(given, kind, int(number) if number.isascii() and number.isdigit() else -1)


def version_of(given: str) -> int:
    """The number of a version; BadRequestData for what is none."""
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise BadRequestData(f"{given[:20]!r} is no version").said(
            "版の番号が正しくありません。ページを開き直してください。"
        )
    return int(given)
