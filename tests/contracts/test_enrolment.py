"""Claim codes and certificates on both engines: who gets one, who is taken by one, and who is not."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest
from cryptography import x509
from tests.device.enrolment import csr
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base import times
from kumihimo.base.errors import (
    BadRequestData,
    NonexistentTenant,
    ResourceNotFound,
    TooManyRequests,
    Unauthenticated,
)
from kumihimo.device.enrolment import authority
from kumihimo.device.enrolment.door import MAX_GOOD, Enrolment, NotOurs
from kumihimo.device.enrolment.store import PLATFORM_SCHEMA, SCHEMA
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY
from kumihimo.storage.database import Database, Tx

DAY = 24 * 3600


@dataclass
class Town:
    database: Database
    registry: Registry
    enrolment: Enrolment
    cut: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def certificate(self, tenant: str = "a", device: str = "g1") -> bytes:
        issued = await self.enrolment.issue(tenant, device, csr.request())
        return authority.der(x509.load_pem_x509_certificate(issued.pem.encode()))

    async def kept(self) -> str:
        """All that the tenant's tables hold."""

        async def read(tx: Tx) -> str:
            tables = ("device_authority", "device_certificate", "device_claim", "device_secret", "device")
            return str([await tx.fetch(f"SELECT * FROM {one}") for one in tables])

        return await self.database.read("a", read)


def flip(data: bytes) -> bytes:
    """Stands for a seal: not what it was, and told from what is not sealed."""
    return b"sealed" + bytes(one ^ 0x5A for one in data)


def flipped(data: bytes) -> bytes:
    assert data.startswith(b"sealed")
    return bytes(one ^ 0x5A for one in data[6:])


@pytest.fixture
async def town(any_database_factory: DatabaseFactory, fake_clock: FakeClock) -> Town:
    database = await any_database_factory([REGISTRY, SCHEMA, PLATFORM_SCHEMA])
    cut: list[tuple[str, str]] = []
    registry = Registry(database, fake_clock, lambda tenant, device: cut.append((tenant, device)))
    enrolment = Enrolment(database, registry, fake_clock, flip, flipped, 30)
    made = Town(database, registry, enrolment, cut)
    enrolment.on_authority = lambda tenant, pem: made.told.append(pem)
    for tenant in ("a", "b"):
        await database.add_tenant(tenant)
        await registry.add(tenant, Device("g1", "river-gauge", "", "urn:x:g1", "t"))
    return made


async def test_a_certificate_is_its_devices_own(town: Town, fake_clock: FakeClock) -> None:
    shown = await town.certificate()
    tenant, device = await town.enrolment.device_of(shown)
    assert (tenant, device.id) == ("a", "g1")
    fake_clock.advance(3)
    (record,) = await town.enrolment.list("a", "g1")
    assert (record.used_at, record.revoked_at) == (record.made_at, None)
    assert (record.not_after - record.made_at) // 1_000_000 == 30 * DAY
    fake_clock.advance(700)
    await town.enrolment.device_of(shown)
    (record,) = await town.enrolment.list("a", "g1")
    assert record.used_at == times.micros(fake_clock.now())


async def test_each_tenant_has_an_authority_and_all_have_one_root(town: Town) -> None:
    assert await town.enrolment.authorities() == {}
    chains = await asyncio.gather(*(town.enrolment.chain(one) for one in ("a", "b", "a")))
    certificates = [x509.load_pem_x509_certificates(one.encode()) for one in chains]
    assert certificates[0] == certificates[2]
    assert certificates[0][1] == certificates[1][1], "the root"
    assert certificates[0][0] != certificates[1][0]
    everything = await town.enrolment.authorities()
    found = {name: x509.load_pem_x509_certificate(pem.encode()) for name, pem in everything.items()}
    assert found == {"a": certificates[0][0], "b": certificates[1][0]}, "and not the root, which signs no device's"
    told = set(x509.load_pem_x509_certificates("".join(town.told).encode()))
    assert told == {certificates[0][0], certificates[1][0]}
    with pytest.raises(NonexistentTenant):
        await town.enrolment.chain("nowhere")


async def test_private_keys_and_codes_are_not_in_the_store(town: Town) -> None:
    await town.certificate()
    claim = await town.enrolment.claim("a", "g1")
    kept = await town.kept()
    assert claim.code not in kept
    assert claim.code.replace("-", "") not in kept
    assert claim.code not in repr(claim)
    assert "c2VhbGVk" in kept, "what is sealed, in base64"


