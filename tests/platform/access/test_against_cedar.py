"""What policies come to, held against Cedar itself asked of every entity and attribute."""

from __future__ import annotations

from typing import Any

import cedarpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.platform.access.policy_texts import (
    ENTITIES,
    FRESH,
    NAMES,
    POLICY_SETS,
    PURPOSES,
    ROLES,
    cedar_entity,
    is_granted,
    uid,
)

from kumihimo.platform.access.compile import policies_of, rights_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.start import start_texts

WHO = st.sampled_from([("Person", "p-1"), ("Person", "p-2"), ("Application", "a-1"), ("Anonymous", "")])
HELD = st.frozensets(st.sampled_from(ROLES))


def asked_of_cedar(text: str, facts: Facts, resources: list[dict[str, str]], attributes: tuple[str, ...]) -> list[bool]:
    """Cedar's answers, resource by resource and attribute by attribute."""
    who: dict[str, Any] = {
        "uid": uid(facts.kind, facts.id),
        "attrs": {},
        "parents": [uid("Role", role) for role in sorted(facts.roles)],
    }
    tenant: dict[str, Any] = {"uid": uid("Tenant", "town"), "attrs": {"id": "town", "scopes": []}, "parents": []}
    requests = [
        {
            "principal": who["uid"],
            "action": uid("Action", facts.action),
            "resource": resource,
            "context": {"attribute": attribute, "purpose": facts.purpose},
        }
        for resource in resources
        for attribute in attributes
    ]
    known = [who, tenant, *(cedar_entity(one) for one in ENTITIES)]
    answers = cedarpy.is_authorized_batch(requests, cedarpy.PolicySet.from_str(text), known)
    assert not any(answer.diagnostics.errors for answer in answers)
    return [answer.allowed for answer in answers]


@settings(max_examples=100)
@given(POLICY_SETS, WHO, HELD, st.sampled_from(["read", "write"]), st.sampled_from(PURPOSES))
def test_masks_are_what_cedar_says_of_every_attribute(
    text: str, who: tuple[str, str], roles: frozenset[str], action: str, purpose: str
) -> None:
    facts = Facts(*who, roles, action, purpose)
    rights = rights_of(policies_of(text), facts)
    attributes = (*NAMES, FRESH)
    ours = [is_granted(rights, one, attribute) for one in ENTITIES for attribute in attributes]
    assert ours == asked_of_cedar(text, facts, [uid("Entity", one["id"]) for one in ENTITIES], attributes)


ONE_ATTRIBUTE = 'when { context.attribute == "https://example.org/a" };'
OFFICER_MAY = 'permit (principal in Role::"officer", action, resource)'
SATO = (("Person", "p-1"), frozenset({"officer"}), "members", "operate")


@example(f"{OFFICER_MAY} {ONE_ATTRIBUTE}", *SATO)
@example(f"{OFFICER_MAY}; forbid (principal, action, resource) {ONE_ATTRIBUTE}", *SATO)
@settings(max_examples=50)
@given(POLICY_SETS, WHO, HELD, st.sampled_from(["usage", "members"]), st.sampled_from(PURPOSES))
def test_what_concerns_no_entity_is_what_cedar_says_of_the_tenant(
    text: str, who: tuple[str, str], roles: frozenset[str], action: str, purpose: str
) -> None:
    facts = Facts(*who, roles, action, purpose, "town")
    ours = [bool(rights_of(policies_of(text), facts).shown)]
    assert ours == asked_of_cedar(text, facts, [uid("Tenant", "town")], ("",))


@pytest.mark.parametrize("name", sorted(start_texts()))
def test_the_start_set_says_the_same(name: str) -> None:
    text = start_texts()[name]
    for action in ("read", "write", "delete", "subscribe"):
        facts = Facts("Person", "p-1", frozenset({name}), action, "operate")
        rights = rights_of(policies_of(text), facts)
        ours = [is_granted(rights, one, FRESH) for one in ENTITIES]
        assert ours == asked_of_cedar(text, facts, [uid("Entity", one["id"]) for one in ENTITIES], (FRESH,))
