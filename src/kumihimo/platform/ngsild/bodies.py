"""Bodies: media type, length, JSON, and where their @context comes from (clauses 6.3.4 and 6.3.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, InvalidRequest, PayloadTooLarge, Problem, UnsupportedMediaType
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.ngsild.answers import CONTEXT_REL, JSON, LD_JSON, Media, has_context_inside, is_bare
from kumihimo.platform.ngsild.asks import Ask

MERGE_PATCH = "application/merge-patch+json"
# A Link header (RFC 8288 section 3): addresses in <> with parameters, between commas; elements may be empty.
_TARGET = re.compile(r"<([^<>]*)>\s*")
_PARAMETER = re.compile(r";\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+))\s*)?", re.ASCII)
_COMMA = re.compile(r"\s*(?:,\s*)*")


class LengthRequired(Problem):
    """Clause 6.3.4: a body without Content-Length; the answer is bare."""

    title = "Length required"
    status = 411


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON value that came, the media type it came as, and the Link header's @context ("" where none)."""

    value: Any
    media: str
    link: str

    @property
    def is_ld(self) -> bool:
        """Whether the @context must be inside (application/ld+json)."""
        return self.media == LD_JSON


def linked_context(ask: Ask) -> str:
    """The address in the Link header with the JSON-LD relation, "" where there is none (JSON-LD 1.1 section 6.1)."""
    return context_of_link(ask.headers.get("link", ""))


def context_of_link(header: str) -> str:
    """The same of the header's text; BadRequestData where it cannot be read or names more than one."""
    if not header:
        return ""
    found = [target.strip() for target, relations in _links(header) if CONTEXT_REL in relations]
    if "" in found:
        raise BadRequestData("the Link header names no address of a @context between < and >")
    if len(set(found)) > 1:
        raise BadRequestData("the Link headers name more than one @context; give one")
    return found[0] if found else ""


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    """Address and relations of each link; BadRequestData where the header cannot be read to its end."""
    place = _end(_COMMA.match(header))
    while place < len(header):
        target = _TARGET.match(header, place)
        if target is None:
            raise _unreadable(header, place)
        relations: list[str] = []
        place = target.end()
        while parameter := _PARAMETER.match(header, place):
            place = parameter.end()
            if parameter[1].lower() == "rel":
                relations += (parameter[2] or parameter[3] or "").split()
        yield target[1], relations
        if place < len(header) and header[place] != ",":
            raise _unreadable(header, place)
        place = _end(_COMMA.match(header, place))


def _end(found: re.Match[str] | None) -> int:
    return found.end() if found is not None else 0


def _unreadable(header: str, place: int) -> BadRequestData:
    return BadRequestData(
        f"the Link header cannot be read at character {place + 1} ({header[place : place + 20]!r}); write it like "
        f'<https://example.org/context.jsonld>; rel="{CONTEXT_REL}"; type="{LD_JSON}"'
    )


async def request_context(ask: Ask) -> Context:
    """The @context of a request without a body: its Link header's, else the core context."""
    return await _resolved(ask, linked_context(ask) or None)


async def _resolved(ask: Ask, given: Any) -> Context:
    """What the client gave as @context, compiled; the core context where it gave none."""
    contexts = ask.face.contexts
    return contexts.core if given is None else (await contexts.resolve(given, ask.tenant)).check_flat()


async def read_body(ask: Ask) -> Body:
    """The body as JSON.

    Raises LengthRequired, UnsupportedMediaType, PayloadTooLarge, InvalidRequest (no JSON) or BadRequestData (a Link
    header beside application/ld+json).
    """
    length = ask.headers.get("content-length")
    if length is None:
        raise LengthRequired("a Content-Length header is needed")
    media = ask.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in (JSON, LD_JSON) and not (media == MERGE_PATCH and ask.method == "PATCH"):
        raise UnsupportedMediaType(f"{media[:100]!r} is not taken; send {JSON} or {LD_JSON}")
    link = linked_context(ask)
    if media == LD_JSON and link:
        raise BadRequestData(f"with {LD_JSON} the @context stands in the body; leave the Link header away")
    text = await read_bytes(ask)
    if not text.strip():
        raise InvalidRequest("the body is empty")
    return Body(jsontext.loads(text, max_bytes=ask.face.max_body), media, link)


async def read_bytes(ask: Ask) -> bytes:
    """The body's bytes, at most as many as the face takes; PayloadTooLarge before or while they come in."""
    if ask.body is not None:
        return ask.body
    limit = ask.face.max_body
    length = ask.headers.get("content-length", "")
    if length.isdigit() and (len(length) > 18 or int(length) > limit):
        raise PayloadTooLarge(f"the body has {length[:20]} bytes; at most {limit} are taken")
    parts: list[bytes] = []
    taken = 0
    more = True
    while more:
        message = await ask.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the connection ended before the body did")
        part = message.get("body", b"")
        taken += len(part)
        if taken > limit:
            raise PayloadTooLarge(f"the body is larger than {limit} bytes")
        parts.append(part)
        more = message.get("more_body", False)
    ask.body = parts[0] if len(parts) == 1 else b"".join(parts)
    return ask.body


def as_object(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object; InvalidRequest otherwise."""
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value


async def read_object(ask: Ask) -> tuple[dict[str, Any], Context]:
    """The body as an object without its @context, and the @context by which its names are read (clause 6.3.5)."""
    body = await read_body(ask)
    return await split_context(ask, body, as_object(body.value))


async def named(ask: Ask, context: Context, media: Media) -> Context:
    """The @context of a body with an address where the answer names it in a Link header (clauses 6.3.6 and 5.13.1)."""
    if has_context_inside(media, bare=is_bare(ask.headers)):
        return context
    return await ask.face.contexts.addressed(context, ask.tenant)


async def split_context(ask: Ask, body: Body, item: dict[str, Any]) -> tuple[dict[str, Any], Context]:
    """The item, which is the body or a part of it, without its @context; and this @context.

    BadRequestData where it stands where it may not, or is missing where it must be.
    """
    if "@context" not in item:
        if body.is_ld:
            raise BadRequestData(f'{LD_JSON} needs the member "@context"; or send {JSON} with a Link header')
        return item, await _resolved(ask, body.link or None)
    if body.media == JSON:
        raise BadRequestData(f'{JSON} takes no member "@context"; use a Link header, or send {LD_JSON}')
    if body.link:
        raise BadRequestData("the @context is given twice, in the body and in the Link header; give one")
    given = item["@context"]
    rest = {name: value for name, value in item.items() if name != "@context"}
    return rest, await _resolved(ask, given)
