"""The demonstration's people, one for each role, and the API key for a visitor's own lines.

Passwords and the key are random, said once on the terminal, and kept as hashes alone. An account's id says whose it is
(`p-demo-…`; no other account gets such an id), so that nobody else's is ever touched: not by its name, not later.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from kumihimo.app.platform import Platform
from kumihimo.base.call import Actor
from kumihimo.base.errors import AlreadyExists, ResourceNotFound
from kumihimo.platform.access.words import OPERATOR
from kumihimo.platform.identity.models import Visitor
from kumihimo.platform.provider.models import Application
from kumihimo.solutions.flood.tenants import CITIES, PREFECTURE, TENANTS
from kumihimo.storage.database import PLATFORM

DEMO: Final = "demo"
"""Who made what is made here, wherever that is kept."""
WHY: Final = "デモの人物 / a persona of the demonstration"
KEY_SCOPES: Final = ("ngsi-ld:read", "ngsi-ld:subscribe", "feeds:read")
KEY_ROLE: Final = "officer"
_VISITORS: Final = ("disaster-officer", "data-manager", "officer", "auditor", "resident")
_PAST: Final = 10_000
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Those that nobody takes for another."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody who holds one role: in these towns, or with PLATFORM on the whole platform."""

    sign_in: str
    role: str
    ja: str
    en: str
    towns: tuple[str, ...]

    @property
    def id(self) -> str:
        """Of the account; no other account's id looks like it."""
        return f"p-{self.sign_in}"

    @property
    def actor(self) -> Actor:
        """As members and logs name them."""
        return Actor("person", self.id)

    @property
    def name(self) -> str:
        """As screens of either language show it; that it is the demonstration's own is said with it."""
        return f"{self.ja} ({self.sign_in})"


CITY: Final = CITIES["福井市"]
DISASTER: Final = Persona("demo-disaster", "disaster-officer", "防災担当", "disaster officer", TENANTS)
PERSONAS: Final = (
    DISASTER,
    Persona("demo-officer", "officer", "職員", "officer", (CITY,)),
    Persona("demo-resident", "resident", "住民", "resident", (PREFECTURE, CITY)),
    Persona("demo-business", "business", "事業者", "business", (PREFECTURE,)),
    Persona("demo-data", "data-manager", "データ管理者", "data manager", (PREFECTURE,)),
    Persona("demo-auditor", "auditor", "監査人", "auditor", TENANTS),
    Persona("demo-operator", OPERATOR, "運用者", "operator of a city", (CITY,)),
    Persona("demo-platform", OPERATOR, "基盤の運用者", "operator of all", (PLATFORM,)),
)
HUNTER: Final = Persona("demo-hunter", "hunter", "猟友会", "hunter", ())
"""Of the demonstration of wildlife alone: the pack brings the role, and its town comes to be after the people."""


@dataclass(frozen=True, slots=True)
class Given:
    """What is said on the terminal. people: who may log in; passwords by sign-in name and key: only those made at this
    start; link: the token of a one-time link into the disaster officer's account.
    """

    people: tuple[Persona, ...]
    passwords: dict[str, str] = field(repr=False)
    key: str = field(repr=False)
    link: str = field(repr=False)


