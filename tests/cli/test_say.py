"""What others named is shown as it is: no markup, no emoji, nothing that a terminal obeys."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from kumihimo.cli import device
from kumihimo.cli.main import app
from kumihimo.cli.say import Format, say, show, warn

NAMES = ["[/b]", "[red]x", "urn:a:b2", ":snake:", "[link=http://x]y[/link]"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(name)
    warn(name)
    show([{"name": name}], form=Format.TABLE)
    shown = capsys.readouterr()
    assert shown.out.count(name) == 2
    assert name in shown.err


def test_a_terminal_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[31mb\tc")
    show([{"name": "a\x1b]0;title\x07b"}], form=Format.TABLE)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_device_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "id": "gauge-1",
        "family": "river-gauge",
        "name": "[/b]",
        "entity_id": "urn:ngsi-ld:RiverGauge:" + "x" * 100,
        "last_seen": 1_780_272_000_123_456,
        "accepted": 12,
        "refused": 3,
        "last_refusal": "",
    }
    monkeypatch.setattr(device, "run", lambda *_, **__: [row])
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["device", "list", "--tenant", "t"])
    assert shown.exit_code == 0, shown.output
    for words in ("gauge-1", "[/b]", "2026-06-01", "00:00:00Z", "12"):
        assert words in shown.output


def test_an_unknown_format_is_refused() -> None:
    said = CliRunner().invoke(app, ["tenant", "list", "--format", "xml"])
    assert said.exit_code == 2
