"""Rows of recipients, lists, what was told, and the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from kumihimo.base import jsontext
from kumihimo.service.notices.models import (
    Channel,
    Message,
    Notice,
    Numbers,
    People,
    Reached,
    Told,
    Why,
)
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("notices", __package__)
PLATFORM_SCHEMA = Schema("notices", __package__, "platform")
PAGE: Final = 1000

_PUT = (
    "INSERT INTO notice_recipient (id, account, list, sealed) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed"
)
_MESSAGE = "id, notice, recipient, channel, browser, due, tries, made_at, state, why, done_at"


class Kept(NamedTuple):
    """A recipient's row; sealed holds all that is personal."""

    id: str
    account: str
    list: str
    sealed: str


_RECIPIENT = "SELECT id, account, list, sealed FROM notice_recipient"


# --- recipients ------------------------------------------------------------------------------------------


async def recipients_tx(tx: Tx, after: str) -> list[Kept]:
    """The next thousand recipients behind this id."""
    return [Kept(*row) for row in await tx.fetch(f"{_RECIPIENT} WHERE id > $1 ORDER BY id LIMIT $2", after, PAGE)]


async def recipient_tx(tx: Tx, recipient: str) -> Kept | None:
    """The recipient of this id."""
    row = await tx.fetch_one(f"{_RECIPIENT} WHERE id = $1", recipient)
    return None if row is None else Kept(*row)


async def recipient_of_tx(tx: Tx, account: str) -> Kept | None:
    """What this account wants to hear."""
    row = await tx.fetch_one(f"{_RECIPIENT} WHERE account = $1 AND account <> '' ORDER BY id LIMIT 1", account)
    return None if row is None else Kept(*row)


async def entries_tx(tx: Tx, list_id: str) -> list[Kept]:
    """All on a list."""
    return [Kept(*row) for row in await tx.fetch(f"{_RECIPIENT} WHERE list = $1 ORDER BY id", list_id)]


async def put_recipient_tx(tx: Tx, one: Kept) -> None:
    """Adds a recipient, or keeps what it is now."""
    await tx.execute(_PUT, *one)


async def change_recipient_tx(tx: Tx, one: Kept, before: str) -> bool:
    """Keeps what a recipient is now, where it is still as it was (sealed) before; whether it was."""
    sql = "UPDATE notice_recipient SET sealed = $1 WHERE id = $2 AND sealed = $3"
    return await tx.execute(sql, one.sealed, one.id, before) > 0


async def count_tx(tx: Tx) -> int:
    """How many recipients there are."""
    row = await tx.fetch_one("SELECT COUNT(*) FROM notice_recipient")
    return int(row[0]) if row else 0


async def forget_recipient_tx(tx: Tx, recipient: str) -> bool:
    """Forgets a recipient and every message to it; whether there was one."""
    await tx.execute("DELETE FROM notice_outbox WHERE recipient = $1", recipient)
    return await tx.execute("DELETE FROM notice_recipient WHERE id = $1", recipient) > 0


# --- lists -----------------------------------------------------------------------------------------------


async def lists_tx(tx: Tx) -> list[tuple[People, int]]:
    """The lists by name, each with how many are on it."""
    rows = await tx.fetch(
        "SELECT id, name, purpose, topics, made_by, made_at,"
        " (SELECT COUNT(*) FROM notice_recipient r WHERE r.list = l.id) FROM notice_list l ORDER BY name, id"
    )
    return [(_people(row[:6]), int(row[6])) for row in rows]


async def list_tx(tx: Tx, list_id: str) -> People | None:
    """The list of this id."""
    row = await tx.fetch_one(
        "SELECT id, name, purpose, topics, made_by, made_at FROM notice_list WHERE id = $1", list_id
    )
    return None if row is None else _people(row)


def _people(row: Row) -> People:
    return People(row[0], row[1], row[2], tuple(jsontext.parse(row[3])), row[4], int(row[5]))


async def put_list_tx(tx: Tx, one: People) -> None:
    """Adds a list."""
    await tx.execute(
        "INSERT INTO notice_list (id, name, purpose, topics, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6)",
        one.id,
        one.name,
        one.purpose,
        jsontext.text(list(one.topics)),
        one.made_by,
        one.made_at,
    )


async def forget_list_tx(tx: Tx, list_id: str) -> bool:
    """Forgets a list, all who are on it and every message to them; whether there was one."""
    await tx.execute(
        "DELETE FROM notice_outbox WHERE recipient IN (SELECT id FROM notice_recipient WHERE list = $1)", list_id
    )
    await tx.execute("DELETE FROM notice_recipient WHERE list = $1", list_id)
    await tx.execute("DELETE FROM notice_stopped WHERE list = $1", list_id)
    return await tx.execute("DELETE FROM notice_list WHERE id = $1", list_id) > 0


