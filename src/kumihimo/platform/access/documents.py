"""A tenant's policies: documents of Cedar text with all their versions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from kumihimo.base.call import ANONYMOUS
from kumihimo.base.errors import ResourceNotFound
from kumihimo.platform.access import store
from kumihimo.platform.access.changes import Changes, check_words
from kumihimo.platform.access.compile import policies_of, rights_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.records import Document, Version
from kumihimo.platform.access.start import start_texts
from kumihimo.platform.access.titles import Titles, titles_of
from kumihimo.platform.access.words import (
    MAX_DOCUMENTS,
    MAX_POLICIES,
    OPERATOR,
    Action,
    PolicyRefused,
    check_document,
)
from kumihimo.storage.database import Tx

_KEYS: Final[tuple[Action, ...]] = ("policies", "members")
"""Without a right to these, nobody could change anything any more."""
SHOWN: Final = 50
_ROLE: Final = re.compile(r'Role::"([^"]+)"')


class Documents:
    """The policies of all tenants. Start documents stand as version 0 until a tenant puts its own in their place."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def put(self, scope: str, name: str, text: str, by: str, why: str) -> Version:
        """A new version, which counts at once. PolicyRefused with line and reason where it cannot be kept."""
        check_document(name)
        if not policies_of(text):
            raise PolicyRefused("there is no policy in this text; to take the document away, remove it").worded(
                "refused.policy.empty"
            )
        return await self._put(scope, name, text, by, why)

    async def remove(self, scope: str, name: str, by: str, why: str) -> Version:
        """Takes a document away; its versions stay, and one of them can be brought back."""
        return await self._put(scope, name, "", by, why)

    async def roll_back(self, scope: str, name: str, number: int, by: str, why: str) -> Version:
        """Puts the text of an older version on top. ResourceNotFound where there is no such version."""
        old = await self.version(scope, name, number)
        return await self._put(scope, name, old.text, by, why)

    async def _put(self, scope: str, name: str, text: str, by: str, why: str) -> Version:
        reason, now = check_words(why, "why"), self._changes.now()

        async def work(tx: Tx) -> Version:
            standing = {one.name: one for one in await documents_tx(tx)}
            if not text and name not in standing:
                raise ResourceNotFound(f"there are no policies {name!r}")
            newest = await store.versions_tx(tx, name, 1)
            made = Version(name, newest[0].number + 1 if newest else 1, text, now, by, reason)
            standing.pop(name, None)
            if text:
                standing[name] = Document(name, made.number, text, policies_of(text))
            _check_whole(scope, list(standing.values()))
            await store.add_version_tx(tx, made)
            return made

        if names_strangers(text):
            await self._changes.place(scope, ANONYMOUS)
        return await self._changes.write(scope, work)

    async def versions(self, scope: str, name: str) -> list[Version]:
        """The versions of a document, the newest first, the start text last. ResourceNotFound where there are none."""
        found = await self._changes.database.read(scope, lambda tx: store.versions_tx(tx, name, SHOWN))
        if name in start_texts() and len(found) < SHOWN:
            found.append(Version(name, 0, start_texts()[name]))
        if not found:
            raise ResourceNotFound(f"there are no policies {name[:64]!r}")
        return found

    async def version(self, scope: str, name: str, number: int) -> Version:
        """One version. ResourceNotFound where there is none."""
        if number == 0 and name in start_texts():
            return Version(name, 0, start_texts()[name])
        found = await self._changes.database.read(scope, lambda tx: store.version_tx(tx, name, number))
        if found is None:
            raise ResourceNotFound(f"policies {name[:64]!r} have no version {number}")
        return found

    async def list(self, scope: str) -> list[Document]:
        """The documents that stand, by name."""
        return await self._changes.database.read(scope, documents_tx)


def names_strangers(text: str) -> bool:
    """Whether the policies of a text may give strangers anything: a permit says for whom."""
    return "Anonymous" in text


def named_roles(documents: Iterable[Document]) -> frozenset[str]:
    """The roles that the policies of these documents name; any other gives nothing."""
    return frozenset(role for one in documents for role in _ROLE.findall(one.text))


def role_titles(documents: Iterable[Document]) -> Titles:
    """What the roles are called to which the policies of these documents give a title, by role and language."""
    return titles_of(policy.titled for one in documents for policy in one.policies)


async def documents_tx(tx: Tx) -> list[Document]:
    """The documents that stand, by name: the tenant's own, and of the start set those that it has not replaced."""
    texts = {name: (0, text) for name, text in start_texts().items()}
    texts |= {one.name: (one.number, one.text) for one in await store.standing_tx(tx)}
    return [Document(name, number, text, policies_of(text)) for name, (number, text) in sorted(texts.items()) if text]


def _check_whole(scope: str, documents: list[Document]) -> None:
    """Refuses what would leave nobody who could change it, or more than is decided on in time."""
    if len(documents) > MAX_DOCUMENTS:
        raise PolicyRefused(f"a tenant may have {MAX_DOCUMENTS} documents of policies")
    policies = [policy for one in documents for policy in one.policies]
    if len(policies) > MAX_POLICIES:
        raise PolicyRefused(f"{len(policies)} policies; a tenant may have {MAX_POLICIES} in all its documents")
    for action in _KEYS:
        facts = Facts("Person", "an operator", frozenset({OPERATOR}), action, "operate", scope)
        if not rights_of(policies, facts).shown:
            raise PolicyRefused(
                f"with this, operators could no longer change the {action}, and nobody could take it back;"
                f' leave Role::"{OPERATOR}" the right to it'
            ).worded("refused.policy.keys")
