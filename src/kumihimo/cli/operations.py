"""What an operator can ask of a platform, the same over the socket and on files that nobody has open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kumihimo import __version__
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.base.ids import check_device, check_tenant, is_uri
from kumihimo.cli.credentials import CREDENTIALS
from kumihimo.cli.provider_operations import PROVIDER_OPERATIONS
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.registry.models import Device
from kumihimo.device.registry.registry import Registry
from kumihimo.platform.access.days import end_of
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.access.members import actor_of
from kumihimo.platform.access.records import Member
from kumihimo.platform.access.standing import PLATFORM
from kumihimo.platform.access.words import OPERATOR as PLATFORM_OPERATOR
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.imports.load import expanded, upsert_entities
from kumihimo.platform.imports.models import Batch
from kumihimo.platform.imports.observations import layout_from
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.names import check_name
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.metering.models import CALLS, Plan
from kumihimo.platform.metering.tables import cost_table, usage_table
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.signing.door import Signing
from kumihimo.service.sources.door import Sources
from kumihimo.service.sources.models import Reading, Source
from kumihimo.storage.database import Database

OPERATOR = Actor("person", "operator")
MAX_ENTITIES = 1000
MAX_LISTED = 10_000
BY = "command line"
"""Who changes members and policies here: whoever has the data folder."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The rooms that the operations need."""

    database: Database
    registry: Registry
    broker: Broker
    contexts: Contexts
    signing: Signing
    imports: Imports
    sources: Sources
    metering: Metering
    rules: StoredRules
    provider: Provider
    enrolment: Enrolment
    metrics: Callable[[], Mapping[str, Mapping[str, float]]]
    """The numbers of every part, by part and name, as /metrics gives them."""
    identity: Identity
    address: Callable[[], str]
    """Where people reach the platform."""
    outside: Outside


Operation = Callable[[Doors, Mapping[str, Any]], Awaitable[Any]]


async def status(doors: Doors, _: Mapping[str, Any]) -> Any:
    """Version, engine and tenants."""
    return {
        "version": __version__,
        "engine": doors.database.dialect.name,
        "tenants": await doors.database.tenants(),
    }


async def tenant_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Makes a tenant."""
    name = check_tenant(str(given["tenant"]))
    return {"tenant": name, "made": await doors.database.add_tenant(name)}


async def tenant_list(doors: Doors, _: Mapping[str, Any]) -> Any:
    """All tenants."""
    return [{"tenant": name} for name in await doors.database.tenants()]


async def device_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Registers a device and gives its key, which is shown this once."""
    tenant = check_tenant(str(given["tenant"]))
    entity = str(given["entity"])
    if not is_uri(entity):
        raise BadRequestData(f"{entity!r} is no URI; an entity id looks like urn:ngsi-ld:RiverGauge:1")
    context = doors.contexts.core
    device = Device(
        id=check_device(str(given["device"])),
        family=str(given["family"]),
        name=str(given.get("name") or given["device"]),
        entity_id=entity,
        entity_type=context.expand_type(check_name(str(given["type"]), "the type of an entity")),
    )
    key = await doors.registry.add(tenant, device)
    return {"tenant": tenant, "device": device.id, "username": f"{tenant}/{device.id}", "key": key}


async def device_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's devices with their counters."""
    tenant = check_tenant(str(given["tenant"]))
    return [
        {name: value for name, value in asdict(device).items() if name != "settings"}
        for device in await doors.registry.list(tenant)
    ]


