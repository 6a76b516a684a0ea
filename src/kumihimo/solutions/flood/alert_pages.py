"""Alerts and decisions: the readings behind each alert, the form to decide, the log of who decided what and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import ANONYMOUS, Actor, Call
from kumihimo.base.cells import plain
from kumihimo.base.errors import BadRequestData, Forbidden, Problem, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.base.times import JST
from kumihimo.service.alerts.models import Alert, AlreadyDecided, Content, Decision, Step, Verdict
from kumihimo.service.alerts.sights import Seen, SeenDecision
from kumihimo.service.kpi.models import temporal_path
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.alert_sights import sights_of
from kumihimo.solutions.flood.demo import FloodDoors
from kumihimo.solutions.flood.models import level_name
from kumihimo.solutions.flood.watch import facts_now
from kumihimo.solutions.flood.words import words

PACKAGE = "kumihimo.solutions.flood"
LIVE = ("Alert", "RiversideSign", "RiversideSiren")


class AlertPages:
    """/flood/alerts and /flood/decisions."""

    def __init__(self, doors: FloodDoors) -> None:
        self._doors = doors
        self._sights = sights_of(doors)

    async def index(self, ask: Ask) -> Answer:
        """All alerts that the caller may see, undecided first."""
        alerts = await self._sights.list(ask.tenant, await self._doors.seen_by(ask.call))
        return Page(f"{PACKAGE}:alerts.html", "flood.alerts.title", {"alerts": alerts}, live=LIVE)

    async def show(self, ask: Ask) -> Answer:
        """One alert."""
        return await self._page(ask, None)

    async def _page(self, ask: Ask, problem: Problem | None) -> Page:
        grant = await self._doors.seen_by(ask.call)
        seen = await self._sights.get(ask.tenant, grant, ask.path["id"])
        data = {
            "alert": seen.alert,
            "sight": seen.sight,
            "gauge": entities.number_of(seen.alert.subject),
            "now": await self._now(ask.call, seen),
            "events": await self._sights.events(ask.tenant, seen),
            "decisions": spoken(await self._sights.decisions(ask.tenant, grant, seen), ask.lang),
            "temporal": _temporal(seen.alert) if seen.sight.reading else "",
            "base_url": ask.base_url,
            "problem": problem,
            "may_decide": await self._doors.decides(ask.call),
            "form": {name: ask.form.get(name, "") for name in ("reason", "who", "decision", "step")},
        }
        title = seen.alert.content.title[ask.lang]
        status = 200 if problem is None else problem.status
        return Page(f"{PACKAGE}:alert.html", title, data, status=status, live=LIVE)

    async def _now(self, call: Call, seen: Seen) -> dict[str, Any] | None:
        """The figures of the gauge's newest reading: the river has moved since the alert was raised."""
        if not seen.sight.level:
            return None
        grant = await self._doors.seen_by(call)
        doc = await self._doors.broker.get(call.tenant, seen.alert.subject, grant.restriction, grant.visible)
        return None if doc is None else await facts_now(self._doors.history, call.tenant, doc)

    async def decide(self, ask: Ask) -> Answer:
        """Takes the form: verdict and version, or decision and step (send again); with reason and who."""
        call = replace(ask.call, actor=_decider(ask), purpose="decide")
        grant = await self._doors.seen_by(ask.call)
        seen = await self._sights.get(ask.tenant, grant, ask.path["id"])
        if not seen.sight.steps:
            said = "you may not see all that this alert says, so you cannot decide on it"
            raise Forbidden(said).worded("flood.decide.hidden")
        try:
            if "decision" in ask.form:
                await self._again(ask, call, seen)
            else:
                await self._decide(ask, call, seen)
        except (AlreadyDecided, BadRequestData, ResourceNotFound) as problem:
            return await self._page(ask, problem)
        return Redirect(f"/flood/alerts/{ask.path['id']}")

    async def _decide(self, ask: Ask, call: Call, seen: Seen) -> None:
        verdicts: dict[str, Verdict] = {"accepted": "accepted", "rejected": "rejected"}
        verdict = verdicts.get(ask.form.get("verdict", ""), "undecided")
        version = _number(ask.form.get("version", ""), "version")
        facts = await self._now(ask.call, seen)
        await self._doors.alerts.decide(call, seen.alert.id, version, verdict, ask.form.get("reason", ""), facts)

    async def _again(self, ask: Ask, call: Call, seen: Seen) -> None:
        """Sends a step of one of this alert's decisions again: of another's, the caller may see nothing."""
        index, decision = _number(ask.form.get("step", ""), "step"), ask.form["decision"]
        known = await self._doors.alerts.decisions(ask.tenant, seen.alert.id)
        if decision not in {one.id for one in known}:
            raise ResourceNotFound(f"there is no decision {decision[:40]!r} on this alert")
        override = ask.form.get("override") == "yes"
        reason = ask.form.get("reason", "")
        await self._doors.alerts.again(call, decision, index, reason, override=override)

    async def decisions(self, ask: Ask) -> Answer:
        """The decision log."""
        found = await self._sights.decisions(ask.tenant, await self._doors.seen_by(ask.call))
        return Page(f"{PACKAGE}:decisions.html", "flood.decisions.title", {"decisions": found}, live=LIVE)

    async def decisions_csv(self, ask: Ask) -> Answer:
        """The decision log as CSV with a byte order mark, so that Excel reads its Japanese."""
        found = await self._sights.decisions(ask.tenant, await self._doors.seen_by(ask.call), limit=100_000)
        return Document(decisions_table(found, ask.lang).encode("utf-8-sig"), "text/csv; charset=utf-8")


