"""What can go wrong, in words a caller can act on (RFC 7807 / RFC 9457 problem details).

NGSI-LD error types: ETSI GS CIM 009 clause 5.5.2 and table 6.3.2-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

NGSI_LD_ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
KUMIHIMO_ERRORS = "https://kumihimo.dev/errors/"


@dataclass(frozen=True, slots=True)
class Wording:
    """The key of a text of a room's `texts.toml`, and what is put into it: words as they are, texts, or several.

    With no key the values are whole sentences by language, for what is put together of many parts.
    """

    key: str
    values: Mapping[str, Word]


Word = str | int | Wording | tuple["str | Wording", ...]


class Problem(Exception):
    """An error that a caller caused or can mend; each subclass is one problem type.

    detail says what happened, where, and what to do. extra holds further members of the problem document.
    retry_after: seconds after which it is worth trying again; 0 where waiting does not help. patience is what it is
    where nothing else is said. wording: how a page says it in its reader's language; detail is for programs, and for
    pages where nothing else is said.
    """

    type: ClassVar[str] = KUMIHIMO_ERRORS + "Problem"
    title: ClassVar[str] = "Problem"
    status: ClassVar[int] = 400
    patience: ClassVar[int] = 0
    wording: Wording | None = None

    def __init__(self, detail: str, *, retry_after: int | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        self.retry_after = self.patience if retry_after is None else retry_after

    def worded(self, key: str, **values: Word) -> Self:
        """The problem itself, with a text that pages show in place of the detail."""
        self.wording = Wording(key, values)
        return self

    def said(self, ja: str) -> Self:
        """The problem itself, which pages say in Japanese with these words, and in English with its detail."""
        self.wording = Wording("", {"ja": ja, "en": self.detail})
        return self

    def headers(self) -> dict[str, str]:
        """What the status asks an HTTP answer to say beside the document (RFC 9110 section 10.2.3: Retry-After)."""
        return {"retry-after": str(self.retry_after)} if self.retry_after else {}

    def document(self) -> dict[str, Any]:
        """The problem as a JSON object (RFC 7807 section 3.1)."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


class InvalidRequest(Problem):
    """The request is syntactically wrong: JSON, parameters, headers."""

    type = NGSI_LD_ERRORS + "InvalidRequest"
    title = "Invalid request"


class BadRequestData(Problem):
    """The request is well-formed, but its content breaks a rule of the data model."""

    type = NGSI_LD_ERRORS + "BadRequestData"
    title = "Bad request data"


class AlreadyExists(Problem):
    """The entity, subscription or context exists already."""

    type = NGSI_LD_ERRORS + "AlreadyExists"
    title = "Already exists"
    status = 409


class OperationNotSupported(Problem):
    """The operation is not supported."""

    type = NGSI_LD_ERRORS + "OperationNotSupported"
    title = "Operation not supported"
    status = 422


class ResourceNotFound(Problem):
    """No such entity, attribute, subscription or route."""

    type = NGSI_LD_ERRORS + "ResourceNotFound"
    title = "Resource not found"
    status = 404


class TooComplexQuery(Problem):
    """The query is more than the platform will run."""

    type = NGSI_LD_ERRORS + "TooComplexQuery"
    title = "Query too complex"
    status = 403


class TooManyResults(Problem):
    """The result is larger than the platform will give."""

    type = NGSI_LD_ERRORS + "TooManyResults"
    title = "Too many results"
    status = 403


class LdContextNotAvailable(Problem):
    """A remote @context is not built in, not preloaded and may not, or could not, be fetched."""

    type = NGSI_LD_ERRORS + "LdContextNotAvailable"
    title = "JSON-LD context not available"
    status = 504


class NonexistentTenant(Problem):
    """The tenant named in the request does not exist."""

    type = NGSI_LD_ERRORS + "NonexistentTenant"
    title = "No such tenant"
    status = 404


class InternalError(Problem):
    """A fault of the platform; the log holds the cause under the request id."""

    type = NGSI_LD_ERRORS + "InternalError"
    title = "Internal error"
    status = 500


class Unauthenticated(Problem):
    """Closed by default: log-in or a credential is needed."""

    type = KUMIHIMO_ERRORS + "Unauthenticated"
    title = "Log-in needed"
    status = 401


class Forbidden(Problem):
    """Known, but not allowed."""

    type = KUMIHIMO_ERRORS + "Forbidden"
    title = "Not allowed"
    status = 403


class MethodNotAllowed(Problem):
    """The resource exists, the method does not; allow is the list of those that do, "" where it is not known."""

    type = KUMIHIMO_ERRORS + "MethodNotAllowed"
    title = "Method not allowed"
    status = 405

    def __init__(self, detail: str, *, allow: str = "", **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.allow = allow

    def headers(self) -> dict[str, str]:
        """Which methods there are (RFC 9110 section 15.5.6)."""
        return {"allow": self.allow} if self.allow else {}


class NotAcceptable(Problem):
    """None of the media types that the caller accepts can be given."""

    type = KUMIHIMO_ERRORS + "NotAcceptable"
    title = "Not acceptable"
    status = 406


class PayloadTooLarge(Problem):
    """The body, a name or a nesting is over its limit."""

    type = KUMIHIMO_ERRORS + "PayloadTooLarge"
    title = "Payload too large"
    status = 413


class UnsupportedMediaType(Problem):
    """The body's media type is not one that the operation takes."""

    type = KUMIHIMO_ERRORS + "UnsupportedMediaType"
    title = "Unsupported media type"
    status = 415


class TooManyRequests(Problem):
    """The caller asks more often than it may; try again after the seconds in retry_after (RFC 6585 section 4)."""

    type = KUMIHIMO_ERRORS + "TooManyRequests"
    title = "Too many requests"
    status = 429
    patience = 1


class Overloaded(Problem):
    """Too much is waiting; try again after the seconds in retry_after."""

    type = KUMIHIMO_ERRORS + "Overloaded"
    title = "Overloaded"
    status = 503
    patience = 1


class StorageRefused(Problem):
    """The store cannot be used: newer than this program, damaged, in use by another process, or full."""

    type = KUMIHIMO_ERRORS + "StorageRefused"
    title = "Storage refused"
    status = 503
    patience = 5


class AddressRefused(Problem):
    """An outbound request would go to an address that is not allowed."""

    type = KUMIHIMO_ERRORS + "AddressRefused"
    title = "Address refused"
    status = 403
