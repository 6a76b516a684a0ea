"""Who answers for what: the prefecture and two of its cities; names of towns in Latin letters for device ids."""

from __future__ import annotations

PREFECTURE = "fukui-pref"
CITIES: dict[str, str] = {"福井市": "fukui-city", "鯖江市": "sabae-city"}
TENANTS: tuple[str, ...] = (PREFECTURE, *CITIES.values())
TENANT_NAMES: dict[str, dict[str, str]] = {
    PREFECTURE: {"ja": "福井県", "en": "Fukui Prefecture"},
    "fukui-city": {"ja": "福井市", "en": "Fukui City"},
    "sabae-city": {"ja": "鯖江市", "en": "Sabae City"},
}

TRAINING_TOWN = "訓練用"
"""Where the training gauge's own sign and siren stand: a training message never takes a real town's."""

TOWNS: dict[str, str] = {
    "福井市": "fukui",
    "大野市": "ono",
    "鯖江市": "sabae",
    "坂井市": "sakai",
    "小浜市": "obama",
    "越前市": "echizen-city",
    "敦賀市": "tsuruga",
    "勝山市": "katsuyama",
    "南越前町": "minamiechizen",
    "永平寺町": "eiheiji",
    "あわら市": "awara",
    "池田町": "ikeda",
    "越前町": "echizen-town",
    "若狭町": "wakasa",
    "おおい町": "ohi",
    "上中町": "kaminaka",
    "美浜町": "mihama",
    "高浜町": "takahama",
    TRAINING_TOWN: "training",
}
"""上中町 is the list's own word; the town became part of 若狭町 in 2005."""


def responsible_for(municipality: str) -> str:
    """The tenant that decides for a town's gauges: the city itself where it has one, else the prefecture."""
    return CITIES.get(municipality, PREFECTURE)


_KINDS = {"市": "City", "町": "Town", "村": "Village"}


def town_name(town: str, lang: str) -> str:
    """A town's name for a reader of "ja" or "en"; a town that has no name in Latin letters here keeps its own."""
    plain = short_name(town, lang)
    return plain if plain == town else f"{plain} {_KINDS.get(town[-1], '')}".rstrip()


def short_name(town: str, lang: str) -> str:
    """The same without City or Town, for where room is scarce."""
    if lang == "ja" or town not in TOWNS:
        return town
    return TOWNS[town].removesuffix("-city").removesuffix("-town").capitalize()
