"""Devices with certificates at a whole platform: mosquitto's clients, paho, curl and OpenSSL are the devices."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion
from tests.device.enrolment import csr
from tests.mosquitto_server import make_certificate

from kumihimo.app.platform import Platform
from kumihimo.app.start import run
from kumihimo.app.wire import wire
from kumihimo.base import times
from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import Settings
from kumihimo.device.enrolment import authority
from kumihimo.device.registry.models import Device
from kumihimo.network import tls

pytestmark = pytest.mark.enable_socket


@dataclass
class City:
    """A closed platform with TLS; each device's files lie in `folder` as {tenant}.{device}.pem and .key."""

    platform: Platform
    folder: Path

    @property
    def https(self) -> int:
        return self.platform.https_ports["devices"]

    async def device(self, tenant: str, name: str = "g1") -> str:
        """Registers it and gives it a certificate by its claim code, over HTTP; the name of its files."""
        await self.platform.registry.add(tenant, Device(name, "river-gauge", "", f"urn:x:{name}", "https://x/T"))
        claim = await self.platform.enrolment.claim(tenant, name)
        given = {"code": claim.code, "csr": csr.request().decode()}
        status, body = await self.curl(f"/devices/v1/{tenant}/claim", "--json", json.dumps(given))
        assert status == 201, body
        return self.keep(f"{tenant}.{name}", json.loads(body)["certificate"])

    def keep(self, name: str, pem: str, kind: str = "p256") -> str:
        (self.folder / f"{name}.pem").write_text(pem)
        (self.folder / f"{name}.key").write_bytes(csr.key_pem(kind))
        return name

    def files(self, name: str) -> tuple[str, ...]:
        return ("--cert", str(self.folder / f"{name}.pem"), "--key", str(self.folder / f"{name}.key"))

    async def curl(self, path: str, *more: str, by: str = "", port: int = 0) -> tuple[int, str]:
        words = ["--silent", "--write-out", "\n%{http_code}", "--cacert", str(self.folder / "cert.pem"), *more]
        words += ["--noproxy", "*", *(self.files(by) if by else ()), f"https://localhost:{port or self.https}{path}"]
        _, said = await program("curl", *words)
        body, _, status = said.rpartition("\n")
        return int(status), body

    async def publish(self, by: str, topic: str, *more: str) -> tuple[int, str]:
        words = ["-h", "localhost", "-p", str(self.platform.mqtt_ports["mqtts"]), "-V", "mqttv5", "-q", "1"]
        words += ["--cafile", str(self.folder / "cert.pem"), *self.files(by), "-t", topic, "-m", reading(), *more]
        return await program("mosquitto_pub", *words)

    async def accepted(self, tenant: str, name: str = "g1") -> int:
        found = await self.platform.registry.get(tenant, name)
        return -1 if found is None else found.accepted


def reading() -> str:
    return json.dumps({"observedAt": times.text(datetime.now(UTC)), "level": 1.5})


async def program(*words: str) -> tuple[int, str]:
    done = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await done.communicate()
    return done.returncode or 0, said.decode()


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    make_certificate(tmp_path)
    made = wire(
        Settings(
            data=str(tmp_path / "data"),
            port=0,
            https_port=0,
            https_device_port=0,
            mqtt_port=-1,
            mqtt_tls_port=0,
            mqtt_wss_port=0,
            tls_certificate=str(tmp_path / "cert.pem"),
            tls_key=str(tmp_path / "key.pem"),
        ),
        SystemClock(),
    )
    started = asyncio.Event()
    running = asyncio.create_task(run(made, started=started.set))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=30)
    waiting.cancel()
    if running.done():
        await running
    for tenant in ("a", "b"):
        await made.database.add_tenant(tenant)
    yield City(made, tmp_path)
    made.stop.set()
    assert await running, "a part of the platform failed"


