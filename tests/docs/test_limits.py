"""Each row of the page of limits names tests that exist, and a setting that there is."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from tests.docs.test_statements import names_in
from tools.limits import Number, groups, number_at, row

from kumihimo.base.settings import Settings
from kumihimo.network.http.limits import LimitNumbers
from kumihimo.network.mqtt.limits import MqttLimits

LIMITS = [limit for group in groups() for limit in group["limit"]]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda one: one["what"])
def test_every_named_test_exists(limit: dict[str, Any]) -> None:
    assert limit["tests"]
    missing = [name for name in limit["tests"] if name.partition("::")[2] not in names_in(name.partition("::")[0])]
    assert missing == []


def test_every_setting_is_one_and_every_row_can_be_written() -> None:
    known = {one.name for one in fields(Settings)}
    assert {one["setting"] for one in LIMITS if "setting" in one} <= known
    assert all(row(one).startswith(f"| {one['what']} | ") for one in LIMITS)
    assert len({one["what"] for one in LIMITS}) == len(LIMITS)


def test_no_number_of_the_listeners_is_left_out() -> None:
    told = {place.partition(":")[2].partition(".")[2] for one in LIMITS for place in one.get("at", ())}
    bursts = {"packet_burst", "publish_burst", "tenant_publish_burst"}  # two seconds' worth of their rates
    elsewhere = {"max_keep_alive", "keep_alive_factor", "max_session_expiry", "topic_alias_maximum"}  # mqtt.md
    waits = {"linger", "drain_timeout"}  # how an end is waited for
    of_tenant = {"max_tenant_clients"}  # four of five, by the setting
    left = {one.name for kind in (MqttLimits, LimitNumbers) for one in fields(kind)} - told
    assert left <= bursts | elsewhere | waits | of_tenant


def test_numbers_are_read_from_the_code_and_written_for_people() -> None:
    assert f"{number_at('network.mqtt.limits:MqttLimits.max_packet'):bytes}" == "256 KiB"
    assert f"{number_at('network.http.protocol:HEAD_SECONDS')}" == "15"
    assert [f"{Number(1536)}", f"{Number(0.025)}", f"{Number(3 << 20):bytes}"] == ["1,536", "0.025", "3 MiB"]
    spans = (259_200_000_000, 600_000_000, 60_000_000)
    assert [f"{Number(one):micros}" for one in spans] == ["3 days", "10 minutes", "60 s"]
