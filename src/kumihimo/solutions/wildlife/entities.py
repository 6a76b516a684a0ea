"""Incidents, cameras, detections, traps, visits, catches, damage and warning devices as NGSI-LD entities.

Names expand into NGSI-LD's default vocabulary, so that `type=WildlifeIncident` works with the core context alone;
context.jsonld of this wing says what each term means, with Camtrap DP's and Darwin Core's names where they have one.
"""

from __future__ import annotations

from typing import Any

from kumihimo.base import times
from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD, EntityDoc, Instance
from kumihimo.solutions.wildlife.cameras import Camera, Observation
from kumihimo.solutions.wildlife.models import Incident

INCIDENT = DEFAULT_VOCAB + "WildlifeIncident"
CAMERA = DEFAULT_VOCAB + "WildlifeCamera"
OBSERVATION = DEFAULT_VOCAB + "WildlifeObservation"
SENSOR = DEFAULT_VOCAB + "WildlifeSensor"
TRAP = DEFAULT_VOCAB + "WildlifeTrap"
VISIT = DEFAULT_VOCAB + "TrapVisit"
CATCH = DEFAULT_VOCAB + "WildlifeCatch"
DAMAGE = DEFAULT_VOCAB + "WildlifeDamage"
SIREN = DEFAULT_VOCAB + "WildlifeSiren"
LIGHT = DEFAULT_VOCAB + "WildlifeLight"
ENCOUNTER = DEFAULT_VOCAB + "WildlifeEncounter"
NOTICE = DEFAULT_VOCAB + "WildlifeNotice"
SIREN_RULE = DEFAULT_VOCAB + "WildlifeSirenRule"

NAME = DEFAULT_VOCAB + "name"
KIND = DEFAULT_VOCAB + "incidentKind"
DATE = DEFAULT_VOCAB + "incidentDate"
TIME_PRECISION = DEFAULT_VOCAB + "timePrecision"
COUNT_LOW = DEFAULT_VOCAB + "individualCountMinimum"
COUNT_HIGH = DEFAULT_VOCAB + "individualCountMaximum"
COUNT = DEFAULT_VOCAB + "individualCount"
SPECIES = DEFAULT_VOCAB + "species"
ADDRESS = DEFAULT_VOCAB + "address"
NOTE = DEFAULT_VOCAB + "note"
CELL = DEFAULT_VOCAB + "h3Cell"
PROVIDER = DEFAULT_VOCAB + "dataProvider"
SIMULATED = DEFAULT_VOCAB + "simulated"
DETECTED = DEFAULT_VOCAB + "detectedSpecies"
CONFIDENCE = DEFAULT_VOCAB + "detectionConfidence"
CLOSED = DEFAULT_VOCAB + "trapClosed"
STATE = DEFAULT_VOCAB + "state"
BESIDE_HOUSES = DEFAULT_VOCAB + "besideHouses"
AT_CAMERA = DEFAULT_VOCAB + "atCamera"
EVENT = DEFAULT_VOCAB + "eventID"
LEVEL = DEFAULT_VOCAB + "observationLevel"
LIFE_STAGE = DEFAULT_VOCAB + "lifeStage"
MEDIA = DEFAULT_VOCAB + "mediaID"
STARTED = DEFAULT_VOCAB + "eventStart"
ENDED = DEFAULT_VOCAB + "eventEnd"
UNCERTAINTY = DEFAULT_VOCAB + "coordinateUncertainty"
AT_TRAP = DEFAULT_VOCAB + "atTrap"
FOUND = DEFAULT_VOCAB + "found"
AREA = DEFAULT_VOCAB + "damagedArea"
CROP = DEFAULT_VOCAB + "crop"
AREA_NAME = DEFAULT_VOCAB + "areaName"
DETECTIONS = DEFAULT_VOCAB + "detections"
SEVERITY = DEFAULT_VOCAB + "severity"
AUDIENCE = DEFAULT_VOCAB + "audience"
TITLE = DEFAULT_VOCAB + "headline"
ABOUT = DEFAULT_VOCAB + "about"
SECONDS = DEFAULT_VOCAB + "noticeSeconds"
HANDED = DEFAULT_VOCAB + "handedSeconds"
RULE = DEFAULT_VOCAB + "sirenRule"
REPORTED_AT = DEFAULT_VOCAB + "reportedAt"
PHOTO = DEFAULT_VOCAB + "photo"
LOCATION = NGSI_LD + "location"

SQUARE_METRE, METRE, SECOND = "MTK", "MTR", "SEC"
BEAR = "Ursus thibetanus"
BEAR_CREDIT = "石川県 / いしかわオープンデータカタログ (CC BY), クマ出没情報, collected by ito4303/Kuma_Kyousei"
CAMERA_CREDIT = "Desmet P, Neukermans A, Van der beeck D, Cartuyvels E (2022), MICA sample, INBO (CC0)"