async def device_refusals(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What was not taken of a tenant's devices and of whoever said to be one, the newest first."""
    tenant = check_tenant(str(given["tenant"]))
    return [asdict(refusal) for refusal in await doors.registry.refusals(tenant)]


async def metrics(doors: Doors, _: Mapping[str, Any]) -> Any:
    """The numbers of every part since the platform's start; a closed platform shows them here alone."""
    return doors.metrics()


async def device_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Removes a device; a live connection of its is cut."""
    tenant, name = check_tenant(str(given["tenant"])), check_device(str(given["device"]))
    if not await doors.registry.remove(tenant, name):
        raise ResourceNotFound(f"tenant {tenant!r} has no device {name!r}")
    return {"tenant": tenant, "device": name, "removed": True}


async def signing_keys(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The public halves of a tenant's signing keys as a JSON Web Key Set, the one that signs first."""
    tenant = check_tenant(str(given["tenant"]))
    return {"keys": [one.jwk() for one in await doors.signing.public(tenant)]}


async def signing_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives a tenant a new signing key; the old one signs no more."""
    tenant = check_tenant(str(given["tenant"]))
    await doors.signing.rotate(tenant)
    return await signing_keys(doors, given)


async def import_entities(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Upserts up to 1,000 entities in one commit; each is answered by itself."""
    tenant = check_tenant(str(given["tenant"]))
    entities: Sequence[Mapping[str, Any]] = given["entities"]
    if len(entities) > MAX_ENTITIES:
        raise BadRequestData(f"{len(entities)} entities in one piece; at most {MAX_ENTITIES} are taken")
    await doors.database.add_tenant(tenant)
    done = await upsert_entities(doors.broker, doors.contexts, Call(tenant, OPERATOR, purpose="import"), entities)
    return {"created": done.created, "updated": done.updated, "refused": done.refused}


async def history_begin(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Begins the import of a file's history, or says how far it is; the tenant must be there."""
    tenant = check_tenant(str(given["tenant"]))
    run, instead = await doors.imports.begin(
        tenant, str(given["import"]), str(given["title"]), again=bool(given.get("again"))
    )
    return {"run": asdict(run), "instead": None if instead is None else asdict(instead)}


async def history_take(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Writes a piece of a file into history: columns of readings, or entities over time."""
    tenant = check_tenant(str(given["tenant"]))
    try:
        found = await expanded(doors.contexts, tenant, given)
        before, after, refused = int(given["before"]), int(given["after"]), int(given["refused"])
    except (TypeError, ValueError, IndexError) as problem:
        raise BadRequestData(f"this is no piece of a file: {problem}") from problem
    may_create = bool(given["create"])
    batch = Batch(
        str(given["import"]), before, after, found.rows, found.types, refused + found.refused, may_create=may_create
    )
    taken = await doors.imports.take(tenant, batch)
    return {"run": asdict(taken.run), "reasons": [*found.reasons, *taken.reasons]}


async def history_settle(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Holds some of the newest of what was imported against the current state; done once its state says so."""
    call = Call(check_tenant(str(given["tenant"])), OPERATOR, purpose="import")
    return asdict(await doors.imports.settle(call, str(given["import"])))


async def source_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Adds a folder or an address that is looked at on a schedule."""
    tenant = check_tenant(str(given["tenant"]))
    layout = given["history"]
    reading = Reading(str(given["type"]), str(given["id_column"]), None if layout is None else layout_from(layout))
    kind: Literal["folder", "url"] = "folder" if given["folder"] else "url"
    source = Source(str(given["name"]), kind, str(given["folder"] or given["url"]), int(given["every"]), reading)
    return asdict(await doors.sources.add(tenant, source))


async def source_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's sources, how they fared, and what of each could not be read."""
    tenant = check_tenant(str(given["tenant"]))
    found = []
    for one in await doors.sources.all(tenant):
        aside = await doors.sources.set_aside(tenant, one.name)
        found.append({**asdict(one), "aside": [{"name": each.name, "detail": each.detail} for each in aside]})
    return found


async def source_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Removes a source; what it brought stays."""
    tenant, name = check_tenant(str(given["tenant"])), str(given["name"])
    if not await doors.sources.remove(tenant, name):
        raise ResourceNotFound(f"tenant {tenant!r} has no source {name!r}")
    return {"tenant": tenant, "source": name, "removed": True}


async def source_run(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Looks at a source once, now."""
    return asdict(await doors.sources.run_now(check_tenant(str(given["tenant"])), str(given["name"])))


async def usage(doors: Doors, given: Mapping[str, Any]) -> Any:
    """What one tenant used in a month, by service, or what all did; with the same as CSV, by day and service."""
    tenant, month, lang = str(given["tenant"]), str(given["month"]), str(given["lang"])
    if tenant:
        found = [await doors.metering.usage(check_tenant(tenant), month)]
        rows = [{"service": name, **_used(sums)} for name, sums in found[0].by("service").items()]
    else:
        found = await doors.metering.all(month)
        rows = [{"tenant": one.tenant, **_used(one.sums()), "stored": one.stored} for one in found]
    month = month or doors.metering.month()
    return {
        "month": month,
        "is_over": all(one.is_over for one in found) and doors.metering.month() > month,
        "rows": rows,
        "csv": usage_table(found, lang),
    }


def _used(sums: Mapping[Any, int]) -> dict[str, int]:
    names = ("screen", "readings", "refused", "sent", "failed", "bytes")
    return {"calls": sum(sums.get(one, 0) for one in CALLS), **{name: sums.get(name, 0) for name in names}}


async def usage_split(doors: Doors, given: Mapping[str, Any]) -> Any:
    """How a month's cost is split among the tenants, with the same as CSV; plan is None where no cost is set."""
    found = await doors.metering.costs(str(given["month"]))
    return {
        "month": found.month,
        "is_over": found.is_over,
        "plan": None if found.plan is None else asdict(found.plan),
        "missing": list(found.missing),
        "rows": [{"tenant": one.tenant, **one.parts, "total": one.total} for one in found.shares],
        "csv": cost_table(found, str(given["lang"])),
    }


async def usage_plan(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Sets what a month costs, and what the cost is split by, from a month on."""
    since = str(given["since"]) or doors.metering.month()
    try:
        plan = Plan(since, int(given["cost"]), {name: int(value) for name, value in given["weights"].items()})
    except (TypeError, ValueError, AttributeError) as problem:
        raise BadRequestData(f"a plan is a cost and weights, all whole numbers: {problem}") from problem
    await doors.metering.plan(plan)
    return asdict(plan)


async def account_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Makes an account, perhaps one that operates the platform, and gives the one-time link into it."""
    name = str(given["name"] or given["account"])
    made = await doors.identity.add(str(given["account"]), name, email=str(given["email"]), lang=str(given["lang"]))
    if given["operator"]:
        await doors.identity.make_operator(made.id)
    return {"account": made.sign_in, "id": made.id, "link": await _link(doors, made.id)}


async def account_list(doors: Doors, _: Mapping[str, Any]) -> Any:
    """All accounts, without anything secret."""
    return [
        {
            "account": one.sign_in,
            "name": one.name,
            "id": one.id,
            "operator": any(role.role == PLATFORM_OPERATOR for role in await _held_here(doors, one.id)),
            "disabled": bool(one.disabled_at),
        }
        for one in await doors.identity.accounts()
    ]


async def _held_here(doors: Doors, account: str) -> list[Member]:
    return await doors.rules.members.held(PLATFORM, Actor("person", account))


async def account_disable(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Lets an account log in no more and ends its log-ins, or lets it again."""
    found = await doors.identity.named(str(given["account"]))
    await doors.identity.disable(found.id, disabled=bool(given["disabled"]))
    if given["disabled"]:
        await doors.provider.grants.end(found.id)
    return {"account": found.sign_in, "disabled": bool(given["disabled"])}


async def account_link(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A fresh one-time link into an account; without a name that of the first administrator."""
    name = str(given["account"])
    found = await doors.identity.named(name) if name else None
    return {"account": name, "link": await _link(doors, found.id if found else "")}


async def _link(doors: Doors, account: str) -> str:
    return f"{doors.address()}/welcome/{await doors.identity.link(account)}"


def _scope(given: Mapping[str, Any]) -> str:
    """The tenant, or the platform where none is named."""
    name = str(given["tenant"])
    return check_tenant(name) if name else PLATFORM


async def member_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives somebody a role in a tenant, or on the platform."""
    until = end_of(str(given["until"])) if given["until"] else None
    actor, why = actor_of(str(given["actor"])), str(given["why"])
    made = await doors.rules.members.add(_scope(given), actor, str(given["role"]), BY, until, why)
    return {**asdict(made), "actor": str(made.actor)}


async def member_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Who holds which role, the newest first."""
    found = await doors.rules.members.list(_scope(given), MAX_LISTED)
    return [{**asdict(one), "actor": str(one.actor)} for one in found]


async def member_remove(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Ends a role that somebody holds."""
    scope, actor, role = _scope(given), actor_of(str(given["actor"])), str(given["role"])
    held = [one for one in await doors.rules.members.held(scope, actor) if one.role == role]
    if not held:
        raise ResourceNotFound(f"{actor} does not hold the role {role!r} here")
    for one in held:
        await doors.rules.members.end(scope, one.id, BY, str(given["why"]))
    return {"actor": str(actor), "role": role, "removed": True}


async def policy_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """The documents of policies that stand."""
    found = await doors.rules.documents.list(_scope(given))
    return [{"name": one.name, "version": one.version, "policies": len(one.policies)} for one in found]


async def policy_show(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A document as it stands, with its versions."""
    versions = await doors.rules.documents.versions(_scope(given), str(given["name"]))
    return [asdict(one) for one in versions]


async def policy_put(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Puts a document of policies in place of the one that stands."""
    name, text = str(given["name"]), str(given["text"])
    return asdict(await doors.rules.documents.put(_scope(given), name, text, BY, str(given["why"])))


async def application_add(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Adds an application; its secret or API key, where it has one, is shown this once."""
    made = await doors.provider.applications.add(
        check_tenant(str(given["tenant"])),
        str(given["name"]),
        given["kind"],
        scopes=[str(one) for one in given["scopes"]],
        grants=[str(one) for one in given.get("grants", ())],
        redirect_uris=[str(one) for one in given.get("redirect_uris", ())],
        logout_uris=[str(one) for one in given.get("logout_uris", ())],
        jwks=str(given.get("jwks", "")),
        is_own=bool(given.get("own")),
        is_resource=bool(given.get("resource")),
        made_by=str(OPERATOR),
    )
    return {"tenant": made.application.tenant, "application": made.application.id, "secret": made.secret}


async def application_list(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's applications with when they were last used, and of their secrets all but the secret."""
    found = []
    for one in await doors.provider.applications.all(check_tenant(str(given["tenant"]))):
        secrets = await doors.provider.applications.secrets(one.id)
        shown = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(one).items()}
        kept = [{name: value for name, value in asdict(each).items() if name != "hash"} for each in secrets]
        found.append({**shown, "secrets": kept})
    return found


async def application_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Gives an application a new secret or API key; the old ones are taken for a while."""
    tenant, name = check_tenant(str(given["tenant"])), str(given["application"])
    made = await doors.provider.applications.rotate(tenant, name, overlap=int(given["overlap"]), made_by=str(OPERATOR))
    return {"tenant": tenant, "application": name, "secret": made.secret}


async def application_disable(doors: Doors, given: Mapping[str, Any]) -> Any:
    """Takes an application out of use; its tokens are refused at once."""
    tenant, name = check_tenant(str(given["tenant"])), str(given["application"])
    await doors.provider.applications.disable(tenant, name)
    return {"tenant": tenant, "application": name, "disabled": True}


async def token_keys(doors: Doors, _: Mapping[str, Any]) -> Any:
    """The public halves of the keys that sign tokens, the newest first."""
    return {"keys": await doors.provider.keys.public()}


async def token_keys_rotate(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A new key for tokens: it signs after a while, or at once, and then what the old ones signed is refused."""
    await doors.provider.keys.rotate(at_once=bool(given.get("at_once")))
    return await token_keys(doors, given)


def _of_outside(work: Callable[[Outside, Mapping[str, Any]], Awaitable[Any]]) -> Operation:
    async def operation(doors: Doors, given: Mapping[str, Any]) -> Any:
        return await work(doors.outside, given)

    return operation


OPERATIONS: dict[str, Operation] = {
    **{name: _of_outside(work) for name, work in PROVIDER_OPERATIONS.items()},
    "account-add": account_add,
    "account-list": account_list,
    "account-disable": account_disable,
    "account-link": account_link,
    "application-add": application_add,
    "application-list": application_list,
    "application-rotate": application_rotate,
    "application-disable": application_disable,
    "token-keys": token_keys,
    "token-keys-rotate": token_keys_rotate,
    "status": status,
    "tenant-add": tenant_add,
    "tenant-list": tenant_list,
    "device-add": device_add,
    "device-list": device_list,
    "device-refusals": device_refusals,
    "device-remove": device_remove,
    **CREDENTIALS,
    "import": import_entities,
    "history-begin": history_begin,
    "history-take": history_take,
    "history-settle": history_settle,
    "metrics": metrics,
    "source-add": source_add,
    "source-list": source_list,
    "source-remove": source_remove,
    "source-run": source_run,
    "signing-keys": signing_keys,
    "signing-rotate": signing_rotate,
    "usage": usage,
    "usage-split": usage_split,
    "usage-plan": usage_plan,
    "member-add": member_add,
    "member-list": member_list,
    "member-remove": member_remove,
    "policy-list": policy_list,
    "policy-show": policy_show,
    "policy-put": policy_put,
}


async def perform(doors: Doors, name: str, given: Mapping[str, Any]) -> Any:
    """Runs one operation. ResourceNotFound for an unknown one, BadRequestData where an argument is missing."""
    operation = OPERATIONS.get(name)
    if operation is None:
        raise ResourceNotFound(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}")
    try:
        return await operation(doors, given)
    except KeyError as problem:
        raise BadRequestData(f"operation {name!r} needs {problem}") from problem
