"""One's own page: name and language, what one logs in with, and where one is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import segno

from kumihimo.base import jsontext
from kumihimo.base.errors import Problem
from kumihimo.base.screens import Answer, Cookie, Place, Redirect, Visit
from kumihimo.platform.identity.door import Identity
from kumihimo.service.console.people.devices import device_of, network_of
from kumihimo.service.console.people.visits import (
    PACKAGE,
    SHOWN,
    Others,
    check_safe,
    entered,
    left,
    no_others,
    page,
    person,
    program,
    said,
    trouble_of,
    visitor_of,
    word,
)
from kumihimo.service.console.places import local_path

NOTHING: Mapping[str, Any] = {"key": "", "seconds": 0}
_YEAR = 365 * 24 * 3600


class MyPages:
    """The pages of who is logged in."""

    def __init__(self, identity: Identity, others: Others = no_others) -> None:
        self._identity = identity
        self._others = others

    def places(self) -> list[Place]:
        """All of them."""
        return [
            Place("/me", person(self.show), person(self.describe), PACKAGE, easy=True),
            Place("/me/password", None, person(self.set_password), PACKAGE, easy=True),
            Place("/me/app", None, person(self.begin_app), PACKAGE, easy=True),
            Place("/me/app/confirm", None, person(self.finish_app), PACKAGE, easy=True),
            Place("/me/app/remove", None, person(self.drop_app), PACKAGE),
            Place("/me/codes", None, person(self.new_codes), PACKAGE, easy=True),
            Place("/me/passkeys/options", None, program(self.begin_passkey), PACKAGE),
            Place("/me/passkeys", None, program(self.finish_passkey), PACKAGE),
            Place("/me/passkeys/rename", None, person(self.rename_passkey), PACKAGE, easy=True),
            Place("/me/passkeys/remove", None, person(self.drop_passkey), PACKAGE),
            Place("/me/log-ins/end", None, person(self.end), PACKAGE),
            Place("/prove", person(self.show_prove), person(self.prove), PACKAGE, easy=True),
            Place("/prove/passkey", None, program(self.prove_passkey), PACKAGE),
        ]

    # --- the page -------------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Answer:
        """Everything of one's own account."""
        return await self._me(visit)

    async def _me(self, visit: Visit, problem: Problem | None = None, where: str = "") -> Answer:
        mine = await self._identity.mine(visit.caller.actor.id)
        data = {
            "account": mine.account,
            "passkeys": mine.passkeys,
            "codes_left": mine.codes_left,
            "logins": [(one, device_of(one.device), network_of(one.address)) for one in mine.logins],
            "login": visit.caller.login,
            "others": bool(await self._others(visit.lang)),
            "trouble": NOTHING if problem is None else trouble_of(problem),
            "where": where,
            "only_password": bool(mine.account.password) and not mine.account.totp and not mine.passkeys,
        }
        return page("me.html", "people.me", data, problem=problem, script=True)

    async def describe(self, visit: Visit) -> Answer:
        """How one is called and spoken to."""
        form = visit.form
        lang = form.get("lang", "")
        try:
            await self._identity.describe(visit.caller.actor.id, form.get("shown", ""), form.get("email", ""), lang)
        except SHOWN as problem:
            return await self._me(visit, problem, "profile")
        return Redirect("/me", (Cookie("lang", lang, secure=False, max_age=_YEAR),))

    async def set_password(self, visit: Visit) -> Answer:
        """A new password; every log-in ends but this one, which goes on under a new id."""
        check_safe(visit)
        try:
            opened = await self._identity.set_password(visit.caller, visit.form.get("password", ""), visitor_of(visit))
        except SHOWN as problem:
            return await self._me(visit, problem, "password")
        return Redirect("/me", entered(visit, opened))

    async def end(self, visit: Visit) -> Answer:
        """Ends one log-in, or with "others" all but this one."""
        account, here = visit.caller.actor.id, visit.caller.login
        login = visit.form.get("login", "")
        if login == "others":
            await self._identity.logins.end_all(account, but=here)
            return Redirect("/me")
        await self._identity.logins.end(account, login)
        return Redirect("/login", left(visit)) if login == here else Redirect("/me")

    # --- codes ------------------------------------------------------------------------------------------------

    async def begin_app(self, visit: Visit) -> Answer:
        """A new secret for an app, as a QR code and in letters."""
        return await self._app(visit, await self._identity.begin_totp(visit.caller))

    async def _app(self, visit: Visit, token: str, problem: Problem | None = None) -> Answer:
        secret, address = await self._identity.show_totp(visit.caller, token)
        data = {
            "token": token,
            "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            "address": address,
            "picture": segno.make(address, micro=False).svg_data_uri(scale=5, border=3, light="#fff"),
            "trouble": NOTHING if problem is None else trouble_of(problem),
        }
        return page("app.html", "people.app", data, problem=problem)

    async def finish_app(self, visit: Visit) -> Answer:
        """The first code of the app sets it up."""
        token = visit.form.get("token", "")
        try:
            await self._identity.finish_totp(visit.caller, token, visit.form.get("code", ""))
        except SHOWN as problem:
            return await self._app(visit, token, problem)
        return Redirect("/me")

    async def drop_app(self, visit: Visit) -> Answer:
        """No app any more."""
        await self._identity.drop_totp(visit.caller)
        return Redirect("/me")

    async def new_codes(self, visit: Visit) -> Answer:
        """New recovery codes, shown this once."""
        return page("codes.html", "people.codes", {"codes": await self._identity.new_codes(visit.caller)})

    # --- passkeys ---------------------------------------------------------------------------------------------

    async def begin_passkey(self, visit: Visit, _: Mapping[str, Any]) -> Answer:
        """What the browser asks for a new passkey."""
        token, options = await self._identity.begin_passkey(visit.caller, visitor_of(visit))
        return said({"token": token, "options": jsontext.parse(options)})

    async def finish_passkey(self, visit: Visit, given: Mapping[str, Any]) -> Answer:
        """Keeps a new passkey."""
        await self._identity.finish_passkey(
            visit.caller, word(given, "token"), word(given, "answer"), word(given, "name"), visitor_of(visit)
        )
        return said({"to": "/me"})

    async def rename_passkey(self, visit: Visit) -> Answer:
        """Calls a passkey something else."""
        try:
            await self._identity.rename_passkey(visit.caller, visit.form.get("passkey", ""), visit.form.get("name", ""))
        except SHOWN as problem:
            return await self._me(visit, problem, "passkeys")
        return Redirect("/me")

    async def drop_passkey(self, visit: Visit) -> Answer:
        """Takes a passkey away."""
        await self._identity.drop_passkey(visit.caller, visit.form.get("passkey", ""))
        return Redirect("/me")

    # --- proving anew -------------------------------------------------------------------------------------------

    async def show_prove(self, visit: Visit) -> Answer:
        """Who changes what they log in with has to prove anew that it is they."""
        check_safe(visit)
        return await self._prove(visit, local_path(visit.query.get("next", "/me")))

    async def _prove(self, visit: Visit, wished: str, problem: Problem | None = None) -> Answer:
        mine = await self._identity.mine(visit.caller.actor.id)
        data = {
            "next": wished,
            "has_password": bool(mine.account.password),
            "has_app": bool(mine.account.totp),
            "has_passkey": bool(mine.passkeys),
            "trouble": NOTHING if problem is None else trouble_of(problem),
        }
        return page("prove.html", "people.prove", data, problem=problem, script=True)

    async def prove(self, visit: Visit) -> Answer:
        """Takes the password, and a code where there is an app."""
        check_safe(visit)
        wished, form = local_path(visit.form.get("next", "/me")), visit.form
        try:
            await self._identity.prove_by_password(
                visit.caller, form.get("password", ""), form.get("code", ""), visitor_of(visit)
            )
        except SHOWN as problem:
            return await self._prove(visit, wished, problem)
        return Redirect(wished)

    async def prove_passkey(self, visit: Visit, given: Mapping[str, Any]) -> Answer:
        """Takes a passkey's answer."""
        await self._identity.prove_by_passkey(
            visit.caller, word(given, "token"), word(given, "answer"), visitor_of(visit)
        )
        return said({"to": local_path(word(given, "next") or "/me")})
