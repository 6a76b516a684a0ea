"""A town that has an MQTT broker already: a device publishes there, and the platform takes it in and commands it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.mosquitto_server import Mosquitto
from tests.processes import KUMIHIMO, Served

pytestmark = [pytest.mark.enable_socket, pytest.mark.mosquitto]
GAUGE = "urn:ngsi-ld:RiverGauge:1"
ENTITY = f"/ngsi-ld/v1/entities/{GAUGE}"


def until(served: Served, level: float) -> None:
    """Returns once the entity has this level."""
    deadline = time.monotonic() + 60
    while True:
        status, _, body = served.ask("GET", ENTITY, headers={"NGSILD-Tenant": "town"})
        if status == 200 and f'"value":{level}'.encode() in body.replace(b" ", b""):
            return
        assert time.monotonic() < deadline, (status, body, served.log.read_text()[-2000:])
        time.sleep(0.05)


def test_readings_come_in_through_it_also_those_of_the_time_when_the_platform_was_dead(
    tmp_path: Path, mosquitto: None
) -> None:
    served = Served(tmp_path / "data")
    with Mosquitto(tmp_path, users={"platform": "p", "gauge": "g"}) as broker:
        served.environ["KUMIHIMO_MQTT_URL"] = f"mqtt://platform:p@localhost:{broker.port}"

        def publish(level: float, second: int) -> None:
            words = ["-h", "localhost", "-p", str(broker.port), "-u", "gauge", "-P", "g", "-q", "1", "-V", "mqttv5"]
            body = f'{{"level": {level}, "observedAt": "2026-06-01T00:00:{second:02d}Z"}}'
            subprocess.run(["mosquitto_pub", *words, "-t", "kumihimo/town/g1/up", "-m", body], check=True, timeout=30)

        with served:
            device = ("device", "add", "g1", "--tenant", "town", "--family", "river-gauge")
            for words in (("tenant", "add", "town"), (*device, "--entity", GAUGE, "--type", "RiverGauge")):
                command = [*KUMIHIMO, *words, "--data", str(served.data)]
                subprocess.run(command, check=True, env=os.environ, capture_output=True, timeout=60)
            served.said("an outside MQTT broker is used")
            publish(1.5, 1)
            until(served, 1.5)
            served.kill()
            publish(2.5, 2)
            served.start()
            until(served, 2.5)
