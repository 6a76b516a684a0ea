"""Makes the demonstration's tenants, entities and devices, and loads what was recorded before the replay begins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from kumihimo.base import times
from kumihimo.base.call import Actor, Call
from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import Reading
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.simulate.player import Account, Step
from kumihimo.platform.broker.models import Change
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.doors import FloodDoors
from kumihimo.solutions.flood.models import Gauge, Recorded
from kumihimo.solutions.flood.recording import Recording
from kumihimo.solutions.flood.share import Share
from kumihimo.solutions.flood.steps import sign_device, siren_device
from kumihimo.solutions.flood.tenants import PREFECTURE, TENANTS, TOWNS, TRAINING_TOWN, responsible_for
from kumihimo.solutions.flood.training import TRAINING_GAUGE

BULK = 1000
SEA_LEVEL_MAX = 4000
"""What a gauge that counts from sea level may plausibly report, in metres."""


def demo_call(tenant: str, purpose: str) -> Call:
    """A call of the demonstration itself."""
    return Call(tenant, Actor("system", "flood.demo"), purpose)


# --- tenants, devices, entities ------------------------------------------------------------------------------


async def build(doors: FloodDoors, recording: Recording, keys: dict[str, str]) -> dict[str, Account]:
    """Makes what is missing of tenants, entities and devices. keys: given ones by device, for a reset."""
    for tenant in TENANTS:
        if await doors.database.add_tenant(tenant) and doors.joined is not None:
            await doors.joined(tenant)
    await _build_entities(doors, recording)
    accounts = {}
    for tenant, device in _devices(recording):
        key = await _register(doors.registry, tenant, device, keys.get(device.id))
        accounts[device.id] = Account(tenant, device.id, key)
    return accounts


async def _register(registry: Registry, tenant: str, device: Device, key: str | None) -> str:
    if await registry.get(tenant, device.id) is None:
        return await registry.add(tenant, device, key=key)
    return await registry.rotate(tenant, device.id)


async def _build_entities(doors: FloodDoors, recording: Recording) -> None:
    rain = [entities.rain_change(station) for station in recording.stations]
    by_tenant: dict[str, list[Change]] = {tenant: list(rain) for tenant in TENANTS}
    for gauge in (*recording.gauges, TRAINING_GAUGE):
        responsible = responsible_for(gauge.municipality)
        change = entities.gauge_change(gauge, responsible)
        for tenant in {PREFECTURE, responsible}:
            by_tenant[tenant].append(change)
    for tenant, town, (lon, lat) in _sites(recording.gauges):
        sign = entities.actor_change(sign_entity(town), entities.SIGN, f"{town} 河川表示板（模擬）", lon, lat)
        siren = entities.actor_change(siren_entity(town), entities.SIREN, f"{town} 河川サイレン（模擬）", lon, lat)
        by_tenant[tenant].extend((sign, siren))
    for tenant, changes in by_tenant.items():
        await apply(doors, tenant, changes)


async def apply(doors: FloodDoors, tenant: str, changes: list[Change]) -> None:
    """Writes the changes; raises the first problem there is."""
    outcomes = await doors.broker.apply(demo_call(tenant, "set-up"), changes)
    for outcome in outcomes:
        if outcome.problem is not None:
            raise outcome.problem


def sign_entity(town: str) -> str:
    """The entity id of a town's sign."""
    return f"urn:ngsi-ld:RiversideSign:{TOWNS[town]}"


def siren_entity(town: str) -> str:
    """The entity id of a town's siren."""
    return f"urn:ngsi-ld:RiversideSiren:{TOWNS[town]}"


def _sites(gauges: Sequence[Gauge]) -> list[tuple[str, str, tuple[float, float]]]:
    """Tenant, town and place of each sign with its siren; the training gauge has its own."""
    training = responsible_for(TRAINING_GAUGE.municipality), TRAINING_TOWN, (TRAINING_GAUGE.lon, TRAINING_GAUGE.lat)
    return [*((responsible_for(town), town, place) for town, place in _town_places(gauges).items()), training]


