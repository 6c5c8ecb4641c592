"""From recordings to verdicts: `python -m evidence judge` writes verdicts.json, `check` says what is amiss."""

import dataclasses
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import exact, rules, statements, store, studies
from .metrics import METRICS, READINGS, SWEPT, Metric, failed
from .statements import Statement, arm_of
from .store import Recorded, Swept

VERDICTS = Path(__file__).with_name("verdicts.json")
SOURCES = Path(__file__).with_name("sources.toml")  # what was read in a source, by id of the statement
SAME = {"decay-sgd": "with SGD", "fashion/plateau": "on Fashion-MNIST"}  # what is subtracted, in words
GUESS = "guess"  # in place of a range test's rule: each rate of the grid
NOT_RECORDED, NOT_CHECKED = "not recorded", "not checked"
Numbers = dict[int, float]  # by seed
Library = Mapping[str, Recorded]  # studies by name


# Numbers of an arm -------------------------------------------------------------------------------------


def runs_of(study: Recorded, arm: str) -> list[Any]:
    """The runs of an arm: those with this label, or with this label and a rate behind it."""
    return [run for run in study.runs if arm in (run.label, arm_of(run.label))]


def grids_of(study: Recorded, arm: str) -> dict[int, dict[float, Any]]:
    """The runs of an arm by seed, and of each seed by rate."""
    grids: dict[int, dict[float, Any]] = {}
    for run in study.runs:
        if arm_of(run.label) == arm:
            grids.setdefault(run.experiment.seed, {})[float(run.label.rpartition(" ")[2])] = run
    return grids


def grid_losses(study: Recorded, arm: str) -> dict[int, dict[float, float]]:
    """The last validation loss at each rate, by seed; failed runs are capped."""
    grids = grids_of(study, arm)
    return {seed: {rate: studies.final(run) for rate, run in grid.items()} for seed, grid in grids.items()}


def grid_of(name: str) -> str:
    """The study that the range tests of a study are held against."""
    return name.replace("range-test", "rate-grid")


def answer(sweep: Swept, rule: str) -> float | None:
    """What a rule reads from a sweep: one of lr_range_test's, or of READINGS."""
    return sweep.test.suggest(READINGS.get(rule, rule))


def _swept(metric: Metric, study: Recorded, grids: Recorded, arm: str, seeds: Sequence[int]) -> Numbers:
    """A metric of the rates that a rule suggests, of one ("Adam 0.001"), or of the half decades ("Adam guess").

    A rule is held against the grid of each seed by itself, with the median of what its sweeps get there: what the
    answer is worth is as uncertain as the grids are, and twenty sweeps do not make three grids more. Of yes and no
    the median is the majority's.
    """
    label, _, rule = arm.rpartition(" ")
    losses = grid_losses(grids, label)
    rates: dict[int, float | None]
    if arm_of(arm) != arm:
        rates = {0: float(rule)}
    elif rule == GUESS:
        rates = dict(enumerate(rate for rate in losses[seeds[0]] if rate not in studies.BETWEEN))
    else:
        rates = {run.experiment.seed: answer(run, rule) for run in study.runs if run.label == label}
    if metric.of == "pair":
        pairs = zip(seeds[::2], seeds[1::2], strict=True)
        return {one: metric.compute(rates[one], rates[other]) for one, other in pairs}
    if metric.of == "single":
        logs = np.mean([np.log(list(losses[seed].values())) for seed in sorted(losses)], axis=0)
        mean = dict(zip(losses[min(losses)], np.exp(logs), strict=True))
        return {seed: metric.compute(rates[seed], mean) for seed in seeds}
    middle = {
        seed: float(np.median([metric.compute(rate, losses[seed]) for rate in rates.values()])) for seed in seeds
    }
    return {seed: number > 0.5 for seed, number in middle.items()} if metric.scale == "yes" else middle


def _reads_sweeps(arm: str) -> bool:
    """Whether an arm of a range test is a rule, and neither a rate ("Adam 0.001") nor the half decades."""
    return arm_of(arm) == arm and not arm.endswith(f" {GUESS}")