async def test_nobody_elses_certificate_is_taken(town: Town, fake_clock: FakeClock) -> None:
    own = x509.load_der_x509_certificate(await town.certificate())
    others = x509.load_der_x509_certificate(await town.certificate("b"))
    stolen = authority.sign(
        authority.make_authority(authority.make_root(fake_clock.now()), "a", fake_clock.now()),
        "a",
        "g1",
        csr.key("p256").public_key(),
        fake_clock.now(),
        30,
    )
    for one in (csr.self_signed(own), stolen):
        with pytest.raises(NotOurs, match="not issued here"):
            await town.enrolment.device_of(authority.der(one))
    tenant, _ = await town.enrolment.device_of(authority.der(others))
    assert tenant == "b"
    for rubbish in (b"", b"x"):
        with pytest.raises(NotOurs):
            await town.enrolment.device_of(rubbish)


async def test_a_revoked_certificate_stops_at_once_and_what_is_open_is_cut(town: Town) -> None:
    first, second = await town.certificate(), await town.certificate()
    serials = {one.fingerprint: one.serial for one in await town.enrolment.list("a", "g1")}
    assert await town.enrolment.revoke("a", "g1", serials[authority.fingerprint(first)].upper()) == 1
    assert town.cut == [("a", "g1")]
    with pytest.raises(NotOurs, match="revoked") as refused:
        await town.enrolment.device_of(first)
    assert (refused.value.tenant, refused.value.device) == ("a", "g1")
    await town.enrolment.device_of(second)
    assert await town.enrolment.revoke("a", "g1") == 1
    assert await town.enrolment.revoke("a", "g1") == 0
    assert len(town.cut) == 2
    listed = x509.load_der_x509_crl(await town.enrolment.revoked("a"))
    assert {f"{one.serial_number:x}" for one in listed} == set(serials.values())
    assert len(x509.load_der_x509_crl(await town.enrolment.revoked("b"))) == 0


async def test_a_certificate_is_good_for_its_days(town: Town, fake_clock: FakeClock) -> None:
    shown = await town.certificate()
    fake_clock.advance(30 * DAY - 1)
    await town.enrolment.device_of(shown)
    fake_clock.advance(1)
    with pytest.raises(NotOurs, match="run out"):
        await town.enrolment.device_of(shown)
    fake_clock.advance(-31 * DAY)
    with pytest.raises(NotOurs, match="not good yet"):
        await town.enrolment.device_of(shown)


async def test_who_stays_connected_is_cut_when_the_certificate_has_run_out(town: Town, fake_clock: FakeClock) -> None:
    shown = await town.certificate()
    await town.enrolment.device_of(shown)
    await town.enrolment.device_of(await town.certificate("b"), stays=True)
    fake_clock.advance(30 * DAY - 1)
    town.registry.end_overdue()
    assert town.cut == []
    fake_clock.advance(1)
    town.registry.end_overdue()
    assert town.cut == [("b", "g1")]


async def test_a_device_that_is_removed_takes_its_credentials_along(town: Town, fake_clock: FakeClock) -> None:
    shown, claim = await town.certificate(), await town.enrolment.claim("a", "g1")
    fake_clock.advance(1)
    await town.registry.remove("a", "g1")
    for _ in range(2):
        with pytest.raises(NotOurs):
            await town.enrolment.device_of(shown)
        fake_clock.advance(1)
        await town.registry.add("a", Device("g1", "river-gauge", "", "urn:x:g1", "t")) if _ == 0 else None
    with pytest.raises(Unauthenticated):
        await town.enrolment.redeem("a", claim.code)
    with pytest.raises(ResourceNotFound):
        await town.enrolment.issue("a", "g9", csr.request())


async def test_a_tenant_that_is_made_anew_knows_nothing_of_the_one_before(town: Town) -> None:
    shown = await town.certificate()
    await town.database.remove_tenant("a")
    town.registry.forget_tenant("a")
    with pytest.raises(NotOurs):
        await town.enrolment.device_of(shown)
    await town.database.add_tenant("a")
    await town.registry.add("a", Device("g1", "river-gauge", "", "urn:x:g1", "t"))
    with pytest.raises(NotOurs):
        await town.enrolment.device_of(shown)


async def test_certificates_are_not_collected(town: Town, fake_clock: FakeClock) -> None:
    for _ in range(MAX_GOOD):
        await town.certificate()
    with pytest.raises(BadRequestData, match="revoke those"):
        await town.certificate()
    fake_clock.advance(31 * DAY)
    await town.certificate()
    fake_clock.advance(150 * DAY)
    await town.certificate()
    assert len(await town.enrolment.list("a", "g1")) == 1, "those that ran out long ago are forgotten"


# --- claim codes -----------------------------------------------------------------------------------------


