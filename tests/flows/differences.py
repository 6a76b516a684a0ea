"""What differs between any two answers of the platform, for tests that compare them."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import quote


def without_numbers(text: str) -> str:
    """The text of a page that counts the very questions that this walk asks."""
    return re.sub(r"\d[\d,.]*(?: [KMGT]?B\b)?", "<number>", text)


DIFFERS = [
    (re.compile(r"'content-length', '\d+'"), ""),
    (re.compile(r"((?:Type|Attribute)List:)[\w-]+"), r"\1"),
    (re.compile(r":Context:[0-9a-f]+"), ":Context:"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:\d\d)?"), "<moment>"),
    # What counts b's own questions, and the time that passes meanwhile.
    (re.compile(r'(?:,"|")(?:lastUsage|numberOfHits|contextSourceUptime)":(?:\d+|"[^"]*")'), ""),
]
"""What differs between any two answers. Each begins with what is found fast, as every page is read with them."""


@cache
def forms_of(name: str) -> tuple[str, ...]:
    """A name as it may stand in an answer, each form once."""
    return tuple(dict.fromkeys((name, quote(name), quote(name, safe=""))))