class Personas:
    """Makes them, and makes them members again where a town of the demonstration was made anew."""

    def __init__(self, platform: Platform) -> None:
        self._identity = platform.identity
        self._members = platform.rules.members
        self._applications = platform.provider.applications

    async def settle(self, *, renew: bool, wildlife: bool = False) -> Given:
        """Those who are missing, with passwords; with `renew` new passwords and a new key for all, and what was logged
        in or read with the old ones ends; with `wildlife` the hunter too, who stays once there. The towns of all others
        are there. AlreadyExists where a sign-in name is somebody else's.
        """
        is_there = {one: await self._is_there(one) for one in (*PERSONAS, HUNTER)}
        people = PERSONAS if not wildlife and not is_there[HUNTER] else (*PERSONAS, HUNTER)
        missing = tuple(one for one in people if not is_there[one])
        for one in missing:
            await self._make(one)
        wanted = people if renew else missing
        passwords = await asyncio.gather(*(self._new_password(one) for one in wanted))
        said = {one.sign_in: password for one, password in zip(wanted, passwords, strict=True)}
        return Given(people, said, await self._key(renew=renew), await self._identity.link(DISASTER.id))

    async def join(self, town: str) -> None:
        """Members of a town that was just made; first of all, so that no open page finds itself shut out."""
        for one in PERSONAS:
            if town in one.towns:
                await self._give(town, one.actor, one.role)
        if town == PREFECTURE and (found := await self._application()) is not None:
            await self._give(town, Actor("application", found.id), KEY_ROLE)

    async def visit(self, town: str) -> None:
        """Those who decide, keep the data, read, check and live there are members of another wing's town too, and the
        hunter, where the demonstration has one. Who was one there before, and is none now, stays away.
        """
        before = {(one.actor, one.role) for one in await self._members.past(town, _PAST)}
        for one in (*PERSONAS, HUNTER):
            is_wanted = one.role in _VISITORS or (one is HUNTER and await self._is_there(one))
            if is_wanted and (one.actor, one.role) not in before:
                await self._give(town, one.actor, one.role)

    async def _is_there(self, one: Persona) -> bool:
        try:
            found = await self._identity.named(one.sign_in)
        except ResourceNotFound:
            return False
        if found.id != one.id:
            raise AlreadyExists(
                f"the account {one.sign_in!r} is none of the demonstration's own; name another folder with --data"
            )
        return True

    async def _make(self, one: Persona) -> None:
        await self._identity.add(one.sign_in, one.name, id_=one.id)
        for town in one.towns:
            await self._give(town, one.actor, one.role)

    async def _give(self, town: str, actor: Actor, role: str) -> None:
        if all(one.role != role for one in await self._members.held(town, actor)):
            await self._members.add(town, actor, role, DEMO, why=WHY)

    async def _new_password(self, one: Persona) -> str:
        """Set as the person would set it, behind a one-time link; the log-in that this opens ends at once."""
        password = new_password()
        token = await self._identity.link(one.id)
        opened = await self._identity.welcome(token, "", "", "ja", password, Visitor("", DEMO))
        await self._identity.logins.end(one.id, opened.login)
        return password

    async def _key(self, *, renew: bool) -> str:
        """The API key, "" where it was said at an earlier start."""
        found = await self._application()
        if found is None:
            made = await self._applications.add(PREFECTURE, "デモ / demo", "key", scopes=KEY_SCOPES, made_by=DEMO)
            await self._give(PREFECTURE, Actor("application", made.application.id), KEY_ROLE)
            return made.secret
        if not renew:
            return ""
        return (await self._applications.rotate(PREFECTURE, found.id, overlap=0, made_by=DEMO)).secret

    async def _application(self) -> Application | None:
        """The demonstration's own, unless somebody took it out of use."""
        every = await self._applications.all(PREFECTURE)
        return next((one for one in every if one.made_by == DEMO and not one.disabled_at), None)


def new_password() -> str:
    """Four times four letters: 79 random bits, to be read off a screen."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def instructions(given: Given, address: str) -> list[str]:
    """Lines for a terminal of 80 columns: who may log in with what, the link, and the key."""
    lines = ["Log in as one of these people, each with one role (ログインできる人物と役割):", ""]
    lines += [_row(one, given.passwords.get(one.sign_in, "as said before")) for one in given.people]
    lines += ["", *_kept(given)]
    lines += [
        "In a hurry? This link is good once and leads in as the disaster officer, with a",
        "passkey or a password of your own (which takes the place of the one above):",
        f"    {address}/welcome/{given.link}",
        "",
    ]
    if given.key:
        lines += ["API key for curl and programs, which reads 福井県 (fukui-pref), shown this once:"]
        lines += [f"    export KUMIHIMO_KEY={given.key}", ""]
    return lines


def _kept(given: Given) -> list[str]:
    """What is to be known of the passwords."""
    if len(given.passwords) == len(given.people):
        return ["They are shown this once and kept nowhere in the clear.", ""]
    return [
        "Passwords and API key were shown once, at the first start with this data folder.",
        "New ones for all (the old ones end): kumihimo demo --new-passwords",
        "",
    ]


def _row(one: Persona, password: str) -> str:
    return "  " + _padded(one.sign_in, 15) + _padded(one.ja, 14) + _padded(one.en, 20) + password


def _padded(text: str, width: int) -> str:
    """To this many columns of a terminal; Japanese takes two for each letter."""
    return text + " " * (width - cell_len(text))
