"""Alerts and decisions: the readings behind each alert, the form to decide, the log of who decided what and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Answer, Ask, Document, Page, Redirect
from kumihimo.service.alerts.models import Alert, AlreadyDecided, Content, Decision, Step, Verdict
from kumihimo.service.kpi.models import temporal_path
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.demo import FloodDoors
from kumihimo.solutions.flood.models import level_name
from kumihimo.solutions.flood.read import JST
from kumihimo.solutions.flood.watch import facts_now
from kumihimo.solutions.flood.words import words

PACKAGE = "kumihimo.solutions.flood"
LIVE = ("Alert", "RiversideSign", "RiversideSiren")


class AlertPages:
    """/flood/alerts and /flood/decisions."""

    def __init__(self, doors: FloodDoors) -> None:
        self._doors = doors

    async def index(self, ask: Ask) -> Answer:
        """All alerts, undecided first."""
        alerts = await self._doors.alerts.list(ask.tenant)
        return Page(f"{PACKAGE}:alerts.html", "flood.alerts.title", {"alerts": alerts}, live=LIVE)

    async def show(self, ask: Ask) -> Answer:
        """One alert."""
        return await self._page(ask, None)

    async def _page(self, ask: Ask, problem: Problem | None) -> Page:
        alert = await self._doors.alerts.get(ask.tenant, ask.path["id"])
        data = {
            "alert": alert,
            "gauge": entities.number_of(alert.subject),
            "now": await self._now(ask.call, alert),
            "events": await self._doors.alerts.events(ask.tenant, alert.id),
            "decisions": spoken(await self._doors.alerts.decisions(ask.tenant, alert.id), ask.lang),
            "temporal": _temporal(alert),
            "base_url": ask.base_url,
            "problem": problem,
            "form": {name: ask.form.get(name, "") for name in ("reason", "who", "decision", "step")},
        }
        title = alert.content.title[ask.lang]
        status = 200 if problem is None else problem.status
        return Page(f"{PACKAGE}:alert.html", title, data, status=status, live=LIVE)

    async def _now(self, call: Call, alert: Alert) -> dict[str, Any] | None:
        """The figures of the gauge's newest reading: the river has moved since the alert was raised."""
        grant = await self._doors.seen_by(call)
        doc = await self._doors.broker.get(call.tenant, alert.subject, grant.restriction, grant.visible)
        return None if doc is None else await facts_now(self._doors.history, call.tenant, doc)

    async def decide(self, ask: Ask) -> Answer:
        """Takes the form: verdict and version, or decision and step (send again); with reason and who."""
        call = replace(ask.call, actor=_decider(ask), purpose="decide")
        try:
            if "decision" in ask.form:
                await self._again(ask, call)
            else:
                await self._decide(ask, call)
        except (AlreadyDecided, BadRequestData, ResourceNotFound) as problem:
            return await self._page(ask, problem)
        return Redirect(f"/flood/alerts/{ask.path['id']}")

    async def _decide(self, ask: Ask, call: Call) -> None:
        verdicts: dict[str, Verdict] = {"accepted": "accepted", "rejected": "rejected"}
        verdict = verdicts.get(ask.form.get("verdict", ""), "undecided")
        version = _number(ask.form.get("version", ""), "version")
        alert = await self._doors.alerts.get(ask.tenant, ask.path["id"])
        facts = await self._now(ask.call, alert)
        await self._doors.alerts.decide(call, alert.id, version, verdict, ask.form.get("reason", ""), facts)

    async def _again(self, ask: Ask, call: Call) -> None:
        index = _number(ask.form.get("step", ""), "step")
        override = ask.form.get("override") == "yes"
        reason = ask.form.get("reason", "")
        await self._doors.alerts.again(call, ask.form["decision"], index, reason, override=override)

    async def decisions(self, ask: Ask) -> Answer:
        """The decision log."""
        found = await self._doors.alerts.decisions(ask.tenant)
        return Page(f"{PACKAGE}:decisions.html", "flood.decisions.title", {"decisions": found}, live=LIVE)

    async def decisions_csv(self, ask: Ask) -> Answer:
        """The decision log as CSV with a byte order mark, so that Excel reads its Japanese."""
        found = await self._doors.alerts.decisions(ask.tenant, limit=100_000)
        return Document(decisions_table(list(found), ask.lang).encode("utf-8-sig"), "text/csv; charset=utf-8")


def _decider(ask: Ask) -> Actor:
    """Who decides: whoever logged in, by name and account; in an open house who the form says."""
    if ask.call.actor.kind == "person":
        return Actor("person", f"{ask.person} ({ask.call.actor.id})"[:200])
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


def decisions_table(decisions: list[Decision], lang: str) -> str:
    """The decision log as CSV text, newest first; cells that a spreadsheet would run as a formula are quoted."""
    t = words(lang)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEAD[lang])
    for one in spoken(decisions, lang):
        writer.writerow([_safe(cell) for cell in _cells(one, lang, t)])
    return out.getvalue()


def spoken(decisions: Sequence[Decision], lang: str) -> list[Decision]:
    """The decisions with what became of their steps in the reader's language."""
    if lang != "ja":
        return list(decisions)
    return [
        replace(one, steps=tuple(replace(step, detail=step.detail_ja or step.detail) for step in one.steps))
        for one in decisions
    ]


def _cells(one: Decision, lang: str, t: Callable[..., str]) -> list[str]:
    steps = "; ".join(_step(step, lang, t) for step in one.steps)
    return [
        _moment(one.at),
        str(one.content.title.get(lang, "")),
        level_name(one.severity, lang),
        _VERDICTS[one.verdict][lang != "ja"],
        one.who,
        one.reason,
        _readings(one.content),
        steps,
    ]


def _step(step: Step, lang: str, t: Callable[..., str]) -> str:
    again = "" if not step.who else " " + t("flood.step.again", who=step.who, reason=step.reason)
    label = step.proposal.label.get(lang, step.proposal.device)
    return f"{label}: {t(f'flood.step.{step.state}')} {step.detail}".strip() + again


def _readings(content: Content) -> str:
    return "; ".join(f"{_moment(one.at)} {one.value:.2f} m" for one in content.evidence)


def _moment(value: int) -> str:
    return times.from_micros(value).astimezone(JST).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def _safe(cell: Any) -> str:
    text = str(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
