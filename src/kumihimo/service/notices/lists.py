"""Lists that staff keep: an association's members with their addresses, for a purpose that is said."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from kumihimo.base.errors import BadRequestData, ResourceNotFound, TooManyRequests
from kumihimo.service.notices import store
from kumihimo.service.notices.door import Notices, check_email, with_email
from kumihimo.service.notices.models import (
    MAX_ENTRIES,
    MAX_LISTS,
    MAX_NAME,
    MAX_RECIPIENTS,
    Area,
    People,
    Recipient,
    check_area,
    fresh,
)
from kumihimo.storage.database import Tx

MAX_PURPOSE: Final = 300
MAX_REASONS: Final = 20
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("email", "e-mail", "mail", "メール", "メールアドレス", "eメール"),
    "name": ("name", "氏名", "名前", "お名前"),
    "lat": ("lat", "latitude", "緯度"),
    "lon": ("lon", "lng", "longitude", "経度"),
    "metres": ("radius", "radius_m", "metres", "半径", "半径m"),
    "lang": ("lang", "language", "言語"),
}
RADIUS: Final = 2000
"""Metres around a place whose row says no radius."""


@dataclass(frozen=True, slots=True)
class Row:
    """A person in a file: without a place, in the whole town."""

    email: str
    name: str
    area: Area | None
    lang: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an import: added; known: on the list already; stopped: left it by themselves; refused: line and
    key of the reason.
    """

    added: int = 0
    known: int = 0
    stopped: int = 0
    refused: tuple[tuple[int, str], ...] = ()


