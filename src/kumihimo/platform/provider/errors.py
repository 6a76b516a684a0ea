"""Errors as OAuth 2.0 writes them (RFC 6749 section 5.2, RFC 6750 section 3)."""

from __future__ import annotations

from typing import Any, ClassVar

from kumihimo.base.errors import Problem, Unauthenticated


class OAuthError(Problem):
    """A refusal with an OAuth error code; the document holds `error` and `error_description`, and no secret."""

    title = "OAuth error"

    def __init__(self, error: str, detail: str, status: int = 400, **headers: str) -> None:
        super().__init__(detail)
        self.error = error
        self.code = status
        self._headers = headers

    def headers(self) -> dict[str, str]:
        """What the status asks for."""
        return {name.replace("_", "-"): value for name, value in self._headers.items()}

    def document(self) -> dict[str, Any]:
        """As RFC 6749 section 5.2."""
        return {"error": self.error, "error_description": self.detail}


def invalid_client(detail: str, *, basic: bool = False) -> OAuthError:
    """The client did not prove itself (RFC 6749 section 5.2); Basic is asked for where it was tried."""
    headers = {"www_authenticate": 'Basic realm="kumihimo", charset="UTF-8"'} if basic else {}
    return OAuthError("invalid_client", detail, 401, **headers)


class BadToken(Unauthenticated):
    """A bearer token that is not good; `error` is a code of RFC 6750 section 3.1."""

    error: ClassVar[str] = "invalid_token"

    def headers(self) -> dict[str, str]:
        """The challenge (RFC 6750 section 3)."""
        return {"www-authenticate": f'Bearer error="{self.error}"', "cache-control": "no-store"}


class InsufficientScope(BadToken):
    """The token is good, but not for this."""

    title = "Not allowed"
    status = 403
    error = "insufficient_scope"
