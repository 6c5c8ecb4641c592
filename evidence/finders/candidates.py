"""Improved rules, chosen on some data sets and judged on the one that was left out.

A candidate reads a rate from one or three of our sweeps, multiplies it by a factor, and may try two or three rates
around it with short runs, whose losses choose among them. What is read: one of the four rules; their log-median;
the rate below which no sweep is unstable; or no sweep at all, the optimizer's default rate.

**How one is chosen** (written down before any recording was looked at). On the training data sets, both budgets
together:

1. admitted are the candidates that cost at most so many steps, fail in at most 2 % of their picks, and give no
   answer in at most 10 %; where there is none, those with the smallest sum of the two shares;
2. of them, the one with the lowest score: the mean of the logarithm of the regret, at most ln 10 a pick, over the
   picks of a task, then over the tasks of a data set, then over the data sets, each counting the same;
3. of those within 0.01 of it, the cheapest, then the first in the list below.

Each data set is left out once, and the candidate that is chosen on the others is asked about its tasks. Chosen is
one for all optimizers, or one for each kind. The limits of cost are those of CLASSES, in steps beside the training
itself; a short run's steps count, though its winner could go on from there.

Three sweeps begin at three initialisations, which spreads them a little more than the repeats of one do.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lr_range_test import RULES, RangeTest, smooth

from . import measure
from .measure import Measured, Row
from .recording import RUNS, STEPS, SWEEP_SEEDS
from .runner import BUDGETS
from .tasks import OPTIMIZERS

CLASSES = (100, 200, 300, 500)
MOST_FAILED, MOST_UNANSWERED, CAP, TIE = 0.02, 0.1, np.log(10), 0.01
GOAL = {"median": 1.1, "ninth": 1.5}
FACTORS = tuple(10 ** (i / 4) for i in range(-4, 5))


# Readings ---------------------------------------------------------------------------------------------


def log_median(test: RangeTest) -> float | None:
    """The median of the four rules' answers, taken of their logarithms; None where fewer than two have one."""
    answers = [answer for answer in test.suggestions().values() if answer is not None]
    return float(np.exp(np.median(np.log(answers)))) if len(answers) > 1 else None


def unstable(test: RangeTest) -> float | None:
    """The first rate after the lowest smoothed loss where half of the fall is lost again, else the last rate. None
    where the rules find nothing to read either. The fall is from the mean of the first ten losses.
    """
    if test.suggest("minimum") is None:
        return None
    smoothed = smooth(test.losses, test.smoothing)
    lowest = smoothed.argmin()
    lost = smoothed[lowest:] > (test.losses[:10].mean() + smoothed[lowest]) / 2
    return float(test.learning_rates[lowest + lost.argmax() if lost.any() else -1])


def middle(answers: Sequence[float]) -> float:
    """The log-median."""
    return float(np.exp(np.median(np.log(answers))))


READINGS = {rule: (lambda test, rule=rule: test.suggest(rule), middle) for rule in RULES} | {
    "log-median": (log_median, middle),
    "below instability": (unstable, min),
}


