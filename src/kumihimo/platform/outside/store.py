"""Rows of providers, keys, identities, log-ins that came from outside, and of what may be shown but once."""

from __future__ import annotations

from dataclasses import asdict

from kumihimo.base import jsontext
from kumihimo.platform.outside.models import Identity, OutsideLogin, Provider
from kumihimo.storage.database import Row, Schema, Tx

SCHEMA = Schema("outside", __package__, scope="platform")

_BESIDE = ("name", "secret", "active", "made_at", "updated_at")
_LISTS = ("scopes", "acr_values", "acr_needed", "pass_on", "take", "keep", "domains")
_PROVIDER = "name, settings, secret, active, made_at, updated_at"
_IDENTITY = "provider, subject, account, kept, linked_at, used_at"
_LOGIN = "login, account, provider, subject, sid, hint, at"


def _provider(row: Row) -> Provider:
    given = jsontext.parse(row[1])
    given |= {name: tuple(given[name]) for name in _LISTS}
    return Provider(
        name=row[0],
        secret=row[2],
        active=bool(row[3]),
        made_at=int(row[4]),
        updated_at=int(row[5]),
        **given,
    )


async def providers_tx(tx: Tx) -> list[Provider]:
    """All providers, by name."""
    return [_provider(row) for row in await tx.fetch(f"SELECT {_PROVIDER} FROM outside_provider ORDER BY name")]


async def provider_tx(tx: Tx, name: str) -> Provider | None:
    """The provider of this name."""
    row = await tx.fetch_one(f"SELECT {_PROVIDER} FROM outside_provider WHERE name = $1", name)
    return None if row is None else _provider(row)


async def put_provider_tx(tx: Tx, one: Provider) -> None:
    """Adds a provider, or writes it anew."""
    settings = {name: value for name, value in asdict(one).items() if name not in _BESIDE}
    await tx.execute(
        f"INSERT INTO outside_provider ({_PROVIDER}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET"
        " settings = excluded.settings, secret = excluded.secret, active = excluded.active,"
        " updated_at = excluded.updated_at",
        one.name,
        jsontext.text(settings),
        one.secret,
        int(one.active),
        one.made_at,
        one.updated_at,
    )


async def remove_provider_tx(tx: Tx, name: str) -> bool:
    """Removes a provider with its keys, identities and log-ins; False where there is none."""
    for table in ("outside_key", "outside_identity", "outside_login"):
        await tx.execute(f"DELETE FROM {table} WHERE provider = $1", name)
    return bool(await tx.execute("DELETE FROM outside_provider WHERE name = $1", name))


# --- our keys at a provider -------------------------------------------------------------------------------


async def keys_tx(tx: Tx, provider: str) -> list[tuple[str, str, str, int]]:
    """Id, public half, sealed private half ("" for a retired one) and when it retired (0: not), newest first."""
    rows = await tx.fetch(
        "SELECT id, public, private, retired_at FROM outside_key WHERE provider = $1 ORDER BY made_at DESC, id DESC",
        provider,
    )
    return [(row[0], row[1], row[2], int(row[3])) for row in rows]


async def put_key_tx(tx: Tx, provider: str, key_id: str, public: str, private: str, now: int) -> None:
    """Adds a key, which signs from now on; the others retire and lose their private halves."""
    await tx.execute(
        "UPDATE outside_key SET private = '', retired_at = $2 WHERE provider = $1 AND retired_at = 0", provider, now
    )
    await tx.execute(
        "INSERT INTO outside_key (id, provider, public, private, made_at, retired_at) VALUES ($1, $2, $3, $4, $5, 0)",
        key_id,
        provider,
        public,
        private,
        now,
    )


async def trim_keys_tx(tx: Tx, provider: str, most: int) -> None:
    """Forgets the oldest keys of a provider beyond so many."""
    await tx.execute(
        "DELETE FROM outside_key WHERE provider = $1 AND id NOT IN"
        " (SELECT id FROM outside_key WHERE provider = $1 ORDER BY made_at DESC, id DESC LIMIT $2)",
        provider,
        most,
    )


# --- identities -------------------------------------------------------------------------------------------


