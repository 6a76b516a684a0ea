"""`make bench BENCH_ARGS=--broker`: the five broker runs, ours and peers in turn, each line the median of its rounds.

Ours runs on a core of its own, the load generator on the other. A peer is given by its address and is started, placed
and emptied by whoever gives it. Ends with 1 where ours answered otherwise than 2xx or refused a part (207), lost a
notification, or went beyond a bound.

With --policies a second platform of ours stands beside it, closed, asked by an application whose rights fifty policies
tell (guarded.py). The run ends with 1 as well where that one takes so much more processor time for the same that it
loses more than 15 %: at the limit of a core that is the rate; the time of an answer says beside it what is waited for.
What either takes is taken while both are asked at once, where they can be: on one core the scheduler gives each its
slices within milliseconds, so that a host that is slower for a while is so for both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

import ceilings
import footprint
import guarded
import notify
import query
import shape
import update
from ground import Ground
from harness import Platform, keep
from measures import QUICK, WHOLE, Extent, Measure, Refused, Sample, Stage, Target

RUNS = ("shape", "update", "query", "notify", "footprint")
OURS = "ours"
GUARDED = "policies"
MOST_LOST = 0.15
"""What the closed platform may lose of what a second of processor time does."""


@dataclass
class Line:
    """A line of the table: what each target gave, or in words why it gave nothing."""

    run: str
    measure: Measure
    found: dict[str, Sample] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    kept: float | None = None
    """What a second of processor time does with policies, of what it does without."""

    def value(self, name: str) -> str:
        sample = self.found.get(name)
        return f"{sample.value:,.2f}" if sample else "refused" if name in self.refused else "–"

    def ratio(self, peer: str) -> str:
        """Ours to the peer's, so that more is better for ours; with policies to without, so that 1 loses nothing."""
        if peer not in self.found:
            return "–"
        return f"**{1 / self.lead(peer) if peer == GUARDED else self.lead(peer):.3f}**"

    def lead(self, peer: str) -> float:
        """How many times better ours is than the peer."""
        mine, other = self.found[OURS].value, self.found[peer].value
        return other / mine if self.measure.less else mine / other

    @property
    def note(self) -> str:
        bound = f"bound {self.measure.bound:g} {self.measure.unit}" if self.measure.bound else ""
        refused = [f"{name}: {why}" for name, why in self.refused.items()]
        return "; ".join(part for part in (self.found[OURS].note, bound, *refused) if part)

    @property
    def broken(self) -> bool:
        is_over = bool(self.measure.bound) and self.found[OURS].value > (self.measure.bound or 0)
        return is_over or self.loses

    @property
    def loses(self) -> bool:
        """Whether policies cost more of it than they may."""
        return self.kept is not None and self.kept < 1 - MOST_LOST


def stages_of(name: str, runs: Sequence[str], extent: Extent, ground: Ground) -> Iterator[Stage]:
    """The stages of a run. The footprint of many entities is taken in the query run, where that has made them."""
    shared = "query" in runs and "footprint" in runs
    if name == "query":
        return query.stages(extent, footprint.at_full(extent, ground) if shared else ())
    if name == "footprint":
        return footprint.stages(extent, ground, full=not shared)
    simple: dict[str, Callable[[Extent], Iterator[Stage]]] = {
        "shape": shape.stages,
        "update": update.stages,
        "notify": notify.stages,
    }
    return simple[name](extent)


