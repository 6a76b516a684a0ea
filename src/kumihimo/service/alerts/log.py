"""The decision log in the reader's language, and as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from kumihimo.base import times
from kumihimo.base.cells import plain
from kumihimo.base.jsontext import dumps
from kumihimo.base.texts import Words, parse_texts, translator
from kumihimo.service.alerts.chain import Logged
from kumihimo.service.alerts.facts import Called, Titles, moment
from kumihimo.service.alerts.models import Decision, Maker, Step
from kumihimo.service.alerts.sights import SeenDecision


@cache
def words(lang: str) -> Callable[..., str]:
    """`t(key, **values)` of the room's own texts in "ja" or "en"."""
    return translator(_texts(), lang)


@cache
def _texts() -> Words:
    package = __package__ or ""
    return parse_texts(files(package).joinpath("texts.toml").read_text("utf-8"), package)


def called(lang: str, *titles: Titles) -> Called:
    """What figures are called in "ja" or "en", by these titles before the room's own."""
    return Called(words(lang), _texts(), lang, titles)


def spoken(decisions: Sequence[SeenDecision], lang: str) -> Sequence[SeenDecision]:
    """The decisions with what became of their steps in the reader's language."""
    return [replace(one, decision=_spoken(one.decision, lang)) for one in decisions]


def _spoken(decision: Decision, lang: str) -> Decision:
    if lang != "ja":
        return decision
    steps = tuple(replace(step, detail=step.detail_ja or step.detail) for step in decision.steps)
    return replace(decision, steps=steps)


def decisions_table(decisions: Sequence[Logged], lang: str) -> str:
    """The log as CSV text; cells that a spreadsheet would run as a formula are quoted. Moments in Japan's time."""
    t = words(lang)
    out = io.StringIO()
    writer = csv.writer(out)
    names = ("decided_at", "alert", "severity", "decision", "who", "reason", "rule", "followed")
    more = ("wing", "proposal", "evidence", "raised_by", "stood_by", "id")
    writer.writerow([t(f"alerts.{name}") for name in (*names, *more)])
    for one in decisions:
        [seen] = spoken([one.seen], lang)
        writer.writerow([plain(cell) for cell in (*_cells(seen, lang, t), *_chain(one, seen.decision, lang))])
    return out.getvalue()


def _cells(seen: SeenDecision, lang: str, t: Callable[..., str]) -> list[str]:
    one, sight, hidden = seen.decision, seen.sight, t("alerts.hidden")
    facts = one.content.facts
    return [
        moment(one.at),
        one.content.title.get(lang, ""),
        t(f"alerts.severity.{one.severity}") if sight.level else hidden,
        t(f"alerts.verdict.{one.verdict}"),
        _who(one, t) if sight.people else hidden,
        one.why if sight.reasons else hidden,
        " / ".join(str(facts[name]) for name in ("ruleSet", "rule") if name in facts),
        "; ".join(_step(step, lang, t) for step in one.steps) if sight.steps else hidden,
    ]


def _who(one: Decision, t: Callable[..., str]) -> str:
    return t("alerts.by.permission", who=one.signer) if one.is_permitted else one.signer


def _chain(logged: Logged, one: Decision, lang: str) -> list[str]:
    """What led to the decision: the steps proposed, the readings, the versions when it was raised and decided."""
    content = one.content
    return [
        logged.seat.title[lang],
        "; ".join(step.label.get(lang, step.device) for step in content.proposals),
        "; ".join(f"{moment(reading.at)} {reading.value} {reading.unit}".strip() for reading in content.evidence),
        "; ".join(map(_maker, content.makers)),
        "; ".join(map(_maker, one.makers)),
        one.id,
    ]


def _maker(one: Maker) -> str:
    return f"{one.kind}: {one.name} {one.version}".strip()


def decisions_json(decisions: Sequence[Logged]) -> bytes:
    """The log as a JSON array: each decision with its wing, subject, proposal, evidence, makers and steps; moments as
    NGSI-LD writes them. hidden names the parts that the reader may not see.
    """
    return dumps([_as_json(one) for one in decisions])


def _as_json(logged: Logged) -> dict[str, Any]:
    one, sight = logged.decision, logged.seen.sight
    content = one.content
    hidden = [name for name in ("reading", "level", "name", "place", "people") if not getattr(sight, name)]
    return {
        "id": one.id,
        "wing": logged.seat.source or "rules",
        "alert": one.alert_id,
        "subject": logged.alert.subject,
        "stage": one.stage,
        "severity": one.severity,
        "title": dict(content.title),
        "proposals": [msgspec.to_builtins(each) for each in content.proposals],
        "facts": dict(content.facts),
        "evidence": [
            {
                "entity": each.entity or logged.alert.subject.partition("#")[0],
                "attribute": each.attribute or content.attribute,
                "value": each.value,
                "unitCode": each.unit,
                "observedAt": times.text(times.from_micros(each.at)),
            }
            for each in content.evidence
        ],
        "raisedBy": [_maker_json(each) for each in content.makers],
        "stoodBy": [_maker_json(each) for each in one.makers],
        "verdict": one.verdict,
        "who": one.signer,
        "byPermission": one.is_permitted,
        "reason": one.why,
        "decidedAt": times.text(times.from_micros(one.at)),
        "steps": [msgspec.to_builtins(each) | {"at": _said(each.at)} for each in one.steps],
        "hidden": hidden,
    }


def _maker_json(one: Maker) -> dict[str, Any]:
    return {"kind": one.kind, "name": one.name, "version": one.version, "at": _said(one.at), "facts": dict(one.facts)}


def _said(at: int) -> str | None:
    return times.text(times.from_micros(at)) if at else None


def _step(step: Step, lang: str, t: Callable[..., str]) -> str:
    label = step.proposal.label.get(lang, step.proposal.device)
    return f"{label}: {t(f'alerts.step.{step.state}')} {step.detail}".strip()
