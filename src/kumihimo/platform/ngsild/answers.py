"""Answers: media type (clause 6.3.4), @context (6.3.6), count and links of a page (6.3.10, 6.3.13), tenant (6.3.14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

from starlette.types import Send

from kumihimo.base import jsontext
from kumihimo.base.errors import NotAcceptable
from kumihimo.platform.jsonld.context import Context

Header = tuple[bytes, bytes]
Media = Literal["application/json", "application/ld+json", "application/geo+json"]

JSON: Media = "application/json"
LD_JSON: Media = "application/ld+json"
GEO_JSON: Media = "application/geo+json"
PLAIN: tuple[Media, ...] = (JSON, LD_JSON)
"""What most operations offer, in the order of clause 6.3.4: where weights are equal, the first is given."""
ENTITIES: tuple[Media, ...] = (JSON, LD_JSON, GEO_JSON)

CONTEXT_REL = "http://www.w3.org/ns/json-ld#context"


@dataclass(slots=True)
class Answer:
    """Status, headers (names in lower case) and body; an answer of 204 or 411 has no body and no length."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""

    @property
    def media(self) -> str:
        """The media type of the body, "" where there is none."""
        return next((value.decode() for name, value in self.headers if name == b"content-type"), "")

    async def send(self, send: Send, *, is_head: bool = False) -> None:
        """Sends it whole, or with is_head what comes before the body, with the length that the body would have."""
        headers = self.headers
        if self.body or self.status not in (204, 304):
            headers = [*headers, (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else self.body})


def done() -> Answer:
    """204: it happened, and there is nothing to say."""
    return Answer(204)


def created(path: str, identifier: str) -> Answer:
    """201 with the address of what came to be: `path` and the id, percent-encoded."""
    return Answer(201, [(b"location", f"{path}/{quote(identifier, safe=':')}".encode())])


def plain(status: int, value: Any) -> Answer:
    """A result in JSON without terms to compact: ids, problems."""
    return Answer(status, [(b"content-type", JSON.encode())], jsontext.dumps(value))


def choose_media(accept: str, offered: Sequence[Media] = PLAIN) -> Media:
    """The media type with the highest weight, the first offered where they are equal (clause 6.3.4, RFC 9110 12.5.1).

    Raises NotAcceptable where none is accepted. An unreadable weight counts as 1.
    """
    if not accept or accept == "*/*":
        return offered[0]
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    weighted = [(_weight(media, ranges), -place, media) for place, media in enumerate(offered)]
    weight, _, media = max(weighted)
    if weight <= 0:
        raise NotAcceptable(f"none of {', '.join(offered)} is accepted by {accept[:200]!r}")
    return media


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            weight = _weight_value(value.strip())
    return name.lower(), weight


def _weight_value(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 1.0
    return weight if 0 <= weight <= 1 else 1.0


def _weight(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that the media type falls under; 0 where there is none."""
    best = (-1, 0.0)
    for name, weight in ranges:
        rank = 2 if name == media else 1 if name == "application/*" else 0 if name == "*/*" else -1
        if rank > best[0]:
            best = (rank, weight)
    return best[1]


def context_link(context: Context) -> Header | None:
    """The Link header that names the @context of a JSON answer; None for one that has no address."""
    if not context.link:
        return None
    return b"link", f'<{context.link}>; rel="{CONTEXT_REL}"; type="{LD_JSON}"'.encode()


def represent(value: Any, context: Context, media: Media, *, bare: bool = False) -> Answer:
    """200 with a rendered value: @context inside for JSON-LD and GeoJSON, in a Link header for JSON.

    bare is "Prefer: body=json" (clause 6.3.6): GeoJSON without @context inside.
    """
    if has_context_inside(media, bare=bare):
        value = with_context(value, context)
    return represent_bytes(jsontext.dumps(value), context, media, bare=bare)


def represent_bytes(body: bytes, context: Context, media: Media, *, bare: bool = False) -> Answer:
    """200 with what is rendered and written already, @context inside or not as `represent` would have it."""
    headers: list[Header] = [(b"content-type", media.encode())]
    if not has_context_inside(media, bare=bare):
        link = context_link(context)
        if link is not None:
            headers.append(link)
    return Answer(200, headers, body)


def is_bare(headers: Mapping[str, str]) -> bool:
    """Whether "Prefer: body=json" asks for GeoJSON without @context inside (clause 6.3.6)."""
    return "body=json" in headers.get("prefer", "").replace(" ", "")


def has_context_inside(media: Media, *, bare: bool) -> bool:
    """Whether the @context stands in the body."""
    return media == LD_JSON or (media == GEO_JSON and not bare)


def with_context(value: Any, context: Context) -> Any:
    """The value with @context in it; of an array, in each of its objects."""
    if isinstance(value, list):
        return [with_context(one, context) for one in value]
    if isinstance(value, dict):
        return {**value, "@context": context.source}
    return value


def page_links(
    path: str, query: Mapping[str, str], limit: int, offset: int, after: str, media: str, *, more: bool = False
) -> list[Header]:
    """Link headers to the next and the previous page (clause 6.3.10).

    The next page is found by cursor, so that it neither skips nor repeats while entities come and go; its offset
    stands beside only to find the way back. Who gives an offset and no cursor has chosen the pages of clause 5.5.9.2,
    which are found by offset alone; so are those of an order asked for, where `more` tells of a next page.
    """
    links: list[Header] = []
    if after or more:
        ahead = {**query, "offset": str(offset + limit)}
        by_cursor = after and ("after" in query or "offset" not in query)
        links.append(_page(path, {**ahead, "after": after} if by_cursor else ahead, "next", media))
    if offset > 0 and limit > 0:
        back = {name: value for name, value in query.items() if name != "after"}
        links.append(_page(path, {**back, "offset": str(max(0, offset - limit))}, "prev", media))
    return links


def _page(path: str, query: Mapping[str, str], rel: str, media: str) -> Header:
    target = f"{path.rstrip('/')}?{urlencode(sorted(query.items()), quote_via=quote, safe=':*,')}"
    return b"link", f'<{target}>; rel="{rel}"; type="{media}"'.encode()


def offset_links(path: str, query: Mapping[str, str], limit: int, offset: int, total: int, media: str) -> list[Header]:
    """Link headers to the pages beside this one, where the result is paged by offset alone."""
    links = page_links(path, query, limit, offset, "", media)
    if limit > 0 and offset + limit < total:
        links.insert(0, _page(path, {**query, "offset": str(offset + limit)}, "next", media))
    return links
