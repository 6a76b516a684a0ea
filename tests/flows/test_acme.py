"""A platform that gets its certificate itself: first a stand-in is shown, then what the authority gave."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from tests.pebble_server import Pebble

from kumihimo.app.start import run
from kumihimo.app.wire import wire
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings


@pytest.mark.enable_socket
async def test_the_listeners_show_what_the_authority_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pebble = Pebble(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    settings = Settings(
        data=str(tmp_path / "data"),
        port=pebble.asks,
        https_port=0,
        mqtt_port=-1,
        mqtt_tls_port=0,
        acme_hosts=("data.example.jp",),
        acme_directory=f"https://localhost:{pebble.port}/dir",
    )
    platform = wire(settings, SystemClock())
    assert platform.acme is not None
    started, came = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(run(platform, started=started.set))
    try:
        await asyncio.wait_for(started.wait(), 30)
        refreshed = platform.acme.renewed

        def renewed() -> None:
            refreshed()
            came.set()

        platform.acme.renewed = renewed
        await asyncio.wait_for(came.wait(), 60)
        for port in (platform.https_ports["https"], platform.mqtt_ports["mqtts"]):
            shown = await asyncio.to_thread(ssl.get_server_certificate, ("localhost", port))
            found = x509.load_pem_x509_certificate(shown.encode())
            assert "Pebble" in found.issuer.rfc4514_string()
        assert [one.asks for one in platform.certificates] == [True, False]
    finally:
        platform.stop.set()
        pebble.stop()
        assert await running
