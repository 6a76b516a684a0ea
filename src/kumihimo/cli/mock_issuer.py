"""`kumihimo mock-issuer`: a mock of a provider on this machine, for demonstrations and tests."""

from __future__ import annotations

import asyncio
import secrets
import signal
from dataclasses import dataclass, field

import uvloop

from kumihimo.base.clock import SystemClock
from kumihimo.base.settings import SettingsError
from kumihimo.cli.say import say, warn
from kumihimo.cli.serve import next_free
from kumihimo.network.http.fetch import GuardedFetch
from kumihimo.network.http.limits import Limits
from kumihimo.network.http.server import serve
from kumihimo.platform.outside.mock.app import mock_app
from kumihimo.platform.outside.mock.issuer import Client, MockIssuer
from kumihimo.platform.outside.mock.shapes import SHAPES

HOST = "localhost"
"""The only place where it listens: it lets whoever reaches it be anybody."""
MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """shape: which provider it stands for; platform: where the platform is; provider: the name of the mock there."""

    shape: str
    port: int
    platform: str
    provider: str
    client_id: str
    secret: str = field(default="", repr=False)


def run_mock(wanted: Wanted) -> int:
    """Runs the mock until SIGTERM or Ctrl-C. Exit code 0 after a clean end, 1 where it could not run, 2 for a shape
    that there is not.
    """
    if wanted.shape not in SHAPES:
        warn(f"kumihimo: there is no shape {wanted.shape!r}; there are {', '.join(SHAPES)}")
        return 2
    try:
        uvloop.run(_run(wanted))
    except (OSError, SettingsError) as problem:
        warn(f"kumihimo: {problem}")
        return 1
    return 0


async def _run(wanted: Wanted) -> None:
    port = wanted.port or next_free(HOST, 8090)
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    fetch = GuardedFetch(allow_private=True)
    await fetch.open()
    try:
        secret = wanted.secret or secrets.token_urlsafe(24)
        mock = made(wanted, f"http://{HOST}:{port}", secret, fetch)
        app = Limits(mock_app(mock, fetch), MAX_BODY, (HOST,))
        await serve(app, host=HOST, port=port, stop=stop, bound=lambda _: _tell(wanted, mock, port, secret))
    finally:
        await fetch.close()


def made(wanted: Wanted, base: str, secret: str, fetch: GuardedFetch) -> MockIssuer:
    """The mock, at which the platform is the one client."""
    at, name = wanted.platform.rstrip("/"), wanted.provider
    client = Client(
        wanted.client_id,
        (f"{at}/login/from/{name}",),
        secret,
        f"{at}/login/keys/{name}",
        f"{at}/login/ended/{name}",
        (f"{at}/login/left",),
    )
    return MockIssuer(base, SHAPES[wanted.shape], (client,), SystemClock(), fetch)


def _tell(wanted: Wanted, mock: MockIssuer, port: int, secret: str) -> None:
    say(f"MOCK of {wanted.shape}: {mock.issuer}")
    say("Its people are invented, and whoever opens it may be any of them. It is no part of a real log-in.")
    line = f"kumihimo provider add {wanted.provider} --profile {wanted.shape} --issuer {mock.issuer}"
    line += f" --client-id {wanted.client_id} --sign-up anyone"
    uses_secret = wanted.shape != "digital-auth-app"
    say(f"On the platform: {line}{' --secret-file -' if uses_secret else ''}")
    if uses_secret and not wanted.secret:
        say(f"The client secret is: {secret}")
    say(f'The platform has to be allowed to reach it: outbound_hosts = ["{HOST}:{port}"]')
