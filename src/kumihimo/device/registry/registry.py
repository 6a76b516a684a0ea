"""The registry's door: add, authenticate, count, remove."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final

from kumihimo.base import times
from kumihimo.base.call import Actor
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AlreadyExists, BadRequestData, NonexistentTenant, Problem, ResourceNotFound
from kumihimo.base.ids import check_device, check_tenant
from kumihimo.base.ports import Meter
from kumihimo.device.codecs.families import FAMILIES
from kumihimo.device.registry import keys, store
from kumihimo.device.registry.models import Counts, Device, Keys, Refusal
from kumihimo.device.words import Words
from kumihimo.storage.database import Database

log = logging.getLogger(__name__)
FLUSH_SECONDS: Final = 5.0
CACHED: Final = 20_000
STEP: Final = 500
MAX_NAME: Final = 200
MAX_OVERLAP: Final = 30 * 24 * 3600
"""Seconds for which the key before may be taken beside a new one."""
Refusals = list[Refusal]
_DEVICE: Final = Actor("device")
_UNKNOWN = Words("端末の名前または鍵が違います。", "The device's name or its key is wrong.")


class Registry:
    """Devices of all tenants.

    on_revoked(tenant, device) is called after a key was replaced or a device removed, so that a live connection
    can be cut. meter counts the readings taken and refused, of all devices together. Counters are kept in memory and
    written every few seconds: a crash loses that much of the counting, never a reading.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        on_revoked: Callable[[str, str], object] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self.on_revoked = on_revoked
        self._meter = meter
        self._cache: OrderedDict[tuple[str, str], tuple[Device, Keys]] = OrderedDict()
        self._epoch = 0
        self._counts: dict[str, dict[str, Counts]] = {}
        self._refusals: dict[str, deque[Refusal]] = {}
        self._refused_elsewhere = 0
        self._ends: dict[tuple[str, str], int] = {}
        """Who is connected by a credential whose time will be over, and when."""

    # --- the list of devices ------------------------------------------------------------------------------

    async def add(self, tenant: str, device: Device, *, key: str | None = None) -> str:
        """Registers the device and gives its key, which is not shown again.

        AlreadyExists for a known id; BadRequestData for a bad one, an unknown family, a range that is none or a
        short key; NonexistentTenant.
        """
        _check_new(device)
        await self._check_family(tenant, device.family)
        key = keys.new_key() if key is None else keys.check_key(key)
        hashed, now = keys.hash_key(key), self._now()
        if not await self._database.write(tenant, lambda tx: store.add_device_tx(tx, device, hashed, now)):
            raise AlreadyExists(f"tenant {tenant!r} has a device {device.id!r} already; rotate its key or remove it")
        self._forget(tenant, device.id)
        return key

    async def get(self, tenant: str, device: str) -> Device | None:
        """The device with its counters up to now, or None."""
        found = await self._find(tenant, device)
        if found is None:
            return None
        fresh = await self._database.read(tenant, lambda tx: store.find_device_tx(tx, device))
        return None if fresh is None else store.with_counts(fresh[0], self._counts.get(tenant, {}).get(device))

    async def list(self, tenant: str) -> list[Device]:
        """All devices with their counters up to now, by id."""
        devices = await self._database.read(tenant, store.list_devices_tx)
        counts = self._counts.get(tenant, {})
        return [store.with_counts(one, counts.get(one.id)) for one in devices]

    async def remove(self, tenant: str, device: str) -> bool:
        """Takes the device out of use; False where there is none."""
        now = self._now()
        is_gone = await self._database.write(tenant, lambda tx: store.remove_device_tx(tx, device, now))
        if is_gone:
            self._revoke(tenant, device)
        return is_gone

    async def rotate(self, tenant: str, device: str, *, keep: int = 0) -> str:
        """A new key in place of the old one, which is taken for `keep` seconds more; 0 stops it at once.

        ResourceNotFound, or BadRequestData for a time that is none or over 30 days.
        """
        if not 0 <= keep <= MAX_OVERLAP:
            raise BadRequestData(f"the old key may be kept for 0 to {MAX_OVERLAP} seconds (30 days), not {keep}")
        key, now = keys.new_key(), self._now()
        await self._set_key(tenant, device, keys.hash_key(key), now + keep * 1_000_000 if keep else 0)
        return key

    async def revoke_key(self, tenant: str, device: str) -> None:
        """Takes the device's key away, the one before it too; it stays registered. ResourceNotFound."""
        await self._set_key(tenant, device, "", 0)

    async def _set_key(self, tenant: str, device: str, hashed: str, old_until: int) -> None:
        now = self._now()
        if not await self._database.write(tenant, lambda tx: store.set_key_tx(tx, device, hashed, now, old_until)):
            raise ResourceNotFound(f"tenant {tenant!r} has no device {device!r}")
        if old_until:
            self._forget(tenant, device)
            # Whoever is connected now came by the key that is the old one from here on.
            self._ends[tenant, device] = old_until
        else:
            self._revoke(tenant, device)

    async def keys(self, tenant: str, device: str) -> Keys | None:
        """What is kept of the device's key, its last use up to now; None without such a device."""
        found = await self._database.read(tenant, lambda tx: store.find_device_tx(tx, device))
        if found is None:
            return None
        used = self._count_of(tenant, device).key_used
        return found[1] if used is None or used < found[1].made_at else replace(found[1], used_at=used)

    def cut(self, tenant: str, device: str) -> None:
        """To be called after another credential of the device was taken away: what is open is ended."""
        self._revoke(tenant, device)

    def ends(self, tenant: str, device: str, until: int) -> None:
        """To be called where the device stays connected by a credential that is good until then (microseconds)."""
        self._ends[tenant, device] = until

    def end_overdue(self) -> None:
        """Cuts whoever came by a credential whose time is over; done every few seconds by `run`."""
        now = self._now()
        for tenant, device in [who for who, until in self._ends.items() if until <= now]:
            self._revoke(tenant, device)

    def _revoke(self, tenant: str, device: str) -> None:
        self._forget(tenant, device)
        self._ends.pop((tenant, device), None)
        if self.on_revoked is not None:
            self.on_revoked(tenant, device)

    def forget_tenant(self, tenant: str) -> None:
        """To be called after a tenant was removed: its devices are cut off, their waiting counters dropped."""
        self._counts.pop(tenant, None)
        self._refusals.pop(tenant, None)
        for device in [key[1] for key in self._cache if key[0] == tenant]:
            self._revoke(tenant, device)

    # --- families that packs declare -------------------------------------------------------------------------

    async def families(self, tenant: str) -> tuple[str, ...]:
        """The names of the families there are: the platform's own, then those that packs declare here."""
        return (*FAMILIES, *await self._database.read(tenant, store.families_tx))

    async def family(self, tenant: str, name: str) -> str | None:
        """The table of a family that a pack declares (codecs.declared), None where there is none."""
        return await self._database.read(tenant, lambda tx: store.family_tx(tx, name))

    async def put_family(self, tenant: str, name: str, table: str) -> None:
        """Keeps the table of a family, also in place of another; from the next message on it counts."""
        if name in FAMILIES:
            raise AlreadyExists(f"the platform has a device family {name!r} of its own")
        await self._database.write(tenant, lambda tx: store.put_family_tx(tx, name, table))
        self._forget_all(tenant)

    async def remove_family(self, tenant: str, name: str) -> None:
        """Forgets a family. Devices that are of it stay registered; what they send is refused, and says why."""
        await self._database.write(tenant, lambda tx: store.remove_family_tx(tx, name))
        self._forget_all(tenant)

    def _forget_all(self, tenant: str) -> None:
        for device in [key[1] for key in self._cache if key[0] == tenant]:
            self._forget(tenant, device)
        self._epoch += 1

    async def _check_family(self, tenant: str, family: str) -> None:
        if family not in FAMILIES and await self.family(tenant, family) is None:
            known = ", ".join(await self.families(tenant))
            raise BadRequestData(f"there is no device family {family[:64]!r}; there are {known}")

    # --- who is there ------------------------------------------------------------------------------------

    async def authenticate(self, tenant: str, device: str, key: str, *, way: str = "connect") -> Device | None:
        """The device where the key is its own; None otherwise, which is counted and kept for the tenant to see.

        Always asks the store: a tenant that was removed and made anew must not let in its former devices.
        """
        self._cache.pop((tenant, device), None)
        found = await self.find_known(tenant, device)
        kept = Keys() if found is None else found[1]
        is_current, is_old = keys.is_key(key, kept.hashed), keys.is_key(key, kept.old_hashed)
        if found is not None and (is_current or (is_old and self._now() < kept.old_until)):
            self._used(tenant, device, kept, is_current=is_current, stays=way == "connect")
            return found[0]
        await self.refuse_unknown(tenant, device, way)
        return None

    def _used(self, tenant: str, device: str, kept: Keys, *, is_current: bool, stays: bool) -> None:
        """Notes the use of a key; who stays connected is cut when the time of an old one is over."""
        if is_current:
            self._count(tenant, device).key_used = self._now()
        if stays and is_current:
            self._ends.pop((tenant, device), None)
        elif stays:
            self._ends[tenant, device] = kept.old_until

    async def find_known(self, tenant: str, device: str) -> tuple[Device, Keys] | None:
        """The device and what is kept of its key; None for what is no name, no tenant or no device."""
        try:
            return await self._find(check_tenant(tenant), check_device(device))
        except (BadRequestData, NonexistentTenant):
            return None

    async def known(self, tenant: str, device: str) -> Device | None:
        """The device as it was registered (counters not up to date), mostly from memory; None where it is gone."""
        found = await self.find_known(tenant, device)
        return None if found is None else found[0]

    async def _find(self, tenant: str, device: str) -> tuple[Device, Keys] | None:
        key = (tenant, device)
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
            return found
        epoch = self._epoch
        found = await self._database.read(tenant, lambda tx: store.find_device_tx(tx, device))
        # A removal that was committed while we read must not be undone in the cache.
        if found is not None and epoch == self._epoch:
            self._cache[key] = found
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return found

    def _forget(self, tenant: str, device: str) -> None:
        self._epoch += 1
        self._cache.pop((tenant, device), None)

    # --- how they fare -----------------------------------------------------------------------------------

    def accept(self, tenant: str, device: str, readings: int) -> None:
        """Counts readings that were committed."""
        counts = self._count(tenant, device)
        counts.accepted += readings
        counts.last_seen = self._now()
        if self._meter is not None:
            self._meter.count(tenant, "readings", _DEVICE, readings)

    def touch(self, tenant: str, device: str) -> None:
        """Notes that the device was heard."""
        self._count(tenant, device).last_seen = self._now()

    def refuse(self, tenant: str, device: str, way: str, words: Words) -> None:
        """Counts something of a known device that was not taken."""
        counts = self._count(tenant, device)
        counts.refused += 1
        counts.refusal = self._keep_refusal(tenant, device, way, words)
        if self._meter is not None:
            self._meter.count(tenant, "refused", _DEVICE)

    async def refuse_unknown(self, tenant: str, device: str, way: str) -> None:
        """Counts an attempt under a wrong name or key; where even the tenant is unknown, in refused_elsewhere."""
        try:
            check_device(device)
        except BadRequestData:
            if tenant not in await self._database.tenants():
                self._refused_elsewhere += 1
                return
            self._keep_refusal(tenant, ascii(device)[:64], way, _UNKNOWN)
            return
        try:
            found = await self._find(check_tenant(tenant), device)
        except (BadRequestData, NonexistentTenant):
            self._refused_elsewhere += 1
            return
        if found is None:
            self._keep_refusal(tenant, device, way, _UNKNOWN)
            return
        self.refuse(tenant, device, way, _UNKNOWN)

    @property
    def refused_elsewhere(self) -> int:
        """Attempts since the start under a tenant that there is not."""
        return self._refused_elsewhere

    async def refusals(self, tenant: str, limit: int = store.KEPT_REFUSALS) -> Refusals:
        """The newest first, those in memory too."""
        stored = await self._database.read(tenant, lambda tx: store.list_refusals_tx(tx, limit))
        return [*reversed(self._refusals.get(tenant, ())), *stored][:limit]

    def _count_of(self, tenant: str, device: str) -> Counts:
        return self._counts.get(tenant, {}).get(device, Counts())

    def _count(self, tenant: str, device: str) -> Counts:
        return self._counts.setdefault(tenant, {}).setdefault(device, Counts())

    def _keep_refusal(self, tenant: str, device: str, way: str, words: Words) -> Refusal:
        refusal = Refusal(self._now(), device, way, words.ja, words.en)
        self._refusals.setdefault(tenant, deque(maxlen=store.KEPT_REFUSALS)).append(refusal)
        return refusal

    async def flush(self) -> None:
        """Writes the counters: at most 500 devices per tenant in one transaction.

        A tenant whose store refuses holds up no other; its problem is raised at the end.
        """
        refused: Problem | None = None
        for tenant in {*self._counts, *self._refusals}:
            try:
                await self._flush_tenant(tenant)
            except NonexistentTenant:
                self._counts.pop(tenant, None)
                self._refusals.pop(tenant, None)
            except Problem as problem:
                refused = problem
        if refused is not None:
            raise refused

    async def _flush_tenant(self, tenant: str) -> None:
        # Taken out before the write, so that what happens meanwhile is counted for the next one.
        waiting = self._counts.pop(tenant, {})
        refusals = list(self._refusals.pop(tenant, ()))
        try:
            if refusals:
                await self._database.write(tenant, lambda tx: store.add_refusals_tx(tx, refusals))
                refusals = []
            while waiting:
                part = dict(islice(waiting.items(), STEP))
                await self._database.write(tenant, partial(store.add_counts_tx, counts=part))
                waiting = dict(islice(waiting.items(), STEP, None))
        except Problem:
            self._put_back(tenant, waiting, refusals)
            raise

    def _put_back(self, tenant: str, waiting: dict[str, Counts], refusals: Refusals) -> None:
        """What could not be written is counted again, before what happened meanwhile."""
        for device, earlier in waiting.items():
            later = self._count(tenant, device)
            later.accepted += earlier.accepted
            later.refused += earlier.refused
            later.last_seen = later.last_seen if later.last_seen is not None else earlier.last_seen
            later.refusal = later.refusal or earlier.refusal
            later.key_used = later.key_used if later.key_used is not None else earlier.key_used
        kept = [*refusals, *self._refusals.get(tenant, ())]
        if kept:
            self._refusals[tenant] = deque(kept, maxlen=store.KEPT_REFUSALS)

    async def run(self) -> None:
        """Flushes every few seconds until cancelled, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                self.end_overdue()
                await self._flush_or_tell()
        finally:
            await self._flush_or_tell()

    async def _flush_or_tell(self) -> None:
        try:
            await self.flush()
        except Problem:
            log.exception("the devices' counters could not be written")

    def _now(self) -> int:
        return times.micros(self._clock.now())


def _check_new(device: Device) -> None:
    check_device(device.id)
    if len(device.name) > MAX_NAME or not device.name.isprintable():
        raise BadRequestData(f"a device's name for people has at most {MAX_NAME} characters, all of them visible")
    for name in ("min", "max"):
        value = device.settings.get(name, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadRequestData(f"the setting {name} of a device must be a number, not {value!r}")
