"""The room's tables: alerts, what happened to them, and the decision log."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from kumihimo.base import jsontext
from kumihimo.service.alerts.models import Alert, Content, Decision, Event, LogPart, Maker, Step, Wanted
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("alerts", __package__ or "")

_ALERT = (
    "id, source, subject, severity, peak, state, stage, verdict, version, opened_at, changed_at, observed_at, content"
)
_EVENT = "alert_id, key, kind, stage, severity, observed_at, at, content"
_DECISION = "id, alert_id, stage, severity, verdict, reason, who, at, content, steps, makers"


def _content(text: str) -> Content:
    return msgspec.convert(jsontext.parse(text), Content)


def _text(value: object) -> str:
    return jsontext.text(msgspec.to_builtins(value))


def _alert(row: Row) -> Alert:
    return Alert(*(*row[:-1], _content(row[-1])))


async def insert_alert_tx(tx: Tx, alert: Alert) -> None:
    """Writes a new alert."""
    await tx.execute(
        f"INSERT INTO alert ({_ALERT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        *_columns(alert),
    )


def _columns(alert: Alert) -> list[object]:
    return [
        alert.id,
        alert.source,
        alert.subject,
        alert.severity,
        alert.peak,
        alert.state,
        alert.stage,
        alert.verdict,
        alert.version,
        alert.opened_at,
        alert.changed_at,
        alert.observed_at,
        _text(alert.content),
    ]


async def update_alert_tx(tx: Tx, alert: Alert, version: int) -> bool:
    """Writes an alert over the version it was read at; False where somebody else was first."""
    changed = await tx.execute(
        "UPDATE alert SET severity = $1, peak = $2, state = $3, stage = $4, verdict = $5, version = $6, "
        "changed_at = $7, observed_at = $8, content = $9 WHERE id = $10 AND version = $11",
        alert.severity,
        alert.peak,
        alert.state,
        alert.stage,
        alert.verdict,
        alert.version,
        alert.changed_at,
        alert.observed_at,
        _text(alert.content),
        alert.id,
        version,
    )
    return changed == 1


async def alert_tx(tx: Tx, alert_id: str) -> Alert | None:
    """One alert."""
    row = await tx.fetch_one(f"SELECT {_ALERT} FROM alert WHERE id = $1", alert_id)
    return _alert(row) if row else None


async def open_alert_tx(tx: Tx, source: str, subject: str) -> Alert | None:
    """The open alert that a source has about a subject."""
    row = await tx.fetch_one(
        f"SELECT {_ALERT} FROM alert WHERE source = $1 AND subject = $2 AND state = 'open'", source, subject
    )
    return _alert(row) if row else None


async def is_closed_after_tx(tx: Tx, source: str, subject: str, observed_at: int) -> bool:
    """Whether an alert on the subject closed by what was observed after this moment."""
    row = await tx.fetch_one(
        "SELECT 1 FROM alert WHERE subject = $2 AND state = 'closed' AND source = $1 AND observed_at > $3 LIMIT 1",
        source,
        subject,
        observed_at,
    )
    return row is not None


async def alerts_tx(
    tx: Tx,
    state: str,
    source: str,
    subjects: Collection[str] | None,
    limit: int,
    *,
    beside: Collection[str] = (),
    ranked: bool = True,
) -> list[Alert]:
    """Alerts of one source (of all but those beside for ""), open before closed, undecided first, then by severity and
    newest reading, or by name alone.
    """
    among = "" if subjects is None else f" AND {tx.dialect.any_of('subject', '$7')}"
    grave = "severity DESC, observed_at DESC, " if ranked else ""
    rows = await tx.fetch(
        f"SELECT {_ALERT} FROM alert WHERE ($1 = '' OR state = $2) AND ($3 = '' OR source = $4) "
        f"AND NOT {tx.dialect.any_of('source', '$6')}{among} ORDER BY "
        "CASE state WHEN 'open' THEN 0 ELSE 1 END, "
        "CASE WHEN state = 'open' AND verdict = 'undecided' THEN 0 ELSE 1 END, "
        f"{grave}id LIMIT $5",
        state,
        state,
        source,
        source,
        limit,
        jsontext.text(list(beside)),
        *(() if subjects is None else (jsontext.text(list(subjects)),)),
    )
    return [_alert(row) for row in rows]


async def alerts_named_tx(tx: Tx, ids: Collection[str]) -> list[Alert]:
    """Those of the alerts that there are."""
    rows = await tx.fetch(f"SELECT {_ALERT} FROM alert WHERE {tx.dialect.any_of('id', '$1')}", jsontext.text(list(ids)))
    return [_alert(row) for row in rows]


async def subjects_tx(tx: Tx, beside: Collection[str] = ()) -> list[str]:
    """What there ever was an alert about, but for those of the sources beside."""
    rows = await tx.fetch(
        f"SELECT DISTINCT subject FROM alert WHERE NOT {tx.dialect.any_of('source', '$1')} ORDER BY subject",
        jsontext.text(list(beside)),
    )
    return [str(row[0]) for row in rows]


async def event_known_tx(tx: Tx, key: str) -> str | None:
    """The alert that this event belongs to, None where it did not happen yet."""
    row = await tx.fetch_one("SELECT alert_id FROM alert_event WHERE key = $1", key)
    return str(row[0]) if row else None


async def insert_event_tx(tx: Tx, event: Event) -> None:
    """Writes what happened; its key is its identity."""
    await tx.execute(
        f"INSERT INTO alert_event ({_EVENT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        event.alert_id,
        event.key,
        event.kind,
        event.stage,
        event.severity,
        event.observed_at,
        event.at,
        _text(event.content),
    )


async def events_tx(tx: Tx, alert_id: str) -> list[Event]:
    """What happened to one alert (all of them for ""), oldest first."""
    rows = await tx.fetch(
        f"SELECT {_EVENT} FROM alert_event WHERE $1 = '' OR alert_id = $2 ORDER BY observed_at, at, key",
        alert_id,
        alert_id,
    )
    return [Event(*(*row[:-1], _content(row[-1]))) for row in rows]


async def insert_decision_tx(tx: Tx, decision: Decision) -> None:
    """Writes a decision; a stage takes only one."""
    await tx.execute(
        f"INSERT INTO alert_decision ({_DECISION}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        decision.id,
        decision.alert_id,
        decision.stage,
        decision.severity,
        decision.verdict,
        decision.reason,
        decision.who,
        decision.at,
        _text(decision.content),
        _text(decision.steps),
        _text(decision.makers),
    )


async def acted_tx(tx: Tx, alert_id: str) -> bool:
    """Whether a decision on this alert put commands."""
    row = await tx.fetch_one(
        "SELECT 1 FROM alert_decision WHERE alert_id = $1 AND verdict = 'accepted' AND steps <> '[]' LIMIT 1", alert_id
    )
    return row is not None


async def decision_tx(tx: Tx, decision_id: str) -> Decision | None:
    """One decision."""
    row = await tx.fetch_one(f"SELECT {_DECISION} FROM alert_decision WHERE id = $1", decision_id)
    return _decision(row) if row else None


def _decision(row: Row) -> Decision:
    steps = tuple(msgspec.convert(jsontext.parse(row[-2]), list[Step]))
    makers = tuple(msgspec.convert(jsontext.parse(row[-1]), list[Maker]))
    return Decision(*(*row[:-3], _content(row[-3]), steps, makers))


async def decisions_tx(
    tx: Tx,
    alert_id: str,
    limit: int,
    source: str = "",
    subjects: Collection[str] | None = None,
    *,
    beside: Collection[str] = (),
) -> list[Decision]:
    """Decisions on one alert (on all for ""), newest first; on alerts of one source, of none beside, or about these
    subjects, where any are said.
    """
    among = "" if subjects is None else " AND alert_id IN (SELECT id FROM alert WHERE {})"
    rows = await tx.fetch(
        f"SELECT {_DECISION} FROM alert_decision WHERE ($1 = '' OR alert_id = $2) "
        "AND ($3 = '' OR alert_id IN (SELECT id FROM alert WHERE source = $4)) "
        f"AND alert_id IN (SELECT id FROM alert WHERE NOT {tx.dialect.any_of('source', '$6')})"
        f"{among.format(tx.dialect.any_of('subject', '$7'))} ORDER BY at DESC, stage DESC, id LIMIT $5",
        alert_id,
        alert_id,
        source,
        source,
        limit,
        jsontext.text(list(beside)),
        *(() if subjects is None else (jsontext.text(list(subjects)),)),
    )
    return [_decision(row) for row in rows]


def _of_parts(tx: Tx, parts: Sequence[LogPart], given: list[object]) -> str:
    """The condition on the alert `a`; what it binds is put behind `given`."""
    said = []
    for part in parts:
        given.append(jsontext.text(sorted(part.sources)))
        sources = tx.dialect.any_of("a.source", f"${len(given)}")
        said.append(f"(NOT {sources}" if part.others else f"({sources}")
        if part.subjects is not None:
            given.append(jsontext.text(sorted(part.subjects)))
            said[-1] += f" AND {tx.dialect.any_of('a.subject', f'${len(given)}')}"
        said[-1] += ")"
    return f"({' OR '.join(said)})"


async def decided_on_tx(tx: Tx, parts: Sequence[LogPart]) -> list[str]:
    """The alerts among the parts that somebody decided on."""
    if not parts:
        return []
    given: list[object] = []
    rows = await tx.fetch(
        "SELECT DISTINCT a.id FROM alert_decision d JOIN alert a ON a.id = d.alert_id WHERE "
        + _of_parts(tx, parts, given),
        *given,
    )
    return [str(row[0]) for row in rows]


async def log_tx(
    tx: Tx, parts: Sequence[LogPart], wanted: Wanted, alerts: Collection[str] | None, limit: int
) -> list[Decision]:
    """Decisions on alerts of the parts (and among these alerts, where they are said), newest first."""
    if not parts:
        return []
    at, id_ = wanted.after or (1 << 62, "")
    who = wanted.who.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    given: list[object] = [wanted.since, wanted.until, wanted.verdict, f"%{who}%", at, id_, limit]
    where = _of_parts(tx, parts, given)
    if alerts is not None:
        given.append(jsontext.text(sorted(alerts)))
        where += f" AND {tx.dialect.any_of('a.id', f'${len(given)}')}"
    columns = ", ".join(f"d.{name}" for name in _DECISION.split(", "))
    rows = await tx.fetch(
        f"SELECT {columns} FROM alert_decision d JOIN alert a ON a.id = d.alert_id WHERE d.at >= $1"
        " AND ($2 = 0 OR d.at < $2) AND ($3 = '' OR d.verdict = $3) AND lower(d.who) LIKE $4 ESCAPE '!'"
        f" AND (d.at < $5 OR (d.at = $5 AND d.id < $6)) AND {where} ORDER BY d.at DESC, d.id DESC LIMIT $7",
        *given,
    )
    return [_decision(row) for row in rows]


async def unfinished_tx(tx: Tx) -> list[Decision]:
    """Decisions with a step that has no end yet."""
    rows = await tx.fetch(
        f"SELECT {_DECISION} FROM alert_decision WHERE steps LIKE $1 OR steps LIKE $2 ORDER BY at",
        '%"state":"sent"%',
        '%"state":"waiting"%',
    )
    return [_decision(row) for row in rows]


async def steps_tx(tx: Tx, decision_id: str) -> tuple[Step, ...]:
    """The steps of a decision as they stand."""
    row = await tx.fetch_one("SELECT steps FROM alert_decision WHERE id = $1", decision_id)
    return tuple(msgspec.convert(jsontext.parse(row[0]), list[Step])) if row else ()


async def set_steps_tx(tx: Tx, decision_id: str, steps: Sequence[Step]) -> None:
    """Writes where the steps of a decision stand."""
    await tx.execute("UPDATE alert_decision SET steps = $1 WHERE id = $2", _text(tuple(steps)), decision_id)
