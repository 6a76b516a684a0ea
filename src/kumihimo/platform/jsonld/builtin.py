"""The core @contexts that ship with the program (decision 18), so that no entity waits for uri.etsi.org."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.models import CORE_CONTEXT

_CORE_URL = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(?:-v(\d+\.\d+))?\.jsonld\Z", re.ASCII)
_NEWEST = "1.9"
_VERSIONS = frozenset({"1.3", "1.4", "1.7", "1.8", _NEWEST})
_PUBLISHED = ("1.3", "1.4", "1.5", "1.6", "1.7", "1.8", _NEWEST)
CORE_EXTERNALS = frozenset({"https://w3id.org/security/data-integrity/v2"})
"""What the core @context itself refers to, inside the term ngsildproof; it adds no term that we use."""


def is_core(url: object) -> bool:
    """Whether this is an address of the NGSI-LD core @context, of whatever version."""
    return isinstance(url, str) and _CORE_URL.match(url) is not None


def core_address(version: str) -> str:
    """The address of the core @context of a version as major.minor; BadRequestData where there is none of it."""
    if version not in _PUBLISHED:
        raise BadRequestData(
            f"{version[:32]!r} is no version of the core @context; there are {', '.join(_PUBLISHED)} (major.minor)"
        )
    return f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v{version}.jsonld"


@cache
def _document(version: str) -> Any:
    source = files("kumihimo.platform.jsonld").joinpath(f"core/ngsi-ld-core-context-v{version}.jsonld")
    return jsontext.parse(source.read_bytes())["@context"]


def core_document(url: str = CORE_CONTEXT) -> dict[str, Any] | None:
    """The content of "@context" at a core address (the newest for a version not built in); None for another address."""
    found = _CORE_URL.match(url)
    if found is None:
        return None
    version = found.group(1)
    document: dict[str, Any] = _document(version if version in _VERSIONS else _NEWEST)
    return document