def numbers(statement: Statement, arm: str, name: str, library: Library, seeds: Sequence[int]) -> Numbers:
    """A statement's metric, for each seed of an arm that counts.

    Args:
        statement: What is asked.
        arm: Of the study.
        name: The study.
        library: All studies, with their recordings.
        seeds: Those that count.

    Returns:
        Seed → number, or true and false.
    """
    metric, study = METRICS[statement.metric], library[name]
    if metric.of in SWEPT:
        return _swept(metric, study, library[grid_of(name)], arm, seeds)
    if metric.of == "grid":
        grids = grids_of(study, arm)
        return {seed: metric.compute(grids[seed]) for seed in seeds}
    runs = {run.experiment.seed: run for run in runs_of(study, arm)}
    return {seed: metric.compute(runs[seed]) for seed in seeds}


def failures(statement: Statement, arm: str, name: str, library: Library, seeds: Sequence[int]) -> tuple[int, int]:
    """How many runs of an arm failed, of how many; of a range test, how many sweeps gave no rate."""
    study = library[name]
    if METRICS[statement.metric].of in SWEPT:
        label, _, rule = arm.rpartition(" ")
        sweeps = [run for run in study.runs if run.label == label] if _reads_sweeps(arm) else []
        return sum(answer(run, rule) is None for run in sweeps), len(sweeps)
    both = [study, library[statement.minus]] if statement.minus else [study]
    runs = [run for one in both for run in runs_of(one, arm) if run.experiment.seed in seeds]
    return sum(map(failed, runs)), len(runs)


def seeds_of(statement: Statement, comparison: Sequence[str], name: str, library: Library) -> list[int]:
    """The seeds that count: the statement's; of a confirmation, all that its arms share."""
    if not name.startswith("fashion/"):
        return list(statement.seeds)
    of, arms = METRICS[statement.metric].of, list(comparison)
    if of in SWEPT:
        arms = [arm.rpartition(" ")[0] for arm in arms]
    study = library[grid_of(name) if of == "sweep" else name]
    return sorted(set.intersection(*({run.experiment.seed for run in runs_of(study, arm)} for arm in arms)))


def epochs_of(statement: Statement, name: str, library: Library) -> list[int]:
    """How long a study's runs for a statement were; of a range test's those of the grids it is held against."""
    if METRICS[statement.metric].of in SWEPT:
        runs = library[grid_of(name)].runs
    else:
        runs = [run for arms in statement.arms for arm in arms for run in runs_of(library[name], arm)]
    return sorted({run.experiment.epochs for run in runs})


# One comparison ----------------------------------------------------------------------------------------


def effect(statement: Statement, comparison: Sequence[str], name: str, library: Library) -> rules.Effect:
    """The effect that a comparison asks for.

    Args:
        statement: What is asked.
        comparison: Its arms.
        name: The study: the statement's own, or its confirmation.
        library: All studies, with their recordings.

    Returns:
        The effect, as it is judged: less the reference, or the offset, or the same difference elsewhere.

    Raises:
        ValueError: Where a seed has no number, as a wall has none that lies beyond the grid.
    """
    metric = METRICS[statement.metric]
    scale, seeds = metric.scale, seeds_of(statement, comparison, name, library)
    arms = [numbers(statement, arm, name, library, seeds) for arm in comparison]
    columns = [[arm[seed] for seed in arm] for arm in arms]
    if scale == "yes":
        made = (
            rules.share(columns[0], statement.reference) if len(columns) == 1 else rules.share_difference(*columns)
        )
        return _counted(made, statement, comparison, name, library, seeds)
    if scale == "loss":
        columns = [list(rules.capped(column)[0]) for column in columns]
    pairs = [pair for arm, column in zip(arms, columns, strict=True) for pair in zip(arm, column, strict=True)]
    without = sorted({seed for seed, number in pairs if not math.isfinite(number)})
    if without:
        raise ValueError(f"no number for seed {', '.join(map(str, without))} of {' and '.join(comparison)}")
    log = scale in ("loss", "log")
    if len(columns) == 1:
        made = rules.level(columns[0], statement.reference, log=log)
    else:
        first, second = (np.log(column) if log else np.asarray(column) for column in columns)
        if statement.minus:
            other = [numbers(statement, arm, statement.minus, library, seeds) for arm in comparison]
            one, two = ([arm[seed] for seed in seeds] for arm in other)
            if scale == "loss":
                one, two = rules.capped(one)[0], rules.capped(two)[0]
            second = second + (np.log(one) - np.log(two) if log else np.subtract(one, two))
        made = rules.paired_difference(first, second + statement.offset)
    return _counted(made, statement, comparison, name, library, seeds)


