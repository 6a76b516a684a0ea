"""Providers outside and the identities that people have there, on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.fakes import DatabaseFactory, FakeClock
from tests.platform.outside.house import Sealing

from kumihimo.base.errors import AlreadyExists, BadRequestData, Forbidden, ResourceNotFound
from kumihimo.platform.outside import keys, store
from kumihimo.platform.outside.keys import KEPT_KEYS
from kumihimo.platform.outside.models import MAX_PROVIDERS, Identity, NoProvider, OutsideLogin, Provider
from kumihimo.platform.outside.names import Names
from kumihimo.platform.outside.profiles import profile
from kumihimo.platform.outside.providers import Providers
from kumihimo.platform.outside.store import SCHEMA
from kumihimo.storage.database import PLATFORM, Database, Tx

KEYCLOAK = Provider("staff", "https://idp.example.jp/realms/town", "kumihimo", "職員", "Staff")


@pytest.fixture
async def database(any_database_factory: DatabaseFactory) -> Database:
    return await any_database_factory([SCHEMA])


@pytest.fixture
def providers(database: Database, fake_clock: FakeClock) -> Providers:
    return Providers(database, fake_clock, Sealing())


async def test_a_provider_is_kept_as_it_was_given_and_its_secret_sealed(
    providers: Providers, database: Database
) -> None:
    given = Provider(
        "a",
        "https://idp.example.jp/realms/town",
        "kumihimo",
        scopes=("openid", "email"),
        acr_values=("gold",),
        acr_needed=("gold",),
        extra={"kc_idp_hint": "card"},
        pass_on=("sign_transaction_id",),
        take=("name", "email"),
        keep=("address",),
        signup="domains",
        domains=("town.example.jp",),
    )
    made = await providers.add(given, "a very secret secret")
    assert await providers.get("a") == made
    assert providers.secret(made) == "a very secret secret"
    assert "very secret" not in repr(made)

    async def rows(tx: Tx) -> str:
        return repr(await tx.fetch("SELECT * FROM outside_provider"))

    assert "very secret" not in await database.read(PLATFORM, rows)
    await providers.add(KEYCLOAK, "x")
    assert [one.name for one in await providers.all()] == ["a", "staff"]
    with pytest.raises(AlreadyExists):
        await providers.add(KEYCLOAK, "x")


async def test_a_provider_is_switched_off_and_on(providers: Providers) -> None:
    await providers.add(KEYCLOAK, "x")
    assert (await providers.active("staff")).name == "staff"
    await providers.switch("staff", active=False)
    with pytest.raises(NoProvider):
        await providers.active("staff")
    await providers.switch("staff", active=True)
    assert (await providers.active("staff")).active
    for name in ("nobody", "../x", ""):
        with pytest.raises(NoProvider):
            await providers.active(name)
    with pytest.raises(ResourceNotFound):
        await providers.switch("nobody", active=True)


async def test_a_provider_that_people_use_is_removed_only_where_that_is_meant(
    providers: Providers, database: Database
) -> None:
    await providers.add(KEYCLOAK, "x")
    await database.write(PLATFORM, lambda tx: store.link_tx(tx, Identity("staff", "s", "p-1", "", 1, 1)))
    with pytest.raises(Forbidden, match="1 people"):
        await providers.remove("staff")
    assert await providers.remove("staff", force=True) == 1
    assert await database.read(PLATFORM, lambda tx: store.identity_tx(tx, "staff", "s")) is None
    with pytest.raises(ResourceNotFound):
        await providers.remove("staff")


async def test_our_key_signs_rotates_and_its_public_half_alone_is_given_out(
    providers: Providers, fake_clock: FakeClock, database: Database
) -> None:
    one = await providers.add(Provider("app", client_id="RP1", **profile("digital-auth-app", "")))
    key = await providers.key(one)
    made = keys.assertion(key, one, "https://idp.example.jp/token", 1_000)
    (public,) = await providers.public_keys("app")
    assert "d" not in public
    claims = jwt.decode(made, KeySet.import_key_set({"keys": [public]}), algorithms=["ES256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("RP1", "RP1", "https://idp.example.jp/token")
    assert 0 < claims["exp"] - 1_000 <= 60
    for number in range(KEPT_KEYS + 1):
        fake_clock.advance(1)
        fresh = await providers.rotate("app")
        shown = await providers.public_keys("app")
        assert shown[0]["kid"] == fresh == (await providers.key(one)).kid
        assert len(shown) == min(KEPT_KEYS, number + 2)

    async def halves(tx: Tx) -> list[Any]:
        return [row[0] for row in await tx.fetch("SELECT private FROM outside_key ORDER BY made_at DESC")]

    kept = await database.read(PLATFORM, halves)
    assert [bool(one) for one in kept] == [True] + [False] * (KEPT_KEYS - 1)
    assert '"d"' not in kept[0]
    await providers.add(KEYCLOAK, "x")
    with pytest.raises(BadRequestData):
        await providers.rotate("staff")


async def test_there_are_so_many_providers_and_no_more(providers: Providers) -> None:
    for number in range(MAX_PROVIDERS):
        await providers.add(Provider(f"p{number}", "https://idp.example.jp", "c"), "x")
    with pytest.raises(BadRequestData):
        await providers.add(Provider("more", "https://idp.example.jp", "c"), "x")


async def test_an_identity_belongs_to_one_account_alone(database: Database) -> None:
    async def link(provider: str, subject: str, account: str) -> bool:
        one = Identity(provider, subject, account, "", 5, 0)
        return await database.write(PLATFORM, lambda tx: store.link_tx(tx, one))

    assert await link("a", "s", "p-1")
    assert not await link("a", "s", "p-2")
    assert not await link("a", "s", "p-1")
    assert await link("b", "s", "p-2")
    found = await database.read(PLATFORM, lambda tx: store.identity_tx(tx, "a", "s"))
    assert found == Identity("a", "s", "p-1", "", 5, 0)
    assert await database.write(PLATFORM, lambda tx: store.unlink_tx(tx, "a", "p-2")) == 0
    assert await database.write(PLATFORM, lambda tx: store.unlink_tx(tx, "a", "p-1")) == 1
    assert await link("a", "s", "p-2")


async def test_log_ins_are_found_by_person_and_by_session(database: Database) -> None:
    async def enter(login: str, subject: str, sid: str, at: int) -> None:
        row = OutsideLogin(login, "p-1", "a", subject, sid, "", at)
        await database.write(PLATFORM, lambda tx: store.entered_tx(tx, row, at - 100))

    async def find(subject: str, sid: str, provider: str = "a") -> set[str]:
        found = await database.read(PLATFORM, lambda tx: store.logins_tx(tx, provider, subject, sid))
        assert {one.account for one in found} <= {"p-1"}
        return {one.login for one in found}

    await enter("l1", "s1", "x", 1)
    await enter("l2", "s1", "y", 2)
    await enter("l3", "s2", "x", 3)
    assert await find("s1", "") == {"l1", "l2"}
    assert await find("s1", "y") == {"l2"}
    assert await find("", "x") == {"l1", "l3"}
    assert await find("s1", "", "b") == set()
    await database.write(PLATFORM, lambda tx: store.forget_login_tx(tx, "l2"))
    assert await database.read(PLATFORM, lambda tx: store.outside_login_tx(tx, "l2")) is None
    await enter("l4", "s1", "z", 102)
    assert await find("s1", "") == {"l4"}


async def test_what_may_be_shown_once_is_remembered_until_its_time(database: Database) -> None:
    async def once(digest: str, now: int, until: int) -> bool:
        return await database.write(PLATFORM, lambda tx: store.once_tx(tx, digest, now, until))

    assert await once("a", 0, 10)
    assert not await once("a", 5, 10)
    assert await once("b", 5, 10)
    assert await once("a", 11, 20)


async def test_a_person_has_a_name_for_each_service_and_always_the_same(database: Database) -> None:
    names = Names(database, Sealing())
    water, waste = await names.of("p-1", "water"), await names.of("p-1", "waste")
    assert water != waste
    assert "p-1" not in water
    assert await names.of("p-2", "water") != water
    assert await Names(database, Sealing()).of("p-1", "water") == water