def _town_places(gauges: Sequence[Gauge]) -> dict[str, tuple[float, float]]:
    """Where a town's simulated sign stands: in the middle of its gauges that have thresholds."""
    places: dict[str, list[Gauge]] = {}
    for gauge in gauges:
        if gauge.thresholds.known():
            places.setdefault(gauge.municipality, []).append(gauge)
    return {
        town: (
            round(sum(gauge.lon for gauge in found) / len(found), 6),
            round(sum(gauge.lat for gauge in found) / len(found), 6),
        )
        for town, found in places.items()
    }


def gauge_device(number: str) -> str:
    """The device id of a gauge."""
    return f"gauge-{number}"


def rain_device(number: str) -> str:
    """The device id of a rain station."""
    return f"amedas-{number}"


def _devices(recording: Recording) -> list[tuple[str, Device]]:
    found = [
        (
            PREFECTURE,
            Device(
                id=gauge_device(gauge.id),
                family="river-gauge",
                name=f"{gauge.river} {gauge.name}",
                entity_id=entities.gauge_id(gauge.id),
                entity_type=entities.GAUGE,
                settings={"attribute": entities.LEVEL} | ({"max": SEA_LEVEL_MAX} if gauge.sea_level else {}),
                location=(gauge.lon, gauge.lat),
            ),
        )
        for gauge in (*recording.gauges, TRAINING_GAUGE)
    ]
    found += [
        (
            PREFECTURE,
            Device(
                id=rain_device(station.id),
                family="rain-gauge",
                name=station.name,
                entity_id=entities.rain_id(station.id),
                entity_type=entities.RAIN_GAUGE,
                settings={"attribute": entities.RAIN},
                location=(station.lon, station.lat),
            ),
        )
        for station in recording.stations
    ]
    for tenant, town, place in _sites(recording.gauges):
        found += [(tenant, device) for device in _town_devices(town, place)]
    return found


def _town_devices(town: str, place: tuple[float, float]) -> tuple[Device, Device]:
    return (
        Device(
            id=sign_device(town),
            family="sign",
            name=f"{town} 河川表示板（模擬）",
            entity_id=sign_entity(town),
            entity_type=entities.SIGN,
            settings={},
            location=place,
        ),
        Device(
            id=siren_device(town),
            family="siren",
            name=f"{town} 河川サイレン（模擬）",
            entity_id=siren_entity(town),
            entity_type=entities.SIREN,
            settings={},
            location=place,
        ),
    )


# --- readings --------------------------------------------------------------------------------------------


def _level_reading(one: Recorded) -> Reading:
    return Reading(
        entities.gauge_id(one.station),
        entities.GAUGE,
        entities.LEVEL,
        one.value,
        one.at,
        entities.METRE,
        gauge_device(one.station),
    )


def _rain_reading(one: Recorded) -> Reading:
    return Reading(
        entities.rain_id(one.station),
        entities.RAIN_GAUGE,
        entities.RAIN,
        one.value,
        one.at,
        entities.MILLIMETRE,
        rain_device(one.station),
    )


async def load_history(doors: FloodDoors, recording: Recording, shares: Sequence[Share]) -> int:
    """Loads what was recorded before the replay begins, in big batches; the cities get theirs by sharing."""
    readings = [_level_reading(one) for one in recording.levels if one.at <= recording.play_from]
    readings += [_rain_reading(one) for one in recording.rain if one.at <= recording.play_from]
    rest = iter(readings)
    while batch := list(islice(rest, BULK)):
        await doors.ingest(demo_call(PREFECTURE, "demo-history"), batch)
    await asyncio.gather(*(share.reader.catch_up() for share in shares))
    return len(readings)


def steps_of(recording: Recording) -> list[Step]:
    """What is played: levels over MQTT, rain over HTTP, in order of time."""
    steps = [
        Step(one.at, gauge_device(one.station), "mqtt", _body("level", one))
        for one in recording.levels
        if one.at > recording.play_from
    ]
    steps += [
        Step(one.at, rain_device(one.station), "http", _body("rain", one))
        for one in recording.rain
        if one.at > recording.play_from
    ]
    return sorted(steps, key=lambda step: step.at)


def _body(name: str, one: Recorded) -> bytes:
    return dumps({name: one.value, "observedAt": times.text(times.from_micros(one.at))})
