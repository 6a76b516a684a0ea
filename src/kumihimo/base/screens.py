"""What a room hands to the console so that its pages stand in the one shell (decision 16).

A room's `screens.py` has `SCREENS: list of Screen` (or a function that builds it); templates lie in the
room's `templates/`, texts in its `texts.toml`. The console owns the shell, the navigation and the language.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kumihimo.base.call import Call, Caller


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a screen sees it. form holds the posted fields; files are not taken yet."""

    call: Call
    lang: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    base_url: str = ""
    person: str = ""
    """How who asks is called, "" for nobody who logged in."""

    @property
    def tenant(self) -> str:
        """The tenant whose page this is."""
        return self.call.tenant


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to be set: HttpOnly, SameSite=Lax, path "/"; with value "" it is taken away. max_age in seconds, 0 for
    as long as the browser is open.
    """

    name: str
    value: str = field(repr=False)
    secure: bool
    max_age: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be rendered in the shell: template as "<package>:<file>", e.g. "kumihimo.solutions.flood:kpi.html".

    headers: those of a problem that the page tells of (Problem.headers).
    """

    template: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    live: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """See other (303) after a form was taken."""

    to: str
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that is no page: JSON, CSV, a file."""

    body: bytes
    media_type: str
    status: int = 200
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """What a town's card on the first page shows: a template of a room's, a piece of a page, that sees this as
    `card` and the tenant as `name`. rank sorts the towns, lower first.
    """

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    rank: int = 100


CardOf = Callable[[Call], Awaitable[Card | None]]
"""The card of the call's tenant, None where the room has nothing to say of it."""

NamesOf = Callable[[Iterable[str]], Awaitable[Mapping[str, str]]]
"""What people and applications are called, by actor as text ("person:p-1"); who is unknown is missing."""

Answer = Page | Redirect | Document
Handler = Callable[[Ask], Awaitable[Answer]]


WHOLE = "whole"
"""May read everything of the tenant: what a page needs that shows data as it is, without asking what is hidden."""


OWN = "own"
"""Holds a role of the tenant itself, not by an agreement: what a page needs that shows the town's own work."""


EITHER = "|"


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands before pages that some tenants have and others do not. offer: the page below "/t/{tenant}" at which
    a tenant gets them, for whoever may do what that page `needs`.
    """

    here: Callable[[str], Awaitable[bool]]
    offer: str
    needs: str = "administer"


@dataclass(frozen=True, slots=True)
class Screen:
    """One address of the console. path is below "/t/{tenant}", e.g. "/flood/alerts/{id}"; nav is the text key
    of its entry in the navigation, empty where it has none; order sorts the navigation.

    needs: what one must be allowed to do to see it (an action of access, WHOLE or OWN; several with a space between,
    where all of them are needed, two with EITHER between, where one of them is enough), takes: to send its form; ""
    where the handler asks by itself. menu: the text key of the
    menu in which its entry stands, "" for the bar itself.
    is_public: who is not logged in may see it where the tenant has published anything, and who is and holds no role
    there; needs is asked of them too.
    gate: it is there in the tenants alone in which the gate says so, also in the navigation.
    most: bytes that its form may have, 0 for as many as any form.
    easy: it is also there in やさしい日本語.
    """

    path: str
    show: Handler
    post: Handler | None = None
    nav: str = ""
    order: int = 100
    package: str = ""
    needs: str = WHOLE
    takes: str = "administer"
    menu: str = ""
    is_public: bool = False
    gate: Gate | None = None
    most: int = 0
    easy: bool = False


@dataclass(frozen=True, slots=True)
class Announcement:
    """What stands above every page of a tenant, for who is logged in: text is the key of its sentence, said somebody's
    own words, until the moment at which it ends (microseconds), path the page below the tenant that says more.
    """

    text: str
    said: str
    until: int
    path: str


# --- pages of no tenant -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page that belongs to no tenant: logging in, one's own account, what an application asks for.

    body: what was posted, where it is no form (JSON of at most MAX_FORM bytes). origin: "https://host:port" as the
    browser shows it; secure: it came over TLS. cookies: names and values.
    """

    caller: Caller
    lang: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes = b""
    origin: str = ""
    secure: bool = False
    address: str = ""
    device: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)


VisitHandler = Callable[[Visit], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Place:
    """A page that belongs to no tenant, at `path` itself; post takes its form, or its JSON where the path has no page.

    easy: it is also there in やさしい日本語.
    """

    path: str
    show: VisitHandler | None = None
    post: VisitHandler | None = None
    package: str = ""
    easy: bool = False
