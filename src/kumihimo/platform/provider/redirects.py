"""Which addresses an application may register, and how an answer is put behind one; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlencode, urlsplit

from kumihimo.base.errors import BadRequestData

MAX_REDIRECTS = 20
MAX_REDIRECT = 2048
_PLAIN = re.compile(r"[\x21-\x7e]+\Z")
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_redirect(uri: str, *, is_native: bool) -> str:
    """The address itself where an application may register it. BadRequestData for any other.

    https, or http on this machine's loopback; for a native application also a scheme of its own with a point in it
    (RFC 8252 section 7.1). No fragment (RFC 6749 section 3.1.2), no user, no way up.
    """
    parts = _split(uri)
    if "#" in uri:
        raise BadRequestData(f"{uri[:200]!r} holds a fragment; a redirect URI has none")
    if _OWN_SCHEME.match(parts.scheme) and is_native:
        return uri
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise BadRequestData(
            f"{uri[:200]!r} is no https address; a public application may also have a scheme like a.b:"
        )
    if "@" in parts.netloc or "\\" in uri or "*" in parts.netloc:
        raise BadRequestData(f"{uri[:200]!r} holds a user, a backslash or a star; name the one address there is")
    if any(step in (".", "..") for step in parts.path.split("/")):
        raise BadRequestData(f"{uri[:200]!r} holds a step like ..; write the address out")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise BadRequestData(f"{uri[:200]!r} is not https; plain http is taken on loopback only")
    return uri


def _split(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as problem:
        raise BadRequestData(f"{uri[:200]!r} is no address") from problem
    if not _PLAIN.match(uri) or len(uri) > MAX_REDIRECT:
        raise BadRequestData(f"{uri[:200]!r} is no address of at most {MAX_REDIRECT} plain characters")
    return parts


def origin_of(uri: str) -> str:
    """Scheme, host and port as a browser names the page's origin (RFC 6454); "" for one that is no web page's."""
    parts = urlsplit(uri)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def sector_of(name: str, uris: tuple[str, ...]) -> str:
    """The one host of the addresses; of several hosts, or of none, the application is a sector of its own."""
    hosts = {urlsplit(uri).hostname or "" for uri in uris if origin_of(uri)}
    only = hosts.pop() if len(hosts) == 1 else ""
    return only if only and only not in _LOOPBACK else name


def kept_sector(held: str, name: str, uris: tuple[str, ...]) -> str:
    """The sector of an application whose addresses changed: the one it had while an address of it stays on that host,
    or where it was a sector of its own, so that people go on under the names by which it knows them; else as if new.
    """
    stays = held == name or held in {urlsplit(uri).hostname or "" for uri in uris if origin_of(uri)}
    return held if stays else sector_of(name, uris)


def with_answer(uri: str, answer: Mapping[str, str]) -> str:
    """The address with the answer in its query; nothing in it can break out, for every value is percent-encoded."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"
