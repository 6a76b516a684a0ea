"""What people prove themselves with, and what two do at once, on both engines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.authenticator import Authenticator
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.identity.house import (
    CHEAP,
    OTHER,
    PASSWORD,
    VISITOR,
    House,
    half_of,
    house_on,
    of,
    operates_nothing,
    refused,
    with_passkey,
    with_totp,
)

from kumihimo.base.errors import (
    BadRequestData,
    Forbidden,
    TooManyRequests,
    Unauthenticated,
)
from kumihimo.platform.identity.codes import STEP_SECONDS
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.models import (
    MAX_LOGINS,
    MAX_PASSKEYS,
    RECOVERY_CODES,
    Wrong,
)
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import SCHEMA
from kumihimo.platform.identity.tries import FREE_OF_NAME


@pytest.fixture
async def any_house(any_database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> House:
    return house_on(await any_database_factory([SCHEMA]), fake_clock, tmp_path)


async def test_of_two_who_use_the_first_link_at_once_one_is_the_administrator(any_house: House) -> None:
    link = await any_house.identity.link()
    both = [any_house.identity.welcome(link, name, name, "ja", PASSWORD, VISITOR) for name in ("one", "two")]
    done = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["LinkGone", "Opened"]
    assert len(await any_house.identity.accounts()) == 1


async def test_wrong_is_said_alike_whether_there_is_an_account_or_not(any_house: House) -> None:
    opened = await any_house.sato()
    nothing = await any_house.identity.add("nokey", "鍵なし")
    closed = await any_house.identity.add("closed", "閉鎖")
    await any_house.identity.welcome(await any_house.identity.link(closed.id), "", "", "", PASSWORD, OTHER)
    await any_house.identity.disable(closed.id)
    words = {
        await refused(Wrong, lambda name=name: any_house.identity.by_password(name, "wrong-wrong-wrong", VISITOR))  # type: ignore[misc]
        for name in ("sato", "nobody", "nokey", "closed", "", "x" * 5000, "\x00")
    }
    words.add(await refused(Wrong, lambda: any_house.enter(PASSWORD, name="closed")))
    words.add(await refused(Wrong, lambda: any_house.identity.by_recovery("nobody", PASSWORD, "AAAA", VISITOR)))
    words.add(await refused(Wrong, lambda: any_house.identity.by_recovery("sato", PASSWORD, "AAAA", VISITOR)))
    assert len(words) == 1
    assert nothing.password == ""
    assert opened.account.id


async def test_waits_outlast_a_restart_and_hold_for_the_right_password_too(any_house: House) -> None:
    await any_house.sato()
    for _ in range(FREE_OF_NAME):
        assert await refused(Wrong, lambda: any_house.enter("wrong-wrong-wrong"))
    again = Identity(
        any_house.database, any_house.clock, Seal(any_house.folder / "keys" / "seal"), operates_nothing, hasher=CHEAP
    )
    assert await refused(TooManyRequests, lambda: again.by_password("sato", PASSWORD, OTHER))
    assert await refused(TooManyRequests, lambda: again.by_password("ＳＡＴＯ", PASSWORD, OTHER))
    any_house.clock.advance(2)
    await again.by_password("sato", PASSWORD, OTHER)
    assert await refused(Wrong, lambda: again.by_password("sato", "wrong-wrong-wrong", OTHER))


async def test_many_guesses_at_once_are_no_way_around(any_house: House) -> None:
    await any_house.sato()
    tries = [any_house.identity.by_password("sato", f"wrong-wrong-{at}", VISITOR) for at in range(30)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    kinds = [type(one).__name__ for one in done]
    assert kinds.count("Wrong") == FREE_OF_NAME
    assert kinds.count("TooManyRequests") == 30 - FREE_OF_NAME


async def test_of_two_with_one_code_at_once_one_gets_in(any_house: House) -> None:
    _, totp = await with_totp(any_house)
    any_house.clock.advance(STEP_SECONDS)
    code, tokens = totp.at(any_house.clock.now()), [await half_of(any_house), await half_of(any_house)]
    done = await asyncio.gather(
        *(any_house.identity.by_code(token, code, VISITOR) for token in tokens), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Opened", "Wrong"]


async def test_recovery_codes_are_good_once_and_new_ones_end_the_old(any_house: House) -> None:
    opened, _ = await with_totp(any_house)
    codes = await any_house.identity.new_codes(of(opened))
    assert len(set(codes)) == RECOVERY_CODES
    token = await half_of(any_house)
    await any_house.identity.by_code(token, codes[0].lower(), VISITOR)
    again = await half_of(any_house)
    assert await refused(Wrong, lambda: any_house.identity.by_code(again, codes[0], VISITOR))
    by_code = await any_house.identity.by_recovery("sato", PASSWORD, codes[1].replace("-", " "), VISITOR)
    assert await refused(Wrong, lambda: any_house.identity.by_recovery("sato", PASSWORD, codes[1], VISITOR))
    assert await refused(Wrong, lambda: any_house.identity.by_recovery("sato", "wrong-wrong-wrong", codes[2], VISITOR))
    assert (await any_house.identity.mine(by_code.account.id)).codes_left == RECOVERY_CODES - 2
    await any_house.identity.new_codes(of(opened))
    assert await refused(Wrong, lambda: any_house.identity.by_recovery("sato", PASSWORD, codes[2], VISITOR))


async def test_what_a_passkey_said_once_or_elsewhere_or_as_a_copy_is_refused(any_house: House) -> None:
    _, key = await with_passkey(any_house)
    token, options = await any_house.identity.proofs.question(VISITOR)
    said = key.sign(options)
    await any_house.identity.by_passkey(token, said, VISITOR)
    assert await refused(Wrong, lambda: any_house.identity.by_passkey(token, said, VISITOR))
    token, options = await any_house.identity.proofs.question(VISITOR)
    assert await refused(Wrong, lambda: any_house.identity.by_passkey(token, said, VISITOR))

    async def attempt() -> None:
        token, options = await any_house.identity.proofs.question(VISITOR)
        await any_house.identity.by_passkey(token, key.sign(options), VISITOR)

    key.origin = "http://evil.example"
    assert await refused(Wrong, attempt)
    key.origin, key.counter = "http://localhost:8080", 0
    assert await refused(Wrong, attempt)  # a copy whose counter lags behind
    key.counter, key.flags = 50, 0x01
    assert await refused(Wrong, attempt)  # nobody was asked for a finger or a number
    key.flags, key.handle = 0x05, b"p-somebody-else"
    assert await refused(Wrong, attempt)
    assert await refused(BadRequestData, lambda: any_house.identity.by_passkey(token, "{" * 20_000, VISITOR))
    assert await refused(BadRequestData, lambda: any_house.identity.by_passkey(token, '{"id": 5}', VISITOR))
    assert await refused(Wrong, lambda: any_house.identity.by_passkey(token, '{"id": "unknown"}', VISITOR))


async def test_numbers_of_passkeys_and_log_ins_are_bounded(any_house: House) -> None:
    opened = await any_house.sato()
    for _ in range(MAX_PASSKEYS):
        token, options = await any_house.identity.begin_passkey(of(opened), VISITOR)
        await any_house.identity.finish_passkey(of(opened), token, Authenticator().make(options), "", VISITOR)
    assert await refused(Forbidden, lambda: any_house.identity.begin_passkey(of(opened), VISITOR))
    for _ in range(MAX_LOGINS):
        any_house.clock.advance(1)
        await any_house.identity.log_in(opened.account.id, "outside", "192.0.2.3")
    assert len((await any_house.identity.mine(opened.account.id)).logins) == MAX_LOGINS
    assert any_house.ended == [opened.login]


async def test_a_new_password_ends_all_log_ins_and_disabling_too(any_house: House) -> None:
    first, second = await any_house.sato(), await any_house.enter()
    after = await any_house.identity.set_password(of(second), "a-wholly-new-word", VISITOR)
    assert sorted(any_house.ended) == sorted([first.login, second.login])
    assert await any_house.caller(after.cookie)
    assert after.cookie not in (first.cookie, second.cookie)
    await any_house.identity.disable(after.account.id)
    assert await refused(Unauthenticated, lambda: any_house.caller(after.cookie))
    assert await any_house.identity.person(after.account.id) is None
    assert await refused(Unauthenticated, lambda: any_house.identity.log_in(after.account.id, "outside", "192.0.2.3"))
    await any_house.identity.disable(after.account.id, disabled=False)
    await any_house.enter("a-wholly-new-word")
