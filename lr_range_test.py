"""A learning rate range test for Keras 3 on TensorFlow, in one file: copy it beside your own code.

It needs Keras, TensorFlow, NumPy, tqdm and, for the plot, Matplotlib. Importing it changes nothing in the process.
Read it from top to bottom: each part uses only the parts above it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
import json
import math
import numbers
import os
import random
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Checks -----------------------------------------------------------------------------------------------


MOST_STEPS = 10_000_000  # of a table of rates: 40 MB
SMALLEST, LARGEST = float(np.finfo("float32").tiny), float(np.finfo("float32").max)


def check_rate(name: str, value: object, *, zero: bool = False) -> float:
    """A learning rate as a float, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an integer or a fraction can be larger than any float
        number = math.inf
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name} must be {'zero or more' if zero else 'positive'} and finite, got {value!r}")
    if number > 0 and not SMALLEST <= number <= LARGEST:
        raise ValueError(f"{name} must fit into float32, the precision of Keras, got {value!r}")
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


def as_array(name: str, values: object, kinds: str = "", dimensions: int = 1) -> np.ndarray:
    """An array; where kinds are given, of numbers of these kinds and so many dimensions."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array, or rows of the same length: {error}") from error
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


# Batches ----------------------------------------------------------------------------------------------


def _orders(length: int, passes: int, *seeds: int) -> np.ndarray:
    """A new order of all images for each pass, (passes, length), from the seeds alone. tf.data's own shuffle
    would also depend on the global seed."""
    return np.stack([np.random.default_rng([*seeds, i]).permutation(length) for i in range(passes)])


def _batches(arrays: Any, size: int = 250, orders: np.ndarray | tf.Variable | None = None) -> tf.data.Dataset:
    """The batches of nested arrays, pass after pass in the given orders (passes, length), else as they lie."""
    if orders is None:
        orders = np.arange(len(keras.tree.flatten(arrays)[0]))[None]
    orders = tf.constant(orders) if isinstance(orders, np.ndarray) else orders
    passes, length = orders.shape
    count = math.ceil(length / size)

    def batch(step: tf.Tensor) -> Any:
        chosen = orders[step // count, step % count * size : (step % count + 1) * size]
        return keras.tree.map_structure(lambda array: tf.gather(array, chosen), arrays)

    options = tf.data.Options()
    # A batch is ready in 0.2 ms: threads that fetch it ahead would only take the cores from the training.
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return tf.data.Dataset.range(passes * count).map(batch).with_options(options)


# The test ---------------------------------------------------------------------------------------------


RULES = ("steepest", "minimum", "valley", "slide")


@dataclasses.dataclass
class RangeTest:
    """What a range test saw, and what can be read from it.

    `learning_rates` (n,) and `losses` (n,): the loss of batch i, before the update made at rate i. With several
    repeats `sweeps` (repeats, n) has one row each, NaN after a sweep's end, and `losses` is their median. The
    sweeps have ended for the reasons in `stopped`: "complete", "loss not finite", "loss exploded", "interrupted".
    `smoothing` is the weight of the past in the exponential moving average.
    """

    learning_rates: np.ndarray
    sweeps: np.ndarray
    stopped: list[str]
    smoothing: float = 0.9

    def __post_init__(self) -> None:
        """Raise ValueError or TypeError where the fields do not fit together."""
        self.learning_rates = as_array("learning_rates", self.learning_rates, "iuf")
        self.sweeps = as_array("sweeps", self.sweeps, "iuf", dimensions=2)
        if not isinstance(self.stopped, list):
            raise TypeError(f"stopped must be a list with a reason for each sweep, got {self.stopped!r}")
        if not (np.isfinite(self.learning_rates) & (self.learning_rates > 0)).all():
            raise ValueError(f"learning_rates must be positive and finite, got {self.learning_rates}")
        if self.sweeps.shape != (len(self.stopped), len(self.learning_rates)):
            raise ValueError(
                f"sweeps must have a row for each of {len(self.stopped)} in stopped and a column for each of "
                f"{len(self.learning_rates)} learning_rates, got shape {self.sweeps.shape}"
            )
        _check_smoothing(self.smoothing)

    @property
    def losses(self) -> np.ndarray:
        """The true loss per batch; the median where the test was repeated."""
        return np.nanmedian(self.sweeps, axis=0)

    @property
    def smoothed(self) -> np.ndarray:
        """The losses smoothed by `smooth`; the median of the smoothed sweeps where the test was repeated."""
        return np.nanmedian([smooth(sweep, self.smoothing) for sweep in self.sweeps], axis=0)

    def suggest(self, rule: str = "valley") -> float | None:
        """The rate that a rule reads from the curve, or None where there is no answer: `why(rule)` has the reason.

        The rules read the smoothed losses without their first tenth, where the average has few points (as
        fastai does), up to the lowest one:

        - `"steepest"`: where d smoothed / d log(rate) is lowest (fastai's "steep");
        - `"minimum"`: a tenth of the rate with the lowest smoothed loss (fastai's "minimum");
        - `"valley"`: the middle of the longest falling subsequence: its n points end at index e, the answer is at
          e − n + n//3 + n//6 (fastai's "valley", the default: hard to move by noise);
        - `"slide"`: a window of 15 steps slides left from the right end of the whole curve while the slopes per
          step at its ends differ by more than 0.005; the last left end that did (fastai's "slide"). None where
          that lies above the lowest loss.

        With repeats: the median of the sweeps' answers, None where fewer than half have one. Raises ValueError
        for another rule.
        """
        answers = self.answers(rule)
        return float(np.median(answers)) if 2 * len(answers) >= len(self.sweeps) else None

    def suggestions(self) -> dict[str, float | None]:
        """The answer of every rule."""
        return {rule: self.suggest(rule) for rule in RULES}

    def answers(self, rule: str) -> list[float]:
        """The rates that a rule reads from the single sweeps; those without an answer are left out."""
        return [reading for reading in self._readings(rule) if not isinstance(reading, _NoAnswer)]

    def spread(self, rule: str) -> tuple[float, float] | None:
        """The lowest and the highest answer among the sweeps; None where `suggest` gives none."""
        return None if self.suggest(rule) is None else (min(self.answers(rule)), max(self.answers(rule)))

    def why(self, rule: str) -> str:
        """Why a rule has no answer, sweep by sweep; empty where every sweep has one."""
        readings = enumerate(self._readings(rule))
        return "; ".join(f"sweep {i}: {reading}" for i, reading in readings if isinstance(reading, _NoAnswer))

    def bounds(self) -> tuple[float, float] | None:
        """Bounds for a cyclical rate (Smith, 2017, section 3.3), or None where the curve has none.

        min_lr: the last rate before the smoothed loss has made a tenth of its whole fall, where learning starts;
        max_lr: the first at which it has made nine tenths, where it stops or gets ragged. With repeats the
        median of each.
        """
        pairs = [pair for pair in self._readings("bounds") if not isinstance(pair, _NoAnswer)]
        enough = 2 * len(pairs) >= len(self.sweeps)
        return tuple(float(value) for value in np.median(pairs, axis=0)) if enough else None

    def _readings(self, rule: str) -> list[Any]:
        """A reading, or the reason why there is none, of each sweep."""
        check_choice("rule", rule, [*RULES, "bounds"])
        readings = []
        for sweep, stopped in zip(self.sweeps, self.stopped, strict=True):
            try:
                readings.append(_read(rule, self.learning_rates, sweep, self.smoothing, stopped))
            except _NoAnswer as reason:
                readings.append(reason)
        return readings

    def plot(self, ax: Axes | None = None) -> Axes:
        """Raw points, the smoothed curve, the band of the repeats and the pick of every rule."""
        return plot_range_test(self, ax)

    def save(self, path: str | os.PathLike) -> None:
        """Write the test as JSON: finite numbers, and null where a sweep had ended."""
        check_path(path)
        content = dataclasses.asdict(self)
        content["learning_rates"] = [float(rate) for rate in self.learning_rates]
        content["sweeps"] = [[float(x) if np.isfinite(x) else None for x in sweep] for sweep in self.sweeps]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)

    @classmethod
    def load(cls, path: str | os.PathLike) -> RangeTest:
        """Read what `save` wrote. Raises ValueError for a file that is not a stored range test."""
        with open(check_path(path), encoding="utf-8") as file:
            try:
                content = json.load(file)
                rates = np.array(content["learning_rates"], "float32")
                sweeps = np.array(content["sweeps"], "float64").reshape(-1, len(rates))
                return cls(rates, sweeps, list(content["stopped"]), content["smoothing"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"path must name a range test that was saved, got {path!r}: {error}") from error


def _check_smoothing(smoothing: object) -> None:
    if not check_rate("smoothing", smoothing, zero=True) < 1:
        raise ValueError(f"smoothing must be below 1, got {smoothing}")


def smooth(losses: Sequence[float] | np.ndarray, smoothing: float = 0.9) -> np.ndarray:
    """Exponential moving average without the bias towards zero at its start (Kingma and Ba, 2015, section 3).

    average_i = smoothing·average_{i−1} + (1 − smoothing)·losses_i, divided by 1 − smoothing**(i+1).
    """
    _check_smoothing(smoothing)
    average, averages = 0.0, []
    for i, loss in enumerate(as_array("losses", losses, "iuf").tolist()):
        average = smoothing * average + (1 - smoothing) * loss
        averages.append(average / (1 - smoothing ** (i + 1)))
    return np.array(averages)


class _NoAnswer(ValueError):
    """Why nothing can be read from a curve."""


def _read(rule: str, rates: np.ndarray, sweep: np.ndarray, smoothing: float, stopped: str) -> Any:
    """What one rule reads from one sweep; raises _NoAnswer where there is nothing to read."""
    keep = np.isfinite(sweep)
    raw, window = sweep[keep], 15
    if len(raw) <= window:
        end = "; begin with a smaller min_lr" if stopped.startswith("loss") else ""
        raise _NoAnswer(f"too few points: {len(raw)} ({stopped}), at least {window + 1} are needed{end}")
    skip = len(raw) // 10
    rates, losses = rates[keep][skip:].astype("float64"), smooth(raw, smoothing)[skip:]
    lowest, start = int(losses.argmin()), raw[: skip + 3].mean()
    # Of one batch: in differences a slow trend cancels, in their median a final explosion. Averaging shrinks it.
    noise = np.median(np.abs(np.diff(raw))) / 0.954
    noise *= math.sqrt(max((1 - smoothing) / (1 + smoothing), 1 / (skip + 3)))
    least = max(3 * noise, 1e-6 * abs(start))
    if start - losses[lowest] <= least:
        if losses[-1] - start > least:
            raise _NoAnswer("the loss rises from the start: begin with a smaller min_lr")
        raise _NoAnswer("the loss is flat: it falls by no more than its noise; raise max_lr or take more steps")
    falling = losses[: lowest + 1]
    if rule == "steepest":
        return float(rates[np.gradient(losses, np.log(rates))[: lowest + 1].argmin()])
    if rule == "minimum":
        return float(rates[lowest] / 10)
    if rule == "valley":
        length = np.ones(len(falling), int)  # of the longest falling subsequence that ends here
        for i in range(1, len(falling)):
            length[i] += max(length[:i][falling[:i] > falling[i]], default=0)
        end, n = int(length.argmax()), int(length.max())
        return float(rates[max(end - n + n // 3 + n // 6, 0)])
    if rule == "slide":
        slope, left = np.gradient(losses), len(losses) - 1 - window
        answer = max(left, 0)
        while left >= 0 and abs(slope[left + window] - slope[left]) > 0.005:
            answer, left = left, left - 1
        if answer > lowest:
            raise _NoAnswer("the slide stops above the rate with the lowest loss")
        return float(rates[answer])
    fallen = (start - falling) / (start - falling[-1])
    low, high = np.flatnonzero(fallen < 0.1).max(initial=0), (fallen >= 0.9).argmax()
    if low >= high:
        raise _NoAnswer("the loss falls in one step: take more steps")
    return float(rates[low]), float(rates[high])


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
    sweep: str = "exponential",
    repeats: int = 1,
    smoothing: float = 0.9,
    stop_factor: float = 4.0,
    seed: int = 0,
    progress: bool = True,
) -> RangeTest:
    """Train for a few steps with a rising learning rate and note the true loss of every batch (Smith, 2017).

    On any compiled Keras model (TensorFlow backend) and any input that `fit` takes: arrays or dicts of them,
    which are shuffled with `seed` and batched with `batch_size` (32, as in `fit`); tf.data, PyDataset and
    generators are used as they come. Data that runs out is repeated; a generator's batches are kept for that.

    The rate of step i is min_lr·(max_lr/min_lr)**(i/(steps−1)), or in a straight line with sweep="linear"; both
    ends are reached. The loss is the batch's own, as `fit` would compute it in training mode before the update,
    regularisation included: not the running mean that callbacks see. The sweep stops when the loss is not
    finite, or, after a tenth of the steps, when the smoothed loss exceeds `stop_factor` times its best
    (4, as in fastai). `repeats` sweeps start from the same weights, with other batches and dropout.

    Afterwards weights, optimizer, metrics and random seeds are as before, also after an exception. The stop
    button ends the test and returns what there is. Not undone: a generator's batches are used up, and a
    shuffling tf.data.Dataset has moved on to its next order.

    Raises ValueError or TypeError for a value that makes no sense, before any training, and ValueError where the
    model cannot train on the data.
    """
    low, high = check_bounds(min_lr, max_lr)
    count, repeats = check_count("steps", steps, least=2, most=MOST_STEPS), check_count("repeats", repeats)
    batch_size, seed = check_count("batch_size", batch_size), check_count("seed", seed, least=0)
    _check_smoothing(smoothing)
    check_bool("progress", progress)
    if check_rate("stop_factor", stop_factor) <= 1:
        raise ValueError(f"stop_factor must be above 1, got {stop_factor}")
    space = {"exponential": np.geomspace, "linear": np.linspace}[check_choice("sweep", sweep, _SWEEPS)]
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model, got {model!r}")
    if not model.compiled or model.optimizer is None:
        raise ValueError("model must be compiled: call model.compile(optimizer=..., loss=...) first")
    rates = space(low, high, count).astype("float32")
    batches = _any_batches(x, y, sample_weight, batch_size, count, seed)

    sweeps, stopped = [], []
    try:
        if not model.built:
            model(keras.utils.unpack_x_y_sample_weight(next(iter(batches(0))))[0])
        with (
            _put_back(model) as start_again,
            tqdm(total=repeats * count, desc="range test", disable=not progress, file=sys.stdout, ncols=80) as bar,
        ):
            sweeper = _Sweeper(model, rates)
            while len(stopped) < repeats and "interrupted" not in stopped:
                start_again()
                sweeps.append(np.full(count, np.nan))
                stopped.append(sweeper.run(batches(len(stopped)), sweeps[-1], smoothing, stop_factor, bar))
            del sweeper  # what it has traced is then collected
    except (ValueError, TypeError, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        raise ValueError(f"model must be able to train on x, y and sample_weight: {error}") from error
    longest = np.isfinite(sweeps).any(axis=0).sum()
    if not longest and "interrupted" not in stopped:
        raise ValueError("x, y and sample_weight must give at least one batch with a finite loss")
    return RangeTest(rates[:longest], np.array(sweeps)[:, :longest], stopped, smoothing)


_SWEEPS = ("exponential", "linear")


def _any_batches(
    x: Any, y: Any, sample_weight: Any, size: int, steps: int, seed: int
) -> Callable[[int], tf.data.Dataset]:
    """A function from the number of the sweep to at least `steps` batches of whatever `fit` takes."""
    if isinstance(x, types.GeneratorType):
        x = (batch for batch in itertools.cycle(x))  # a generator cannot be rewound: keep what it gave
    if not isinstance(x, tf.data.Dataset | keras.utils.PyDataset | types.GeneratorType):
        if y is None and sample_weight is not None:
            raise ValueError("y must be given where sample_weight is")
        parts = (x,) if y is None else (x, y) if sample_weight is None else (x, y, sample_weight)
        arrays = keras.tree.map_structure(_as_tensor, parts)
        lengths = {len(array) for array in keras.tree.flatten(arrays)}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"x, y and sample_weight must have the same length above 0, got {sorted(lengths)}")
        length = lengths.pop()
        passes = math.ceil(steps / math.ceil(length / size))
        return lambda sweep: _batches(arrays, size, _orders(length, passes, seed, sweep))
    if y is not None or sample_weight is not None:
        raise ValueError(f"y and sample_weight must be part of x, which is a {type(x).__name__}")
    # `fit` reads these through an adapter for which Keras has no public name.
    from keras.src.trainers.data_adapters import get_data_adapter

    batches = get_data_adapter(x).get_tf_dataset().repeat()
    return lambda sweep: batches


def _as_tensor(array: Any) -> tf.Tensor:
    array = array if tf.is_tensor(array) else as_array("x, y or sample_weight", array)
    if array.ndim == 0:
        raise TypeError(f"x, y and sample_weight must be arrays, got {array!r}")
    is_float = array.dtype in ("float64", tf.float64)
    return tf.convert_to_tensor(array, keras.config.floatx() if is_float else None)


def _values(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    """Copies of what variables hold now."""
    return [variable.numpy().copy() for variable in variables]


@contextlib.contextmanager
def _put_back(model: keras.Model) -> Iterator[Callable[[], None]]:
    """Inside: a function that takes weights and optimizer back to the start. At the end: all is as before."""
    model.optimizer.build(model.trainable_variables)
    rng = random.getstate(), np.random.get_state()  # noqa: NPY002 - data that augments itself may use it
    again, rest = [*model.weights, *model.optimizer.variables], [*model.variables, *model.metrics_variables]
    again_values, rest_values = _values(again), _values(rest)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    rate = optimizer._learning_rate  # the public setter would drop the variable or the schedule

    def start_again() -> None:
        for variable, value in zip(again, again_values, strict=True):
            variable.assign(value)

    gc.freeze()  # what there is already need not be searched for garbage, which would take a quarter of a second
    try:
        yield start_again
    finally:
        start_again()
        model.reset_metrics()  # those that only now have come to be
        for variable, value in zip(rest, rest_values, strict=True):
            variable.assign(value)
        optimizer._learning_rate = rate
        model.__dict__.pop("compute_metrics", None)
        gc.collect()  # the traced sweep refers to itself: each would leave some 4 MB behind
        gc.unfreeze()
        random.setstate(rng[0])
        np.random.set_state(rng[1])  # noqa: NPY002


class _Sweeper:
    """The model's own training step, at the rates of the sweep, with the loss of each batch written down."""

    def __init__(self, model: keras.Model, rates: np.ndarray) -> None:
        self.step = tf.Variable(0, trainable=False)
        self.losses = tf.Variable(np.zeros(len(rates), "float32"), trainable=False)
        rate, table = tf.Variable(rates[0], trainable=False), tf.constant(rates)
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        optimizer._learning_rate = lambda: rate
        # Only the loss is read. Metrics would cost time in every step, and a second trace where they are new.
        model.compute_metrics = lambda *_, **__: {m.name: m.result() for m in model.metrics if m.name == "loss"}

        @tf.autograph.experimental.do_not_convert
        def noted_step(iterator: Any) -> None:
            rate.assign(table[self.step])
            for metric in model.metrics:  # so that the tracked mean is the loss of this batch alone
                metric.reset_state()
            logs = model.train_step(next(iterator))
            if "loss" not in logs:
                raise ValueError(f"model.train_step must return a dict with 'loss', got {', '.join(logs)}")
            self.losses.scatter_nd_update([[self.step]], [tf.cast(logs["loss"], tf.float32)])
            self.step.assign_add(1)

        def steps(iterator: Any, count: tf.Tensor) -> None:
            for _ in tf.range(count):
                noted_step(iterator)

        # Keras's own loop over several steps would trace the training step twice, which takes half a second each.
        self.steps = steps if model.run_eagerly else tf.function(steps)

    def run(self, batches: tf.data.Dataset, row: np.ndarray, smoothing: float, factor: float, bar: tqdm) -> str:
        """Fill the row with losses; return why it ended."""
        self.step.assign(0)
        iterator = iter(batches)
        done = 0
        try:
            while done < len(row):
                # At most so many steps are made in vain after the loss explodes.
                self.steps(iterator, tf.constant(min(20, len(row) - done)))
                new = int(self.step)
                row[done:new] = self.losses.numpy()[done:new]
                bar.update(new - done)
                done = new
                end, reason = _end_of(row[:done], len(row), smoothing, factor)
                if reason:
                    row[end:] = np.nan
                    bar.update(len(row) - done)
                    return reason
        except (StopIteration, tf.errors.OutOfRangeError):  # the data had no batch at all
            return "complete"
        except KeyboardInterrupt:
            row[done:] = np.nan
            return "interrupted"
        return "complete"


def _end_of(losses: np.ndarray, steps: int, smoothing: float, factor: float) -> tuple[int, str]:
    """Where a sweep has to end and why; an empty reason while it may go on."""
    finite = np.isfinite(losses)
    count = len(losses) if finite.all() else int(finite.argmin())
    smoothed = smooth(losses[:count], smoothing)
    exploded = smoothed > factor * np.minimum.accumulate(smoothed)
    exploded[: steps // 10] = False
    if exploded.any():
        return int(exploded.argmax()) + 1, "loss exploded"
    return (count, "loss not finite") if count < len(losses) else (count, "")


# Plot -------------------------------------------------------------------------------------------------


def as_axes(ax: Axes | None) -> Axes:
    """The Axes that were given, else new ones of a figure of their own."""
    import matplotlib.pyplot as plt  # here, since it takes longer than all the rest of this file

    return plt.subplots(figsize=(7, 4), layout="constrained")[1] if ax is None else ax


def plot_range_test(result: RangeTest, ax: Axes | None = None) -> Axes:
    """Raw losses as points, the smoothed curve, the band of the repeats, and the pick of every rule."""
    import matplotlib.pyplot as plt

    ax = as_axes(ax)
    rates = result.learning_rates
    for sweep in result.sweeps:
        ax.plot(rates, sweep, ".", color="0.7", markersize=3, zorder=1)
    smoothed = [smooth(sweep, result.smoothing) for sweep in result.sweeps]
    if len(smoothed) > 1:
        ax.fill_between(rates, np.nanmin(smoothed, axis=0), np.nanmax(smoothed, axis=0), color="0.85", zorder=0)
    ax.plot(rates, result.smoothed, color="black", linewidth=2, label="smoothed")
    styles = zip(itertools.cycle(("-", "--", "-.", ":")), plt.rcParams["axes.prop_cycle"], strict=False)
    for (rule, pick), (line, style) in zip(result.suggestions().items(), styles, strict=False):
        style = {"linestyle": line} | style
        if pick is not None:
            ax.axvline(pick, label=f"{rule}: {pick:.1e}", **style)
            ax.axvspan(*result.spread(rule), color=style["color"], alpha=0.12, linewidth=0)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss of the batch")
    ax.legend()
    return ax