def _counted(
    made: rules.Effect,
    statement: Statement,
    comparison: Sequence[str],
    name: str,
    library: Library,
    seeds: Sequence[int],
) -> rules.Effect:
    counts = tuple(failures(statement, arm, name, library, seeds)[0] for arm in comparison)
    return dataclasses.replace(made, failed=counts)


# In words ----------------------------------------------------------------------------------------------


def plain(number: float, digits: int = 3) -> str:
    """A number as people write it, without powers of ten: 0.00001, 1,570."""
    short = float(f"{number:.{digits}g}")
    return f"{short:,.0f}" if abs(short) >= 1000 else np.format_float_positional(short, trim="-")


def in_words(statement: Statement, comparison: Sequence[str], made: rules.Effect) -> str:
    """What was measured, as a reader would say it: "test loss: Adam 0.01 is 1.6 (1.5 to 1.8) times Adam 0.001"."""
    metric, ends = METRICS[statement.metric], (made.value, made.low, made.high)
    arms, log = [_named(arm) for arm in comparison], metric.scale in ("loss", "log")
    of_sweeps = metric.of == "sweep" and any(map(_reads_sweeps, comparison))
    words = metric.words + (", median of the sweeps" if of_sweeps else "")
    if made.kind == "share":
        span = " to ".join(exact.percent(end + statement.reference) for end in ends[1:])
        return f"{words}: {' against '.join(arms)}: {made.counts[0]} of {made.seeds} ({span})"
    if len(arms) == 1:
        value, *span = (math.exp(x) * statement.reference if log else x + statement.reference for x in ends)
        return f"{words}: {arms[0]}: {plain(value)} ({_span(span)})"
    if made.kind == "shares":
        return f"{words}: share of {arms[0]} less that of {arms[1]}: {plain(made.value, 2)} ({_span(ends[1:])})"
    value, *span = (math.exp(x + statement.offset) if log else x + statement.offset for x in ends)
    if statement.minus:
        same = SAME.get(statement.minus, f"in {statement.minus}")
        return f"{words}: {arms[0]} over {arms[1]} is {plain(value)} ({_span(span)}) times the same {same}"
    if log:
        return f"{words}: {arms[0]} is {plain(value)} ({_span(span)}) times {arms[1]}"
    return f"{words}: {arms[0]} less {arms[1]}: {plain(value)} ({_span(span)})"


def _span(ends: Sequence[float]) -> str:
    return " to ".join(map(plain, ends))


def _chosen(statement: Statement, arm: str, study: Recorded, seeds: Sequence[int]) -> str:
    """An arm that names no rate, with the one that its search chose."""
    if METRICS[statement.metric].of != "run" or statement.minus:
        return arm
    labels = {run.label for run in runs_of(study, arm) if run.experiment.seed in seeds}
    return labels.pop() if len(labels) == 1 else arm


def _named(arm: str) -> str:
    """An arm with its rate written out: Adam 0.00001."""
    return arm if arm_of(arm) == arm else f"{arm_of(arm)} {plain(float(arm.rpartition(' ')[2]))}"


def failures_in_words(
    statement: Statement, comparison: Sequence[str], name: str, library: Library, seeds: Sequence[int]
) -> str:
    """Which arms had runs that failed, or sweeps without an answer; empty where none, or where this is asked."""
    if statement.metric in ("failed", "survived"):
        return ""
    what = "sweeps without a rate" if METRICS[statement.metric].of in SWEPT else "failed runs"
    counts = {arm: failures(statement, arm, name, library, seeds) for arm in comparison}
    said = [f"{_named(arm)} {count} of {total}" for arm, (count, total) in counts.items() if count]
    return f", {what}: {', '.join(said)}" if said else ""


def border(statement: Statement) -> str:
    """When a measured statement counts as true: "below 0.9 times", "between 0 and 0.02"."""
    smallest, reference, scale = statement.smallest, statement.reference, METRICS[statement.metric].scale
    if statement.minus:
        factor = plain(math.exp(smallest))
        return f"the two ratios differ by more than a factor of {factor}"
    if statement.kind == "share":
        low, high = (f"{exact.percent(reference + sign * smallest)} of them" for sign in (-1, 1))
    elif scale in ("loss", "log"):
        times = "" if statement.kind == "level" else " times"
        middle = reference if statement.kind == "level" else math.exp(statement.offset)
        low, high = (plain(middle * math.exp(sign * smallest), 3 if times else 4) for sign in (-1, 1))
        low, high = (low, f"{high}{times}") if statement.direction == "within" else (low + times, high + times)
    else:
        middle = reference if statement.kind == "level" else statement.offset
        low, high = (plain(round(middle + sign * smallest, 9), 4) for sign in (-1, 1))
    what = "a difference " if statement.kind in ("paired", "shares") and scale in ("number", "yes") else ""
    return (
        what
        + {
            "higher": f"above {high}",
            "lower": f"below {low}",
            "within": f"between {low} and {high}",
            "apart": f"below {low} or above {high}",
        }[statement.direction]
    )


