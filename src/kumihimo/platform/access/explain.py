"""Which policies decided, told by Cedar itself, and what would have to change: for the try-it page and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

import cedarpy

from kumihimo.base.call import Call
from kumihimo.platform.access.compile import Policy, rights_of
from kumihimo.platform.access.conditions import Facts, For, Roles, leaves_of
from kumihimo.platform.access.records import Agreement, AgreementState, Document
from kumihimo.platform.access.standing import (
    PLATFORM,
    Rules,
    facts_of,
    holding,
    shared_document,
)
from kumihimo.platform.access.words import EMERGENCY, GIVEN_ROLES, START_ROLES

NAMED_BY_NOBODY: Final = "urn:kumihimo:an-attribute-that-no-policy-names"


@dataclass(frozen=True, slots=True)
class Subject:
    """An entity as policies see it: names expanded, scopes beginning with "/", texts, whole numbers and flags."""

    id: str
    types: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    values: Mapping[str, Sequence[str | int | bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """A policy that decided: in which document, at which line, and its text."""

    document: str
    line: int
    effect: Literal["permit", "forbid"]
    text: str


NeedKind = Literal["login", "scope", "forbid", "role", "purpose", "agreement", "policy"]


@dataclass(frozen=True, slots=True)
class Need:
    """One thing by which the answer would become yes; of several "role", "purpose", "agreement", one is enough.

    what: the scope, role or purpose, the document of the forbid, or the agreement's id. detail: for an agreement
    where it stands.
    """

    kind: NeedKind
    what: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, the roles that are held, by which policies, and what would have to change where it is no."""

    allowed: bool
    roles: frozenset[str]
    causes: tuple[Cause, ...]
    needs: tuple[Need, ...]


class _Verdict(NamedTuple):
    allowed: bool
    causes: tuple[Cause, ...]


class _Case(NamedTuple):
    """What is asked of Cedar, but for who asks."""

    documents: tuple[Document, ...]
    subject: Subject | None
    attribute: str


async def explained(
    rules: Rules,
    call: Call,
    action: str,
    now: int,
    subject: Subject | None,
    attribute: str | None,
    scopes: frozenset[str] | None,
) -> Explanation:
    """As Access.explain. scopes are those of which the caller's token lacks every one, None where it has one."""
    found = await holding(rules, call, now)
    facts = facts_of(call, action, found.roles)
    case = _Case(found.documents, subject, NAMED_BY_NOBODY if attribute is None else attribute)
    verdict = _verdict(case, facts)
    needs: list[Need] = []
    if not verdict.allowed:
        needs += _needs(case, facts, verdict)
        needs += [need async for need in _by_agreement(rules, call, case, facts, now)]
        if not needs:
            needs.append(Need("policy"))
    if scopes is not None:
        needs.append(Need("scope", " ".join(sorted(scopes))))
    return Explanation(verdict.allowed and scopes is None, found.roles, verdict.causes, tuple(needs))


def _needs(case: _Case, facts: Facts, verdict: _Verdict) -> Iterator[Need]:
    if facts.kind == "Anonymous":
        yield Need("login")
    for cause in verdict.causes:
        yield Need("forbid", cause.document, str(cause.line))
    for role in _roles_named(case.documents):
        if role not in facts.roles and _verdict(case, replace(facts, roles=facts.roles | {role})).allowed:
            yield Need("role", role)
    for purpose in _purposes_named(case.documents):
        if purpose != facts.purpose and _verdict(case, replace(facts, purpose=purpose)).allowed:
            yield Need("purpose", purpose)


def _roles_named(documents: Sequence[Document]) -> list[str]:
    named = {
        role
        for policy in _policies(documents)
        for leaf in (*leaves_of(policy.head), *policy.body.facts)
        if isinstance(leaf, Roles)
        for role in leaf.any_of
        if "/" not in role
    }
    return [*GIVEN_ROLES, *sorted(named - {*START_ROLES, EMERGENCY}), EMERGENCY]


def _purposes_named(documents: Sequence[Document]) -> list[str]:
    facts = (leaf for policy in _policies(documents) for leaf in policy.body.facts)
    return sorted({purpose for leaf in facts if isinstance(leaf, For) for purpose in leaf.any_of})


