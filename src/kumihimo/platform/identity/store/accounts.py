"""Accounts' rows, their passkeys and recovery codes."""

from __future__ import annotations

from collections.abc import Sequence

from kumihimo.platform.identity.models import MAX_LISTED, Account, Passkey
from kumihimo.storage.database import Row, Tx

_ACCOUNT = "id, sign_in, name, email, lang, made_at, updated_at, disabled_at, password, password_at, totp, totp_step"
_PASSKEY = "id, account, public, counter, name, made_at, used_at"


def _account(row: Row | None) -> Account | None:
    return None if row is None else Account(*row)


async def any_tx(tx: Tx) -> bool:
    """Whether there is an account at all."""
    return await tx.fetch_one("SELECT 1 FROM account LIMIT 1") is not None


async def insert_tx(tx: Tx, account: Account) -> bool:
    """Adds it; False where the sign-in name is taken."""
    made = await tx.execute(
        f"INSERT INTO account ({_ACCOUNT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (sign_in) DO NOTHING",
        account.id,
        account.sign_in,
        account.name,
        account.email,
        account.lang,
        account.made_at,
        account.updated_at,
        account.disabled_at,
        account.password,
        account.password_at,
        account.totp,
        account.totp_step,
    )
    return made == 1


async def account_tx(tx: Tx, account: str) -> Account | None:
    """The account of this id."""
    return _account(await tx.fetch_one(f"SELECT {_ACCOUNT} FROM account WHERE id = $1", account))


async def by_sign_in_tx(tx: Tx, sign_in: str) -> Account | None:
    """The account of this sign-in name."""
    return _account(await tx.fetch_one(f"SELECT {_ACCOUNT} FROM account WHERE sign_in = $1", sign_in))


async def all_tx(tx: Tx) -> list[Account]:
    """Accounts by their sign-in name, at most MAX_LISTED."""
    rows = await tx.fetch(f"SELECT {_ACCOUNT} FROM account ORDER BY sign_in LIMIT {MAX_LISTED}")
    return [Account(*row) for row in rows]


async def describe_tx(tx: Tx, account: str, name: str, email: str, lang: str, now: int) -> None:
    """How the person is called and wants to be spoken to."""
    await tx.execute(
        "UPDATE account SET name = $2, email = $3, lang = $4, updated_at = $5 WHERE id = $1",
        account,
        name,
        email,
        lang,
        now,
    )


async def disable_tx(tx: Tx, account: str, at: int, now: int) -> int:
    """With at 0 the account may log in again; how many there were."""
    return await tx.execute("UPDATE account SET disabled_at = $2, updated_at = $3 WHERE id = $1", account, at, now)


async def password_tx(tx: Tx, account: str, password: str, now: int) -> None:
    """A new password's hash."""
    await tx.execute("UPDATE account SET password = $2, password_at = $3 WHERE id = $1", account, password, now)


async def rehash_tx(tx: Tx, account: str, old: str, new: str) -> None:
    """The same password under today's parameters; nothing where it was changed meanwhile."""
    await tx.execute("UPDATE account SET password = $3 WHERE id = $1 AND password = $2", account, old, new)


async def totp_tx(tx: Tx, account: str, sealed: str, step: int) -> None:
    """The secret of one-time codes, sealed, "" for none, and the step that was used last."""
    await tx.execute("UPDATE account SET totp = $2, totp_step = $3 WHERE id = $1", account, sealed, step)


async def step_tx(tx: Tx, account: str, step: int) -> bool:
    """Uses a step; False where it, or a later one, was used already."""
    return await tx.execute("UPDATE account SET totp_step = $2 WHERE id = $1 AND totp_step < $2", account, step) == 1


# --- passkeys -------------------------------------------------------------------------------------------


async def add_passkey_tx(tx: Tx, key: Passkey) -> bool:
    """Adds it; False where there is one of this id."""
    made = await tx.execute(
        f"INSERT INTO account_passkey ({_PASSKEY}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        key.id,
        key.account,
        key.public,
        key.counter,
        key.name,
        key.made_at,
        key.used_at,
    )
    return made == 1


async def passkey_tx(tx: Tx, key: str) -> Passkey | None:
    """The passkey of this id."""
    row = await tx.fetch_one(f"SELECT {_PASSKEY} FROM account_passkey WHERE id = $1", key)
    return None if row is None else Passkey(*row)


async def passkeys_tx(tx: Tx, account: str) -> list[Passkey]:
    """An account's passkeys, the oldest first."""
    rows = await tx.fetch(f"SELECT {_PASSKEY} FROM account_passkey WHERE account = $1 ORDER BY made_at, id", account)
    return [Passkey(*row) for row in rows]


async def used_passkey_tx(tx: Tx, key: str, before: int, counter: int, now: int) -> bool:
    """Notes a use; False where another was noted meanwhile."""
    changed = await tx.execute(
        "UPDATE account_passkey SET counter = $3, used_at = $4 WHERE id = $1 AND counter = $2",
        key,
        before,
        counter,
        now,
    )
    return changed == 1


async def rename_passkey_tx(tx: Tx, account: str, key: str, name: str) -> bool:
    """Calls a passkey of the account something else; False where it has none of this id."""
    sql = "UPDATE account_passkey SET name = $3 WHERE account = $1 AND id = $2"
    return await tx.execute(sql, account, key, name) == 1


async def drop_passkey_tx(tx: Tx, account: str, key: str) -> bool:
    """Takes a passkey of the account away; False where it has none of this id."""
    return await tx.execute("DELETE FROM account_passkey WHERE account = $1 AND id = $2", account, key) == 1


# --- recovery codes -------------------------------------------------------------------------------------


async def put_codes_tx(tx: Tx, account: str, digests: Sequence[str]) -> None:
    """New recovery codes in place of the old ones."""
    await tx.execute("DELETE FROM account_recovery WHERE account = $1", account)
    await tx.execute_many(
        "INSERT INTO account_recovery (account, digest) VALUES ($1, $2)", [(account, one) for one in digests]
    )


async def use_code_tx(tx: Tx, account: str, digest: str) -> bool:
    """Uses a recovery code up; False where there is none such."""
    return await tx.execute("DELETE FROM account_recovery WHERE account = $1 AND digest = $2", account, digest) == 1


async def codes_left_tx(tx: Tx, account: str) -> int:
    """How many recovery codes are unused."""
    row = await tx.fetch_one("SELECT COUNT(*) FROM account_recovery WHERE account = $1", account)
    return int(row[0]) if row is not None else 0
