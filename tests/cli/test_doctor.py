"""The doctor, and commands on settings that cannot work: sentences that name what to mend, never a traceback."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.app.development import make_files
from kumihimo.app.start import socket_of
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.cli.doctor import examine
from kumihimo.cli.main import app
from kumihimo.cli.serve import next_free
from kumihimo.cli.socket import LONGEST_PATH, size_of, socket_path
from kumihimo.network.http.limits import Limits
from kumihimo.network.sockets import listening

pytestmark = pytest.mark.enable_socket


def settings(tmp_path: Path, **more: object) -> Settings:
    return Settings(**{"data": str(tmp_path / "data"), "port": 0, "mqtt_port": -1, **more})  # type: ignore[arg-type]


def test_a_folder_that_is_not_there_yet_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examine(settings(tmp_path, data=str(tmp_path / "no" / "such" / "deep")))
    shown = capsys.readouterr().out
    assert "does not exist yet; the first start makes it" in shown
    assert not (tmp_path / "no").exists()


def test_a_socket_path_is_measured_in_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    room = LONGEST_PATH - size_of(socket_path(tmp_path)) - 1
    assert size_of(Path("データ")) == 9
    short, long_ = tmp_path / ("x" * room), tmp_path / ("あ" * room)
    assert examine(settings(tmp_path, data=str(short))) == examine(settings(tmp_path))
    capsys.readouterr()
    assert examine(settings(tmp_path, data=str(long_))) == 1
    shown = capsys.readouterr().out
    assert (
        f"MEND socket path of {LONGEST_PATH + 2 * room} bytes: use a --data path shorter by {2 * room} bytes" in shown
    )
    assert socket_of(wire(settings(tmp_path, data=str(long_)), SystemClock())) is None
    assert socket_of(wire(settings(tmp_path, data=str(short)), SystemClock())) == socket_path(short)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"host": "no such host"}, "MEND HTTP port 19899: 'no such host' is no address of this machine"),
        ({"context_preload": "/nowhere"}, "MEND @contexts: context_preload: /nowhere/index.toml"),
        (
            {"database_url": "postgresql://localhost:notaport/x"},
            "MEND store: database_url is no address of a PostgreSQL server",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, str], words: str
) -> None:
    assert examine(settings(tmp_path, port=19899, **more)) == 1
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [("KUMIHIMO_CONTEXT_PRELOAD", "/nowhere"), ("KUMIHIMO_DATABASE_URL", "postgresql://localhost:notaport/x")],
)
@pytest.mark.parametrize(
    "words", [["tenant", "list"], ["device", "list", "--tenant", "t"], ["import", "FILE", "--apply"]]
)
def test_a_command_says_which_setting_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], name: str, value: str
) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"id":"urn:a:b","type":"T"}')
    monkeypatch.setenv(name, value)
    given = [str(file) if word == "FILE" else word for word in words]
    given += ["--tenant", "t"] if words[0] == "import" else []
    said = CliRunner().invoke(app, [*given, "--data", str(tmp_path / "data")])
    assert said.exit_code == 2, said.output
    assert name.removeprefix("KUMIHIMO_").lower() in said.output
    assert isinstance(said.exception, SystemExit)


def test_certificates_are_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = SystemClock().now()
    good, old = (make_files(tmp_path / one, [], now - timedelta(days=days)) for one, days in (("a", 0), ("b", 390)))

    def said(certificate: Path, key: Path) -> str:
        examine(settings(tmp_path, https_port=0, tls_certificate=str(certificate), tls_key=str(key)))
        return capsys.readouterr().out

    assert "ok   tls_certificate, good for 39" in said(good.certificate, good.key)
    assert "MEND tls_certificate, good for 6 days: renew it" in said(old.certificate, old.key)
    assert "MEND tls_certificate: the certificate" in said(good.certificate, old.key)
    assert "MEND tls_certificate: the certificate" in said(tmp_path / "none.pem", good.key)


def test_an_ipv6_address_is_written_in_brackets(tmp_path: Path) -> None:
    platform = wire(settings(tmp_path, host="::1"), SystemClock())
    platform.http_port = 18362
    assert platform.address == "http://[::1]:18362"
    assert "[2001:db8::5]" in Limits(platform.live, hosts=("2001:db8::5",))._hosts  # type: ignore[arg-type]


def test_a_free_port_is_free_on_every_address_of_the_host() -> None:
    [taken, *_] = sockets = listening("127.0.0.1", 0)
    port = taken.getsockname()[1]
    assert next_free("127.0.0.1", port) > port
    for one in sockets:
        one.close()
