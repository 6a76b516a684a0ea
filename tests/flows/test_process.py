"""The platform as a process: how it starts, refuses to start, is operated, and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from tests.processes import KUMIHIMO, Printed, Served, free_port
from typer.testing import CliRunner

from kumihimo import __version__
from kumihimo.cli.main import app

pytestmark = pytest.mark.enable_socket

ENTITIES = "/ngsi-ld/v1/entities"
CLOSED = ("serve",)
GAUGE = ("--family", "river-gauge", "--entity", "urn:ngsi-ld:RiverGauge:1", "--type", "RiverGauge")
READING = {"level": 1.5, "observedAt": "2026-06-01T00:00:00Z"}


ALONE = ("serve", "demo", "doctor", "--version")
"""Commands that are tried as a process of their own; the others run in this one, as each start costs seconds."""


def kumihimo(*words: str, data: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    given = [*words, *(["--data", str(data)] if data else [])]
    if words[0] in ALONE:
        env = {**os.environ, **environ}
        return subprocess.run([*KUMIHIMO, *given], env=env, capture_output=True, text=True, timeout=30, check=False)
    with ThreadPoolExecutor(1) as thread:  # where no loop runs, whichever test asks
        done = thread.submit(CliRunner().invoke, app, given, env=environ).result()
    return subprocess.CompletedProcess(given, done.exit_code, done.stdout, done.stderr)


def thing(number: int, value: Any = 1) -> dict[str, Any]:
    level = {"type": "Property", "value": value, "observedAt": f"2026-06-01T0{value}:00:00Z"}
    return {"id": f"urn:ngsi-ld:Thing:{number}", "type": "Thing", "level": level}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "data", mqtt_port=free_port()) as one:
        yield one


@contextmanager
def half_sent(port: int, body: bytes) -> Iterator[socket.socket]:
    """A POST of an entity whose last byte is still to be sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        head = f"POST {ENTITIES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        line.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
        yield line


# --- ending ----------------------------------------------------------------------------------------------


def test_sigterm_lets_a_request_under_way_finish_and_ends_with_0(served: Served) -> None:
    body = json.dumps(thing(1)).encode()
    with half_sent(served.port, body) as line:
        _until_in_flight(served)
        assert served.process is not None
        served.process.send_signal(signal.SIGTERM)
        assert _is_closed(served.port), "new connections are still taken"
        line.sendall(body[-1:])
        assert line.recv(4096).startswith(b"HTTP/1.1 201")
    assert served.process.wait(15) == 0
    served.start()
    assert served.ask("GET", f"{ENTITIES}/urn:ngsi-ld:Thing:1")[0] == 200


