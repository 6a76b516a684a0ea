"""What an operator can ask of accounts, members and policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.base.call import Actor
from kumihimo.base.errors import ResourceNotFound
from kumihimo.cli.operations.doors import Doors, Operation, scope_of
from kumihimo.platform.access.days import end_of
from kumihimo.platform.access.documents import named_roles
from kumihimo.platform.access.members import actor_of
from kumihimo.platform.access.records import Member
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.access.words import OPERATOR as PLATFORM_OPERATOR

MAX_LISTED = 10_000
BY = "command line"
"""Who changes members and policies here: whoever has the data folder."""


async def account_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Makes an account, perhaps one that operates the platform, and gives the one-time link into it."""
    name = str(given["name"] or given["account"])
    made = await doors.identity.add(str(given["account"]), name, email=str(given["email"]), lang=str(given["lang"]))
    if given["operator"]:
        await doors.identity.make_operator(made.id)
    return {"account": made.sign_in, "id": made.id, "link": await _link(doors, made.id)}


async def account_list(doors: Doors, _: Mapping[str, Any]) -> Any:
    """All accounts, without anything secret."""
    return [
        {
            "account": one.sign_in,
            "name": one.name,
            "id": one.id,
            "operator": any(role.role == PLATFORM_OPERATOR for role in await _held_here(doors, one.id)),
            "disabled": bool(one.disabled_at),
        }
        for one in await doors.identity.accounts()
    ]


async def _held_here(doors: Doors, account: str) -> list[Member]:
    return await doors.rules.members.held(PLATFORM, Actor("person", account))


async def account_disable(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Lets an account log in no more and ends its log-ins, or lets it again."""
    found = await doors.identity.named(str(given["account"]))
    await doors.identity.disable(found.id, disabled=bool(given["disabled"]))
    if given["disabled"]:
        await doors.provider.grants.end(found.id)
    return {"account": found.sign_in, "disabled": bool(given["disabled"])}


async def account_link(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A fresh one-time link into an account; without a name that of the first administrator."""
    name = str(given["account"])
    found = await doors.identity.named(name) if name else None
    return {"account": name, "link": await _link(doors, found.id if found else "")}


async def _link(doors: Doors, account: str) -> str:
    return f"{doors.address()}/welcome/{await doors.identity.link(account)}"


async def _who(doors: Doors, given: Mapping[str, Any]) -> Actor:
    """By a sign-in name, or an id with its kind."""
    text = str(given["actor"])
    return actor_of(text) if ":" in text else Actor("person", (await doors.identity.named(text)).id)


async def member_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives somebody a role in a tenant, or on the platform."""
    until = end_of(str(given["until"])) if given["until"] else None
    actor, why = await _who(doors, given), str(given["why"])
    made = await doors.rules.members.add(scope_of(given), actor, str(given["role"]), BY, until, why)
    named = made.role in named_roles(await doors.rules.documents.list(scope_of(given)))
    return {**asdict(made), "actor": str(made.actor), "named": named}


async def member_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Who holds which role, the newest first."""
    found = await doors.rules.members.list(scope_of(given), MAX_LISTED)
    named = {one.actor: await _name(doors, one.actor) for one in found}
    return [{**asdict(one), "actor": str(one.actor), "name": named[one.actor]} for one in found]


async def _name(doors: Doors, actor: Actor) -> str:
    """A person's sign-in name, an application's name; "" for who has none any more."""
    if actor.kind == "person":
        person = await doors.identity.person(actor.id)
        return person.sign_in if person else ""
    found = await doors.provider.applications.names([actor.id])
    return found[actor.id].name if actor.id in found else ""


async def member_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Ends a role that somebody holds."""
    scope, actor, role = scope_of(given), await _who(doors, given), str(given["role"])
    held = [one for one in await doors.rules.members.held(scope, actor) if one.role == role]
    if not held:
        raise ResourceNotFound(f"{actor} does not hold the role {role!r} here")
    for one in held:
        await doors.rules.members.end(scope, one.id, BY, str(given["why"]))
    return {"actor": str(actor), "role": role, "removed": True}


async def policy_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The documents of policies that stand."""
    found = await doors.rules.documents.list(scope_of(given))
    return [{"name": one.name, "version": one.version, "policies": len(one.policies)} for one in found]


async def policy_show(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A document as it stands, with its versions."""
    versions = await doors.rules.documents.versions(scope_of(given), str(given["name"]))
    return [asdict(one) for one in versions]


async def policy_put(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Puts a document of policies in place of the one that stands."""
    name, text = str(given["name"]), str(given["text"])
    return asdict(await doors.rules.documents.put(scope_of(given), name, text, BY, str(given["why"])))


PEOPLE: dict[str, Operation] = {
    "account-add": account_add,
    "account-list": account_list,
    "account-disable": account_disable,
    "account-link": account_link,
    "member-add": member_add,
    "member-list": member_list,
    "member-remove": member_remove,
    "policy-list": policy_list,
    "policy-show": policy_show,
    "policy-put": policy_put,
}
