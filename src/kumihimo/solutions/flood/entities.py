"""Gauges, rain stations, signs and sirens as NGSI-LD entities.

Names expand into NGSI-LD's default vocabulary, so that `type=RiverGauge` works with the core context alone;
context.jsonld of this wing says what each term means.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from kumihimo.platform.broker.models import Change, Op
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD, EntityDoc, Instance
from kumihimo.solutions.flood.models import Gauge, RainStation, Thresholds

GAUGE = DEFAULT_VOCAB + "RiverGauge"
RAIN_GAUGE = DEFAULT_VOCAB + "RainGauge"
SIGN = DEFAULT_VOCAB + "RiversideSign"
SIREN = DEFAULT_VOCAB + "RiversideSiren"
NOTICE = DEFAULT_VOCAB + "FloodNotice"

LEVEL = DEFAULT_VOCAB + "waterLevel"
RAIN = DEFAULT_VOCAB + "precipitation"
STATE = DEFAULT_VOCAB + "state"
SHOWN = DEFAULT_VOCAB + "shownText"
SIMULATED = DEFAULT_VOCAB + "simulated"
NAME = DEFAULT_VOCAB + "name"
RIVER = DEFAULT_VOCAB + "river"
ADDRESS = DEFAULT_VOCAB + "address"
RESPONSIBLE = DEFAULT_VOCAB + "responsibleTenant"
ZERO = DEFAULT_VOCAB + "gaugeZeroHeight"
PROVIDER = DEFAULT_VOCAB + "dataProvider"
SOURCE = DEFAULT_VOCAB + "source"
REFERENCE = DEFAULT_VOCAB + "levelReference"
HEADLINE = DEFAULT_VOCAB + "headline"
AREA_NAME = DEFAULT_VOCAB + "areaName"
SEVERITY = DEFAULT_VOCAB + "severity"
ABOUT = DEFAULT_VOCAB + "about"
TAKEN = DEFAULT_VOCAB + "noticeSeconds"
HANDED = DEFAULT_VOCAB + "handedSeconds"
LOCATION = NGSI_LD + "location"
THRESHOLDS = {
    "standby": DEFAULT_VOCAB + "standbyLevel",
    "caution": DEFAULT_VOCAB + "cautionLevel",
    "evacuation": DEFAULT_VOCAB + "evacuationLevel",
    "danger": DEFAULT_VOCAB + "dangerLevel",
}
PUBLIC = "/public"
"""The scope of what a town shows everybody: what is published of rivers and rain, and what signs show."""
METRE, MILLIMETRE, SECOND = "MTR", "MMT", "SEC"
RIVER_CREDIT = "Fukui Prefecture river and sabo information, collected by Code for FUKUI / Taisuke Fukuno (MIT)"
TRAINING_CREDIT = (
    "None: a training gauge of the demonstration, with no recorded data / 訓練用。記録されたデータはありません"
)
RAIN_CREDIT = (
    "Source: Japan Meteorological Agency website (出典：気象庁ホームページ), edited; "
    "collected by Nikkei Visual & Data Journalism (MIT)"
)


_GAUGE_ID = "urn:ngsi-ld:RiverGauge:fukui-"


def gauge_id(number: str) -> str:
    """The entity id of a gauge; what is an id already stays as it is."""
    return number if ":" in number else _GAUGE_ID + number


def number_of(entity_id: str) -> str:
    """The short number of one of Fukui's gauges, as it stands in page addresses; any other gauge's whole id."""
    return entity_id.removeprefix(_GAUGE_ID)


def rain_id(number: str) -> str:
    """The entity id of a rain station."""
    return f"urn:ngsi-ld:RainGauge:amedas-{number}"


def _property(value: Any, unit: str = "") -> list[Instance]:
    instance: Instance = {"type": "Property", "value": value}
    if unit:
        instance["unitCode"] = unit
    return [instance]


def _point(lon: float, lat: float) -> list[Instance]:
    return [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, lat]}}]


def _change(entity_id: str, kind: str, attrs: dict[str, list[Instance]], *, is_public: bool = True) -> Change:
    doc: EntityDoc = {"id": entity_id, "type": [kind], "attrs": attrs}
    if is_public:
        doc["scope"] = [PUBLIC]
    return Change(Op.UPSERT_UPDATE, entity_id, doc)


def gauge_change(gauge: Gauge, responsible: str) -> Change:
    """The change that makes the gauge's entity, without any level: levels come from the device alone."""
    attrs = {
        NAME: _property(gauge.name),
        RIVER: _property(gauge.river),
        ADDRESS: _property(
            {
                "addressCountry": "JP",
                "addressRegion": "福井県",
                "addressLocality": gauge.municipality,
                "streetAddress": gauge.address,
            }
        ),
        LOCATION: _point(gauge.lon, gauge.lat),
        RESPONSIBLE: _property(responsible),
        REFERENCE: _property("sea level" if gauge.sea_level else "gauge zero"),
        DEFAULT_VOCAB + "positionSource": _property(gauge.position_source),
        DEFAULT_VOCAB + "owner": _property(gauge.manager),
        PROVIDER: _property(TRAINING_CREDIT if gauge.training else RIVER_CREDIT),
        SOURCE: _property(gauge.url),
    }
    if gauge.training:
        attrs[SIMULATED] = _property(True)
    if gauge.zero is not None:
        attrs[ZERO] = _property(gauge.zero, METRE)
    for name, attribute in THRESHOLDS.items():
        height = getattr(gauge.thresholds, name)
        if height is not None:
            attrs[attribute] = _property(height, METRE)
    return _change(gauge_id(gauge.id), GAUGE, attrs, is_public=not gauge.training)