def measure(
    name: str, stages: Iterator[Stage], extent: Extent, ground: Ground, peers: Sequence[Target], *, policies: bool
) -> list[Line]:
    """The lines of one run, on a fresh platform of ours; each is printed when it is there."""
    lines = []
    with ExitStack() as stack:
        platform = stack.enter_context(ground.platform())
        targets = [Target(OURS, platform.port, durability=ground.durability, platform=platform), *peers]
        if policies:
            closed = stack.enter_context(ground.platform(closed=True))
            targets.append(guarded_target(closed, ground))
        for stage in stages:
            for line in take(stage.run or name, stage, extent, targets):
                kept = "" if line.kept is None else f", {line.kept:.3f} of a second's work"
                beside = f" ({line.value(GUARDED)} with policies{kept})" if policies else ""
                print(f"{line.run}: {line.measure.what}: {line.value(OURS)}{beside} {line.measure.unit}; {line.note}")
                sys.stdout.flush()
                lines.append(line)
    return lines


def guarded_target(platform: Platform | None, ground: Ground) -> Target:
    """The closed platform with its application's key; without a platform, how it stands in the table."""
    key, port = ("", 0) if platform is None else (guarded.key_for(platform), platform.port)
    return Target(GUARDED, port, durability=ground.durability, platform=platform, key=key)


def take(name: str, stage: Stage, extent: Extent, targets: Sequence[Target]) -> Iterator[Line]:
    """The lines of one stage: each measure of every target in turn, round by round."""
    away: dict[str, str] = {}
    for target in targets:
        if target.name == OURS or any(one.peers for one in stage.measures):
            attempt(target, away, partial(stage.prepare, target))
    for one in stage.measures:
        yield of_all(Line(name, one, refused=dict(away) if one.peers else {}), extent, targets)


def of_all(line: Line, extent: Extent, targets: Sequence[Target]) -> Line:
    """The line, with the median of every target's rounds; a target that once refuses is asked no more."""
    one = line.measure
    samples: dict[str, list[Sample]] = {target.name: [] for target in targets if target.name == OURS or one.peers}
    for _ in range(one.rounds or extent.rounds):
        for target in targets:
            if target.name in samples and target.name not in line.refused:
                attempt(target, line.refused, partial(sample, one, target, samples[target.name]))
    line.found = {key: median(many) for key, many in samples.items() if many and key not in line.refused}
    if GUARDED in line.found:
        line.kept = kept(one, [target for target in targets if target.name in (OURS, GUARDED)], extent.rounds)
    return line


def sample(one: Measure, target: Target, samples: list[Sample]) -> None:
    """One more sample of a target."""
    samples.append(one.take(target))


def kept(one: Measure, both: Sequence[Target], rounds: int) -> float:
    """What a second of processor time does with policies of what it does without, both asked at once if they can be."""
    spent: dict[str, list[float]] = {target.name: [] for target in both}
    with ThreadPoolExecutor(len(both) if one.at_once else 1) as pool:
        for _ in range(rounds):
            for target, took in zip(both, pool.map(partial(cost, one), both), strict=True):
                spent[target.name].append(took)
    return statistics.median(mine / guarded for mine, guarded in zip(spent[OURS], spent[GUARDED], strict=True))


def cost(one: Measure, target: Target) -> float:
    """Seconds of the platform's processor time, for one of what a rate counts, or for all of what is done each time."""
    platform = target.platform
    if platform is None:
        raise ValueError(f"{target.name} is not started here")
    before, began = platform.cpu(), time.perf_counter()
    try:
        found = one.take(target)
    except (Refused, OSError) as problem:
        raise SystemExit(f"{target.name}: {problem}") from problem
    took = time.perf_counter() - began
    # Where it counts per second, as much was done all the while, in the warm-up too.
    return (platform.cpu() - before) / (found.value * took if one.unit.endswith("/s") else 1.0)


def attempt(target: Target, refused: dict[str, str], act: Callable[[], object]) -> None:
    """Acts; what ours refuses ends the run, what a peer refuses is noted."""
    try:
        act()
    except (Refused, OSError) as problem:
        if target.name == OURS:
            raise SystemExit(f"ours: {problem}") from problem
        refused[target.name] = str(problem).replace("|", "/").replace("\n", " ")[:120]