def prop(value: Any, unit: str = "", observed_at: int | None = None) -> list[Instance]:
    """A property; observed_at in microseconds."""
    instance: Instance = {"type": "Property", "value": value}
    if unit:
        instance["unitCode"] = unit
    if observed_at is not None:
        instance["observedAt"] = times.text(times.from_micros(observed_at))
    return [instance]


def moment(at: int) -> list[Instance]:
    """A moment as a property's value."""
    return prop({"@type": "DateTime", "@value": times.text(times.from_micros(at))})


def point(lon: float, lat: float) -> list[Instance]:
    """A place."""
    return [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}]


def related(entity_id: str) -> list[Instance]:
    """A relationship."""
    return [{"type": "Relationship", "object": entity_id}]


def change(entity_id: str, kind: str, attrs: dict[str, list[Instance]]) -> Change:
    """The change that makes or updates the entity."""
    doc: EntityDoc = {"id": entity_id, "type": [kind], "attrs": attrs}
    return Change(Op.UPSERT_UPDATE, entity_id, doc)


def incident_id(incident: Incident) -> str:
    """The entity id of an incident: its file and line."""
    return f"urn:ngsi-ld:WildlifeIncident:{incident.id}"


def incident_change(incident: Incident, cell: str) -> Change:
    """The change that makes an incident's entity. What is not known is not there; the precision says how well its time
    is known. Of an injury nothing is kept that could tell of the person.
    """
    attrs = {
        KIND: prop(incident.kind, observed_at=incident.at),
        DATE: prop({"@type": "Date", "@value": incident.day.isoformat()}),
        TIME_PRECISION: prop(incident.moment.precision),
        SPECIES: prop(BEAR),
        ADDRESS: prop(
            {
                "addressCountry": "JP",
                "addressRegion": "石川県",
                "addressLocality": incident.town,
                "streetAddress": incident.place,
            }
        ),
        LOCATION: point(incident.lon, incident.lat),
        CELL: prop(cell),
        PROVIDER: prop(BEAR_CREDIT),
    }
    if incident.count.low is not None:
        attrs[COUNT_LOW] = prop(incident.count.low)
        attrs[COUNT_HIGH] = prop(incident.count.high)
    if incident.note:
        attrs[NOTE] = prop(incident.note)
    return change(incident_id(incident), INCIDENT, attrs)


def camera_id(camera: str) -> str:
    """The entity id of a deployment."""
    return f"urn:ngsi-ld:WildlifeCamera:{camera}"


def camera_change(camera: Camera) -> Change:
    """The change that makes a camera's entity."""
    attrs = {
        NAME: prop(camera.name),
        LOCATION: point(camera.lon, camera.lat),
        STARTED: moment(camera.start),
        ENDED: moment(camera.end),
        PROVIDER: prop(CAMERA_CREDIT),
    }
    if camera.uncertainty is not None:
        attrs[UNCERTAINTY] = prop(camera.uncertainty, METRE)
    return change(camera_id(camera.id), CAMERA, attrs)


def observation_change(one: Observation) -> Change:
    """The change that makes an observation's entity; it points at a picture only where it may."""
    attrs = {
        AT_CAMERA: related(camera_id(one.camera)),
        SPECIES: prop(one.species or "unknown", observed_at=one.start),
        LEVEL: prop(one.level),
        STARTED: moment(one.start),
        ENDED: moment(one.end),
        PROVIDER: prop(CAMERA_CREDIT),
    }
    for attribute, value in ((EVENT, one.event), (LIFE_STAGE, one.life_stage), (MEDIA, one.media)):
        if value:
            attrs[attribute] = prop(value)
    if one.count is not None:
        attrs[COUNT] = prop(one.count)
    return change(f"urn:ngsi-ld:WildlifeObservation:{one.id}", OBSERVATION, attrs)


# --- reading entities back -------------------------------------------------------------------------------


def instance_of(doc: EntityDoc | dict[str, Any], attribute: str) -> Instance | None:
    """The default instance of an attribute."""
    return next((one for one in doc.get("attrs", {}).get(attribute, ()) if not one.get("datasetId")), None)


def value_of(doc: EntityDoc | dict[str, Any], attribute: str) -> Any:
    """The value of an attribute's default instance, None where there is none."""
    found = instance_of(doc, attribute)
    return None if found is None else found.get("value")


def text_at(doc: EntityDoc | dict[str, Any], attribute: str) -> str:
    """The text that is an attribute's value, "" for what is no text."""
    found = value_of(doc, attribute)
    return found if isinstance(found, str) else ""


def observed_at(doc: EntityDoc | dict[str, Any], attribute: str) -> int | None:
    """When an attribute was observed, in microseconds; None where it does not say so."""
    found = instance_of(doc, attribute)
    return times.micros(times.parse(found["observedAt"])) if found and "observedAt" in found else None


def place_of(doc: EntityDoc | dict[str, Any]) -> tuple[float, float] | None:
    """Longitude and latitude of an entity with a point as its location."""
    value = value_of(doc, LOCATION)
    if not isinstance(value, dict) or value.get("type") != "Point":
        return None
    lon, lat = value["coordinates"][:2]
    return float(lon), float(lat)
