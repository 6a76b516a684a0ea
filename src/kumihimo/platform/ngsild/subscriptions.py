"""Subscriptions (clauses 6.10 and 6.11): what the protocol asks of them; matching and sending is delivery's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kumihimo.base.errors import BadRequestData
from kumihimo.base.times import parse
from kumihimo.platform.broker.links import MAX_LEVEL
from kumihimo.platform.jsonld.models import NGSI_LD_NULL
from kumihimo.platform.ngsild.answers import Answer, choose_media, created, done, offset_links, represent
from kumihimo.platform.ngsild.asks import Ask, check_uri
from kumihimo.platform.ngsild.bodies import read_object, request_context
from kumihimo.platform.ngsild.parameters import PAGE, make_projection, read_form, read_page
from kumihimo.platform.ngsild.table import PREFIX, Operation, Resource


async def create_subscription(ask: Ask) -> Answer:
    """Clause 6.10.3.1 (5.8.1): subscribes to changes.

    201 with its address; 409 where the id is taken.
    """
    await ask.decide("subscribe")
    body, context = await read_object(ask)
    _check_whole(body, ask.face.clock.now())
    identifier = await ask.face.delivery.create(ask.call, body, context)
    return created(f"{PREFIX}/subscriptions", identifier)


async def list_subscriptions(ask: Ask) -> Answer:
    """Clause 6.10.3.2 (5.8.4): gives the subscriptions, a page at a time.

    200, with the count where it was asked for.
    """
    await ask.decide("subscribe")
    media = choose_media(ask.headers.get("accept", ""))
    context = await request_context(ask)
    page = read_page(ask.query)
    sys_attrs = read_form(ask.query).sys_attrs
    found, total = await ask.face.delivery.list(ask.call, page.limit, page.offset, context, sys_attrs=sys_attrs)
    answer = represent([_shown(one) for one in found], context, media)
    if page.count:
        answer.headers.append((b"ngsild-results-count", str(total).encode()))
    answer.headers += offset_links(ask.path, ask.query, page.limit, page.offset, total, answer.media)
    return answer


async def retrieve_subscription(ask: Ask) -> Answer:
    """Clause 6.11.3.1 (5.8.3): gives one subscription with its state and counters.

    404 where there is none.
    """
    await ask.decide("subscribe")
    media = choose_media(ask.headers.get("accept", ""))
    identifier = ask.uri(0, "the subscription id")
    context = await request_context(ask)
    sys_attrs = read_form(ask.query).sys_attrs
    found = await ask.face.delivery.get(ask.call, identifier, context, sys_attrs=sys_attrs)
    return represent(_shown(found), context, media)


async def update_subscription(ask: Ask) -> Answer:
    """Clause 6.11.3.2 (5.8.2): changes members of a subscription.

    204; 404 where there is none.
    """
    await ask.decide("subscribe")
    identifier = ask.uri(0, "the subscription id")
    body, context = await read_object(ask)
    if not body:
        raise BadRequestData("the fragment holds nothing to write")
    if body.get("id", identifier) != identifier:
        raise BadRequestData("the id of a subscription does not change")
    _check_members(body, ask.face.clock.now())
    await ask.face.delivery.update(ask.call, identifier, body, context)
    return done()


async def delete_subscription(ask: Ask) -> Answer:
    """Clause 6.11.3.3 (5.8.5): ends a subscription.

    204; 404 where there is none.
    """
    await ask.decide("subscribe")
    await ask.face.delivery.delete(ask.call, ask.uri(0, "the subscription id"))
    return done()


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "@context"}


def _check_whole(body: dict[str, Any], now: datetime) -> None:
    """Table 5.2.12-1: what every subscription has."""
    if "type" not in body:
        raise BadRequestData('the body\'s type must be "Subscription"')
    _refuse_nulls(body)
    if "id" in body:
        check_uri(body["id"], "id")
    if not isinstance(body.get("notification"), dict):
        raise BadRequestData("a subscription needs a notification with an endpoint")
    _check_members(body, now)


def _refuse_nulls(body: dict[str, Any]) -> None:
    """Clause 5.5.4: the NGSI-LD null is for a change; where something is made, there is nothing to take away."""
    for name, value in body.items():
        if value == NGSI_LD_NULL:
            raise BadRequestData(
                f"{name}: the NGSI-LD null is only for changes of a subscription; leave the member out"
            )


def _check_members(body: dict[str, Any], now: datetime) -> None:
    """What holds for a whole subscription and for a change of one."""
    if body.get("type", "Subscription") != "Subscription":
        raise BadRequestData('the body\'s type must be "Subscription"')
    for name in ("entities", "watchedAttributes"):
        if name in body and body[name] is not None and (not isinstance(body[name], list) or not body[name]):
            raise BadRequestData(f"{name} must be an array that is not empty")
    notification = body.get("notification")
    if notification is not None and not isinstance(notification, dict):
        raise BadRequestData("notification must be an object")
    if notification:
        _check_projection(notification)
    if isinstance(body.get("expiresAt"), str):
        _check_future(body["expiresAt"], now)


def _check_projection(notification: dict[str, Any]) -> None:
    """Table 5.2.14-1: attributes goes with neither pick nor omit, and no member is in both of these."""
    given = {name: notification[name] for name in ("attributes", "pick", "omit") if notification.get(name)}
    if not all(isinstance(names, list) and all(isinstance(one, str) for one in names) for names in given.values()):
        raise BadRequestData("attributes, pick and omit of a notification are arrays of names")
    attributes, pick, omit = (tuple(given.get(name, ())) for name in ("attributes", "pick", "omit"))
    make_projection(attributes, pick, omit, MAX_LEVEL)  # how deep the join reaches is asked behind this


def _check_future(text: str, now: datetime) -> None:
    """Clauses 5.8.1.4 and 5.8.2.4: a subscription does not expire in the past."""
    if text == NGSI_LD_NULL:
        return
    try:
        expires = parse(text)
    except ValueError as problem:
        raise BadRequestData(f"expiresAt: {problem}") from problem
    if expires <= now:
        raise BadRequestData(f"expiresAt {text} is in the past")


_SHOW = frozenset({"options"})
RESOURCES = (
    Resource(
        "/subscriptions",
        {
            "POST": Operation(create_subscription, creates=True),
            "GET": Operation(list_subscriptions, PAGE | _SHOW),
        },
    ),
    Resource(
        "/subscriptions/{subscriptionId}",
        {
            "GET": Operation(retrieve_subscription, _SHOW),
            "PATCH": Operation(update_subscription),
            "DELETE": Operation(delete_subscription),
        },
    ),
)