def median(samples: Sequence[Sample]) -> Sample:
    """The sample in the middle, with its own note."""
    middle = statistics.median_low([sample.value for sample in samples])
    return next(sample for sample in samples if sample.value == middle)


def table(lines: Sequence[Line], peers: Sequence[Target], head: str) -> str:
    """The table of bench/README.md."""
    is_guarded = any(peer.name == GUARDED for peer in peers)
    columns = ["run", "what", OURS, *[part for peer in peers for part in (peer.name, f"ours / {peer.name}")]]
    columns = [name.replace(f"{OURS} / {GUARDED}", f"{GUARDED} / {OURS}") for name in columns]
    columns += [*(["by processor time"] if is_guarded else []), "unit", "note"]
    rows = [
        [
            line.run,
            line.measure.what,
            line.value(OURS),
            *[part for peer in peers for part in (line.value(peer.name), line.ratio(peer.name))],
            *(["–" if line.kept is None else f"**{line.kept:.3f}**"] if is_guarded else []),
            line.measure.unit,
            line.note,
        ]
        for line in lines
    ]
    ruled = [columns, ["---"] * len(columns), *rows]
    return "\n".join([head, "", *[f"| {' | '.join(row)} |" for row in ruled]])


def read_peer(text: str) -> Target:
    """NAME=URL, and after a blank in words what its commit waits for."""
    name, _, rest = text.partition("=")
    address, _, durability = rest.partition(" ")
    parts = urlsplit(address)
    if not name or parts.scheme != "http" or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=http://host:port")
    return Target(name, parts.port or 80, parts.hostname, durability or "durability not stated")


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the broker runs."""
    parser = argparse.ArgumentParser(prog="bench --broker", description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(RUNS)}; all where none is named")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--peer", action="append", type=read_peer, default=[], help='"NAME=URL how durable it is"')
    parser.add_argument("--policies", action="store_true", help="beside it a closed platform with fifty policies")
    parser.add_argument("--rounds", type=int, help="rounds of each measure")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, for development")
    parser.add_argument("--keep", action="store_true", help="write the table into bench/README.md")
    options = parser.parse_args(arguments)
    if wrong := [name for name in options.runs if name not in RUNS]:
        parser.error(f"no run is called {wrong[0]!r}")
    if options.keep and (options.quick or options.runs):
        parser.error("--keep keeps all runs, and whole ones")
    return options


def main(arguments: Sequence[str]) -> int:
    """0 where ours answered everything and kept within its bounds."""
    options = read_options(arguments)
    extent = QUICK if options.quick else WHOLE
    if options.rounds:
        extent = replace(extent, rounds=options.rounds)
    runs = options.runs or RUNS
    lines: list[Line] = []
    began = time.monotonic()
    fsync = ceilings.fsync_p50()
    with Ground(options.engine) as ground:
        for name in runs:
            stages = stages_of(name, runs, extent, ground)
            lines += measure(name, stages, extent, ground, options.peer, policies=options.policies)
        columns = [*options.peer, *([guarded_target(None, ground)] if options.policies else [])]
        parts = [
            f"Shape and update: {extent}; queries and notifications: {extent.shorter}; median of {extent.rounds}",
            ground.place,
            "; ".join([f"ours: {ground.durability}", *[f"{one.name}: {one.durability}" for one in options.peer]]),
            f"fdatasync p50 {fsync * 1e6:.0f} µs; Python {sys.version.split()[0]}",
            f"{time.monotonic() - began:.0f} s in all",
        ]
        head = ". ".join(parts) + "."
    text = table(lines, columns, head)
    print(f"\n{text}")
    if options.keep:
        keep(f"broker {options.engine}{' policies' if options.policies else ''}", text)
    beyond = [line.measure.what for line in lines if line.broken]
    if beyond:
        print(f"beyond their bound, or losing more than {MOST_LOST:.0%} with policies: {', '.join(beyond)}")
    return 1 if beyond else 0
