"""The wing's paper says what its code does."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import resources

import pytest

from kumihimo.base.texts import parse_texts
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB
from kumihimo.solutions.flood import entities, thresholds
from kumihimo.solutions.flood.leadtime import LEAD_TIME
from kumihimo.solutions.flood.models import Level
from kumihimo.solutions.flood.noticed import NOTICE_SECONDS
from kumihimo.solutions.flood.recording import load
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.telling import NEVER_URGENT
from kumihimo.solutions.flood.tenants import TENANTS, TOWNS

FOLDER = resources.files("kumihimo.solutions.flood")
PAPER = tomllib.loads(FOLDER.joinpath("solution.toml").read_text("utf-8"))
CONTEXT = json.loads(FOLDER.joinpath("context.jsonld").read_text("utf-8"))["@context"]


def test_the_paper_names_what_the_code_has() -> None:
    assert [one["id"] for one in PAPER["towns"]] == list(TENANTS)
    fixed = {one["name"]: one["value"] for one in PAPER["fixed"]}
    assert fixed["window_minutes"] * 60_000_000 == thresholds.WINDOW
    assert fixed["hysteresis_metres"] == thresholds.HYSTERESIS
    assert [(one["source"], one["title"]) for one in PAPER["kpis"]] == [
        (one.id, one.title) for one in (LEAD_TIME, NOTICE_SECONDS)
    ]
    [parameter] = PAPER["parameters"]
    assert (parameter["default"], parameter["most"]) == (Level.DANGER, NEVER_URGENT)
    for name in ("texts", "context", "attribution"):
        assert FOLDER.joinpath(*PAPER[name].split("/")).is_file()


def test_every_term_of_the_paper_and_the_code_is_in_the_context() -> None:
    for model in PAPER["models"]:
        assert {model["type"], *model["attributes"]} - {"location"} <= set(CONTEXT)
    used = {value for name, value in vars(entities).items() if name.isupper() and isinstance(value, str)}
    terms = {value for value in used if value.startswith(DEFAULT_VOCAB) and value != DEFAULT_VOCAB}
    assert terms | set(entities.THRESHOLDS.values()) <= set(CONTEXT.values())


def test_every_word_on_a_page_is_in_both_languages() -> None:
    words = parse_texts(FOLDER.joinpath("texts.toml").read_text("utf-8"), "texts.toml")
    for page in FOLDER.joinpath("templates").iterdir():
        for key in re.findall(r't\("(flood\.[a-z_.-]*[a-z])"[,)]', page.read_text("utf-8")):
            assert key in words, f"{page.name}: {key}"


@pytest.mark.parametrize("event", ["2024-06", "2023-08"])
def test_every_town_has_a_name_for_its_devices_and_every_step_fits_the_sign(event: str) -> None:
    for gauge in load(event).gauges:  # type: ignore[arg-type]  # the parameter is one of the events
        assert gauge.municipality in TOWNS
        doc = entities.gauge_change(gauge, "fukui-pref").doc
        assert doc is not None
        for level in list(Level)[1:]:
            steps = propose("fukui-pref", level, dict(doc))
            assert len(steps) == (2 if level >= Level.EVACUATION else 1)
            assert 1 <= len(str(steps[0].arguments["text"])) <= 40
            assert str(steps[0].arguments["text"]).isprintable()


def test_the_credit_travels_with_the_data() -> None:
    attribution = FOLDER.joinpath("data", "ATTRIBUTION.md").read_text("utf-8")
    assert entities.RIVER_CREDIT in " ".join(attribution.split())
    assert "出典：気象庁ホームページ" in attribution
    assert attribution.count("MIT License") == 2