async def stopped_tx(tx: Tx, list_id: str) -> set[str]:
    """The marks of the addresses that left the list."""
    return {str(mark) for (mark,) in await tx.fetch("SELECT mark FROM notice_stopped WHERE list = $1", list_id)}


async def put_stopped_tx(tx: Tx, list_id: str, mark: str, at: int) -> None:
    """Notes that an address left the list."""
    await tx.execute(
        "INSERT INTO notice_stopped (list, mark, at) VALUES ($1, $2, $3) ON CONFLICT (list, mark) DO NOTHING",
        list_id,
        mark,
        at,
    )


# --- what was told ---------------------------------------------------------------------------------------


async def put_told_tx(tx: Tx, told: Told) -> bool:
    """Keeps a notice; False where it was told before."""
    one = told.notice
    body = {
        "topic": one.topic,
        "title": dict(one.title),
        "text": dict(one.text),
        "at": one.at,
        "place": None if one.place is None else list(one.place),
        "area": dict(one.area),
        "urgent": one.urgent,
        "link": one.link,
        "good_for": one.good_for,
        "since": one.since,
    }
    sql = (
        "INSERT INTO notice_told (id, body, taken_at, until, handed_at) VALUES ($1, $2, $3, $4, 0)"
        " ON CONFLICT (id) DO NOTHING"
    )
    return await tx.execute(sql, one.id, jsontext.text(body), told.taken_at, told.until) > 0


async def told_tx(tx: Tx, notice: str) -> Told | None:
    """The notice of this id."""
    row = await tx.fetch_one("SELECT id, body, taken_at, until, handed_at FROM notice_told WHERE id = $1", notice)
    return None if row is None else _told(row)


def _told(row: Row) -> Told:
    body: dict[str, Any] = jsontext.parse(row[1])
    place = body.pop("place")
    one = Notice(id=row[0], place=None if place is None else (place[0], place[1]), **body)
    return Told(one, int(row[2]), int(row[3]), int(row[4]))


async def handed_all_tx(tx: Tx) -> list[Told]:
    """All notices that were handed over and are not forgotten yet."""
    rows = await tx.fetch("SELECT id, body, taken_at, until, handed_at FROM notice_told WHERE handed_at > 0")
    return [_told(row) for row in rows]


async def handed_tx(tx: Tx, notice: str, at: int) -> bool:
    """Notes that a notice was handed over; whether this was the first time."""
    sql = "UPDATE notice_told SET handed_at = $2 WHERE id = $1 AND handed_at = 0"
    return await tx.execute(sql, notice, at) > 0


async def told_since_tx(tx: Tx, beginning: str, since: int) -> int:
    """How many notices were taken since then whose ids begin so; neither % nor _ may stand in the beginning."""
    sql = "SELECT COUNT(*) FROM notice_told WHERE taken_at > $1 AND id LIKE $2"
    row = await tx.fetch_one(sql, since, f"{beginning}%")
    return int(row[0]) if row else 0


# --- the outbox ------------------------------------------------------------------------------------------


async def add_messages_tx(tx: Tx, messages: Sequence[Message]) -> None:
    """Adds messages; those that are there already stay as they are."""
    await tx.execute_many(
        f"INSERT INTO notice_outbox ({_MESSAGE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (id) DO NOTHING",
        [
            (m.id, m.notice, m.recipient, m.channel, m.browser, m.due, m.tries, m.made_at, m.state, m.why, m.done_at)
            for m in messages
        ],
    )


def _message(row: Row) -> Message:
    return Message(
        row[0], row[1], row[2], row[3], row[4], int(row[5]), int(row[6]), int(row[7]), row[8], row[9], row[10]
    )


async def due_tx(tx: Tx, now: int) -> bool:
    """Whether any message is to be sent now."""
    sql = "SELECT 1 FROM notice_outbox WHERE state = 'waiting' AND due <= $1 LIMIT 1"
    return await tx.fetch_one(sql, now) is not None


async def claim_tx(tx: Tx, channel: Channel, now: int, until: int, limit: int) -> list[Message]:
    """The messages that have waited longest, held from others until then; after a kill they are due again."""
    rows = await tx.fetch(
        f"SELECT {_MESSAGE} FROM notice_outbox WHERE state = 'waiting' AND channel = $1 AND due <= $2"
        " ORDER BY due, id LIMIT $3",
        channel,
        now,
        limit,
    )
    held = []
    for message in map(_message, rows):
        sql = "UPDATE notice_outbox SET due = $3 WHERE id = $1 AND due = $2 AND state = 'waiting'"
        if await tx.execute(sql, message.id, message.due, until):
            held.append(message)
    return held


