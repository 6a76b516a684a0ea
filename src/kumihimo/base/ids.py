"""Names of things: tenants, devices, entities and the ids we make ourselves."""

from __future__ import annotations

import itertools
import re
import secrets

from kumihimo.base.errors import BadRequestData

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z", re.ASCII)
_DEVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?\Z", re.ASCII)
# A "%" begins an octet in hex digits (RFC 3986 section 2.1).
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[^\s<>\"{}|\\^`%\x00-\x20]|%[0-9A-Fa-f]{2})+\Z")
# An address of the web names a host (RFC 9110 sections 4.2.1 and 4.2.2): a name, or an IPv6 address in brackets.
_WEB = re.compile(r"https?:", re.IGNORECASE)
_HOST = re.compile(r"//(?:[^/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::\d*)?(?:[/?#]|\Z)")
# Letters and marks that are seen as nothing at all, beside those that Python itself does not print.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
MAX_URI = 2048
DEFAULT_TENANT = "default"
_RUN = secrets.token_hex(5)
_requests = itertools.count(1)


def check_tenant(name: str) -> str:
    """The name itself where it can be a tenant's: 1 to 63 of a-z, 0-9, "-" and "_"; BadRequestData otherwise."""
    if not _TENANT.match(name):
        raise BadRequestData(f"{name[:64]!r} is no tenant name: use 1 to 63 of a-z, 0-9, '-' and '_'")
    return name


def check_device(name: str) -> str:
    """The name itself where it can be a device's: 1 to 64 of letters, digits, ".", "-", "_"; else BadRequestData."""
    if not _DEVICE.match(name):
        raise BadRequestData(f"{name[:64]!r} is no device name: use 1 to 64 of A-Z, a-z, 0-9, '.', '-' and '_'")
    return name


def is_uri(text: object) -> bool:
    """Whether this is an absolute URI as NGSI-LD needs for ids (RFC 3986 with the characters of RFC 3987).

    Nothing that cannot be seen may stand in it: two ids that look alike must be one.
    """
    if not isinstance(text, str) or len(text) > MAX_URI or _URI.match(text) is None:
        return False
    web = _WEB.match(text)
    if web is not None and _HOST.match(text, web.end()) is None:
        return False
    return text.isascii() or (text.isprintable() and _UNSEEN.search(text) is None)


def new_id(kind: str) -> str:
    """A fresh NGSI-LD id, "urn:ngsi-ld:<kind>:<26 random characters>"."""
    return f"urn:ngsi-ld:{kind}:{new_token(16)}"


def new_request_id() -> str:
    """A fresh name for a request: unique over all processes and runs, and no secret, so it costs no system call."""
    return f"{_RUN}{next(_requests):06x}"


def new_token(size: int = 32) -> str:
    """A fresh unguessable text of `size` random bytes, in hex."""
    return secrets.token_hex(size)