async def test_a_code_gives_a_key_once(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    claim = await town.enrolment.claim("a", "g1")
    assert await town.enrolment.claimable("a", "g1") == claim.expires_at
    found = await town.enrolment.redeem("a", claim.code.lower().replace("-", " "))
    assert (found.device, found.certificate) == ("g1", "")
    assert await town.registry.authenticate("a", "g1", found.key) is not None
    assert town.cut == [("a", "g1")], "by the key before nobody stays connected"
    with pytest.raises(Unauthenticated, match="used already"):
        await town.enrolment.redeem("a", claim.code)
    assert await town.enrolment.claimable("a", "g1") == 0
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert [secret for secret in (found.key, claim.code, claim.code.replace("-", "")) if secret in logged] == []


async def test_a_code_gives_a_certificate_and_a_bad_request_does_not_use_it_up(town: Town) -> None:
    claim = await town.enrolment.claim("a", "g1")
    with pytest.raises(BadRequestData):
        await town.enrolment.redeem("a", claim.code, csr.request("p384"))
    found = await town.enrolment.redeem("a", claim.code, csr.request())
    assert found.key == ""
    leaf, issuer = x509.load_pem_x509_certificates(found.certificate.encode())
    assert leaf.issuer == issuer.subject
    _, device = await town.enrolment.device_of(authority.der(leaf))
    assert device.id == "g1"


async def test_a_code_is_good_for_seven_days_in_its_tenant_alone(town: Town, fake_clock: FakeClock) -> None:
    claim = await town.enrolment.claim("a", "g1")
    await town.enrolment.claim("b", "g1")
    for tenant in ("b", "nowhere", "../a", ""):
        with pytest.raises(Unauthenticated):
            await town.enrolment.redeem(tenant, claim.code)
    fake_clock.advance(7 * DAY)
    assert await town.enrolment.claimable("a", "g1") == 0
    with pytest.raises(Unauthenticated):
        await town.enrolment.redeem("a", claim.code)


async def test_a_new_code_makes_the_one_before_void_and_one_can_be_taken_back(town: Town) -> None:
    first, second = await town.enrolment.claim("a", "g1"), await town.enrolment.claim("a", "g1")
    with pytest.raises(Unauthenticated):
        await town.enrolment.redeem("a", first.code)
    assert await town.enrolment.unclaim("a", "g1")
    assert not await town.enrolment.unclaim("a", "g1")
    with pytest.raises(Unauthenticated):
        await town.enrolment.redeem("a", second.code)
    with pytest.raises(ResourceNotFound):
        await town.enrolment.claim("a", "g9")


async def test_two_who_use_a_code_at_once_get_one_key(town: Town) -> None:
    claim = await town.enrolment.claim("a", "g1")
    done = await asyncio.gather(*(town.enrolment.redeem("a", claim.code) for _ in range(4)), return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in done) == 1
    assert sum(isinstance(one, Unauthenticated) for one in done) == 3


async def test_who_guesses_is_slowed_and_nobody_else_is(town: Town, fake_clock: FakeClock) -> None:
    claim = await town.enrolment.claim("a", "g1")
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            await town.enrolment.redeem("a", "00000-00000", address="203.0.113.7")
    with pytest.raises(TooManyRequests, match="try again in") as slowed:
        await town.enrolment.redeem("a", "00000-00000", address="203.0.113.7")
    assert slowed.value.retry_after > 0
    with pytest.raises(TooManyRequests):
        await town.enrolment.redeem("a", claim.code, address="203.0.113.7")
    await town.enrolment.redeem("a", claim.code, address="203.0.113.8")
    fake_clock.advance(slowed.value.retry_after)
    with pytest.raises(Unauthenticated):
        await town.enrolment.redeem("a", "00000-00000", address="203.0.113.7")


async def test_a_host_that_has_a_whole_network_of_addresses_guesses_as_one(town: Town) -> None:
    """Or it would use up alone what all together may try, and nobody could claim a device."""
    claim = await town.enrolment.claim("a", "g1")
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await town.enrolment.redeem("a", "00000-00000", address=f"2001:db8::{number:x}")
    with pytest.raises(TooManyRequests):
        await town.enrolment.redeem("a", "00000-00000", address="2001:db8::ffff")
    assert (await town.enrolment.redeem("a", claim.code, address="2001:db8:0:1::1")).device == "g1"


async def test_who_guesses_from_everywhere_is_slowed_too(town: Town) -> None:
    for number in range(1000):
        with pytest.raises(Unauthenticated):
            await town.enrolment.redeem("", "0", address=f"2001:db8:0:{number:x}::1")
    with pytest.raises(TooManyRequests):
        await town.enrolment.redeem("", "0", address="2001:db8:1::")