def limits(statement: Statement) -> str:
    """Of shares, what so few runs cannot show; empty where they can show either."""
    if statement.kind != "share":
        return ""
    count = len(statement.seeds) // (2 if METRICS[statement.metric].of == "pair" else 1)
    can = rules.possible(statement.direction, statement.smallest, statement.reference, count)
    if len(can) == 2:
        return ""
    said = {
        rules.HOLDS: "can confirm this, and cannot refute it",
        rules.FAILS: "can refute this, and cannot confirm it",
    }
    return f"{count} runs {said[can.pop()] if can else 'cannot decide this, whatever comes'}"


def difference(statement: Statement, made: rules.Effect, verdict: str) -> str:
    """Of a claim that is not borne out: the difference that its interval shows all the same, if any."""
    claims_one = statement.kind in ("paired", "shares") and statement.direction != "within"
    if not claims_one or verdict == rules.HOLDS or made.low <= 0 <= made.high:
        return ""
    if {"higher": made.high < 0, "lower": made.low > 0}.get(statement.direction, False):
        return "; the difference is the other way round"
    size = "clearly" if verdict == rules.FAILS else "perhaps"
    return f"; there is a difference, {size} smaller than the border"


def compared(statement: Statement, comparison: Sequence[str], name: str, library: Library) -> dict[str, Any]:
    """One comparison with its verdict, as verdicts.json has it."""
    entry: dict[str, Any] = {"arms": list(comparison)}
    try:
        made = effect(statement, comparison, name, library)
    except ValueError as error:
        return entry | {"verdict": rules.UNDECIDED, "measured": str(error), "p": 1.0}
    if statement.one_is_enough:
        made = rules.widened(made, len(statement.arms))
    claim = statement.direction, statement.smallest
    verdict = rules.verdict(made, *claim)
    seeds = seeds_of(statement, comparison, name, library)
    words = in_words(statement, [_chosen(statement, arm, library[name], seeds) for arm in comparison], made)
    words += failures_in_words(statement, comparison, name, library, seeds)
    if verdict == rules.UNDECIDED:
        more = rules.seeds_to_decide(made, *claim)
        if statement.one_is_enough and not rules.decided(made.value, made.value, *claim)[0]:
            more, plan = None, "more seeds would hardly show it"  # and its absence decides nothing
        elif more:
            plan = f"about {more} seeds in all would decide"
        else:
            plan = f"too close for {rules.MOST_SEEDS} seeds"
        words += f", {plan}"
        entry["seeds_to_decide"] = more
    words += difference(statement, made, verdict)
    entry |= {"verdict": verdict, "measured": words}
    entry |= {key: _short(getattr(made, key)) for key in ("value", "low", "high")}
    entry |= {"seeds": made.seeds, "failed": list(made.failed), "p": _short(rules.p_value(made, *claim), 2)}
    return entry


def _short(number: float, digits: int = 4) -> float:
    return float(f"{number:.{digits}g}")


# One statement -----------------------------------------------------------------------------------------


def lacking(statement: Statement, name: str, library: Library) -> str:
    """What must still be recorded before a statement can be judged; empty where nothing is."""
    names = [name, *([statement.minus] if statement.minus else [])]
    if METRICS[statement.metric].of in SWEPT:
        names.append(grid_of(name))
    return "; ".join(str(library[one]) for one in names if not library[one].complete)


def measured(statement: Statement, name: str, library: Library) -> dict[str, Any]:
    """The verdict on a measured statement, from one study.

    Args:
        statement: What is claimed.
        name: The study: its own, or its confirmation.
        library: All studies, with their recordings.

    Returns:
        What verdicts.json has; of an incomplete study, only what is missing.
    """
    missing = lacking(statement, name, library)
    if missing:
        return {"verdict": NOT_RECORDED, "missing": missing}
    comparisons = [compared(statement, comparison, name, library) for comparison in statement.arms]
    verdicts = [one["verdict"] for one in comparisons]
    combine = rules.one_of if statement.one_is_enough else rules.combined
    return {"verdict": combine(verdicts), "comparisons": comparisons}


