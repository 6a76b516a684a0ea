"""What the command line does with figures: whoever may read the data folder may read them all."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from kumihimo.base.errors import BadRequestData, NonexistentTenant
from kumihimo.base.ids import check_tenant
from kumihimo.base.texts import LANGUAGES
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.platform.access.grants import EVERYTHING


async def kpi_export(doors: Doors, given: Mapping[str, Any]) -> Any:
    """A tenant's figures as a file in base64; form: csv, xlsx or pdf, lang: ja or en."""
    tenant, lang = check_tenant(str(given["tenant"])), str(given.get("lang", LANGUAGES[0]))
    if lang not in LANGUAGES:
        raise BadRequestData(f"{lang[:20]!r} is none of {', '.join(LANGUAGES)}")
    if tenant not in await doors.database.tenants():
        raise NonexistentTenant(f"there is no tenant {tenant!r}")
    body = await doors.exports.figures(tenant, EVERYTHING, str(given["form"]), lang, doors.address())
    return {"file": base64.b64encode(body).decode()}


KPIS: Final[dict[str, Operation]] = {"kpi-export": kpi_export}
