"""The groups of commands: what each is called and is for; its module is imported when one of its commands is asked for.

Most of a command's time would otherwise go into the commands that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

GROUPS: Final[Mapping[str, str]] = {
    "account": "People who log in.",
    "application": "Programs that get tokens: add, change, list, new key, take out of use.",
    "device": "Devices: add, list, refusals, credentials, remove.",
    "tenant": "Areas and operators that share the platform.",
    "source": "Folders and addresses that are looked at on a schedule.",
    "solution": "Packs: models that work (参照モデル), installed into a town.",
    "rule": "A tenant's rule sets: when something happens, something is done.",
    "measure": "A town's measures (政策・施策・事務事業), and whether their targets are reached.",
    "usage": "What each tenant used, and how a platform's cost is split.",
    "kpi": "A tenant's key figures.",
    "member": "Who holds which role in a tenant, or on the whole platform.",
    "policy": "A tenant's access policies (Cedar).",
    "agreement": "Agreements by which tenants share data with each other for a time and a purpose.",
    "tls": "TLS: a certificate authority for development.",
    "provider": "Providers outside by which people log in: Keycloak, Entra ID and others.",
}
"""What `kumihimo --help` says of each, by name; the module kumihimo.cli.NAME holds its commands as `app`."""


class Late(TyperGroup):
    """Stands for a group until one of its commands, or their list, is asked for."""

    @cached_property
    def whole(self) -> TyperGroup:
        """The group itself."""
        module = import_module(f"{__package__}.{self.name}")
        outer = typer.Typer(add_completion=False)
        outer.add_typer(module.app, name=self.name, help=self.help)
        found = get_command(outer)
        assert isinstance(found, TyperGroup)  # noqa: S101 - what holds a group is one; said to the type checker
        group = found.commands[self.name or ""]
        assert isinstance(group, TyperGroup)  # noqa: S101 - as above
        return group

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The context of the group itself, whose command is the group itself too."""
        return self.whole.make_context(*args, **kwargs)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of its commands."""
        return self.whole.list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of its commands."""
        return self.whole.get_command(ctx, cmd_name)


class Groups(TyperGroup):
    """The command line: its own commands, and after them the groups."""

    def __init__(self, *, commands: Any = None, **attrs: Any) -> None:
        own = commands if isinstance(commands, Mapping) else {}
        late = {name: Late(name=name, help=words) for name, words in GROUPS.items()}
        super().__init__(commands={**own, **late}, **attrs)
