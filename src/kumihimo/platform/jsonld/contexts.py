"""The @context of every request: compiled once, remembered, fetched only where that is allowed (decision 18)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kumihimo.base import jsontext, times
from kumihimo.base.clock import Clock, SystemClock
from kumihimo.base.errors import BadRequestData, LdContextNotAvailable
from kumihimo.base.ports import HttpFetch
from kumihimo.platform.jsonld.builtin import CORE_EXTERNALS, core_document, is_core
from kumihimo.platform.jsonld.context import Context
from kumihimo.platform.jsonld.download import DEAD_SECONDS, FRESH_SECONDS, MAX_DOCUMENT, Download, Downloads, inner
from kumihimo.platform.jsonld.models import CORE_CONTEXT
from kumihimo.platform.jsonld.shelf import HOSTED_PATH, MemoryShelf, Shelf, hosted_id
from kumihimo.platform.jsonld.terms import Compiler, Table, addresses

__all__ = ["Context", "Contexts"]

NOBODY = ""
"""The tenant of whoever names none: no hosted context is seen and nothing is kept under a tenant's name."""
RESOLVE_SECONDS = 10.0
"""How long all that one @context draws in may take together."""
MAX_DOCUMENTS = 32
"""How many remote contexts one @context may draw in."""
MAX_COMPILED = 256
MAX_COMPILED_TERMS = 300_000
MAX_KNOWN = 4096
_SECOND = 1_000_000


@dataclass(slots=True)
class _Drawn:
    """What an @context draws in: documents by address, ids on the shelf of those that are counted, how long it holds.

    seconds is 0 where nothing may be remembered: the tenant is not there yet, and its shelf neither.
    """

    documents: dict[str, Any] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    seconds: float = FRESH_SECONDS


