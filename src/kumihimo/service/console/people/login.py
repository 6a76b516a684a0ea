"""Logging in and out: password and code, passkey, recovery code, and the one-time link."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from kumihimo.base import jsontext
from kumihimo.base.errors import Problem, TooManyRequests
from kumihimo.base.rates import Rates, place_of
from kumihimo.base.screens import Answer, Place, Redirect, Visit
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.models import Half, LinkGone, Opened
from kumihimo.service.console.people.visits import (
    PACKAGE,
    SHOWN,
    Others,
    check_safe,
    entered,
    leave,
    left,
    no_others,
    page,
    program,
    said,
    trouble_of,
    visitor_of,
    word,
)
from kumihimo.service.console.places import local_path

QUESTIONS_PER_SECOND: Final = 1.0
"""Questions to passkeys that one address is given each second, on average over ten seconds."""
NOTHING: Mapping[str, Any] = {"key": "", "seconds": 0}


class LoginPages:
    """The pages that a stranger sees."""

    def __init__(self, identity: Identity, others: Others = no_others) -> None:
        self._identity = identity
        self._others = others
        self._asked = Rates(QUESTIONS_PER_SECOND)

    def places(self) -> list[Place]:
        """All of them."""
        return [
            Place("/login", self.show, self.take, PACKAGE, easy=True),
            Place("/login/code", None, self.take_code, PACKAGE, easy=True),
            Place("/login/passkey/options", None, program(self.question), PACKAGE),
            Place("/login/passkey", None, program(self.take_passkey), PACKAGE),
            Place("/recover", self.show_recover, self.take_recover, PACKAGE, easy=True),
            Place("/welcome/{token}", self.show_welcome, self.take_welcome, PACKAGE, easy=True),
            Place("/welcome/{token}/passkey/options", None, program(self.welcome_question), PACKAGE),
            Place("/welcome/{token}/passkey", None, program(self.welcome_passkey), PACKAGE),
            Place("/logout", None, self.log_out, PACKAGE),
        ]

    # --- password, then perhaps a code -------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Answer:
        """The log-in page; who is logged in already is led on."""
        check_safe(visit)
        wished = local_path(visit.query.get("next", "/"))
        if visit.caller.actor.kind == "person":
            return Redirect(wished)
        return await self._login(visit, wished)

    async def _login(self, visit: Visit, wished: str, name: str = "", problem: Problem | None = None) -> Answer:
        trouble = NOTHING if problem is None else trouble_of(problem)
        others = await self._others(visit.lang)
        data = {"next": wished, "name": name[:100], "trouble": trouble, "others": others}
        return page("login.html", "people.login", data, problem=problem, script=True)

    async def take(self, visit: Visit) -> Answer:
        """Takes name and password: logs in, or asks for a code."""
        check_safe(visit)
        wished, name = local_path(visit.form.get("next", "/")), visit.form.get("name", "")
        try:
            found = await self._identity.by_password(name, visit.form.get("password", ""), visitor_of(visit))
        except SHOWN as problem:
            return await self._login(visit, wished, name, problem)
        if isinstance(found, Half):
            return self._code(found.token, wished)
        return await self._in(visit, found, wished)

    def _code(self, half: str, wished: str, problem: Problem | None = None) -> Answer:
        trouble = NOTHING if problem is None else trouble_of(problem)
        if trouble["key"] == "people.wrong":
            trouble = {**trouble, "key": "people.wrong.code"}
        data = {"half": half, "next": wished, "trouble": trouble}
        return page("code.html", "people.code", data, problem=problem)

    async def take_code(self, visit: Visit) -> Answer:
        """Takes the code of an app, or a recovery code, after the password."""
        check_safe(visit)
        half, wished = visit.form.get("half", ""), local_path(visit.form.get("next", "/"))
        try:
            opened = await self._identity.by_code(half, visit.form.get("code", ""), visitor_of(visit))
        except SHOWN as problem:
            return self._code(half, wished, problem)
        return await self._in(visit, opened, wished)

    async def _in(self, visit: Visit, opened: Opened, wished: str) -> Answer:
        await leave(self._identity, visit)
        return Redirect(wished, entered(visit, opened))

    async def log_out(self, visit: Visit) -> Answer:
        """Ends the log-in."""
        await leave(self._identity, visit)
        return Redirect("/login", left(visit))

    # --- passkeys ------------------------------------------------------------------------------------------------

    async def question(self, visit: Visit, _: Mapping[str, Any]) -> Answer:
        """What the browser asks a passkey. Each question is kept for a while, so that nobody gets many at once."""
        wait = self._asked.take(place_of(visit.address), asyncio.get_running_loop().time())
        if wait:
            raise TooManyRequests("too many questions to passkeys; try again in a second", retry_after=math.ceil(wait))
        token, options = await self._identity.proofs.question(visitor_of(visit))
        return said({"token": token, "options": jsontext.parse(options)})

    async def take_passkey(self, visit: Visit, given: Mapping[str, Any]) -> Answer:
        """Logs in by a passkey's answer."""
        opened = await self._identity.by_passkey(word(given, "token"), word(given, "answer"), visitor_of(visit))
        await leave(self._identity, visit)
        return said({"to": local_path(word(given, "next") or "/")}, cookies=entered(visit, opened))

    # --- recovery ------------------------------------------------------------------------------------------------

    async def show_recover(self, visit: Visit) -> Answer:
        """For who has lost what they log in with."""
        check_safe(visit)
        return self._recover("", None)

    def _recover(self, name: str, problem: Problem | None) -> Answer:
        trouble = NOTHING if problem is None else trouble_of(problem)
        return page("recover.html", "people.recover", {"name": name[:100], "trouble": trouble}, problem=problem)

    async def take_recover(self, visit: Visit) -> Answer:
        """Takes a recovery code, with the password where there is one."""
        check_safe(visit)
        name, password, code = (visit.form.get(one, "") for one in ("name", "password", "code"))
        try:
            opened = await self._identity.by_recovery(name, password, code, visitor_of(visit))
        except SHOWN as problem:
            return self._recover(name, problem)
        return await self._in(visit, opened, "/me")

    # --- one-time links ------------------------------------------------------------------------------------------

    async def show_welcome(self, visit: Visit) -> Answer:
        """What is behind a one-time link; looking at it does not use it up."""
        check_safe(visit)
        return await self._welcome(visit)

    async def _welcome(self, visit: Visit, problem: Problem | None = None) -> Answer:
        token = visit.path["token"]
        try:
            known = await self._identity.linked(token)
        except LinkGone:
            return replace(page("gone.html", "people.gone", {}), status=410)
        data = {
            "token": token,
            "known": known.sign_in if known else "",
            "name": visit.form.get("name", "")[:100],
            "shown": visit.form.get("shown", "")[:100],
            "trouble": NOTHING if problem is None else trouble_of(problem),
        }
        title = "people.welcome.again" if known else "people.welcome"
        return page("welcome.html", title, data, problem=problem, script=True)

    async def take_welcome(self, visit: Visit) -> Answer:
        """Uses the link up with a password."""
        check_safe(visit)
        form, token = visit.form, visit.path["token"]
        try:
            opened = await self._identity.welcome(
                token, form.get("name", ""), form.get("shown", ""), visit.lang, form.get("password", ""),
                visitor_of(visit),
            )  # fmt: skip
        except (*SHOWN, LinkGone) as problem:
            return await self._welcome(visit, problem)
        return await self._in(visit, opened, "/me")

    async def welcome_question(self, visit: Visit, given: Mapping[str, Any]) -> Answer:
        """What the browser asks for a new passkey behind the link."""
        token, options = await self._identity.welcome_question(
            visit.path["token"], word(given, "name"), word(given, "shown"), visit.lang, visitor_of(visit)
        )
        return said({"token": token, "options": jsontext.parse(options)})

    async def welcome_passkey(self, visit: Visit, given: Mapping[str, Any]) -> Answer:
        """Uses the link up with a passkey."""
        opened = await self._identity.welcome_passkey(
            visit.path["token"], word(given, "token"), word(given, "answer"), visitor_of(visit)
        )
        await leave(self._identity, visit)
        return said({"to": "/me"}, cookies=entered(visit, opened))
