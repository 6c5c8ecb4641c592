"""What is recorded of the tasks, and recording it: stop it whenever you like, the next call goes on.

Each task has a file, runs/<task>.jsonl, and a recording is a line of it:

- {"seed", "rate", "val", "train"}: a run of 1,500 steps at a fixed rate, see `Runner.train`. `rate` counts in
  quarter decades: -4 is a rate of 0.1.
- {"seed", "sweep", "losses"}: a sweep, see `Runner.sweep`. `sweep` names one of SWEEPS.
- {"data", "guess", "steps_per_epoch", "environment"}: the first line, a checksum of the data, the loss of a
  constant guess (see `tasks`), and what the runs were trained on.

Lists of losses are strings, their numbers have four significant digits. A prodigy file has runs at the rate 0,
which is Prodigy's own rate of 1.

**The truth.** One seed at each rate of GRID, which grows by half decades until the best rates at both budgets lie
a decade within it; then two seeds more at all rates within a decade of either best one.

**The sweeps.** Ten seeds of each kind, each of 100 steps.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import lr_study

from .. import rules, store
from .runner import BUDGETS, CHECKPOINTS, Runner
from .tasks import PAIRS, TASKS

RUNS = Path(__file__).parent / "runs"
SEEDS, SWEEP_SEEDS = range(3), range(10)
STEPS = 100  # of a sweep

# In quarter decades: from 1e-4 to 10, and from 1e-5 to 1.
GRID = {"sgd": range(-16, 5), "momentum": range(-20, 1), "adamw": range(-20, 1)}
DECADE = 4
# The default ranges of our own range test: six decades that end where training has failed.
RANGES = {"sgd": (1e-4, 100.0), "momentum": (1e-5, 10.0), "adamw": (1e-6, 1.0)}


def _ours(optimizer: str) -> np.ndarray:
    """As `lr_range_test.range_test` with the optimizer's range."""
    return np.geomspace(*RANGES[optimizer], STEPS)


def _fastai(optimizer: str) -> np.ndarray:
    """`Learner.lr_find()`: from 1e-7 to nearly 10."""
    return 1e-7 * (10 / 1e-7) ** (np.arange(STEPS) / STEPS)


def _lightning(optimizer: str) -> np.ndarray:
    """`Tuner.lr_find()`: from 1e-8 to 1, without the second rate that an even sweep would have."""
    return 1e-8 * (1 / 1e-8) ** (np.array([0, *range(2, STEPS + 1)]) / STEPS)


def _keras_lr_finder(optimizer: str) -> np.ndarray:
    """The README's rates, from 1e-4 to nearly 1; 100 steps, as the others have, in place of five epochs."""
    return 1e-4 * (1 / 1e-4) ** (np.arange(STEPS) / STEPS)


SWEEPS = {"ours": _ours, "fastai": _fastai, "lightning": _lightning, "keras": _keras_lr_finder}
FILES = {f"{name}-prodigy": (pair, "prodigy") for name, pair in PAIRS.items()} | {
    name: (task.pair, task.optimizer) for name, task in TASKS.items()
}


class Planned(NamedTuple):
    """A run, or a sweep: `what` is the quarter decades of its rate, or the kind of sweep."""

    what: int | str
    seed: int


Runs = dict[Planned, dict[str, np.ndarray]]  # what is recorded of a task: its lists of losses


# Which runs -------------------------------------------------------------------------------------------


def capped(losses: Sequence[float], step: int, guess: float) -> float:
    """The validation loss at a checkpoint; that of a constant guess where the run has failed."""
    i = CHECKPOINTS.index(step)
    return losses[i] if i < len(losses) and losses[i] < rules.FAILED * guess else guess


def plan(optimizer: str, guess: float, runs: Runs) -> list[Planned]:
    """All that is known to be needed: more, once the runs of this plan are there.

    Args:
        optimizer: Of the task.
        guess: The loss of a constant guess.
        runs: What there is.

    Returns:
        Runs and sweeps.

    Raises:
        ValueError: Where all runs have failed at both budgets.
    """
    if optimizer == "prodigy":
        return [Planned(0, seed) for seed in SEEDS]
    sweeps = [Planned(kind, seed) for kind in SWEEPS for seed in SWEEP_SEEDS]
    grid = GRID[optimizer]
    while all(Planned(rate, 0) in runs for rate in grid):
        losses = [[capped(runs[Planned(rate, 0)]["val"], steps, guess) for rate in grid] for steps in BUDGETS]
        best = [grid[int(np.argmin(some))] for some in losses if min(some) < guess]
        if not best:
            raise ValueError(
                f"a task must be one that some rate learns, got runs with {optimizer} that all failed"
            )
        low, high = min(best) - DECADE, max(best) + DECADE
        if grid[0] <= low and high <= grid[-1]:
            near = [rate for rate in grid if min(abs(rate - one) for one in best) <= DECADE]
            more = [Planned(rate, seed) for rate in near for seed in SEEDS[1:]]
            return [*sweeps, *(Planned(rate, 0) for rate in grid), *more]
        grid = range(grid[0] - 2 * (low < grid[0]), grid[-1] + 1 + 2 * (high > grid[-1]))
    return [*sweeps, *(Planned(rate, 0) for rate in grid)]


