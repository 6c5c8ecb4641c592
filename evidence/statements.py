"""The register of statements, `statements.toml`: what an entry may hold, and whether it fits the studies."""

import dataclasses
import math
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from . import rules
from .metrics import METRICS, SWEPT

PATH = Path(__file__).with_name("statements.toml")
# The kinds, and what an entry of each must have besides what all have. Nothing else may be set but `changed` and
# OPTIONAL.
MEASURED = {"study", "metric", "arms", "direction", "smallest", "why", "seeds", "seen"}
KINDS: dict[str, set[str]] = {
    "exact": {"compute", "seen"},
    "paired": MEASURED,
    "level": MEASURED | {"reference"},
    "share": MEASURED | {"reference"},
    "shares": MEASURED,
    "source": {"source", "seen"},
    "not-checkable": {"reason"},
}
OPTIONAL = {
    "paired": {"offset", "minus", "confirm", "one_is_enough"},
    "level": {"confirm", "one_is_enough"},
    "share": {"confirm"},
    "shares": {"confirm"},
}
WHOSE = ("article", "ours")
LESSONS = tuple(f"{number:02}" for number in range(9))
MOST_CONFIRMED = 20


@dataclasses.dataclass(frozen=True)
class Statement:
    """One entry of the register; `statements.toml` says what the fields mean."""

    id: str
    whose: str
    question: str
    kind: str
    lesson: str
    section: str = ""
    quote: str = ""
    study: str = ""
    metric: str = ""
    arms: tuple[tuple[str, ...], ...] = ()
    direction: str = ""
    smallest: float = math.nan
    reference: float = math.nan
    offset: float = 0.0
    minus: str = ""
    why: str = ""
    changed: str = ""
    compute: str = ""
    source: str = ""
    reason: str = ""
    seeds: tuple[int, ...] = ()
    seen: bool = False
    confirm: bool = False
    one_is_enough: bool = False


def load(path: Path = PATH) -> list[Statement]:
    """The statements, in the order of the file.

    Args:
        path: The register.

    Returns:
        The statements.

    Raises:
        ValueError: Where the file is no TOML, or a field of an entry is unknown, missing, not for its kind, or has
            a value that cannot be; the message names all of it.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["statement"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise ValueError(f"{path.name} must be TOML with entries [[statement]], got {error!r}") from error
    wrong = [f"{entry.get('id', '?')}: {problem}" for entry in entries for problem in _problems_of(entry)]
    ids = [entry.get("id") for entry in entries]
    wrong += [
        f"{name}: the id must be there once" for name in sorted({x for x in ids if ids.count(x) > 1}, key=str)
    ]
    if sum(entry.get("confirm", False) for entry in entries) > MOST_CONFIRMED:
        wrong.append(f"at most {MOST_CONFIRMED} statements may be marked confirm")
    if wrong:
        raise ValueError(f"{path.name}: " + "; ".join(wrong))
    return [
        Statement(
            **entry | {"arms": tuple(map(tuple, entry.get("arms", ()))), "seeds": tuple(entry.get("seeds", ()))}
        )
        for entry in entries
    ]


def _problems_of(entry: Mapping) -> list[str]:
    """What is wrong with one entry by itself."""
    kind = entry.get("kind")
    if kind not in KINDS:
        return [f"kind must be one of {', '.join(KINDS)}, got {kind!r}"]
    always = {"id", "whose", "question", "kind", "lesson"}
    needed = always | KINDS[kind] | ({"quote", "section"} if entry.get("whose") == "article" else set())
    allowed = needed | {"changed"} | OPTIONAL.get(kind, set())
    wrong = [f"{name} is missing" for name in sorted(needed - set(entry))]
    wrong += [f"{name} is not for kind {kind!r}" for name in sorted(set(entry) - allowed)]
    choices = {"whose": WHOSE, "lesson": LESSONS, "direction": rules.DIRECTIONS, "metric": METRICS}
    wrong += [
        f"{name} must be one of {', '.join(known)}, got {entry[name]!r}"
        for name, known in choices.items()
        if name in entry and entry[name] not in known
    ]
    if wrong or "metric" not in entry:
        return wrong
    arms = 2 if kind in ("paired", "shares") else 1
    if not entry["arms"] or any(len(comparison) != arms for comparison in entry["arms"]):
        wrong.append(f"arms must have {arms} in each comparison, got {entry['arms']!r}")
    if len(set(entry["seeds"])) != len(entry["seeds"]) or len(entry["seeds"]) < 2:
        wrong.append(f"seeds must be two or more, each once, got {entry['seeds']!r}")
    yes = METRICS[entry["metric"]].scale == "yes"
    if yes != (kind in ("share", "shares")):
        wrong.append(f"metric {entry['metric']!r} does not fit kind {kind!r}")
    try:
        rules.decided(0, 0, entry["direction"], entry["smallest"])
    except ValueError as error:
        wrong.append(str(error))
    return wrong


def arm_of(label: str) -> str:
    """A label without the rate at its end, if there is one.

    Args:
        label: Such as "SGD, fixed 0.3".

    Returns:
        Such as "SGD, fixed".
    """
    name, _, last = label.rpartition(" ")
    try:
        float(last)
    except ValueError:
        return label
    return name or label


def problems(statement: Statement, planned: Mapping[str, Collection[tuple[str, int]]]) -> list[str]:
    """What a statement asks of a study and the study does not have.

    Args:
        statement: The statement.
        planned: Study → label and seed of each of its runs, or of those that are recorded. Studies of the
            confirmation are called "fashion/" and the study's name.

    Returns:
        One line a problem; empty where there is none.
    """
    if not statement.study:
        return []
    wrong = []
    studies = [statement.study, *([statement.minus] if statement.minus else [])]
    if statement.confirm:
        studies.append(f"fashion/{statement.study}")
    for study in studies:
        if study not in planned:
            wrong.append(f"{statement.id}: there is no study {study!r}")
            continue
        # A confirmation has its own seeds, all of which count.
        seeds = None if study.startswith("fashion/") and study != statement.minus else statement.seeds
        of = METRICS[statement.metric].of
        for arm in {arm for comparison in statement.arms for arm in comparison}:
            found = {seed for label, seed in planned[study] if arm in (label, arm_of(label))}
            if of in SWEPT:  # a rule, or a rate, stands at the end
                swept = arm.rpartition(" ")[0]
                found = {seed for label, seed in planned[study] if label == swept}
                if of == "sweep" and found:  # the seeds are those of the grids that it is held against
                    grid = planned.get(study.replace("range-test", "rate-grid"), ())
                    found = {seed for label, seed in grid if arm_of(label) == swept}
            missing = sorted(set(seeds or ()) - found)
            if not found or missing:
                what = f"seeds {', '.join(map(str, missing))} of " if found else ""
                wrong.append(f"{statement.id}: study {study!r} has no {what}{arm!r}")
    return wrong
