"""Kill -9 while animals are detected: each detection is in one encounter, with one alert, one notice, one decision."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.flows.test_import_kill import ask, settle
from tests.flows.test_rules_kill import told, until
from tests.processes import Served

pytestmark = pytest.mark.enable_socket
FIRST = datetime(2010, 6, 1, 1, tzinfo=UTC)
"""Ten in the morning in Japan, when a siren may sound beside whatever."""
PLACE = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.6, 36.4]}}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    return {"KUMIHIMO_DATABASE_URL": request.getfixturevalue("postgres_url")}


def test_a_kill_while_animals_are_seen_loses_and_doubles_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    assert story(tmp_path, 2, random.Random(20261126), environ) > 4


class Animals:
    """One animal each day, seen twice within a minute; what was not acknowledged the sensor sends again."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.taken = 0

    def moment(self, number: int) -> str:
        """The moment of a reading."""
        return f"{FIRST + timedelta(days=number // 2, minutes=number % 2):%Y-%m-%dT%H:%M:%SZ}"

    def send_on(self, port: int) -> None:
        """Sends and sends, until nobody answers any more."""
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        try:
            while True:
                body = {"species": "Sus scrofa", "confidence": 0.9, "observedAt": self.moment(self.taken)}
                line.request("POST", "/devices/v1/default/sensor-1/readings", json.dumps(body), headers)
                answer = line.getresponse()
                said = answer.read()
                assert answer.status in (200, 201, 204), said
                self.taken += 1
                time.sleep(0.04)
        except (OSError, http.client.HTTPException):
            return
        finally:
            line.close()


@contextmanager
def sending(port: int, animals: Animals) -> Iterator[None]:
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(animals.send_on, port)
        yield
    running.result()


def furnish(served: Served) -> Animals:
    """The pack, a sensor and a siren beside it."""
    keys = {}
    for kind, short, family in (("sensor", "WildlifeSensor", "animal-sensor"), ("siren", "WildlifeSiren", "siren")):
        id_ = f"urn:ngsi-ld:{short}:{kind}-1"
        no = {"type": "Property", "value": False}
        body = {"id": id_, "type": short, "location": PLACE, "besideHouses": no}
        assert served.ask("POST", "/ngsi-ld/v1/entities", body)[0] == 201
        said = told(served, "device", "add", f"{kind}-1", "--family", family, "--entity", id_, "--type", short)
        keys[kind] = said.split("key")[1].split()[0]
    told(served, "solution", "install", "wildlife", "--apply")
    return Animals(keys["sensor"])


def story(folder: Path, kills: int, chance: random.Random, environ: dict[str, str]) -> int:
    """Kills the platform so many times while detections come; how many encounters there were."""
    served = Served(folder / "data")
    served.environ |= environ
    with served:
        animals = furnish(served)
        permit(served)
        for number in range(kills):
            if number:
                served.start()
            with sending(served.port, animals):
                before = animals.taken
                until(lambda start=before: animals.taken > start + 4)  # type: ignore[misc]  # a default binds it
                time.sleep(chance.random() * 0.4)
                served.kill()
            settle(served.data, environ)
        served.start()
        until(lambda: len(seen(served)) == stored(served) >= animals.taken)
        until(lambda: len(decided(served, environ)) >= len(entities(served, "WildlifeEncounter")))
        until(lambda: not under_way(served, environ))
        found = check(served, environ, animals)
        assert served.stop() == 0
    return found


def permit(served: Served) -> None:
    """As the page of the rule writes it."""
    form = "quiet_from=22&quiet_until=6&per_night=20&pause=5&night_beside_houses=yes&automatic=yes&reason=test&who=test"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    status, _, answer = served.ask("POST", "/t/default/wildlife/siren", form.encode(), headers)
    assert status == 303, answer.decode()


def entities(served: Served, kind: str) -> list[dict[str, Any]]:
    status, _, body = served.ask("GET", f"/ngsi-ld/v1/entities?type={kind}&limit=1000&format=simplified")
    assert status == 200
    return list(json.loads(body))


def seen(served: Served) -> list[tuple[str, int]]:
    """Encounter and moment of each detection in them."""
    found = entities(served, "WildlifeEncounter")
    return [(one["id"], detection["at"]) for one in found for detection in one["detections"]]


def stored(served: Served) -> int:
    """How many detections the sensor's history holds: the last one may have been kept without an answer."""
    status, _, body = served.ask(
        "GET", "/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:WildlifeSensor:sensor-1?format=temporalValues&lastN=1000"
    )
    assert status == 200
    doc = json.loads(body)
    return max(len(one["values"]) for one in doc.values() if isinstance(one, dict) and "values" in one)


def decided(served: Served, environ: dict[str, str]) -> list[Any]:
    return ask(served.data, environ, "SELECT alert_id, id, steps FROM alert_decision")


def sounded(served: Served, environ: dict[str, str]) -> list[str]:
    """Of each command to a siren the decision that caused it."""
    return [str(cause) for (cause,) in ask(served.data, environ, "SELECT cause FROM command WHERE name = 'sound'")]


def under_way(served: Served, environ: dict[str, str]) -> list[str]:
    """Decisions without a command. A kill between the two leaves it to a person, and a siren never sounds late by
    itself: such a decision has one step, and it says that nothing is known of it.
    """
    causes = sounded(served, environ)
    untold = [(id_, json.loads(steps)) for _, id_, steps in decided(served, environ) if f"decision:{id_}" not in causes]
    return [id_ for id_, steps in untold if [step["state"] for step in steps] != ["unknown"]]


def check(served: Served, environ: dict[str, str], animals: Animals) -> int:
    """Encounters, notices, alerts, decisions and commands against what was sent; one more may have come unanswered."""
    moments = Counter(at for _, at in seen(served))
    assert set(moments.values()) == {1}, "a detection stands in two encounters"
    sent = [int(datetime.fromisoformat(animals.moment(one)).timestamp()) * 1_000_000 for one in range(len(moments))]
    assert sorted(moments) == sent
    assert len(moments) - animals.taken in (0, 1)
    encounters = {one["id"] for one in entities(served, "WildlifeEncounter")}
    assert len(encounters) == (len(moments) + 1) // 2, "two of one animal are one encounter"
    notices = entities(served, "WildlifeNotice")
    assert Counter(one["about"] for one in notices) == dict.fromkeys(encounters, 1)
    alerts = ask(served.data, environ, "SELECT subject FROM alert WHERE source = 'wildlife'")
    assert Counter(str(subject) for (subject,) in alerts) == dict.fromkeys(encounters, 1)
    decisions = decided(served, environ)
    assert len({alert for alert, _, _ in decisions}) == len(decisions) == len(encounters)
    commands = sounded(served, environ)
    causes = set(commands)
    assert len(commands) == len(causes), "a siren was told twice"
    assert causes <= {f"decision:{id_}" for _, id_, _ in decisions}
    assert under_way(served, environ) == []
    return len(encounters)