def _decider(ask: Ask) -> Actor:
    """Who decides: whoever logged in, by name and account; in an open house who the form says."""
    if ask.call.actor.kind == "person":
        return Actor("person", f"{ask.person} ({ask.call.actor.id})"[:200])
    if ask.call.actor != ANONYMOUS:  # a program or a device signs nothing in a person's name
        return ask.call.actor
    return Actor("person", ask.form.get("who", "").strip()[:200])


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadRequestData(f"the form lacks its {name}; open the page again")
    return int(text[:18])


def _temporal(alert: Alert) -> str:
    moments = [one.at for one in alert.content.evidence] or [alert.observed_at]
    return temporal_path(alert.subject, "waterLevel", min(moments), max(moments))


_HEAD = {
    "ja": ("決定日時(日本時間)", "警報", "段階", "決定", "決定者", "理由", "根拠の観測値", "その後"),
    "en": ("Decided at (JST)", "Alert", "Level", "Decision", "By", "Reason", "Readings behind it", "What followed"),
}
_VERDICTS = {"accepted": ("承認", "accepted"), "rejected": ("却下", "rejected"), "undecided": ("", "")}


def decisions_table(decisions: Sequence[SeenDecision], lang: str) -> str:
    """The decision log as CSV text, newest first; cells that a spreadsheet would run as a formula are quoted."""
    t = words(lang)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEAD[lang])
    for one in spoken(decisions, lang):
        writer.writerow([plain(cell) for cell in _cells(one, lang, t)])
    return out.getvalue()


def spoken(decisions: Sequence[SeenDecision], lang: str) -> list[SeenDecision]:
    """The decisions with what became of their steps in the reader's language."""
    return list(decisions) if lang != "ja" else [replace(one, decision=_in_japanese(one.decision)) for one in decisions]


def _in_japanese(decision: Decision) -> Decision:
    steps = tuple(replace(step, detail=step.detail_ja or step.detail) for step in decision.steps)
    return replace(decision, steps=steps)


def _cells(seen: SeenDecision, lang: str, t: Callable[..., str]) -> list[str]:
    one, sight, hidden = seen.decision, seen.sight, t("flood.hidden")
    return [
        _moment(one.at),
        str(one.content.title.get(lang, "")),
        level_name(one.severity, lang) if sight.level else hidden,
        _VERDICTS[one.verdict][lang != "ja"],
        one.who if sight.people else hidden,
        one.reason if sight.reasons else hidden,
        _readings(one.content) if sight.reading else hidden,
        "; ".join(_step(step, lang, t) for step in one.steps) if sight.steps else hidden,
    ]


def _step(step: Step, lang: str, t: Callable[..., str]) -> str:
    again = "" if not step.who else " " + t("flood.step.again", who=step.who, reason=step.reason)
    label = step.proposal.label.get(lang, step.proposal.device)
    return f"{label}: {t(f'flood.step.{step.state}')} {step.detail}".strip() + again


def _readings(content: Content) -> str:
    return "; ".join(f"{_moment(one.at)} {one.value:.2f} m" for one in content.evidence)


def _moment(value: int) -> str:
    return times.from_micros(value).astimezone(JST).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
