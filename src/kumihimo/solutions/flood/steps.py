"""The steps that the wing proposes: words on the town's riverside sign, from 避難判断 on its siren too.

A river that falls gets gentler words and no siren, and at last a blank sign: what was said in the rise must not stand
on. These replace what stands on purpose, so they say override; an officer decides on them like on any other.
"""

from __future__ import annotations

from typing import Any

from kumihimo.service.alerts.models import Proposal
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.models import LEVEL_NAMES, Level
from kumihimo.solutions.flood.tenants import TOWNS, TRAINING_TOWN, town_name

SIGN_CHARACTERS = 40
SIREN_SECONDS = 60

_WORDS = {
    Level.STANDBY: "水位上昇中 川に近づかないでください",
    Level.CAUTION: "はん濫注意 川から離れてください",
    Level.EVACUATION: "避難判断水位に到達 避難情報を確認してください",
    Level.DANGER: "はん濫危険 直ちに川から離れてください",
}


_FALLING = {
    Level.STANDBY: "水位低下中 引き続き川に近づかないでください",
    Level.CAUTION: "水位低下中 川から離れていてください",
    Level.EVACUATION: "水位低下中 避難情報を確認してください",
}


def sign_device(town: str) -> str:
    """The device id of a town's sign."""
    return f"sign-{TOWNS[town]}"


def siren_device(town: str) -> str:
    """The device id of a town's siren."""
    return f"siren-{TOWNS[town]}"


def propose(tenant: str, level: Level, doc: dict[str, Any], *, falling: bool = False) -> tuple[Proposal, ...]:
    """Sign, and from EVACUATION on siren, of the gauge's town. Nothing where the town has none."""
    del tenant  # a command goes to the device of the tenant in which the alert stands
    if falling:
        return _lessened(level, doc)
    town, training = _town(doc), _training(doc)
    if town not in TOWNS or level not in _WORDS:
        return ()
    sign = _sign(doc, level, _WORDS[level])
    if level < Level.EVACUATION:
        return (sign,)
    pattern = "test" if training else "danger" if level is Level.DANGER else "warning"
    ja, en = LEVEL_NAMES[level]
    siren = Proposal(
        siren_device(town),
        "sound",
        {"pattern": pattern, "seconds": SIREN_SECONDS, "level": int(level), "urgent": True},
        {
            "ja": f"{training}{town}の河川サイレンを鳴らす（{ja}）",
            "en": f"{'Training: ' if training else ''}Sound the riverside siren of {town_name(town, 'en')} ({en})",
        },
    )
    return (sign, siren)


def _lessened(level: Level, doc: dict[str, Any]) -> tuple[Proposal, ...]:
    town = _town(doc)
    if town not in TOWNS:
        return ()
    if level in _FALLING:
        return (_sign(doc, level, _FALLING[level], override=True),)
    label = {"ja": f"{town}の河川表示板の表示を消す", "en": f"Clear the riverside sign of {town_name(town, 'en')}"}
    return (Proposal(sign_device(town), "clear", {"override": True}, label),)


def _sign(doc: dict[str, Any], level: Level, said: str, *, override: bool = False) -> Proposal:
    town = _town(doc)
    name = entities.text_at(doc, entities.NAME) or str(doc["id"])
    words = f"{_training(doc)}{name} {said}"[:SIGN_CHARACTERS]
    return Proposal(
        sign_device(town),
        "show",
        {"text": words, "level": int(level)} | ({"override": True} if override else {}),
        {
            "ja": f"{town}の河川表示板に「{words}」を表示",
            "en": f"Show “{words}” on the riverside sign of {town_name(town, 'en')}",
        },
    )


def _training(doc: dict[str, Any]) -> str:
    return "【訓練】" if entities.value_of(doc, entities.SIMULATED) is True else ""


def _town(doc: dict[str, Any]) -> str:
    return TRAINING_TOWN if _training(doc) else entities.address_of(doc, "addressLocality")
