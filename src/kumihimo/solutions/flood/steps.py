"""The steps that the wing proposes: words on the town's riverside sign, from 避難判断 on its siren too."""

from __future__ import annotations

from typing import Any

from kumihimo.service.alerts.models import Proposal
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.models import LEVEL_NAMES, Level
from kumihimo.solutions.flood.tenants import TOWNS

SIGN_CHARACTERS = 40
SIREN_SECONDS = 60

_WORDS = {
    Level.STANDBY: "水位上昇中 川に近づかないでください",
    Level.CAUTION: "はん濫注意 川から離れてください",
    Level.EVACUATION: "避難判断水位に到達 避難情報を確認してください",
    Level.DANGER: "はん濫危険 直ちに川から離れてください",
}


def sign_device(town: str) -> str:
    """The device id of a town's sign."""
    return f"sign-{TOWNS[town]}"


def siren_device(town: str) -> str:
    """The device id of a town's siren."""
    return f"siren-{TOWNS[town]}"


def propose(tenant: str, level: Level, doc: dict[str, Any]) -> tuple[Proposal, ...]:
    """Sign, and from EVACUATION on siren, of the gauge's town. Nothing where the town has none."""
    del tenant  # a command goes to the device of the tenant in which the alert stands
    town = entities.address_of(doc, "addressLocality")
    if town not in TOWNS or level not in _WORDS:
        return ()
    name = entities.text_at(doc, entities.NAME) or str(doc["id"])
    training = "【訓練】" if entities.value_of(doc, entities.SIMULATED) is True else ""
    words = f"{training}{name} {_WORDS[level]}"[:SIGN_CHARACTERS]
    sign = Proposal(
        sign_device(town),
        "show",
        {"text": words, "level": int(level)},
        {"ja": f"{town}の河川表示板に「{words}」を表示", "en": f"Show “{words}” on the riverside sign of {town}"},
    )
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
            "en": f"{training}Sound the riverside siren of {town} ({en})",
        },
    )
    return (sign, siren)
