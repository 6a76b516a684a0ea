"""The page on MQTT topics is enough to build a device from: it names every topic, its examples are taken and given."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.docs.test_house import FILES
from tests.fakes import DatabaseFactory, FakeClock

from kumihimo.base.call import Actor, Call
from kumihimo.base.ports import Command, MqttPeer, Reading, ReadingOutcome
from kumihimo.device.actuation.arbiter import Arbiter
from kumihimo.device.actuation.capability import ABILITIES
from kumihimo.device.actuation.store import SCHEMA as ACTUATION
from kumihimo.device.codecs.families import FAMILIES, decode
from kumihimo.device.gateway import Gateway
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.device.registry.store import SCHEMA as REGISTRY

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "topics.md").read_text()
LEAF = re.compile(r"(?:^|/)((?:up|down)(?:/[a-z]+)?)$")
SIGN = Device("sign-1", "sign", "", "urn:ngsi-ld:Sign:1", "https://example.org/Sign")
GAUGE = Device("g1", "river-gauge", "", "urn:ngsi-ld:RiverGauge:1", "https://example.org/RiverGauge")


def examples(kind: str = "") -> list[dict[str, Any]]:
    opening = f"```json {kind}".rstrip()
    return [json.loads(text) for text in re.findall(rf"{opening}\n(.*?)```", PAGE, re.DOTALL)]


def sections(name: str) -> list[list[str]]:
    """The rows of the tables of one section, as cells."""
    text = PAGE.partition(f"## {name}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]


def test_every_topic_that_the_code_knows_is_on_the_page_and_no_other() -> None:
    texts = [
        node.value
        for path in FILES
        if "device" in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    known = {f"kumihimo/{{tenant}}/{{device}}/{leaf}" for text in texts for leaf in LEAF.findall(text)}
    assert set(re.findall(r"\| `(kumihimo/[^`]+)`", PAGE)) == known


def test_the_tables_are_those_of_the_families() -> None:
    fields = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in sections("Readings")}
    assert fields == {name: {row.field for row in family.rows} for name, family in FAMILIES.items()}
    told = {(row[0].strip("`"), row[1].strip("`")): set(re.findall(r"`(\w+)`", row[2])) for row in sections("Commands")}
    assert told == {
        (family, name): set(ability.arguments) for family, known in ABILITIES.items() for name, ability in known.items()
    }


async def test_the_command_of_the_page_is_as_a_device_gets_it(
    database_factory: DatabaseFactory, fake_clock: FakeClock
) -> None:
    sent: list[tuple[str, bytes]] = []

    async def down(
        topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        sent.append((topic, payload))
        return 1

    database = await database_factory([REGISTRY, ACTUATION])
    await database.add_tenant("town")
    registry = Registry(database, fake_clock)
    await registry.add("town", SIGN)
    [example] = examples("command")
    command = Command("town", "sign-1", example["name"], example["arguments"], "水位が上がっています")
    outcome = await Arbiter(database, registry, down, fake_clock)(Call("town", Actor("person", "officer")), command)
    assert outcome.state == "sent", outcome.detail
    [(topic, payload)] = sent
    assert topic == "kumihimo/town/sign-1/down/command"
    given = json.loads(payload)
    assert given.keys() == example.keys()
    assert (given["name"], given["arguments"]) == (example["name"], example["arguments"])


async def test_the_result_of_the_page_is_taken(database_factory: DatabaseFactory, fake_clock: FakeClock) -> None:
    heard: list[tuple[str, ...]] = []

    async def result(*given: str) -> bool:
        heard.append(given)
        return True

    async def ingest(call: Call, readings: Any) -> list[ReadingOutcome]:
        return []

    database = await database_factory([REGISTRY])
    await database.add_tenant("town")
    registry = Registry(database, fake_clock)
    await registry.add("town", SIGN)
    gateway = Gateway(registry, ingest, fake_clock, False, result)
    [command], [example] = examples("command"), examples("result")
    peer = MqttPeer("c", "town", "sign-1")
    await gateway.publish(peer, "kumihimo/town/sign-1/up/result", json.dumps(example).encode(), {})
    assert heard == [("town", "sign-1", command["id"], "confirmed", "shown")]


@pytest.mark.parametrize(("example", "device"), [(0, GAUGE), (1, SIGN)])
def test_the_readings_of_the_page_are_read(example: int, device: Device) -> None:
    found = decode(device.family, json.dumps(examples()[example]).encode(), device)
    assert found
    assert all(isinstance(one, Reading) for one in found), found
