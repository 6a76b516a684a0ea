"""The @contexts that a tenant keeps (clauses 6.29 and 6.30): add, list, serve, delete, reload."""

from __future__ import annotations

from typing import Any

from kumihimo.base import jsontext, times
from kumihimo.base.errors import BadRequestData, InvalidRequest, OperationNotSupported, ResourceNotFound
from kumihimo.platform.jsonld.builtin import core_address, is_core
from kumihimo.platform.jsonld.shelf import KINDS, Kept, Kind
from kumihimo.platform.ngsild.answers import Answer, choose_media, created, done
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import as_object, read_body
from kumihimo.platform.ngsild.parameters import read_flag
from kumihimo.platform.ngsild.table import PREFIX, Operation, Resource


async def add_context(ask: Ask) -> Answer:
    """Clause 6.29.3.1 (5.13.2): hosts an @context.

    201 with its address. What it refers to need not be at hand; what is wrong in itself is refused.
    """
    await ask.decide("write")
    body = as_object((await read_body(ask)).value)
    if "@context" not in body:
        raise InvalidRequest('the body needs the member "@context"')
    given = body["@context"]
    if given is None:
        raise BadRequestData('"@context" is null; give an address, an object, or an array of these')
    await ask.face.contexts.check(given, ask.tenant)
    return created(f"{PREFIX}/jsonldContexts", await ask.face.shelf.add(ask.tenant, given))


async def list_contexts(ask: Ask) -> Answer:
    """Clause 6.29.3.2 (5.13.3): gives the addresses of the @contexts that are kept; with details=true more.

    200 with an array of addresses, or of objects.
    """
    await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    details = read_flag(ask.query, "details")
    kind = _read_kind(ask.query.get("kind", ""))
    found = await ask.face.shelf.list(ask.tenant, kind)
    if kind in (None, "Cached"):
        found.insert(0, _core(ask))
    listed: list[Any] = [_described(ask, one) if details else _address(ask, one) for one in found]
    return Answer(200, [(b"content-type", media.encode())], jsontext.dumps(listed))


async def serve_context(ask: Ask) -> Answer:
    """Clause 6.30.3.1 (5.13.4): gives an @context, or with details=true what is known of it.

    200 with the @context; 404 where it is not kept; 422 for a copy of what another serves, without details. With
    core=1.8 (TS 104 175 clause 13.4) an @context of two addresses: its own, and that of the core of this version.
    """
    await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    details = read_flag(ask.query, "details")
    core = _read_core(ask)
    kept = await _find(ask, counted=details)
    if kept is None or (_is_a_strangers(ask) and (details or (kept.kind == "Cached" and not is_core(kept.url)))):
        raise _unknown(ask)
    if core:
        return Answer(
            200, [(b"content-type", media.encode())], jsontext.dumps({"@context": [_address(ask, kept), core]})
        )
    if not details and kept.kind == "Cached":
        raise OperationNotSupported(f"this is a copy of {kept.url}; get it there, or ask for details=true")
    ask.face.shelf.used(ask.tenant, [kept.id])
    value = _described(ask, kept) if details else {"@context": kept.document}
    return Answer(200, [(b"content-type", media.encode())], jsontext.dumps(value))


async def delete_context(ask: Ask) -> Answer:
    """Clause 6.30.3.2 (5.13.5): drops an @context; with reload=true fetches the copy anew instead.

    204; 404 where it is not kept; 504 where a copy cannot be fetched, which stays as it was then.
    """
    await ask.decide("write")
    reload = read_flag(ask.query, "reload")
    kept = await _find(ask, counted=False)
    if reload:
        if kept is None or kept.kind != "Cached":
            raise BadRequestData("reload=true is for an @context that was fetched from somewhere (kind Cached)")
        await ask.face.contexts.reload(kept.url, ask.tenant)
        return done()
    if kept is not None and is_core(kept.url):
        raise BadRequestData("the core @context is always there")
    if kept is None or not await ask.face.shelf.delete(ask.tenant, kept.id):
        raise _unknown(ask)
    ask.face.contexts.forget(ask.tenant)
    return done()


async def _find(ask: Ask, *, counted: bool) -> Kept | None:
    """What the path names: a local id, or the address that a copy was fetched from; a core @context is always there."""
    name = ask.names[0]
    if is_core(name):
        return _core(ask, name)
    return await ask.face.shelf.find(ask.tenant, name, counted=counted)


def _is_a_strangers(ask: Ask) -> bool:
    """Strangers are given the @contexts that answers name, and learn nothing of what else a tenant makes use of."""
    return ask.call.actor.kind == "anonymous" and not ask.face.open_house


def _core(ask: Ask, url: str = "") -> Kept:
    """The core @context, which no shelf holds: it came with the program."""
    url = url or ask.face.contexts.core.link
    return Kept(url, "Cached", url, created_at=times.micros(ask.face.started))


def _read_core(ask: Ask) -> str:
    """The address of the core @context that `core` asks for, "" where it asks for none."""
    if "core" not in ask.query:
        return ""
    if "details" in ask.query:
        raise BadRequestData("core and details exclude each other")
    return core_address(ask.query["core"])


def _read_kind(text: str) -> Kind | None:
    if text and text not in KINDS:
        raise BadRequestData(f"kind is {text[:32]!r}; there are {', '.join(KINDS)}")
    return next((kind for kind in KINDS if kind == text), None)


def _address(ask: Ask, kept: Kept) -> str:
    return kept.url or ask.face.contexts.address(kept.id)


def _described(ask: Ask, kept: Kept) -> dict[str, Any]:
    """What is known of an @context (clause 5.13.3.5)."""
    described: dict[str, Any] = {
        "URL": _address(ask, kept),
        "localId": kept.id,
        "kind": kept.kind,
        "createdAt": _moment(kept.created_at),
    }
    if kept.expires_at:
        described["expiresAt"] = _moment(kept.expires_at)
    if kept.last_usage:
        described["lastUsage"] = _moment(kept.last_usage)
    if not is_core(kept.url):
        described["numberOfHits"] = kept.hits
    return described


def _moment(micros: int) -> str:
    return times.text(times.from_micros(micros))


def _unknown(ask: Ask) -> ResourceNotFound:
    return ResourceNotFound(f"this tenant keeps no @context {ask.names[0][:200]!r}")


RESOURCES = (
    Resource(
        "/jsonldContexts",
        {
            "POST": Operation(add_context, creates=True),
            # In an open house whoever asks what a tenant keeps brings it into being, as it would by adding one.
            "GET": Operation(list_contexts, frozenset({"details", "kind"}), creates=True),
        },
    ),
    Resource(
        "/jsonldContexts/{contextId}",
        {
            "GET": Operation(serve_context, frozenset({"core", "details"})),
            "DELETE": Operation(delete_context, frozenset({"reload"})),
        },
    ),
)
