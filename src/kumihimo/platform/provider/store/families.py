"""Rows of what people's log-ins gave to applications: codes, families, refresh tokens, consents, assertions."""

from __future__ import annotations

from kumihimo.base import jsontext
from kumihimo.platform.provider.models import Code, Consent, Family, Login
from kumihimo.platform.provider.store.keys import revoke_tx
from kumihimo.storage.database import Row, Tx

_FAMILY = "id, application, account, login, scopes, login_at, acr, amr, expires_at, ended_at"
_CODE = "hash, application, family, redirect_uri, challenge, nonce, expires_at, used_at"


def _family(row: Row) -> Family:
    return Family(
        id=row[0],
        application=row[1],
        account=row[2],
        login=row[3],
        scopes=frozenset(jsontext.parse(row[4])),
        signed_in=Login(int(row[5]), row[6], tuple(jsontext.parse(row[7]))),
        expires_at=int(row[8]),
        ended_at=int(row[9]),
    )


async def add_family_tx(tx: Tx, one: Family) -> None:
    """Adds a family."""
    await tx.execute(
        f"INSERT INTO provider_family ({_FAMILY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        one.id,
        one.application,
        one.account,
        one.login,
        jsontext.text(sorted(one.scopes)),
        one.signed_in.at,
        one.signed_in.acr,
        jsontext.text(list(one.signed_in.amr)),
        one.expires_at,
        one.ended_at,
    )


async def family_tx(tx: Tx, name: str) -> Family | None:
    """The family of this id."""
    row = await tx.fetch_one(f"SELECT {_FAMILY} FROM provider_family WHERE id = $1", name)
    return None if row is None else _family(row)


async def keep_family_tx(tx: Tx, name: str, expires_at: int) -> None:
    """Lets a family live until a moment."""
    await tx.execute("UPDATE provider_family SET expires_at = $2 WHERE id = $1", name, expires_at)


async def end_family_tx(tx: Tx, name: str, now: int, until: int) -> None:
    """Ends a family: what it gave is refused from now on; until says how long that must be remembered."""
    if await tx.execute("UPDATE provider_family SET ended_at = $2 WHERE id = $1 AND ended_at = 0", name, now):
        await revoke_tx(tx, "family", name, until)


async def living_families_tx(tx: Tx, account: str, application: str = "", login: str = "") -> list[str]:
    """Ids of a person's families that have not ended; of one application, of one log-in, where these are named."""
    rows = await tx.fetch(
        "SELECT id FROM provider_family WHERE account = $1 AND ended_at = 0"
        " AND ($2 = '' OR application = $2) AND ($3 = '' OR login = $3)",
        account,
        application,
        login,
    )
    return [str(name) for (name,) in rows]


async def end_wider_tx(tx: Tx, application: str, scopes: frozenset[str], now: int, until: int) -> None:
    """Ends the families of an application that hold any other scope than these."""
    rows = await tx.fetch("SELECT id, scopes FROM provider_family WHERE application = $1 AND ended_at = 0", application)
    for name, held in rows:
        if not frozenset(jsontext.parse(held)) <= scopes:
            await end_family_tx(tx, str(name), now, until)


async def add_code_tx(tx: Tx, one: Code) -> None:
    """Adds a code."""
    await tx.execute(
        f"INSERT INTO provider_code ({_CODE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        one.hash,
        one.application,
        one.family,
        one.redirect_uri,
        one.challenge,
        one.nonce,
        one.expires_at,
        one.used_at,
    )


async def take_code_tx(tx: Tx, digest: str, now: int) -> tuple[Code, bool] | None:
    """The code, used up by this, and whether this is its first use; None where there is none."""
    row = await tx.fetch_one(f"SELECT {_CODE} FROM provider_code WHERE hash = $1", digest)
    if row is None:
        return None
    first = await tx.execute("UPDATE provider_code SET used_at = $2 WHERE hash = $1 AND used_at = 0", digest, now)
    return Code(*row), first > 0


async def add_refresh_tx(tx: Tx, digest: str, family: str, expires_at: int) -> None:
    """Adds a refresh token."""
    sql = "INSERT INTO provider_refresh (hash, family, expires_at, used_at) VALUES ($1, $2, $3, 0)"
    await tx.execute(sql, digest, family, expires_at)


async def family_of_refresh_tx(tx: Tx, digest: str) -> str | None:
    """Of which family a refresh token is, used up or not."""
    row = await tx.fetch_one("SELECT family FROM provider_refresh WHERE hash = $1", digest)
    return None if row is None else str(row[0])


async def take_refresh_tx(tx: Tx, digest: str, now: int) -> bool:
    """Uses a refresh token up; False where it was before."""
    return await tx.execute("UPDATE provider_refresh SET used_at = $2 WHERE hash = $1 AND used_at = 0", digest, now) > 0


async def is_living_refresh_tx(tx: Tx, digest: str) -> bool:
    """Whether a refresh token was not used up."""
    return await tx.fetch_one("SELECT family FROM provider_refresh WHERE hash = $1 AND used_at = 0", digest) is not None


async def take_assertion_tx(tx: Tx, application: str, jti: str, expires_at: int) -> bool:
    """Notes that an assertion was shown; False where it was before."""
    sql = (
        "INSERT INTO provider_assertion (application, jti, expires_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (application, jti) DO NOTHING"
    )
    return await tx.execute(sql, application, jti, expires_at) > 0


async def consent_tx(tx: Tx, account: str, application: str) -> Consent | None:
    """What the person let the application have."""
    row = await tx.fetch_one(
        "SELECT scopes, given_at FROM provider_consent WHERE account = $1 AND application = $2", account, application
    )
    return None if row is None else Consent(account, application, frozenset(jsontext.parse(row[0])), int(row[1]))


async def consents_tx(tx: Tx, account: str) -> list[Consent]:
    """Everything that the person let applications have, the newest first."""
    rows = await tx.fetch(
        "SELECT application, scopes, given_at FROM provider_consent WHERE account = $1 ORDER BY given_at DESC", account
    )
    return [Consent(account, row[0], frozenset(jsontext.parse(row[1])), int(row[2])) for row in rows]


async def keep_consent_tx(tx: Tx, one: Consent) -> None:
    """Keeps what the person allowed, in place of what was allowed before."""
    await tx.execute(
        "INSERT INTO provider_consent (account, application, scopes, given_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (account, application) DO UPDATE SET scopes = excluded.scopes, given_at = excluded.given_at",
        one.account,
        one.application,
        jsontext.text(sorted(one.scopes)),
        one.given_at,
    )


async def drop_consent_tx(tx: Tx, account: str, application: str) -> bool:
    """Forgets a consent; whether there was one."""
    sql = "DELETE FROM provider_consent WHERE account = $1 AND application = $2"
    return await tx.execute(sql, account, application) > 0


_AGED = (
    "DELETE FROM provider_code WHERE expires_at < $1",
    "DELETE FROM provider_refresh WHERE expires_at < $1",
    "DELETE FROM provider_family WHERE expires_at < $1",
    "DELETE FROM provider_assertion WHERE expires_at < $1",
    "DELETE FROM provider_revocation WHERE until < $1",
)


async def forget_tx(tx: Tx, before: int) -> int:
    """Forgets what was over before a moment; how many rows."""
    return sum([await tx.execute(sql, before) for sql in _AGED])