# Candidates -------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What is read from how many sweeps, times a factor; and how short runs choose around it.

    Args:
        reading: One of READINGS, or "default rate".
        sweeps: How many; 0 for the default rate.
        factor: That the reading is multiplied by.
        runs: How many short runs: 1 for none, since there is nothing to choose.
        steps: Of each short run.
        width: The second rate is so many times lower, the third so many times higher.
        by: What chooses, the validation loss ("val") or the mean loss of the last batches ("train").
    """

    reading: str
    sweeps: int
    factor: float
    runs: int = 1
    steps: int = 0
    width: float = 1.0
    by: str = "val"

    @property
    def cost(self) -> int:
        """Steps beside the training itself."""
        return self.sweeps * STEPS + self.runs * self.steps

    def __str__(self) -> str:
        what = f"{self.reading} × {self.factor:.2g}" + f" of {self.sweeps} sweeps" * (self.sweeps > 1)
        tried = f", {self.runs} rates {self.width:.2g}× apart by {self.by} after {self.steps} steps"
        return what + tried * (self.runs > 1)


def all_candidates() -> list[Candidate]:
    """All that there are to choose from, in order."""
    short = [
        {"runs": runs, "steps": steps, "width": width, "by": by}
        for runs in (2, 3)
        for steps in (33, 66, 100)
        for width in (10**0.5, 10.0)
        for by in ("val", "train")
    ]
    readings = [("default rate", 0), *itertools.product(READINGS, (1, 3))]
    return [
        Candidate(reading, sweeps, factor, **arguments)
        for reading, sweeps in readings
        for factor in FACTORS
        for arguments in ({}, *short)
    ]


def readings(task: Measured, reading: str, sweeps: int) -> np.ndarray:
    """What each seed's sweeps say, NaN where fewer than half of them have an answer."""
    if reading == "default rate":
        return np.full(len(SWEEP_SEEDS), task.default)
    read, join = READINGS[reading]
    single = [read(task.range_test(seed)) for seed in SWEEP_SEEDS]
    joined = []
    for seed in SWEEP_SEEDS:
        some = [single[(seed + i) % len(single)] for i in range(sweeps)]
        answers = [answer for answer in some if answer is not None]
        joined.append(join(answers) if 2 * len(answers) >= len(some) and answers else np.nan)
    return np.array(joined)


def results(candidate: Candidate, task: Measured, read: np.ndarray) -> np.ndarray:
    """What comes of a candidate on a task: (budget, seed, the logarithm of the regret and the chance to fail)."""
    rates = read * candidate.factor
    if candidate.runs > 1:
        around = np.outer(rates, [1.0, 1 / candidate.width, candidate.width][: candidate.runs])
        rates = task.best_of(around, candidate.steps, candidate.by)
    return np.array([np.transpose(task.outcomes(rates, budget)) for budget in BUDGETS])


def all_results(tasks: Sequence[Measured], candidates: Sequence[Candidate]) -> np.ndarray:
    """(candidate, task, budget, seed, 2): see `results`."""
    read = {
        (reading, sweeps, i): readings(task, reading, sweeps)
        for reading, sweeps in {(one.reading, one.sweeps) for one in candidates}
        for i, task in enumerate(tasks)
    }
    return np.array(
        [
            [results(one, task, read[one.reading, one.sweeps, i]) for i, task in enumerate(tasks)]
            for one in candidates
        ]
    )


# Choosing ---------------------------------------------------------------------------------------------


def _mean(values: np.ndarray) -> np.ndarray:
    """Along the last axis, without what is NaN; NaN where all is."""
    known = ~np.isnan(values)
    return np.where(known, values, 0).sum(-1) / np.where(known.any(-1), known.sum(-1), np.nan)


def choose(candidates: Sequence[Candidate], came: np.ndarray, datasets: Sequence[str], most: int) -> int:
    """The candidate that the rule above chooses.

    Args:
        candidates: To choose from.
        came: What came of them, see `all_results`, on the training tasks.
        datasets: Of each training task.
        most: The limit of cost.

    Returns:
        Its number.
    """
    regret, failed = np.minimum(came[..., 0], CAP), came[..., 1]
    cost = np.array([one.cost for one in candidates])
    flat = (len(candidates), -1)
    missing = np.isnan(regret).reshape(flat).mean(1)
    lost = np.nan_to_num(_mean(failed.reshape(flat)), nan=1.0)
    by_task, names = _mean(regret.reshape(*regret.shape[:2], -1)), np.array(datasets)
    by_dataset = [_mean(by_task[:, names == name]) for name in sorted(set(datasets))]
    score = np.nan_to_num(_mean(np.transpose(by_dataset)), nan=CAP)
    affordable = cost <= most
    admitted = affordable & (missing <= MOST_UNANSWERED) & (lost <= MOST_FAILED)
    if not admitted.any():
        admitted = affordable & (missing + lost == (missing + lost)[affordable].min())
    near = admitted & (score <= score[admitted].min() + TIE)
    return int(np.flatnonzero(near & (cost == cost[near].min()))[0])


