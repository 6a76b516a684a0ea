"""The wing's paper says what its code does."""

from __future__ import annotations

import json
import tomllib
from importlib import resources

from kumihimo.device.codecs.families import FAMILIES
from kumihimo.solutions.wildlife import entities, kpis, merge, watch
from kumihimo.solutions.wildlife.devices import FAMILIES as OF_DEVICES
from kumihimo.solutions.wildlife.rule import RULE_ID, rule_of
from kumihimo.solutions.wildlife.season import TENANT

FOLDER = resources.files("kumihimo.solutions.wildlife")
PAPER = tomllib.loads(FOLDER.joinpath("solution.toml").read_text("utf-8"))
CONTEXT = json.loads(FOLDER.joinpath("context.jsonld").read_text("utf-8"))["@context"]
SAMPLE = json.loads(FOLDER.joinpath("sample.jsonld").read_text("utf-8"))


def test_the_paper_names_what_the_code_has() -> None:
    fixed = {one["name"]: one["value"] for one in PAPER["fixed"]}
    assert fixed["merge_minutes"] * merge.MINUTE == merge.WITHIN
    assert fixed["merge_metres"] == merge.METRES
    assert fixed["close_minutes"] * merge.MINUTE == watch.OVER
    figures = (kpis.NOTICE_SECONDS, kpis.VISITS_PER_CATCH, kpis.DAMAGED_AREA)
    assert [one["source"] for one in PAPER["kpis"]] == [one.id for one in figures]
    for said, one in zip(PAPER["kpis"], figures, strict=True):
        assert {lang: said["title"][lang] for lang in ("ja", "en")} == one.title
    assert set(PAPER["families"]) == {family for family, _, _ in OF_DEVICES.values()} <= set(FAMILIES)
    assert [one["id"] for one in PAPER["towns"]] == [TENANT]
    for name in ("texts", "context", "attribution"):
        assert FOLDER.joinpath(*PAPER[name].split("/")).is_file()


def test_every_term_of_the_paper_is_in_the_context_and_every_device_is_among_its_models() -> None:
    for model in PAPER["models"]:
        assert {model["type"], *model["attributes"]} - {"location"} <= set(CONTEXT)
    assert {short for _, _, short in OF_DEVICES.values()} <= {model["type"] for model in PAPER["models"]}


def test_the_rule_of_the_sample_is_the_careful_one() -> None:
    [rule] = [one for one in SAMPLE if one["type"] == "WildlifeSirenRule"]
    assert rule["id"] == RULE_ID
    value = rule["sirenRule"]["value"]
    doc = entities.change(RULE_ID, entities.SIREN_RULE, {entities.RULE: entities.prop(value)}).doc
    assert rule_of(doc) == rule_of(None)
