"""The console's own pages: entities, subscriptions, webhook."""

from __future__ import annotations

from kumihimo.base.screens import Screen
from kumihimo.service.console.doors import Doors
from kumihimo.service.console.entities import entity_screens
from kumihimo.service.console.subscriptions import subscription_screens
from kumihimo.service.console.webhook import webhook_screens
from kumihimo.service.console.why import why_screens


def console_screens(doors: Doors) -> list[Screen]:
    """All of them; their navigation comes after that of the field's own pages."""
    return [*entity_screens(doors), *why_screens(doors), *subscription_screens(doors), *webhook_screens(doors)]
