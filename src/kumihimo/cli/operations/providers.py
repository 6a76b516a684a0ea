"""What an operator can ask of the providers outside; each answer is JSON, and holds nothing secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.outside.models import Provider
from kumihimo.platform.outside.profiles import NAMES, profile


async def provider_add(outside: Outside, given: Mapping[str, Any]) -> Any:
    """Adds a provider outside by which people log in; what has to be registered there."""
    named = str(given["profile"])
    if named not in NAMES:
        raise BadRequestData(f"there is no profile {named[:40]!r}; there are {', '.join(NAMES)}")
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in dict(given["said"]).items()
    }
    found = profile(named, str(members.pop("issuer", "")))
    if "issuer" not in found:
        raise BadRequestData("say the provider's --issuer")
    try:
        one = Provider(name=str(given["name"]), **{**found, **members})
    except TypeError as problem:
        raise BadRequestData(f"this is no provider: {problem}") from problem
    made = await outside.providers.add(one, str(given["secret"]))
    return _provider(made) | outside.to_register(made)


async def provider_list(outside: Outside, _: Mapping[str, Any]) -> Any:
    """All providers outside, how many people enter by each, without anything secret."""
    return [
        _provider(one) | {"linked": await outside.providers.linked(one.name)} for one in await outside.providers.all()
    ]


async def provider_check(outside: Outside, given: Mapping[str, Any]) -> Any:
    """Asks a provider what it says of itself: what is wrong with it, and what is only worth a look."""
    one = await outside.providers.get(str(given["name"]))
    return {"provider": one.name, **await outside.party.examine(one), **outside.to_register(one)}


async def provider_switch(outside: Outside, given: Mapping[str, Any]) -> Any:
    """Lets people log in by a provider, or no more; who is linked stays so."""
    return _provider(await outside.providers.switch(str(given["name"]), active=bool(given["active"])))


async def provider_rotate(outside: Outside, given: Mapping[str, Any]) -> Any:
    """Gives us a new key at a provider; the old one's public half is still given out."""
    name = str(given["name"])
    return {"provider": name, "key": await outside.providers.rotate(name)}


async def provider_remove(outside: Outside, given: Mapping[str, Any]) -> Any:
    """Removes a provider with the links of people to it; force says that this is meant."""
    name = str(given["name"])
    linked = await outside.providers.remove(name, force=bool(given["force"]))
    return {"provider": name, "removed": True, "linked": linked}


def _provider(one: Provider) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "secret"}


PROVIDER_OPERATIONS: dict[str, Callable[[Outside, Mapping[str, Any]], Awaitable[Any]]] = {
    "provider-add": provider_add,
    "provider-list": provider_list,
    "provider-check": provider_check,
    "provider-switch": provider_switch,
    "provider-rotate": provider_rotate,
    "provider-remove": provider_remove,
}