class Contexts:
    """Resolves @contexts, a tenant's own before those of the network; the core contexts are built in.

    fetch None means that no remote context is ever fetched. preload maps addresses to JSON-LD documents. shelf keeps
    what tenants host and what was fetched for them. address gives the address of this platform, "" while there is none.
    """

    def __init__(
        self,
        fetch: HttpFetch | None = None,
        preload: Mapping[str, bytes] | None = None,
        *,
        shelf: Shelf | None = None,
        clock: Clock | None = None,
        address: Callable[[], str] = str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._downloads = Downloads(fetch, monotonic) if fetch is not None else None
        self._shelf = shelf or MemoryShelf()
        self._clock = clock or SystemClock()
        self._address = address
        self._monotonic = monotonic
        self._turn = 0
        self._own: dict[str, Any] = {}
        self._known: OrderedDict[tuple[str, str], tuple[float, str, tuple[str, ...]]] = OrderedDict()
        self._compiled: OrderedDict[str, Context] = OrderedDict()
        self._given: OrderedDict[tuple[str, str], tuple[Context, bool]] = OrderedDict()
        for url, body in (preload or {}).items():
            self._own[url] = inner(url, jsontext.loads(body, max_bytes=MAX_DOCUMENT))
        core = core_document() or {}
        self._ground = Compiler({}).apply(Table(), core, CORE_CONTEXT)
        self.core = Context(
            self._ground,
            Compiler({}, ground=self._ground, optional=CORE_EXTERNALS),
            source=CORE_CONTEXT,
            link=CORE_CONTEXT,
            key="core",
        )

    async def resolve(self, given: Any, tenant: str = NOBODY) -> Context:
        """The compiled context for what a request gave: None, an address, an object, or an array of these.

        The core context is always the last part, so that nothing redefines its terms (clause 5.5.7).
        LdContextNotAvailable where a remote part cannot be had, BadRequestData where a part is wrong.
        """
        items = _items(given)
        if all(is_core(item) for item in items):
            return self.core
        key = _key(items)
        known = self._recall(tenant, key)
        if known is not None:
            return known
        drawn, turn = _Drawn(), self._turn
        await self._gather(items, tenant, drawn)
        context = self._compile(items, drawn.documents, key)
        if drawn.used:
            self._shelf.used(tenant, drawn.used)
        if drawn.seconds and turn == self._turn:
            self._known[tenant, key] = (self._monotonic() + drawn.seconds, context.key, tuple(drawn.used))
            _bound(self._known, MAX_KNOWN)
        return context

    async def check(self, given: Any, tenant: str) -> None:
        """BadRequestData where this could be no @context; a host that is away is no reason to refuse it (5.13.2)."""
        items = _items(given)
        key = _key(items)
        drawn = _Drawn()
        try:
            await self._gather(items, tenant, drawn)
        except LdContextNotAvailable:
            drawn.documents |= {url: {} for url in addresses(items, "").difference(drawn.documents)}
        with suppress(LdContextNotAvailable):
            self._compile(items, drawn.documents, key, remember=False).check_flat()

    async def reload(self, url: str, tenant: str) -> None:
        """Fetches a context anew, in place of the copy that the tenant has (clause 5.13.5).

        LdContextNotAvailable where it cannot be had or is none; the copy stays then.
        """
        if url not in self._own and not is_core(url):
            try:
                found = await self._bring(url, again=True)
                drawn = _Drawn({url: found.document})
                await self._gather([url], tenant, drawn)
                self._compile([url], drawn.documents, url, remember=False)
            except BadRequestData as problem:
                raise LdContextNotAvailable(f"what came from {url} is no @context: {problem.detail}") from problem
            await self._shelf.keep(tenant, url, found.document, self._fresh_until(found.fresh))
        self.forget(tenant)

    def forget(self, tenant: str) -> None:
        """Looks at the tenant's shelf again before anything of it is used."""
        self._turn += 1
        memories: tuple[OrderedDict[tuple[str, str], Any], ...] = (self._known, self._given)
        for memory in memories:
            for key in [key for key in memory if key[0] == tenant]:
                del memory[key]

    # --- addresses ---------------------------------------------------------------------------------------

    def address(self, id_: str) -> str:
        """The address at which what a tenant hosts is served (clause 6.30)."""
        return f"{self._address()}{HOSTED_PATH}{id_}"

    def address_of(self, source: Any) -> str:
        """The one address of a context by what an answer echoes of it: its own, or that of an implicitly created one.

        "" where it has none of its own and the platform has no address yet.
        """
        link = _link(_items(source))
        if link:
            return link
        return self.address(_implicit_id(source)) if self._address() else ""

    async def addressed(self, context: Context, tenant: str, *, lasting: bool = False) -> Context:
        """The context with an address for a Link header: where it has none, one is created for it (clause 5.13.1).

        lasting is for what outlives the request. The context as it is while the platform has no address yet.
        """
        if context.link or not self._address():
            return context
        key = (tenant, context.key)
        known = self._given.get(key)
        if known is not None and (known[1] or not lasting):
            self._given.move_to_end(key)
            return known[0]
        id_ = _implicit_id(context.source)
        await self._shelf.give(tenant, id_, context.source, lasting=lasting)
        twin = known[0] if known is not None else context.at(self.address(id_))
        self._given[key] = (twin, lasting)
        _bound(self._given, MAX_COMPILED)
        return twin

    # --- compiling ---------------------------------------------------------------------------------------

    def _recall(self, tenant: str, key: str) -> Context | None:
        known = self._known.get((tenant, key))
        if known is None or known[0] <= self._monotonic():
            return None
        context = self._compiled.get(known[1])
        if context is None:
            return None
        self._known.move_to_end((tenant, key))
        self._compiled.move_to_end(known[1])
        if known[2]:
            self._shelf.used(tenant, known[2])
        return context

    def _compile(self, items: list[Any], documents: dict[str, Any], key: str, *, remember: bool = True) -> Context:
        """The context of these items; tenants for whom they mean the same share it."""
        if documents:
            key = _digest([items, sorted(documents.items())])
        known = self._compiled.get(key)
        if known is not None:
            return known
        table = Compiler(documents, optional=CORE_EXTERNALS).apply(Table(), items)
        table.terms.update(self._ground.terms)
        table.vocab = self._ground.vocab
        compiler = Compiler(documents, ground=self._ground, optional=CORE_EXTERNALS)
        context = Context(table, compiler, source=_echo(items, documents), link=_link(items), key=key)
        if remember:
            self._remember(context)
        return context

    def _remember(self, context: Context) -> None:
        self._compiled[context.key] = context
        weight = sum(known.size for known in self._compiled.values())
        while len(self._compiled) > MAX_COMPILED or (weight > MAX_COMPILED_TERMS and len(self._compiled) > 1):
            weight -= self._compiled.popitem(last=False)[1].size

    async def _gather(self, items: list[Any], tenant: str, drawn: _Drawn) -> None:
        """Every remote context that is referred to, also by others; in bounded time, however many hosts are away."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                await self._draw(items, tenant, drawn)
        except TimeoutError as problem:
            raise LdContextNotAvailable(
                f"what the @context draws in did not come within {RESOLVE_SECONDS:.0f} s"
            ) from problem

    async def _draw(self, items: list[Any], tenant: str, drawn: _Drawn) -> None:
        waiting = sorted(addresses(items, ""))
        done: set[str] = set()
        while waiting:
            url = waiting.pop()
            if url in done or url in CORE_EXTERNALS:
                continue
            if len(done) >= MAX_DOCUMENTS:
                raise BadRequestData(f"the @context draws in more than {MAX_DOCUMENTS} others")
            done.add(url)
            if url not in drawn.documents:
                await self._document(url, tenant, drawn)
            waiting.extend(sorted(addresses(drawn.documents[url], url)))

    async def _document(self, url: str, tenant: str, drawn: _Drawn) -> None:
        """Adds the content at this address to what is drawn in."""
        core = core_document(url)
        if core is not None:
            drawn.documents[url] = core
        elif url in self._own:
            drawn.documents[url] = self._own[url]
            kept = await self._shelf.cached(tenant, url)
            self._count(drawn, kept.id if kept else await self._shelf.keep(tenant, url, None, 0))
        elif not await self._hosted(url, tenant, drawn):
            await self._remote(url, tenant, drawn)

    async def _hosted(self, url: str, tenant: str, drawn: _Drawn) -> bool:
        """Whether the tenant hosts it itself. By whatever name the platform was reached, the local id says which."""
        id_ = hosted_id(url)
        kept = await self._shelf.local(tenant, id_) if id_ else None
        if kept is not None:
            drawn.documents[url] = kept.document
            self._count(drawn, kept.id)
        elif id_ and self._address() and url.startswith(self._address() + HOSTED_PATH):
            raise LdContextNotAvailable(f"this tenant has no @context {id_}; add it again or name another")
        return kept is not None

    async def _remote(self, url: str, tenant: str, drawn: _Drawn) -> None:
        kept = await self._shelf.cached(tenant, url)
        left = (kept.expires_at - times.micros(self._clock.now())) / _SECOND if kept is not None else 0.0
        if kept is not None and left > 0:
            drawn.documents[url] = kept.document
            drawn.seconds = min(drawn.seconds, left)
            self._count(drawn, kept.id)
            return
        try:
            found = await self._bring(url)
        except (LdContextNotAvailable, BadRequestData):
            if kept is None:
                raise
            # An old context is better than none: names must not change because a host is away.
            drawn.documents[url] = kept.document
            drawn.seconds = min(drawn.seconds, DEAD_SECONDS)
            self._count(drawn, kept.id)
            return
        drawn.documents[url] = found.document
        drawn.seconds = min(drawn.seconds, found.fresh)
        self._count(drawn, await self._shelf.keep(tenant, url, found.document, self._fresh_until(found.fresh)))

    def _count(self, drawn: _Drawn, id_: str) -> None:
        if id_:
            drawn.used.append(id_)
        else:
            drawn.seconds = 0

    async def _bring(self, url: str, *, again: bool = False) -> Download:
        if self._downloads is None:
            raise LdContextNotAvailable(
                f"the @context {url} is not built in and fetching is off; preload it or allow its host in the settings"
            )
        return await self._downloads.document(url, again=again)

    def _fresh_until(self, seconds: float) -> int:
        return times.micros(self._clock.now()) + int(seconds * _SECOND)


def _echo(items: list[Any], documents: Mapping[str, Any]) -> Any:
    """What an answer says as "@context": what was given, and the core context behind it.

    Where a part that was given draws the core context in, of whatever version, it stands as it was given.
    """
    if not any(is_core(url) for url in documents):
        return [*items, CORE_CONTEXT]
    return items[0] if len(items) == 1 else items


def _items(given: Any) -> list[Any]:
    return [item for item in (given if isinstance(given, list) else [given]) if item is not None]


def _link(items: list[Any]) -> str:
    """The address that alone says all of this; "" where there is none."""
    others = [item for item in items if not is_core(item)]
    if not others:
        return CORE_CONTEXT
    return others[0] if len(others) == 1 and isinstance(others[0], str) else ""


def _implicit_id(source: Any) -> str:
    """The local id of what is created for this @context: the same for the same content, so that it is kept once."""
    return f"urn:ngsi-ld:Context:{_digest(source)[:40]}"


def _digest(value: Any) -> str:
    return hashlib.sha256(jsontext.dumps(value)).hexdigest()


def _key(items: list[Any]) -> str:
    for item in items:
        if not isinstance(item, str | dict):
            raise BadRequestData("an @context is an address, an object, null, or an array of these")
        if isinstance(item, str) and not item.startswith(("http://", "https://")):
            raise BadRequestData(f"the @context {item[:200]!r} is no http or https address")
    return items[0] if len(items) == 1 and isinstance(items[0], str) else _digest(items)


def _bound(memory: OrderedDict[Any, Any], most: int) -> None:
    while len(memory) > most:
        memory.popitem(last=False)
