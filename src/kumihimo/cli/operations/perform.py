"""All operations by name, and the one way to run one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kumihimo.base.errors import BadRequestData, ResourceNotFound
from kumihimo.cli.operations.agreements import AGREEMENTS
from kumihimo.cli.operations.applications import APPLICATIONS
from kumihimo.cli.operations.credentials import CREDENTIALS
from kumihimo.cli.operations.data import DATA
from kumihimo.cli.operations.devices import DEVICES
from kumihimo.cli.operations.doors import Doors, Operation
from kumihimo.cli.operations.house import HOUSE
from kumihimo.cli.operations.kpis import KPIS
from kumihimo.cli.operations.measures import MEASURES
from kumihimo.cli.operations.people import PEOPLE
from kumihimo.cli.operations.providers import PROVIDER_OPERATIONS
from kumihimo.cli.operations.rules import RULES
from kumihimo.cli.operations.solutions import SOLUTIONS
from kumihimo.cli.operations.usage import USAGE
from kumihimo.platform.outside.door import Outside


def _of_outside(work: Callable[[Outside, Mapping[str, Any]], Awaitable[Any]]) -> Operation:
    async def operation(doors: Doors, given: Mapping[str, Any]) -> Any:
        return await work(doors.outside, given)

    return operation


OPERATIONS: dict[str, Operation] = {
    **HOUSE,
    **DEVICES,
    **CREDENTIALS,
    **DATA,
    **USAGE,
    **PEOPLE,
    **APPLICATIONS,
    **SOLUTIONS,
    **RULES,
    **MEASURES,
    **KPIS,
    **AGREEMENTS,
    **{name: _of_outside(work) for name, work in PROVIDER_OPERATIONS.items()},
}


async def perform(doors: Doors, name: str, given: Mapping[str, Any]) -> Any:
    """Runs one operation. ResourceNotFound for an unknown one, BadRequestData where an argument is missing."""
    operation = OPERATIONS.get(name)
    if operation is None:
        raise ResourceNotFound(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}")
    try:
        return await operation(doors, given)
    except KeyError as problem:
        raise BadRequestData(f"operation {name!r} needs {problem}") from problem
