"""What every template sees around its content: navigation, breadcrumbs, tenants, the language switch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from kumihimo.base.screens import Announcement, Page, Screen
from kumihimo.service.console.templates import level_badge
from kumihimo.service.console.words import refusal_in

Translate = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Setup:
    """What the operator sets. names: a tenant's name by language; tile_url: template of allow-listed map tiles
    ("https://…/{z}/{x}/{y}.png"), "" for none; tile_credit: their credit; credit: data sources, for the footer.
    """

    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tile_url: str = ""
    tile_credit: str = "国土地理院"
    credit: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NavEntry:
    """One entry of the navigation; here tells that the page stands in this part. menu: the label of its menu."""

    path: str
    label: str
    here: bool
    menu: str = ""


def entries_of(nav: Sequence[Screen], path: str, t: Translate) -> list[NavEntry]:
    """The navigation, with the entry marked in whose part `path` lies."""
    here = part_of(nav, path)
    return [
        NavEntry(screen.path, t(screen.nav), screen is here, t(screen.menu) if screen.menu else "") for screen in nav
    ]


def crumbs_of(nav: Sequence[Screen], path: str, t: Translate) -> list[NavEntry]:
    """The way from the town's first page down to the part in which `path` lies, without the page itself."""
    here = part_of(nav, path)
    return [NavEntry(here.path, t(here.nav), here=False)] if here is not None and here.path != path else []


def part_of(nav: Sequence[Screen], path: str) -> Screen | None:
    """The entry of the navigation in whose part `path` lies."""
    parts = [screen for screen in nav if path == screen.path or path.startswith(screen.path.rstrip("/") + "/")]
    return max(parts, key=lambda screen: len(screen.path), default=None)


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything of one page but its content."""

    lang: str
    tenant: str
    tenants: list[str]
    names: Mapping[str, Mapping[str, str]]
    path: str
    title: str
    page: Page
    nav: list[NavEntry]
    crumbs: list[NavEntry]
    language_links: Mapping[str, str]
    made_at: datetime
    base: str
    """What stands before the path of every page of this tenant, or of the platform itself."""
    person: str = ""
    """How who is logged in is called."""
    login: str = ""
    """Where a stranger logs in."""
    beside: Collection[str] = ()
    """The tenants that have this part of the pages too: in the others the switch leads to their first page."""
    announced: Sequence[Announcement] = ()
    """What everybody is told who is logged in."""
    is_live: bool = False
    """Whether the page may hear what changed."""

    def values(self, t: Translate) -> dict[str, Any]:
        """The names that every template may use; they win over a page's own data of the same name."""
        return {
            "t": t,
            "refusal": refusal_in(t, self.lang),
            "lang": self.lang.partition("-")[0],
            "language": self.lang,
            "person": self.person,
            "login_href": self.login,
            "announced": self.announced,
            "url": self._url,
            "tenant": self.tenant,
            "of_platform": not self.tenant and any(entry.here for entry in self.nav),
            "tenants": self.tenants,
            "beside": self.beside,
            "tenant_name": self._name,
            "title": self.title,
            "path": self.path,
            "nav": self.nav,
            "crumbs": self.crumbs,
            "language_links": self.language_links,
            "scripts": self.page.scripts,
            "live": self.page.live,
            "is_live": self.is_live,
            "made_at": self.made_at,
            "level_badge": partial(level_badge, t),
        }

    def _url(self, path: str) -> str:
        return f"{self.base}{path}"

    def _name(self, tenant: str) -> str:
        return self.names.get(tenant, {}).get(self.lang.partition("-")[0], tenant)
