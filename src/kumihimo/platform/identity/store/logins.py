"""Log-ins, one-time links, what waits for its second half, and wrong tries."""

from __future__ import annotations

from typing import NamedTuple

from kumihimo.platform.identity.models import MAX_LOGINS, MAX_PENDING, Login
from kumihimo.storage.database import Tx

_LOGIN = "digest, id, account, how, made_at, seen_at, proved_at, address, device"


class Standing(NamedTuple):
    """A log-in with what its request needs of the account."""

    login: Login
    name: str
    is_disabled: bool


class Pending(NamedTuple):
    """What waits for its second half: data as its kind wrote it, tries that are left."""

    account: str
    data: str
    tries: int


async def insert_tx(tx: Tx, login: Login, ended_before: int, idle_before: int) -> list[str]:
    """Adds a log-in; ids of those of the account that were too many. What is over by its times goes too."""
    await tx.execute("DELETE FROM account_login WHERE made_at < $1 OR seen_at < $2", ended_before, idle_before)
    await tx.execute(
        f"INSERT INTO account_login ({_LOGIN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        login.digest,
        login.id,
        login.account,
        login.how,
        login.made_at,
        login.seen_at,
        login.proved_at,
        login.address,
        login.device,
    )
    rows = await tx.fetch(
        f"SELECT id FROM account_login WHERE account = $1 ORDER BY seen_at DESC, made_at DESC, id LIMIT 1000"
        f" OFFSET {MAX_LOGINS}",
        login.account,
    )
    await tx.execute_many("DELETE FROM account_login WHERE id = $1", rows)
    return [str(row[0]) for row in rows]


async def standing_tx(tx: Tx, digest: str) -> Standing | None:
    """The log-in whose cookie has this digest."""
    row = await tx.fetch_one(
        f"SELECT {', '.join(f'l.{one}' for one in _LOGIN.split(', '))}, a.name, a.disabled_at"
        " FROM account_login l JOIN account a ON a.id = l.account WHERE l.digest = $1",
        digest,
    )
    return None if row is None else Standing(Login(*row[:9]), str(row[9]), bool(row[10]))


async def login_tx(tx: Tx, login: str) -> Standing | None:
    """The log-in of this id."""
    row = await tx.fetch_one("SELECT digest FROM account_login WHERE id = $1", login)
    return None if row is None else await standing_tx(tx, str(row[0]))


async def logins_tx(tx: Tx, account: str) -> list[Login]:
    """An account's log-ins, the last used first."""
    rows = await tx.fetch(
        f"SELECT {_LOGIN} FROM account_login WHERE account = $1 ORDER BY seen_at DESC, made_at DESC, id"
        f" LIMIT {MAX_LOGINS}",
        account,
    )
    return [Login(*row) for row in rows]


async def seen_tx(tx: Tx, digest: str, now: int) -> None:
    """It was used."""
    await tx.execute("UPDATE account_login SET seen_at = $2 WHERE digest = $1 AND seen_at < $2", digest, now)


async def proved_tx(tx: Tx, login: str, now: int) -> None:
    """Who sits there has proved themselves anew."""
    await tx.execute("UPDATE account_login SET proved_at = $2 WHERE id = $1", login, now)


async def end_tx(tx: Tx, account: str, login: str) -> bool:
    """Ends one of the account's; False where it has none of this id."""
    return await tx.execute("DELETE FROM account_login WHERE account = $1 AND id = $2", account, login) == 1


async def end_all_tx(tx: Tx, account: str, but: str = "") -> list[str]:
    """Ends all of the account's but one; the ids of those that ended."""
    rows = await tx.fetch("SELECT id FROM account_login WHERE account = $1 AND id <> $2 LIMIT 1000", account, but)
    await tx.execute("DELETE FROM account_login WHERE account = $1 AND id <> $2", account, but)
    return [str(row[0]) for row in rows]


# --- one-time links --------------------------------------------------------------------------------------


