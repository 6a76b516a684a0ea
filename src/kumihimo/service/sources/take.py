"""One look at a source: what is new there is taken in, what cannot be read is set aside with its reason."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable, Mapping
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, InvalidRequest, PayloadTooLarge
from kumihimo.base.ports import HttpAnswer, HttpFetch
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.load import JSON, Loaded, load_entities, load_history
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.sources import store
from kumihimo.service.sources.folder import QUIET_SECONDS, ChangedMeanwhile, Found, Opened, files_in
from kumihimo.service.sources.models import Content, ContentState, Look, Source
from kumihimo.storage.database import Database

MAX_WHOLE = 64 * 1024 * 1024
"""Bytes of what is read as a whole: an answer of a URL, and a file that goes into the current state."""
FILES_AT_ONCE = 200
"""Files of a folder in one look; the rest comes with the next, at once."""
FETCH_SECONDS = 60.0
UNREADABLE = (BadRequestData, InvalidRequest, PayloadTooLarge)
"""What is wrong with a content itself, and will be the next time."""


class Failed(Exception):
    """The source could not be looked at, or the platform could not take what it gave; it is tried again later."""


class Taker:
    """Looks at sources. Raises Failed, or the Problem by which the platform could not keep what was there."""

    def __init__(
        self, database: Database, clock: Clock, broker: Broker, imports: Imports, contexts: Contexts, fetch: HttpFetch
    ) -> None:
        self._database = database
        self._clock = clock
        self._broker = broker
        self._imports = imports
        self._contexts = contexts
        self._fetch = fetch

    async def look(self, tenant: str, source: Source) -> Look:
        """One look: a folder's new and changed files, or what the URL gives where it is new."""
        return await (self._folder if source.kind == "folder" else self._url)(tenant, source)

    # --- a folder ----------------------------------------------------------------------------------------

    async def _folder(self, tenant: str, source: Source) -> Look:
        look = Look()
        try:
            files = await asyncio.to_thread(files_in, source.place)
        except OSError as problem:
            raise Failed(f"the folder cannot be read: {problem.strerror}") from problem
        held = await self._database.read(tenant, lambda tx: store.contents_tx(tx, source.name))
        await self._forget(tenant, source, held.keys() - {one.name for one in files})
        for found in files:
            before = held.get(found.name)
            if before is not None and before.mark == found.mark and before.state != "seen":
                continue
            if look.files >= FILES_AT_ONCE:
                look.more = True
                break
            if not self._is_quiet(found, before):
                if before is None or before.mark != found.mark:
                    await self._note(tenant, source, found.name, found.mark, "seen")
                continue
            await self._file(tenant, source, found, look)
        return look

    def _is_quiet(self, found: Found, before: Content | None) -> bool:
        """Whether nobody writes to it: it was last written to a while ago, or is as it was a while ago.

        The second is for files whose time lies in the future, as another machine's clock may have it.
        """
        now, quiet = times.micros(self._clock.now()), QUIET_SECONDS * 1_000_000
        same = before is not None and before.mark == found.mark and before.at <= now - quiet
        return found.modified <= now - quiet or same

    async def _file(self, tenant: str, source: Source, found: Found, look: Look) -> None:
        try:
            opened = await asyncio.to_thread(Opened, source.place, found)
        except FileNotFoundError:
            return
        except OSError as problem:
            look.files += 1
            await self._aside(tenant, source, found.name, found.mark, f"it cannot be opened: {problem.strerror}", look)
            return
        with opened.file:
            try:
                await self._take(tenant, source, found.name, found.mark, opened.file, found.size, opened.check, look)
            except ChangedMeanwhile:
                await self._note(tenant, source, found.name, found.mark, "seen")

    # --- a URL -------------------------------------------------------------------------------------------

    async def _url(self, tenant: str, source: Source) -> Look:
        try:
            answer = await self._fetch(
                "GET", source.place, headers=source.validators, timeout=FETCH_SECONDS, max_bytes=MAX_WHOLE + 1
            )
        except OSError as problem:  # TimeoutError is one
            raise Failed(str(problem) or type(problem).__name__) from problem
        look = Look(validators=source.validators)
        if answer.status == 304:
            return look
        _check_status(answer)
        mark = hashlib.sha256(answer.body).hexdigest()
        look.validators = _validators(answer.headers)
        held = (await self._database.read(tenant, lambda tx: store.contents_tx(tx, source.name))).get("")
        if held is None or held.mark != mark:
            await self._take(
                tenant,
                source,
                "",
                mark,
                io.BytesIO(answer.body),
                len(answer.body),
                lambda: None,
                look,
                _name(source, answer),
            )
        return look

    # --- what both do ------------------------------------------------------------------------------------

    async def _take(
        self,
        tenant: str,
        source: Source,
        name: str,
        mark: str,
        file: BinaryIO,
        size: int,
        check: Callable[[], None],
        look: Look,
        named: str = "",
    ) -> None:
        """Takes a content in and notes it, or sets it aside where it cannot be read."""
        look.files += 1
        call = Call(tenant, Actor("system", f"source {source.name}"), "import")
        try:
            loaded = await self._load(call, source, file, size, named or name, check)
        except UNREADABLE as problem:
            await self._aside(tenant, source, name, mark, problem.detail, look)
            return
        look.taken += loaded.taken
        look.refused += loaded.refused
        look.reasons += loaded.reasons
        await self._note(tenant, source, name, mark, "taken")

    async def _load(
        self, call: Call, source: Source, file: BinaryIO, size: int, name: str, check: Callable[[], None]
    ) -> Loaded:
        reading = source.reading
        if reading.history is not None:
            return await load_history(self._imports, self._contexts, call, file, name, reading.history, check)
        if size > MAX_WHOLE:
            raise PayloadTooLarge(f"it has {size} bytes; at most {MAX_WHOLE} are read into the current state")
        raw = await asyncio.to_thread(file.read, MAX_WHOLE + 1)
        check()
        return await load_entities(
            self._broker, self._contexts, call, raw, name, entity_type=reading.entity_type, id_column=reading.id_column
        )

    async def _aside(self, tenant: str, source: Source, name: str, mark: str, why: str, look: Look) -> None:
        look.aside.append(f"{name or 'the answer'}: {why}")
        await self._note(tenant, source, name, mark, "aside", why)

    async def _note(
        self, tenant: str, source: Source, name: str, mark: str, state: ContentState, detail: str = ""
    ) -> None:
        content = Content(name, mark, state, detail, times.micros(self._clock.now()))
        await self._database.write(tenant, lambda tx: store.put_content_tx(tx, source.name, content))

    async def _forget(self, tenant: str, source: Source, gone: set[str]) -> None:
        if gone:
            await self._database.write(tenant, lambda tx: store.forget_contents_tx(tx, source.name, gone))


def _check_status(answer: HttpAnswer) -> None:
    if 300 <= answer.status < 400:
        where = answer.headers.get("location", "elsewhere")[:200]
        raise Failed(f"it answered {answer.status} and leads to {where}; a source is not led on, give that address")
    if answer.status != 200:
        raise Failed(f"it answered {answer.status}")
    if len(answer.body) > MAX_WHOLE:
        raise Failed(f"its answer has more than {MAX_WHOLE} bytes")


def _validators(headers: Mapping[str, str]) -> dict[str, str]:
    """The request headers by which the next answer may say that nothing is new (RFC 9110 section 13.1)."""
    pairs = (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
    return {ours: headers[theirs] for ours, theirs in pairs if headers.get(theirs)}


def _name(source: Source, answer: HttpAnswer) -> str:
    """A file's name for what the URL gave: its own, and an ending that says how it is read."""
    name = unquote(urlsplit(source.place).path.rpartition("/")[2]) or source.name
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if name.lower().endswith(JSON) or not (media.endswith(("json", "ndjson"))):
        return name
    return f"{name}.json"
