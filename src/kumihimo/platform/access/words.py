"""The words of the policy language: who, what, where; and how large a policy may be."""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

from kumihimo.base.errors import KUMIHIMO_ERRORS, BadRequestData, Problem
from kumihimo.base.ids import check_tenant

Action = Literal[
    "read",
    "write",
    "delete",
    "subscribe",
    "command",
    "approve",
    "devices",
    "sources",
    "rules",
    "measures",
    "members",
    "policies",
    "agreements",
    "usage",
    "audit",
    "administer",
    "notices",
]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
IN_WORDS: Final[dict[Action, str]] = {
    "read": "read",
    "write": "write",
    "delete": "delete",
    "subscribe": "subscribe",
    "command": "command devices",
    "approve": "decide on alerts and emergencies",
    "devices": "manage devices",
    "sources": "manage sources",
    "rules": "manage rules",
    "measures": "manage measures",
    "members": "give roles",
    "policies": "change policies",
    "agreements": "make agreements",
    "usage": "see what is used",
    "audit": "see the records",
    "administer": "administer",
    "notices": "keep lists of people who are told, and write rules that tell people",
}
"""Each action behind "may" or "to"."""
ENTITY_ACTIONS: Final[frozenset[str]] = frozenset({"read", "write", "delete", "subscribe"})
"""Actions on entities and their attributes; all others concern the tenant as a whole."""
PRINCIPALS: Final = {"person": "Person", "application": "Application", "device": "Device", "anonymous": "Anonymous"}
"""How Cedar calls the kinds of callers that policies decide on."""
KINDS: Final = ("person", "application")
"""Who can be given a role; devices hold theirs by being the tenant's."""
START_ROLES: Final = (
    "resident",
    "officer",
    "disaster-officer",
    "data-manager",
    "operator",
    "auditor",
    "business",
    "device",
)
GIVEN_ROLES: Final = START_ROLES[:-1]
"""Those that people and applications are given; a device holds its own by being the tenant's."""
OPERATOR: Final = "operator"
PLATFORM_ROLES: Final = (OPERATOR, "auditor")
"""Those that mean something for the platform as a whole, which has no entities."""
DEVICE: Final = "device"
EMERGENCY: Final = "emergency"
"""The role that disaster officers hold beside their own while an emergency is open."""
NAMED_ROLES: Final = (*START_ROLES, EMERGENCY)
"""Those that have a name for readers."""

MAX_BYTES: Final = 16 * 1024
"""Bytes of one document of policies."""
MAX_DOCUMENTS: Final = 100
MAX_POLICIES: Final = 200
"""Policies of one tenant, in all its documents."""
MAX_BRACKETS: Final = 20
"""Depth of brackets in a policy. Cedar's parser goes into itself for each; where the stack ends, the process does."""
MAX_OPERATORS: Final = 200
"""Operators of a policy."""
MAX_ATTRIBUTES: Final = 100
"""Attribute names that the conditions of one policy may tell apart."""

_ROLE = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?\Z", re.ASCII)
_DOCUMENT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z", re.ASCII)


class PolicyRefused(Problem):
    """A policy cannot be kept: it is no Cedar, or cannot be pushed into queries. The detail says where and why."""

    type = KUMIHIMO_ERRORS + "PolicyRefused"
    title = "Policy refused"
    status = 422


def check_role(name: str) -> str:
    """The name itself where it can be a role's: 1 to 32 of a-z, 0-9 and "-"; BadRequestData otherwise."""
    if not _ROLE.match(name):
        said = f"{name[:64]!r} is no role: use 1 to 32 of a-z, 0-9 and '-', a letter first"
        raise BadRequestData(said).worded("refused.role", name=name[:64])
    return name


def check_role_anywhere(name: str) -> str:
    """As check_role, also for a role of another tenant, "<tenant>/<role>", which an agreement gives rights to."""
    tenant, slash, role = name.rpartition("/")
    if slash:
        check_tenant(tenant)
    check_role(role)
    return name


def check_document(name: str) -> str:
    """The name itself where it can be a document's: 1 to 64 of a-z, 0-9 and "-"; BadRequestData otherwise."""
    if not _DOCUMENT.match(name):
        said = f"{name[:64]!r} is no name of policies: use 1 to 64 of a-z, 0-9 and '-'"
        raise BadRequestData(said).worded("refused.document", name=name[:64])
    return name
