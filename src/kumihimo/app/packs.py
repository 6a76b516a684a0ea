"""The packs bound: the rooms that they are installed into, and the platform on which their own tests are run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Final

from kumihimo.app.platform import Platform
from kumihimo.base.clock import Clock, SystemClock
from kumihimo.base.settings import Settings
from kumihimo.device.codecs.families import FAMILIES
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.models import Held, Verdict
from kumihimo.solutions.packs.ports import PackDoors, Trial
from kumihimo.solutions.packs.trial import run_cases

PARTS: Final = frozenset({"flood"})
"""Wings of the platform that packs may stand on."""


def pack_doors(platform: Platform, trial: Trial | None) -> PackDoors:
    """The rooms of this platform."""
    return PackDoors(
        database=platform.database,
        clock=platform.clock,
        bus=platform.bus,
        broker=platform.broker,
        contexts=platform.contexts,
        shelf=platform.shelf,
        access=platform.access,
        rules=platform.rules,
        registry=platform.registry,
        kpi=platform.kpi,
        families=frozenset(FAMILIES),
        parts=PARTS,
        trial=trial,
    )


def trial_on(wire: Callable[[Settings, Clock], Platform]) -> Trial:
    """Runs a pack's tests on a platform of its own: closed, empty, on a folder that is gone afterwards, and listening
    nowhere.
    """

    async def trial(held: Held) -> Sequence[Verdict]:
        with tempfile.TemporaryDirectory(prefix="kumihimo-trial-") as folder:
            platform = wire(Settings(data=folder, port=0, mqtt_port=-1), SystemClock())
            await platform.database.open()
            try:
                doors = pack_doors(platform, None)
                return await run_cases(doors, Packs(doors), held)
            finally:
                await platform.database.close()

    return trial
