"""The door of the room: claim codes, devices' certificates, and who shows one."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from cryptography import x509

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import (
    BadRequestData,
    NonexistentTenant,
    Problem,
    ResourceNotFound,
    TooManyRequests,
    Unauthenticated,
)
from kumihimo.base.ids import check_device, check_tenant
from kumihimo.base.rates import Rates, place_of
from kumihimo.device.enrolment import authority as certificates
from kumihimo.device.enrolment import codes, store
from kumihimo.device.enrolment.authority import Authority, PublicKey
from kumihimo.device.enrolment.models import CertificateRecord, Claim, Issued, Redeemed, Seal
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused
from kumihimo.storage.database import PLATFORM, Database, Scope, Tx

log = logging.getLogger(__name__)
CLAIM_SECONDS: Final = 7 * 24 * 3600
MAX_GOOD: Final = 10
"""Certificates of one device that are good at once: it renews in time, and does not collect them."""
KEPT_DAYS: Final = 90
"""How long a certificate that ran out is still listed."""
WRONG_RATE: Final = 0.1
"""Wrong codes that one address, and a hundred times as many that all together, may try each second."""
WRONG_BURST: Final = 100.0
"""Seconds' worth of them that may be tried at once."""
_USED_MICROS: Final = 600_000_000
_REMEMBERED: Final = 10_000
_CLAIMS: Final = "claim"
_ALL: Final = ""


class Registered(Protocol):
    """What the room asks the registry (see registry.Registry)."""

    async def get(self, tenant: str, device: str) -> Device | None: ...

    async def rotate(self, tenant: str, device: str, *, keep: int = 0) -> str: ...

    def cut(self, tenant: str, device: str) -> None: ...

    def ends(self, tenant: str, device: str, until: int) -> None: ...


