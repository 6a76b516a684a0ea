"""`make bench BENCH_ARGS=--tokens`: what it costs to know who shows a token, in microseconds.

They are of this process's own time on a core, so that what runs beside does not count, and PostgreSQL's server neither.

Seen again: a token that was found good a moment ago, against looking up the same text in a dict. Seen first: a fresh
token, whose signature is checked and which is asked after in the store, against the bare check of the same signature.
Given: a client's own token made and signed, against the bare signature.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import ground
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from harness import keep

from kumihimo.app.people import PeopleOf
from kumihimo.base.clock import SystemClock
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.provider.applications import Made
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.store import SCHEMA
from kumihimo.storage.database import Database
from kumihimo.storage.opening import database_for


async def operates_nothing(account: str) -> None:
    """No account is made here."""
    del account


HITS = 200
"""How often each token is shown again, so that the look at what was revoked, once in a second, weighs as it does."""


class Measured:
    """Rounds of ours and of what is bare, in turn."""

    def __init__(self, provider: Provider, client: Made, count: int) -> None:
        self.provider = provider
        self.client = client
        self.count = count
        self.private = generate_private_key(SECP256R1())
        self.public = self.private.public_key()

    async def given(self) -> tuple[float, float, list[str]]:
        """Microseconds of a token made, and of the bare signature; the tokens."""
        began = time.process_time()
        form = {"grant_type": "client_credentials"}
        made = [await self.provider.grants.give(self.client.application, form) for _ in range(self.count)]
        mine = self._each(began, self.count)
        tokens = [str(one["access_token"]) for one in made]
        body = tokens[0].rpartition(".")[0].encode()
        began = time.process_time()
        for _ in range(self.count):
            self.private.sign(body, ECDSA(SHA256()))
        return mine, self._each(began, self.count), tokens

    async def first(self, tokens: Sequence[str]) -> tuple[float, float]:
        """Microseconds of a token that is seen for the first time, and of the bare check of a signature."""
        mine = await self._shown(tokens, 1)
        body = tokens[0].rpartition(".")[0].encode()
        signature = self.private.sign(body, ECDSA(SHA256()))
        began = time.process_time()
        for _ in range(self.count):
            self.public.verify(signature, body, ECDSA(SHA256()))
        return mine, self._each(began, self.count)

    async def again(self, tokens: Sequence[str]) -> tuple[float, float]:
        """Microseconds of a token that was seen a moment ago, and of a look into a dict."""
        mine = await self._shown(tokens, HITS)
        known = dict.fromkeys(tokens, 1)
        fresh = [one[:1] + one[1:] for one in tokens]
        began = time.process_time()
        for _ in range(HITS):
            for one in fresh:
                known.get(one)
        return mine, self._each(began, HITS * len(tokens))

    async def _shown(self, tokens: Sequence[str], times: int) -> float:
        shown = [Credentials("GET", "/", authorization=f"Bearer {one}") for one in tokens]
        began = time.process_time()
        for _ in range(times):
            for one in shown:
                if await self.provider.bearer(one) is None:
                    raise SystemExit("a token of ours was not known")
        return self._each(began, times * len(shown))

    def _each(self, began: float, count: int) -> float:
        return (time.process_time() - began) / count * 1e6


async def rounds(database: Database, folder: Path, count: int, times: int) -> dict[str, list[tuple[float, float]]]:
    """By what is measured, a pair of ours and the bare for each round."""
    await database.open()
    try:
        await database.add_tenant("bench")
        seal = Seal(folder / "seal.key")
        people = Identity(database, SystemClock(), seal, operates_nothing)
        address = "http://localhost:8080"
        provider = Provider(database, SystemClock(), lambda: address, people.authenticate, PeopleOf(people), seal)
        client = await provider.applications.add("bench", "client", "confidential", scopes=["ngsi-ld:read"])
        key = await provider.applications.add("bench", "key", "key", scopes=["ngsi-ld:read"])
        measured = Measured(provider, client, count)
        found: dict[str, list[tuple[float, float]]] = {}
        for place in range(times + 1):
            made, signed, fresh = await measured.given()
            pairs = {
                "an access token, given": (made, signed),
                "an access token, seen first": await measured.first(fresh),
                "an access token, seen again": await measured.again(fresh[:50]),
                "an API key, seen again": await measured.again([key.secret] * 50),
            }
            for what, pair in pairs.items() if place else ():  # the first round warms up
                found.setdefault(what, []).append(pair)
        return found
    finally:
        await database.close()


def lines(engine: str, count: int, times: int) -> list[str]:
    """The table's lines for an engine."""
    with ground.Ground(engine) as stands, tempfile.TemporaryDirectory() as folder:
        url = stands.server.url(stands.server.create_database()) if stands.server else None
        database = database_for(Path(folder), url, [SCHEMA], SystemClock())
        found = asyncio.run(rounds(database, Path(folder), count, times))
    rows = []
    for what, pairs in found.items():
        mine, bare = (statistics.median(one[place] for one in pairs) for place in (0, 1))
        ratio = statistics.median(other / one for one, other in pairs)
        rows.append(f"| {what}, {engine} | {mine:,.2f} | {bare:,.2f} | µs | **{ratio:.3f}** |")
    return rows


def main(words: list[str]) -> int:
    """0; prints the table, and with --keep writes it into bench/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    options = parser.parse_args(words)
    table = ["| what | ours | bare | unit | ratio |", "|---|---|---|---|---|"]
    table += [row for engine in ("sqlite", "postgresql") for row in lines(engine, options.count, options.rounds)]
    print("\n".join(table))
    if options.keep:
        keep("tokens", "\n".join(table))
    return 0