async def put_link_tx(tx: Tx, digest: str, account: str, expires_at: int) -> None:
    """A link for the account, "" for the first administrator; the one before it is good no more."""
    await tx.execute("DELETE FROM account_link WHERE account = $1", account)
    await tx.execute(
        "INSERT INTO account_link (digest, account, expires_at) VALUES ($1, $2, $3)", digest, account, expires_at
    )


async def link_tx(tx: Tx, digest: str, now: int) -> str | None:
    """Whose link it is; None where it is none that is good."""
    row = await tx.fetch_one("SELECT account FROM account_link WHERE digest = $1 AND expires_at > $2", digest, now)
    return None if row is None else str(row[0])


async def use_link_tx(tx: Tx, digest: str, now: int) -> bool:
    """Uses a link up; False where it is none that is good."""
    return await tx.execute("DELETE FROM account_link WHERE digest = $1 AND expires_at > $2", digest, now) == 1


# --- half done -------------------------------------------------------------------------------------------


async def put_pending_tx(
    tx: Tx, digest: str, kind: str, account: str, data: str, tries: int, now: int, expires_at: int
) -> None:
    """Keeps it until then; what is over, or too much, goes."""
    await tx.execute("DELETE FROM account_pending WHERE expires_at <= $1", now)
    await tx.execute(
        "DELETE FROM account_pending WHERE digest IN"
        f" (SELECT digest FROM account_pending ORDER BY expires_at DESC LIMIT 1000 OFFSET {MAX_PENDING - 1})"
    )
    await tx.execute(
        "INSERT INTO account_pending (digest, kind, account, data, tries, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        digest,
        kind,
        account,
        data,
        tries,
        expires_at,
    )


async def pending_tx(tx: Tx, digest: str, kind: str, now: int) -> Pending | None:
    """What waits under this digest, without taking it."""
    row = await tx.fetch_one(
        "SELECT account, data, tries FROM account_pending WHERE digest = $1 AND kind = $2 AND expires_at > $3",
        digest,
        kind,
        now,
    )
    return None if row is None else Pending(*row)


async def take_pending_tx(tx: Tx, digest: str, kind: str, now: int) -> Pending | None:
    """What waits under this digest, for one of those who ask at once."""
    found = await pending_tx(tx, digest, kind, now)
    taken = await tx.execute("DELETE FROM account_pending WHERE digest = $1 AND kind = $2", digest, kind)
    return found if taken else None


async def try_pending_tx(tx: Tx, digest: str, kind: str, now: int) -> Pending | None:
    """What waits under this digest, with one try less; None once there are none left."""
    await tx.execute("UPDATE account_pending SET tries = tries - 1 WHERE digest = $1 AND kind = $2", digest, kind)
    found = await pending_tx(tx, digest, kind, now)
    if found is None or found.tries < 0:
        await tx.execute("DELETE FROM account_pending WHERE digest = $1", digest)
        return None
    return found


# --- wrong tries -----------------------------------------------------------------------------------------


async def tries_tx(tx: Tx, name: str) -> tuple[int, int, int]:
    """How often in a row it went wrong, when last, and until when nothing is taken."""
    row = await tx.fetch_one("SELECT failures, last_at, until FROM account_try WHERE name = $1", name)
    return (0, 0, 0) if row is None else (int(row[0]), int(row[1]), int(row[2]))


async def put_try_tx(tx: Tx, name: str, failures: int, now: int, until: int) -> None:
    """One more try."""
    await tx.execute(
        "INSERT INTO account_try (name, failures, last_at, until) VALUES ($1, $2, $3, $4) ON CONFLICT (name)"
        " DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, until = excluded.until",
        name,
        failures,
        now,
        until,
    )


async def forget_tries_tx(tx: Tx, name: str) -> None:
    """It went right."""
    await tx.execute("DELETE FROM account_try WHERE name = $1", name)


async def forget_old_tries_tx(tx: Tx, before: int) -> None:
    """What is long past counts no more."""
    await tx.execute("DELETE FROM account_try WHERE last_at < $1", before)
