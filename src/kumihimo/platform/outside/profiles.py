"""What is known beforehand of kinds of providers, so that an operator need not say it.

デジタル認証アプリ: the parameters of its API reference (デジタル庁; the same for administrative bodies and for private
businesses): code flow alone, state, nonce and PKCE S256 required, private_key_jwt, ID tokens signed with ES256. Nothing
of it was tried against the real service, which needs an application and a contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DIGITAL_AUTH_APP: Final = "https://auth-and-sign.go.jp/api/realms/main"
DIGITAL_AUTH_APP_SANDBOX: Final = "https://sb-auth-and-sign.go.jp/api/realms/main"
BASIC_FOUR: Final = ("name", "address", "birthdate", "gender")
"""基本4情報: each is a scope and a claim of its own."""


def endpoints_below(issuer: str) -> dict[str, str]:
    """Where the service has its endpoints, seen from its issuer; its reference names them and no discovery."""
    base = f"{issuer}/protocol/openid-connect"
    return {
        "authorization_endpoint": f"{base}/auth",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/certs",
    }


_APP: Final[Mapping[str, Any]] = {
    "title_ja": "デジタル認証アプリ",
    "title_en": "Digital Authentication App (My Number Card)",
    "auth": "private_key_jwt",
    "scopes": ("openid", "name"),
    "acr_values": ("aal3", "crl"),
    "acr_needed": ("aal3",),
    "pass_on": ("sign_transaction_id",),
    "take": ("name",),
    "signup": "nobody",
}
_PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {"scopes": ("openid", "profile", "email"), "take": ("name", "email", "preferred_username")},
    "keycloak": {"scopes": ("openid", "profile", "email"), "take": ("name", "email", "preferred_username")},
    # Entra ID says of no address that it was verified, so that none is taken over.
    "entra": {"scopes": ("openid", "profile"), "auth": "client_secret_post", "take": ("name", "preferred_username")},
    "digital-auth-app": {**_APP, "issuer": DIGITAL_AUTH_APP},
    "digital-auth-app-sandbox": {**_APP, "issuer": DIGITAL_AUTH_APP_SANDBOX},
}
NAMES: Final = tuple(_PROFILES)


def profile(name: str, issuer: str) -> dict[str, Any]:
    """The members of a Provider that the profile sets; issuer is what the operator said, "" where nothing.

    KeyError for a profile that there is not.
    """
    found = dict(_PROFILES[name])
    if issuer:
        found["issuer"] = issuer
    if name.startswith("digital-auth-app"):
        found["endpoints"] = endpoints_below(found["issuer"])
    return found