async def identity_tx(tx: Tx, provider: str, subject: str) -> Identity | None:
    """The identity, where it is linked with an account."""
    row = await tx.fetch_one(
        f"SELECT {_IDENTITY} FROM outside_identity WHERE provider = $1 AND subject = $2", provider, subject
    )
    return None if row is None else Identity(*row)


async def identities_tx(tx: Tx, account: str) -> list[Identity]:
    """The identities of an account, by provider."""
    rows = await tx.fetch(
        f"SELECT {_IDENTITY} FROM outside_identity WHERE account = $1 ORDER BY provider, linked_at", account
    )
    return [Identity(*row) for row in rows]


async def link_tx(tx: Tx, one: Identity) -> bool:
    """Links an identity; False where it is linked already, with whomever, and then nothing is changed."""
    return bool(
        await tx.execute(
            f"INSERT INTO outside_identity ({_IDENTITY}) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (provider, subject) DO NOTHING",
            one.provider,
            one.subject,
            one.account,
            one.kept,
            one.linked_at,
            one.used_at,
        )
    )


async def used_tx(tx: Tx, one: Identity, kept: str, now: int) -> None:
    """Notes that an identity was used, and what is kept of it now."""
    await tx.execute(
        "UPDATE outside_identity SET used_at = $3, kept = $4 WHERE provider = $1 AND subject = $2",
        one.provider,
        one.subject,
        now,
        kept,
    )


async def unlink_tx(tx: Tx, provider: str, account: str) -> int:
    """Takes the account's identities at the provider away, with what was kept of them; how many there were."""
    return await tx.execute("DELETE FROM outside_identity WHERE provider = $1 AND account = $2", provider, account)


async def linked_tx(tx: Tx, provider: str) -> int:
    """How many identities of the provider are linked."""
    row = await tx.fetch_one("SELECT count(*) FROM outside_identity WHERE provider = $1", provider)
    return int(row[0]) if row is not None else 0


# --- log-ins that came from outside -----------------------------------------------------------------------


async def entered_tx(tx: Tx, one: OutsideLogin, oldest: int) -> None:
    """Notes a log-in, and forgets those that began before `oldest`: no log-in stands for so long."""
    await tx.execute("DELETE FROM outside_login WHERE at < $1", oldest)
    await tx.execute(
        f"INSERT INTO outside_login ({_LOGIN}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        one.login,
        one.account,
        one.provider,
        one.subject,
        one.sid,
        one.hint,
        one.at,
    )


async def outside_login_tx(tx: Tx, login: str) -> OutsideLogin | None:
    """The log-in here, where it came from outside."""
    row = await tx.fetch_one(f"SELECT {_LOGIN} FROM outside_login WHERE login = $1", login)
    return None if row is None else OutsideLogin(*row)


async def logins_tx(tx: Tx, provider: str, subject: str, sid: str) -> list[OutsideLogin]:
    """The log-ins of a subject, of one session of it where sid is not "", or of a session alone."""
    rows = await tx.fetch(
        f"SELECT {_LOGIN} FROM outside_login WHERE provider = $1"
        " AND (subject = $2 OR $2 = '') AND (sid = $3 OR $3 = '')",
        provider,
        subject,
        sid,
    )
    return [OutsideLogin(*row) for row in rows]


async def forget_login_tx(tx: Tx, login: str) -> None:
    """Forgets where a log-in came from."""
    await tx.execute("DELETE FROM outside_login WHERE login = $1", login)


async def once_tx(tx: Tx, digest: str, now: int, until: int) -> bool:
    """Whether this is shown for the first time; it is remembered until then."""
    await tx.execute("DELETE FROM outside_once WHERE until < $1", now)
    done = await tx.execute(
        "INSERT INTO outside_once (digest, until) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING", digest, until
    )
    return bool(done)


# --- names of people for one service ------------------------------------------------------------------------


async def names_key_tx(tx: Tx, fresh: str) -> str:
    """The sealed key by which names are made; `fresh` becomes it where there is none yet."""
    await tx.execute("INSERT INTO outside_names (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING", fresh)
    row = await tx.fetch_one("SELECT sealed FROM outside_names WHERE id = 1")
    return str(row[0]) if row is not None else fresh