def _policies(documents: Sequence[Document]) -> Iterator[Policy]:
    return (policy for document in documents for policy in document.policies)


_STANDS: Final[frozenset[AgreementState]] = frozenset({"offered", "coming", "ended"})


async def _by_agreement(rules: Rules, call: Call, case: _Case, facts: Facts, now: int) -> Any:
    """The agreements that would allow it if they ran: offered, not begun, or ended."""
    agreements: tuple[Agreement, ...] = ()
    if call.tenant != PLATFORM and call.actor.id:
        agreements = (await rules.look(PLATFORM, call.actor, now)).standing.agreements
    for one in agreements:
        if one.giver != call.tenant or one.state(now) not in _STANDS:
            continue
        held = await holding(rules, Call(one.taker, call.actor), now)
        shared = case._replace(documents=(*case.documents, shared_document(one)))
        would = _verdict(shared, replace(facts, roles=facts.roles | {one.role_here})).allowed
        if one.role in held.roles and would:
            yield Need("agreement", one.id, one.state(now))


# --- Cedar's own answer -----------------------------------------------------------------------------------


def _verdict(case: _Case, facts: Facts) -> _Verdict:
    if facts.tenant is None and case.subject is None:
        return _of_any_entity(case, facts)
    # Ids in the order of the texts: policy0, policy1 …
    sources = [(document.name, policy) for document in case.documents for policy in document.policies]
    text = "\n".join(policy.text for _, policy in sources)
    answer = cedarpy.is_authorized(
        {
            "principal": _uid(facts.kind, facts.id),
            "action": _uid("Action", facts.action),
            "resource": _resource(case, facts)["uid"],
            "context": {"attribute": case.attribute if facts.tenant is None else "", "purpose": facts.purpose},
        },
        cedarpy.PolicySet.from_str(text) if text else "",
        [_principal(facts), _resource(case, facts)],
    )
    deciding = sorted(int(reason.removeprefix("policy")) for reason in answer.diagnostics.reasons)
    return _Verdict(answer.allowed, tuple(_cause(*sources[number]) for number in deciding))


def _of_any_entity(case: _Case, facts: Facts) -> _Verdict:
    """Without an entity: whether there is a row at all that would be granted; what has a say in it."""
    allowed = bool(rights_of(_policies(case.documents), facts).shown)
    effect = "permit" if allowed else "forbid"
    told = (
        _cause(document.name, policy)
        for document in case.documents
        for policy in document.policies
        if policy.effect == effect and rights_of([_as_permit(policy)], facts).shown
    )
    return _Verdict(allowed, tuple(told))


def _as_permit(policy: Policy) -> Policy:
    return replace(policy, effect="permit")


def _cause(document: str, policy: Policy) -> Cause:
    return Cause(document, policy.line, policy.effect, policy.text)


def _uid(kind: str, id_: str) -> dict[str, str]:
    return {"type": kind, "id": id_}


def _principal(facts: Facts) -> dict[str, Any]:
    roles = [_uid("Role", role) for role in sorted(facts.roles)]
    return {"uid": _uid(facts.kind, facts.id), "attrs": {}, "parents": roles}


def _resource(case: _Case, facts: Facts) -> dict[str, Any]:
    if facts.tenant is not None or case.subject is None:
        name = facts.tenant or ""
        return {"uid": _uid("Tenant", name), "attrs": {"id": name, "scopes": []}, "parents": []}
    one = case.subject
    above = {prefix for scope in one.scopes for prefix in _prefixes(scope)}
    return {
        "uid": _uid("Entity", one.id),
        "attrs": {
            **{name: list(values) for name, values in one.values.items()},
            "id": one.id,
            "scopes": list(one.scopes),
        },
        "parents": [
            *(_uid("EntityType", name) for name in one.types),
            *(_uid("Scope", each) for each in sorted(above)),
        ],
    }


def _prefixes(scope: str) -> list[str]:
    levels = scope.split("/")
    return ["/".join(levels[:end]) for end in range(2, len(levels) + 1)]
