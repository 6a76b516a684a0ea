"""A small house for tests of identity: a database, a clock moved by hand, and Sato, who has a password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from tests.authenticator import Authenticator
from tests.fakes import FakeClock

from kumihimo.base.call import Actor, Caller
from kumihimo.base.errors import BadRequestData
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.models import Half, Opened, Visitor
from kumihimo.platform.identity.seal import Seal
from kumihimo.storage.database import Database

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "kawa-no-mizu-wa-kiyoi"
VISITOR = Visitor("192.0.2.1", "Browser", "http://localhost:8080")
OTHER = Visitor("198.51.100.7", "Browser", "http://localhost:8080")


@dataclass
class House:
    identity: Identity
    database: Database
    clock: FakeClock
    folder: Path
    ended: list[str] = field(default_factory=list)
    operators: list[str] = field(default_factory=list)

    async def sato(self, **more: Any) -> Opened:
        """Somebody with a password, logged in."""
        account = await self.identity.add("sato", "佐藤", **more)
        return await self.identity.welcome(
            await self.identity.link(account.id), "", "", "", PASSWORD, Visitor("203.0.113.9", "", VISITOR.origin)
        )

    async def caller(self, cookie: str, name: str = "kumihimo") -> Caller | None:
        return await self.identity.authenticate(Credentials("GET", "/", cookie=f"lang=ja; {name}={cookie}"))

    async def enter(self, password: str = PASSWORD, visitor: Visitor = VISITOR, name: str = "sato") -> Opened:
        opened = await self.identity.by_password(name, password, visitor)
        assert isinstance(opened, Opened)
        return opened


def house_on(database: Database, clock: FakeClock, folder: Path) -> House:
    ended: list[str] = []
    operators: list[str] = []

    async def operate(account: str) -> None:
        operators.append(account)

    seal = Seal(folder / "keys" / "seal")
    identity = Identity(database, clock, seal, operate, ended=ended.append, hasher=CHEAP)
    return House(identity, database, clock, folder, ended, operators)


async def operates_nothing(account: str) -> None:
    raise AssertionError(f"{account} was made an operator")


def of(opened: Opened) -> Caller:
    return Caller(Actor("person", opened.account.id), None, opened.login, opened.account.name)


async def refused(kind: type[Exception], work: Callable[[], Awaitable[Any]]) -> str:
    with pytest.raises(kind) as found:
        await work()
    return str(found.value)


async def with_totp(house: House) -> tuple[Opened, pyotp.TOTP]:
    opened = await house.sato()
    token = await house.identity.begin_totp(of(opened))
    secret, address = await house.identity.show_totp(of(opened), token)
    assert address.startswith("otpauth://totp/Kumihimo:sato?secret=" + secret)
    totp = pyotp.TOTP(secret)
    await refused(BadRequestData, lambda: house.identity.finish_totp(of(opened), token, "000000"))
    await house.identity.finish_totp(of(opened), token, totp.at(house.clock.now()))
    return opened, totp


async def half_of(house: House) -> str:
    half = await house.identity.by_password("sato", PASSWORD, VISITOR)
    assert isinstance(half, Half)
    return half.token


async def with_passkey(house: House) -> tuple[Opened, Authenticator]:
    opened, key = await house.sato(), Authenticator()
    token, options = await house.identity.begin_passkey(of(opened), VISITOR)
    await house.identity.finish_passkey(of(opened), token, key.make(options), "庁舎の端末", VISITOR)
    return opened, key
