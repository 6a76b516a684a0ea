"""The authority for development: OpenSSL takes what it makes, and its key is this user's alone."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.app.development import make_files
from kumihimo.cli import tls

NOW = datetime.now(UTC)


def verified(folder: Path, *name: str) -> str:
    words = ["openssl", "verify", "-purpose", "sslserver", "-CAfile", "ca.pem", *name, "server.pem"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_certificate_is_good_for_this_machine_and_the_names_that_were_given(tmp_path: Path) -> None:
    found = make_files(tmp_path / "tls", ["data.example.jp", "192.0.2.7"], NOW)
    folder = tmp_path / "tls"
    for name in (
        ("-verify_hostname", "localhost"),
        ("-verify_hostname", "data.example.jp"),
        ("-verify_ip", "192.0.2.7"),
    ):
        assert "OK" in verified(folder, *name)
    assert "mismatch" in verified(folder, "-verify_hostname", "other.example.jp")
    assert [one.stat().st_mode & 0o777 for one in (found.key, found.authority_key)] == [0o600, 0o600]


def test_the_authority_is_made_once_and_the_certificate_each_time(tmp_path: Path) -> None:
    first = make_files(tmp_path, [], NOW)
    before = (first.authority.read_bytes(), first.certificate.read_bytes())
    make_files(tmp_path, ["日本.example"], NOW)
    assert first.authority.read_bytes() == before[0]
    assert first.certificate.read_bytes() != before[1]
    assert "OK" in verified(tmp_path, "-verify_hostname", "xn--wgv71a.example")
    assert "OK" in verified(tmp_path, "-verify_ip", "127.0.0.1")


@pytest.mark.parametrize("name", ["", "a b", "https://x", "x:8443"])
def test_what_is_no_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        make_files(tmp_path / "tls", [name], NOW)
    assert not (tmp_path / "tls").exists()


def test_the_command_names_every_line_that_a_platform_for_devices_needs(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "connect-a-device-with-a-certificate.md"
    ports = [
        line.strip() for line in page.read_text("utf-8").splitlines() if line.strip().endswith(("443", "444", "8883"))
    ]
    said = CliRunner().invoke(tls.app, ["dev", "--data", str(tmp_path)]).output.splitlines()
    assert len(ports) == 3
    assert set(ports) <= set(said)
