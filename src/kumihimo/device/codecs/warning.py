"""Riverside signs and sirens: what they tell of themselves; what they are told is in actuation/capability.py."""

from __future__ import annotations

from kumihimo.device.codecs.table import VOCAB, Family, Row, short_text

SIGN = Family(
    "sign",
    (
        Row("state", VOCAB + "state", "", short_text(40)),
        Row("text", VOCAB + "shownText", "", short_text(40), is_required=False),
    ),
)
SIREN = Family("siren", (Row("state", VOCAB + "state", "", short_text(40)),))
