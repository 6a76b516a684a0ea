"""The page on security names the pages that show a tenant's data as it is, and there are no others."""

from __future__ import annotations

from pathlib import Path

from tests.fakes import FakeClock

from kumihimo.app.http import console_of
from kumihimo.app.wire import wire
from kumihimo.base.screens import WHOLE
from kumihimo.base.settings import Settings
from kumihimo.service.console.shell import ScreenRoute

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "security.md"


def test_the_pages_for_who_reads_everything_are_named(tmp_path: Path, fake_clock: FakeClock) -> None:
    platform = wire(Settings(data=str(tmp_path / "data")), fake_clock)
    routes = console_of(platform).routes()
    found = [one.path for one in routes if isinstance(one, ScreenRoute) and one.screen.needs == WHOLE]
    assert found == ["/t/{tenant}/webhook"]
    assert f"`{found[0]}` alone still needs" in PAGE.read_text(encoding="utf-8")
