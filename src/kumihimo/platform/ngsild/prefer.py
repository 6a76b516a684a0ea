"""`Prefer: ngsi-ld=1.x` (clauses 4.3.6.8 and 6.3.6, RFC 7240): answers for readers of earlier versions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.jsonld.conformance import OURS, Version, amended, read_version
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.platform.ngsild.answers import Answer

_PREFERENCE = re.compile(r"""(?:[^,"]+|"[^"]*"|")+""")
"""One preference of the list; a comma in quotes ends none. Nothing follows that could fail: nothing is tried twice."""


Amend = Callable[[EntityDoc], EntityDoc]
"""Makes of an entity what the version asked for knows of it."""


class Preference:
    """Which version of the specification a request asks its answer to conform to, and whether that changed it.

    version is None where none is asked for, or none that can be read: the preference is not applied then. For one later
    than ours, ours is the one that the answer conforms to.
    """

    __slots__ = ("altered", "version")

    def __init__(self, header: str) -> None:
        self.version = _preferred(header) if header else None
        self.altered = False

    @property
    def is_older(self) -> bool:
        """Whether entities may have to be amended."""
        return self.version is not None and self.version < OURS

    def rendered(self, render: Callable[[Amend], Any], context: Context, lang: str) -> Any:
        """What `render` gives of entities put through the Amend handed to it; notes whether the version changed it."""
        now = render(lambda doc: doc)
        version = self.version
        if version is None or not self.is_older:
            return now
        older = render(lambda doc: amended(doc, version, context, spoken=bool(lang)))
        self.altered = self.altered or older != now
        return older

    def mark(self, answer: Answer) -> None:
        """Says in an answer with a body that the preference was applied: 203 where it changed what the body says."""
        if self.version is None or answer.status not in (200, 206) or not answer.body:
            return
        major, minor = self.version
        answer.headers.append((b"preference-applied", f"ngsi-ld={major}.{minor}".encode()))
        if self.altered and answer.status == 200:
            answer.status = 203


def _preferred(header: str) -> Version | None:
    """The version in the first preference `ngsi-ld`; names are compared without case, values may be quoted."""
    for part in _PREFERENCE.findall(header):
        name, _, value = part.partition(";")[0].partition("=")
        if name.strip().lower() == "ngsi-ld":
            return _version(str(value).strip().removeprefix('"').removesuffix('"'))
    return None


def _version(text: str) -> Version | None:
    try:
        return min(read_version(".".join(text.split(".")[:2])), OURS)
    except BadRequestData:
        # A preference that is not understood is as good as none (RFC 7240 section 2).
        return None
