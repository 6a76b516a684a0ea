"""Who does what, for which purpose: travels on every call from carrier to log (decision 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kumihimo.base.errors import Forbidden

ActorKind = Literal["anonymous", "device", "person", "application", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a device by its id, a person or an application by an id of ours, a part of the platform, or nobody."""

    kind: ActorKind
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


ANONYMOUS = Actor("anonymous")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from, as its credentials showed.

    scopes: what its token was limited to, None for no limit (a person at a screen). login: the log-in or token by
    which the caller came, so that it can be ended and a form can be told from another's; "" for none. name: how a
    screen calls the person. tenant: the only tenant that the credential is good for, "" for any. application: by which
    one a person acts, "" for a person at a screen and for an application that acts for itself.
    """

    actor: Actor = ANONYMOUS
    scopes: frozenset[str] | None = None
    login: str = ""
    name: str = ""
    tenant: str = ""
    application: str = ""


NOBODY = Caller()


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the tenant it concerns, who makes it, why, and what caused it.

    purpose is a short word ("operate", "device-reading", "demo-replay"); cause names what led to it, for
    example "log:fukui:1042" for a change that a rule made on reading that record. scopes and application are those of
    the Caller.
    """

    tenant: str
    actor: Actor = ANONYMOUS
    purpose: str = "operate"
    request_id: str = ""
    cause: str = ""
    scopes: frozenset[str] | None = None
    application: str = ""


def call_of(state: Mapping[str, Any], tenant: str, purpose: str = "operate") -> Call:
    """The call of an HTTP request: its caller and its id stand in the state that the listener gave it (ASGI).

    Forbidden where the caller's credential is good for another tenant only; what concerns no tenant is another one too.
    """
    caller: Caller = state.get("caller", NOBODY)
    if caller.tenant and caller.tenant != tenant:
        raise Forbidden(
            f"this credential is good for tenant {caller.tenant!r} only; use one that was made for this one"
        ).worded("refused.tenant", tenant=caller.tenant)
    request_id = str(state.get("request_id", ""))
    return Call(tenant, caller.actor, purpose, request_id, scopes=caller.scopes, application=caller.application)
