"""One's own page at /notices: what one wants to hear of, where, and by which way. For a telephone first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import resources
from typing import Any, Final
from urllib.parse import quote

from kumihimo.base import jsontext
from kumihimo.base.call import Caller
from kumihimo.base.errors import BadRequestData, NonexistentTenant, Problem, TooManyRequests
from kumihimo.base.problems import told
from kumihimo.base.screens import Answer, Document, Page, Place, Redirect, Visit
from kumihimo.base.texts import translator
from kumihimo.service.notices.compose import PACKAGE, TownName, own_words, spoken, when
from kumihimo.service.notices.door import Choice, Notices
from kumihimo.service.notices.models import LANGUAGES, Browser, Notice, Recipient, check_area, fresh

PATH: Final = "/notices"
SCRIPT: Final = "notices/js/notices.js"
RADII: Final = (500, 1000, 2000, 5000, 10_000, 20_000)
HOURS: Final = range(24)
MOST_LOOKED_AT: Final = 20
"""Of more towns than these none is looked into: the page begins with the first."""
Towns = Callable[[Caller], Awaitable[Sequence[str]]]
"""The tenants in which a caller has anything to do."""
Take = Callable[[str, str, Visit], Awaitable[str]]
"""Does what a form asks for, of an account in a town; the key of what is said of it."""


class NoticePages:
    """/notices, its form, the browser's subscription and the service worker."""

    def __init__(self, notices: Notices, towns: Towns, name: TownName) -> None:
        self._notices = notices
        self._towns = towns
        self._name = name
        self._words = own_words()
        self._takes: Mapping[str, Take] = {
            "choose": self._choose,
            "place": self._place,
            "drop-place": self._drop_place,
            "email": self._email,
            "drop-email": self._drop_email,
            "drop-browser": self._drop_browser,
            "test": self._test,
            "forget": self._forget,
        }

    def places(self) -> list[Place]:
        """All of them."""
        return [
            Place(PATH, self.show, self.take, PACKAGE, easy=True),
            Place(f"{PATH}/push", None, self.push, PACKAGE),
            Place(f"{PATH}/worker.js", self.worker, None, PACKAGE),
        ]

    # --- the page ----------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Answer:
        """What one wants to hear of; for whoever is logged in."""
        if not _is_person(visit):
            return Redirect(f"/login?next={quote(PATH)}")
        towns = await self._towns(visit.caller)
        if not towns:
            return Page(f"{PACKAGE}:nowhere.html", "notices.title")
        town = visit.query.get("town", "")
        return await self._page(
            visit, towns, town if town in towns else await first_town(self._notices, visit.caller.actor.id, towns)
        )

    async def _page(self, visit: Visit, towns: Sequence[str], town: str, problem: Problem | None = None) -> Page:
        found = await self._notices.mine(town, visit.caller.actor.id)
        one = found or fresh(now=self._notices.now(), lang=visit.lang)
        data = {
            "town": town,
            "towns": [(each, self._name(each, visit.lang)) for each in towns],
            "one": one,
            "is_kept": found is not None,
            "topics": [
                (topic.id, spoken(topic.title, visit.lang), topic.id in one.topics)
                for topic in await self._notices.topics_of(town)
                if not topic.is_closed
            ],
            "named": [(number, area.name) for number, area in enumerate(await self._notices.named(town))],
            "radii": [(metres, f"{metres / 1000:g}") for metres in RADII],
            "hours": HOURS,
            "langs": LANGUAGES,
            "has_mail": self._notices.has_mail,
            "push_key": await self._notices.push_key(),
            "recent": await self._recent(town, found, visit.lang),
            "said": _said(visit.query.get("said", "")),
            "problem": problem,
            "form": visit.form if problem is not None else {},
        }
        status, headers = (200, {}) if problem is None else (problem.status, problem.headers())
        return Page(f"{PACKAGE}:mine.html", "notices.title", data, status, scripts=(SCRIPT,), headers=headers)

    async def _recent(self, town: str, one: Recipient | None, lang: str) -> list[dict[str, Any]]:
        if one is None:
            return []
        return [
            {
                "title": spoken(notice.title, lang),
                "at": when(notice.at),
                "channel": message.channel,
                "state": message.state,
                "why": message.why,
            }
            for message, notice in await self._notices.recent(town, one)
        ]

    # --- its form ----------------------------------------------------------------------------------------

    async def take(self, visit: Visit) -> Answer:
        """Takes the form: `do` says what (choose, place, email, test, forget …), `town` where."""
        if not _is_person(visit):
            return Redirect(f"/login?next={quote(PATH)}")
        towns = await self._towns(visit.caller)
        town = visit.form.get("town", "")
        if town not in towns:  # the same words whether there is such a town or not
            raise NonexistentTenant(f"there is no tenant {town[:64]!r}")
        work = self._takes.get(visit.form.get("do", ""))
        if work is None:
            raise BadRequestData("the form does not say what to do").worded("notices.refused.choice")
        try:
            said = await work(town, visit.caller.actor.id, visit)
        except (BadRequestData, TooManyRequests) as problem:
            return await self._page(visit, towns, town, problem)
        return Redirect(f"{PATH}?town={quote(town)}&said={said}")

    async def _choose(self, town: str, account: str, visit: Visit) -> str:
        form = visit.form
        topics = tuple(one for one in self._notices.topics if form.get(f"topic-{one}") == "yes")
        quiet = None
        if form.get("quiet") == "yes":
            quiet = (_whole(form, "quiet_from"), _whole(form, "quiet_until"))
        choice = Choice(topics, form.get("everywhere") == "yes", quiet, form.get("lang", visit.lang))
        await self._notices.choose(town, account, choice)
        return "kept"

    async def _place(self, town: str, account: str, visit: Visit) -> str:
        form = visit.form
        metres = _whole(form, "metres")
        number = form.get("area", "")
        if number:
            areas = await self._notices.named(town)
            if not (number.isascii() and number.isdigit() and len(number) < 6 and int(number) < len(areas)):
                raise BadRequestData("there is no such area").worded("notices.refused.place")
            area = areas[int(number)]
            made = check_area(area.name, area.lon, area.lat, metres)
        else:
            made = check_area(form.get("name", ""), _degrees(form, "lon"), _degrees(form, "lat"), metres)
        await self._notices.add_area(town, account, made, visit.lang)
        return "kept"

    async def _drop_place(self, town: str, account: str, visit: Visit) -> str:
        await self._notices.drop_area(town, account, _whole(visit.form, "number"))
        return "kept"

    async def _email(self, town: str, account: str, visit: Visit) -> str:
        if not self._notices.has_mail:
            raise BadRequestData("no mail server is set up here").worded("notices.refused.nomail")
        await self._notices.set_email(town, account, visit.form.get("email", ""), visit.lang)
        return "asked" if visit.form.get("email", "").strip() else "kept"

    async def _drop_email(self, town: str, account: str, visit: Visit) -> str:
        await self._notices.set_email(town, account, "", visit.lang)
        return "kept"

    async def _drop_browser(self, town: str, account: str, visit: Visit) -> str:
        await self._notices.drop_browser(town, account, visit.form.get("browser", ""))
        return "kept"

    async def _test(self, town: str, account: str, visit: Visit) -> str:
        del visit
        said = {lang: translator(self._words, lang) for lang in LANGUAGES}
        notice = Notice(
            "",
            "",
            {lang: t("notices.test.title") for lang, t in said.items()},
            {lang: t("notices.test.text") for lang, t in said.items()},
            self._notices.now(),
            urgent=True,
        )
        return "tested" if await self._notices.test(town, account, notice) else "noway"

    async def _forget(self, town: str, account: str, visit: Visit) -> str:
        del visit
        await self._notices.forget(town, account)
        return "forgotten"

    # --- web push ----------------------------------------------------------------------------------------

    async def push(self, visit: Visit) -> Answer:
        """Takes a browser's subscription in JSON: town, endpoint, keys (p256dh, auth), name."""
        try:
            given = jsontext.loads(visit.body or b"{}")
            if not _is_person(visit) or not isinstance(given, dict):
                raise BadRequestData("who is logged in sends a JSON object")
            town = _word(given, "town")
            if town not in await self._towns(visit.caller):
                raise NonexistentTenant(f"there is no tenant {town[:64]!r}")
            keys = given.get("keys")
            keys = keys if isinstance(keys, dict) else {}
            browser = Browser(
                "", _word(given, "endpoint"), _word(keys, "p256dh"), _word(keys, "auth"), _word(given, "name")
            )
            await self._notices.add_browser(town, visit.caller.actor.id, browser, visit.lang)
        except Problem as problem:
            answer = told(problem)
            return Document(answer.body, answer.headers["content-type"], answer.status)
        return Document(jsontext.dumps({"to": f"{PATH}?town={quote(town)}&said=kept"}), "application/json")

    async def worker(self, visit: Visit) -> Answer:
        """The service worker that shows notices; the same for everybody."""
        del visit
        return Document(resources.files(PACKAGE).joinpath("static", "js", "worker.js").read_bytes(), "text/javascript")


def _is_person(visit: Visit) -> bool:
    return visit.caller.actor.kind == "person" and bool(visit.caller.login)


async def first_town(notices: Notices, account: str, towns: Sequence[str]) -> str:
    """The town that is shown to whoever names none: where they asked for notices, else the first that has any to give;
    the first of all where neither is, or where there are too many to look into each.
    """
    if len(towns) > MOST_LOOKED_AT:
        return towns[0]
    for town in towns:
        if await notices.mine(town, account) is not None:
            return town
    for town in towns:
        if any(not topic.is_closed for topic in await notices.topics_of(town)):
            return town
    return towns[0]


def _said(name: str) -> str:
    return name if name in ("kept", "asked", "tested", "noway", "forgotten") else ""


def _word(given: Mapping[str, Any], name: str) -> str:
    found = given.get(name, "")
    return found if isinstance(found, str) else ""


def _whole(form: Mapping[str, str], name: str) -> int:
    text = form.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise BadRequestData(f"{name} is no whole number").worded("notices.refused.number")
    return int(text)


def _degrees(form: Mapping[str, str], name: str) -> float:
    try:
        return float(form.get(name, ""))
    except ValueError as problem:
        raise BadRequestData("the place needs two numbers").worded("notices.refused.place") from problem
