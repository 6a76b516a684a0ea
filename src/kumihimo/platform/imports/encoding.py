"""What a file's bytes are as text: UTF-8, UTF-16 with a byte order mark, or CP932, as towns save their tables."""

from __future__ import annotations

import codecs
import re
from typing import Final

from kumihimo.base.errors import BadRequestData

UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ADVICE: Final = "save it as UTF-8 (in Excel: CSV UTF-8)"
FOREIGN = re.compile("[\x00\x80\xa0\ue000-\uf8ff]")
"""What CP932 holds only by mistake, or as characters that one machine made for itself (外字)."""


def decode(raw: bytes) -> tuple[str, str]:
    """Text and encoding. BadRequestData where it is none of these, or CP932 that holds what CP932 does not."""
    if raw.startswith(UTF_16) and not raw.startswith(codecs.BOM_UTF32_LE):
        return _utf_16(raw), "utf-16"
    try:
        return raw.decode("utf-8-sig"), "utf-8-sig"
    except UnicodeDecodeError:
        return _cp932(raw), "cp932"


def _utf_16(raw: bytes) -> str:
    try:
        return raw.decode("utf-16")
    except UnicodeDecodeError as problem:
        raise BadRequestData(
            f"the file begins as UTF-16, but is none from byte {problem.start} on; {ADVICE}"
        ) from problem


def _cp932(raw: bytes) -> str:
    try:
        text = raw.decode("cp932")
    except UnicodeDecodeError as problem:
        raise BadRequestData(f"the file is neither UTF-8, UTF-16 nor CP932 (Shift_JIS); {ADVICE}") from problem
    found = FOREIGN.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise BadRequestData(
            f"the file is no UTF-8, and as CP932 (Shift_JIS) line {line} holds the character U+{ord(found[0]):04X}, "
            f"which says nothing outside the machine that made it (外字), or the file is in another encoding; {ADVICE}"
        )
    return text
