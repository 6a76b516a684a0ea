"""The page of the records: who gave roles, changed policies, made agreements, opened emergencies, handled keys."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from kumihimo.base import times
from kumihimo.base.cells import plain
from kumihimo.base.errors import BadRequestData, Problem
from kumihimo.base.screens import Answer, Ask, Document, Page, Screen
from kumihimo.base.texts import Words, parse_texts, translator
from kumihimo.base.times import JST
from kumihimo.platform.access.audit import MAX_READ, PARTS, Audit, Deed, Wanted
from kumihimo.platform.access.days import begin_of, end_of
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.directory import Directory

PACKAGE: Final = "kumihimo.platform.access"
ON_A_PAGE: Final = 50
ASKED: Final = ("from", "until", "who", "part")


@cache
def _words() -> Words:
    """The texts of this room, for the table."""
    return parse_texts(files(PACKAGE).joinpath("texts.toml").read_text("utf-8"), PACKAGE)


def audit_screens(access: Access, audit: Audit, names: Directory) -> list[Screen]:
    """/audit and /audit.csv, for whoever may see the records."""
    pages = _Pages(access, audit, names)
    return [
        Screen("/audit", pages.show, nav="audit.nav", order=76, package=PACKAGE, needs="audit", menu="nav.manage"),
        Screen("/audit.csv", pages.table, package=PACKAGE, needs="audit"),
    ]


class _Pages:
    def __init__(self, access: Access, audit: Audit, names: Directory) -> None:
        self._access = access
        self._audit = audit
        self._names = names

    async def show(self, ask: Ask) -> Answer:
        """What was done about rights, the newest first: `from` and `until` (days), `who`, `part`; `page` counts on."""
        await self._access.decide(ask.call, "audit")
        problem: Problem | None = None
        number, wanted = 0, Wanted()
        try:
            number, wanted = _number(ask.query.get("page", "")), await self._wanted(ask.query)
        except Problem as refused:
            problem = refused
        found = await self._audit.deeds(ask.tenant, wanted, ON_A_PAGE + 1, number * ON_A_PAGE)
        shown = found[:ON_A_PAGE]
        asked = {name: ask.query.get(name, "") for name in ASKED}
        filters = {name: value for name, value in asked.items() if value} if problem is None else {}
        data: dict[str, Any] = {
            "deeds": shown,
            "names": await self._names.names({one.by for one in shown}),
            "role_titles": await self._audit.titles(ask.tenant),
            "parts": PARTS if ask.tenant else [part for part in PARTS if part not in ("agreements", "emergencies")],
            "asked": asked,
            "filters": urlencode(filters),
            "older": urlencode({**filters, "page": number + 1}) if len(found) > ON_A_PAGE else "",
            "is_later": number > 0,
            "problem": problem,
        }
        page = Page(f"{PACKAGE}:audit.html", "audit.title", data)
        return page if problem is None else replace(page, status=problem.status, headers=problem.headers())

    async def table(self, ask: Ask) -> Answer:
        """The same as CSV (UTF-8), at most MAX_READ rows; cells that a spreadsheet would run are quoted."""
        await self._access.decide(ask.call, "audit")
        found = await self._audit.deeds(ask.tenant, await self._wanted(ask.query), MAX_READ)
        names = await self._names.names({one.by for one in found})
        text = await asyncio.to_thread(_written, found, names, ask.lang)
        return Document(text.encode("utf-8-sig"), "text/csv; charset=utf-8")

    async def _wanted(self, query: Mapping[str, str]) -> Wanted:
        part = next((one for one in PARTS if one == query.get("part")), None)
        if part is None and query.get("part"):
            raise BadRequestData(f"part: one of {', '.join(PARTS)}").worded("refused.audit.part")
        who = query.get("who", "").strip()
        by = who if ":" in who or not who else str(await self._names.actor(who))
        since = begin_of(query["from"]) if query.get("from") else 0
        until = end_of(query["until"]) if query.get("until") else Wanted().until
        return Wanted(since, until, by, part)


def _written(found: Sequence[Deed], names: Mapping[str, str], lang: str) -> str:
    out, t = io.StringIO(), translator(_words(), lang)
    writer = csv.writer(out)
    writer.writerow([t(f"audit.{name}") for name in ("at", "who", "kind", "subject", "detail")])
    for one in found:
        at = f"{times.from_micros(one.at).astimezone(JST):%Y-%m-%d %H:%M:%S}"
        row = [at, names.get(one.by, one.by), t(f"audit.kind.{one.kind}"), one.subject, one.detail]
        writer.writerow([plain(cell) for cell in row])
    return out.getvalue()


def _number(text: str) -> int:
    """Which page, counted from 0. BadRequestData for what is none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) * ON_A_PAGE < MAX_READ):
        raise BadRequestData(f"page: 0 to {MAX_READ // ON_A_PAGE - 1}").worded("refused.audit.page")
    return int(text)