def rain_change(station: RainStation) -> Change:
    """The change that makes the rain station's entity, without any rain."""
    attrs = {
        NAME: _property(station.name),
        DEFAULT_VOCAB + "alternateName": _property(station.name_en),
        LOCATION: _point(station.lon, station.lat),
        DEFAULT_VOCAB + "altitude": _property(station.altitude, METRE),
        PROVIDER: _property(RAIN_CREDIT),
    }
    return _change(rain_id(station.id), RAIN_GAUGE, attrs)


def actor_change(entity_id: str, kind: str, name: str, lon: float, lat: float) -> Change:
    """The change that makes a sign's or siren's entity; it is simulated, and says so."""
    attrs = {
        NAME: _property(name),
        LOCATION: _point(lon, lat),
        SIMULATED: _property(True),
    }
    return _change(entity_id, kind, attrs)


# --- reading entities back ---------------------------------------------------------------------------------


def instance_of(doc: EntityDoc | dict[str, Any], attribute: str) -> Instance | None:
    """The default instance of an attribute."""
    for instance in doc.get("attrs", {}).get(attribute, ()):
        if not instance.get("datasetId"):
            return instance
    return None


def value_of(doc: EntityDoc | dict[str, Any], attribute: str) -> Any:
    """The value of an attribute's default instance, None where there is none."""
    instance = instance_of(doc, attribute)
    return None if instance is None else instance.get("value")


def thresholds_of(doc: EntityDoc | dict[str, Any]) -> Thresholds:
    """The thresholds on a gauge's entity; what is no number is none."""
    return Thresholds(**{name: number_at(doc, attribute) for name, attribute in THRESHOLDS.items()})


def number_at(doc: EntityDoc | dict[str, Any], attribute: str) -> float | None:
    """The number that is an attribute's value; None for what is no number, or none that a double holds."""
    value = value_of(doc, attribute)
    if not is_number(value):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def text_at(doc: EntityDoc | dict[str, Any], attribute: str) -> str:
    """The text that is an attribute's value, "" for what is no text."""
    value = value_of(doc, attribute)
    return value if isinstance(value, str) else ""


def address_of(doc: EntityDoc | dict[str, Any], part: str) -> str:
    """A part of the address, e.g. "addressLocality"; "" where the address is no object or has no such text."""
    address = value_of(doc, ADDRESS)
    found = address.get(part) if isinstance(address, dict) else None
    return found if isinstance(found, str) else ""


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether this is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def place_of(doc: EntityDoc | dict[str, Any]) -> tuple[float, float] | None:
    """Longitude and latitude of an entity with a point as its location."""
    value = value_of(doc, LOCATION)
    if not isinstance(value, dict) or value.get("type") != "Point":
        return None
    lon, lat = value["coordinates"][:2]
    return float(lon), float(lat)
