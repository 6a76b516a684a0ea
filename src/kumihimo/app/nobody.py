"""Who is logged in where no room knows people: nobody. Applications get tokens by themselves all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kumihimo.base.call import Caller
from kumihimo.base.ports import Credentials
from kumihimo.platform.provider.models import Login


class Nobody:
    """Implements base.ports.Authenticate, and People of the provider."""

    async def __call__(self, credentials: Credentials) -> Caller | None:
        """No cookie is anybody's."""
        del credentials
        return None

    async def login(self, caller: Caller) -> Login | None:
        """Nobody logged in."""
        del caller
        return None

    async def claims(self, account: str, scopes: frozenset[str]) -> Mapping[str, Any] | None:
        """There is no account."""
        del account, scopes
        return None

    async def end(self, caller: Caller) -> None:
        """There is no log-in to end."""
