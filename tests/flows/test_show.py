"""The Show: a second town gets protection against wildlife with one command, plays a season, decides, catches and
measures, is put beside the first town, and is rid of it again. The commands are those of the tutorial as they stand
there; pages are real, and devices speak real MQTT.
"""

from __future__ import annotations

import html
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.flows.test_process import kumihimo
from tests.processes import Served, free_port

pytestmark = pytest.mark.enable_socket

FIRST, TOWN = "hakusan-city", "komatsu-city"
PAGE = (Path(__file__).resolve().parents[2] / "docs/tutorial/roll-out-wildlife.md").read_text()
STEPS = 25
SECONDS = 60.0


class Town:
    """The demonstration with one of its people logged in."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.people = {name: served.log_in(name) for name in ("demo-disaster", "demo-data")}

    def follow(self, heading: str) -> list[str]:
        """What the commands of the tutorial below a heading say, each to its end."""
        [part] = [one for one in PAGE.split("\n## ") if one.startswith(heading)]
        lines = re.findall(r"^kumihimo (.*) --data \./demo(.*)$", part, re.MULTILINE)
        return [self.run(*shlex.split(before + after)) for before, after in lines]

    def run(self, *words: str) -> str:
        """What a command says."""
        done = kumihimo(*words, data=self.served.data)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def page(self, path: str, town: str = TOWN, name: str = "demo-disaster") -> tuple[int, str]:
        headers = {**self.people[name], "Accept": "text/html", "Accept-Language": "en"}
        status, _, body = self.served.ask("GET", f"/t/{town}{path}", headers=headers)
        return status, html.unescape(body.decode())

    def post(self, path: str, town: str = TOWN, name: str = "demo-disaster", **form: str) -> tuple[int, str]:
        headers = {**self.people[name], "Content-Type": "application/x-www-form-urlencoded"}
        status, _, body = self.served.ask("POST", f"/t/{town}{path}", urlencode(form).encode(), headers)
        return status, body.decode()

    def entities(self, kind: str, town: str = TOWN) -> list[str]:
        path = f"/ngsi-ld/v1/entities?type={kind}&limit=1000"
        status, _, body = self.served.ask("GET", path, headers={**self.people["demo-disaster"], "NGSILD-Tenant": town})
        assert status == 200, body
        return [one["id"] for one in json.loads(body)]

    def devices(self, town: str = TOWN) -> list[str]:
        return [one["id"] for one in json.loads(self.run("device", "list", "--tenant", town, "--format", "json"))]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Served(tmp_path / "data", mqtt_port=free_port(), words=("demo", "--wildlife")) as served:
        served.said("Ctrl-C stops it", SECONDS)
        yield Town(served)


def until(look: Callable[[], list[str]]) -> list[str]:
    """What is seen once there is something to see."""
    end = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_the_next_town_gets_it_with_one_command_and_is_rid_of_it_with_another(town: Town) -> None:
    # Installed, with the town's area.
    town.follow("2. ")
    assert town.page("/wildlife")[0] == 404
    planned, done = town.follow("3. ")
    assert ("nothing was changed" in planned, done.endswith("done\n")) == (True, True)
    assert town.page("/wildlife")[0] == 200

    # A season begins; step by step until a siren is proposed, as no permission came with it.
    assert 'value="begin"' in town.page("/wildlife")[1]
    assert town.post("/wildlife/replay", action="begin")[0] == 303
    assert town.post("/wildlife/replay", action="begin")[0] == 409
    assert town.post("/wildlife/replay", action="reset", confirm="yes")[0] == 400, "a town of others is never removed"
    assert town.post("/wildlife/replay", action="pause")[0] == 303
    alert = _until_a_siren_is_proposed(town)

    # Alert, decision, siren.
    status, shown = town.page(f"/wildlife/alerts/{alert}")
    assert status == 200
    assert town.entities("WildlifeSirenRule") == []
    version = re.findall(r'name="version" value="(\d+)"', shown)[0]
    decision = {"verdict": "accepted", "version": version, "reason": "the school is near"}
    assert town.post(f"/wildlife/alerts/{alert}", **decision)[0] == 303
    steps = until(lambda: _ended(town.page(f"/wildlife/alerts/{alert}")[1]))
    assert steps[0].endswith("confirmed"), steps
    assert "the school is near" in town.page("/wildlife/decisions")[1]

    # Catch, and the figures of both towns, whose seasons go on by some days.
    catch = {"kind": "catch", "species": "Sus scrofa", "count": "2", "lon": "136.45", "lat": "36.33"}
    assert town.post("/wildlife/report", name="demo-data", **catch)[0] == 303
    assert len(town.entities("WildlifeCatch")) >= 1
    for one in (FIRST, TOWN):
        for _ in range(STEPS):
            assert town.post("/wildlife/replay", one, action="step")[0] == 303
    compared = until(lambda: _side_by_side(town.page("/kpi/compare")[1]))
    assert compared == ["wildlife.notice-seconds", "wildlife.visits-per-catch"]
    figures = town.page("/kpi")[1]
    assert "Trap visits per animal caught" in figures
    assert "none of them handed over" not in figures
    letters = [one.read_text() for one in (town.served.data / "mail" / "new").iterdir()]
    assert any("To: hunter1@example.com" in one for one in letters)

    # Removed, with what was played; the first town goes on.
    assert len(town.devices()) == 43
    planned, done = town.follow("6. ")
    assert ("a season is played here" in planned, done.endswith("done\n")) == (True, True)
    assert town.page("/wildlife")[0] == 404
    assert town.devices() == []
    assert [town.entities(one) for one in ("WildlifeSensor", "WildlifeCatch", "WildlifeNotice", "Replay")] == [[]] * 4
    assert "the school is near" in town.page("/alerts/decisions")[1], "what was decided stays on record"
    assert town.page("/wildlife", FIRST)[0] == 200
    assert len(town.devices(FIRST)) == 43
    assert "Traceback" not in town.served.log.read_text()


def _until_a_siren_is_proposed(town: Town) -> str:
    """The open alert that proposes one."""
    for _ in range(12):
        assert town.post("/wildlife/replay", action="step")[0] == 303
        found = until(lambda: re.findall(r'href="/t/[\w-]+/wildlife/alerts/([^"]+)"', town.page("/wildlife")[1]))
        for alert in found:
            if re.search(r"<li>Sound ", town.page(f"/wildlife/alerts/{alert}")[1]):
                return str(alert)
    raise AssertionError("no siren was proposed")


def _ended(page: str) -> list[str]:
    """What followed a decision, each step with its end; empty while any is under way."""
    steps = re.findall(r'<li>([^<]*): <strong data-step="(\w+)"', page)
    under_way = any(state in ("waiting", "sent") for _, state in steps)
    return [] if under_way else [f"{label}: {state}" for label, state in steps]


def _side_by_side(page: str) -> list[str]:
    """The KPIs that both towns have figures of; empty while those of the wing's season are too few."""
    titles = {"Seconds from detection to notice": "wildlife.notice-seconds", "Trap visits": "wildlife.visits-per-catch"}
    found = [
        name
        for section in page.split("<section")
        for title, name in titles.items()
        if title in section and "Hakusan City" in section and TOWN in section
    ]
    return sorted(found) if len(found) == len(titles) else []
