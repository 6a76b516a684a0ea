"""Accounts, links, passwords, codes, passkeys and log-ins, as the room's door has them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
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

from kumihimo.base.call import Actor, Caller
from kumihimo.base.errors import (
    AlreadyExists,
    Forbidden,
    ResourceNotFound,
    TooManyRequests,
    Unauthenticated,
)
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.codes import STEP_SECONDS
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.identity.models import (
    Account,
    Half,
    LinkGone,
    NotTaken,
    ProofNeeded,
    Visitor,
    Wrong,
)
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.identity.store import SCHEMA
from kumihimo.platform.identity.store import logins as store
from kumihimo.platform.identity.tries import FORGIVEN, FREE_OF_NAME, FREE_OF_PLACE, MAX_WAIT, wait_after
from kumihimo.storage.database import PLATFORM, Tx


@pytest.fixture
async def house(database_factory: DatabaseFactory, fake_clock: FakeClock, tmp_path: Path) -> House:
    return house_on(await database_factory([SCHEMA]), fake_clock, tmp_path)


async def test_the_first_administrator_is_made_behind_the_newest_link_once(house: House) -> None:
    old = await house.identity.link()
    link = await house.identity.link()
    assert await refused(LinkGone, lambda: house.identity.linked(old))
    assert await house.identity.linked(link) is None
    opened = await house.identity.welcome(link, "Admin-1", "管理 花子", "ja", PASSWORD, VISITOR)
    assert opened.account.id in house.operators
    assert (await house.caller(opened.cookie)) == of(opened)
    assert await refused(LinkGone, lambda: house.identity.welcome(link, "x", "x", "ja", PASSWORD, VISITOR))
    assert "--role operator" in await refused(Forbidden, house.identity.link), (
        "there may be no administrator among them"
    )
    assert [(one.sign_in, one.name) for one in await house.identity.accounts()] == [("admin-1", "管理 花子")]


async def test_links_end_by_their_time(house: House) -> None:
    link = await house.identity.link()
    house.clock.advance(3599)
    await house.identity.linked(link)
    house.clock.advance(2)
    assert await refused(LinkGone, lambda: house.identity.linked(link))


async def test_a_link_of_the_operator_gives_a_new_password_and_ends_what_was_open(house: House) -> None:
    before = await house.sato()
    link = await house.identity.link(before.account.id)
    found = await house.identity.linked(link)
    assert found is not None
    assert found.sign_in == "sato"
    after = await house.identity.welcome(link, "ignored", "ignored", "en", "a-wholly-new-word", VISITOR)
    assert house.ended == [before.login]
    assert after.account.id == before.account.id
    assert await refused(Unauthenticated, lambda: house.caller(before.cookie))
    assert await refused(Wrong, house.enter)
    await house.enter("a-wholly-new-word")


async def test_a_password_is_hashed_and_rehashed_when_the_parameters_change(house: House) -> None:
    await house.sato()

    async def kept(tx: Tx) -> str:
        row = await tx.fetch_one("SELECT password FROM account")
        assert row is not None
        return str(row[0])

    before = await house.database.read(PLATFORM, kept)
    assert before.startswith("$argon2id$")
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    other = Identity(
        house.database, house.clock, Seal(house.folder / "keys" / "seal"), operates_nothing, hasher=stronger
    )
    await other.by_password("sato", PASSWORD, VISITOR)
    after = await house.database.read(PLATFORM, kept)
    assert after != before
    assert "m=16,t=2" in after
    await house.enter()


async def test_a_name_that_nobody_has_costs_a_hash_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.sato()
    checked: list[str] = []
    true_verify = CHEAP.verify

    def verify(kept: str, given: str) -> bool:
        checked.append(kept)
        return true_verify(kept, given)

    monkeypatch.setattr(PasswordHasher, "verify", lambda _, kept, given: verify(kept, given))
    for name in ("sato", "nobody"):
        assert await refused(Wrong, lambda name=name: house.enter("wrong-wrong-wrong", name=name))  # type: ignore[misc]
    assert len(checked) == 2
    assert checked[0].split("$")[:4] == checked[1].split("$")[:4]


async def test_who_tries_and_fails_waits_longer_each_time(house: House) -> None:
    await house.sato()
    waits = []
    for _ in range(FREE_OF_NAME + 4):
        try:
            await house.identity.by_password("sato", "wrong-wrong-wrong", OTHER)
        except TooManyRequests as problem:
            waits.append(problem.retry_after)
            house.clock.advance(problem.retry_after)
        except Wrong:
            pass
    assert waits == [1, 2]
    assert [wait_after(FREE_OF_NAME + at, FREE_OF_NAME) for at in (-1, 0, 3, 50)] == [0, 1, 8, MAX_WAIT]


async def test_one_password_tried_at_many_names_is_slowed_by_its_address(house: House) -> None:
    guesses = [f"name{at}" for at in range(FREE_OF_PLACE)]
    near = [Visitor(f"2001:db8::{at}") for at in range(len(guesses))]
    for name, visitor in zip(guesses, near, strict=True):
        assert await refused(Wrong, lambda n=name, v=visitor: house.enter("wrong-wrong-wrong", v, n))  # type: ignore[misc]
    assert await refused(TooManyRequests, lambda: house.enter("wrong-wrong-wrong", Visitor("2001:db8::ffff"), "name99"))
    assert await refused(Wrong, lambda: house.enter("wrong-wrong-wrong", VISITOR, "name99"))
    house.clock.advance(2 * FORGIVEN)
    assert await refused(Wrong, lambda: house.enter("wrong-wrong-wrong", Visitor("2001:db8::ffff"), "name99"))


async def test_with_an_app_a_log_in_needs_its_code_and_each_code_is_good_once(house: House) -> None:
    _, totp = await with_totp(house)
    used = totp.at(house.clock.now())
    token = await half_of(house)
    assert await refused(Wrong, lambda: house.identity.by_code(token, used, VISITOR))  # it set the app up
    house.clock.advance(STEP_SECONDS)
    code = totp.at(house.clock.now())
    opened = await house.identity.by_code(token, f" {code[:3]} {code[3:]} ", VISITOR)
    assert (await house.caller(opened.cookie)) == of(opened)
    assert await refused(Wrong, lambda: house.identity.by_code(token, code, VISITOR))
    again = await half_of(house)
    assert await refused(Wrong, lambda: house.identity.by_code(again, code, VISITOR))
    late = totp.at(house.clock.now())
    house.clock.advance(3 * STEP_SECONDS)
    assert await refused(Wrong, lambda: house.identity.by_code(again, late, VISITOR))


async def test_after_a_few_wrong_codes_the_password_is_asked_for_anew(house: House) -> None:
    _, totp = await with_totp(house)
    token = await half_of(house)
    for _ in range(FREE_OF_NAME):
        assert await refused(Wrong, lambda: house.identity.by_code(token, "123456", VISITOR))
    house.clock.advance(STEP_SECONDS)
    right = totp.at(house.clock.now())
    said = await refused(Wrong, lambda: house.identity.by_code(token, right, VISITOR))
    assert "begin again" in said


async def test_a_half_log_in_ends_by_its_time_and_opens_nothing(house: House) -> None:
    _, totp = await with_totp(house)
    token = await half_of(house)
    assert await refused(Unauthenticated, lambda: house.caller(token))
    house.clock.advance(301)
    assert await refused(Wrong, lambda: house.identity.by_code(token, totp.at(house.clock.now()), VISITOR))


async def test_what_waits_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_PENDING", 3)
    tokens = []
    for _ in range(5):
        house.clock.advance(1)
        tokens.append(await house.identity.proofs.keep("assert", "", "x"))
    for token in tokens[:2]:
        assert await refused(Wrong, lambda token=token: house.identity.proofs.taken(token, "assert"))  # type: ignore[misc]
    for token in tokens[2:]:
        await house.identity.proofs.taken(token, "assert")


async def test_the_secret_of_an_app_is_kept_sealed(house: House) -> None:
    _, totp = await with_totp(house)

    async def rows(tx: Tx) -> list[Any]:
        return [*await tx.fetch("SELECT * FROM account"), *await tx.fetch("SELECT * FROM account_pending")]

    assert totp.secret not in repr(await house.database.read(PLATFORM, rows))


async def test_a_passkey_alone_logs_in_and_its_counter_goes_on(house: House) -> None:
    _, key = await with_passkey(house)
    for _ in range(2):
        token, options = await house.identity.proofs.question(VISITOR)
        opened = await house.identity.by_passkey(token, key.sign(options), VISITOR)
    mine = await house.identity.mine(opened.account.id)
    assert [(one.name, one.counter) for one in mine.passkeys] == [("庁舎の端末", 2)]


async def test_a_passkey_is_renamed_by_its_owner_alone(house: House) -> None:
    opened, _ = await with_passkey(house)
    [key] = (await house.identity.mine(opened.account.id)).passkeys
    await house.identity.rename_passkey(of(opened), key.id, " わたしの電話 ")
    for wrong in ("", " ", "a\u202eb", "x" * 101):
        with pytest.raises(NotTaken):
            await house.identity.rename_passkey(of(opened), key.id, wrong)
    other = await house.identity.add("suzuki", "鈴木")
    stranger = Caller(Actor("person", other.id), None, "l-x", "鈴木")
    assert await refused(ResourceNotFound, lambda: house.identity.rename_passkey(stranger, key.id, "mine"))
    [left] = (await house.identity.mine(opened.account.id)).passkeys
    assert (left.name, left.public) == ("わたしの電話", key.public)


async def test_the_last_way_in_stays(house: House) -> None:
    account, key = await house.identity.add("suzuki", "鈴木"), Authenticator()
    link = await house.identity.link(account.id)
    token, options = await house.identity.welcome_question(link, "", "", "", VISITOR)
    opened = await house.identity.welcome_passkey(link, token, key.make(options), VISITOR)
    [only] = (await house.identity.mine(account.id)).passkeys
    assert await refused(Forbidden, lambda: house.identity.drop_passkey(of(opened), only.id))
    changed = await house.identity.set_password(of(opened), PASSWORD, VISITOR)
    await house.identity.drop_passkey(of(changed), only.id)
    assert await refused(ResourceNotFound, lambda: house.identity.drop_passkey(of(changed), only.id))


async def test_the_first_administrator_may_have_a_passkey_alone(house: House) -> None:
    link, key = await house.identity.link(), Authenticator()
    token, options = await house.identity.welcome_question(link, "root", "管理者", "ja-easy", VISITOR)
    opened = await house.identity.welcome_passkey(link, token, key.make(options), VISITOR)
    assert (opened.account.lang, opened.account.id in house.operators) == ("ja-easy", True)
    token, options = await house.identity.proofs.question(VISITOR)
    assert (await house.identity.by_passkey(token, key.sign(options), VISITOR)).account.id == opened.account.id


async def test_a_log_in_ends_unused_and_in_any_case_by_its_times(house: House) -> None:
    opened = await house.sato()
    for _ in range(12):
        house.clock.advance(3590)
        assert await house.caller(opened.cookie)
    house.clock.advance(3590)
    assert await refused(Unauthenticated, lambda: house.caller(opened.cookie))
    idle = await house.enter()
    house.clock.advance(3601)
    assert await refused(Unauthenticated, lambda: house.caller(idle.cookie))
    assert not await house.identity.is_live(idle.login)
    assert (await house.identity.mine(idle.account.id)).logins == []


async def test_one_ends_ones_own_log_ins_and_nobody_elses(house: House) -> None:
    first, other = await house.sato(), await house.enter()
    stranger = await house.identity.add("tanaka", "田中")
    assert await refused(ResourceNotFound, lambda: house.identity.logins.end(stranger.id, first.login))
    assert await house.identity.is_live(first.login)
    await house.identity.logins.end(first.account.id, first.login)
    assert house.ended == [first.login]
    assert await refused(Unauthenticated, lambda: house.caller(first.cookie))
    assert await house.caller(other.cookie)


async def test_credentials_change_only_with_a_fresh_proof(house: House) -> None:
    opened, caller = await house.sato(), None
    caller = of(opened)
    house.clock.advance(601)
    changes: list[Callable[[], Awaitable[Any]]] = [
        lambda: house.identity.set_password(caller, "a-wholly-new-word", VISITOR),
        lambda: house.identity.begin_totp(caller),
        lambda: house.identity.finish_totp(caller, "x", "123456"),
        lambda: house.identity.drop_totp(caller),
        lambda: house.identity.new_codes(caller),
        lambda: house.identity.begin_passkey(caller, VISITOR),
        lambda: house.identity.finish_passkey(caller, "x", "{}", "", VISITOR),
        lambda: house.identity.drop_passkey(caller, "x"),
    ]
    for change in changes:
        assert await refused(ProofNeeded, change)
    assert await refused(Wrong, lambda: house.identity.prove_by_password(caller, "wrong-wrong-wrong", "", VISITOR))
    assert await refused(ProofNeeded, lambda: house.identity.new_codes(caller))
    await house.identity.prove_by_password(caller, PASSWORD, "", VISITOR)
    await house.identity.new_codes(caller)


async def test_another_persons_passkey_proves_nothing(house: House) -> None:
    opened, key = await with_passkey(house)
    tanaka = await house.identity.add("tanaka", "田中")
    link = await house.identity.link(tanaka.id)
    his = of(await house.identity.welcome(link, "", "", "", PASSWORD, OTHER))
    token, options = await house.identity.proofs.question(VISITOR)
    assert await refused(Wrong, lambda: house.identity.prove_by_passkey(his, token, key.sign(options), VISITOR))
    token, options = await house.identity.proofs.question(VISITOR)
    await house.identity.prove_by_passkey(of(opened), token, key.sign(options), VISITOR)


async def test_a_cookie_of_another_name_or_twice_or_made_up_is_none(house: House) -> None:
    opened = await house.sato()
    assert await house.caller(opened.cookie, "session") is None
    assert await house.caller(opened.cookie, "__Host-kumihimo") is None
    over_tls = Credentials("GET", "/", cookie=f"kumihimo={opened.cookie}", secure=True)
    assert await house.identity.authenticate(over_tls) is None
    twice = Credentials("GET", "/", cookie=f"kumihimo=x; kumihimo={opened.cookie}")
    assert await refused(Unauthenticated, lambda: house.identity.authenticate(twice))
    assert await refused(Unauthenticated, lambda: house.caller("x" * 30_000))
    assert await refused(Unauthenticated, lambda: house.caller("é\udc80"))


async def test_a_sign_in_name_is_ones_own_however_it_is_typed(house: House) -> None:
    account = await house.identity.add("Satō@Example", "佐藤", email="a@example.jp", lang="en")
    assert await refused(AlreadyExists, lambda: house.identity.add("ｓａｔō@ＥＸＡＭＰＬＥ", "別人"))
    assert (await house.identity.named(" SATŌ@example ")).id == account.id
    person = await house.identity.person(account.id)
    assert person is not None
    assert (person.name, person.email, person.lang) == ("佐藤", "a@example.jp", "en")
    await house.identity.describe(account.id, "佐藤 一", "", "ja")
    assert (await house.identity.mine(account.id)).account.name == "佐藤 一"


async def test_no_secret_is_shown_by_what_is_printed_or_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        opened, totp = await with_totp(house)
        codes = await house.identity.new_codes(of(opened))
        token = await half_of(house)
        await house.identity.by_code(token, codes[0], VISITOR)
        mine = await house.identity.mine(opened.account.id)
    told = f"{mine!r} {opened!r} {Half(token)!r} " + "".join(f"{one.__dict__}" for one in caplog.records)
    for secret in (PASSWORD, totp.secret, opened.cookie, token, *codes, "$argon2id"):
        assert secret not in told
    assert isinstance(mine.account, Account)
    logged = "".join(f"{one.__dict__}" for one in caplog.records)
    assert "sato" not in logged
    assert "佐藤" not in logged
    assert opened.account.id in logged
