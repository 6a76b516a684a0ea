"""One notification handed to its carrier: HTTP (clause 6.3.8), signed (RFC 9421), or MQTT (clause 7.2)."""

from __future__ import annotations

from yarl import URL

from kumihimo.base import jsontext
from kumihimo.base.clock import Clock
from kumihimo.base.errors import Problem
from kumihimo.base.ports import HttpFetch, MqttPublish
from kumihimo.platform.delivery.models import Aim, Endpoint, Outgoing
from kumihimo.platform.signing.door import Signing
from kumihimo.platform.signing.message import signature

_ANSWER_BYTES = 4096
TAKEN = 200


class Carrier:
    """Sends once; trying again is the sender's."""

    def __init__(self, fetch: HttpFetch, publish: MqttPublish, signing: Signing, clock: Clock) -> None:
        self._fetch = fetch
        self._publish = publish
        self._signing = signing
        self._clock = clock

    async def __call__(self, tenant: str, one: Outgoing, endpoint: Endpoint) -> tuple[int, str]:
        """The endpoint's status and words; 0 and the reason where it did not take the notification."""
        try:
            if endpoint.mqtt is not None:
                return await self._message(one, endpoint, endpoint.mqtt)
            return await self._post(tenant, one, endpoint)
        except Problem as problem:
            return 0, problem.detail
        except (OSError, TimeoutError, ValueError) as problem:
            return 0, str(problem) or type(problem).__name__

    async def _post(self, tenant: str, one: Outgoing, endpoint: Endpoint) -> tuple[int, str]:
        # As it is requested: what is signed and what goes out must be the same text.
        target = str(URL(endpoint.uri).with_fragment(None))
        body = one.body.encode()
        key = await self._signing.key(tenant)
        signed = signature(key, "POST", target, one.headers, body, int(self._clock.now().timestamp()))
        answer = await self._fetch(
            "POST",
            target,
            headers={**dict(endpoint.receiver_info), **one.headers, **signed},
            body=body,
            timeout=endpoint.timeout,
            max_bytes=_ANSWER_BYTES,
        )
        return answer.status, answer.body.decode(errors="replace").replace("\x00", "")

    async def _message(self, one: Outgoing, endpoint: Endpoint, aim: Aim) -> tuple[int, str]:
        metadata = {**dict(endpoint.receiver_info), **one.headers}
        # The body is JSON text already, and stays the same over all attempts.
        payload = f'{{"metadata":{jsontext.text(metadata)},"body":{one.body}}}'
        await self._publish(
            aim.server,
            aim.topic,
            payload.encode(),
            qos=aim.qos,
            notes=tuple(metadata.items()),
            timeout=endpoint.timeout,
        )
        return TAKEN, f"published with QoS {aim.qos}"