async def later_tx(tx: Tx, message: str, due: int, tries: int) -> None:
    """Sends a message later."""
    sql = "UPDATE notice_outbox SET due = $2, tries = $3 WHERE id = $1 AND state = 'waiting'"
    await tx.execute(sql, message, due, tries)


async def sent_tx(tx: Tx, message: str, at: int) -> None:
    """Notes that a message was handed over, also where it was stopped while that went on."""
    await tx.execute("UPDATE notice_outbox SET state = 'sent', why = '', done_at = $2 WHERE id = $1", message, at)


async def dropped_tx(tx: Tx, message: str, why: Why, at: int) -> bool:
    """Notes why a message is not sent; False where that was noted before."""
    sql = "UPDATE notice_outbox SET state = 'dropped', why = $2, done_at = $3 WHERE id = $1 AND state = 'waiting'"
    return await tx.execute(sql, message, why, at) > 0


async def sent_since_tx(tx: Tx, recipient: str, channel: Channel, since: int) -> int:
    """How many notices were sent to somebody over a channel since then."""
    row = await tx.fetch_one(
        "SELECT COUNT(DISTINCT notice) FROM notice_outbox WHERE recipient = $1 AND channel = $2 AND notice <> ''"
        " AND state = 'sent' AND done_at > $3",
        recipient,
        channel,
        since,
    )
    return int(row[0]) if row else 0


async def messages_of_tx(tx: Tx, recipient: str, limit: int) -> list[Message]:
    """The newest messages to somebody."""
    sql = f"SELECT {_MESSAGE} FROM notice_outbox WHERE recipient = $1 ORDER BY made_at DESC, id LIMIT $2"
    return [_message(row) for row in await tx.fetch(sql, recipient, limit)]


async def numbers_tx(tx: Tx) -> Numbers:
    """How many messages there are of each state."""
    rows = await tx.fetch("SELECT state, COUNT(*) FROM notice_outbox GROUP BY state")
    return Numbers(**{str(state): int(count) for state, count in rows})


async def reached_tx(tx: Tx, notice: str) -> Reached:
    """For how many a notice was put on its way."""
    row = await tx.fetch_one("SELECT COUNT(DISTINCT recipient), COUNT(*) FROM notice_outbox WHERE notice = $1", notice)
    return Reached(int(row[0]), int(row[1])) if row else Reached()


async def waiting_tx(tx: Tx, recipient: str) -> dict[Channel, int]:
    """How many messages wait for somebody, by channel."""
    sql = "SELECT channel, COUNT(*) FROM notice_outbox WHERE recipient = $1 AND state = 'waiting' GROUP BY channel"
    return {row[0]: int(row[1]) for row in await tx.fetch(sql, recipient)}


async def drop_browser_tx(tx: Tx, recipient: str, browser: str, why: Why, at: int) -> int:
    """Drops what waits for a browser that is told nothing any more; how many messages."""
    return await tx.execute(
        "UPDATE notice_outbox SET state = 'dropped', why = $3, done_at = $4"
        " WHERE recipient = $1 AND browser = $2 AND state = 'waiting'",
        recipient,
        browser,
        why,
        at,
    )


async def purge_tx(tx: Tx, before: int) -> int:
    """Forgets messages that were made before then, and notices; how many messages."""
    await tx.execute("DELETE FROM notice_told WHERE taken_at < $1", before)
    return await tx.execute("DELETE FROM notice_outbox WHERE made_at < $1", before)


# --- keys of the platform --------------------------------------------------------------------------------


async def key_tx(tx: Tx, name: str) -> str | None:
    """A key of the platform, sealed."""
    row = await tx.fetch_one("SELECT sealed FROM notice_key WHERE name = $1", name)
    return None if row is None else str(row[0])


async def key_or_new_tx(tx: Tx, name: str, sealed: str) -> str:
    """The key that there is, else this one: of two processes that begin at once both have the same."""
    await tx.execute(
        "INSERT INTO notice_key (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name, sealed
    )
    return await key_tx(tx, name) or sealed


async def drop_addressed_tx(tx: Tx, recipient: str, channel: Channel, at: int) -> int:
    """Drops what waits for somebody over this channel; how many messages."""
    return await tx.execute(
        "UPDATE notice_outbox SET state = 'dropped', why = 'stopped', done_at = $3"
        " WHERE recipient = $1 AND channel = $2 AND state = 'waiting'",
        recipient,
        channel,
        at,
    )