@pytest.mark.mosquitto
async def test_a_device_comes_in_by_its_certificate_alone(city: City, mosquitto: None) -> None:
    name = await city.device("a")
    code, said = await city.publish(name, "kumihimo/a/g1/up")
    assert code == 0, said
    code, said = await city.publish(name, "kumihimo/a/g1/up", "-u", "a/g1")
    assert code == 0, said
    status, body = await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=name)
    assert status == 201, body
    assert await city.accepted("a") == 3
    (record,) = await city.platform.enrolment.list("a", "g1")
    assert record.used_at is not None


@pytest.mark.mosquitto
async def test_a_certificate_is_good_for_no_other_device(city: City, mosquitto: None) -> None:
    mine, others = await city.device("a"), await city.device("b")
    code, said = await city.publish(others, "kumihimo/a/g1/up", "-u", "a/g1")
    assert code != 0, said
    code, said = await city.publish(others, "kumihimo/a/g1/up")
    assert code != 0 or "Not authorized" in said
    for path in ("/devices/v1/a/g1/readings", "/devices/v1/a/g1/certificate"):
        status, body = await city.curl(path, "--data-binary", reading(), by=others)
        assert status == 401, body
    assert (await city.curl("/devices/v1/a/g1/authority", by=others))[0] == 401
    assert await city.accepted("a") == 0
    assert (await city.platform.registry.refusals("b"))[0].device == "g1", "the tenant sees who tried"
    assert mine == "a.g1"


@pytest.mark.mosquitto
async def test_what_nobody_of_ours_signed_ends_the_handshake(city: City, mosquitto: None) -> None:
    name = await city.device("a")
    real = x509.load_pem_x509_certificate((city.folder / f"{name}.pem").read_bytes())
    forged = city.keep("forged", authority.pem(csr.self_signed(real)), "p256-own")
    before = tls.counters()["certificates_refused"]
    code, said = await city.publish(forged, "kumihimo/a/g1/up", "-u", "a/g1")
    assert code != 0, said
    assert (await city.curl("/healthz", by=forged))[0] == 0
    assert tls.counters()["certificates_refused"] == before + 2
    # By our own authority, but never issued: as if its key were stolen.
    enrolment = city.platform.enrolment
    theirs = await enrolment._authority("a")
    made = authority.sign(theirs, "a", "g1", csr.key("p256").public_key(), datetime.now(UTC), 30)
    stolen = city.keep("stolen", authority.pem(made) + theirs.pem)
    code, said = await city.publish(stolen, "kumihimo/a/g1/up")
    assert code != 0, said
    code, said = await city.publish(stolen, "kumihimo/a/g1/up")
    assert code != 0, said
    assert (await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=stolen))[0] == 401
    assert tls.counters()["certificates_refused"] == before + 2, "the handshake is good, the device is not"
    assert await city.accepted("a") == 0


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
async def test_a_revoked_device_is_cut_in_the_middle_and_comes_in_no_more(city: City, transport: Any) -> None:
    name = await city.device("a")
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, transport=transport)
    certificate, key = (str(city.folder / f"{name}.{end}") for end in ("pem", "key"))
    client.tls_set(str(city.folder / "cert.pem"), certificate, key)
    loop, events = asyncio.get_running_loop(), asyncio.Queue[tuple[str, Any]]()

    def tell(kind: str, reason: Any) -> None:
        loop.call_soon_threadsafe(events.put_nowait, (kind, reason))

    client.on_connect = lambda _client, _data, _flags, reason, _properties: tell("in", reason)
    client.on_disconnect = lambda _client, _data, _flags, reason, _properties: tell("out", reason)
    client.reconnect_delay_set(1, 1)
    client.connect_async("localhost", city.platform.mqtt_ports["mqtts" if transport == "tcp" else "wss"])
    client.loop_start()
    try:
        async with asyncio.timeout(20):
            kind, reason = await events.get()
            assert (kind, reason.value) == ("in", 0)
            assert await city.platform.enrolment.revoke("a", "g1") == 1
            kind, reason = await events.get()
            assert (kind, reason.is_failure) == ("out", True)
            while kind != "in":
                kind, reason = await events.get()
            assert reason.value == 0x86
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
    assert (await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=name))[0] == 401


