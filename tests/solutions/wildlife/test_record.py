"""What the page says of the risk map is what comes out of the shipped data."""

from __future__ import annotations

import json
from importlib import resources

from kumihimo.base.jsontext import loads
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.solutions.wildlife import entities, record
from kumihimo.solutions.wildlife.compare import TUNED_ON, UNSEEN
from kumihimo.solutions.wildlife.incidents import data_text

FOLDER = resources.files("kumihimo.solutions.wildlife")


def test_the_kept_comparison_is_what_comes_out_of_the_shipped_data() -> None:
    assert record.made_anew() == loads(data_text(record.FILE).encode())
    kept = record.kept()
    assert (kept.first, kept.last) == UNSEEN
    assert TUNED_ON[1] < UNSEEN[0]
    assert kept.score is not None
    assert (kept.verdict == "better") == (kept.score.low > 0)


def test_the_context_has_every_term() -> None:
    context = json.loads(FOLDER.joinpath("context.jsonld").read_text("utf-8"))["@context"]
    used = {value for name, value in vars(entities).items() if name.isupper() and isinstance(value, str)}
    assert {value for value in used if value.startswith(DEFAULT_VOCAB) and value != DEFAULT_VOCAB} == set(
        context.values()
    )


def test_the_credit_travels_with_the_data() -> None:
    attribution = " ".join(FOLDER.joinpath("data", "ATTRIBUTION.md").read_text("utf-8").split())
    assert "石川県 / いしかわオープンデータカタログ (CC BY)" in attribution
    assert "石川県 / いしかわオープンデータカタログ (CC BY)" in entities.BEAR_CREDIT
    assert "Desmet P, Neukermans A, Van der beeck D, Cartuyvels E (2022)" in attribution
