"""Whether the parts of an application fit together; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.provider.jwks import check_jwks
from kumihimo.platform.provider.models import (
    API_SCOPES,
    GRANTS,
    KINDS,
    MAKES_TENANTS,
    SCOPES,
    Application,
    Edit,
    Kind,
)
from kumihimo.platform.provider.redirects import MAX_REDIRECTS, check_redirect, kept_sector

MAX_NAME: Final = 100
_FLOW: Final = ("authorization_code", "refresh_token")


def fitting(kind: Kind, uris: Sequence[str]) -> frozenset[str]:
    """The grants of an application that named none: the code flow where it has redirect URIs, client credentials where
    it proves itself.
    """
    flow = _FLOW if uris and kind != "key" else ()
    alone = ("client_credentials",) if kind in ("confidential", "private_key_jwt") else ()
    return frozenset((*flow, *alone))


def refitted(one: Application, edit: Edit) -> Application:
    """The application with what is to be another in it, checked as a new one is. BadRequestData.

    Its grants follow its addresses: without any there is no code flow, with the first there is.
    """
    given = {field.name: getattr(edit, field.name) for field in fields(edit)}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    uris = tuple(dict.fromkeys(changed.get("redirect_uris", one.redirect_uris)))
    grants = one.grants
    if bool(uris) != bool(one.redirect_uris):
        grants = (one.grants - set(_FLOW)) | (fitting(one.kind, uris) & set(_FLOW))
    made = replace(
        one,
        **{
            **changed,
            "name": changed.get("name", one.name).strip(),
            "redirect_uris": uris,
            "logout_uris": tuple(dict.fromkeys(changed.get("logout_uris", one.logout_uris))),
            "grants": grants,
            "sector": kept_sector(one.sector, one.id, uris),
            "jwks": check_jwks(changed["jwks"]) if changed.get("jwks") else one.jwks,
        },
    )
    check_application(made)
    return made


def check_application(one: Application) -> None:
    """BadRequestData with the first thing that does not fit."""
    if one.kind not in KINDS:
        raise BadRequestData(f"{one.kind[:40]!r} is no kind of application; there are {', '.join(KINDS)}")
    _check_known("scope", one.scopes, API_SCOPES if one.kind == "key" else SCOPES)
    _check_known("grant", one.grants, GRANTS)
    fault = next((words for is_wrong, words in _faults(one) if is_wrong), "")
    if fault:
        raise BadRequestData(fault)
    for uri in (*one.redirect_uris, *one.logout_uris):
        check_redirect(uri, is_native=one.kind == "public")


def _faults(one: Application) -> tuple[tuple[bool, str], ...]:
    is_key, flows = one.kind == "key", "authorization_code" in one.grants
    addresses = (*one.redirect_uris, *one.logout_uris)
    return (
        (
            not 1 <= len(one.name) <= MAX_NAME or not one.name.isprintable(),
            f"an application's name has 1 to {MAX_NAME} characters that can be seen",
        ),
        (not one.scopes, "an application without scopes may do nothing; name some"),
        (
            not one.tenant and flows,
            "an application of the platform itself acts for nobody but itself; people log in to one of a tenant",
        ),
        (
            bool(one.tenant) and MAKES_TENANTS in one.scopes,
            f"{MAKES_TENANTS} is for applications of the platform itself; leave the tenant away, or the scope",
        ),
        (
            (one.kind == "private_key_jwt") != bool(one.jwks),
            "a private_key_jwt application has a key set (JWKS), and no other has",
        ),
        (
            is_key and bool(addresses or one.grants or one.is_resource),
            "an application that shows an API key takes part in no flow; leave the rest away",
        ),
        (not is_key and not one.grants, "a public application needs a redirect URI"),
        (
            one.kind == "public" and ("client_credentials" in one.grants or one.is_resource),
            "a public application proves nothing, so it gets no token by itself and asks after none",
        ),
        (flows != bool(one.redirect_uris), "redirect URIs and the authorization_code grant go together"),
        ("refresh_token" in one.grants and not flows, "refresh tokens come by the code flow only"),
        (len(addresses) > MAX_REDIRECTS, f"an application has at most {MAX_REDIRECTS} addresses"),
    )


def _check_known(what: str, given: Collection[str], known: Sequence[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadRequestData(f"{unknown[0][:64]!r} is no {what} of it; there are {', '.join(known)}")
