"""What the pages of logging in share: who visits, the cookie of a log-in, and how a refusal is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, Forbidden, Problem, TooManyRequests, Unauthenticated
from kumihimo.base.ports import OpenPath
from kumihimo.base.problems import PROBLEM_JSON
from kumihimo.base.screens import Answer, Cookie, Document, Page, Redirect, Visit
from kumihimo.base.settings import LOOPBACK
from kumihimo.platform.identity.door import Identity, cookie_name
from kumihimo.platform.identity.models import LinkGone, NotTaken, Opened, ProofNeeded, Visitor

PACKAGE: Final = "kumihimo.service.console.people"
SCRIPT: Final = "people/js/passkeys.js"
PROVE: Final = "/prove"
_FILES = (
    r"console/icon\.svg",
    r"console/vendor/(?:tokens\.css|htmx\.min\.js)",
    r"console/css/(?:base|shell|components|print)\.css",
    r"console/js/(?:page|live|copy|share)\.js",
    r"people/css/people\.css",
    r"people/js/passkeys\.js",
)
OPEN_PAGES: Final = (
    OpenPath(("GET", "POST"), r"/login|/recover|/welcome/[A-Za-z0-9_-]{1,64}"),
    OpenPath(("POST",), r"/login/code|/login/passkey(?:/options)?|/logout"),
    OpenPath(("POST",), r"/welcome/[A-Za-z0-9_-]{43}/passkey(?:/options)?"),
    OpenPath(("GET",), f"/static/(?:{'|'.join(_FILES)})"),
)
"""The pages of strangers, and the files that they load."""
_YEAR: Final = 365 * 24 * 3600


def visitor_of(visit: Visit) -> Visitor:
    """Who asks, as the identity's door wants to know it."""
    return Visitor(visit.address, visit.device, visit.origin)


def check_safe(visit: Visit) -> None:
    """Forbidden where a password would travel in the clear: plain HTTP is for this machine alone."""
    host = visitor_of(visit).host.strip("[]")
    if not visit.secure and host not in LOOPBACK:
        raise Forbidden(
            "logging in needs HTTPS here: set up TLS, or public_address where a proxy before the platform has it"
        ).worded("people.unsafe")


def entered(visit: Visit, opened: Opened) -> tuple[Cookie, ...]:
    """The cookies of a log-in just made."""
    name = cookie_name(secure=visit.secure)
    return (
        Cookie(name, opened.cookie, visit.secure),
        Cookie("lang", opened.account.lang, secure=False, max_age=_YEAR),
    )


def left(visit: Visit) -> tuple[Cookie, ...]:
    """Takes the cookie of the log-in away."""
    return (Cookie(cookie_name(secure=visit.secure), "", visit.secure),)


async def leave(identity: Identity, visit: Visit) -> None:
    """Ends the log-in that the browser came with, where there is one: the next one has another id."""
    if visit.caller.actor.kind == "person" and await identity.is_live(visit.caller.login):
        await identity.logins.end(visit.caller.actor.id, visit.caller.login)


Others = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]
"""Name and title, in a language, of each provider outside by which people log in as well."""


async def no_others(_: str) -> Sequence[tuple[str, str]]:
    """Nobody logs in by a provider outside."""
    return ()


def page(
    template: str, title: str, data: Mapping[str, Any], *, problem: Problem | None = None, script: bool = False
) -> Page:
    """A page of this package, with the status and the headers of what was refused."""
    scripts = (SCRIPT,) if script else ()
    found = Page(f"{PACKAGE}:{template}", title, data, scripts=scripts)
    return found if problem is None else replace(found, status=problem.status, headers=problem.headers())


def trouble_of(problem: Problem) -> dict[str, Any]:
    """What the form says above its fields: a key of a text, and what is put into it."""
    if isinstance(problem, TooManyRequests):
        return {"key": "people.slow", "seconds": problem.retry_after}
    if isinstance(problem, NotTaken):
        return {"key": f"people.refused.{problem.reason}", "seconds": 0}
    return {"key": "people.wrong", "seconds": 0}


SHOWN: Final = (Unauthenticated, TooManyRequests, NotTaken)
"""Refusals that a form is shown again for, with a sentence; all others have a page of their own."""


def person(handler: Callable[[Visit], Awaitable[Answer]]) -> Callable[[Visit], Awaitable[Answer]]:
    """The handler, for who is logged in; who has not proved themselves lately is asked to."""

    @wraps(handler)
    async def answer(visit: Visit) -> Answer:
        if visit.caller.actor.kind != "person" or not visit.caller.login:
            return Redirect("/login?next=/me")
        try:
            return await handler(visit)
        except ProofNeeded:
            return Redirect(f"{PROVE}?next=/me")

    return answer


def program(handler: Callable[[Visit, Mapping[str, Any]], Awaitable[Answer]]) -> Callable[[Visit], Awaitable[Answer]]:
    """The handler of what our script asks for, in JSON; a refusal is a problem document."""

    async def answer(visit: Visit) -> Answer:
        try:
            check_safe(visit)
            given = jsontext.loads(visit.body or b"{}")
            if not isinstance(given, dict):
                raise BadRequestData("a JSON object is needed")
            return await handler(visit, given)
        except ProofNeeded:
            return said({"to": f"{PROVE}?next=/me"}, status=403)
        except Problem as problem:
            # The script shows a sentence in the reader's language by this word.
            body = jsontext.dumps({**problem.document(), "say": _say_of(problem)})
            return Document(body, PROBLEM_JSON, problem.status)

    answer.__doc__ = handler.__doc__
    return answer


def _say_of(problem: Problem) -> str:
    """The word for what passkeys' pages say of a refusal; "" for that it was refused."""
    if isinstance(problem, NotTaken):
        return problem.reason
    if isinstance(problem, TooManyRequests):
        return "slow"
    return "gone" if isinstance(problem, LinkGone) else ""


def said(value: Mapping[str, Any], *, status: int = 200, cookies: tuple[Cookie, ...] = ()) -> Document:
    """JSON for our script."""
    return Document(jsontext.dumps(value), "application/json", status, cookies)


def word(given: Mapping[str, Any], name: str) -> str:
    """A text of a JSON object, "" where it is none."""
    found = given.get(name, "")
    return found if isinstance(found, str) else ""
