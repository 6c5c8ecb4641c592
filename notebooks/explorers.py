"""What a reader moves: controls, and a picture that follows them without asking the kernel.

`explorers.js` draws, from the data that are gathered here. Imports neither TensorFlow nor anything of ours: what
an explorer shows is handed to it.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

DATA_TYPE = "application/vnd.learning-rates.explorer+json"  # under which an output keeps what its explorer shows


class Explorer(anywidget.AnyWidget):
    """Controls, a picture that follows them, and a sentence that says what happens.

    `data` is all that the picture is drawn from, `text` what stands there where nothing can be drawn.
    """

    _esm = Path(__file__).with_name("explorers.js").read_text(encoding="utf-8")
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, data: dict[str, Any], text: str) -> None:
        self.text = f"{text}\nTo move it, run this cell, or read the edition on the web: it moves there, too."
        super().__init__(data=data)

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **asked: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget; the words without the cut that anywidget makes; the data, for pages that have no kernel."""
        bundle = super()._repr_mimebundle_(**asked)
        if bundle is not None:
            bundle[0].update({"text/plain": self.text, DATA_TYPE: self.data})
        return bundle


def _choice(name: str, value: object, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return str(value)


def _numbers(values: Any) -> list[float | None]:
    """Numbers as JSON has them: six digits, and null for what is none."""
    numbers = np.asarray(values, float).tolist()
    return [float(f"{number:.6g}") if math.isfinite(number) else None for number in numbers]


# Gradient descent -------------------------------------------------------------------------------------


# A landscape: loss, gradient, and its lowest value. The wells are a sharp one at −1 and a wide one at 1.1, with a
# saddle between them at −0.38.
Landscape = tuple[Callable[..., Any], Callable[..., np.ndarray], float]


def _wells(x: Any, y: Any) -> Any:
    sharp, wide = 0.9 * np.exp(-((x + 1) ** 2) / 0.125), np.exp(-((x - 1.2) ** 2) / 1.28)
    return 0.5 * y**2 + 0.05 * x**2 - sharp - wide


def _wells_gradient(x: Any, y: Any) -> np.ndarray:
    sharp, wide = 0.9 * np.exp(-((x + 1) ** 2) / 0.125), np.exp(-((x - 1.2) ** 2) / 1.28)
    return np.array([0.1 * x + sharp * (x + 1) / 0.0625 + wide * (x - 1.2) / 0.64, y])


LANDSCAPES: dict[str, Landscape] = {
    "bowl": (lambda x, y: 0.5 * (x**2 + y**2), lambda x, y: np.array([x, y]), 0.0),
    "ravine": (lambda x, y: 0.5 * (x**2 + 20 * y**2), lambda x, y: np.array([x, 20 * y]), 0.0),
    "two minima": (_wells, _wells_gradient, -0.9317),
}
OPTIMIZERS = ("SGD", "Adagrad", "RMSprop", "Adam")


def rotated(landscape: Landscape, degrees: float) -> Landscape:
    """A landscape turned about its origin, against the clock."""
    loss, gradient, lowest = landscape
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def turned(x: Any, y: Any) -> np.ndarray:
        u, v = gradient(c * x + s * y, c * y - s * x)
        return np.array([c * u - s * v, s * u + c * v])

    return lambda x, y: loss(c * x + s * y, c * y - s * x), turned, lowest


def descend(
    gradient: Callable[..., np.ndarray],
    start: Sequence[float],
    learning_rate: float,
    steps: int = 100,
    momentum: float = 0.0,
    noise: float = 0.0,
    optimizer: str = "SGD",
) -> np.ndarray:
    """The path of an optimizer, (steps + 1, 2), as Keras computes it, with Gaussian noise on the gradient.

    Momentum is SGD's; all else has Keras's defaults. Where the path leaves the numbers, above 1e150, it stays.
    """
    _choice("optimizer", optimizer, OPTIMIZERS)
    path, rng, epsilon = [np.array(start, float)], np.random.default_rng(0), 1e-7
    move = mean = np.zeros(2)
    square = np.full(2, 0.1 if optimizer == "Adagrad" else 0.0)
    for t in range(1, steps + 1):
        slope = gradient(*path[-1]) + noise * rng.normal(size=2)
        if optimizer == "SGD":
            move = momentum * move - learning_rate * slope
        elif optimizer == "Adagrad":
            square = square + slope**2
            move = -learning_rate * slope / np.sqrt(square + epsilon)
        elif optimizer == "RMSprop":
            square = 0.9 * square + 0.1 * slope**2
            move = -learning_rate * slope / np.sqrt(square + epsilon)
        else:
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
            size = learning_rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            move = -size * mean / (np.sqrt(square) + epsilon)
        path.append(np.clip(path[-1] + move, -1e150, 1e150))
    return np.array(path)


def explore_gradient_descent(landscape: str = "bowl", optimizer: str = "SGD") -> Explorer:
    """An optimizer's path of 100 steps on a landscape, and its losses. A ravine can be turned.

    Args:
        landscape: the one shown first, of `LANDSCAPES`.
        optimizer: the one shown first, of `OPTIMIZERS`.

    Raises:
        ValueError: there is no such landscape or optimizer.
    """
    data = {
        "explorer": "gradient descent",
        "landscape": _choice("landscape", landscape, tuple(LANDSCAPES)),
        "optimizer": _choice("optimizer", optimizer, OPTIMIZERS),
        "draws": np.random.default_rng(0).normal(size=(100, 2)).tolist(),  # those of `descend`
    }
    landscapes, optimizers = ", ".join(LANDSCAPES), ", ".join(OPTIMIZERS)
    return Explorer(data, f"Explorer: the path of an optimizer ({optimizers}) on a landscape ({landscapes}).")


# Schedules --------------------------------------------------------------------------------------------


# Those on offer. Their formulas stand in explorers.js once more, and the tests compare them with the series' own.
SCHEDULES = ("fixed", "linear_decay", "step_decay", "time_decay", "exponential_decay", "CosineDecay")
SCHEDULES += ("CyclicalLearningRate", "OneCycle", "WarmupStableDecay", "InverseDecay")


def explore_schedules(
    steps_per_epoch: int = 36, epochs: int = 8, first: Sequence[str] = ("CyclicalLearningRate", "OneCycle")
) -> Explorer:
    """Any two schedules of the series with parameters of their own, and the calls that make them.

    Args:
        steps_per_epoch: batches in an epoch.
        epochs: length of the run.
        first: the two that are shown first, of `SCHEDULES`.

    Raises:
        ValueError: `steps_per_epoch` or `epochs` is below 1, the run has fewer than 4 steps, or `first` does not
            name two schedules.
        TypeError: `steps_per_epoch` or `epochs` is not a whole number.
    """
    for name, value in (("steps_per_epoch", steps_per_epoch), ("epochs", epochs)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if steps_per_epoch * epochs < 4:
        raise ValueError(f"epochs times steps_per_epoch must be at least 4, got {epochs} and {steps_per_epoch}")
    if isinstance(first, str) or len(first) != 2:
        raise ValueError(f"first must name two schedules, got {first!r}")
    shown = [_choice("each of first", name, SCHEDULES) for name in first]
    data = {"explorer": "schedules", "steps_per_epoch": steps_per_epoch, "epochs": epochs, "first": shown}
    text = (
        f"Explorer: the rates of two schedules over {epochs} epochs of {steps_per_epoch} steps, and their calls."
    )
    return Explorer(data | {"schedules": list(SCHEDULES)}, f"{text}\nOn offer: {', '.join(SCHEDULES)}.")


# A range test -----------------------------------------------------------------------------------------


def _why(result: Any, rule: str) -> str:
    """Why a rule has no answer; of a single sweep without its number."""
    return result.why(rule).removeprefix("sweep 0: ") if len(result.sweeps) == 1 else result.why(rule)


def explore_range_test(result: Any) -> Explorer:
    """The curve of a range test, each rule's pick, and the triangular cycle that two bounds would give.

    Args:
        result: a `RangeTest`, as `range_test` returns it.

    Raises:
        TypeError: `result` is something else.
    """
    if not hasattr(result, "suggestions"):
        raise TypeError(f"result must be a RangeTest, as range_test returns it, got {result!r}")
    bounds = result.bounds()
    rules = [
        {"name": rule, "pick": pick, "spread": list(result.spread(rule) or ()), "why": _why(result, rule)}
        for rule, pick in result.suggestions().items()
    ]
    data = {
        "explorer": "range test",
        "rates": _numbers(result.learning_rates),
        "sweeps": [_numbers(sweep) for sweep in result.sweeps],
        "smoothed": _numbers(result.smoothed),
        "rules": rules,
        "bounds": list(bounds) if bounds else None,
    }
    picks = ", ".join(f"{rule['name']} {rule['pick']:.2g}" for rule in rules if rule["pick"] is not None)
    said = f"picks: {picks}" if picks else f"no rule finds a rate: {rules[0]['why']}"
    low, high = result.learning_rates[[0, -1]]
    return Explorer(data, f"Explorer: a range test from {low:.2g} to {high:.2g}, {said}.")


# Runs -------------------------------------------------------------------------------------------------


METRICS = ("val_loss", "loss", "val_accuracy", "accuracy")
VIEWS = ("every epoch", "against the rate")
COLLAPSED = 0.99  # of the loss of equal guesses: a run that ends there has learned nothing


def _largest(rate: Any) -> float:
    """The largest rate of a fixed rate or of a schedule's configuration."""
    if not isinstance(rate, Mapping):
        return rate or 0.0
    names = ("initial_learning_rate", "warmup_target", "initial_lr", "peak_lr", "max_lr", "then")
    return max(_largest(rate["config"].get(name)) for name in names)


def _optimizer_name(optimizer: Mapping[str, Any]) -> str:
    """The class, and what else makes it another optimizer."""
    config = optimizer["config"]
    momentum = config.get("momentum")
    parts = [optimizer["class_name"], "AMSGrad" * bool(config.get("amsgrad"))]
    parts += [f"momentum {momentum:g}" if isinstance(momentum, float) and momentum else ""]
    return " ".join(filter(None, [*parts, "Nesterov" * bool(config.get("nesterov"))]))


def _schedule_name(rate: Any) -> str:
    """The class, or the policy of a cyclical rate; the staircase is another schedule than the smooth curve."""
    if not isinstance(rate, Mapping):
        return "fixed"
    return rate["config"].get("policy") or rate["class_name"] + " in steps" * bool(rate["config"].get("staircase"))


def _curve(run: Any) -> list[float | None] | None:
    """The rates of a run's steps, at most some 200 of them, evenly spaced; None where its schedule is unknown."""
    try:
        rates = run.learning_rates
    except TypeError:  # Keras, of a class that this process does not know
        return None
    chosen = np.linspace(0, len(rates) - 1, min(len(rates), 201)).round().astype(int)
    return _numbers(np.asarray(rates)[chosen])


def _described(run: Any, guessing: float, curves: dict[str, Any]) -> dict[str, Any]:
    """A run as explorers.js takes it. The rates of its steps go to `curves`, once for all runs that share them."""
    optimizer = run.experiment.optimizer
    rate = optimizer["config"]["learning_rate"]
    key = json.dumps([run.label, rate, {name: len(values) for name, values in run.history.items()}])
    if key not in curves:
        curves[key] = _curve(run)
    ends = [run.history[name][-1] for name in ("val_loss", "loss") if run.history.get(name)]
    lost = run.status == "diverged" or any(not end < COLLAPSED * guessing for end in ends[:1])
    return {
        "label": run.label,
        "optimizer": _optimizer_name(optimizer),
        "schedule": _schedule_name(rate),
        "rate": float(f"{_largest(rate):.3g}"),
        "seed": run.experiment.seed,
        "status": run.status,
        "collapsed": lost,
        "history": {name: _numbers(values) for name, values in run.history.items() if name in METRICS},
        "test_loss": _numbers([run.test_loss])[0],
        "curve": list(curves).index(key),
    }


def _settings(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each optimizer and schedule: its runs, and the rate whose median test loss is lowest."""
    groups: dict[str, dict[float, list[float]]] = {}
    for run in runs:
        rates = groups.setdefault(f"{run['optimizer']}, {run['schedule']}", {})
        found = rates.setdefault(run["rate"], [])
        found.append(math.inf if run["test_loss"] is None else run["test_loss"])
    lines = []
    for name, rates in groups.items():
        best = min(rates, key=lambda rate: statistics.median(rates[rate]))
        low, middle, high = (f(rates[best]) for f in (min, statistics.median, max))
        count = sum(map(len, rates.values()))
        lines.append(f"{name}: {count} runs; best at {best:g}, test loss {middle:.2g} ({low:.2g} … {high:.2g})")
    return lines


def explore_runs(runs: Sequence[Any], view: str = "every epoch", guessing: float = math.log(10)) -> Explorer:
    """Runs, live or recorded: their curves and the rates of their steps, or how they end against the largest rate.

    A run counts as collapsed if it diverged, or if its last validation loss (without one: its last loss) is at
    least 0.99 of the loss of equal guesses.

    Args:
        runs: as `lr_study.train`, `run_all` and `load_runs` return them.
        view: what is shown first, of `VIEWS`.
        guessing: the loss of equal guesses; ln 10, for ten classes.

    Raises:
        ValueError: there is no run, none has a finished epoch, or there is no such view.
        TypeError: `runs` does not hold runs.
    """
    if not isinstance(runs, Sequence):
        raise TypeError(f"runs must be a list of runs, got {runs!r}")
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    if not guessing > 0:
        raise ValueError(f"guessing must be a loss, a number above 0, got {guessing!r}")
    for run in runs:
        if not hasattr(run, "history"):
            raise TypeError(f"runs must hold runs, as train, run_all and load_runs return them, got {run!r}")
    if not any(run.history.get(name) for run in runs for name in METRICS):
        raise ValueError(f"runs must hold at least one run with a finished epoch, got {len(runs)} without any")
    curves: dict[str, Any] = {}
    described = [_described(run, guessing, curves) for run in runs]
    data = {"explorer": "runs", "runs": described, "curves": list(curves.values())}
    data |= {"view": _choice("view", view, VIEWS), "views": list(VIEWS)}
    lost = sum(run["collapsed"] for run in described)
    text = f"Explorer: {len(runs)} runs, of which {lost} end no better than guessing."
    return Explorer(data, "\n".join([text, *_settings(described)]))
