"""Alerts and decisions of the wing, and the town's rule for sirens."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from kumihimo.base.call import ANONYMOUS, Actor
from kumihimo.base.cells import plain
from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS
from kumihimo.service.alerts.models import Alert, AlreadyDecided, Decision, Verdict
from kumihimo.solutions.wildlife.doors import WildlifeDoors
from kumihimo.solutions.wildlife.moments import local
from kumihimo.solutions.wildlife.rule import RULE_ID, rule_change, rule_of, rule_of_form
from kumihimo.solutions.wildlife.watch import SOURCE
from kumihimo.solutions.wildlife.words import PACKAGE, species_name, words

LIVE = ("Alert", "WildlifeSiren", "WildlifeLight")
NUMBERS = ("quiet_from", "quiet_until", "per_night", "pause")
VERDICTS: dict[str, Verdict] = {"accepted": "accepted", "rejected": "rejected"}


class AlertPages:
    """/wildlife/alerts/{id}, /wildlife/decisions and /wildlife/siren."""

    def __init__(self, doors: WildlifeDoors) -> None:
        self._doors = doors

    async def _alert(self, ask: Ask) -> Alert:
        alert = await self._doors.alerts.get(ask.tenant, ask.path["id"])
        if alert.source != SOURCE:
            raise ResourceNotFound("this alert is not one of animals")
        return alert

    async def show(self, ask: Ask) -> Answer:
        """One alert: what was seen, what is proposed, what was decided."""
        return await self._page(ask, None)

    async def _page(self, ask: Ask, problem: Problem | None) -> Page:
        alert = await self._alert(ask)
        refused = alert.content.facts.get("sirenRefused")
        data = {
            "alert": alert,
            "species": species_name(str(alert.content.facts.get("species", "")), ask.lang),
            "refused": refused[ask.lang] if isinstance(refused, dict) else "",
            "decisions": [_spoken(one, ask.lang) for one in await self._doors.alerts.decisions(ask.tenant, alert.id)],
            "problem": problem,
            "form": {name: ask.form.get(name, "") for name in ("reason", "who")},
        }
        status = 200 if problem is None else problem.status
        return Page(f"{PACKAGE}:alert.html", alert.content.title[ask.lang], data, status=status, live=LIVE)

    async def decide(self, ask: Ask) -> Answer:
        """Takes the form: verdict, version, reason and who."""
        call = replace(ask.call, actor=decider(ask), purpose="decide")
        try:
            alert = await self._alert(ask)
            verdict = VERDICTS.get(ask.form.get("verdict", ""), "undecided")
            await self._doors.alerts.decide(call, alert.id, _version(ask), verdict, ask.form.get("reason", ""))
        except (AlreadyDecided, BadRequestData) as problem:
            return await self._page(ask, problem)
        return Redirect(f"/wildlife/alerts/{ask.path['id']}")

    async def decisions(self, ask: Ask) -> Answer:
        """The decision log of the wing, newest first."""
        found = [_spoken(one, ask.lang) for one in await self._decisions(ask)]
        return Page(f"{PACKAGE}:decisions.html", "wildlife.decisions.title", {"decisions": found}, live=LIVE)

    async def _decisions(self, ask: Ask) -> list[Decision]:
        return list(await self._doors.alerts.decisions(ask.tenant, limit=100_000, source=SOURCE))

    async def decisions_csv(self, ask: Ask) -> Answer:
        """The same as CSV with a byte order mark, so that Excel reads its Japanese."""
        table = decisions_table([_spoken(one, ask.lang) for one in await self._decisions(ask)], ask.lang)
        return Document(table.encode("utf-8-sig"), "text/csv; charset=utf-8")

    # --- the rule ----------------------------------------------------------------------------------------

    async def rule(self, ask: Ask) -> Answer:
        """The town's rule for sirens."""
        return await self._rule_page(ask, None)

    async def _rule_page(self, ask: Ask, problem: Problem | None) -> Page:
        doc = await self._doors.broker.get(ask.tenant, RULE_ID, ALL_ROWS, ALL_ATTRIBUTES)
        rule = rule_of(doc)
        written = {"reason": rule.reason, "who": rule.allowed_by, **{name: getattr(rule, name) for name in NUMBERS}}
        may_set = await self._doors.may_open(ask.call, "administer")
        data = {"rule": rule, "problem": problem, "form": {**written, **ask.form}, "may_set": may_set}
        status = 200 if problem is None else problem.status
        return Page(f"{PACKAGE}:rule.html", "wildlife.rule.title", data, status=status)

    async def set_rule(self, ask: Ask) -> Answer:
        """Takes the form."""
        try:
            rule = rule_of_form(ask.form, ask.person)
        except BadRequestData as problem:
            return await self._rule_page(ask, problem)
        await self._doors.apply(replace(ask.call, purpose="siren-rule"), [rule_change(rule)])
        return Redirect("/wildlife/siren")


def decider(ask: Ask) -> Actor:
    """Who decides: whoever logged in, by name and account; in an open house who the form says."""
    if ask.call.actor.kind == "person":
        return Actor("person", f"{ask.person} ({ask.call.actor.id})"[:200])
    if ask.call.actor != ANONYMOUS:  # a program or a device signs nothing in a person's name
        return ask.call.actor
    return Actor("person", ask.form.get("who", "").strip()[:200])


def _version(ask: Ask) -> int:
    text = ask.form.get("version", "")
    if not text.isascii() or not text.isdigit():
        raise BadRequestData("the form lacks its version; open the page again")
    return int(text[:18])


def _spoken(one: Decision, lang: str) -> Decision:
    if lang != "ja":
        return one
    return replace(one, steps=tuple(replace(step, detail=step.detail_ja or step.detail) for step in one.steps))


def decisions_table(decisions: list[Decision], lang: str) -> str:
    """The decision log as CSV text; cells that a spreadsheet would run as a formula are quoted."""
    t = words(lang)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [t(f"wildlife.{name}") for name in ("decided_at", "alert", "decision", "who", "reason", "followed")]
    )
    for one in decisions:
        steps = "; ".join(
            f"{step.proposal.label.get(lang, step.proposal.device)}: {t(f'wildlife.step.{step.state}')} {step.detail}"
            for step in one.steps
        )
        who = t("wildlife.by.permission", who=one.signer) if one.is_permitted else one.signer
        cells = (_moment(one.at), one.content.title.get(lang, ""), t(f"wildlife.verdict.{one.verdict}"))
        writer.writerow([plain(cell) for cell in (*cells, who, one.why, steps)])
    return out.getvalue()


def _moment(at: int) -> str:
    return f"{local(at):%Y-%m-%d %H:%M:%S}"