def p_of(entry: Mapping[str, Any]) -> float:
    """The p value of a statement: of several comparisons, of all where all must hold, else of the worst one."""
    values = [one["p"] for one in entry.get("comparisons", ())]
    if not values:
        return 1.0
    if entry["verdict"] == rules.FAILS:
        return min(1.0, len(values) * min(o["p"] for o in entry["comparisons"] if o["verdict"] == rules.FAILS))
    return max(values)


def confirm(entries: dict[str, dict[str, Any]]) -> None:
    """Hold the confirmation to a false discovery rate of 5 %: what exceeds it is undecided.

    What is not recorded yet counts with a p value of 1, so that no verdict can be lost by what comes later.

    Args:
        entries: Confirmations by id, changed in place: `q`, and where need be the verdict (`alone` keeps it).
    """
    if not entries:
        return
    adjusted = rules.false_discoveries([p_of(entry) for entry in entries.values()])
    for entry, q in zip(entries.values(), adjusted, strict=True):
        if entry["verdict"] != NOT_RECORDED:
            entry["q"] = _short(q, 2)
            if q > 1 - rules.CONFIDENCE and entry["verdict"] != rules.UNDECIDED:
                entry |= {"alone": entry["verdict"], "verdict": rules.UNDECIDED}


def judge(register: Sequence[Statement], library: Library) -> dict[str, Any]:
    """Every verdict.

    Args:
        register: The statements.
        library: All studies by name, with their recordings.

    Returns:
        What verdicts.json holds: "summary", and "verdicts" by id.
    """
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))
    verdicts, family = {}, {}
    for statement in register:
        entry: dict[str, Any] = {"kind": statement.kind}
        if statement.kind == "exact":
            computed = exact.COMPUTE[statement.compute]()
            entry |= {"verdict": _said(computed.holds), "measured": computed.measured}
        elif statement.kind == "source":
            read = sources[statement.id]
            entry |= {"verdict": _said(read["holds"]), "measured": read["read"]}
        elif statement.kind == "not-checkable":
            entry |= {"verdict": NOT_CHECKED, "measured": statement.reason}
        else:
            entry |= {"true if": border(statement), "limits": limits(statement)}
            entry["scale"] = METRICS[statement.metric].scale
            entry["epochs"] = epochs_of(statement, statement.study, library)
            entry |= measured(statement, statement.study, library)
            if statement.confirm:
                name = f"fashion/{statement.study}"
                epochs = {"epochs": epochs_of(statement, name, library)}
                family[statement.id] = epochs | measured(statement, name, library)
                entry["confirmation"] = family[statement.id]
        verdicts[statement.id] = entry
    confirm(family)
    return {"summary": summary(register, verdicts, family), "verdicts": dict(sorted(verdicts.items()))}


def _said(holds: bool | None) -> str:
    return {True: rules.HOLDS, False: rules.FAILS, None: rules.UNDECIDED}[holds]


def summary(
    register: Sequence[Statement], verdicts: Mapping[str, Mapping], family: Mapping[str, Mapping]
) -> dict[str, Any]:
    """How many verdicts of each kind, how many were seen before, and how many chance makes wrong at most.

    An interval errs to one side in 2.5 % of the cases, so a comparison gives a wrong verdict in at most 2.5 %,
    and in at most 5 % where its claim has two borders; of the confirmation's that are decided at most 5 %, to
    which false discoveries are held.
    """

    def count(entries: Iterable[Mapping]) -> dict[str, int]:
        said = [entry["verdict"] for entry in entries]
        return {verdict: said.count(verdict) for verdict in sorted(set(said))}

    sure = (rules.HOLDS, rules.FAILS)
    sides = [
        2 if one.direction in ("within", "apart") else 1
        for one in register
        for _ in verdicts[one.id].get("comparisons", ())
    ]
    by_runs = [one for one in register if one.study and verdicts[one.id]["verdict"] in sure]
    decided = sum(entry["verdict"] in sure for entry in family.values())
    return {
        **{whose: count(verdicts[one.id] for one in register if one.whose == whose) for whose in statements.WHOSE},
        "decided by runs": len(by_runs),
        "of these seen before": sum(one.seen for one in by_runs),
        "changed": sum(bool(one.changed) for one in register),
        "comparisons": len(sides),
        "wrong by chance at most": _short(sum(sides) * (1 - rules.CONFIDENCE) / 2, 2),
        "confirmation": count(family.values()),
        "wrong by chance at most in the confirmation": _short(decided * (1 - rules.CONFIDENCE), 2),
    }


