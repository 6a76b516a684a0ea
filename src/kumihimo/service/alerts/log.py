"""The decision log in the reader's language, and as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Final

from kumihimo.base import times
from kumihimo.base.texts import parse_texts, translator
from kumihimo.service.alerts.models import Decision, Step
from kumihimo.service.alerts.sights import SeenDecision

JST: Final = timezone(timedelta(hours=9), "JST")


@cache
def words(lang: str) -> Callable[..., str]:
    """`t(key, **values)` of the room's own texts in "ja" or "en"."""
    package = __package__ or ""
    return translator(parse_texts(files(package).joinpath("texts.toml").read_text("utf-8"), package), lang)


def spoken(decisions: Sequence[SeenDecision], lang: str) -> Sequence[SeenDecision]:
    """The decisions with what became of their steps in the reader's language."""
    return [replace(one, decision=_spoken(one.decision, lang)) for one in decisions]


def _spoken(decision: Decision, lang: str) -> Decision:
    if lang != "ja":
        return decision
    steps = tuple(replace(step, detail=step.detail_ja or step.detail) for step in decision.steps)
    return replace(decision, steps=steps)


def decisions_table(decisions: Sequence[SeenDecision], lang: str) -> str:
    """The log as CSV text; cells that a spreadsheet would run as a formula are quoted. Moments in Japan's time."""
    t = words(lang)
    out = io.StringIO()
    writer = csv.writer(out)
    names = ("decided_at", "alert", "severity", "decision", "who", "reason", "rule", "followed")
    writer.writerow([t(f"alerts.{name}") for name in names])
    for one in spoken(decisions, lang):
        writer.writerow([_safe(cell) for cell in _cells(one, lang, t)])
    return out.getvalue()


def _cells(seen: SeenDecision, lang: str, t: Callable[..., str]) -> list[str]:
    one, people = seen.decision, seen.sight.people
    facts = one.content.facts
    return [
        f"{times.from_micros(one.at).astimezone(JST):%Y-%m-%d %H:%M:%S}",
        one.content.title.get(lang, ""),
        t(f"alerts.severity.{one.severity}"),
        t(f"alerts.verdict.{one.verdict}"),
        one.who if people else t("alerts.hidden"),
        one.reason if people else t("alerts.hidden"),
        " / ".join(str(facts[name]) for name in ("ruleSet", "rule") if name in facts),
        "; ".join(_step(step, lang, t) for step in one.steps),
    ]


def _step(step: Step, lang: str, t: Callable[..., str]) -> str:
    label = step.proposal.label.get(lang, step.proposal.device)
    return f"{label}: {t(f'alerts.step.{step.state}')} {step.detail}".strip()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
