"""How wrong the known rules are: regret, failures, answers that are not given, and what it costs.

**Regret** is the validation loss after a budget of steps at the rate that a rule picks, over that at the best
rate. Both are read from the recorded runs: the mean over seeds of the logarithm of the loss, a failed run counting
as a constant guess (see `tasks`), and a straight line over the logarithm of the rate between two recorded rates;
beyond the first and the last one, their loss. The best is the lowest of so many noisy means, so a regret of 1.00
is not to be had on every task. The chance that a pick **fails** is the share of failed runs, read likewise.

A pick is one sweep's: ten a task. Medians and percentiles are of all picks with an answer. Their 95 % intervals
are from a bootstrap of data sets: the tasks of one are drawn together, since they are no independent witnesses.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lr_range_test
from lr_range_test import RangeTest

from . import rivals
from .recording import DECADE, RUNS, SEEDS, STEPS, SWEEP_SEEDS, SWEEPS, Planned, Runs, capped, plan, read
from .runner import BUDGETS, CHECKPOINTS
from .tasks import OPTIMIZERS, TASKS, Task

RESAMPLES = 2000
Outcome = tuple[float, float] | None  # the logarithm of the regret, and the chance to fail; None for no answer


class Measured:
    """A task with all that is recorded of it."""

    def __init__(self, task: Task, first: dict[str, Any], runs: Runs, prodigy: Runs | None = None) -> None:
        self.task, self.runs, self.prodigy = task, runs, prodigy or {}
        self.guess, self.steps_per_epoch = first["guess"], first["steps_per_epoch"]
        self.seeds: dict[int, list[int]] = {}  # by quarter decades
        for planned in sorted(one for one in runs if one.what not in SWEEPS):
            self.seeds.setdefault(planned.what, []).append(planned.seed)
        self.grid = np.array(list(self.seeds))

    @property
    def default(self) -> float:
        """The optimizer's own rate."""
        return float(OPTIMIZERS[self.task.optimizer]().learning_rate)

    @functools.cache  # noqa: B019 - as many as there are tasks
    def truth(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The mean logarithm of the validation loss at a checkpoint, and the share of failed runs, by rate."""
        losses = [
            [capped(self.runs[Planned(rate, seed)]["val"], step, self.guess) for seed in seeds]
            for rate, seeds in self.seeds.items()
        ]
        return (
            np.array([np.log(some).mean() for some in losses]),
            np.array([np.mean([loss == self.guess for loss in some]) for some in losses]),
        )

    def outcomes(self, rates: np.ndarray, budget: int, step: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The logarithm of the regret, and the chance to fail, at some rates.

        Args:
            rates: The rates.
            budget: Steps that the best rate has.
            step: Steps that these rates have, as many if not given.

        Returns:
            Two arrays.
        """
        losses, failed = self.truth(step or budget)
        where = DECADE * np.log10(rates)
        best = self.truth(budget)[0].min()
        return np.interp(where, self.grid, losses) - best, np.interp(where, self.grid, failed)

    @functools.cache  # noqa: B019
    def _shown(self, step: int, kind: str) -> np.ndarray:
        """Losses at a checkpoint by rate and seed; where a rate has one seed, it stands for all."""
        i = CHECKPOINTS.index(step)
        found = [
            [self.runs[Planned(rate, seeds[seed % len(seeds)])][kind] for seed in SEEDS]
            for rate, seeds in self.seeds.items()
        ]
        return np.array([[losses[i] if i < len(losses) else np.inf for losses in some] for some in found])

    def best_of(self, rates: np.ndarray, step: int, kind: str = "val") -> np.ndarray:
        """Of the rates of each row that which short runs would show to be the best. A short run is the beginning
        of a recorded one, with the nearest rate, and one of the three seeds for each row.

        Args:
            rates: (rows, rates).
            step: The length of the runs, one of CHECKPOINTS.
            kind: What is compared, "val" or "train", see `Runner.train`. What has diverged is the worst.

        Returns:
            A rate for each row; NaN where the row has NaN.
        """
        nearest = np.round(DECADE * np.log10(np.nan_to_num(rates, nan=1.0))).astype(int)
        rows = np.arange(len(rates))
        places = np.clip(nearest, self.grid[0], self.grid[-1]) - self.grid[0]
        return rates[rows, self._shown(step, kind)[places, rows[:, None] % len(SEEDS)].argmin(1)]

    def sweep(self, kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The rates of a sweep, and the losses up to its end."""
        return SWEEPS[kind](self.task.optimizer), self.runs[Planned(kind, seed)]["losses"]

    @functools.cache  # noqa: B019
    def range_test(self, seed: int) -> RangeTest:
        """One of our own sweeps as `lr_range_test.range_test` would return it."""
        rates, losses = self.sweep("ours", seed)
        watch, row, reason = lr_range_test._Watch(STEPS, 0.9, 4.0), [], ""
        for loss in losses.tolist():
            reason = watch.reason(loss)
            if reason != "loss not finite":
                row.append(loss)
            if reason:
                break
        return RangeTest(rates[: len(row)], np.array([row]), [reason or "complete"])


def load(folder: Path = RUNS) -> list[Measured]:
    """All tasks whose recording is complete."""
    found = []
    for name, task in TASKS.items():
        first, runs = read(name, folder)
        if runs and not set(plan(task.optimizer, first["guess"], runs)) - set(runs):
            found.append(Measured(task, first, runs, read(f"{task.pair.name}-prodigy", folder)[1]))
    if not found:
        raise ValueError(f"{folder} must hold at least one complete task: python -m evidence.finders record")
    return found


# Methods ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to get a rate. `steps` are what it costs beside the training itself; `ask` gets a task, the seed of a
    sweep and a budget.
    """

    name: str
    steps: int
    ask: Callable[[Measured, int, int], Outcome]


def _at(task: Measured, rate: float | None, budget: int, step: int | None = None) -> Outcome:
    if rate is None:
        return None
    regret, failed = task.outcomes(np.array([rate]), budget, step)
    return float(regret[0]), float(failed[0])


def _by_rule(name: str, kind: str, rule: rivals.Rule) -> Method:
    return Method(name, STEPS, lambda task, seed, budget: _at(task, rule(*task.sweep(kind, seed)), budget))


def _ours(rule: str) -> Method:
    return Method(
        f"ours, {rule}",
        STEPS,
        lambda task, seed, budget: _at(task, task.range_test(seed).suggest(rule), budget),
    )


def _keras_lr_finder(task: Measured, seed: int, budget: int) -> Outcome:
    return _at(task, rivals.keras_lr_finder(*task.sweep("keras", seed), task.steps_per_epoch), budget)


def _three(task: Measured, seed: int, step: int) -> float:
    """The default, a tenth and ten times of it: the one that so many steps show to be the best."""
    rates = np.tile(task.default * np.array([0.1, 1.0, 10.0]), (len(SWEEP_SEEDS), 1))
    return float(task.best_of(rates, step)[seed])


def _three_short(task: Measured, seed: int, budget: int) -> Outcome:
    """A third of a sweep's steps with each rate, then all steps with the best."""
    return _at(task, _three(task, seed, STEPS // 3), budget)


def _three_long(task: Measured, seed: int, budget: int) -> Outcome:
    """A third of all steps with each rate, and the best of the three is the result."""
    third = (budget + STEPS) // 3
    return _at(task, _three(task, seed, third), budget, third)


def _prodigy(task: Measured, seed: int, budget: int) -> Outcome:
    """Measured against AdamW's best rate, whose place it would take."""
    losses = [capped(task.prodigy[Planned(0, one)]["val"], budget, task.guess) for one in SEEDS]
    regret = np.log(losses).mean() - task.truth(budget)[0].min()
    return float(regret), float(np.mean([loss == task.guess for loss in losses]))


METHODS = [
    *(_ours(rule) for rule in lr_range_test.RULES),
    *(_by_rule(name, kind, rule) for name, (kind, rule) in rivals.RIVALS.items()),
    Method("keras_lr_finder", STEPS, _keras_lr_finder),
    Method("default rate", 0, lambda task, seed, budget: _at(task, task.default, budget)),
    Method("three rates, 33 steps each", STEPS, _three_short),
    Method("three rates, a third of all steps each", STEPS, _three_long),
]
PRODIGY = Method("Prodigy, against AdamW", 0, _prodigy)


# What comes of it -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Row:
    """What came of a method: each number with the ends of its interval."""

    median: tuple[float, float, float]  # of the regret
    ninth: tuple[float, float, float]  # 90 % of the regrets are below it
    failed: tuple[float, float, float]
    unanswered: tuple[float, float, float]

    def __str__(self) -> str:
        regrets = (f"{a:6.2f} ({b:.2f} to {c:.2f})".ljust(24) for a, b, c in (self.median, self.ninth))
        percents = [[100 * share for share in some] for some in (self.failed, self.unanswered)]
        shares = (f"{a:5.1f} % ({b:.0f} to {c:.0f})".ljust(19) for a, b, c in percents)
        return "".join([*regrets, *shares]).rstrip()


def resampled(outcomes: Iterable[tuple[str, Outcome]]) -> list[np.ndarray]:
    """The four numbers of a `Row`, each as an array: the estimate, then what it is on data sets drawn anew.

    The draws are the same for every method that is asked about the same data sets, so two rows can be divided.

    Args:
        outcomes: Of each pick: the data set of its task, and what came of it.
    """
    names, came = zip(*outcomes, strict=True)
    datasets, owner = np.unique(names, return_inverse=True)
    missing = np.array([one is None for one in came])
    regret, failed = np.array([one or (np.inf, 0.0) for one in came]).T
    # How often each data set is drawn: once in the first row, which is the estimate, then at random.
    count = len(datasets)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    drawn = np.concatenate([np.ones((1, count), int), drawn])
    order = np.argsort(regret)
    weights = (drawn[:, owner] * ~missing)[:, order].cumsum(1)
    total = weights[:, -1]
    numbers = [np.exp(regret[order][(weights >= share * total[:, None]).argmax(1)]) for share in (0.5, 0.9)]
    answered = np.where(total > 0, total, np.nan)
    numbers = [np.where(total > 0, number, np.nan) for number in numbers]
    return [*numbers, drawn[:, owner] @ failed / answered, drawn[:, owner] @ missing / drawn[:, owner].sum(1)]


def with_interval(number: np.ndarray) -> tuple[float, float, float]:
    """Of an array of `resampled`: the estimate and the ends of its 95 % interval."""
    known = number[~np.isnan(number)]
    low, high = np.quantile(known, (0.025, 0.975)) if known.size else number[:2]
    return float(number[0]), float(low), float(high)


def with_intervals(numbers: list[np.ndarray]) -> Row:
    """The row of what `resampled` gave."""
    return Row(*map(with_interval, numbers))


def summarized(outcomes: Iterable[tuple[str, Outcome]]) -> Row:
    """Medians, percentiles and shares with their intervals, of each pick's data set and what came of it."""
    return with_intervals(resampled(outcomes))


def asked(method: Method, tasks: Sequence[Measured], budget: int) -> list[tuple[str, Outcome]]:
    """What comes of each pick of a method on some tasks."""
    return [(task.task.pair.dataset, method.ask(task, seed, budget)) for task in tasks for seed in SWEEP_SEEDS]


def measured(method: Method, tasks: Sequence[Measured], budget: int) -> Row:
    """What comes of a method on some tasks."""
    return summarized(asked(method, tasks, budget))


def headline(budget: int, tasks: Sequence[Measured]) -> str:
    """The head of a table."""
    sets = len({task.task.pair.dataset for task in tasks})
    columns = ("median regret", "90th percentile", "failed", "no answer")
    head = "".join(column.ljust(width) for column, width in zip(columns, (24, 24, 19, 19), strict=True))
    return f"\n{budget} steps, {len(tasks)} tasks on {sets} data sets\n{'':42}{'cost':>5}  {head.rstrip()}"


def table(folder: Path = RUNS) -> str:
    """All methods on all tasks at both budgets, as text."""
    tasks, lines = load(folder), []
    for budget in BUDGETS:
        lines.append(headline(budget, tasks))
        lines += [f"{method.name:42}{method.steps:5}  {measured(method, tasks, budget)}" for method in METHODS]
        with_prodigy = [
            task for task in tasks if task.task.optimizer == "adamw" and len(task.prodigy) == len(SEEDS)
        ]
        if with_prodigy:
            lines.append(f"{PRODIGY.name:42}{PRODIGY.steps:5}  {measured(PRODIGY, with_prodigy, budget)}")
    return "\n".join(lines)