async def test_a_device_renews_itself_and_reads_the_list(city: City) -> None:
    name = await city.device("a")
    (city.folder / "new.csr").write_bytes(csr.request("rsa2048"))
    sent = ("-H", "Content-Type: application/pkcs10", "--data-binary", f"@{city.folder / 'new.csr'}")
    status, body = await city.curl("/devices/v1/a/g1/certificate", *sent, by=name)
    assert status == 201, body
    new = city.keep("new", body, "rsa2048")
    assert (await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=new))[0] == 201
    status, chain = await city.curl("/devices/v1/a/g1/authority", by=new)
    assert (status, chain.count("BEGIN CERTIFICATE")) == (200, 2)
    (city.folder / "chain.pem").write_text(chain)
    _, said = await program(
        "openssl", "verify", "-CAfile", str(city.folder / "chain.pem"), str(city.folder / "new.pem")
    )
    assert "OK" in said
    out = ("--output", str(city.folder / "crl"))
    assert (await city.curl("/devices/v1/a/g1/revoked", *out, by=new))[0] == 200
    _, said = await program("openssl", "crl", "-inform", "DER", "-in", str(city.folder / "crl"), "-noout", "-text")
    assert "No Revoked Certificates" in said


async def test_the_listener_for_browsers_asks_for_no_certificate(city: City) -> None:
    name = await city.device("a")
    port = city.platform.https_ports["https"]
    status, _ = await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=name, port=port)
    assert status == 401
    _, said = await program("openssl", "s_client", "-connect", f"localhost:{port}", "-brief")
    assert "ertificate request" not in said
    assert (await city.curl("/healthz", port=port))[0] == 200


async def test_a_tenant_that_is_removed_takes_its_authority_along_at_once(city: City) -> None:
    """Its devices come no further than the handshake; those of others stay as they are."""
    name, other = await city.device("a"), await city.device("b")
    assert (await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=name))[0] == 201
    before, chain = tls.counters()["certificates_refused"], await city.platform.enrolment.chain("a")
    await city.platform.database.remove_tenant("a")
    whole = city.keep("whole", f"{(city.folder / f'{name}.pem').read_text()}{chain}")
    for shown in (name, whole):  # alone, or with its authority and the root that signed it
        assert (await city.curl("/devices/v1/a/g1/readings", "--json", reading(), by=shown))[0] == 0
    assert tls.counters()["certificates_refused"] == before + 2
    assert (await city.curl("/devices/v1/b/g1/readings", "--json", reading(), by=other))[0] == 201


async def test_a_restarted_platform_knows_its_authorities(city: City) -> None:
    name = await city.device("a")
    again = tls.Certificate(str(city.folder / "cert.pem"), str(city.folder / "key.pem"), clients=True)
    again.trust(await city.platform.enrolment.authorities())
    assert len(again.context.now.get_ca_certs()) == 1
    sealed = city.folder / "data" / "keys" / "seal.key"
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert ssl.PEM_cert_to_DER_cert(
        (city.folder / f"{name}.pem").read_text().partition("-----END")[0] + "-----END CERTIFICATE-----"
    )


async def test_a_person_at_a_telephone_gets_the_key(city: City) -> None:
    await city.platform.registry.add("a", Device("g2", "river-gauge", "", "urn:x:g2", "https://x/T"))
    claim = await city.platform.enrolment.claim("a", "g2")
    port = city.platform.https_ports["https"]
    status, page = await city.curl(f"/devices/v1/a/claim?code={claim.code}", port=port)
    assert status == 200
    assert f'value="{claim.code}"' in page
    assert await city.platform.enrolment.claimable("a", "g2"), "to look at the page uses nothing up"
    status, page = await city.curl("/devices/v1/a/claim", "--data-urlencode", f"code={claim.code}", port=port)
    assert status == 200
    key = page.partition("(パスワード)")[2].partition("<code>")[2].partition("<")[0]
    assert await city.platform.registry.authenticate("a", "g2", key) is not None
    status, page = await city.curl("/devices/v1/a/claim", "--data-urlencode", "code=<b>", port=port)
    assert status == 401
    assert "担当者に新しいコード" in page
    assert "<b>" not in page
