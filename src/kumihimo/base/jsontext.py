"""JSON in and out, exactly: 1 stays 1, 1.0 stays 1.0, big integers stay whole (decision 9).

Reading is by msgspec; NaN, U+0000, lone surrogates, deep nesting and bodies over the limit are refused.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson

from kumihimo.base.errors import BadRequestData, InvalidRequest, PayloadTooLarge

MAX_DEPTH = 64
MAX_BODY = 8 * 1024 * 1024
MAX_CONTAINERS = 500_000
"""Objects and arrays in one body: a batch of the largest size has fewer; millions of empty ones only cost."""

_decoder = msgspec.json.Decoder()


def loads(body: bytes, *, max_bytes: int = MAX_BODY, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text that came from outside.

    Raises InvalidRequest (not JSON), PayloadTooLarge (over a limit) or BadRequestData (U+0000).
    """
    if len(body) > max_bytes:
        raise PayloadTooLarge(f"the body has {len(body)} bytes; at most {max_bytes} are taken")
    if b"\\u0000" in body and _holds_nul(body):
        raise BadRequestData("the body holds the character U+0000, which is not stored; take it out")
    try:
        value = _decoder.decode(body)
    except RecursionError as problem:
        raise PayloadTooLarge(f"the body is nested more than {max_depth} deep") from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvalidRequest(f"the body is not JSON: {problem}") from problem
    check_depth(value, max_depth)
    return value


def holds_nul(value: Any) -> bool:
    """Whether a text or a name anywhere in the value holds U+0000."""
    body = dumps(value)
    return b"\\u0000" in body and _holds_nul(body)


def _holds_nul(body: bytes) -> bool:
    """Whether an escaped U+0000 is really there: an even run of backslashes before "u0000" is plain text."""
    start = body.find(b"\\u0000")
    while start >= 0:
        run = 0
        while start - run >= 1 and body[start - run - 1] == 0x5C:
            run += 1
        if run % 2 == 0:
            return True
        start = body.find(b"\\u0000", start + 1)
    return False


def check_depth(value: Any, limit: int) -> None:
    """PayloadTooLarge where objects and arrays are nested more than `limit` deep, or are too many."""
    level = [value] if isinstance(value, dict | list) else []
    depth = count = 0
    while level:
        depth += 1
        if depth > limit:
            raise PayloadTooLarge(f"the body is nested more than {limit} deep")
        count += len(level)
        if count > MAX_CONTAINERS:
            raise PayloadTooLarge(f"the body holds more than {MAX_CONTAINERS} objects and arrays")
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]


def parse(stored: str | bytes) -> Any:
    """The value of a JSON text that we wrote ourselves."""
    return _decoder.decode(stored)


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON in the key order given."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson stops at 64-bit integers; what was given back must be what came in.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def text(value: Any) -> str:
    """Compact JSON as text, for the stores."""
    return dumps(value).decode()