def test_a_body_that_is_never_sent_is_broken_off_without_a_fault_in_the_log(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    served.environ["KUMIHIMO_DRAIN_SECONDS"] = "1"
    with served, half_sent(served.port, json.dumps(thing(1)).encode()) as line:
        _until_in_flight(served)
        assert served.stop() == 0
        assert line.recv(4096).startswith(b"HTTP/1.1 503")
        assert "Traceback" not in served.log.read_text()


def _until_in_flight(served: Served) -> None:
    """Returns once the platform has taken up a request beside the one that asks."""
    for _ in range(500):
        numbers = served.ask("GET", "/metrics")[2].decode()
        if "kumihimo_http_in_flight 2.0" in numbers:
            return
    raise AssertionError("the request was never seen under way")


def _is_closed(port: int) -> bool:
    """Whether connections come to be refused within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_ctrl_c_ends_with_0(served: Served) -> None:
    assert served.process is not None
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(15) == 0


def test_a_restart_keeps_entities_history_subscriptions_and_devices(served: Served) -> None:
    for hour in (1, 2, 3):
        given = [thing(1, hour)]
        assert served.ask("POST", "/ngsi-ld/v1/entityOperations/upsert", given)[0] in (201, 204)
    info = [{"key": "X-Secret", "value": "kept"}]
    endpoint = {"uri": "http://127.0.0.1:9/", "accept": "application/json", "receiverInfo": info}
    wanted = {"type": "Subscription", "entities": [{"type": "Thing"}], "notification": {"endpoint": endpoint}}
    status, headers, _ = served.ask("POST", "/ngsi-ld/v1/subscriptions", wanted)
    assert status == 201
    kept = [f"{ENTITIES}/urn:ngsi-ld:Thing:1", headers["location"]]
    kept.append("/ngsi-ld/v1/temporal/entities/urn:ngsi-ld:Thing:1?timerel=after&timeAt=2026-01-01T00:00:00Z")
    status, hosted, _ = served.ask("POST", "/ngsi-ld/v1/jsonldContexts", {"@context": {"a": "urn:example:a"}})
    assert status == 201
    kept.append(hosted["location"])
    before = [json.loads(served.ask("GET", path)[2]) for path in kept]
    assert kumihimo("device", "add", "g1", *GAUGE, "--tenant", "default", data=served.data).returncode == 0
    assert served.stop() == 0
    served.start()
    after = [json.loads(served.ask("GET", path)[2]) for path in kept]
    assert before[0] == after[0]
    assert before[2] == after[2]
    assert len(after[2]["level"]) == 3
    assert before[3] == after[3] == {"@context": {"a": "urn:example:a"}}
    told = json.loads(served.ask("GET", hosted["location"] + "?details=true")[2])
    assert told["numberOfHits"] == 2, "uses are written when the platform stops"
    assert before[1]["notification"]["endpoint"] == after[1]["notification"]["endpoint"]
    assert after[1]["notification"]["endpoint"]["receiverInfo"] == info
    listed = kumihimo("device", "list", "--tenant", "default", "--format", "json", data=served.data)
    assert [one["id"] for one in json.loads(listed.stdout)] == ["g1"]


@pytest.mark.slow
def test_the_demo_plays_600_times_faster_and_keeps_its_data_over_ctrl_c(tmp_path: Path) -> None:
    own = {**thing(1), "id": "urn:ngsi-ld:Thing:own"}
    fukui, gauges = {"NGSILD-Tenant": "fukui-pref"}, f"{ENTITIES}?type=RiverGauge&limit=200&attrs=name"
    demo = Served(tmp_path / "data", mqtt_port=free_port(), words=("demo",))
    with demo:
        demo.said("Ctrl-C stops it")
        assert demo.ask("GET", "/t/fukui-pref/flood/replay")[0] == 401
        officer = demo.log_in("demo-disaster")
        status, _, replay = demo.ask("GET", "/t/fukui-pref/flood/replay", headers=officer)
        assert (status, json.loads(replay)["speed"]) == (200, 600)
        assert demo.ask("POST", ENTITIES, own, fukui | officer)[0] == 201
        before = json.loads(demo.ask("GET", gauges, headers=fukui | officer)[2])
        assert demo.process is not None
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(20) == 0
        said = demo.log.read_text()
        assert "Traceback" not in said
        demo.start()
        demo.said("Ctrl-C stops it", times=2)
        again = demo.log.read_text()[len(said) :]
        assert (Printed(again).passwords, Printed(again).key) == ({}, ""), "they are said once"
        assert "kumihimo demo --new-passwords" in again
        seen = fukui | Printed(said).bearer
        after = json.loads(demo.ask("GET", gauges, headers=seen)[2])
        assert [one["id"] for one in after] == [one["id"] for one in before]
        assert len(after) > 90
        assert demo.ask("GET", f"{ENTITIES}/{own['id']}", headers=seen)[0] == 200
        assert demo.ask("GET", "/t/fukui-pref/flood", headers=demo.log_in("demo-resident"))[0] == 200


# --- refusing to start -----------------------------------------------------------------------------------


def test_a_second_process_on_the_same_data_is_refused(served: Served) -> None:
    second = kumihimo("serve", "--open", "--port", "0", "--mqtt-port", "-1", data=served.data)
    assert second.returncode == 1
    assert str(served.data) in second.stderr
    assert "Traceback" not in second.stderr
    assert served.ready()


@pytest.mark.parametrize(
    ("words", "environ"),
    [(("serve", "--open", "--host", "0.0.0.0"), {}), (("demo",), {"KUMIHIMO_HOST": "0.0.0.0", "KUMIHIMO_OPEN": "1"})],
    ids=["serve", "demo"],
)
def test_open_is_refused_on_any_address_but_loopback(
    tmp_path: Path, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    refused = kumihimo(*words, data=tmp_path / "data", **environ)
    assert refused.returncode == 2
    assert "--open" in refused.stderr
    assert "0.0.0.0" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_an_unknown_setting_is_refused_and_the_near_one_named(tmp_path: Path) -> None:
    refused = kumihimo("serve", data=tmp_path / "data", KUMIHIMO_MAX_BODDY="1")
    assert refused.returncode == 2
    assert "max_boddy" in refused.stderr
    assert "max_body" in refused.stderr


@pytest.mark.parametrize("which", ["--port", "--mqtt-port"])
def test_a_port_in_use_is_said(tmp_path: Path, which: str) -> None:
    other = {"--port": "--mqtt-port", "--mqtt-port": "--port"}[which]
    free = {"--port": "0", "--mqtt-port": "-1"}[other]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = kumihimo("serve", which, port, other, free, "--host", "127.0.0.1", data=tmp_path / "data")
    assert refused.returncode == 1
    assert port in refused.stderr
    assert "in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_newer_data_folder_is_refused(served: Served) -> None:
    assert served.stop() == 0
    with sqlite3.connect(served.data / "platform.db") as file:
        file.execute("INSERT INTO migration SELECT room, 99, 'x', applied_at FROM migration LIMIT 1")
    file.close()
    refused = kumihimo("serve", "--open", "--port", "0", "--mqtt-port", "-1", data=served.data)
    assert refused.returncode == 1
    assert "newer" in refused.stderr
    assert "Traceback" not in refused.stderr


# --- closed by default -----------------------------------------------------------------------------------


async def test_without_open_a_stranger_gets_nothing_and_a_device_gets_in(tmp_path: Path) -> None:
    with Served(tmp_path / "data", mqtt_port=free_port(), words=CLOSED) as served:
        assert kumihimo("tenant", "add", "town", data=served.data).returncode == 0
        added = kumihimo("device", "add", "g1", *GAUGE, "--tenant", "town", data=served.data)
        assert added.returncode == 0, added.stderr
        key = added.stdout.split("key")[1].split()[0]
        _check_closed(served)
        link = re.search(r"(/welcome/[\w-]{43})\n", served.log.read_text())
        assert link, "a start without any account prints the link of the first administrator"
        assert served.ask("GET", link[1])[0] == 200
        _check_device_over_http(served, key)
        for username, password in ((None, None), ("town/g1", "wrong"), ("town/other", key), ("", "")):
            with pytest.raises(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", served.mqtt_port, username=username, password=password):
                    pass
        async with aiomqtt.Client("127.0.0.1", served.mqtt_port, username="town/g1", password=key) as device:
            later = {**READING, "observedAt": "2026-06-01T01:00:00Z"}
            await device.publish("kumihimo/town/g1/up", json.dumps(later), qos=1)
        listed = kumihimo("device", "list", "--tenant", "town", "--format", "json", data=served.data)
        [row] = json.loads(listed.stdout)
        assert row["accepted"] == 2
        assert row["refused"] >= 2
        _check_operator_sees_refusals(served, key)
        assert served.stop() == 0


def _check_closed(served: Served) -> None:
    for path in ("/healthz", "/readyz", "/login", "/static/console/css/shell.css"):
        assert served.ask("GET", path)[0] == 200
    for path in ("/", "/metrics", "/openapi.json", "/t/town/entities", "/static/console/js/km-map.js", "/nowhere"):
        assert served.ask("GET", path)[0] == 401, path
    assert [served.ask(method, "/webhooks/town/x", {})[0] for method in ("POST", "PATCH")] == [404, 401]
    for method in ("GET", "POST", "PATCH", "DELETE"):
        for path in (
            ENTITIES,
            f"{ENTITIES}/urn:a:b",
            "/t/town/webhook",
            "/t/town/live",
            "//healthz",
        ):
            status, _, body = served.ask(method, path, {} if method in ("POST", "PATCH") else None)
            assert (status, json.loads(body)["type"]) == (401, "https://kumihimo.dev/errors/Unauthenticated"), path


def _check_device_over_http(served: Served, key: str) -> None:
    path = "/devices/v1/town/g1/readings"
    assert served.ask("POST", path, READING)[0] == 401
    assert served.ask("POST", path, READING, {"Authorization": "Bearer wrong"})[0] == 401
    assert served.ask("POST", path, READING, {"Authorization": f"Bearer {key}"})[0] == 201


def _check_operator_sees_refusals(served: Served, key: str) -> None:
    """Over the socket, as a closed platform shows its numbers to nobody else."""
    too_large = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    assert served.ask("POST", "/devices/v1/town/g1/readings", b" " * 70_000, too_large)[0] == 413
    told = kumihimo("device", "refusals", "--tenant", "town", "--format", "json", data=served.data)
    refusals = json.loads(told.stdout)
    assert refusals[0]["way"] == "http"
    assert "more than 65536 bytes" in refusals[0]["en"]
    assert {one["device"] for one in refusals} == {"g1", "other"}
    assert key not in told.stdout
    assert "more than 65536" in kumihimo("device", "refusals", "--tenant", "town", data=served.data).stdout
    rows = json.loads(kumihimo("metrics", "--format", "json", data=served.data).stdout)
    numbers = {f"{row['part']}.{row['name']}": row["value"] for row in rows}
    assert numbers["mqtt.connections"] == 1
    assert numbers["mqtt.connections_refused"] == 4
    assert numbers["http.2xx"] > 0


# --- the command line ------------------------------------------------------------------------------------


def test_the_version_is_said_without_a_command() -> None:
    said = kumihimo("--version")
    assert (said.returncode, said.stdout) == (0, f"kumihimo {__version__}\n")


@pytest.mark.parametrize("running", [True, False], ids=["over the socket", "on closed files"])
def test_the_command_line_works(tmp_path: Path, running: bool) -> None:
    served = Served(tmp_path / "data")
    if running:
        served.start()
    try:
        _operate(served.data, tmp_path, running)
    finally:
        if running:
            assert served.stop() == 0
    if not running:
        served.start()
    with served if running else _already(served):
        headers = {"NGSILD-Tenant": "town"}
        status, _, body = served.ask("GET", f"{ENTITIES}?type=Shelter", headers=headers)
        assert status == 200
        assert len(json.loads(body)) == 2


@contextmanager
def _already(served: Served) -> Iterator[None]:
    try:
        yield
    finally:
        assert served.stop() == 0


def _operate(data: Path, folder: Path, running: bool) -> None:
    made = kumihimo("tenant", "add", "town", data=data)
    assert (made.returncode, made.stdout) == (0, "tenant town made\n"), made.stderr
    added = kumihimo("device", "add", "g1", *GAUGE, "--tenant", "town", data=data)
    assert added.returncode == 0, added.stderr
    key = added.stdout.split("key")[1].split()[0]
    if running:
        _operate_devices(data, key)
    file = folder / "shelters.csv"
    file.write_text("番号,名称,緯度,経度\n1,東小学校,36.06,136.22\n2,西小学校,36.07,136.20\n", encoding="cp932")
    shown = kumihimo("import", str(file), "--tenant", "town", "--type", "Shelter", "--id-column", "番号", data=data)
    assert "Nothing was written" in shown.stdout, shown.stderr
    words = ("import", str(file), "--tenant", "town", "--type", "Shelter", "--id-column", "番号", "--apply")
    written = kumihimo(*words, data=data)
    assert written.returncode == 0, written.stderr
    assert "2 created" in written.stdout
    doctor = kumihimo("doctor", data=data, KUMIHIMO_PORT="0", KUMIHIMO_MQTT_PORT="0")
    assert ("a platform runs here" in doctor.stdout) == running
    assert ("store opens" in doctor.stdout) == (not running)


def _operate_devices(data: Path, key: str) -> None:
    again = kumihimo("device", "add", "g1", *GAUGE, "--tenant", "town", data=data)
    assert again.returncode == 1
    assert "already" in again.stderr
    listed = kumihimo("device", "list", "--tenant", "town", data=data)
    assert "g1" in listed.stdout
    assert key not in listed.stdout
    rotated = kumihimo("device", "rotate", "g1", "--tenant", "town", data=data)
    assert rotated.returncode == 0
    assert key not in rotated.stdout
    missing = kumihimo("device", "rotate", "g2", "--tenant", "town", data=data)
    assert missing.returncode == 1
    assert "g2" in missing.stderr


def test_numbers_are_those_of_a_running_platform(tmp_path: Path) -> None:
    told = kumihimo("metrics", data=tmp_path / "data")
    assert (told.returncode, told.stdout) == (1, "")
    assert "no platform is running" in told.stderr
    assert not (tmp_path / "data").exists()


def test_every_command_takes_its_settings_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'data = "{tmp_path / "elsewhere"}"\n')
    where = ("--config", str(file))
    assert kumihimo("tenant", "add", "town", *where).returncode == 0
    assert kumihimo("device", "add", "g1", *GAUGE, "--tenant", "town", *where).returncode == 0
    for words in (
        ("tenant", "list"),
        ("device", "list", "--tenant", "town"),
        ("device", "rotate", "g1", "--tenant", "town"),
    ):
        assert kumihimo(*words, *where).returncode == 0, words
    assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--type", "River Gauge"), "cannot be the type of an entity"),
        (("--name", "x" * 201), "at most 200 characters"),
        (("--name", "a\x1bb"), "all of them visible"),
    ],
)
def test_a_device_is_named_so_that_it_can_be_read(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    assert kumihimo("tenant", "add", "town", data=tmp_path / "data").returncode == 0
    refused = kumihimo("device", "add", "g1", *GAUGE, "--tenant", "town", *change, data=tmp_path / "data")
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


# --- signing keys ----------------------------------------------------------------------------------------


def test_a_tenants_key_is_shown_and_changed_while_it_runs_and_while_it_does_not(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        assert kumihimo("tenant", "add", "town", data=served.data).returncode == 0
        first = json.loads(kumihimo("tenant", "keys", "town", data=served.data).stdout)["keys"]
        assert json.loads(served.ask("GET", "/signing/v1/town/keys")[2]) == {"keys": first}
        assert served.ask("GET", "/signing/v1/nobody/keys")[0] == 404
        assert served.stop() == 0
    changed = json.loads(kumihimo("tenant", "new-key", "town", data=served.data).stdout)["keys"]
    assert changed[1:] == first
    assert changed[0]["kid"] != first[0]["kid"]
    refused = kumihimo("tenant", "keys", "nobody", data=served.data)
    assert refused.returncode == 1
    assert "nobody" in refused.stderr
    assert "Traceback" not in refused.stderr


# --- the other engine ------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_postgresql_is_chosen_by_its_address(tmp_path: Path, postgres_url: str) -> None:
    served = Served(tmp_path / "data")
    served.environ["KUMIHIMO_DATABASE_URL"] = postgres_url
    with served:
        assert served.ask("POST", ENTITIES, thing(1))[0] == 201
        told = kumihimo("doctor", data=served.data, KUMIHIMO_DATABASE_URL=postgres_url)
        assert "postgres" in told.stdout
        assert served.stop() == 0
        served.start()
        assert served.ask("GET", f"{ENTITIES}/urn:ngsi-ld:Thing:1")[0] == 200
        assert not list(served.data.rglob("*.db"))
        assert served.stop() == 0
