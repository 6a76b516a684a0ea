"""Who did what about rights: read from the rows that the acts themselves left, which are added and never taken away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from kumihimo.platform.access.changes import Changes
from kumihimo.platform.access.documents import documents_tx, role_titles
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.access.titles import Titles
from kumihimo.storage.database import Tx

Part = Literal["members", "policies", "agreements", "emergencies", "applications"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
MAX_READ: Final = 100_000
"""Deeds that one table, or the way to one page, reads."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One act: when (microseconds), who ("person:p-1"), what kind ("member.given"), of what, and what is to know of it.

    Nothing of it is a value of a person's but who acted: whoever a role was given to is told by their id.
    """

    at: int
    by: str
    kind: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """From a moment to before another, by anybody or by one alone, of one part or of all."""

    since: int = 0
    until: int = 2**62
    by: str = ""
    part: Part | None = None


Elsewhere = Callable[[str, Wanted, int], Awaitable[Sequence[Deed]]]
"""What other rooms kept of a tenant's deeds, the newest first, at most so many."""

_MEMBERS: Final = (
    (
        "SELECT since AS at, made_by AS who, 'member.given' AS deed, kind || ':' || actor AS subject, role AS detail"
        " FROM access_member"
    ),
    (
        "SELECT ended_at, ended_by, 'member.ended', kind || ':' || actor, role FROM access_member"
        " WHERE ended_at IS NOT NULL"
    ),
)
_POLICIES: Final = (
    (
        "SELECT at AS at, made_by AS who, CASE WHEN text = '' THEN 'policy.removed' ELSE 'policy.written' END AS deed,"
        " name AS subject, CAST(number AS TEXT) AS detail FROM access_policy"
    ),
)
_EMERGENCIES: Final = (
    (
        "SELECT asked_at AS at, asked_by AS who, 'emergency.asked' AS deed, '' AS subject,"
        " CAST(hours AS TEXT) AS detail FROM access_emergency"
    ),
    (
        "SELECT opened_at, opened_by, 'emergency.opened', '', CAST(hours AS TEXT) FROM access_emergency"
        " WHERE opened_at IS NOT NULL"
    ),
    "SELECT ended_at, ended_by, 'emergency.ended', '', '' FROM access_emergency WHERE ended_at IS NOT NULL",
)
_SIDE: Final = "(giver = $5 OR taker = $5)"
_BETWEEN: Final = "giver || ' → ' || taker || '/' || role"
_AGREEMENTS: Final = (
    (
        f"SELECT offered_at AS at, offered_by AS who, 'agreement.offered' AS deed, {_BETWEEN} AS subject, '' AS detail"
        f" FROM access_agreement WHERE {_SIDE}"
    ),
    (
        f"SELECT accepted_at, accepted_by, 'agreement.accepted', {_BETWEEN}, '' FROM access_agreement"
        f" WHERE accepted_at IS NOT NULL AND {_SIDE}"
    ),
    (
        f"SELECT ended_at, ended_by, 'agreement.ended', {_BETWEEN}, '' FROM access_agreement"
        f" WHERE ended_at IS NOT NULL AND {_SIDE}"
    ),
)
_HERE: Final[dict[Part, tuple[str, ...]]] = {
    "members": _MEMBERS,
    "policies": _POLICIES,
    "emergencies": _EMERGENCIES,
}


class Audit:
    """Reads the deeds of a tenant, or with "" those of the platform itself."""

    def __init__(self, changes: Changes, elsewhere: Elsewhere) -> None:
        self._changes = changes
        self._elsewhere = elsewhere

    async def titles(self, tenant: str) -> Titles:
        """What the roles are called to which the tenant's policies give a title."""
        return role_titles(await self._changes.database.read(tenant, documents_tx))

    async def deeds(self, tenant: str, wanted: Wanted, limit: int, offset: int = 0) -> list[Deed]:
        """The newest first, from the offset on; those beyond MAX_READ are found by an earlier `until` alone."""
        most = min(offset + limit, MAX_READ)
        found: list[Deed] = []
        parts = [part for part in _HERE if wanted.part in (None, part)]
        if parts:
            each = [text for part in parts for text in _HERE[part]]
            found += await self._read(tenant, each, wanted, most)
        if tenant and wanted.part in (None, "agreements"):
            found += await self._read(PLATFORM, _AGREEMENTS, wanted, most, tenant)
        if wanted.part in (None, "applications"):
            found += await self._elsewhere(tenant, wanted, most)
        found.sort(key=lambda one: (-one.at, one.kind, one.subject, one.detail))
        return found[offset:most]

    async def _read(self, scope: str, each: Sequence[str], wanted: Wanted, most: int, *side: str) -> list[Deed]:
        text = (
            f"SELECT at, who, deed, subject, detail FROM ({' UNION ALL '.join(each)}) AS deeds"
            " WHERE at >= $1 AND at < $2 AND (who = $3 OR CAST($3 AS TEXT) = '')"
            " ORDER BY at DESC, deed, subject, detail LIMIT $4"
        )

        async def work(tx: Tx) -> list[Deed]:
            rows = await tx.fetch(text, wanted.since, wanted.until, wanted.by, most, *side)
            return [Deed(int(row[0]), row[1], row[2], row[3], row[4]) for row in rows]

        return await self._changes.database.read(scope, work)
