"""Sensors, traps, sirens and lights as the wing sees them, read from their entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kumihimo.device.registry.models import Device
from kumihimo.platform.broker.models import Change
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.patrol import Trap, km

REACH_KM = 1.5
"""A siren or light further than this from a detection is of no use against it."""

FAMILIES = {
    "sensor": ("animal-sensor", entities.SENSOR, "WildlifeSensor"),
    "trap": ("trap-switch", entities.TRAP, "WildlifeTrap"),
    "siren": ("siren", entities.SIREN, "WildlifeSiren"),
    "light": ("light", entities.LIGHT, "WildlifeLight"),
}
"""Family, expanded type and short type of each kind of device."""


@dataclass(frozen=True, slots=True)
class Site:
    """A device at a place; area is the name by which its neighbours call it."""

    kind: str
    number: str
    name: str
    area: str
    lon: float
    lat: float
    beside_houses: bool = False

    @property
    def device_id(self) -> str:
        """The device's id, e.g. "siren-3"."""
        return f"{self.kind}-{self.number}"

    @property
    def entity_id(self) -> str:
        """The id of its entity: the device's id stands at its end."""
        return f"urn:ngsi-ld:{FAMILIES[self.kind][2]}:{self.device_id}"


def device_of(site: Site) -> Device:
    """The device to be registered."""
    family, kind, _ = FAMILIES[site.kind]
    return Device(site.device_id, family, site.name, site.entity_id, kind, {}, (site.lon, site.lat))


def site_change(site: Site, *, simulated: bool) -> Change:
    """The change that makes the device's entity, without any reading."""
    attrs = {
        entities.NAME: entities.prop(site.name),
        entities.AREA_NAME: entities.prop(site.area),
        entities.LOCATION: entities.point(site.lon, site.lat),
        entities.BESIDE_HOUSES: entities.prop(site.beside_houses),
        entities.SIMULATED: entities.prop(simulated),
    }
    return entities.change(site.entity_id, FAMILIES[site.kind][1], attrs)


def device_id(doc: EntityDoc) -> str:
    """The id of the device behind an entity of `site_change`."""
    return doc["id"].rpartition(":")[2]


def nearest(docs: Sequence[EntityDoc], place: tuple[float, float]) -> EntityDoc | None:
    """The nearest of these within REACH_KM."""
    found = [(km(at, place), doc["id"], doc) for doc in docs if (at := entities.place_of(doc)) is not None]
    return next((doc for far, _, doc in sorted(found, key=lambda one: one[:2]) if far <= REACH_KM), None)


def trap_of(doc: EntityDoc, visited: int | None) -> Trap | None:
    """A trap as it stands; None for one without a place."""
    place = entities.place_of(doc)
    if place is None:
        return None
    closed = entities.value_of(doc, entities.CLOSED) is True
    at = entities.observed_at(doc, entities.CLOSED) if closed else None
    return Trap(doc["id"], entities.text_at(doc, entities.NAME) or doc["id"], place, at, visited)