# All of it ---------------------------------------------------------------------------------------------


def recorded(folders: Iterable[Path] | None = None) -> dict[str, Recorded]:
    """All studies by name, with what is recorded of them.

    Args:
        folders: Where the recordings are, as for `store.read`.

    Returns:
        The studies, those of the confirmation last.
    """
    found = store.read(folders)
    return {name: store.gather(name, study, found) for name, study in store.all_studies().items()}


def as_text(verdicts: Mapping[str, Any]) -> str:
    """What the file holds."""
    return json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n"


def write(path: Path = VERDICTS) -> None:
    """Judge, write the file, and print a table.

    Args:
        path: Of the file.

    Raises:
        ValueError: Where a statement asks for what is not there.
    """
    register, library = statements.load(), recorded()
    wrong = amiss(register, library)
    if wrong:
        raise ValueError("; ".join(wrong))
    verdicts = judge(register, library)
    path.write_text(as_text(verdicts), encoding="utf-8")
    for name, entry in verdicts["verdicts"].items():
        print(f"{name:36} {entry['verdict']:14} {_first_words(entry)}")
        if "confirmation" in entry:
            again = entry["confirmation"]
            print(f"{'… on Fashion-MNIST':36} {again['verdict']:14} {_first_words(again)}")
    for name, value in verdicts["summary"].items():
        counts = (
            ", ".join(f"{count} {what}" for what, count in value.items()) if isinstance(value, dict) else value
        )
        print(f"{name}: {counts}")


def _first_words(entry: Mapping[str, Any]) -> str:
    comparisons = entry.get("comparisons", ({},))
    words = entry.get("missing") or entry.get("measured") or comparisons[0].get("measured", "")
    more = f" (and {len(comparisons) - 1} more)" if len(comparisons) > 1 else ""
    return words + more


def check() -> list[str]:
    """What is missing, wrong or out of date.

    Returns:
        One line a problem; empty where there is none.
    """
    try:
        register, library = statements.load(), recorded()
    except ValueError as error:
        return [str(error)]
    wrong = store.foreign() + [str(study) for study in library.values() if not study.complete]
    return wrong + (amiss(register, library) or stale(judge(register, library)))


def stale(current: Mapping[str, Any], path: Path = VERDICTS) -> list[str]:
    """Which verdicts in the file are not those of the recordings.

    Args:
        current: What `judge` says.
        path: The file.

    Returns:
        One line a statement; empty where there is none.
    """
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    old, new = stored.get("verdicts", {}), json.loads(as_text(current))
    ids = sorted(name for name in old | new["verdicts"] if old.get(name) != new["verdicts"].get(name))
    wrong = [f"{name}: the verdict in {path.name} is out of date" for name in ids]
    return wrong or ([] if stored == new else [f"the summary in {path.name} is out of date"])


def amiss(register: Sequence[Statement], library: Library) -> list[str]:
    """What the statements ask for and nobody has: studies, arms, seeds, functions, sources."""
    sources = tomllib.loads(SOURCES.read_text(encoding="utf-8"))
    planned = {name: {(one.label, one.seed) for one in study.plan} for name, study in library.items()}
    wrong = []
    for statement in register:
        if statement.kind == "exact" and statement.compute not in exact.COMPUTE:
            wrong.append(f"{statement.id}: exact.py has no function {statement.compute!r}")
        if statement.kind == "source" and statement.id not in sources:
            wrong.append(f"{statement.id}: {SOURCES.name} has no entry")
        searched = sorted(set(statement.seeds) & set(studies.SEARCHED.get(statement.study, ())))
        if searched:
            wrong.append(f"{statement.id}: seed {', '.join(map(str, searched))} took part in a search")
        names = {statement.study, statement.minus, f"fashion/{statement.study}" if statement.confirm else ""} - {
            ""
        }
        # While a search goes on, its fresh seeds are not planned yet.
        if all(name not in library or library[name].complete for name in names):
            wrong += statements.problems(statement, planned)
        elif not names <= set(library):
            wrong += [f"{statement.id}: there is no study {name!r}" for name in sorted(names - set(library))]
    return wrong