@dataclasses.dataclass(frozen=True)
class Judged:
    """What came of choosing: the rows by budget, what is chosen on all data, and how often that was chosen."""

    rows: dict[int, Row]
    chosen: dict[str, str]


def judge(
    tasks: Sequence[Measured], candidates: Sequence[Candidate], came: np.ndarray, most: int, kinds: bool
) -> Judged:
    """Choose without each data set, and ask about it.

    Args:
        tasks: All tasks.
        candidates: To choose from.
        came: See `all_results`.
        most: The limit of cost.
        kinds: Whether one candidate is chosen for each kind of optimizer.

    Returns:
        What came of it.

    Raises:
        ValueError: Where there is one data set only, which cannot be left out.
    """
    datasets = np.array([task.task.pair.dataset for task in tasks])
    optimizers = np.array([task.task.optimizer for task in tasks])
    outcomes: dict[int, list] = {budget: [] for budget in BUDGETS}
    chosen: dict[str, str] = {}
    for kind in OPTIMIZERS if kinds else ("all",):
        of_kind = optimizers == kind if kinds else np.full(len(tasks), True)
        if len(set(datasets[of_kind])) < 2:
            raise ValueError(
                f"tasks ({kind}) must be of two data sets or more, got {', '.join(datasets[of_kind])}"
            )
        whole = choose(candidates, came[:, of_kind], datasets[of_kind].tolist(), most)
        picks = []
        for dataset in sorted(set(datasets[of_kind])):
            rest, out = of_kind & (datasets != dataset), of_kind & (datasets == dataset)
            picks.append(choose(candidates, came[:, rest], datasets[rest].tolist(), most))
            for budget, values in zip(BUDGETS, np.moveaxis(came[picks[-1], out], 1, 0), strict=True):
                flat = values.reshape(-1, 2).tolist()
                outcomes[budget] += [(dataset, None if np.isnan(one[0]) else tuple(one)) for one in flat]
        chosen[kind] = f"{candidates[whole]} (without {picks.count(whole)} of {len(picks)} data sets, too)"
    return Judged({budget: measure.summarized(some) for budget, some in outcomes.items()}, chosen)


def reached(row: Row) -> bool:
    """Whether a row reaches the goal."""
    return (
        row.median[0] <= GOAL["median"]
        and row.ninth[0] <= GOAL["ninth"]
        and row.failed[0] <= MOST_FAILED
        and row.unanswered[0] <= MOST_UNANSWERED
    )


def all_judged(tasks: Sequence[Measured]) -> dict[str, Judged]:
    """What came of choosing, for each limit of cost, for all optimizers and for each kind."""
    candidates = all_candidates()
    came = all_results(tasks, candidates)
    return {
        f"{'one for each kind' if kinds else 'one for all'}, at most {most} steps": judge(
            tasks, candidates, came, most, kinds
        )
        for kinds in (False, True)
        for most in CLASSES
    }


def table(folder: Path = RUNS) -> str:
    """What comes of choosing, for each limit of cost, as text."""
    tasks, lines = measure.load(folder), []
    judged = all_judged(tasks)
    for budget in BUDGETS:
        lines.append(measure.headline(budget, tasks))
        for name, one in judged.items():
            row = one.rows[budget]
            lines.append(f"{name:42}{'':5}  {row}{'   reaches the goal' if reached(row) else ''}")
    lines.append("\nchosen on all data")
    lines += [f"{name}: {kind}: {what}" for name, one in judged.items() for kind, what in one.chosen.items()]
    return "\n".join(lines)
