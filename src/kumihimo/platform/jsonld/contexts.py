"""The @context of every request: compiled once, remembered, fetched only where that is allowed (decision 18)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from kumihimo.base import jsontext
from kumihimo.base.errors import BadRequestData, InvalidRequest, LdContextNotAvailable, Problem
from kumihimo.base.ports import HttpAnswer, HttpFetch
from kumihimo.platform.jsonld.builtin import CORE_EXTERNALS, core_document, is_core
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.models import CORE_CONTEXT
from kumihimo.platform.jsonld.terms import Compiler, Table, addresses

__all__ = ["Context", "Contexts"]

FETCH_SECONDS = 5.0
DEAD_SECONDS = 30.0
"""How long a host that did not answer, or an address that gave no context, is not asked again."""
FRESH_SECONDS = 3600.0
"""How long a fetched context is used before it is asked for again."""
MAX_DOCUMENT = 1 << 20
MAX_DOCUMENTS = 32
"""How many remote contexts one @context may draw in."""
MAX_COMPILED = 256
MAX_COMPILED_TERMS = 300_000
MAX_FETCHED = 512
MAX_REDIRECTS = 3
_ACCEPT = {"Accept": "application/ld+json, application/json;q=0.9"}

_log = logging.getLogger(__name__)


class Contexts:
    """Resolves @contexts. Hosted and preloaded ones first, then the built-in core contexts, then the network.

    fetch None means that no remote context is ever fetched. preload maps addresses to JSON-LD documents.
    """

    def __init__(
        self,
        fetch: HttpFetch | None = None,
        preload: Mapping[str, bytes] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._own: dict[str, Any] = {}
        self._fetched: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._dead: OrderedDict[str, tuple[float, str, type[Problem]]] = OrderedDict()
        self._flights: dict[str, asyncio.Task[Any]] = {}
        self._compiled: OrderedDict[str, tuple[float, Context]] = OrderedDict()
        for url, body in (preload or {}).items():
            self._own[url] = _inner(url, jsontext.loads(body, max_bytes=MAX_DOCUMENT))
        core = core_document() or {}
        self._ground = Compiler({}).apply(Table(), core, CORE_CONTEXT)
        self.core = Context(
            self._ground,
            Compiler({}, ground=self._ground, optional=CORE_EXTERNALS),
            source=CORE_CONTEXT,
            link=CORE_CONTEXT,
            key="core",
        )

    def publish(self, url: str, document: Any) -> None:
        """Hosts a context at this address: a JSON-LD document with "@context". BadRequestData for anything else."""
        if not isinstance(document, dict) or "@context" not in document:
            raise BadRequestData('a hosted context is an object with the member "@context"')
        self._own[url] = document["@context"]
        self._compiled.clear()

    def withdraw(self, url: str) -> bool:
        """Forgets a hosted or fetched context; whether there was one."""
        found = self._own.pop(url, None) is not None
        found = self._fetched.pop(url, None) is not None or found
        self._dead.pop(url, None)
        self._compiled.clear()
        return found

    async def resolve(self, given: Any) -> Context:
        """The compiled context for what a request gave: None, an address, an object, or an array of these.

        The core context is always the last part, so that nothing redefines its terms (clause 5.5.7).
        LdContextNotAvailable where a remote part cannot be had, BadRequestData where a part is wrong.
        """
        items = given if isinstance(given, list) else [given]
        items = [item for item in items if item is not None]
        if all(is_core(item) for item in items):
            return self.core
        key = _key(items)
        now = self._monotonic()
        known = self._compiled.get(key)
        if known is not None and known[0] > now:
            self._compiled.move_to_end(key)
            return known[1]
        context = await self._compile(items, key)
        self._remember(key, now + FRESH_SECONDS, context)
        return context

    def _remember(self, key: str, until: float, context: Context) -> None:
        self._compiled.pop(key, None)
        self._compiled[key] = (until, context)
        weight = sum(known.size for _, known in self._compiled.values())
        while len(self._compiled) > MAX_COMPILED or (weight > MAX_COMPILED_TERMS and len(self._compiled) > 1):
            weight -= self._compiled.popitem(last=False)[1][1].size

    async def _compile(self, items: list[Any], key: str) -> Context:
        documents: dict[str, Any] = {}
        await self._gather(items, documents)
        table = Compiler(documents, optional=CORE_EXTERNALS).apply(Table(), items)
        table.terms.update(self._ground.terms)
        table.vocab = self._ground.vocab
        compiler = Compiler(documents, ground=self._ground, optional=CORE_EXTERNALS)
        links = [item for item in items if not is_core(item)]
        link = links[0] if len(links) == 1 and isinstance(links[0], str) else ""
        return Context(table, compiler, source=_echo(items, documents), link=link, key=key)

    async def _gather(self, items: list[Any], documents: dict[str, Any]) -> None:
        """Brings every remote context that is referred to, also by others, into `documents`."""
        waiting = sorted(addresses(items, ""))
        while waiting:
            url = waiting.pop()
            if url in documents or url in CORE_EXTERNALS:
                continue
            if len(documents) >= MAX_DOCUMENTS:
                raise BadRequestData(f"the @context draws in more than {MAX_DOCUMENTS} others")
            documents[url] = await self._document(url)
            waiting.extend(sorted(addresses(documents[url], url)))

    async def _document(self, url: str) -> Any:
        if url in self._own:
            return self._own[url]
        core = core_document(url)
        if core is not None:
            return core
        now = self._monotonic()
        fetched = self._fetched.get(url)
        if fetched is not None and fetched[0] > now:
            self._fetched.move_to_end(url)
            return fetched[1]
        if self._fetch is None:
            raise LdContextNotAvailable(
                f"the @context {url} is not built in and fetching is off; preload it or allow its host in the settings"
            )
        try:
            self._check_alive(url, now)
            return await self._shared_flight(url, self._fetch)
        except (LdContextNotAvailable, BadRequestData):
            if fetched is None:
                raise
            # An old context is better than none: names must not change because a host is away.
            return fetched[1]

    def _check_alive(self, url: str, now: float) -> None:
        for key in (url, _host(url)):
            dead = self._dead.get(key)
            if dead is not None and dead[0] > now:
                raise dead[2](f"{dead[1]} (not asked again for {DEAD_SECONDS:.0f} s)")

    async def _shared_flight(self, url: str, fetch: HttpFetch) -> Any:
        """One request at a time for each address; whoever waits for the same shares it, and may give up alone."""
        flight = self._flights.get(url)
        if flight is None:
            flight = asyncio.create_task(self._bring(url, fetch))
            self._flights[url] = flight
            flight.add_done_callback(lambda done: self._landed(url, done))
        return await asyncio.shield(flight)

    def _landed(self, url: str, flight: asyncio.Task[Any]) -> None:
        self._flights.pop(url, None)
        if not flight.cancelled():
            flight.exception()  # marked as seen: every waiter may have gone

    async def _bring(self, url: str, fetch: HttpFetch) -> Any:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                document = await _download(url, fetch)
        except BadRequestData:
            # It came, and is none: what is wrong lies with who named it.
            self._bury(url, f"the @context {url} cannot be used", BadRequestData)
            raise
        except (OSError, TimeoutError) as problem:
            detail = f"the host of the @context {url} does not answer"
            self._bury(_host(url), detail)
            raise LdContextNotAvailable(detail) from problem
        except Problem as problem:
            detail = f"the @context {url} cannot be used: {problem.detail}"
            self._bury(url, detail)
            raise LdContextNotAvailable(detail) from problem
        self._fetched[url] = (self._monotonic() + FRESH_SECONDS, document)
        if len(self._fetched) > MAX_FETCHED:
            self._fetched.popitem(last=False)
        return document

    def _bury(self, key: str, detail: str, kind: type[Problem] = LdContextNotAvailable) -> None:
        self._dead[key] = (self._monotonic() + DEAD_SECONDS, detail, kind)
        if len(self._dead) > MAX_FETCHED:
            self._dead.popitem(last=False)
        _log.warning("context not available", extra={"target": key})


async def _download(url: str, fetch: HttpFetch) -> Any:
    where = url
    for _ in range(MAX_REDIRECTS + 1):
        answer = await fetch("GET", where, headers=_ACCEPT, timeout=FETCH_SECONDS, max_bytes=MAX_DOCUMENT)
        target = _redirect(answer)
        if not target:
            return _parse_answer(url, answer)
        where = urljoin(where, target)
    raise LdContextNotAvailable(f"more than {MAX_REDIRECTS} redirects")


def _redirect(answer: HttpAnswer) -> str:
    if answer.status not in {301, 302, 303, 307, 308}:
        return ""
    return next((value for name, value in answer.headers.items() if name.lower() == "location"), "")


def _parse_answer(url: str, answer: HttpAnswer) -> Any:
    if answer.status != 200:
        raise LdContextNotAvailable(f"the host says {answer.status}")
    try:
        return _inner(url, jsontext.loads(answer.body, max_bytes=MAX_DOCUMENT))
    except InvalidRequest as problem:
        raise BadRequestData(f"the document at {url} is no JSON: {problem.detail}") from problem


def _inner(url: str, document: Any) -> Any:
    """Clause 5.5.6: a remote @context that can be had and is none is wrong data."""
    if not isinstance(document, dict) or "@context" not in document:
        raise BadRequestData(f'the document at {url} has no member "@context"')
    return document["@context"]


def _echo(items: list[Any], documents: Mapping[str, Any]) -> Any:
    """What an answer says as "@context": what was given, and the core context behind it.

    Where a part that was given draws the core context in, of whatever version, it stands as it was given.
    """
    if not any(is_core(url) for url in documents):
        return [*items, CORE_CONTEXT]
    return items[0] if len(items) == 1 else items


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _key(items: list[Any]) -> str:
    for item in items:
        if not isinstance(item, str | dict):
            raise BadRequestData("an @context is an address, an object, null, or an array of these")
        if isinstance(item, str) and not item.startswith(("http://", "https://")):
            raise BadRequestData(f"the @context {item[:200]!r} is no http or https address")
    if len(items) == 1 and isinstance(items[0], str):
        return items[0]
    return "sha256:" + hashlib.sha256(jsontext.dumps(items)).hexdigest()
