"""What is wrong with a start is said in a sentence, with exit code 2, before anything is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kumihimo.base.settings import Settings, SettingsError
from kumihimo.cli import serve
from kumihimo.cli.main import app
from kumihimo.network.sockets import AddressInUse


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KUMIHIMO_DATA", "KUMIHIMO_CONFIG", "KUMIHIMO_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which platforms would have been started."""
    found: list[Settings] = []

    def start(settings: Settings, *_: Any) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(serve, "_start", start)
    monkeypatch.setattr(serve, "next_free", lambda _host, first: first)
    return found


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        ("demo", {"KUMIHIMO_MQTT_PORT": "-1"}, "mqtt_port is -1"),
        ("demo --mqtt-port -1", {}, "mqtt_port is -1"),
        ("demo", {"KUMIHIMO_OPEN": "true"}, "open is for `kumihimo serve`"),
        ("demo --speed inf", {}, "--speed is inf; use 1 to 36000"),
        ("demo --speed nan", {}, "--speed is nan"),
        ("demo --speed 100000", {}, "--speed is 100000; use 1 to 36000"),
        ("demo --speed 0.5", {}, "--speed is 0.5"),
        ("serve", {"KUMIHIMO_DRAIN_SECONDS": "nan"}, "drain_seconds is nan; use 0 to 3600"),
        ("serve", {"KUMIHIMO_DRAIN_SECONDS": "inf"}, "drain_seconds is inf"),
        ("serve", {"KUMIHIMO_DRAIN_SECONDS": "-1"}, "drain_seconds is -1"),
        ("serve", {"KUMIHIMO_MAX_BODY": "-5"}, "max_body is -5; use 1"),
        ("serve", {"KUMIHIMO_MAX_BODY": "0"}, "max_body is 0"),
        ("serve --config none.toml", {}, "none.toml"),
    ],
)
def test_a_wrong_start_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, words: str, environ: dict[str, str], said: str
) -> None:
    found = started(monkeypatch)
    answer = CliRunner().invoke(app, words.split(), env=environ)
    assert answer.exit_code == 2, (answer.output, answer.exception)
    assert said in answer.output
    assert found == []


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_file_of_settings_in_another_encoding_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "kumihimo.toml"
    file.write_bytes('map_credit = "福井市"'.encode("cp932"))
    found = started(monkeypatch)
    answer = CliRunner().invoke(app, [command, "--config", str(file)])
    assert (answer.exit_code, found) == (2, [])
    assert "kumihimo.toml" in answer.output
    assert "UTF-8" in answer.output
    file.write_text('map_credit = "福井市"', encoding="utf-8-sig")  # as some editors write it
    assert CliRunner().invoke(app, [command, "--config", str(file), "--port", "0"]).exit_code == 0
    assert found[0].map_credit == "福井市"


def test_the_demo_keeps_its_data_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = started(monkeypatch)
    file = tmp_path / "k.toml"
    file.write_text('data = "from-file"')
    for words, environ in (
        ("demo", {}),
        ("demo --event 2023-08", {}),
        ("demo", {"KUMIHIMO_DATA": "elsewhere"}),
        ("demo --data here", {"KUMIHIMO_DATA": "elsewhere"}),
        (f"demo --config {file}", {}),
    ):
        assert CliRunner().invoke(app, words.split(), env=environ).exit_code == 0
    assert [one.data for one in found] == ["data/demo-2024-06", "data/demo-2023-08", "elsewhere", "here", "from-file"]


def test_the_demo_is_closed_and_may_listen_where_a_platform_may(monkeypatch: pytest.MonkeyPatch) -> None:
    found = started(monkeypatch)
    for host in ("localhost", "0.0.0.0"):
        assert CliRunner().invoke(app, ["demo"], env={"KUMIHIMO_HOST": host}).exit_code == 0
    assert [(one.host, one.open) for one in found] == [("localhost", False), ("0.0.0.0", False)]


def test_the_last_ports_are_tried_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def taken(host: str, port: int) -> None:
        tried.append(port)
        raise AddressInUse(f"{host}:{port} is taken")

    monkeypatch.setattr(serve, "listening", taken)
    with pytest.raises(SettingsError, match="65534 to 65535"):
        serve.next_free("localhost", 65534)
    assert tried == [65534, 65535]


def test_a_collation_that_is_not_known_is_said_before_anything_listens() -> None:
    found = CliRunner().invoke(app, ["serve", "--data", "here"], env={"KUMIHIMO_ORDER_COLLATION": "xx"})
    assert found.exit_code == 1
    assert "order_collation is 'xx'" in found.output
    assert "listens" not in found.output
    assert not Path("here").exists()
