"""Encounters: what the detections of one animal amount to, how grave it is, and what is to be done and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kumihimo.device.words import Words
from kumihimo.platform.broker.models import Change
from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.models import Content, Evidence, Proposal
from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.devices import device_id
from kumihimo.solutions.wildlife.merge import UNSURE, Encounter
from kumihimo.solutions.wildlife.models import Detection
from kumihimo.solutions.wildlife.words import BEARS, species_name

SIREN_SECONDS, LIGHT_SECONDS = 30, 120
MAX_KEPT = 50
"""How many detections of an encounter stand in its entity: the first, and the newest."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An encounter where it happened: the surest sensor's area, and what stands near it."""

    encounter: Encounter
    sensor_name: str
    area: str
    beside_houses: bool
    siren: EntityDoc | None = None
    light: EntityDoc | None = None
    siren_refused: Words | None = None

    @property
    def severity(self) -> int:
        """1 an animal in the fields, 2 beside houses or of unknown species there, 3 a bear, 4 a bear beside houses."""
        return (3 if self.encounter.surest.species in BEARS else 1) + self.beside_houses

    def title(self) -> dict[str, str]:
        """What is said of it, by language."""
        species = self.encounter.surest.species
        return {
            "ja": f"{self.area}：{species_name(species, 'ja')}を検知",
            "en": f"{self.area}: {species_name(species, 'en')} detected",
        }


def detection_of(doc: dict[str, Any] | EntityDoc) -> Detection | None:
    """The detection in a sensor's newest reading; None where it has none with a moment, or no place."""
    at, place = entities.observed_at(doc, entities.DETECTED), entities.place_of(doc)
    if at is None or place is None:
        return None
    confidence = entities.value_of(doc, entities.CONFIDENCE)
    same = entities.observed_at(doc, entities.CONFIDENCE) == at
    sure = float(confidence) if same and isinstance(confidence, int | float) else 0.5
    return Detection(f"{doc['id']}|{at}", doc["id"], entities.text_at(doc, entities.DETECTED), at, *place, sure)


def encounter_id(first: str) -> str:
    """The entity id of an encounter that begins with this detection."""
    sensor, _, at = first.rpartition("|")
    return f"urn:ngsi-ld:WildlifeEncounter:{sensor.rpartition(':')[2]}-{at}"


def encounter_change(entity_id: str, scene: Scene) -> Change:
    """The change that writes the encounter as it stands."""
    one = scene.encounter
    surest = one.surest
    kept = one.detections if len(one.detections) <= MAX_KEPT else (one.detections[0], *one.detections[1 - MAX_KEPT :])
    attrs = {
        entities.TITLE: entities.prop(scene.title()),
        entities.SPECIES: entities.prop("unknown" if surest.species in UNSURE else surest.species),
        entities.SEVERITY: entities.prop(scene.severity, observed_at=one.last),
        entities.AREA_NAME: entities.prop(scene.area),
        entities.LOCATION: entities.point(surest.lon, surest.lat),
        entities.STARTED: entities.moment(one.first),
        entities.ENDED: entities.moment(one.last),
        entities.DETECTIONS: entities.prop([_as_json(detection) for detection in kept]),
    }
    return entities.change(entity_id, entities.ENCOUNTER, attrs)


def _as_json(one: Detection) -> dict[str, Any]:
    return {
        "id": one.id,
        "sensor": one.sensor,
        "species": one.species,
        "at": one.at,
        "lon": one.lon,
        "lat": one.lat,
        "confidence": one.confidence,
    }


def detections_of(doc: EntityDoc) -> list[Detection]:
    """The detections in an encounter's entity; what somebody else wrote there and is none is left out."""
    found = entities.value_of(doc, entities.DETECTIONS)
    detections = []
    for one in found if isinstance(found, list) else ():
        try:
            detections.append(Detection(**one))
        except TypeError:
            continue
    return detections


def content_of(scene: Scene) -> Content:
    """What stands on the alert: the detections as evidence, what is proposed, and why no siren where there is none."""
    one, surest = scene.encounter, scene.encounter.surest
    refused = scene.siren_refused
    return Content(
        title=scene.title(),
        place=scene.sensor_name,
        attribute=entities.CONFIDENCE,
        evidence=tuple(
            Evidence(detection.at, detection.confidence, entity=detection.sensor)
            for detection in one.detections[-MAX_KEPT:]
        ),
        facts={
            "at": one.last,
            "first": one.first,
            "species": surest.species,
            "detections": len(one.detections),
            "sensors": len({detection.sensor for detection in one.detections}),
            "area": scene.area,
            "besideHouses": scene.beside_houses,
            "sirenRefused": None if refused is None else {"ja": refused.ja, "en": refused.en},
        },
        proposals=proposals_of(scene),
        location=(surest.lon, surest.lat),
    )


def proposals_of(scene: Scene) -> tuple[Proposal, ...]:
    """The siren where it may sound, and the light."""
    found: list[Proposal] = []
    severity = scene.severity
    if scene.siren is not None and scene.siren_refused is None:
        name = entities.text_at(scene.siren, entities.NAME)
        arguments = {"pattern": "warning", "seconds": SIREN_SECONDS, "level": severity, "urgent": severity >= 3}
        label = {"ja": f"{name}を {SIREN_SECONDS} 秒鳴らす", "en": f"Sound {name} for {SIREN_SECONDS} seconds"}
        found.append(Proposal(device_id(scene.siren), "sound", arguments, label))
    if scene.light is not None:
        name = entities.text_at(scene.light, entities.NAME)
        label = {"ja": f"{name}を {LIGHT_SECONDS} 秒点ける", "en": f"Light {name} for {LIGHT_SECONDS} seconds"}
        found.append(Proposal(device_id(scene.light), "on", {"seconds": LIGHT_SECONDS, "level": severity}, label))
    return tuple(found)


def notice_change(
    about: str, title: dict[str, str], area: str, audience: Sequence[str], severity: int, moments: tuple[int, int, int]
) -> Change:
    """The notice about an encounter or a trap, as an entity to which farmers' and hunters' programs subscribe by area
    (`type=WildlifeNotice&q=areaName=="…"`). moments: observed, taken by the platform, and now, in microseconds.
    """
    observed, taken, now = moments
    attrs = {
        entities.TITLE: entities.prop(title),
        entities.AREA_NAME: entities.prop(area),
        entities.AUDIENCE: entities.prop(list(audience)),
        entities.SEVERITY: entities.prop(severity),
        entities.ABOUT: entities.related(about),
        entities.SECONDS: entities.prop(max(0, now - taken) / 1_000_000, entities.SECOND, observed),
    }
    return entities.change(notice_id(about, severity), entities.NOTICE, attrs)


def notice_id(about: str, severity: int) -> str:
    """One notice for each encounter or closing of a trap, and one more where it became graver."""
    return f"urn:ngsi-ld:WildlifeNotice:{about.removeprefix('urn:ngsi-ld:')}-{severity}"
