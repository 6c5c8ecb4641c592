"""A learning rate range test for Keras 3 on TensorFlow, in one file: copy it beside your own code.

    result = range_test(model, x, y, min_lr=1e-6, max_lr=1, steps=200)
    result.plot()
    result.suggest("valley")

    compared = compare(model, {"0.01": 0.01, "0.1": 0.1}, x, y, validation_data=(x_val, y_val), epochs=5)
    print(compared)

It needs Keras, TensorFlow, NumPy, tqdm and, for the plot, Matplotlib. Importing it changes nothing in the process.
Read it from top to bottom: checks, rules, the plot, what a test saw (`RangeTest`), the data, training that leaves
no trace, the test itself (`range_test`), settings compared (`compare`); each part calls only the parts above it.
"""

from __future__ import annotations

import bisect
import contextlib
import copy
import dataclasses
import gc
import itertools
import json
import math
import numbers
import os
import random
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras.src.trainers.data_adapters import ArrayDataAdapter, get_data_adapter  # `fit` reads so; not public
from tqdm import tqdm

if (backend := keras.config.backend()) != "tensorflow":
    raise ImportError(f"lr_range_test needs KERAS_BACKEND=tensorflow, set before Keras is imported, got {backend}")

import tensorflow as tf  # where the backend is another one, it need not even be installed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Schedule, Optimizer = keras.optimizers.schedules.LearningRateSchedule, keras.optimizers.Optimizer

# Checks -----------------------------------------------------------------------------------------------


MOST_STEPS = 10_000_000  # of a table of rates: 40 MB
SMALLEST, LARGEST = float(np.finfo("float32").tiny), float(np.finfo("float32").max)


def check_rate(name: str, value: object, *, zero: bool = False, below: float = math.inf) -> float:
    """A learning rate as a float, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    number = math.inf
    with contextlib.suppress(OverflowError):  # an integer or a fraction can be larger than any float
        number = float(value)
    if not (SMALLEST <= number <= LARGEST or (zero and number == 0)):
        raise ValueError(f"{name} must be {'≥ 0' if zero else 'positive'} and finite, got {value!r} (as float32)")
    if number >= below:
        raise ValueError(f"{name} must be below {below}, got {value!r}")
    return number


def check_count(name: str, value: object, least: int = 1, most: int = 2**31 - 1) -> int:
    """A count of steps, epochs or images as an int, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be at least {least} and at most {most:,}, got {value}")
    return int(value)


def check_bool(name: str, value: object) -> None:
    """Raise where a value is neither True nor False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def check_choice(name: str, value: object, choices: Collection[str]) -> str:
    """One of the choices, or an error that lists them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return value


_UNFIT = (ValueError, TypeError, LookupError, NotImplementedError, UserWarning)
_UNFIT += (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)


@contextlib.contextmanager
def _blamed_on(what: str) -> Iterator[None]:
    """Whatever Python, Keras and TensorFlow say about what does not fit, as a ValueError that names it."""
    try:
        yield
    except _UNFIT as error:
        raise ValueError(f"{what}: {error}") from error


def as_array(name: str, values: object, kinds: str = "", dimensions: int = 1) -> np.ndarray:
    """An array; where kinds are given, of numbers of these kinds and so many dimensions."""
    with _blamed_on(f"{name} must be an array, or rows of the same length"):
        array = np.asarray(values)
    if kinds and (array.ndim != dimensions or (array.size and array.dtype.kind not in kinds)):
        what = "whole numbers" if kinds == "iu" else "numbers"
        raise TypeError(f"{name} must be an array of {what} with {dimensions} dimension(s), got {values!r}")
    return array


def check_path(path: object, name: str = "path") -> str:
    """The path of a file as text, or an error that names the argument."""
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        raise TypeError(f"{name} must be the path of a file, got {path!r}")
    if os.path.isdir(path):
        raise ValueError(f"{name} must be the path of a file, got the folder {os.fspath(path)!r}")
    return os.fspath(path)


def check_bounds(min_lr: object, max_lr: object) -> tuple[float, float]:
    """Both rates as floats, or an error where they are not a lower and a higher one."""
    low, high = check_rate("min_lr", min_lr), check_rate("max_lr", max_lr)
    if np.float32(low) >= np.float32(high):
        raise ValueError(f"min_lr must be below max_lr, got {low} and {high}")
    return low, high


# Rules ------------------------------------------------------------------------------------------------


# A rule gets the rates and the smoothed losses of one sweep, without the first tenth, where the average has few
# points (as fastai does), and returns a rate, or None where it finds none. A function of your own is as welcome.
Rule = Callable[[np.ndarray, np.ndarray], float | None]
WINDOW = 15  # steps, of `slide`


