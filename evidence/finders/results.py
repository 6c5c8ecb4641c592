"""What came of it, as a file: `python -m evidence judge` writes results.json, notebook 04 reads it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import candidates, measure
from .measure import Measured, Row
from .recording import DECADE, FILES, RUNS
from .runner import BUDGETS
from .tasks import OPTIMIZERS

PATH = Path(__file__).with_name("results.json")


def _rounded(number: tuple[float, float, float]) -> list[float]:
    return [round(float(value), 4) for value in number]


def _row(row: Row) -> dict[str, list[float]]:
    """Each number of a row with the ends of its interval."""
    return {name: _rounded(getattr(row, name)) for name in ("median", "ninth", "failed", "unanswered")}


# The advice: three whole runs, at a rate, so many times below and above it, and the one with the lowest validation
# loss is kept. One seed of the three chooses, all three say what came of it, so the regret is a little too low.
# Name → what is read, from how many sweeps, and how far apart the rates are.
ADVICE = {
    "three whole runs, 3.2 times apart around ours, valley": ("valley", 1, 10**0.5),
    "three whole runs, 10 times apart around ours, valley": ("valley", 1, 10.0),
    "three whole runs, 3.2 times apart around the default": ("default rate", 0, 10**0.5),
    "three whole runs, 10 times apart around the default": ("default rate", 0, 10.0),
}


def _advised(
    tasks: Sequence[Measured], reading: str, sweeps: int, width: float, budget: int
) -> list[tuple[str, measure.Outcome]]:
    """What comes of three whole runs around each reading."""
    candidate = candidates.Candidate(reading, sweeps, factor=1.0, runs=3, steps=budget, width=width)
    outcomes = []
    for task in tasks:
        came = candidates.results(candidate, task, candidates.readings(task, reading, sweeps))
        for regret, failed in came[BUDGETS.index(budget)].tolist():
            outcomes.append((task.task.pair.dataset, None if np.isnan(regret) else (regret, failed)))
    return outcomes


# The numbers of a row, as `measure.resampled` has them, by method.
Numbers = dict[str, list[np.ndarray]]


def _numbers(tasks: Sequence[Measured], budget: int) -> tuple[Numbers, Numbers]:
    """Those of the methods, and of the advice."""
    methods = {method.name: measure.resampled(measure.asked(method, tasks, budget)) for method in measure.METHODS}
    advice = {name: measure.resampled(_advised(tasks, *spec, budget)) for name, spec in ADVICE.items()}
    return methods, advice


def _beside_the_default(methods: Numbers, advice: Numbers) -> dict[str, dict[str, list[float]]]:
    """The two numbers of a row, the median and what nine in ten stay below, over those of the default."""
    ours = {name: numbers for name, numbers in methods.items() if name.startswith("ours")}
    default = methods["default rate"]
    return {
        name: {
            what: _rounded(measure.with_interval(numbers[i] / default[i]))
            for i, what in enumerate(("median", "ninth"))
        }
        for name, numbers in (ours | advice).items()
    }


def _told(tasks: Sequence[Measured], budget: int, methods: Numbers, advice: Numbers) -> dict[str, Any]:
    """The rows of the methods, with each one's cost in steps, and of the advice."""
    rows = {
        method.name: {"cost": method.steps} | _row(measure.with_intervals(methods[method.name]))
        for method in measure.METHODS
    }
    with_prodigy = [task for task in tasks if task.task.optimizer == "adamw" and task.prodigy]
    if with_prodigy:
        row = _row(measure.measured(measure.PRODIGY, with_prodigy, budget))
        rows[measure.PRODIGY.name] = {"cost": measure.PRODIGY.steps} | row
    advised = {name: _row(measure.with_intervals(numbers)) for name, numbers in advice.items()}
    return {"methods": rows, "advice": advised}


NEAR = {"a factor of 3.2": 0.5, "a factor of 10": 1.0}  # in decades
READ = {"valley": 1, "minimum": 1, "steepest": 1, "default rate": 0}  # by how many sweeps


def _near(tasks: Sequence[Measured], reading: str, sweeps: int, within: float, budget: int) -> list[float]:
    """The share of readings so near the rate with the lowest loss, of those that were recorded."""
    outcomes = []
    for task in tasks:
        best = task.grid[task.truth(budget)[0].argmin()] / DECADE
        for off in np.abs(np.log10(candidates.readings(task, reading, sweeps)) - best):
            outcomes.append((task.task.pair.dataset, None if np.isnan(off) else (0.0, float(off <= within))))
    # A share with its interval: what `Row` calls failed is here what is near.
    return _rounded(measure.summarized(outcomes).failed)


def computed(folder: Path = RUNS) -> dict[str, Any]:
    """All numbers that are told of the finders.

    Args:
        folder: Of the recordings.

    Returns:
        "tasks", their names, and "missing", what is not recorded completely; "methods" by budget and name: each
        one's cost in steps, and its row (see `measure.Row`); "near": how often a reading is so near the best rate;
        "beside the default": the numbers of ours and of the advice over those of the default, resampled alike;
        "advice", the rows of three whole runs; "optimizers": both by budget and optimizer; "improved": for each
        limit of cost what was chosen on all data, and its rows by budget, judged on data sets left out.

    Raises:
        ValueError: Where nothing is recorded completely.
    """
    tasks = measure.load(folder)
    numbers = {budget: _numbers(tasks, budget) for budget in BUDGETS}
    told = {str(budget): _told(tasks, budget, *numbers[budget]) for budget in BUDGETS}
    kinds = {kind: [task for task in tasks if task.task.optimizer == kind] for kind in OPTIMIZERS}
    near = {
        str(budget): {
            reading: {words: _near(tasks, reading, sweeps, within, budget) for words, within in NEAR.items()}
            for reading, sweeps in READ.items()
        }
        for budget in BUDGETS
    }
    improved = {
        name: {
            "chosen": judged.chosen,
            "rows": {str(budget): _row(row) for budget, row in judged.rows.items()},
            "reaches the goal": all(candidates.reached(row) for row in judged.rows.values()),
        }
        for name, judged in candidates.all_judged(tasks).items()
    }
    missing = sorted(set(FILES) - {path.stem for path in folder.glob("*.jsonl")})
    names = [task.task.name for task in tasks]
    return {
        "tasks": names,
        "missing": missing,
        "methods": {budget: one["methods"] for budget, one in told.items()},
        "near": near,
        "beside the default": {str(budget): _beside_the_default(*numbers[budget]) for budget in BUDGETS},
        "advice": {budget: one["advice"] for budget, one in told.items()},
        "optimizers": {
            str(budget): {
                kind: _told(some, budget, *_numbers(some, budget)) for kind, some in kinds.items() if some
            }
            for budget in BUDGETS
        },
        "improved": improved,
    }


def as_text(results: dict[str, Any]) -> str:
    """What the file holds."""
    return json.dumps(results, indent=1) + "\n"


def write(path: Path = PATH) -> None:
    """Compute, and write the file."""
    path.write_text(as_text(computed()), encoding="utf-8")


def check(path: Path = PATH, folder: Path = RUNS) -> list[str]:
    """What is missing, or out of date."""
    try:
        results = computed(folder)
    except ValueError as error:
        return [str(error)]
    problems = [
        f"finders: {name} is not recorded: python -m evidence.finders record" for name in results["missing"]
    ]
    if not path.exists() or path.read_text(encoding="utf-8") != as_text(results):
        problems.append(f"{path.name} is not what the recordings of the finders give: python -m evidence judge")
    return problems
