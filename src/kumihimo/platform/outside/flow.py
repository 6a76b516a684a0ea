"""One log-in under way: it is held by the browser alone, sealed, so that no other browser can end it (login CSRF)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from kumihimo.base import jsontext
from kumihimo.base.errors import StorageRefused
from kumihimo.platform.outside.models import LogInRefused, Sealer

Aim = Literal["log-in", "link"]
SECONDS: Final = 600
"""How long somebody may take at the provider."""
MAX_COOKIE: Final = 4096
_PURPOSE: Final = "outside-flow"


@dataclass(frozen=True, slots=True)
class Flow:
    """state, nonce and verifier are random; way: where the browser goes afterwards; until in seconds since 1970.

    account and login: whose identity it becomes, and by which log-in that was asked, where the aim is "link".
    """

    provider: str
    aim: Aim
    way: str
    until: int
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    account: str = ""
    login: str = ""

    @staticmethod
    def begun(provider: str, aim: Aim, way: str, now: int, *, account: str = "", login: str = "") -> Flow:
        """A new log-in, good for ten minutes."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return Flow(provider, aim, way, now + SECONDS, state, nonce, verifier, account, login)

    def sealed(self, sealer: Sealer) -> str:
        """The value of the cookie."""
        return sealer.seal(_PURPOSE, jsontext.dumps(asdict(self)))


def opened(sealer: Sealer, cookie: str, provider: str, state: str, now: int) -> Flow:
    """The log-in that this browser began, where the answer is one to it.

    LogInRefused: "stale" where the browser began none or it took too long, "mix-up" where it began another.
    """
    if not cookie or len(cookie) > MAX_COOKIE:
        raise LogInRefused("stale", "this browser began no log-in")
    try:
        flow = Flow(**jsontext.parse(sealer.unseal(_PURPOSE, cookie)))
    except (StorageRefused, ValueError) as problem:
        raise LogInRefused("stale", "this browser began no log-in") from problem
    if flow.until < now:
        raise LogInRefused("stale", "the log-in took too long")
    if flow.provider != provider:
        raise LogInRefused("mix-up", "the answer came for another provider than the browser was sent to")
    if not hmac.compare_digest(flow.state.encode(), state.encode("utf-8", "surrogatepass")):
        raise LogInRefused("stale", "the answer is to another log-in than this browser's")
    return flow
