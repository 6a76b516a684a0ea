"""The sheet of one measure (評価シート): what it wants, how its targets stand, before and after, and its reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from kumihimo.service.kpi.effect import Effect
from kumihimo.service.kpi.measures import Frozen, Measure, said
from kumihimo.service.kpi.measures_door import Seen, SeenNote
from kumihimo.service.kpi.sheet import Cell, Column, Part, Sheet, Town, Words, local, words


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A measure with all that its sheet says. above: the measures above it, the highest first; effects: by KPI, before
    and after its first day, of those whose figures the reader may see.
    """

    measure: Measure
    above: Sequence[Measure]
    targets: Sequence[Seen]
    effects: Mapping[str, Effect]
    notes: Sequence[SeenNote]


def measure_sheet(town: Town, one: Reviewed, base_url: str, now: int, lang: str) -> Sheet:
    """The sheet, with the addresses under which the readings behind each figure are found. now in microseconds."""
    t, measure = words(lang), one.measure
    made = f"{local(now):%Y-%m-%d %H:%M}"
    facts = [
        (t("measures.f.level"), t(f"measures.level.{measure.level}")),
        (t("measures.f.parent"), " → ".join(each.called(lang) for each in one.above) or "–"),
        (t("measures.f.aim"), said(measure.aim, lang) or "–"),
        (t("measures.f.owner"), measure.owner),
        (t("measures.f.starts_on"), measure.starts_on.isoformat()),
        (t("measures.f.due_on"), measure.due_on.isoformat() if measure.due_on else "–"),
        (t("measures.f.state"), t(f"measures.state.{measure.state}")),
        (t("measures.budget"), "–" if measure.budget is None else t("measures.yen", amount=f"{measure.budget:,}")),
        *town.facts(t),
        (t("sheet.made"), made),
    ]
    if measure.is_example:
        facts.insert(0, (t("measures.example"), t("measures.example.hint")))
    parts = (_targets(one, f"{base_url}/t/{town.tenant}", lang, t), _effects(one, lang, t), _notes(one, lang, t))
    title = t("sheet.measure.title", title=measure.called(lang))
    return Sheet(title, lang, t("sheet.foot", town=town.name, at=made), tuple(facts), parts)


def _targets(one: Reviewed, base: str, lang: str, t: Words) -> Part:
    columns = (
        Column(t("measures.f.kpi"), 2),
        Column(t("measures.baseline"), 0.8),
        Column(t("measures.f.target"), 1.1),
        Column(t("measures.actual")),
        Column(t("measures.f.due_on"), 1.1),
        Column(t("measures.f.owner")),
        Column(t("measures.stands"), 0.9),
    )
    rows, addresses = [], []
    for each in one.targets:
        target, stands = each.target, each.standing
        name = target.kpi if each.definition is None else each.definition.title[lang]
        unit = "" if each.definition is None else each.definition.unit[lang]
        better = t("measures.target.at_least" if target.better == "higher" else "measures.target.at_most",
                   value=f"{target.target:,.10g}", unit=unit)  # fmt: skip
        actual = t("measures.hidden") if stands is None else stands.actual
        state = "–" if stands is None else t(f"measures.standing.{stands.state}")
        title = f"{name}{f' / {target.subject}' if target.subject else ''} ({unit})"
        rows.append((title, target.baseline, better, actual, target.due_on, target.owner or one.measure.owner, state))
        if stands is not None and stands.figure is not None:
            label = said(stands.figure.label, lang)
            addresses.append(f"{name}, {label}: {base}/kpi/{quote(stands.figure.id, safe='')}")
    return Part(t("measures.targets"), columns, tuple(rows), tuple(addresses))


def _effects(one: Reviewed, lang: str, t: Words) -> Part:
    columns = (
        Column(t("measures.f.kpi"), 2),
        Column(t("effect.middle")),
        Column(t("sheet.low")),
        Column(t("sheet.high")),
        Column(t("effect.counts"), 1.1),
        Column(t("sheet.answer"), 2.2),
    )
    rows: list[tuple[Cell, ...]] = []
    for kpi, effect in one.effects.items():
        definition = next(each.definition for each in one.targets if each.target.kpi == kpi and each.definition)
        counts = t("effect.counts.value", before=len(effect.before), after=len(effect.after))
        title = f"{definition.title[lang]} ({definition.unit[lang]})"
        if effect.shift is None:
            lacking = t("effect.lacking.months", count=effect.lacking.months)
            rows.append((title, None, None, None, counts, f"{t('effect.too-few')} {lacking}"))
        else:
            shift = effect.shift
            said_ = t(f"effect.{effect.verdict}")
            rows.append((title, float(shift.middle), float(shift.low), float(shift.high), counts, said_))
    notes = (t("effect.season.months"), t("effect.how.method"), t("effect.how.cause")) if rows else ()
    return Part(t("sheet.effect", day=one.measure.starts_on), columns, tuple(rows), notes)


def _notes(one: Reviewed, lang: str, t: Words) -> Part:
    columns = (
        Column(t("sheet.noted"), 1.2),
        Column(t("measures.note.kind"), 0.8),
        Column(t("measures.note.text"), 3),
        Column(t("measures.note.frozen"), 2),
    )
    rows: list[tuple[Cell, ...]] = []
    for each in sorted(one.notes, key=lambda seen: seen.note.at):
        note = each.note
        kind = t(f"measures.kind.{note.kind}")
        kind = f"{kind} ({t(f'measures.verdict.{note.verdict}')})" if note.verdict else kind
        frozen = "\n".join(_frozen(row, lang, t) for row in note.frozen)
        rows.append((local(note.at), kind, note.text, frozen))
    return Part(t("measures.notes"), columns, tuple(rows))


def _frozen(row: Frozen, lang: str, t: Words) -> str:
    value = "–" if row.value is None else f"{row.value:,.10g} {said(row.unit, lang)}"
    return f"{said(row.title, lang)}: {value} ({t(f'measures.standing.{row.state}')})"
