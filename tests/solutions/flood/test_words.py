"""Japanese pages say it in Japanese, English ones in English, and neither says it twice."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from kumihimo.platform.jsonld.models import EntityDoc
from kumihimo.service.alerts.models import Content, Decision, Proposal, Step
from kumihimo.service.alerts.sights import ALL_OF_IT, SeenDecision
from kumihimo.solutions.flood import entities
from kumihimo.solutions.flood.alert_pages import decisions_table, spoken
from kumihimo.solutions.flood.base_map import base_map
from kumihimo.solutions.flood.models import Level, level_name
from kumihimo.solutions.flood.overview import _site
from kumihimo.solutions.flood.steps import propose
from kumihimo.solutions.flood.tenants import TOWNS, town_name
from kumihimo.solutions.flood.training import TRAINING_GAUGE
from kumihimo.solutions.flood.views import GaugeRow, gauge_rows, said


def training_doc() -> EntityDoc:
    doc = entities.gauge_change(TRAINING_GAUGE, "fukui-city").doc
    assert doc is not None
    return doc


def training_row() -> GaugeRow:
    [row] = gauge_rows([training_doc()])
    return row


def site(state: str, kind: str = entities.SIGN, name: str = "福井市 河川表示板（模擬）") -> EntityDoc:
    attrs: dict[str, Any] = {
        entities.NAME: [{"type": "Property", "value": name}],
        entities.STATE: [{"type": "Property", "value": state}],
    }
    return {"id": "urn:x:1", "type": [kind], "attrs": attrs}


def decision(detail: str = "The device confirmed it.", detail_ja: str = "端末が実行を確認しました。") -> Decision:
    label = {"ja": "福井市の河川表示板に表示", "en": "Show on the sign of Fukui City"}
    step = Step(Proposal("sign-fukui", "show", {}, label), "c1", "confirmed", detail, detail_ja)
    content = Content({"ja": "江端川 江端", "en": "江端 (江端川)"})
    return Decision("d1", "a1", 1, 3, "accepted", "理由", "山田", 0, content, (step,))


@pytest.mark.parametrize(
    ("lang", "words_of", "not_said"),
    [
        ("ja", "装置が実行を確認 端末が実行を確認しました。", ("confirmed", "device")),
        ("en", "confirmed by the device The device confirmed it.", ("端末", "確認")),
    ],
)
def test_the_record_says_what_followed_in_one_language(lang: str, words_of: str, not_said: tuple[str, ...]) -> None:
    table = list(csv.reader(io.StringIO(decisions_table([SeenDecision(decision(), ALL_OF_IT)], lang))))
    assert table[1][-1].endswith(words_of)
    assert not any(word in table[1][-1] for word in not_said)


def test_a_step_kept_before_there_were_two_languages_keeps_its_words() -> None:
    [one] = spoken([SeenDecision(decision("ja / en", ""), ALL_OF_IT)], "ja")
    assert one.decision.steps[0].detail == "ja / en"


def test_towns_have_a_name_in_latin_letters() -> None:
    assert town_name("福井市", "en") == "Fukui City"
    assert town_name("越前町", "en") == "Echizen Town"
    assert town_name("福井市", "ja") == "福井市"
    assert town_name("京都市", "en") == "京都市", "a town that is not listed keeps its own"
    assert all(town_name(town, "en").isascii() for town in TOWNS)


def test_steps_say_in_english_what_is_asked() -> None:
    for proposal in propose("fukui-city", Level.DANGER, dict(training_doc())):
        assert "福井市" not in proposal.label["en"]
        assert not proposal.label["en"].startswith("【訓練】")


def test_the_training_gauge_is_named_in_each_language() -> None:
    ja, en = said(training_row(), "ja"), said(training_row(), "en")
    assert (ja.river, ja.name, en.river, en.name) == ("訓練", "訓練用水位計", "training", "Training gauge")
    assert "Fukui" not in ja.address
    assert en.address.isascii()
    assert en.credit.isascii()
    assert "training" not in ja.credit


def test_a_level_has_one_name_in_english() -> None:
    badges = {0: "Normal", 1: "Stand-by", 2: "Flood watch", 3: "Evacuation decision", 4: "Flood danger"}
    assert {int(level): level_name(level, "en").capitalize() for level in Level} == badges


def test_a_sign_says_what_it_does_in_words() -> None:
    assert _site(site("showing"), entities.SIGN, "ja")["state"] == "表示中"
    assert _site(site("sounding: danger"), entities.SIREN, "ja")["state"] == "吹鳴中（危険）"
    assert _site(site("odd"), entities.SIGN, "ja")["state"] == "odd", "a device's own word is kept"
    assert _site(site("blank"), entities.SIGN, "en")["name"] == "Fukui City, riverside sign (simulated)"
    assert _site(site("blank", name="橋の表示板"), entities.SIGN, "en")["name"] == "橋の表示板"


def test_rivers_are_smooth_lines_through_their_gauges() -> None:
    plain = replace(training_row(), river="川", training=False)
    rows = [
        replace(plain, number=str(place), lon=136 + place / 10, lat=36 + place % 2 / 10, zero=9.0 - place)
        for place in range(4)
    ]
    [river] = [one for one in base_map(rows)["features"] if one["properties"]["kind"] == "river"]
    line = river["geometry"]["coordinates"]
    assert len(line) == 3 * 8 + 1
    assert all([row.lon, row.lat] in line for row in rows)
