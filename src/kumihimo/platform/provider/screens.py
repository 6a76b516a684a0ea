"""The applications page of a tenant: which programs have access, their keys, when each was last used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Problem, ResourceNotFound
from kumihimo.base.screens import Ask, Page, Redirect, Screen
from kumihimo.platform.provider.applications import Applications, Made
from kumihimo.platform.provider.models import API_SCOPES, KINDS, OVERLAP_SECONDS, SCOPES, Application, Edit, Kind

PACKAGE: Final = "kumihimo.platform.provider"
TITLE: Final = "applications.title"
_FIELDS: Final = ("name", "kind", "redirect_uris", "logout_uris", "jwks")


def application_screens(applications: Applications, allow: Callable[[Call], Awaitable[object]]) -> list[Screen]:
    """The pages at /applications. allow(call) raises a Problem where the caller may not administer the tenant."""

    async def page(ask: Ask, *, made: Made | None = None, problem: Problem | None = None) -> Page:
        found = [await _shown(applications, one) for one in await applications.all(ask.tenant)]
        given: Mapping[str, str] = ask.form if problem is not None else {}
        data = {
            "applications": found,
            "kinds": KINDS,
            "scopes": SCOPES,
            "made": made,
            "problem": problem,
            "form": {name: given.get(name, "") for name in _FIELDS},
            "chosen": _chosen(given),
        }
        status = 200 if problem is None else problem.status
        # A key that is shown once must not come back by the browser's own memory.
        return Page(f"{PACKAGE}:applications.html", TITLE, data, status=status, headers={"cache-control": "no-store"})

    async def show(ask: Ask) -> Page:
        """The tenant's applications: what each may do, its keys, when it was last used; a form that adds one."""
        await allow(ask.call)
        return await page(ask)

    async def post(ask: Ask) -> Page:
        """Adds an application, gives one a new key, takes one out of use or back; a new key is shown this once."""
        await allow(ask.call)
        try:
            return await page(ask, made=await _done(applications, ask))
        except (BadRequestData, ResourceNotFound) as problem:
            return await page(ask, problem=problem)

    async def form(ask: Ask, *, problem: Problem | None = None) -> Page:
        one = await applications.one(ask.tenant, ask.path["application"])
        given: Mapping[str, str] = ask.form if problem is not None else _form_of(one)
        data = {
            "one": one,
            "scopes": SCOPES if one.kind != "key" else API_SCOPES,
            "problem": problem,
            "form": {name: given.get(name, "") for name in (*_FIELDS, "is_own", "is_resource")},
            "chosen": _chosen(given),
        }
        status = 200 if problem is None else problem.status
        return Page(f"{PACKAGE}:application.html", "applications.edit", data, status=status)

    async def show_one(ask: Ask) -> Page:
        """One application: its name, scopes, addresses and public keys, to be changed."""
        await allow(ask.call)
        return await form(ask)

    async def change(ask: Ask) -> Page | Redirect:
        """Changes an application; what was given beyond its new scopes is refused at once."""
        await allow(ask.call)
        try:
            by = str(ask.call.actor)
            await applications.edit(ask.tenant, ask.path["application"], _edit_of(ask.form), made_by=by)
        except BadRequestData as problem:
            return await form(ask, problem=problem)
        return Redirect("/applications")

    return [
        Screen("/applications/{application}", show_one, change, package=PACKAGE, needs="administer"),
        Screen(
            "/applications",
            show,
            post,
            nav="applications.nav",
            order=66,
            package=PACKAGE,
            needs="administer",
            menu="nav.manage",
        ),
    ]


async def _done(applications: Applications, ask: Ask) -> Made | None:
    """What the form asked for; the new application or secret, None where something ended."""
    form, who = ask.form, str(ask.call.actor)
    action, name = form.get("action", ""), form.get("application", "")
    if action == "add":
        return await applications.add(
            ask.tenant,
            form.get("name", ""),
            cast("Kind", form.get("kind", "")),
            scopes=_chosen(form),
            redirect_uris=form.get("redirect_uris", "").split(),
            logout_uris=form.get("logout_uris", "").split(),
            jwks=form.get("jwks", "").strip(),
            is_own=form.get("is_own") == "yes",
            is_resource=form.get("is_resource") == "yes",
            made_by=who,
        )
    if action == "rotate":
        overlap = 0 if form.get("at_once") == "yes" else OVERLAP_SECONDS
        return await applications.rotate(ask.tenant, name, overlap=overlap, made_by=who)
    if action == "disable":
        await applications.disable(ask.tenant, name, made_by=who)
        return None
    if action == "enable":
        await applications.enable(ask.tenant, name, made_by=who)
        return None
    raise BadRequestData("the form asks for nothing that this page does")


def _form_of(one: Application) -> dict[str, str]:
    """The application as its form shows it."""
    flags = {"is_own": one.is_own, "is_resource": one.is_resource}
    return {
        "name": one.name,
        "redirect_uris": "\n".join(one.redirect_uris),
        "logout_uris": "\n".join(one.logout_uris),
        "jwks": one.jwks,
        **{f"scope.{scope}": "yes" for scope in one.scopes},
        **{name: "yes" for name, is_so in flags.items() if is_so},
    }


def _edit_of(form: Mapping[str, str]) -> Edit:
    """The form says all that an application is; a key set that is left empty stays."""
    return Edit(
        name=form.get("name", ""),
        scopes=frozenset(_chosen(form)),
        redirect_uris=tuple(form.get("redirect_uris", "").split()),
        logout_uris=tuple(form.get("logout_uris", "").split()),
        jwks=form.get("jwks", "").strip() or None,
        is_own=form.get("is_own") == "yes",
        is_resource=form.get("is_resource") == "yes",
    )


def _chosen(form: Mapping[str, str]) -> list[str]:
    """Scopes whose box was ticked; each box has a name of its own."""
    return [scope for scope in SCOPES if form.get(f"scope.{scope}") == "yes"]


async def _shown(applications: Applications, one: Application) -> dict[str, Any]:
    return {"one": one, "secrets": await applications.secrets(one.id), "scopes": sorted(one.scopes)}
