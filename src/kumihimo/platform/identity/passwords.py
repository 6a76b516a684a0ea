"""Passwords: which are taken, how they are kept (argon2id), and that a wrong name costs as much as a wrong password."""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kumihimo.base.errors import Overloaded
from kumihimo.platform.identity.models import NotTaken

T = TypeVar("T")
MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 256
_AT_ONCE: Final = 2
_MAX_WAITING: Final = 64
_COMMON: Final = frozenset(files(__package__).joinpath("common.txt").read_text("utf-8").split())


def owasp_hasher() -> PasswordHasher:
    """argon2id as OWASP's Password Storage Cheat Sheet recommends it: 19 MiB, two passes, one lane."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check_password(password: str, sign_in: str) -> str:
    """The password as it is kept; NotTaken with what is wrong with it.

    Length and a list alone (NIST SP 800-63B section 3.1.1.2), no rules about signs.
    """
    found = normal(password)
    if len(found) < MIN_PASSWORD:
        raise NotTaken(f"a password has at least {MIN_PASSWORD} letters", "short")
    if len(found) > MAX_PASSWORD:
        raise NotTaken(f"a password has at most {MAX_PASSWORD} letters", "long")
    if _is_common(found.casefold(), sign_in):
        raise NotTaken("this password is one of those that are tried first; choose another", "common")
    return found


def normal(password: str) -> str:
    """NFKC, so that a keyboard's way of writing a letter does not matter (NIST SP 800-63B section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password[: 4 * MAX_PASSWORD])


def _is_common(password: str, sign_in: str) -> bool:
    bare = _letters(password)
    own = {sign_in, sign_in.partition("@")[0]}
    words = _COMMON | own | {_letters(one) for one in own if _letters(one)}
    pieces = {password, bare, _period(password), _period(bare)}
    return bool(pieces & words) or len(set(password)) < 4 or _is_run(password)


def _letters(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text)


def _period(text: str) -> str:
    """The shortest piece whose repetition the text is."""
    for size in range(1, len(text) // 2 + 1):
        if len(text) % size == 0 and text[:size] * (len(text) // size) == text:
            return text[:size]
    return text


def _is_run(text: str) -> bool:
    """Whether it runs up or down: 123456789012, abcdefghijkl."""
    steps = {(ord(b) - ord(a)) % 10 if (a + b).isdigit() else ord(b) - ord(a) for a, b in pairwise(text)}
    return len(steps) == 1


class Passwords:
    """Hashes and checks in threads, few at once: each takes memory and time on purpose."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobodys = ""

    async def hashed(self, password: str) -> str:
        """What is kept of a password that `check_password` gave."""
        return await self._in_turn(self._hasher.hash, password)

    async def fits(self, kept: str, password: str) -> bool:
        """Whether it is the one; takes the same time where there is none (kept "")."""
        if not self._nobodys:
            self._nobodys = await self.hashed(secrets.token_urlsafe())
        return await self._in_turn(self._verify, kept or self._nobodys, normal(password)) and bool(kept)

    def is_old(self, kept: str) -> bool:
        """Whether it was hashed under other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[..., T], *given: str) -> T:
        if self._waiting >= _MAX_WAITING:
            raise Overloaded("too many people log in at this moment; try again in a few seconds", retry_after=5)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *given)
        finally:
            self._waiting -= 1
