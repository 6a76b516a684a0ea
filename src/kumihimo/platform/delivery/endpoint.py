"""Where notifications go, checked (clauses 5.2.14 and 5.2.15)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from kumihimo.platform.delivery.aim import SCHEMES, check_note, read_aim
from kumihimo.platform.delivery.members import as_number, as_object, as_text, as_word, wrong
from kumihimo.platform.delivery.models import Accept, Endpoint

_ACCEPTS: tuple[Accept, ...] = ("application/json", "application/ld+json", "application/geo+json")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_VALUE = re.compile(r"[\t\x20-\x7e]*\Z")
_OURS = frozenset(
    (
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "content-type",
        "link",
        "ngsild-tenant",
        "content-digest",
        "signature",
        "signature-input",
        "te",
        "upgrade",
    )
)
_MAX_URI = 2048
_DAY_MILLISECONDS = 86_400_000
_KNOWN = frozenset(("uri", "accept", "receiverInfo", "notifierInfo", "timeout", "cooldown"))


def read_endpoint(given: Any) -> Endpoint:
    """The endpoint of `notification.endpoint`; BadRequestData naming the member."""
    name = "notification.endpoint"
    members = as_object(given, name)
    for unknown in members.keys() - _KNOWN:
        raise wrong(f"{name}.{unknown}", "there is no such member")
    uri = as_text(members.get("uri"), f"{name}.uri")
    parts = _split(uri, f"{name}.uri")
    # What a notifier over HTTP may be told (table 5.2.15-1) changes nothing; it is kept as it was given.
    notifier = _pairs(members.get("notifierInfo", []), f"{name}.notifierInfo")
    mqtt = read_aim(parts, f"{name}.uri", notifier, f"{name}.notifierInfo") if parts.scheme in SCHEMES else None
    accept = as_word(members.get("accept", "application/json"), f"{name}.accept", _ACCEPTS)
    if mqtt is not None and accept == "application/geo+json":
        raise wrong(f"{name}.accept", "over MQTT application/json and application/ld+json are sent (table 7.2-2)")
    check = _header if mqtt is None else check_note
    given_info = _pairs(members.get("receiverInfo", []), f"{name}.receiverInfo")
    return Endpoint(
        uri=uri,
        accept=accept,
        receiver_info=tuple(check(*one, f"{name}.receiverInfo[{place}]") for place, one in enumerate(given_info)),
        timeout=as_number(members.get("timeout", 10_000), f"{name}.timeout", 1, 60_000) / 1000,
        cooldown=as_number(members.get("cooldown", 0), f"{name}.cooldown", 0, _DAY_MILLISECONDS) / 1000,
        mqtt=mqtt,
    )


def _split(uri: str, member: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise wrong(member, f"this is no URI: {problem}") from problem
    if len(uri) > _MAX_URI or any(char <= " " or char in '<>"{}|\\^`' for char in uri):
        raise wrong(member, f'at most {_MAX_URI} characters without blanks or any of <>"{{}}|\\^` are needed')
    if parts.scheme in SCHEMES:
        return parts
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise wrong(member, "an http, https, mqtt or mqtts URI with a host is needed")
    if parts.username is not None or parts.password is not None:
        raise wrong(member, "no user name or password may stand in the URI; use receiverInfo with Authorization")
    return parts


def _pairs(given: Any, member: str) -> list[tuple[str, str]]:
    """Key and value pairs (clause 5.2.22)."""
    if not isinstance(given, list) or len(given) > 50:
        raise wrong(member, "an array of at most 50 objects with key and value is needed")
    for place, one in enumerate(given):
        if not isinstance(one, Mapping) or one.keys() != {"key", "value"}:
            raise wrong(f"{member}[{place}]", "an object with key and value is needed")
        for name in ("key", "value"):
            if not isinstance(one[name], str):
                raise wrong(f"{member}[{place}].{name}", "a text is needed")
    return [(one["key"], one["value"]) for one in given]


def _header(key: str, value: str, member: str) -> tuple[str, str]:
    if not _TOKEN.match(key):
        raise wrong(f"{member}.key", "a header name is needed")
    if key.lower() in _OURS:
        raise wrong(f"{member}.key", f"the header {key} is set by the platform")
    if len(value) > 8192 or not _VALUE.match(value):
        raise wrong(f"{member}.value", "a header value of printable ASCII characters is needed")
    return key, value
