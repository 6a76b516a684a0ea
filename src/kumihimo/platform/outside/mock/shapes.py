"""How the providers that the mock stands for differ, and the invented people that it knows; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ShapeName = Literal["digital-auth-app", "keycloak", "entra"]
DIRECTORY: Final = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True, slots=True)
class Shape:
    """path: of the issuer below the mock's address; protocol: of the endpoints below the issuer.

    strict: state, nonce and PKCE S256 must be there, as デジタル認証アプリ asks. acr: words that acr_values may hold.
    """

    name: ShapeName
    path: str
    protocol: str
    alg: Literal["ES256", "RS256"]
    auth: tuple[str, ...]
    scopes: tuple[str, ...]
    strict: bool = False
    acr: tuple[str, ...] = ()
    says_issuer: bool = False
    ends_sessions: bool = False
    at_hash: bool = True


SHAPES: Final[Mapping[str, Shape]] = {
    "digital-auth-app": Shape(
        "digital-auth-app",
        "/api/realms/main",
        "/protocol/openid-connect",
        "ES256",
        ("private_key_jwt",),
        ("openid", "name", "address", "birthdate", "gender", "sign"),
        strict=True,
        acr=("aal3", "crl"),
    ),
    "keycloak": Shape(
        "keycloak",
        "/realms/town",
        "/protocol/openid-connect",
        "RS256",
        ("client_secret_basic", "client_secret_post", "private_key_jwt"),
        ("openid", "profile", "email", "roles"),
        says_issuer=True,
        ends_sessions=True,
    ),
    "entra": Shape(
        "entra",
        f"/{DIRECTORY}/v2.0",
        "/oauth2",
        "RS256",
        ("client_secret_post", "private_key_jwt"),
        ("openid", "profile", "email"),
        ends_sessions=True,
        at_hash=False,
    ),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    id: str
    name: str
    name_en: str
    address: str
    birthdate: str
    gender: str
    email: str


PEOPLE: Final = (
    Person(
        "taro",
        "架空 太郎",
        "Taro Kakuu (invented)",
        "福井県架空市見本町1丁目1番1号",
        "1985-03-15",
        "male",
        "taro@town.example.jp",
    ),
    Person(
        "hanako",
        "見本 花子",
        "Hanako Mihon (invented)",
        "福井県架空市見本町2丁目2番2号",
        "1992-11-03",
        "female",
        "hanako@town.example.jp",
    ),
    Person(
        "jiro",
        "例示 次郎",
        "Jiro Reiji (invented)",
        "福井県架空市例示台3番地",
        "1950-07-21",
        "male",
        "jiro@elsewhere.example.com",
    ),
)


def sub_of(shape: Shape, person: Person, client_id: str) -> str:
    """The person's `sub`: at デジタル認証アプリ and Entra ID another for each client (pairwise)."""
    sector = "" if shape.name == "keycloak" else client_id
    return hashlib.sha256(f"{shape.name}\n{sector}\n{person.id}".encode()).hexdigest()[:32]


def claims_of(shape: Shape, person: Person, scopes: set[str]) -> dict[str, Any]:
    """What userinfo tells of a person for these scopes."""
    if shape.name == "digital-auth-app":
        every: dict[str, Any] = {
            "name": person.name,
            "address": {"formatted": person.address},
            "birthdate": person.birthdate,
            "gender": person.gender,
        }
        return {name: value for name, value in every.items() if name in scopes}
    profile: dict[str, Any] = {"name": person.name, "preferred_username": person.email}
    if shape.name == "keycloak":
        profile |= {"preferred_username": person.id, "realm_access": {"roles": ["operator"]}}
    else:
        profile |= {"tid": DIRECTORY, "oid": person.id, "groups": ["operator"], "roles": ["operator"]}
    found = profile if "profile" in scopes else {}
    if "email" in scopes:
        found |= {"email": person.email}
        found |= {"email_verified": True} if shape.name == "keycloak" else {}
    return found
