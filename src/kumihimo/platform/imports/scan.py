"""One pass over a file before it is read: which file it is, and which letters it is written in."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.imports.encoding import ADVICE, FOREIGN, UTF_16

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Scan:
    """SHA-256 of the file in hex, its bytes, and the encoding of the whole of it."""

    digest: str
    size: int
    encoding: str


def scan(file: BinaryIO) -> Scan:
    """Reads the file to its end, in blocks. BadRequestData where it is neither UTF-8, UTF-16 nor CP932."""
    file.seek(0)
    first = file.read(4)
    utf_16 = first.startswith(UTF_16) and not first.startswith(codecs.BOM_UTF32_LE)
    wanted = ["utf-16"] if utf_16 else ["utf-8-sig", "cp932"]
    decoders = {name: codecs.getincrementaldecoder(name)() for name in wanted}
    digest, size = hashlib.sha256(), 0
    block = first + file.read(_BLOCK)
    while True:
        digest.update(block)
        size += len(block)
        for name in list(decoders):
            _look(decoders, name, block)
        if not decoders:
            raise BadRequestData(
                f"the file is neither UTF-8, UTF-16 nor CP932 (Shift_JIS), as read to its end; {ADVICE}"
            )
        if not block:
            return Scan(digest.hexdigest(), size, next(iter(decoders)))
        block = file.read(_BLOCK)


def _look(decoders: dict[str, codecs.IncrementalDecoder], name: str, block: bytes) -> None:
    """Takes a decoder out that cannot read on, or of CP932 reads what CP932 holds only by mistake."""
    try:
        text = decoders[name].decode(block, not block)
    except UnicodeDecodeError:
        del decoders[name]
        return
    if name == "cp932" and FOREIGN.search(text) is not None:
        del decoders[name]
