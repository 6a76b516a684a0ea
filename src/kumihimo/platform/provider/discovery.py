"""What the provider says of itself (OpenID Connect Discovery section 3, RFC 8414)."""

from __future__ import annotations

from typing import Any, Final

from kumihimo.platform.provider.jwks import ALGORITHMS
from kumihimo.platform.provider.keys import ALGORITHM
from kumihimo.platform.provider.models import GRANTS, SCOPES

CONFIGURATION: Final = "/.well-known/openid-configuration"
SERVER: Final = "/.well-known/oauth-authorization-server"
JWKS: Final = "/oauth/jwks"
AUTHORIZE: Final = "/oauth/authorize"
CONSENT: Final = "/oauth/consent"
TOKEN: Final = "/oauth/token"  # noqa: S105 - an address
USERINFO: Final = "/oauth/userinfo"
REVOKE: Final = "/oauth/revoke"
INTROSPECT: Final = "/oauth/introspect"
END_SESSION: Final = "/oauth/end-session"
MINE: Final = "/me/applications"
LONGEST_AGE: Final = 300
"""Seconds for which the key set and this document may be kept; a new key is shown for longer before it signs."""

OPEN: Final[tuple[tuple[str, str], ...]] = (
    ("GET", CONFIGURATION),
    ("GET", SERVER),
    ("GET", JWKS),
    ("GET", AUTHORIZE),
    ("POST", AUTHORIZE),
    ("POST", CONSENT),
    ("POST", TOKEN),
    ("GET", USERINFO),
    ("POST", USERINFO),
    ("POST", REVOKE),
    ("POST", INTROSPECT),
    ("GET", END_SESSION),
    ("POST", END_SESSION),
    ("GET", MINE),
    ("POST", MINE),
    *(("OPTIONS", path) for path in (CONFIGURATION, SERVER, JWKS, TOKEN, USERINFO, REVOKE)),
)
"""Method and path of what a stranger reaches."""
PROVE_THEMSELVES: Final = frozenset((TOKEN, USERINFO, REVOKE, INTROSPECT))
"""Those of them that judge the Authorization field themselves: it holds a client's secret, or is refused in its way."""


def document(issuer: str) -> dict[str, Any]:
    """The configuration."""
    ways = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "userinfo_endpoint": issuer + USERINFO,
        "jwks_uri": issuer + JWKS,
        "revocation_endpoint": issuer + REVOKE,
        "introspection_endpoint": issuer + INTROSPECT,
        "end_session_endpoint": issuer + END_SESSION,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": [*ways, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [*ways, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": ways,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["ja", "en"],
    }
