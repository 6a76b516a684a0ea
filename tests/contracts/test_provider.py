"""What the provider keeps, on both engines: keys, applications, families, consents, and what two processes see."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import urlsafe_b64encode
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Caller
from kumihimo.base.clock import Clock
from kumihimo.base.errors import BadRequestData, NonexistentTenant, ResourceNotFound, StorageRefused
from kumihimo.base.ports import Credentials
from kumihimo.platform.identity.seal import Seal
from kumihimo.platform.provider import applications
from kumihimo.platform.provider.applications import MAX_SECRETS
from kumihimo.platform.provider.authorize import Go
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.provider.errors import BadToken, OAuthError
from kumihimo.platform.provider.models import Consent, Edit, Family, Login
from kumihimo.platform.provider.store import SCHEMA, families
from kumihimo.platform.provider.store.applications import application_tx
from kumihimo.storage.database import PLATFORM, Database, Tx

DAY = 24 * 3600


class Nobody:
    async def __call__(self, credentials: Credentials) -> None:
        return None

    async def login(self, caller: object) -> Login | None:
        return None

    async def claims(self, account: str, scopes: frozenset[str]) -> dict[str, str]:
        return {}

    async def end(self, caller: object) -> None:
        return None


def provider_on(database: Database, clock: Clock, folder: Path) -> Provider:
    nobody = Nobody()
    return Provider(database, clock, lambda: "http://localhost", nobody, nobody, Seal(folder / "k" / "provider.key"))


@pytest.fixture
async def database(any_database_factory: DatabaseFactory) -> Database:
    database = await any_database_factory([SCHEMA])
    for tenant in ("a", "b"):
        await database.add_tenant(tenant)
    return database


@pytest.fixture
def provider(database: Database, fake_clock: FakeClock, tmp_path: Path) -> Provider:
    return provider_on(database, fake_clock, tmp_path)


async def test_two_processes_sign_with_one_key_and_name_people_alike(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    other = provider_on(database, fake_clock, tmp_path)
    assert (await provider.keys.signing()).id == (await other.keys.signing()).id
    assert await provider.keys.pairwise("s", "p-1") == await other.keys.pairwise("s", "p-1")
    assert (tmp_path / "k" / "provider.key").stat().st_mode & 0o777 == 0o600


async def test_without_the_key_file_nothing_is_opened(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    await provider.keys.signing()
    await provider.keys.pairwise("s", "p-1")
    (tmp_path / "k" / "provider.key").unlink()
    other = provider_on(database, fake_clock, tmp_path)
    with pytest.raises(StorageRefused, match=r"provider\.key"):
        await other.keys.signing()
    with pytest.raises(StorageRefused, match=r"provider\.key"):
        await other.keys.pairwise("s", "p-1")


async def test_another_process_refuses_what_was_revoked_within_a_second(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    other = provider_on(database, fake_clock, tmp_path)
    made = await provider.applications.add("a", "w", "confidential", scopes=["ngsi-ld:read"])
    key = await provider.applications.add("a", "k", "key", scopes=["ngsi-ld:read"])
    given = await provider.grants.give(made.application, {"grant_type": "client_credentials"})
    token = given["access_token"]
    for one in (token, key.secret):
        assert await other.bearer.caller(one)
        assert await provider.bearer.caller(one)
    await provider.grants.revoke(made.application, token)
    await provider.applications.disable("a", key.application.id)
    for one in (token, key.secret):
        with pytest.raises(BadToken):
            await provider.bearer.caller(one)
    fake_clock.advance(1)
    for one in (token, key.secret):
        with pytest.raises(BadToken):
            await other.bearer.caller(one)


async def test_an_application_comes_back_with_its_keys_and_without_what_was_given_before(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    other = provider_on(database, fake_clock, tmp_path)
    made = await provider.applications.add("a", "w", "confidential", scopes=["ngsi-ld:read"], made_by="person:p-1")
    key = await provider.applications.add("a", "k", "key", scopes=["ngsi-ld:read"])
    grant = {"grant_type": "client_credentials"}
    before = (await provider.grants.give(made.application, grant))["access_token"]
    callers = [await provider.bearer.caller(one) for one in (before, key.secret)]
    open_by = [one.login for one in callers if one is not None]
    for one in (made, key):
        with pytest.raises(BadRequestData, match="in use"):
            await provider.applications.enable("a", one.application.id)
        with pytest.raises(ResourceNotFound):
            await provider.applications.enable("b", one.application.id)
        fake_clock.advance(1)
        await provider.applications.disable("a", one.application.id, made_by="person:p-2")
        await provider.applications.disable("a", one.application.id, made_by="person:p-2")
        fake_clock.advance(1)
        back = await provider.applications.enable("a", one.application.id, made_by="person:p-3")
        assert (back.disabled_at, await provider.applications.find(back.id)) == (0, back)
    fake_clock.advance(1)
    for each in (provider, other):
        assert await each.bearer.caller(key.secret)
        assert await each.applications.holds_secret(made.application, made.secret)
        assert await each.bearer.caller((await each.grants.give(made.application, grant))["access_token"])
        with pytest.raises(BadToken):
            await each.bearer.caller(before)
        assert [await each.bearer.is_live(one) for one in open_by] == [False, False]
    done = await provider.applications.acts("a", 0, 2**62, 10)
    assert [(one.kind, one.by) for one in reversed(done) if one.application == made.application.id] == [
        ("added", "person:p-1"),
        ("disabled", "person:p-2"),
        ("enabled", "person:p-3"),
    ]
    assert len(await provider.applications.acts("a", 0, 2**62, 2)) == 2
    assert await provider.applications.acts("a", 0, done[-1].at, 10) == []
    assert await provider.applications.acts("b", 0, 2**62, 10) == []


async def test_another_process_refuses_what_an_application_lost_within_a_second(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    other = provider_on(database, fake_clock, tmp_path)
    both = ["ngsi-ld:read", "ngsi-ld:write"]
    made = await provider.applications.add("a", "w", "confidential", scopes=both)
    key = await provider.applications.add("a", "k", "key", scopes=both)
    token = (await provider.grants.give(made.application, {"grant_type": "client_credentials"}))["access_token"]
    for one in (token, key.secret):
        assert await other.bearer.caller(one)
    for one in (made, key):
        narrow = Edit(name="less", scopes=frozenset({"ngsi-ld:read"}))
        changed = await provider.applications.edit("a", one.application.id, narrow)
        assert await other.applications.find(one.application.id) == changed
    fake_clock.advance(1)
    with pytest.raises(BadToken):
        await other.bearer.caller(token)
    caller = await other.bearer.caller(key.secret)
    assert caller is not None
    assert (caller.scopes, caller.name) == (frozenset({"ngsi-ld:read"}), "less")


async def test_when_all_keys_are_thrown_away_another_process_refuses_what_they_signed_within_a_second(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    other = provider_on(database, fake_clock, tmp_path)
    made = await provider.applications.add("a", "w", "confidential", scopes=["ngsi-ld:read"])
    shown, kept = [
        (await provider.grants.give(made.application, {"grant_type": "client_credentials"}))["access_token"]
        for _ in range(2)
    ]
    assert await other.bearer.caller(shown)
    await provider.keys.rotate(at_once=True)
    with pytest.raises(BadToken):
        await provider.bearer.caller(kept)
    fake_clock.advance(1)
    for token in (shown, kept):
        with pytest.raises(BadToken):
            await other.bearer.caller(token)
    given = await other.grants.give(made.application, {"grant_type": "client_credentials"})
    assert await provider.bearer.caller(given["access_token"])


async def test_of_many_who_show_one_code_or_one_refresh_token_at_once_one_is_served_and_then_nobody(
    provider: Provider,
) -> None:
    back, verifier = "https://a.jp/cb", "v" * 43
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    made = await provider.applications.add(
        "a", "w", "confidential", scopes=["openid"], redirect_uris=[back], is_own=True
    )
    asked = {
        "response_type": "code", "client_id": made.application.id, "redirect_uri": back, "scope": "openid",
        "state": "s", "nonce": "n", "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip

    async def shown(form: dict[str, str]) -> list[dict[str, str]]:
        """What those get who show the same at the same time."""
        attempts = [provider.grants.give(made.application, form) for _ in range(4)]
        found = await asyncio.gather(*attempts, return_exceptions=True)
        assert all(isinstance(one, dict | OAuthError) for one in found), found
        return [one for one in found if isinstance(one, dict)]

    async def code() -> dict[str, str]:
        caller = Caller(Actor("person", "p-1"), login="l-1")
        found = await provider.authorize.begin(asked, caller, Login(provider.tokens.now()))
        assert isinstance(found, Go)
        given = dict(parse_qsl(urlsplit(found.to).query))["code"]
        return {"grant_type": "authorization_code", "code": given, "redirect_uri": back, "code_verifier": verifier}

    (served,) = await shown(await code())
    with pytest.raises(BadToken):
        await provider.bearer.caller(served["access_token"])
    good = await provider.grants.give(made.application, await code())
    form = {"grant_type": "refresh_token", "refresh_token": str(good["refresh_token"])}
    (served,) = await shown(form)
    for one in (good, served):
        with pytest.raises(BadToken):
            await provider.bearer.caller(str(one["access_token"]))


async def test_applications_are_their_tenants_own_and_keep_what_was_said(provider: Provider) -> None:
    add = provider.applications.add
    made = await add(
        "a", "地図", "public", scopes=["openid", "ngsi-ld:read"], redirect_uris=["https://b.jp/cb", "https://a.jp/cb"],
        logout_uris=["https://a.jp/"], is_own=True, made_by="person:operator",
    )  # fmt: skip
    (found,) = await provider.applications.all("a")
    assert found.redirect_uris == ("https://a.jp/cb", "https://b.jp/cb")
    assert (found.grants, found.is_own, found.made_by) == (
        frozenset({"authorization_code", "refresh_token"}), True, "person:operator",
    )  # fmt: skip
    assert found.id == made.application.id
    assert (made.secret, await provider.applications.all("b")) == ("", [])
    for act in (provider.applications.disable("b", found.id), provider.applications.rotate("b", found.id)):
        with pytest.raises(ResourceNotFound):
            await act
    with pytest.raises(NonexistentTenant):
        await add("nobody", "x", "key", scopes=["ngsi-ld:read"])
    assert await provider.applications.is_registered_origin("https://a.jp")
    assert not await provider.applications.is_registered_origin("https://c.jp")


async def test_parts_that_do_not_fit_together_are_refused(provider: Provider) -> None:
    back = ["https://a.jp/cb"]
    wrong: tuple[dict[str, object], ...] = (
        {"kind": "key", "redirect_uris": back}, {"kind": "key", "scopes": ["openid"]},
        {"kind": "key", "is_resource": True}, {"kind": "public"},
        {"kind": "public", "redirect_uris": back, "grants": ["client_credentials"]},
        {"kind": "public", "redirect_uris": back, "is_resource": True}, {"kind": "private_key_jwt"},
        {"kind": "confidential", "jwks": '{"keys":[]}'}, {"kind": "confidential", "scopes": []},
        {"kind": "confidential", "scopes": ["all"]}, {"kind": "confidential", "grants": ["password"]},
        {"kind": "confidential", "grants": ["refresh_token"]},
        {"kind": "confidential", "grants": ["authorization_code"]},
        {"kind": "confidential", "redirect_uris": [f"https://a.jp/{number}" for number in range(21)]},
        {"kind": "confidential", "redirect_uris": ["http://a.jp/cb"]}, {"kind": "none"}, {"kind": "key", "name": " "},
        {"kind": "key", "name": "a\x00"}, {"kind": "key", "name": "x" * 101},
    )  # fmt: skip
    for one in wrong:
        given = {"name": "x", "scopes": ["ngsi-ld:read"], **one}
        with pytest.raises(BadRequestData):
            await provider.applications.add("a", **given)  # type: ignore[arg-type]
    assert await provider.applications.all("a") == []


async def test_a_tenant_has_so_many_applications_and_no_more(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "MAX_APPLICATIONS", 2)
    for name in ("1", "2"):
        await provider.applications.add("a", name, "key", scopes=["ngsi-ld:read"])
    with pytest.raises(BadRequestData, match="has 2 applications"):
        await provider.applications.add("a", "3", "key", scopes=["ngsi-ld:read"])
    assert await provider.applications.add("b", "3", "key", scopes=["ngsi-ld:read"])


async def test_secrets_end_and_the_oldest_are_forgotten(provider: Provider, fake_clock: FakeClock) -> None:
    made = await provider.applications.add("a", "w", "confidential", scopes=["ngsi-ld:read"])
    shown = [made.secret]
    for _ in range(MAX_SECRETS + 1):
        fake_clock.advance(1)
        shown.append((await provider.applications.rotate("a", made.application.id)).secret)
    kept = await provider.applications.secrets(made.application.id)
    assert (len(kept), len(set(shown))) == (MAX_SECRETS, MAX_SECRETS + 2)
    assert [one.expires_at > 0 for one in kept] == [False, *[True] * (MAX_SECRETS - 1)]
    holds = [await provider.applications.holds_secret(made.application, one) for one in shown]
    assert holds == [False, False, *[True] * MAX_SECRETS]
    for overlap in (-1, 31 * DAY):
        with pytest.raises(BadRequestData):
            await provider.applications.rotate("a", made.application.id, overlap=overlap)


async def test_last_use_is_shown_at_once_and_written_later(
    provider: Provider, database: Database, fake_clock: FakeClock, tmp_path: Path
) -> None:
    key = await provider.applications.add("a", "k", "key", scopes=["ngsi-ld:read"])
    fake_clock.advance(60)
    await provider.bearer.caller(key.secret)
    (shown,) = await provider.applications.all("a")
    assert shown.last_used_at == shown.created_at + 60_000_000
    other = provider_on(database, fake_clock, tmp_path)
    assert (await other.applications.all("a"))[0].last_used_at == 0
    await provider.applications.write_use()
    assert (await other.applications.all("a"))[0].last_used_at == shown.last_used_at
    (secret,) = await other.applications.secrets(key.application.id)
    assert secret.last_used_at == shown.last_used_at


async def test_what_is_used_up_once_is_used_up(provider: Provider, database: Database) -> None:
    family = Family("f-1", "a-1", "p-1", "l-1", frozenset({"openid"}), Login(5, "acr", ("pwd",)), 100)

    async def once(tx: Tx) -> tuple[object, ...]:
        await families.add_family_tx(tx, family)
        await families.add_refresh_tx(tx, "h", "f-1", 100)
        shown = await families.take_assertion_tx(tx, "a-1", "j", 100)
        again = await families.take_assertion_tx(tx, "a-1", "j", 100)
        first = await families.take_refresh_tx(tx, "h", 5)
        second = await families.take_refresh_tx(tx, "h", 6)
        kept = await families.family_tx(tx, "f-1")
        return shown, again, first, second, kept, await families.family_of_refresh_tx(tx, "h")

    assert await database.write(PLATFORM, once) == (True, False, True, False, family, "f-1")


async def test_consents_are_kept_in_place_of_each_other_and_ended(provider: Provider, database: Database) -> None:
    for scopes in ({"openid"}, {"openid", "email"}):
        one = Consent("p-1", "a-1", frozenset(scopes), 7)
        await database.write(PLATFORM, lambda tx: families.keep_consent_tx(tx, one))  # noqa: B023
    assert await provider.authorize.consents("p-1") == [Consent("p-1", "a-1", frozenset({"openid", "email"}), 7)]
    await provider.grants.end("p-1", application="a-1", forget=True)
    assert await provider.authorize.consents("p-1") == []


async def test_families_of_a_log_in_or_of_a_person_end_together(provider: Provider, database: Database) -> None:
    for name, account, login in (("1", "p-1", "l-1"), ("2", "p-1", "l-2"), ("3", "p-2", "l-3"), ("4", "p-1", "l-4")):
        one = Family(f"f-{name}", "a-1", account, login, frozenset(), Login(5), 100)
        await database.write(PLATFORM, lambda tx: families.add_family_tx(tx, one))  # noqa: B023
    assert await provider.grants.end("p-1", login="l-2") == 1
    assert await provider.grants.end("p-1", application="a-9") == 0
    assert await provider.grants.end("p-1") == 2

    async def ended(tx: Tx) -> list[bool]:
        found = [await families.family_tx(tx, f"f-{name}") for name in "1234"]
        return [one is not None and one.ended_at > 0 for one in found]

    assert await database.read(PLATFORM, ended) == [True, True, False, True]


async def test_what_has_been_over_for_a_day_is_forgotten_and_nothing_else(
    provider: Provider, database: Database, fake_clock: FakeClock
) -> None:
    made = await provider.applications.add("a", "w", "confidential", scopes=["ngsi-ld:read"])
    now = provider.tokens.now()
    for name, ends in (("old", now + 1), ("new", now + 3 * DAY * 1_000_000)):
        one = Family(name, "a-1", "p-1", "l-1", frozenset(), Login(5), ends)
        await database.write(PLATFORM, lambda tx: families.add_family_tx(tx, one))  # noqa: B023
        await database.write(PLATFORM, lambda tx: families.take_assertion_tx(tx, "a-1", name, ends))  # noqa: B023
    assert await provider.forget() == 0
    fake_clock.advance(DAY + 1)
    assert await provider.forget() == 2
    assert await database.read(PLATFORM, lambda tx: families.family_tx(tx, "old")) is None
    assert await database.read(PLATFORM, lambda tx: families.family_tx(tx, "new")) is not None
    assert await database.read(PLATFORM, lambda tx: application_tx(tx, made.application.id)) == made.application
