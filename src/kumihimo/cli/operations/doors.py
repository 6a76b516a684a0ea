"""What the operations stand on: the rooms, bound by the wiring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kumihimo.base.call import Actor
from kumihimo.base.ids import check_tenant
from kumihimo.device.enrolment.door import Enrolment
from kumihimo.device.registry.registry import Registry
from kumihimo.platform.access.door import StoredRules
from kumihimo.platform.broker.door import Broker
from kumihimo.platform.identity.door import Identity
from kumihimo.platform.imports.door import Imports
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.metering.door import Metering
from kumihimo.platform.outside.door import Outside
from kumihimo.platform.provider.door import Provider
from kumihimo.platform.signing.door import Signing
from kumihimo.service.kpi.export import Exports
from kumihimo.service.kpi.measures_door import Measures
from kumihimo.service.rules.door import RuleSets
from kumihimo.service.sources.door import Sources
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.library import Library
from kumihimo.storage.database import PLATFORM, Database

OPERATOR = Actor("person", "operator")


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
    library: Library
    packs: Packs
    rule_sets: RuleSets
    measures: Measures
    exports: Exports


Operation = Callable[[Doors, Mapping[str, Any]], Awaitable[Any]]


def scope_of(given: Mapping[str, Any]) -> str:
    """The tenant, or the platform where none is named."""
    name = str(given["tenant"])
    return check_tenant(name) if name else PLATFORM
