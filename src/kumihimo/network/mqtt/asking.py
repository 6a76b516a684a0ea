"""SUBSCRIBE and UNSUBSCRIBE of one client (MQTT 5.0 sections 3.8 to 3.11)."""

from __future__ import annotations

from kumihimo.base.ports import MqttChange
from kumihimo.network.mqtt import errors, rows
from kumihimo.network.mqtt.errors import MqttError
from kumihimo.network.mqtt.hub import Hub
from kumihimo.network.mqtt.packets import V5, Suback, Subscribe, Unsuback, Unsubscribe, Wanted
from kumihimo.network.mqtt.session import Session, Subscription
from kumihimo.network.mqtt.shared import share_of
from kumihimo.network.mqtt.topics import check_filter


class Asking:
    """Grants filters to one session; what a session that is kept asks for is durable before it is answered."""

    __slots__ = ("_hub", "_session", "_version")

    def __init__(self, hub: Hub, session: Session, version: int) -> None:
        self._hub = hub
        self._session = session
        self._version = version

    async def subscribe(self, packet: Subscribe) -> tuple[Suback, list[Subscription]]:
        """The answer, and the subscriptions that retained messages are to be sent for."""
        identifiers = tuple(packet.properties.get("subscription_identifier", ()))
        codes: list[int] = []
        granted: dict[str, Subscription] = {}
        greetings: dict[str, Subscription] = {}
        for wanted in packet.wanted:
            code = self._grant(wanted)
            codes.append(code)
            if code >= errors.UNSPECIFIED:
                continue
            subscription = Subscription(
                wanted.topic_filter, code, wanted.no_local, wanted.retain_as_published, identifiers
            )
            granted[wanted.topic_filter] = subscription
            if self._is_greeted(wanted, self._hub.subscribe(self._session, subscription)):
                greetings[wanted.topic_filter] = subscription
        await self._write(rows.put(*(rows.subscription_row(self._session, one) for one in granted.values())))
        if self._version != V5:
            codes = [min(code, errors.UNSPECIFIED) for code in codes]
        return Suback(packet.packet_id, tuple(codes)), list(greetings.values())

    async def unsubscribe(self, packet: Unsubscribe) -> Unsuback:
        """The answer."""
        gone = []
        codes = []
        for topic_filter in packet.filters:
            before = self._session.subscriptions.get(topic_filter)
            if before is not None and self._hub.unsubscribe(self._session, topic_filter):
                gone.append(rows.subscription_row(self._session, before))
                codes.append(errors.NORMAL)
            else:
                codes.append(errors.NO_SUBSCRIPTION_EXISTED)
        await self._write(rows.drop(*gone))
        return Unsuback(packet.packet_id, tuple(codes))

    async def _write(self, changes: list[MqttChange]) -> None:
        if self._session.is_kept:
            await self._hub.journal.commit(self._session.key[0], changes)

    def _is_greeted(self, wanted: Wanted, is_new: bool) -> bool:
        """Retain handling (3.8.3.1); a shared subscription is greeted by nothing (4.8.2)."""
        if share_of(wanted.topic_filter).group:
            return False
        return wanted.retain_handling == 0 or (wanted.retain_handling == 1 and is_new)

    def _grant(self, wanted: Wanted) -> int:
        """The QoS granted, or why not.

        Who has no credential is not told more than that it is refused (0x80): the reason would say what there is.
        """
        session = self._session
        try:
            share = share_of(wanted.topic_filter)
            check_filter(share.topic_filter)
        except MqttError as problem:
            return problem.code
        if share.group and wanted.no_local:
            raise MqttError(errors.PROTOCOL_ERROR, "a shared subscription cannot be without its own messages (3.8.3-4)")
        if not self._hub.gate.may_subscribe(session.peer, share.topic_filter):
            return errors.NOT_AUTHORIZED if session.peer.device else errors.UNSPECIFIED
        is_full = len(session.subscriptions) >= self._hub.limits.max_subscriptions
        if is_full and wanted.topic_filter not in session.subscriptions:
            return errors.QUOTA_EXCEEDED
        return wanted.qos