def steepest(learning_rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """Where d smoothed / d log(rate) is lowest, up to the lowest loss (fastai's "steep")."""
    slope = np.gradient(smoothed, np.log(learning_rates))
    return float(learning_rates[slope[: smoothed.argmin() + 1].argmin()])


def minimum(learning_rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """A tenth of the rate with the lowest loss (fastai's "minimum")."""
    return float(learning_rates[smoothed.argmin()] / 10)


def valley(learning_rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """About the middle of the longest falling subsequence: its n points end at index e, and the answer is at index
    e − n + n//3 + n//6. The formula is fastai's ("valley", its default); that the subsequence ends at the lowest
    loss, at the latest, is ours.
    """
    end = longest = 0
    ends: list[float] = []  # of the falling subsequences with 1, 2, … points, the highest last loss, negated
    for i, loss in enumerate(smoothed[: smoothed.argmin() + 1].tolist()):
        length = bisect.bisect_left(ends, -loss) + 1
        ends[length - 1 : length] = [-loss]
        if length > longest:
            end, longest = i, length
    return float(learning_rates[max(end - longest + longest // 3 + longest // 6, 0)])


def slide(learning_rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """Where a window of 15 steps, sliding left from the right end, last had slopes at its ends that differ by more
    than 0.005 per step; at the right end where none does (fastai's "slide"). The answer is the window's left end.
    None where that lies above the rate with the lowest loss, or where the curve is no longer than the window.
    """
    if len(smoothed) <= WINDOW:
        return None
    slope, left = np.gradient(smoothed), len(smoothed) - 1 - WINDOW
    answer = left
    while left >= 0 and abs(slope[left + WINDOW] - slope[left]) > 0.005:
        answer, left = left, left - 1
    return float(learning_rates[answer]) if answer <= smoothed.argmin() else None


RULES: dict[str, Rule] = {"steepest": steepest, "minimum": minimum, "valley": valley, "slide": slide}


def _rule(rule: object) -> tuple[str, Rule]:
    """The name and the function of a rule, which is given as either."""
    if callable(rule):
        return getattr(rule, "__name__", repr(rule)), rule
    return check_choice("rule", rule, RULES), RULES[rule]


def smooth(losses: Sequence[float] | np.ndarray, smoothing: float = 0.9) -> np.ndarray:
    """Exponential moving average without the bias towards zero at its start (Kingma and Ba, 2015, section 3).

    average_i = smoothing·average_{i−1} + (1 − smoothing)·losses_i, divided by 1 − smoothing**(i+1).

    Args:
        losses: Numbers, in the order of the steps. After one that is NaN all is NaN.
        smoothing: The weight of the past, from 0 (no smoothing) to below 1.

    Returns:
        As many averages as there are losses.

    Raises:
        TypeError: `losses` are not an array of numbers, or `smoothing` is not a number.
        ValueError: `smoothing` is below 0, or 1 and more.
    """
    smoothing = check_rate("smoothing", smoothing, zero=True, below=1)
    values = (1 - smoothing) * as_array("losses", losses, "iuf").astype("float64")
    parts = itertools.accumulate(values.tolist(), lambda average, part: smoothing * average + part)
    return np.fromiter(parts, "float64") / (1 - smoothing ** np.arange(1, len(values) + 1))


# Rates and smoothed losses of a sweep, as rules read them, and the mean of its first losses.
Curve = tuple[np.ndarray, np.ndarray, float]


def _curve(rates: np.ndarray, sweep: np.ndarray, smoothing: float, stopped: str) -> Curve | str:
    """The curve of a sweep, or the reason why no rule can read anything from it."""
    keep = np.isfinite(sweep)
    raw = sweep[keep]
    if len(raw) <= WINDOW:
        end = "; begin with a smaller min_lr, and look for NaN in the data" if stopped.startswith("loss") else ""
        return f"too few points: {len(raw)} ({stopped}), at least {WINDOW + 1} are needed{end}"
    skip = len(raw) // 10
    smoothed, start = smooth(raw, smoothing)[skip:], float(raw[: skip + 3].mean())
    # Of one batch: in differences a slow trend cancels, in their median a final explosion. Averaging shrinks it.
    noise = np.median(np.abs(np.diff(raw))) / 0.954
    noise *= math.sqrt(max((1 - smoothing) / (1 + smoothing), 1 / (skip + 3)))
    least = max(3 * noise, 1e-6 * abs(start))
    if start - smoothed.min() > least:
        return rates[keep][skip:].astype("float64"), smoothed, start
    if smoothed[-1] - start > least:
        return "the loss rises from the start: begin with a smaller min_lr"
    return "the loss is flat: it falls by no more than its noise; raise max_lr or take more steps"


def _fall(rates: np.ndarray, smoothed: np.ndarray, start: float) -> tuple[float, float] | None:
    """The rates where the loss has made a tenth and nine tenths of its fall; None where it falls in one step."""
    falling = smoothed[: smoothed.argmin() + 1]
    fallen = (start - falling) / (start - falling[-1])
    low, high = np.flatnonzero(fallen < 0.1).max(initial=0), (fallen >= 0.9).argmax()
    return (float(rates[low]), float(rates[high])) if low < high else None


def _middle(rates: Sequence[float]) -> float:
    """The median of rates, taken of their logarithms: of 1e-4 and 1e-2 it is 1e-3."""
    ordered = sorted(rates)
    return math.sqrt(ordered[(len(ordered) - 1) // 2] * ordered[len(ordered) // 2])


# Plot -------------------------------------------------------------------------------------------------


def as_axes(ax: Axes | None) -> Axes:
    """The Axes that were given, else new ones of a figure of their own."""
    import matplotlib.pyplot as plt  # here, since it takes longer than all the rest of this file

    return plt.subplots(figsize=(7, 4), layout="constrained")[1] if ax is None else ax


def plot_range_test(result: RangeTest, ax: Axes | None = None) -> Axes:
    """Raw losses as points, the smoothed curve, the band of the repeats, and the pick of every rule."""
    ax, rates = as_axes(ax), result.learning_rates
    ax.plot(rates, result.sweeps.T, ".", color="0.7", markersize=3, zorder=1)
    smoothed = [smooth(sweep, result.smoothing) for sweep in result.sweeps]
    ax.fill_between(rates, np.nanmin(smoothed, axis=0), np.nanmax(smoothed, axis=0), color="0.85", zorder=0)
    ax.plot(rates, result.smoothed, color="black", linewidth=2, label="smoothed")
    for i, (rule, pick) in enumerate(result.suggestions().items()):
        if pick is not None:
            color, linestyle = f"C{i}", ("-", "--", "-.", ":")[i % 4]
            ax.axvline(pick, label=f"{rule}: {pick:.1e}", color=color, linestyle=linestyle)
            ax.axvspan(*result.spread(rule), color=color, alpha=0.12, linewidth=0)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.legend()
    return ax


# What a test saw --------------------------------------------------------------------------------------


@dataclasses.dataclass
class RangeTest:
    """What a range test saw, and what can be read from it.

    Wherever a rule is asked for, it is a name in `RULES` or a function of your own,
    `rule(learning_rates, smoothed) -> float | None`. No rule is asked about a curve with fewer than 16 points, one
    that is flat or one that rises from the start. The formulas of the rules are fastai's, see each. That fastai
    smooths with 0.98 and drops the last five points first are its settings, not ours.

    Args:
        learning_rates: (n,), the rate of each step.
        sweeps: (repeats, n), the loss of batch i before the update made at rate i, or the validation loss after
            it; NaN after a sweep's end.
        stopped: Why each sweep ended: "complete", "loss not finite", "loss exploded", "data ran out" or
            "interrupted".
        smoothing: The weight of the past in the moving average, from 0 to below 1.

    Raises:
        TypeError: A field is not what the list above says.
        ValueError: There is no sweep, the shapes do not fit together, a rate is not positive and finite, or
            `smoothing` is not from 0 to below 1.
    """

    learning_rates: np.ndarray = dataclasses.field(repr=False)
    sweeps: np.ndarray = dataclasses.field(repr=False)
    stopped: list[str]
    smoothing: float = 0.9

    def __post_init__(self) -> None:
        self.learning_rates = as_array("learning_rates", self.learning_rates, "iuf")
        self.sweeps = as_array("sweeps", self.sweeps, "iuf", dimensions=2)
        if not isinstance(self.stopped, list) or not self.stopped:
            raise TypeError(f"stopped must be a list with a reason for each of the sweeps, got {self.stopped!r}")
        if not (np.isfinite(self.learning_rates) & (self.learning_rates > 0)).all():
            raise ValueError(f"learning_rates must be positive and finite, got {self.learning_rates}")
        if self.sweeps.shape != (len(self.stopped), len(self.learning_rates)):
            raise ValueError(f"sweeps must have a row per reason in stopped, a column per rate, got {self.sweeps}")
        self.smoothing = check_rate("smoothing", self.smoothing, zero=True, below=1)

    def __eq__(self, other: object) -> bool:
        """Whether both saw the same, NaN where a sweep had ended included."""
        return isinstance(other, RangeTest) and self._stored() == other._stored()

    @property
    def losses(self) -> np.ndarray:
        """The true loss per batch; the median where the test was repeated."""
        return np.nanmedian(self.sweeps, axis=0)

    @property
    def smoothed(self) -> np.ndarray:
        """The losses smoothed by `smooth`; the median of the smoothed sweeps where the test was repeated."""
        return np.nanmedian([smooth(sweep, self.smoothing) for sweep in self.sweeps], axis=0)

    def suggest(self, rule: str | Rule = "valley") -> float | None:
        """The rate that a rule reads from the curve.

        How far off is it? Over 42 small tasks with three optimizers, evidence/finders of the repository, one
        sweep's "valley" left a median regret, loss after 1,500 steps over that at the best rate, of 1.16 (95 %
        interval 1.05 to 1.26), nine in ten below 1.83; 0.8 % of the runs failed. "minimum": 1.20 (1.13 to 1.41),
        2.27, 5.8 %. "steepest": 1.19 (1.09 to 1.41), 5.09, 5.7 %. Three whole runs, at a third of "valley", at it
        and at three times it, the best kept: 1.04 (1.02 to 1.08), 1.34, 0.0 %. So compare rates around it.

        Args:
            rule: A name in `RULES`, or a function. "valley" is fastai's default, too.

        Returns:
            The rate; with repeats the median of the sweeps' answers, taken of their logarithms. None where fewer
            than half of the sweeps have an answer; `why(rule)` says why.

        Raises:
            ValueError: `rule` is neither a name in `RULES` nor a function of two arrays. What else the function
                raises comes through.
        """
        answers = self.answers(rule)
        return _middle(answers) if 2 * len(answers) >= len(self.sweeps) else None

    def suggestions(self, *others: Rule) -> dict[str, float | None]:
        """The answer of every rule in `RULES`, and of `others`, by the names of the functions."""
        return {_rule(rule)[0]: self.suggest(rule) for rule in (*RULES, *others)}

    def answers(self, rule: str | Rule) -> list[float]:
        """The rates that a rule reads from the single sweeps; those without an answer are left out."""
        return [reading for reading in self._readings(rule) if not isinstance(reading, str)]

    def spread(self, rule: str | Rule) -> tuple[float, float] | None:
        """The lowest and the highest answer among the sweeps; None where `suggest` gives none."""
        answers = self.answers(rule)
        return (min(answers), max(answers)) if 2 * len(answers) >= len(self.sweeps) else None

    def why(self, rule: str | Rule) -> str:
        """Why a rule has no answer, sweep by sweep; empty where every sweep has one."""
        readings = enumerate(self._readings(rule))
        return "; ".join(f"sweep {i}: {reading}" for i, reading in readings if isinstance(reading, str))

    def bounds(self) -> tuple[float, float] | None:
        """Bounds for a cyclical rate, where learning starts and where it stops or gets ragged.

        Smith (2017, section 3.3) reads them by eye from a plot of the accuracy. That they stand where the smoothed
        loss has made a tenth and nine tenths of its whole fall is our own rule.

        Returns:
            (min_lr, max_lr): the last rate before a tenth and the first at nine tenths; with repeats the median of
            each, taken of their logarithms. None where fewer than half of the sweeps have both.
        """
        pairs = [pair for curve in self._curves() if not isinstance(curve, str) and (pair := _fall(*curve))]
        enough = 2 * len(pairs) >= len(self.sweeps)
        return tuple(_middle(rates) for rates in zip(*pairs, strict=True)) if enough else None

    def _curves(self) -> list[Curve | str]:
        sweeps = zip(self.sweeps, self.stopped, strict=True)
        return [_curve(self.learning_rates, sweep, self.smoothing, stopped) for sweep, stopped in sweeps]

    def _readings(self, rule: str | Rule) -> Iterator[float | str]:
        """A rate, or the reason why there is none, of each sweep."""
        name, function = _rule(rule)
        for reading in self._curves():
            if not isinstance(reading, str):
                with _blamed_on(f"rule {name} must take two arrays, rates and losses"):
                    answer = function(*reading[:2])
                none = f"the rule {name} finds no rate on this curve"
                reading = none if answer is None else check_rate(f"the answer of rule {name}", answer)
            yield reading

    plot = plot_range_test

    def _stored(self) -> dict[str, Any]:
        """What JSON can hold of it: lists of finite numbers, and None where a sweep had ended."""
        sweeps = np.where(np.isfinite(self.sweeps), self.sweeps, None)
        return vars(self) | {"learning_rates": self.learning_rates.tolist(), "sweeps": sweeps.tolist()}

    def save(self, path: str | os.PathLike) -> None:
        """Write the test as JSON: finite numbers, and null where a sweep had ended."""
        with open(check_path(path), "w", encoding="utf-8") as file:
            json.dump(self._stored(), file)

    @classmethod
    def load(cls, path: str | os.PathLike) -> RangeTest:
        """Read what `save` wrote. Raises ValueError for a file that is not a stored range test."""
        wrong = f"path must name a range test that was saved, got {path!r}"
        with open(check_path(path), encoding="utf-8") as file, _blamed_on(wrong):
            stored = json.load(file)
            arrays = [np.array(stored[name], "float64") for name in ("learning_rates", "sweeps")]
            return cls(*arrays, list(stored["stopped"]), stored["smoothing"])


# Data -------------------------------------------------------------------------------------------------


def _array_batches(arrays: Any, order: tf.Variable, size: int) -> tf.data.Dataset:
    """One pass over nested arrays, in an order that is assigned anew for each. tf.data's own shuffle would also
    depend on the global seed."""

    def batch(start: tf.Tensor, arrays: Any) -> Any:
        chosen = order[start : start + size]
        return keras.tree.map_structure(lambda array: tf.gather(array, chosen), arrays)

    # The arrays go through as elements: a function that had caught them would keep them until cycles are searched.
    starts = tf.data.Dataset.range(0, order.shape[0], size)
    batches = tf.data.Dataset.zip((starts, tf.data.Dataset.from_tensors(arrays).repeat())).map(batch)
    options = tf.data.Options()
    # A batch is ready in 0.2 ms: threads that fetch it ahead would only take the cores from the training.
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return batches.with_options(options)


TRAINABLE = "model must be able to train on x, y and sample_weight"
HELD_OUT = 512  # examples, of arrays, on which a range test evaluates after each step


class _Data:
    """Whatever `fit` takes, to be read again and again."""

    def __init__(self, x: Any, y: Any, sample_weight: Any, class_weight: Any, size: int, seed: int) -> None:
        """Raise ValueError or TypeError where `fit` would not take it."""
        self.x, self.class_weight, self.seed, self.order = x, class_weight, seed, None
        if class_weight is not None and not isinstance(class_weight, dict):
            raise TypeError(f"class_weight must be a dict with the weight of each class, got {class_weight!r}")
        for label, weight in (class_weight or {}).items():
            check_rate(f"class_weight[{label!r}]", weight, zero=True)
        if y is None and hasattr(x, "shape") and not (sample_weight is None and class_weight is None):
            raise ValueError("y must be given where sample_weight or class_weight is")
        with _blamed_on(f"x, y and sample_weight must be what fit takes, dense and of one length, got {x!r:.99}"):
            adapter = get_data_adapter(x, y, sample_weight, batch_size=2**31 - 1, class_weight=class_weight)
            self.dataset = adapter.get_tf_dataset()
            if isinstance(adapter, ArrayDataAdapter):
                # All of it is one batch, which `fit`'s own way has checked and made into tensors.
                arrays = next(iter(self.dataset), None)
                self.order = tf.Variable(np.arange(len(keras.tree.flatten(arrays)[0])), trainable=False)
                self.dataset = _array_batches(arrays, self.order, size)
            elif isinstance(x, Iterator):  # cannot be rewound: all passes draw from one, which begins as it was
                drawn = adapter.generator()
                adapter.generator = lambda: drawn

    def reorder(self, *numbers: int) -> None:
        """Give arrays the order for a pass of this number; what is no array has its own."""
        if self.order is not None:
            self.order.assign(np.random.default_rng([self.seed, *numbers]).permutation(self.order.shape[0]))

    @contextlib.contextmanager
    def source(self, shuffle: bool = False) -> Iterator[Any]:
        """What `fit` and `evaluate` take as x, for one use."""
        own = isinstance(self.x, keras.utils.PyDataset)  # is read by Keras itself, which ends and shuffles it
        arguments = {"class_weight": self.class_weight, "shuffle": shuffle} if own else {}
        adapter = get_data_adapter(self.x if own else self.dataset, **arguments)
        try:
            yield adapter
        finally:
            adapter.on_epoch_end()  # ends the workers of a pass that was broken off

    def first(self) -> Any:
        """One batch, of arrays drawn at random."""
        self.reorder(0, 0)
        with self.source() as source:
            return next(iter(source.get_tf_dataset()))


def _held_out(name: str, held_out: Any, size: int) -> _Data:
    """Whatever `fit` takes as validation data."""
    with _blamed_on(f"{name} must be what evaluate takes"):
        return _Data(*keras.utils.unpack_x_y_sample_weight(held_out), None, size, 0)


# A training that leaves no trace ----------------------------------------------------------------------


def _swept(optimizer: Any, chosen: int | None) -> list[tuple[Any, float]]:
    """The optimizers whose rates are swept, each with the share of the largest rate that it gets."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    inner = getattr(optimizer, "optimizers", [optimizer])  # of a MultiOptimizer, new in Keras 3.15
    if chosen is not None:
        inner = [inner[check_count("optimizer", chosen, least=0, most=len(inner) - 1)]]
    if len(inner) == 1:
        return [(inner[0], 1.0)]
    rates = [float(one.learning_rate) for one in inner]
    if not max(rates) > 0:
        raise ValueError("optimizer must be the number of one: all inner optimizers have the rate 0 now")
    return [(one, rate / max(rates)) for one, rate in zip(inner, rates, strict=True)]


def _check_model(model: object) -> None:
    """Raise where a model is not one that can be trained and put back."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model, got {model!r}")
    if not model.compiled or model.optimizer is None:
        raise ValueError("model must be compiled: call model.compile(optimizer=..., loss=...) first")
    own = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    known = {id(one) for one in (model.optimizer, own, *getattr(own, "optimizers", ()))}
    for name, value in vars(model).items():
        parts = list(value.values()) if isinstance(value, dict) else value
        parts = parts if isinstance(parts, list | tuple) else [parts]
        others = any(isinstance(part, Optimizer) and id(part) not in known for part in parts)
        if others and not name.startswith("_self_"):  # those are TensorFlow's own lists of the attributes
            raise ValueError(f"model must train with one optimizer, but has {name}, too")


Saved = list[tuple[Any, np.ndarray]]  # variables, and values to put back


def _values(variables: Iterable[Any]) -> Saved:
    return [(variable, variable.numpy().copy()) for variable in variables]


def _put_back(saved: Saved, number: int = 0) -> None:
    """Give variables their values again; for each number dropout draws other masks."""
    for variable, value in saved:
        # A seed's second number counts its draws: for each number it begins elsewhere.
        if getattr(variable, "path", "").endswith("seed_generator_state"):
            value = value + np.array([0, number * MOST_STEPS % 2**31], value.dtype)
        variable.assign(value)


_CHANGED = "optimizer train_function test_function stop_training history steps_per_execution _compile_metrics"


def _lent(model: keras.Model) -> contextlib.ExitStack:
    """At whose end all is put back that a training changes: attributes of the model, the global generators, from
    which data that shuffle or augment themselves may draw, and what is added by `_built` and `_set_rate`."""
    undo = contextlib.ExitStack()
    undo.callback(random.setstate, random.getstate())
    undo.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002
    if not gc.get_freeze_count():  # else somebody's frozen objects would be set free
        gc.freeze()  # so that `gc.collect` looks only at what is made from here on; at all it takes 0.3 s
        undo.callback(gc.unfreeze)
    undo.callback(vars(model).update, {name: getattr(model, name, None) for name in _CHANGED.split()})
    model.train_function = None  # the step is traced anew
    return undo


def _set_rate(undo: contextlib.ExitStack, swept: list[tuple[Any, float]], rate: Callable[[Any], Any]) -> None:
    """Give optimizers their shares of a rate, a function of the step."""
    for one, share in swept:
        # The public property gives the value of a schedule, never the schedule itself, and forgets its variable.
        undo.callback(setattr, one, "_learning_rate", one._learning_rate)
        one._learning_rate = lambda one=one, share=share: share * rate(one.iterations)


def _built(undo: contextlib.ExitStack, model: keras.Model, data: _Data) -> Saved:
    """Make the variables that do not exist yet, from the shapes of a batch; all variables, with their values."""
    with _blamed_on(TRAINABLE), model.distribute_strategy.scope():
        if tf.distribute.has_strategy():  # then the loss, too, has to have its variables before the first step
            model._symbolic_build(data_batch=data.dataset.element_spec)  # as `fit` does it
        elif not model.built and type(model).call is not keras.Model.call:
            x = keras.utils.unpack_x_y_sample_weight(data.dataset.element_spec)[0]
            model(keras.tree.map_structure(lambda one: keras.KerasTensor(one.shape, one.dtype.name), x))
        if not all(layer.built for layer in model.layers):
            raise ValueError("its layers have no weights yet: build it, or fit it on one batch")
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    saved = _values([*model.variables, *model.optimizer.variables, *model.metrics_variables])
    undo.callback(_put_back, saved)
    undo.callback(model.reset_metrics)  # before that: those that only a training makes
    return saved


def _fit(model: keras.Model, data: _Data, number: int, callbacks: list[Any], **arguments: Any) -> None:
    """`fit`, with the data in the order of a number."""
    random.seed(f"{data.seed} {number}")  # with it Keras shuffles the batches of a PyDataset
    in_order = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: data.reorder(number, epoch))
    with _blamed_on(TRAINABLE), data.source(shuffle=True) as source:
        model.fit(source, verbose=0, shuffle=False, callbacks=[in_order, *callbacks], **arguments)
    # A pass that was broken off is in a cycle; the later it is found, the longer its threads take to end.
    gc.collect()


def _loss(logs: dict[str, Any], step: str) -> float:
    """The loss among what a step returns."""
    if "loss" not in logs:
        raise ValueError(f"model.{step} must return a dict with 'loss', got {', '.join(logs)}")
    return float(logs["loss"])


class _Bar(tqdm):
    """A bar without the thread that tqdm would start and keep."""

    monitor_interval = 0


def _bar(what: str, total: int, shown: bool) -> _Bar:
    what += f" on {tf.config.list_physical_devices()[-1].device_type}"  # the CPU comes first
    return _Bar(total=total, desc=what, disable=not shown, file=sys.stdout, ncols=80)


# The test ---------------------------------------------------------------------------------------------


class _Watch:
    """Says when a sweep has to end. It looks at each loss once."""

    def __init__(self, steps: int, smoothing: float, factor: float) -> None:
        self.first, self.smoothing, self.factor = steps // 10, smoothing, factor
        self.seen, self.average, self.best = 0, 0.0, math.inf

    def reason(self, loss: float) -> str:
        """Why to end with this loss, empty while the sweep may go on."""
        if not math.isfinite(loss):
            return "loss not finite"
        self.seen += 1
        self.average = self.smoothing * self.average + (1 - self.smoothing) * loss
        smoothed = self.average / (1 - self.smoothing**self.seen)
        self.best = min(self.best, smoothed)
        # As smoothed > factor * best, but for losses below zero, too.
        exploded = smoothed - self.best > (self.factor - 1) * abs(self.best)
        return "loss exploded" if exploded and self.seen > self.first else ""


class _Sweep(keras.callbacks.Callback):
    """Gives each step of a `fit` its rate, notes the loss, and ends the `fit` when the sweep is over.

    The loss is that of the batch or, where there is one, of the batch that is held out.
    """

    def __init__(self, rates: np.ndarray, rate: tf.Variable, watch: _Watch, held: Any, bar: tqdm) -> None:
        super().__init__()
        self.rates, self.rate, self.watch, self.held, self.bar = rates, rate, watch, held, bar
        self.losses: list[float] = []
        self.stopped = "interrupted"  # for as long as it goes on

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.rate.assign(self.rates[len(self.losses)])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = _loss(logs, "train_step")
        if self.held is not None:
            self.model.reset_metrics()
            loss = _loss(self.model.test_function(iter([self.held])), "test_step")
        reason = self.watch.reason(loss)
        if reason != "loss not finite":
            self.losses.append(loss)
        self.stopped = reason or ("complete" if len(self.losses) == len(self.rates) else "interrupted")
        self.model.stop_training = self.stopped != "interrupted"
        self.bar.update()


_SWEEPS = {"exponential": np.geomspace, "linear": np.linspace}


def range_test(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    min_lr: float,
    max_lr: float,
    steps: int,
    batch_size: int = 32,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    optimizer: int | None = None,
    sweep: str = "exponential",
    repeats: int = 1,
    smoothing: float = 0.9,
    stop_factor: float = 4.0,
    validation_data: Any = None,
    seed: int = 0,
    progress: bool = True,
) -> RangeTest:
    """Train for a few steps with a rising learning rate and note the true loss of every batch.

    The idea is that of Smith (2017, Cyclical Learning Rates for Training Neural Networks, section 3.3). His test
    raises the rate in a straight line and reads the accuracy; ours, as in later practice, raises it by a constant
    factor unless `sweep` says otherwise, and reads the loss.

    The rate of step i is min_lr·(max_lr/min_lr)**(i/(steps−1)), or in a straight line with sweep="linear"; both
    ends are reached. The loss is the batch's own, as `fit` would compute it in training mode before the update,
    regularisation included: not the running mean that callbacks see. With `validation_data` it is that of one
    batch that is held out, the same one after every update, as `evaluate` would compute it.

    The model may be trained already: the test starts from the weights and the optimizer that it has, and no rule
    asks how high the first loss is. On data that the model knows, the loss falls by no more than its noise or only
    rises, and then no rule answers.

    The model trains as in `fit`, by its own `train_step`: with its loss scale, weight decay, moving averages of
    weights, gradient accumulation, `run_eagerly`, `jit_compile` (slow on a CPU, as in `fit`) and the tf.distribute
    strategy it was made in. What differs: no callback of yours is called, and `steps_per_execution` is ignored.
    With gradient accumulation an update is made at the rate of its last batch. With a `MultiOptimizer` the rate of
    the sweep is the largest of its inner optimizers' rates, and the others keep their ratio to it; one that is a
    schedule counts with its value at the present step.

    Afterwards weights, optimizer, metrics and random seeds are as before, also after an exception. The stop
    button ends the test and returns what there is. Not undone: a model, its optimizer and its metrics without
    variables have got them, a generator's batches are used up, and a shuffling tf.data.Dataset has moved on to its
    next order. If a `train_step` of your own draws from a global generator of Keras or TensorFlow, that has moved
    on, and a tf.Variable that Keras does not know of keeps what the step has written.

    Args:
        model: Compiled, with one optimizer. A model that keeps others beside it, such as a GAN, is refused. One
            without `call` must have its weights.
        x: What `fit` takes, but a PyTorch DataLoader: arrays, nested in lists, tuples and dicts as the model wants
            them, or batches from a tf.data.Dataset, a PyDataset or a generator. Data that run out are repeated,
            but for a generator: each sweep takes further batches of it, less a few that were fetched ahead, and
            where it ends, the test ends ("data ran out").
        y: Targets, where `x` are arrays.
        min_lr: The first rate, above 0: so low that the loss hardly moves.
        max_lr: The last rate, above `min_lr`: so high that training fails. The sweep ends soon after it does.
        steps: How many batches a sweep has, from 2. The rules need 16; 100 and more give a curve to look at.
        batch_size: Of arrays; 32 as in `fit`. A good rate depends on it: take the one you will train with.
        sample_weight: Weights of the samples, where `x` are arrays.
        class_weight: The weight of the samples of each class, by the number of the class, as in `fit`.
        optimizer: Of a MultiOptimizer, the position in its `optimizers` of the only one to sweep; the others keep
            their rates. By default all are swept.
        sweep: "exponential" or "linear".
        repeats: How many sweeps start from the same weights, with other batches and dropout, to see how far noise
            moves the answers. A tf.data.Dataset gives other batches only if it shuffles.
        smoothing: The weight of the past in the moving average, from 0 to below 1: 0.9 averages some ten steps.
        stop_factor: Above 1; 4 as in fastai. After a tenth of the steps a sweep ends when the smoothed loss
            exceeds `stop_factor` times its best. For losses that may lie below zero that means: loss − best >
            (stop_factor − 1)·|best|. A sweep always ends when the loss is not finite.
        validation_data: What `fit` takes as such. Read of it is one batch: of arrays 512 examples drawn at random,
            else the first one. Each step then costs a forward pass more.
        seed: Of the order of arrays and of a PyDataset's batches, which is another one in each pass.
        progress: Whether to show a bar on standard output.

    Returns:
        A `RangeTest`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of range; `x`, `y` and `sample_weight` are not what `fit` takes, or are sparse,
            ragged or of different lengths; the model is not compiled, has no weights and no `call`, keeps a second
            optimizer, or cannot train on the data; or no batch has a finite loss.
    """
    count, repeats = check_count("steps", steps, least=2, most=MOST_STEPS), check_count("repeats", repeats)
    batch_size, seed = check_count("batch_size", batch_size), check_count("seed", seed, least=0)
    check_rate("smoothing", smoothing, zero=True, below=1)
    check_bool("progress", progress)
    if check_rate("stop_factor", stop_factor) <= 1:
        raise ValueError(f"stop_factor must be above 1, got {stop_factor}")
    rates = _SWEEPS[check_choice("sweep", sweep, _SWEEPS)](*check_bounds(min_lr, max_lr), count).astype("float32")
    _check_model(model)
    rate = tf.Variable(0.0, trainable=False)
    made: list[_Sweep] = []

    def step(batch: Any) -> dict[str, Any]:
        model.reset_metrics()  # within TensorFlow, so that the tracked mean is the loss of this batch alone
        return model.train_step(batch)

    with contextlib.suppress(KeyboardInterrupt), _lent(model) as undo:
        data = _Data(x, y, sample_weight, class_weight, batch_size, seed)
        held = None if validation_data is None else _held_out("validation_data", validation_data, HELD_OUT).first()
        saved = _built(undo, model, data)
        _set_rate(undo, _swept(model.optimizer, optimizer), lambda _: rate)
        # The function is as `fit` makes it of `train_step`; nobody sees the metrics, and without them it is traced
        # once instead of twice. By `vars`, since Keras keeps track of what is set as an attribute.
        vars(model).update(steps_per_execution=1, _compile_metrics=None, train_function=model._make_function(step))
        model.make_test_function()
        bar = undo.enter_context(_bar("range test", repeats * count, progress))
        for number in range(repeats):
            _put_back(saved, number)
            made.append(_Sweep(rates, rate, _Watch(count, smoothing, stop_factor), held, bar))
            _fit(model, data, number, [made[-1]], epochs=1 if isinstance(x, Iterator) else count)  # at most
            bar.update((number + 1) * count - bar.n)
            if made[-1].stopped == "interrupted":  # by nothing but the end of the data
                made[-1].stopped = "data ran out"
                break
    if not made:
        raise KeyboardInterrupt
    stopped, losses = [one.stopped for one in made], [one.losses for one in made]
    longest = max(map(len, losses))
    if not longest and "interrupted" not in stopped:
        raise ValueError("x, y and sample_weight must give at least one batch with a finite loss")
    columns = np.array(list(itertools.zip_longest(*losses, fillvalue=np.nan))).reshape(longest, len(made))
    return RangeTest(rates[:longest], columns.T, stopped, smoothing)


# Settings compared ------------------------------------------------------------------------------------


# Student's t at 97.5 %, for 1 to 30 degrees of freedom.
T_QUANTILES = """12.7062 4.3027 3.1824 2.7764 2.5706 2.4469 2.3646 2.3060 2.2622 2.2281 2.2010 2.1788 2.1604 2.1448
2.1314 2.1199 2.1098 2.1009 2.0930 2.0860 2.0796 2.0739 2.0687 2.0639 2.0595 2.0555 2.0518 2.0484 2.0452 2.0423"""


@dataclasses.dataclass(repr=False)
class Comparison:
    """The losses that each setting ended with, seed by seed. Printed, it is a table.

    A run whose validation loss is not finite has failed. It stays: in a median it counts as infinite, and where a
    run has failed there is no difference of means.

    Args:
        losses: The validation losses of each setting, by its label, in the order of the seeds.
        test_losses: The same of the test losses; empty lists where no test data were given.
        seconds: How long each run trained, evaluation not included.
        stopped: "complete" or "interrupted". A run that was interrupted is not in the lists.
    """

    losses: dict[str, list[float]]
    test_losses: dict[str, list[float]]
    seconds: dict[str, list[float]]
    stopped: str = "complete"

    @property
    def best(self) -> str | None:
        """The label of the setting with the lowest median validation loss; None where each has failed, half of its
        runs or more."""
        return min((one for one in self.losses if math.isfinite(self.median(one))), key=self.median, default=None)

    def median(self, label: str, test: bool = False) -> float:
        """The median loss of a setting, on validation or on test data; infinite where half of the runs failed, and
        NaN where there are none."""
        losses = (self.test_losses if test else self.losses)[label]
        return float(np.median([loss if math.isfinite(loss) else math.inf for loss in losses] or [math.nan]))

    def difference(self, label: str, to: str | None = None) -> tuple[float, float, float] | None:
        """How much higher a setting's loss is, in the mean over pairs of runs with the same seed.

        Of test losses, where there are any: the choice was made on the others.

        Args:
            label: The setting.
            to: The setting that it is compared with, by default the first one.

        Returns:
            The mean, and the lower and upper end of its 95 % interval (Student's t); None with fewer than two
            pairs, or where a run failed.
        """
        losses = self.test_losses if any(self.test_losses.values()) else self.losses
        pairs = zip(losses[label], losses[next(iter(losses)) if to is None else to], strict=False)
        changes = np.array([one - other for one, other in pairs])
        if len(changes) < 2 or not np.isfinite(changes).all():
            return None
        half = float(T_QUANTILES.split()[len(changes) - 2]) * changes.std(ddof=1) / math.sqrt(len(changes))
        return float(changes.mean()), float(changes.mean() - half), float(changes.mean() + half)

    def __repr__(self) -> str:
        wide = max(len(str(label)) for label in self.losses)
        of = f"{'test' if any(self.test_losses.values()) else 'validation'} difference to the first"
        rows = [f"{'':{wide}}  validation  failed  seconds       test  {of:34}  by seed"]
        for label, losses in self.losses.items():
            change, each = self.difference(label), " ".join(f"{loss:.4g}" for loss in losses)
            spread = "{:+.3g} ({:+.3g} to {:+.3g})".format(*change) if change else "-"
            runs = f"{sum(not math.isfinite(loss) for loss in losses):2} of {len(losses):<2}"
            chosen_by = f"{self.median(label):10.4g}  {runs:6}  {sum(self.seconds[label]):7.1f}"
            rows += [f"{label!s:{wide}}  {chosen_by}  {self.median(label, test=True):9.4g}  {spread:34}  {each}"]
        return "\n".join([*rows, f"best on validation data: {self.best} ({self.stopped})"])

    def plot(self, ax: Axes | None = None) -> Axes:
        """The validation loss of each run as a point, the median of each setting as a line, failures as words."""
        ax = as_axes(ax)
        for i, (label, losses) in enumerate(self.losses.items()):
            ax.plot(losses, [i] * len(losses), "o", color="C0", alpha=0.6)
            ax.plot(self.median(label), i, "|", color="black", markersize=24)
            if failed := len(losses) - np.isfinite(losses).sum():
                ax.text(1, i, f"{failed} of {len(losses)} failed ", ha="right", transform=ax.get_yaxis_transform())
        ax.set(yticks=range(i + 1), yticklabels=self.losses, ylim=(i + 0.5, -0.5), xlabel="validation loss")
        return ax


def _copied(setting: Any, model: keras.Model) -> Any:
    """A callback or an optimizer of its own for a run, so that the reader's stays as it is."""
    copied = copy.deepcopy(setting, {id(model): model})  # a callback knows the model that it was used with
    for name in "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern":  # not in a configuration
        if hasattr(setting, name):
            setattr(copied, name, getattr(setting, name))
    scaled = keras.optimizers.LossScaleOptimizer
    wants_scale = isinstance(model.optimizer, scaled) and isinstance(setting, Optimizer)
    return scaled(copied) if wants_scale and not isinstance(setting, scaled) else copied


# What can share a traced training step stands together: "as compiled" and callbacks, then the rates.
_KINDS = (keras.callbacks.Callback | str, numbers.Real, Schedule, Optimizer)


def _check_setting(name: str, setting: Any, model: keras.Model) -> None:
    """Raise where a setting is none that the model's optimizer can be trained with."""
    unknown = isinstance(setting, str) and setting != "as compiled"
    if unknown or isinstance(setting, bool) or not isinstance(setting, _KINDS):
        what = "a rate, a schedule, a new optimizer, a callback or 'as compiled'"
        raise TypeError(f"{name} must be {what}, got {setting!r}")
    step = int(model.optimizer.iterations.numpy())
    sets_rate = isinstance(setting, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler)
    if isinstance(setting, numbers.Real):
        check_rate(name, setting)
    elif isinstance(setting, Schedule) and step:
        raise ValueError(f"{name} would start at step {step} of the optimizer: compile the model anew first")
    elif isinstance(setting, Optimizer) and setting.built:
        raise ValueError(f"{name} must be a new optimizer, got one that was built for a model")
    elif sets_rate and any(isinstance(one._learning_rate, Schedule) for one, _ in _swept(model.optimizer, None)):
        raise ValueError(f"{name} sets the rate, which it cannot where the model was compiled with a schedule")
    with _blamed_on(f"{name} must be what can be copied"):
        _copied(setting, model)


def _check_sets(sets: dict[str, Any]) -> None:
    """Raise where data cannot be read twice, or where two sets are the same."""
    for name, data in sets.items():
        endless = isinstance(data, tf.data.Dataset) and data.cardinality() == tf.data.INFINITE_CARDINALITY
        if endless or isinstance(data, Iterator) or getattr(data, "num_batches", 0) is None:
            raise ValueError(f"{name} must be data that end and can be read twice, got {data!r}")
    for (name, data), (other, others) in itertools.combinations(sets.items(), 2):
        pairs = itertools.zip_longest(keras.tree.flatten(data), keras.tree.flatten(others))
        if all(a is b or (hasattr(a, "shape") and np.array_equal(a, b)) for a, b in pairs):
            raise ValueError(f"{other} must not be {name}, got the same data")


def _each_setting(undo: contextlib.ExitStack, model: keras.Model, settings: dict) -> Iterator[tuple[str, Saved]]:
    """Make the model train with each setting in turn; give its label, and the values of a new optimizer."""
    swept, rate, last = _swept(model.optimizer, None), tf.Variable(0.0, trainable=False), 0
    kinds = {label: [isinstance(one, kind) for kind in _KINDS].index(True) for label, one in settings.items()}
    for label in sorted(settings, key=kinds.get):
        setting, kind, slots = settings[label], kinds[label], []
        if kind != last or kind > 1:
            model.train_function = None  # the step is traced anew
            gc.collect()  # a traced step is in cycles, and with it the optimizer of the last setting
        last = kind
        if isinstance(setting, Optimizer):
            with model.distribute_strategy.scope():
                vars(model)["optimizer"] = _copied(setting, model)
                model.optimizer.build(model.trainable_variables)
            slots = _values(model.optimizer.variables)
        elif isinstance(setting, Schedule):
            _set_rate(undo, swept, setting)
        elif isinstance(setting, numbers.Real):
            rate.assign(setting)
            _set_rate(undo, swept, lambda _: rate)
        yield label, slots


def _drawn_anew(model: keras.Model, seed: int) -> Saved:
    """New values for the weights of all layers that are trained."""
    random.seed(seed)  # from it Keras draws the seeds of initialisers
    with _blamed_on("reinitialise must be False where keras.models.clone_model cannot build the model again"):
        pairs = list(zip(model.weights, keras.models.clone_model(model).get_weights(), strict=True))
    trained = {weight.path.rpartition("/")[0] for weight in model.trainable_weights}  # a layer's path
    return [(weight, value) for weight, value in pairs if weight.path.rpartition("/")[0] in trained]


def compare(
    model: keras.Model,
    settings: dict[str, Any],
    x: Any,
    y: Any = None,
    *,
    validation_data: Any,
    test_data: Any = None,
    epochs: int,
    seeds: int = 3,
    first_seed: int = 0,
    batch_size: int = 32,
    sample_weight: Any = None,
    class_weight: dict[int, float] | None = None,
    reinitialise: bool = False,
    progress: bool = True,
) -> Comparison:
    """Train a compiled model with each setting, several times, and note the losses that it ends with.

    Every run starts from the weights that the model came with, pretrained ones included, and from the state of its
    optimizer; a new optimizer starts at its beginning. It is one `fit` and one `evaluate` of plain Keras, with the
    model's own losses, metrics, frozen layers, loss scale and `train_step`. The training step is traced once for
    all rates, once for "as compiled" and all callbacks, and once for each schedule and each optimizer. Any number
    of rates takes the memory of one. An optimizer is let go after its runs, but TensorFlow 2.21 keeps as much of
    its memory as when a model is compiled and fitted again and again.

    Runs with the same seed are a pair: they get arrays, and the batches of a PyDataset, in the same order, and
    dropout begins with the same draws. A tf.data.Dataset shuffles itself, whatever the seed: its runs are no
    pairs, and differ only if it shuffles or there is dropout.

    Choose by `result.best`, which reads the validation losses. The best of several is too good on the data and the
    seeds that it was chosen with: report its test loss, with seeds that the choice has not seen.

    Afterwards the model is as before, also after an exception: weights, optimizer, metrics, random seeds, history.
    The stop button returns the runs that are complete. Not undone: a model, its optimizer and its metrics without
    variables have got them, and a shuffling tf.data.Dataset has moved on to its next order.

    Args:
        model: Compiled, with one optimizer. What it evaluates must have a "loss". One without `call` must have its
            weights.
        settings: By its label, each one of: a rate or a `LearningRateSchedule`, which takes the place of what was
            compiled in (also of a schedule or a warm-up), while the optimizer stays; an `Optimizer` that is new; a
            `Callback` such as `ReduceLROnPlateau`, of which each run gets a copy, and the validation loss of each
            epoch; or "as compiled". With a `MultiOptimizer` the largest of its rates becomes the one given, and
            the others keep their ratio to it.
        x: What `fit` takes, but a PyTorch DataLoader, and what can be read again and again: arrays, nested in
            lists, tuples and dicts as the model wants them, or a tf.data.Dataset or a PyDataset that ends.
        y: Targets, where `x` are arrays.
        validation_data: As for `fit`: `(x, y)`, `(x, y, sample_weight)`, or batches. Not the training data.
        test_data: The same, of data that are neither; what reports is measured on them.
        epochs: Passes over `x` in each run.
        seeds: How many runs each setting gets, at most 31. Three show a run that fails now and then; an interval
            that is narrow enough to tell settings apart often needs five to ten.
        batch_size: Of arrays; 32 as in `fit`.
        sample_weight: Weights of the samples, where `x` are arrays.
        class_weight: The weight of the samples of each class, by the number of the class, as in `fit`.
        reinitialise: Whether each seed draws the weights anew, too. Layers without a weight that is trained, such
            as frozen ones, keep theirs. For models that `keras.models.clone_model` can build again.
        progress: Whether to show a bar on standard output.

    Returns:
        A `Comparison`.

    Raises:
        TypeError: An argument is of the wrong type, or a setting is of no kind listed above.
        ValueError: A number is out of range; data are not what `fit` takes, cannot be read twice, or two of the
            sets are the same; the model is not compiled, has no weights and no `call`, keeps a second optimizer,
            cannot train on or evaluate the data, or cannot be built again; a schedule is to go on after steps that
            were made before; an optimizer is not new.
        KeyboardInterrupt: The stop button was pressed before a run was complete.
    """
    epochs, batch_size = check_count("epochs", epochs), check_count("batch_size", batch_size)
    first = check_count("first_seed", first_seed, least=0)
    used = range(first, first + check_count("seeds", seeds, most=len(T_QUANTILES.split()) + 1))
    check_bool("reinitialise", reinitialise)
    check_bool("progress", progress)
    _check_model(model)
    if not isinstance(settings, dict) or not settings:
        raise TypeError(f"settings must be a dict with a setting for each label, got {settings!r}")
    sets = {"validation_data": validation_data} | ({} if test_data is None else {"test_data": test_data})
    _check_sets({"x": x} | {name: keras.utils.unpack_x_y_sample_weight(given)[0] for name, given in sets.items()})
    result = Comparison(*({label: [] for label in settings} for _ in range(3)), stopped="interrupted")

    def evaluated(name: str, steps: int | None = None) -> float:
        with _blamed_on(f"model must be able to evaluate {name}"), held[name].source() as source:
            return _loss(model.evaluate(source, steps=steps, verbose=0, return_dict=True), "test_step")

    with contextlib.suppress(KeyboardInterrupt), warnings.catch_warnings(), _lent(model) as undo:
        data = _Data(x, y, sample_weight, class_weight, batch_size, 0)
        held = {name: _held_out(name, given, batch_size) for name, given in sets.items()}
        saved = _built(undo, model, data)
        for label, setting in settings.items():
            _check_setting(f"settings[{label!r}]", setting, model)
        for name in held:
            evaluated(name, steps=1)
        warnings.filterwarnings("error", "Your input ran out of data")  # Keras would go on with an untrained model
        anew = {seed: _drawn_anew(model, seed) if reinitialise else [] for seed in used}
        bar = undo.enter_context(_bar("compare", len(settings) * len(used) * epochs, progress))
        shown = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.update())
        for label, slots in _each_setting(undo, model, settings):
            for seed in used:
                _put_back([*saved, *slots, *anew[seed]], seed)
                start, own = time.perf_counter(), isinstance(settings[label], keras.callbacks.Callback)
                callbacks = [shown, _copied(settings[label], model)] if own else [shown]
                with held["validation_data"].source() as seen:
                    _fit(model, data, seed, callbacks, epochs=epochs, validation_data=seen if own else None)
                ended = [time.perf_counter() - start, *map(evaluated, held)]
                for noted, number in zip((result.seconds, result.losses, result.test_losses), ended, strict=False):
                    noted[label].append(number)
                bar.update(sum(map(len, result.seconds.values())) * epochs - bar.n)  # a callback may end a run
        result.stopped = "complete"
    if not any(result.seconds.values()):
        raise KeyboardInterrupt
    return result