# The files ---------------------------------------------------------------------------------------------


LISTS = ("val", "train", "losses")


def as_text(losses: Sequence[float]) -> str:
    """Losses as one string, which takes a fifth fewer bytes than JSON's list of them."""
    return " ".join(f"{loss:.4g}".removeprefix("0") or "0" for loss in losses)


def read(name: str, folder: Path = RUNS) -> tuple[dict[str, Any], Runs]:
    """What is recorded of a task.

    Args:
        name: One of FILES.
        folder: Where the files are.

    Returns:
        The first line, empty where there is no file yet, and the runs. A line that was torn is left out.
    """
    first, runs, path = {}, {}, folder / f"{name}.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if "data" in content:
            first = content
            continue
        lists = {key: np.array(content[key].split(), "float64") for key in LISTS if key in content}
        runs[Planned(content["sweep" if "sweep" in content else "rate"], content["seed"])] = lists
    return first, runs


def run(runner: Runner, planned: Planned, optimizer: str) -> dict[str, Any]:
    """One recording."""
    if planned.what in SWEEPS:
        losses = runner.sweep(planned.seed, SWEEPS[planned.what](optimizer))
        return {"seed": planned.seed, "sweep": planned.what, "losses": as_text(losses)}
    noted = runner.train(planned.seed, 10 ** (planned.what / DECADE))
    return {"seed": planned.seed, "rate": planned.what} | {key: as_text(values) for key, values in noted.items()}


def record_task(name: str, folder: Path = RUNS) -> bool:
    """Run what is missing of a task, and write each as it ends.

    Args:
        name: One of FILES.
        folder: Where the files are.

    Returns:
        Whether all of it is recorded; False after Ctrl-C.

    Raises:
        ValueError: Where the file holds runs on other data.
    """
    pair, optimizer = FILES[name]
    data, path = pair.data(), folder / f"{name}.jsonl"
    first, runs = read(name, folder)
    if not first:
        steps_per_epoch = len(data.x_train) // pair.batch_size
        first = {"data": data.checksum, "guess": data.guess, "steps_per_epoch": steps_per_epoch}
        store.append(path, first | {"environment": lr_study.environment()})
    elif first["data"] != data.checksum:
        raise ValueError(f"{path} must hold runs on data with the checksum {data.checksum}, got {first['data']}")
    tf.get_logger().setLevel("ERROR")  # it would warn that each task's step is traced anew
    runner = None
    try:
        while missing := [one for one in plan(optimizer, data.guess, runs) if one not in runs]:
            runner = runner or Runner(pair, optimizer)
            for planned in missing:
                store.append(path, run(runner, planned, optimizer))
            runs = read(name, folder)[1]
    except KeyboardInterrupt:  # in the main process, too
        return False
    return True


def record(names: Sequence[str] = (), jobs: int = 2) -> bool:
    """Run what is missing.

    Args:
        names: Tasks, all if none.
        jobs: How many processes.

    Returns:
        Whether all of it is recorded; False after Ctrl-C.

    Raises:
        ValueError: Where a task is unknown, or there is no process.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {jobs}")
    for name in names:
        if name not in FILES:
            raise ValueError(f"task must be one of {', '.join(FILES)}, got {name!r}")
    names = list(names) or list(FILES)
    results = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")(
        joblib.delayed(record_task)(name) for name in names
    )
    try:
        for whole in tqdm(results, total=len(names), desc="tasks", file=sys.stdout, ncols=80):
            if not whole:
                print("stopped: the same command goes on from here")
                return False
    except KeyboardInterrupt:
        print("stopped: the same command goes on from here")
        return False
    finally:
        results.close()  # ends the workers; what they were running is given up
    return True