class Lists:
    """The lists of all tenants; who may keep them is asked before."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._database = notices.database
        self._seals = notices.seals

    async def all(self, tenant: str) -> list[tuple[People, int]]:
        """The lists by name, each with how many are on it."""
        return await self._database.read(tenant, store.lists_tx)

    async def one(self, tenant: str, list_id: str) -> tuple[People, list[Recipient]]:
        """A list and who is on it, by name. ResourceNotFound."""

        async def work(tx: Tx) -> tuple[People | None, list[store.Kept]]:
            return await store.list_tx(tx, list_id), await store.entries_tx(tx, list_id)

        people, kept = await self._database.read(tenant, work)
        if people is None:
            raise ResourceNotFound("there is no such list").worded("notices.refused.list")
        entries = [self._seals.open(tenant, one) for one in kept]
        return people, sorted(entries, key=lambda one: (one.name, one.email))

    async def make(self, tenant: str, name: str, purpose: str, topics: tuple[str, ...], by: str) -> People:
        """A new list. BadRequestData without a name, a purpose or a topic."""
        name, purpose = name.strip(), purpose.strip()
        offered = {one.id for one in await self._notices.topics_of(tenant)}
        if not name or not purpose or not topics or not offered.issuperset(topics):
            said = "a list needs a name, its purpose, and what is told to it"
            raise BadRequestData(said).worded("notices.refused.newlist")
        one = People(secrets.token_hex(8), name[:MAX_NAME], purpose[:MAX_PURPOSE], topics, by, self._notices.now())

        async def work(tx: Tx) -> None:
            if len(await store.lists_tx(tx)) >= MAX_LISTS:
                raise BadRequestData(f"a town keeps {MAX_LISTS} lists").worded("notices.refused.full")
            await store.put_list_tx(tx, one)

        await self._database.write(tenant, work)
        return one

    async def remove(self, tenant: str, list_id: str) -> bool:
        """Forgets a list with all who are on it."""
        return await self._database.write(tenant, lambda tx: store.forget_list_tx(tx, list_id))

    async def remove_entry(self, tenant: str, list_id: str, recipient: str) -> bool:
        """Forgets one person on a list."""

        async def work(tx: Tx) -> bool:
            kept = await store.recipient_tx(tx, recipient)
            if kept is None or kept.list != list_id:
                return False
            return await store.forget_recipient_tx(tx, recipient)

        return await self._database.write(tenant, work)

    async def take(self, tenant: str, list_id: str, text: str) -> Taken:
        """Takes people from CSV, or what a spreadsheet copies; each new one is asked by mail whether that is right.

        BadRequestData where no column holds addresses, ResourceNotFound for a list that there is not.
        """
        rows, refused = rows_of(text)
        people, held = await self.one(tenant, list_id)
        known = {one.email.casefold() for one in held}
        stopped = await self._database.read(tenant, lambda tx: store.stopped_tx(tx, list_id))
        fresh_ones: list[Recipient] = []
        again = left = 0
        for row in rows:
            if row.email.casefold() in known:
                again += 1
            elif await self._seals.mark(tenant, list_id, row.email) in stopped:
                left += 1
            else:
                known.add(row.email.casefold())
                fresh_ones.append(self._recipient(people, row))
        if len(held) + len(fresh_ones) > MAX_ENTRIES:
            raise BadRequestData(f"a list holds {MAX_ENTRIES} people").worded("notices.refused.full")
        await self._add(tenant, list_id, fresh_ones)
        await self._notices.ask(tenant, fresh_ones)
        return Taken(len(fresh_ones), again, left, tuple(refused[:MAX_REASONS]))

    def _recipient(self, people: People, row: Row) -> Recipient:
        now = self._notices.now()
        one = replace(
            fresh(list_id=people.id, now=now, lang=row.lang),
            name=row.name,
            everywhere=row.area is None,
            areas=() if row.area is None else (row.area,),
        )
        return with_email(one, row.email, now)

    async def _add(self, tenant: str, list_id: str, ones: list[Recipient]) -> None:
        async def work(tx: Tx) -> None:
            if await store.list_tx(tx, list_id) is None:
                raise ResourceNotFound("the list was removed meanwhile").worded("notices.refused.list")
            if await store.count_tx(tx) + len(ones) > MAX_RECIPIENTS:
                raise BadRequestData(f"a town tells {MAX_RECIPIENTS} people").worded("notices.refused.full")
            for one in ones:
                await store.put_recipient_tx(tx, self._seals.close(tenant, one))

        await self._database.write(tenant, work)

    async def ask_again(self, tenant: str, list_id: str) -> int:
        """Asks those anew who have not said yet that their address is right; how many. Those who were asked often
        enough today are left, and so is whoever follows a link meanwhile.
        """
        kept = await self._database.read(tenant, lambda tx: store.entries_tx(tx, list_id))
        anew = [(again, one.sealed) for one in kept if (again := self._again(tenant, one)) is not None]

        async def work(tx: Tx) -> list[Recipient]:
            return [
                one for one, was in anew if await store.change_recipient_tx(tx, self._seals.close(tenant, one), was)
            ]

        asked = await self._database.write(tenant, work)
        await self._notices.ask(tenant, asked)
        return len(asked)

    def _again(self, tenant: str, kept: store.Kept) -> Recipient | None:
        """As whoever is asked anew; None for who confirmed the address, or was asked often enough today."""
        one = self._seals.open(tenant, kept)
        try:
            return None if one.confirmed_at else with_email(one, one.email, self._notices.now())
        except TooManyRequests:
            return None


def rows_of(text: str) -> tuple[list[Row], list[tuple[int, str]]]:
    """The people in a text with one heading line; and the lines that could not be read, each with the key of a reason.

    BadRequestData where no column holds addresses.
    """
    lines = text.lstrip("\ufeff").strip()
    heading = lines.partition("\n")[0]
    delimiter = "\t" if "\t" in heading else ","
    try:
        table = list(csv.reader(io.StringIO(lines), delimiter=delimiter))
    except csv.Error as problem:
        raise BadRequestData(f"this is no CSV: {problem}").worded("notices.refused.columns") from problem
    names = [one.strip().casefold() for one in table[0]] if table else []
    at = {ours: names.index(name) for ours, known in _COLUMNS.items() for name in known if name in names}
    if "email" not in at:
        raise BadRequestData("the first line names no column of addresses").worded("notices.refused.columns")
    rows: list[Row] = []
    refused: list[tuple[int, str]] = []
    for number, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        given = {name: cells[index].strip() if index < len(cells) else "" for name, index in at.items()}
        try:
            rows.append(_row(given))
        except (BadRequestData, ValueError) as problem:
            wording = getattr(problem, "wording", None)
            refused.append((number, wording.key if wording is not None else "notices.refused.number"))
    return rows, refused


def _row(given: Mapping[str, str]) -> Row:
    email = check_email(given["email"])
    lang = given.get("lang") or "ja"
    area = None
    if given.get("lat") or given.get("lon"):
        metres = int(given.get("metres") or RADIUS)
        area = check_area("", float(given.get("lon") or "nan"), float(given.get("lat") or "nan"), metres)
    return Row(email, given.get("name", "")[:MAX_NAME], area, lang)
