"""Who calls: a credential that was made for one tenant makes no call in another."""

from __future__ import annotations

import pytest

from kumihimo.base.call import NOBODY, Actor, Caller, call_of
from kumihimo.base.errors import Forbidden

APPLICATION = Actor("application", "a-1")


def test_a_caller_of_one_tenant_makes_no_call_in_another() -> None:
    state = {"caller": Caller(APPLICATION, frozenset({"ngsi-ld:read"}), tenant="mytown"), "request_id": "r1"}
    call = call_of(state, "mytown", "feed")
    assert (call.tenant, call.actor, call.purpose, call.request_id) == ("mytown", APPLICATION, "feed", "r1")
    assert call.scopes == frozenset({"ngsi-ld:read"})
    for other in ("othertown", "mytown2", "", "MYTOWN"):
        with pytest.raises(Forbidden, match="'mytown' only"):
            call_of(state, other)


@pytest.mark.parametrize("state", [{}, {"caller": NOBODY}, {"caller": Caller(Actor("person", "p-1"))}])
def test_a_caller_of_no_tenant_makes_calls_in_any(state: dict[str, Caller]) -> None:
    assert [call_of(state, tenant).tenant for tenant in ("a", "b", "")] == ["a", "b", ""]
