"""What a provider says of itself (OpenID Connect Discovery 1.0), fetched, checked and remembered for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from kumihimo.base import times
from kumihimo.base.clock import Clock
from kumihimo.base.errors import AddressRefused, Problem
from kumihimo.base.jsontext import loads
from kumihimo.base.ports import HttpAnswer, HttpFetch
from kumihimo.platform.outside.checks import ENDPOINTS, is_address
from kumihimo.platform.outside.models import MAX_PROVIDERS, Provider, ProviderFailed

WELL_KNOWN: Final = "/.well-known/openid-configuration"
MAX_ANSWER: Final = 256 * 1024
"""Bytes of any answer of a provider."""
SECONDS: Final = 5.0
"""How long any answer of a provider is waited for."""
REMEMBERED: Final = 3_600_000_000
"""Microseconds for which what a provider says of itself is used without asking again."""
MAX_DEPTH: Final = 16
ALGORITHMS: Final = (
    *("RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512", "Ed25519", "EdDSA"),
)
"""Signatures that are taken of an ID token: those with a public key, and no others (RFC 8725 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's addresses and abilities; "" for an endpoint that it does not have."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    algorithms: tuple[str, ...] = ("RS256",)
    says_issuer: bool = False
    """Whether it names itself in each answer (RFC 9207), so that one without it is no answer of its."""


class Discovery:
    """Metadata by provider."""

    def __init__(self, fetch: HttpFetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: dict[str, tuple[int, Metadata]] = {}

    async def metadata(self, one: Provider) -> Metadata:
        """What the provider says, at most an hour old. ProviderFailed where it says nothing that can be used."""
        now = times.micros(self._clock.now())
        key = f"{one.name}\n{one.updated_at}\n{one.issuer}"
        found = self._known.get(key)
        if found is not None and 0 <= now - found[0] < REMEMBERED:
            return found[1]
        made = read_metadata(one, await self.document(one))
        while len(self._known) >= MAX_PROVIDERS:
            self._known.pop(next(iter(self._known)))
        self._known[key] = (now, made)
        return made

    async def document(self, one: Provider) -> Mapping[str, Any]:
        """The provider's own document; where the endpoints were given by hand, one made of them."""
        if one.endpoints:
            return {"issuer": one.issuer, "id_token_signing_alg_values_supported": ["ES256", "RS256"], **one.endpoints}
        url = one.issuer.removesuffix("/") + WELL_KNOWN
        return object_of(await ask(self._fetch, "GET", url, {"accept": "application/json"}), "discovery")


async def ask(
    fetch: HttpFetch, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> HttpAnswer:
    """One request to a provider. ProviderFailed where no whole answer comes in time or the address is refused.

    Problems name the host alone: the rest of an address may hold what is nobody's business.
    """
    host = urlsplit(url).hostname or ""
    try:
        answer = await fetch(method, url, headers=headers, body=body, timeout=SECONDS, max_bytes=MAX_ANSWER + 1)
    except AddressRefused as problem:
        raise ProviderFailed("unreachable", f"{host}: the address is not allowed ({problem.detail})") from problem
    except (OSError, TimeoutError) as problem:
        raise ProviderFailed("unreachable", f"{host}: no answer ({type(problem).__name__})") from problem
    if len(answer.body) > MAX_ANSWER:
        raise ProviderFailed("nonsense", f"{host} answered more than {MAX_ANSWER} bytes")
    return answer


def object_of(answer: HttpAnswer, what: str) -> Mapping[str, Any]:
    """The JSON object of a good answer; ProviderFailed for anything else."""
    if answer.status != 200:
        raise ProviderFailed("nonsense", f"{what}: answered {answer.status}, not 200")
    return any_object_of(answer, what)


def any_object_of(answer: HttpAnswer, what: str) -> Mapping[str, Any]:
    """The JSON object of an answer of any status; ProviderFailed where it is none."""
    try:
        found = loads(answer.body, max_bytes=MAX_ANSWER, max_depth=MAX_DEPTH)
    except Problem as problem:
        raise ProviderFailed("nonsense", f"{what}: the answer is no JSON") from problem
    if not isinstance(found, dict):
        raise ProviderFailed("nonsense", f"{what}: the answer is no JSON object")
    return found


def read_metadata(one: Provider, document: Mapping[str, Any]) -> Metadata:
    """The metadata in a document; ProviderFailed names the first thing that is wrong with it."""
    wrong = faults(one, document)
    if wrong:
        raise ProviderFailed("nonsense", f"discovery: {wrong[0]}")
    offered = document.get("id_token_signing_alg_values_supported")
    return Metadata(
        one.issuer,
        **{name: str(document.get(name) or "") for name in ENDPOINTS},
        algorithms=tuple(alg for alg in ALGORITHMS if alg in offered) if isinstance(offered, list) else ("RS256",),
        says_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def faults(one: Provider, document: Mapping[str, Any]) -> list[str]:
    """Everything for which nobody could log in by this provider, in words for its operator."""
    found = []
    issuer = document.get("issuer")
    if issuer != one.issuer:
        found.append(_issuer_fault(one.issuer, issuer))
    optional = ("userinfo_endpoint", "end_session_endpoint")
    named = [name for name in ENDPOINTS if document.get(name) or name not in optional]
    wrong = [name for name in named if not is_address(document.get(name), like=one.issuer)]
    found += [f"{name} is no https address" for name in wrong]
    offered = document.get("id_token_signing_alg_values_supported", ["RS256"])
    if not isinstance(offered, list) or not any(alg in offered for alg in ALGORITHMS):
        found.append(f"it signs ID tokens in none of the ways taken here: {', '.join(ALGORITHMS)}")
    kinds = document.get("response_types_supported", ["code"])
    if not isinstance(kinds, list) or "code" not in kinds:
        found.append("it does not offer the code flow (response type code)")
    return found


def _issuer_fault(wanted: str, said: object) -> str:
    if not isinstance(said, str):
        return "it does not say its issuer"
    if "{tenantid}" in said.lower():
        return "it speaks for any directory of Entra ID; take the issuer of your own directory, with its id in it"
    if said.rstrip("/") == wanted.rstrip("/"):
        return f"its issuer is {said[:200]}, and was given as {wanted}: the slash at the end counts"
    return f"it says that its issuer is {said[:200]}, not {wanted}"


def wants(one: Provider, document: Mapping[str, Any]) -> list[str]:
    """What the provider does not say that it offers, and is asked for: not wrong in itself, but worth a look."""
    found = []
    for what, key, words in (
        ("scope", "scopes_supported", one.scopes),
        ("client authentication", "token_endpoint_auth_methods_supported", (one.auth,)),
        ("PKCE method", "code_challenge_methods_supported", ("S256",)),
        ("acr value", "acr_values_supported", one.acr_values),
        ("claim", "claims_supported", tuple(dict.fromkeys((*one.take, *one.keep)))),
    ):
        offered = document.get(key)
        if isinstance(offered, list):
            found += [f"it does not list the {what} {word}" for word in words if word not in offered]
    if not document.get("end_session_endpoint"):
        found.append("it has no address for logging out there as well")
    return found
