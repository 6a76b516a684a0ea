"""Who this context source is (clauses 5.15, 5.2.40 and 6.33)."""

from __future__ import annotations

from datetime import timedelta

from kumihimo import __version__
from kumihimo.base import times
from kumihimo.platform.ngsild.answers import Answer, choose_media, represent
from kumihimo.platform.ngsild.asks import Ask
from kumihimo.platform.ngsild.bodies import request_context
from kumihimo.platform.ngsild.table import Operation, Resource
from kumihimo.storage.identity import tenant_identity


async def retrieve_identity(ask: Ask) -> Answer:
    """Clause 6.33.3.1 (5.15.1): says who this context source is, for how long it runs, and what time it has.

    200 with a ContextSourceIdentity (clause 5.2.40); its alias names the tenant too, so that no tenant is taken for
    another one of the same platform.
    """
    await ask.decide("read")
    media = choose_media(ask.headers.get("accept", ""))
    context = await request_context(ask)
    face = ask.face
    name = await tenant_identity(face.database, ask.tenant)
    now = face.clock.now()
    identity = {
        "id": f"urn:ngsi-ld:ContextSourceIdentity:{name}",
        "type": "ContextSourceIdentity",
        "contextSourceAlias": f"urn:ngsi-ld:ContextSource:{name}",
        "contextSourceUptime": duration(now - face.started),
        "contextSourceTimeAt": times.text(now),
        "contextSourceExtras": {"software": "Kumihimo", "version": __version__, "tenant": ask.tenant},
    }
    return represent(identity, context, media)


def duration(span: timedelta) -> str:
    """A span as an ISO 8601 duration in days, hours, minutes and whole seconds; a negative one counts as none."""
    seconds = max(0, int(span.total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    written = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M")) if count)
    return f"P{days}DT{written}{seconds}S" if days else f"PT{written}{seconds}S"


RESOURCES = (Resource("/info/sourceIdentity", {"GET": Operation(retrieve_identity, creates=True)}),)