class Enrolment:
    """Credentials of all tenants' devices.

    seal and unseal keep private keys from whoever reads a copy of the store. days: how long a certificate is good.
    on_authority(tenant, pem) is called with each tenant's authority that is made, so that the listeners take what it
    signs.
    """

    def __init__(
        self, database: Database, registry: Registered, clock: Clock, seal: Seal, unseal: Seal, days: int = 365
    ) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._seal = seal
        self._unseal = unseal
        self._days = days
        self.on_authority: Callable[[str, str], object] | None = None
        self._wrong_of_address = Rates(WRONG_RATE, burst_seconds=WRONG_BURST)
        self._wrong_of_all = Rates(WRONG_RATE * 100, burst_seconds=WRONG_BURST)
        self._used: OrderedDict[str, int] = OrderedDict()

    # --- authorities ----------------------------------------------------------------------------------------

    async def chain(self, tenant: str) -> str:
        """The tenant's authority and the root (PEM), made where there are none yet. NonexistentTenant."""
        authority = await self._authority(tenant)
        return authority.pem + (await self._root()).pem

    async def authorities(self) -> dict[str, str]:
        """All that devices' certificates are signed by (PEM), by tenant; the root signs none."""
        found = {}
        for tenant in await self._database.tenants():
            try:
                kept = await self._database.read(tenant, store.authority_tx)
            except Problem:
                log.exception("the authority of a tenant cannot be read; its devices' certificates are not taken")
                continue
            if kept is not None:
                found[tenant] = certificates.pem(x509.load_der_x509_certificate(kept[0]))
        return found

    async def revoked(self, tenant: str) -> bytes:
        """The tenant's list of revoked certificates (CRL, DER), signed now."""
        authority, now = await self._authority(tenant), self._now()
        records = await self._database.read(tenant, lambda tx: store.revoked_tx(tx, now))
        return certificates.revocation_list(authority, records, self._clock.now(), times.EPOCH)

    async def _root(self) -> Authority:
        return await self._kept_or_made(PLATFORM, lambda: certificates.make_root(self._clock.now()))

    async def _authority(self, tenant: str) -> Authority:
        kept = await self._database.read(check_tenant(tenant), store.authority_tx)
        if kept is not None:
            return self._opened(*kept)
        root = await self._root()
        return await self._kept_or_made(tenant, lambda: certificates.make_authority(root, tenant, self._clock.now()))

    async def _kept_or_made(self, scope: Scope, make: Callable[[], Authority]) -> Authority:
        """The scope's authority; of two that are made at once the first is kept."""
        kept = await self._database.read(scope, store.authority_tx)
        if kept is not None:
            return self._opened(*kept)
        made = make()
        certificate, now = certificates.der(made.certificate), self._now()
        sealed = self._seal(certificates.key_bytes(made))

        async def work(tx: Tx) -> tuple[bytes, bytes]:
            found = await store.authority_tx(tx)
            if found is None:
                await store.add_authority_tx(tx, certificates.fingerprint(certificate), certificate, sealed, now)
            return found or (certificate, sealed)

        found = self._opened(*await self._database.write(scope, work))
        if self.on_authority is not None and scope != PLATFORM:
            self.on_authority(scope, found.pem)
        return found

    def _opened(self, certificate: bytes, sealed: bytes) -> Authority:
        return certificates.authority_of(certificate, self._unseal(sealed))

    # --- certificates ---------------------------------------------------------------------------------------

    async def issue(self, tenant: str, device: str, request: bytes) -> Issued:
        """A certificate for the key of this request (PKCS #10). ResourceNotFound, or BadRequestData for the request.

        The device's other certificates stay good; with ten good ones it gets no more (BadRequestData).
        """
        return await self._issue(tenant, device, certificates.read_request(request))

    async def _issue(self, tenant: str, device: str, key: PublicKey) -> Issued:
        await self._registered(tenant, device)
        authority = await self._authority(tenant)
        made = certificates.sign(authority, tenant, device, key, self._clock.now(), self._days)
        record = CertificateRecord(
            certificates.fingerprint(certificates.der(made)),
            f"{made.serial_number:x}",
            device,
            times.micros(made.not_valid_before_utc),
            times.micros(made.not_valid_after_utc),
            self._now(),
        )

        async def work(tx: Tx) -> None:
            await store.trim_tx(tx, record.made_at - KEPT_DAYS * 86_400_000_000)
            live = [one for one in await store.certificates_tx(tx, device) if _is_good(one, record.made_at)]
            if len(live) >= MAX_GOOD:
                raise BadRequestData(
                    f"the device has {MAX_GOOD} certificates that are good; revoke those that it does not use"
                )
            await store.add_certificate_tx(tx, record)

        await self._database.write(tenant, work)
        return Issued(record, certificates.pem(made) + authority.pem)

    async def list(self, tenant: str, device: str) -> list[CertificateRecord]:
        """The device's certificates, the newest first, at most 100."""
        return await self._database.read(tenant, lambda tx: store.certificates_tx(tx, device))

    async def revoke(self, tenant: str, device: str, serial: str = _ALL) -> int:
        """Revokes one certificate of the device, or all; how many. Its open connections are cut at once."""
        now = self._now()
        count = await self._database.write(
            check_tenant(tenant), lambda tx: store.revoke_tx(tx, device, serial.lower(), now)
        )
        if count:
            self._registry.cut(tenant, device)
        return count

    async def device_of(self, certificate: bytes, *, stays: bool = False) -> tuple[str, Device]:
        """The tenant and the device that a certificate (DER) is of; Refused, with whom it names, where it is not good.

        Asks the store each time: what counts is that this very certificate was issued here, is not revoked, and is of
        a device that still is what it was then. One that stays connected is cut when the certificate has run out.
        """
        tenant, name = certificates.names_in(certificate)
        try:
            check_tenant(tenant)
            check_device(name)
            mark = certificates.fingerprint(certificate)
            found = await self._database.read(tenant, lambda tx: store.certificate_tx(tx, mark), quick=True)
            device = await self._registry.get(tenant, name)
        except (BadRequestData, NonexistentTenant):
            raise NotOurs(tenant, name, *_UNKNOWN) from None
        if found is None or device is None or found.device != name or found.made_at < device.created_at:
            raise NotOurs(tenant, name, *_UNKNOWN)
        now = self._now()
        if found.revoked_at is not None:
            raise NotOurs(tenant, name, *_REVOKED)
        if not _is_good(found, now):
            raise NotOurs(tenant, name, *_RUN_OUT)
        await self._note_use(tenant, found, now)
        if stays:
            self._registry.ends(tenant, name, found.not_after)
        return tenant, device

    async def _note_use(self, tenant: str, found: CertificateRecord, now: int) -> None:
        """At most every ten minutes: a device that sends each second must not cost a write each second."""
        if now - max(found.used_at or 0, self._used.get(found.fingerprint, 0)) < _USED_MICROS:
            return
        self._used[found.fingerprint] = now
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        await self._database.write(tenant, lambda tx: store.used_tx(tx, found.fingerprint, now))

    # --- claim codes ----------------------------------------------------------------------------------------

    async def claim(self, tenant: str, device: str) -> Claim:
        """A code by which the device gets its credential, once, within seven days; one made before is void.

        ResourceNotFound.
        """
        await self._registered(tenant, device)
        secret = await self._secret(tenant)
        code, now = codes.new_code(), self._now()
        expires_at = now + CLAIM_SECONDS * 1_000_000
        hashed = codes.hash_code(code, secret)
        await self._database.write(tenant, lambda tx: store.put_claim_tx(tx, device, hashed, now, expires_at))
        return Claim(device, code, expires_at)

    async def claimable(self, tenant: str, device: str) -> int:
        """Until when the device has a code that was not used, in microseconds; 0 where it has none."""
        found = await self._database.read(tenant, lambda tx: store.claim_tx(tx, device))
        return 0 if found is None or found[1] <= self._now() else found[1]

    async def unclaim(self, tenant: str, device: str) -> bool:
        """Takes the device's code back; False where it had none."""
        return bool(await self._database.write(tenant, lambda tx: store.drop_claim_tx(tx, device)))

    async def redeem(self, tenant: str, code: str, request: bytes = b"", *, address: str = "") -> Redeemed:
        """A new key for the code's device, or with a signing request a certificate. The code is used up by it.

        Unauthenticated for a code that is none, was used or has run out, whatever the tenant; TooManyRequests after a
        hundred seconds' worth of wrong ones; BadRequestData for the request, and then the code is still good.
        """
        self._check_tries(address)
        key = certificates.read_request(request) if request else None
        found = await self._take(tenant, code)
        device = None if found is None else await self._registry.get(tenant, found[0])
        if found is None or device is None or found[1] < device.created_at:
            self._count_wrong(address)
            raise Unauthenticated(
                "this claim code is wrong, was used already, or has run out; ask for a new one (it is good for seven "
                "days and once; the device page and `kumihimo device claim` make one)"
            )
        if key is None:
            return Redeemed(device.id, key=await self._registry.rotate(tenant, device.id))
        issued = await self._issue(tenant, device.id, key)
        return Redeemed(device.id, certificate=issued.pem)

    async def _take(self, tenant: str, code: str) -> tuple[str, int] | None:
        try:
            kept = await self._database.read(check_tenant(tenant), lambda tx: store.secret_tx(tx, _CLAIMS))
        except (BadRequestData, NonexistentTenant):
            return None
        if kept is None or not codes.plain(code):
            return None
        hashed, now = codes.hash_code(code, self._unseal(kept)), self._now()
        return await self._database.write(tenant, lambda tx: store.take_claim_tx(tx, hashed, now))

    async def _secret(self, tenant: str) -> bytes:
        kept = await self._database.read(tenant, lambda tx: store.secret_tx(tx, _CLAIMS))
        if kept is None:
            made = self._seal(secrets.token_bytes(32))

            async def work(tx: Tx) -> bytes:
                found = await store.secret_tx(tx, _CLAIMS)
                if found is None:
                    await store.add_secret_tx(tx, _CLAIMS, made)
                return found or made

            kept = await self._database.write(tenant, work)
        return self._unseal(kept)

    def _check_tries(self, address: str) -> None:
        now = self._clock.now().timestamp()
        waits = self._wrong_of_address.wait(place_of(address), now), self._wrong_of_all.wait(_ALL, now)
        if seconds := max(waits):
            wait = int(seconds) + 1
            raise TooManyRequests(f"too many wrong claim codes were tried; try again in {wait} s", retry_after=wait)

    def _count_wrong(self, address: str) -> None:
        now = self._clock.now().timestamp()
        self._wrong_of_address.take(place_of(address), now)
        self._wrong_of_all.take(_ALL, now)

    async def _registered(self, tenant: str, device: str) -> None:
        if await self._registry.get(check_tenant(tenant), device) is None:
            raise ResourceNotFound(f"tenant {tenant!r} has no device {device!r}; register it first")

    def _now(self) -> int:
        return times.micros(self._clock.now())


class NotOurs(Refused):
    """A certificate is not taken; tenant and device are those that it names, whoever wrote them."""

    def __init__(self, tenant: str, device: str, ja: str, en: str) -> None:
        super().__init__(ja, en)
        self.tenant = tenant
        self.device = device


_UNKNOWN: Final = (
    "この証明書は、この基盤が登録中の端末に発行したものではありません。",
    "this certificate was not issued here to a device that is registered; claim a new one",
)
_REVOKED: Final = ("失効した証明書です。", "this certificate was revoked; claim a new one")
_RUN_OUT: Final = (
    "証明書の有効期間ではありません。端末の証明書を更新してください。",
    "this certificate has run out, or is not good yet; claim a new one",
)


def _is_good(one: CertificateRecord, now: int) -> bool:
    return one.revoked_at is None and one.not_before <= now < one.not_after
