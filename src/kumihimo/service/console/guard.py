"""What stands between a page and the outside: content policy, the origin of forms, their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from kumihimo.base.errors import Forbidden, InvalidRequest, PayloadTooLarge, UnsupportedMediaType

MAX_FORM = 64 * 1024
MAX_FIELDS = 200


def content_policy(tile_origins: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of every page; tile_origins are "https://host" of allow-listed map tiles."""
    tiles = "".join(f" {origin}" for origin in tile_origins)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob:{tiles}",
            f"connect-src 'self'{tiles}",
            "worker-src 'self'",
            "font-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def origin_of(url: str) -> str:
    """Scheme and host of an address template, as the content policy names them; empty where it has none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def check_same_origin(request: Request) -> None:
    """Forbidden unless the browser says that a page of ours sent this form.

    Sec-Fetch-Site (W3C Fetch Metadata) where the browser sends it, else Origin (RFC 6454) against Host.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site == "same-origin":
            return
        raise Forbidden(f"the form came from another site (Sec-Fetch-Site: {site[:32]})").worded("refused.site")
    origin = request.headers.get("origin", "")
    if origin and urlsplit(origin).netloc == request.headers.get("host"):
        return
    said = "the request does not say that a page of this platform sent it (Origin)"
    raise Forbidden(said).worded("refused.origin")


def check_texts(values: Mapping[str, str]) -> None:
    """InvalidRequest where a value holds U+0000: nothing is stored with it, and PostgreSQL takes no such text."""
    for name, value in values.items():
        if "\x00" in value:
            raise InvalidRequest(f"{name[:64]!r} holds the character U+0000").worded("refused.nul", name=name[:64])


async def read_form(request: Request, most: int = MAX_FORM) -> dict[str, str]:
    """The posted fields, the last of several with one name.

    Raises UnsupportedMediaType (not urlencoded), PayloadTooLarge (over so many bytes, or 200 fields) or
    InvalidRequest (not UTF-8).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("forms are taken as application/x-www-form-urlencoded").worded("refused.form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise PayloadTooLarge(f"this form may have {most} bytes").worded("refused.large", most=most // 1024)
    if body.count(b"&") >= MAX_FIELDS:
        raise PayloadTooLarge(f"a form may have {MAX_FIELDS} fields").worded("refused.fields", most=MAX_FIELDS)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
    except UnicodeError as problem:
        raise InvalidRequest("the form is not percent-encoded UTF-8").worded("refused.form") from problem
