"""Remote @contexts over the network: asked for once at a time, a dead host left alone for a while (decision 18)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, InvalidRequest, LdContextNotAvailable, Problem
from kumihimo.base.ports import HttpAnswer, HttpFetch

FETCH_SECONDS = 5.0
DEAD_SECONDS = 30.0
"""How long a host that did not answer, or an address that gave no context, is not asked again."""
MAX_DOCUMENT = 1 << 20
MAX_DEAD = 512
MAX_REDIRECTS = 3
FRESH_SECONDS = 3600.0
"""How long a document is fresh where its host says nothing of it (clause 5.13.1)."""
FRESH_BOUNDS = (10.0, 86_400.0)
"""What a host says counts within these: one that forbids keeping is not asked at every request."""
_MAX_AGE = re.compile(r"(?:^|,)\s*(?:(no-store|no-cache)|max-age\s*=\s*\"?(\d{1,10})\"?)\s*(?=,|$)", re.IGNORECASE)
_ACCEPT = {"Accept": "application/ld+json, application/json;q=0.9"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Download:
    """The content of "@context", and for how many seconds it is fresh."""

    document: Any
    fresh: float


class Downloads:
    """Fetches documents; whoever asks for the same address meanwhile shares the one request."""

    def __init__(self, fetch: HttpFetch, monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._dead: OrderedDict[str, tuple[float, str, type[Problem]]] = OrderedDict()
        self._flights: dict[str, asyncio.Task[Download]] = {}

    async def document(self, url: str, *, again: bool = False) -> Download:
        """What is at this address.

        again is for a person who wants it now: it asks also where it failed a moment ago, and a failure keeps nobody
        else from asking.
        LdContextNotAvailable where it cannot be had, BadRequestData where it came and is none.
        """
        if not again:
            self._check_alive(url)
        flight = self._flights.get(url)
        if flight is None:
            flight = asyncio.create_task(self._bring(url, bury=not again))
            self._flights[url] = flight
            flight.add_done_callback(lambda done: self._landed(url, done))
        return await asyncio.shield(flight)

    def _check_alive(self, url: str) -> None:
        now = self._monotonic()
        for key in (url, _host(url)):
            dead = self._dead.get(key)
            if dead is not None and dead[0] > now:
                raise dead[2](f"{dead[1]} (not asked again for {DEAD_SECONDS:.0f} s)")

    def _landed(self, url: str, flight: asyncio.Task[Download]) -> None:
        self._flights.pop(url, None)
        if not flight.cancelled():
            flight.exception()  # marked as seen: every waiter may have gone

    async def _bring(self, url: str, *, bury: bool) -> Download:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                found = await _download(url, self._fetch)
        except BadRequestData:
            # It came, and is none: what is wrong lies with who named it.
            if bury:
                self._bury(url, f"the @context {url} cannot be used", BadRequestData)
            raise
        except (OSError, TimeoutError) as problem:
            detail = f"the host of the @context {url} does not answer"
            if bury:
                self._bury(_host(url), detail)
            raise LdContextNotAvailable(detail) from problem
        except Problem as problem:
            detail = f"the @context {url} cannot be used: {problem.detail}"
            if bury:
                self._bury(url, detail)
            raise LdContextNotAvailable(detail) from problem
        self._dead.pop(url, None)
        self._dead.pop(_host(url), None)
        return found

    def _bury(self, key: str, detail: str, kind: type[Problem] = LdContextNotAvailable) -> None:
        self._dead[key] = (self._monotonic() + DEAD_SECONDS, detail, kind)
        if len(self._dead) > MAX_DEAD:
            self._dead.popitem(last=False)
        _log.warning("context not available", extra={"target": key})


async def _download(url: str, fetch: HttpFetch) -> Download:
    where = url
    for _ in range(MAX_REDIRECTS + 1):
        answer = await fetch("GET", where, headers=_ACCEPT, timeout=FETCH_SECONDS, max_bytes=MAX_DOCUMENT)
        target = _redirect(answer)
        if not target:
            return Download(_parse_answer(url, answer), fresh_seconds(answer.headers))
        where = urljoin(where, target)
    raise LdContextNotAvailable(f"more than {MAX_REDIRECTS} redirects")


def _redirect(answer: HttpAnswer) -> str:
    if answer.status not in {301, 302, 303, 307, 308}:
        return ""
    return next((value for name, value in answer.headers.items() if name.lower() == "location"), "")


def fresh_seconds(headers: Mapping[str, str]) -> float:
    """For how long the host says that its answer is fresh (RFC 9111): the first word on it in Cache-Control."""
    told = next((value for name, value in headers.items() if name.lower() == "cache-control"), "")
    found = _MAX_AGE.search(told)
    if found is None:
        return FRESH_SECONDS
    least, most = FRESH_BOUNDS
    return min(max(least, float(found[2] or 0)), most)


def _parse_answer(url: str, answer: HttpAnswer) -> Any:
    if answer.status != 200:
        raise LdContextNotAvailable(f"the host says {answer.status}")
    try:
        return inner(url, jsontext.loads(answer.body, max_bytes=MAX_DOCUMENT))
    except InvalidRequest as problem:
        raise BadRequestData(f"the document at {url} is no JSON: {problem.detail}") from problem


def inner(url: str, document: Any) -> Any:
    """The content of "@context"; BadRequestData without one: a remote @context that is none is wrong data (5.5.6)."""
    if not isinstance(document, dict) or "@context" not in document:
        raise BadRequestData(f'the document at {url} has no member "@context"')
    return document["@context"]


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
