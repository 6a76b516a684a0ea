"""What an operator can ask of applications and of the keys that sign tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.cli.operations.doors import OPERATOR, Doors, Operation, scope_of
from kumihimo.platform.provider.models import Edit


async def application_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Adds an application; its secret or API key, where it has one, is shown this once."""
    made = await doors.provider.applications.add(
        scope_of(given),
        str(given["name"]),
        given["kind"],
        scopes=[str(one) for one in given["scopes"]],
        grants=[str(one) for one in given.get("grants", ())],
        redirect_uris=[str(one) for one in given.get("redirect_uris", ())],
        logout_uris=[str(one) for one in given.get("logout_uris", ())],
        jwks=str(given.get("jwks", "")),
        is_own=bool(given.get("own")),
        is_resource=bool(given.get("resource")),
        made_by=str(OPERATOR),
    )
    one = made.application
    acts = one.kind == "key" or "client_credentials" in one.grants
    return {"tenant": one.tenant, "application": one.id, "secret": made.secret, "acts_itself": acts}


async def application_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's applications with when they were last used, and of their secrets all but the secret."""
    found = []
    for one in await doors.provider.applications.all(scope_of(given)):
        secrets = await doors.provider.applications.secrets(one.id)
        shown = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(one).items()}
        kept = [{name: value for name, value in asdict(each).items() if name != "hash"} for each in secrets]
        found.append({**shown, "secrets": kept})
    return found


async def application_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives an application a new secret or API key; the old ones are taken for a while."""
    tenant, name = scope_of(given), str(given["application"])
    made = await doors.provider.applications.rotate(tenant, name, overlap=int(given["overlap"]), made_by=str(OPERATOR))
    return {"tenant": tenant, "application": name, "secret": made.secret}


async def application_edit(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Changes an application; what was given beyond its new scopes is refused at once."""
    tenant, name = scope_of(given), str(given["application"])
    made = await doors.provider.applications.edit(tenant, name, _edit(given), made_by=str(OPERATOR))
    return {"tenant": tenant, "application": name, "scopes": sorted(made.scopes)}


def _edit(given: Mapping[str, Any]) -> Edit:
    """What is named is to be so; what is absent, or null, stays."""
    scopes = given.get("scopes")
    lists = {
        field: tuple(str(one) for one in given[field])
        for field in ("redirect_uris", "logout_uris")
        if given.get(field) is not None
    }
    texts = {field: str(given[field]) for field in ("name", "jwks") if given.get(field) is not None}
    flags = {
        field: bool(given[short])
        for field, short in (("is_own", "own"), ("is_resource", "resource"))
        if given.get(short) is not None
    }
    kept: dict[str, Any] = {**lists, **texts, **flags}
    return Edit(scopes=None if scopes is None else frozenset(str(one) for one in scopes), **kept)


async def application_disable(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Takes an application out of use; its tokens are refused at once."""
    tenant, name = scope_of(given), str(given["application"])
    await doors.provider.applications.disable(tenant, name, made_by=str(OPERATOR))
    return {"tenant": tenant, "application": name, "disabled": True}


async def application_enable(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Takes an application into use again; its secrets count again, its tokens do not."""
    tenant, name = scope_of(given), str(given["application"])
    await doors.provider.applications.enable(tenant, name, made_by=str(OPERATOR))
    return {"tenant": tenant, "application": name, "disabled": False}


async def token_keys(doors: Doors, _: Mapping[str, Any]) -> Any:
    """The public halves of the keys that sign tokens, the newest first."""
    return {"keys": await doors.provider.keys.public()}


async def token_keys_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A new key for tokens: it signs after a while, or at once, and then what the old ones signed is refused."""
    await doors.provider.keys.rotate(at_once=bool(given.get("at_once")))
    return await token_keys(doors, given)


APPLICATIONS: dict[str, Operation] = {
    "application-add": application_add,
    "application-list": application_list,
    "application-rotate": application_rotate,
    "application-edit": application_edit,
    "application-disable": application_disable,
    "application-enable": application_enable,
    "token-keys": token_keys,
    "token-keys-rotate": token_keys_rotate,
}
