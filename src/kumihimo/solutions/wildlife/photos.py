"""Photographs that people add to their reports: taken apart to pixels and written anew, so that nothing hides there.

What a camera or a program wrote beside the pixels (where it was, whose camera it is, colour profiles, comments, a small
picture of the whole) does not come through. Whether a person is on it no program here judges: who reports says so.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps

from kumihimo.base.errors import BadRequestData

MAX_SENT: Final = 1024 * 1024
"""Bytes of a photograph as it is sent; the page makes it smaller before."""

MAX_FORM: Final = 3 * MAX_SENT // 2
"""Bytes of the form that brings it, base64 and the other fields."""

MAX_PIXELS: Final = 16_000_000
MAX_SIDE: Final = 1600
FORMATS: Final = ("JPEG", "PNG", "WEBP")
QUALITY: Final = 82
MEDIA_TYPE: Final = "image/jpeg"
_GPS: Final = 0x8825


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph as it is kept: a JPEG of at most MAX_SIDE pixels a side. removed names what was beside its pixels:
    exif, gps, xmp, icc, text; nothing of it is kept.
    """

    body: bytes
    width: int
    height: int
    removed: tuple[str, ...]


def sent_photo(form: Mapping[str, str]) -> bytes | None:
    """The photograph in a form: field photo in base64url without padding, and nobody=yes, by which who reports confirms
    that no person is on it. None where there is none. BadRequestData without that word, or for what is no base64.
    """
    text = form.get("photo", "")
    if not text:
        return None
    if form.get("nobody") != "yes":
        said = "nobody is not yes: a photograph is taken only where who reports confirms that no person is on it"
        raise BadRequestData(said).worded("wildlife.photo.refused.nobody")
    try:
        body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadRequestData("photo is no base64url").worded("wildlife.photo.refused.broken") from problem
    if len(body) > MAX_SENT:
        raise _too_large()
    return body


def clean(body: bytes) -> Picture:
    """The photograph written anew from its pixels, upright; slow, so not on the event loop. BadRequestData for what is
    no whole JPEG, PNG or WebP of at most MAX_PIXELS pixels.
    """
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as found:
            _check_size(found)
            removed = _beside(found)
            found.draft("RGB", (MAX_SIDE, MAX_SIDE))
            upright = ImageOps.exif_transpose(found)
            upright.thumbnail((MAX_SIDE, MAX_SIDE))
            plain = _plain(upright)
    except BadRequestData:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise _too_large() from problem
    except Exception as problem:  # whatever a decoder trips over is no photograph
        said = "photo is no whole JPEG, PNG or WebP picture"
        raise BadRequestData(said).worded("wildlife.photo.refused.broken") from problem
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Picture(out.getvalue(), plain.width, plain.height, removed)


def _check_size(found: Image.Image) -> None:
    """Before a pixel is decoded."""
    if found.width * found.height > MAX_PIXELS:
        raise _too_large()


def _too_large() -> BadRequestData:
    said = f"photo has more than {MAX_SENT} bytes or {MAX_PIXELS} pixels"
    return BadRequestData(said).worded("wildlife.photo.refused.large", most=MAX_SENT // 1024)


def _plain(found: Image.Image) -> Image.Image:
    """Its pixels alone, on white where it is transparent: a new picture, which has nothing beside them."""
    shown = found.convert("RGBA") if found.has_transparency_data else found.convert("RGB")
    plain = Image.new("RGB", shown.size, "white")
    plain.paste(shown, mask=shown if shown.mode == "RGBA" else None)
    return plain


def _beside(found: Image.Image) -> tuple[str, ...]:
    """What the file holds beside the pixels."""
    exif = found.getexif()
    texts = getattr(found, "text", None) or found.info.get("comment")
    there = {
        "exif": bool(exif),
        "gps": bool(exif.get_ifd(_GPS)),
        "xmp": "xmp" in found.info or "XML:com.adobe.xmp" in found.info,
        "icc": bool(found.info.get("icc_profile")),
        "text": bool(texts),
    }
    return tuple(name for name, is_there in there.items() if is_there)
