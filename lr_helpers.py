"""Learning rates in Keras 3 on TensorFlow: data, model, schedules, training, range test, plots.

Read it from top to bottom: each part uses only the parts above it. Copy it into a project as it is.
A *step* is one batch and one update of the weights; an *epoch* is one pass over the training data.

Importing it gives each operation of TensorFlow one thread on the CPU, so that results do not depend on the number
of cores; independent operations still run side by side. The article's network on digits takes 6 % longer for it on
two cores, with MNIST's larger batches 40 %. A large network on many cores needs its threads: set the environment
variable TF_NUM_INTRAOP_THREADS to their number, or use TensorFlow before this import.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import functools
import gc
import hashlib
import inspect
import itertools
import json
import math
import numbers
import os
import platform
import random
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import joblib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from tqdm import tqdm


@contextlib.contextmanager
def _native_stderr_hidden() -> Iterator[None]:
    """Keep what C++ code writes to file descriptor 2 off the screen, unless Python raises."""
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(screen, captured.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


# TensorFlow logs at import and at its first operation, before its own log level can be set. To silence
# it by switching oneDNN off, as is often advised, would halve the speed of training.
with _native_stderr_hidden():
    import keras
    import tensorflow as tf
    from tqdm.keras import TqdmCallback

    # How a sum is split over threads changes its last digits. With one thread for each operation a run gives the
    # same numbers in any number of processes, on any number of cores, and processes do not fight for the cores.
    if not os.environ.get("TF_NUM_INTRAOP_THREADS"):
        with contextlib.suppress(RuntimeError):  # TensorFlow is at work already: its threads stay as they are
            tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.zeros(1)
# Comparing optimizers means many models; TensorFlow would advise against "excessive retracing" each time.
tf.get_logger().setLevel("ERROR")


# Checks ------------------------------------------------------------------------------------------------


MOST_STEPS = 10_000_000  # of a table of rates: 40 MB
SMALLEST, LARGEST = float(np.finfo("float32").tiny), float(np.finfo("float32").max)


def _check_rate(name: str, value: object, *, zero: bool = False) -> float:
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


def _check_count(name: str, value: object, least: int = 1, most: int = 2**31 - 1) -> int:
    """A count of steps, epochs or images as an int, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be at least {least} and at most {most:,}, got {value}")
    return int(value)


def _check_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def _check_choice(name: str, value: object, choices: Collection[str]) -> str:
    """One of the choices, or an error that lists them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return value


def _as_array(name: str, values: object, kinds: str = "", dimensions: int = 1) -> np.ndarray:
    """An array; where kinds are given, of numbers of these kinds and so many dimensions."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array, or rows of the same length: {error}") from error
    if kinds and (array.ndim != dimensions or (array.size and array.dtype.kind not in kinds)):
        what = "whole numbers" if kinds == "iu" else "numbers"
        raise TypeError(f"{name} must be an array of {what} with {dimensions} dimension(s), got {values!r}")
    return array


def _check_path(path: object, name: str = "path") -> str:
    if not isinstance(path, str | os.PathLike) or "\0" in str(path):
        raise TypeError(f"{name} must be the path of a file, got {path!r}")
    if os.path.isdir(path):
        raise ValueError(f"{name} must be the path of a file, got the folder {os.fspath(path)!r}")
    return os.fspath(path)


def _check_bounds(min_lr: object, max_lr: object) -> tuple[float, float]:
    low, high = _check_rate("min_lr", min_lr), _check_rate("max_lr", max_lr)
    if np.float32(low) >= np.float32(high):
        raise ValueError(f"min_lr must be below max_lr, got {low} and {high}")
    return low, high


# Data --------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images (n, 28, 28, 1), float32 in [0, 1], and integer labels (n,), in three parts. Read-only."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def steps_per_epoch(self, batch_size: int | None = None) -> int:
        """Batches in one pass over the training images; the last one may be short."""
        size = BATCH_SIZES[self.name] if batch_size is None else _check_count("batch_size", batch_size)
        return math.ceil(len(self.x_train) / size)


# Training and validation images, so that steps can be counted where the data are not at hand.
SIZES = {"digits": (1_149, 288), "mnist": (48_000, 12_000)}

# The article's batch size for MNIST. Digits has 1,149 training images: 32 gives it 36 steps an epoch.
BATCH_SIZES = {"digits": 32, "mnist": 250}

# SHA-256 of the bytes of the canonical arrays, whatever file they come in.
MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}


def load_dataset(name: str = "digits") -> Dataset:
    """Load `"digits"` (default: it comes with scikit-learn, offline) or `"mnist"`.

    digits: 1,797 images of 8×8 pixels, scaled to 28×28 with bilinear interpolation; a fixed split,
    stratified by label, of about 64/16/20 %. mnist: the first 48,000 and last 12,000 training images, as
    `validation_split=0.2` divides them, and 10,000 test images; read from the file that the environment
    variable LR_MNIST_NPZ names, else through `keras.datasets.mnist`.

    Raises ValueError for another name or a damaged file, FileNotFoundError or ConnectionError without MNIST.
    """
    return _load(_check_choice("name", name, BATCH_SIZES))


@functools.cache
def _checksum(name: str) -> str:
    """Of all arrays of a data set. MNIST's is known without loading it."""
    data = [MNIST_SHA256[key].encode() for key in MNIST_SHA256] if name == "mnist" else _digits()
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in data)).hexdigest()


@functools.cache
def _load(name: str) -> Dataset:
    # Views of the tensors, read-only: MNIST is 220 MB, and a laptop need not hold it twice.
    return Dataset(name, *(np.asarray(memoryview(tensor)) for tensor in _tensors(name)))


@functools.cache
def _tensors(name: str) -> list[tf.Tensor]:
    with tf.device("CPU"):
        return [tf.constant(array) for array in (_digits() if name == "digits" else _mnist())]


def _digits() -> list[np.ndarray]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    small = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    x = np.array(keras.ops.image.resize(small, (28, 28)))
    x_rest, x_test, y_rest, y_test = train_test_split(x, labels, test_size=0.2, stratify=labels, random_state=0)
    split = train_test_split(x_rest, y_rest, test_size=0.2, stratify=y_rest, random_state=0)
    x_train, x_val, y_train, y_val = split
    return [x_train, y_train, x_val, y_val, x_test, y_test]


def _mnist() -> list[np.ndarray]:
    path = os.environ.get("LR_MNIST_NPZ")
    if path:
        arrays = _mnist_from_file(path)
    else:
        try:
            (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
        except Exception as error:  # Keras raises a bare Exception when it cannot download
            raise ConnectionError(
                "MNIST could not be downloaded. Either copy mnist.npz from a machine that has it and set the "
                "environment variable LR_MNIST_NPZ to its path, or run load_dataset('mnist') once with a network. "
                "DATASET = 'digits', the default, needs neither."
            ) from error
        arrays = {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}
    for key, array in arrays.items():
        if hashlib.sha256(np.ascontiguousarray(array)).hexdigest() != MNIST_SHA256[key]:
            raise ValueError(
                f"array {key} is not MNIST's: shape {array.shape}, dtype {array.dtype}, and another checksum; "
                "fetch the file again, or use DATASET = 'digits'"
            )
    x, y, x_test, y_test = (arrays[key] for key in MNIST_SHA256)
    x, x_test = (np.divide(a[..., None], 255, dtype="float32") for a in (x, x_test))
    y, y_test = y.astype("int64"), y_test.astype("int64")
    return [x[:48_000], y[:48_000], x[48_000:], y[48_000:], x_test, y_test]


def _mnist_from_file(path: str) -> dict[str, np.ndarray]:
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"LR_MNIST_NPZ must name the file mnist.npz, got {path!r}; or use DATASET = 'digits'"
        )
    key = "of the file"
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {}
            for key in MNIST_SHA256:
                arrays[key] = file[key]
    except Exception as error:  # a damaged zip can raise nearly anything
        raise ValueError(f"array {key} cannot be read from LR_MNIST_NPZ={path!r}: {error}") from error
    return arrays


# Model -------------------------------------------------------------------------------------------------


def build_cnn(input_shape: tuple[int, int, int] = (28, 28, 1), num_classes: int = 10) -> keras.Sequential:
    """The article's network: two convolutions with pooling and dropout, then a dense layer.

    431,242 parameters at the defaults. Images (n, *input_shape) in, probabilities (n, num_classes) out.
    Not compiled, so that the optimizer stays the caller's choice.
    """
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(num_classes, activation="softmax"),
        ]
    )


def build_lenet(input_shape: tuple[int, int, int] = (28, 28, 1), num_classes: int = 10) -> keras.Sequential:
    """LeNet as Caffe's MNIST example has it, the network of Smith and Topin (2017). 431,080 parameters.

    Caffe's weight decay, 0.0005 times each weight in the gradient, is L2 regularisation here, and so part of the
    loss. Caffe also trains biases at twice the rate; here they train at the same one.
    """
    layers, decay = keras.layers, {"kernel_regularizer": keras.regularizers.L2(0.00025)}
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(20, 5, **decay),
            layers.MaxPooling2D(),
            layers.Conv2D(50, 5, **decay),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(500, activation="relu", **decay),
            layers.Dense(num_classes, activation="softmax", **decay),
        ]
    )


NETWORKS = {"cnn": build_cnn, "lenet": build_lenet}
# To be raised when a network changes: runs of the older one are then no longer found.
NETWORK_VERSIONS = {"cnn": 1, "lenet": 1}

# Schedules ---------------------------------------------------------------------------------------------

Schedule = keras.optimizers.schedules.LearningRateSchedule
_schedules = keras.optimizers.schedules


def linear_decay(initial_lr: float, *, epochs: int, steps_per_epoch: int) -> Schedule:
    """From `initial_lr` at step 0 in a straight line to 0 after `epochs`; 0, but for rounding, from then on.

    The last executed step, epochs·steps_per_epoch − 1, still trains: at initial_lr / (epochs·steps_per_epoch).
    Keras's PolynomialDecay with power 1. Raises ValueError or TypeError for a value that makes no sense.
    """
    steps = _check_count("epochs", epochs) * _check_count("steps_per_epoch", steps_per_epoch)
    return _schedules.PolynomialDecay(_check_rate("initial_lr", initial_lr), steps, end_learning_rate=0.0)


def step_decay(initial_lr: float, *, drop: float, every: int, steps_per_epoch: int) -> Schedule:
    """`initial_lr` times `drop` (a factor between 0 and 1) after each `every` epochs.

    Step every·steps_per_epoch is the first with the smaller rate. Keras's ExponentialDecay as a staircase.
    """
    # In a compiled graph step/decay_steps becomes step·(1/decay_steps), which is rounded: at some lengths, 61 for
    # one, the drop came a step late. Four units in the last place less, and it is right for four million steps.
    just_below = 1 - 4 * np.finfo("float32").epsneg
    factor = _check_rate("drop", drop)
    if not factor < 1:
        raise ValueError(f"drop must be a factor between 0 and 1, got {drop}")
    steps = _check_count("every", every) * _check_count("steps_per_epoch", steps_per_epoch)
    return _schedules.ExponentialDecay(
        _check_rate("initial_lr", initial_lr), steps * just_below, factor, staircase=True
    )


def time_decay(initial_lr: float, rate: float, *, steps_per_epoch: int) -> Schedule:
    """initial_lr / (1 + rate·t), with t in epochs, at every step. Keras's InverseTimeDecay.

    Lau (2017) calls this time-based decay; the article multiplies the factors up instead, see notebook 02.
    """
    steps = _check_count("steps_per_epoch", steps_per_epoch)
    return _schedules.InverseTimeDecay(_check_rate("initial_lr", initial_lr), steps, _check_rate("rate", rate))


def exponential_decay(initial_lr: float, rate: float, *, steps_per_epoch: int) -> Schedule:
    """initial_lr · exp(−rate·t), with t in epochs, at every step (Lau, 2017). Keras's ExponentialDecay."""
    steps = _check_count("steps_per_epoch", steps_per_epoch)
    factor = math.exp(-_check_rate("rate", rate))
    return _schedules.ExponentialDecay(_check_rate("initial_lr", initial_lr), steps, factor)


class _Configured(Schedule):
    """A schedule that is a pure function of the step, and described by its constructor's arguments.

    So it is right in a compiled graph, and training that is resumed goes on at the same rate.
    """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}


@keras.saving.register_keras_serializable(package="lr_helpers")
class CyclicalLearningRate(_Configured):
    """Up from `min_lr` to `max_lr` in `step_size` steps and down again, over and over (Smith, 2017, section 3).

    With h in [0, 1] the height in the triangle and c the number of finished cycles, the rate is
    min_lr + (max_lr − min_lr)·height, where the height is

    - `"triangular"`: h;
    - `"triangular2"`: h·2**(−c), the amplitude is halved after each cycle;
    - `"exp_range"`: h·gamma**step; `gamma` defaults to 0.99994, the value of Smith's experiments;
    - `"sinusoidal"`: sin²(π/2·h), Smith's Hann window;
    - `"parabolic"`: 1 − (1 − h)², Smith's Welch window.

    The way down takes `step_size_down` steps, as many as the way up by default. Step 0 uses min_lr, step
    `step_size` is the first peak, step step_size + step_size_down the next trough: the last step of whole cycles
    is one step above the trough. Exact for millions of steps. Raises ValueError or TypeError for a value that
    makes no sense.
    """

    POLICIES = ("triangular", "triangular2", "exp_range", "sinusoidal", "parabolic")

    def __init__(
        self,
        min_lr: float,
        max_lr: float,
        step_size: int,
        policy: str = "triangular",
        gamma: float = 0.99994,
        step_size_down: int | None = None,
    ) -> None:
        self.min_lr, self.max_lr = _check_bounds(min_lr, max_lr)
        self.step_size = _check_count("step_size", step_size)
        self.policy = _check_choice("policy", policy, self.POLICIES)
        self.gamma = _check_rate("gamma", gamma)
        if self.gamma > 1:
            raise ValueError(f"gamma must be at most 1, got {gamma}")
        down = step_size if step_size_down is None else step_size_down
        self.step_size_down = _check_count("step_size_down", down)

    def height(self, step: Any) -> Any:
        """Where between min_lr (0) and max_lr (1) a step is, float32."""
        step = tf.cast(step, tf.int64)  # whole cycles are taken off as integers: float32 would lose steps
        length = self.step_size + self.step_size_down
        cycle, within = step // length, step % length
        up, down = tf.cast(within, tf.float32), tf.cast(length - within, tf.float32)
        height = tf.minimum(up / self.step_size, down / self.step_size_down)
        if self.policy == "triangular2":
            height *= 2.0 ** -tf.cast(cycle, tf.float32)
        elif self.policy == "exp_range":  # gamma itself would be rounded, and the error multiplied by the step
            height *= tf.exp(tf.cast(step, tf.float32) * math.log(self.gamma))
        elif self.policy == "sinusoidal":
            height = tf.sin(math.pi / 2 * height) ** 2
        elif self.policy == "parabolic":
            height = 1 - (1 - height) ** 2
        return height

    def __call__(self, step: Any) -> Any:
        """The rate of a step, float32."""
        return self.min_lr + (self.max_lr - self.min_lr) * self.height(step)


@keras.saving.register_keras_serializable(package="lr_helpers")
class OneCycle(_Configured):
    """One cycle as long as the run, then far below its start (Smith and Topin, 2017, "super-convergence").

    As in fastai and PyTorch: from max_lr / `start_division` up to `max_lr` in the first `warmup` of the `steps`,
    then down to max_lr / (start_division·`final_division`), along half a cosine or a straight line
    (`anneal="linear"`). The defaults are PyTorch's.

    Step 0 uses max_lr / start_division; the peak is at warmup·steps − 1, between two steps where that is not
    whole; the last executed step, steps − 1, uses the final rate, and so do all after it. Raises ValueError or
    TypeError for a value that makes no sense.
    """

    ANNEALS = ("cosine", "linear")

    def __init__(
        self,
        max_lr: float,
        steps: int,
        warmup: float = 0.3,
        start_division: float = 25.0,
        final_division: float = 1e4,
        anneal: str = "cosine",
    ) -> None:
        self.max_lr = _check_rate("max_lr", max_lr)
        self.steps = _check_count("steps", steps, least=3)
        self.warmup = _check_rate("warmup", warmup)
        if not 1 < self.warmup * self.steps < self.steps:
            raise ValueError(f"warmup must be below 1 and above one step, 1/{self.steps}, got {warmup}")
        self.start_division = _check_rate("start_division", start_division)
        self.final_division = _check_rate("final_division", final_division)
        for name in ("start_division", "final_division"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        _check_rate("max_lr / (start_division·final_division)", self.max_lr / start_division / final_division)
        self.anneal = _check_choice("anneal", anneal, self.ANNEALS)

    def height(self, step: Any) -> Any:
        """Where between the rate at its end (0) and max_lr (1) a step is, float32."""
        peak = self.warmup * self.steps - 1
        step = tf.cast(step, tf.int64)
        done, left = tf.cast(step, tf.float32), tf.cast(self.steps - 1 - step, tf.float32)
        height = tf.maximum(tf.minimum(done / peak, left / (self.steps - 1 - peak)), 0)
        return tf.sin(math.pi / 2 * height) ** 2 if self.anneal == "cosine" else height

    def __call__(self, step: Any) -> Any:
        """The rate of a step, float32."""
        start = self.max_lr / self.start_division
        low = tf.where(
            tf.cast(step, tf.float32) < self.warmup * self.steps - 1, start, start / self.final_division
        )
        return low + (self.max_lr - low) * self.height(step)


@keras.saving.register_keras_serializable(package="lr_helpers")
class WarmupStableDecay(_Configured):
    """Up in a straight line, level, down in a straight line (Hu and others, 2024, MiniCPM, section 4).

    `warmup`, `stable` and `decay` are numbers of steps; the first two may be 0. Step 0 uses `initial_lr` (0: the
    first batch then only fills the optimizer's averages), steps `warmup` to warmup + stable use `peak_lr`, step
    warmup + stable + decay and all after it use `final_lr`: the last executed step of such a run is one step
    above. Raises ValueError or TypeError for a value that makes no sense.
    """

    def __init__(
        self,
        peak_lr: float,
        *,
        warmup: int,
        stable: int,
        decay: int,
        initial_lr: float = 0.0,
        final_lr: float = 0.0,
    ) -> None:
        self.peak_lr = _check_rate("peak_lr", peak_lr)
        self.warmup = _check_count("warmup", warmup, least=0)
        self.stable = _check_count("stable", stable, least=0)
        self.decay = _check_count("decay", decay)
        self.initial_lr = _check_rate("initial_lr", initial_lr, zero=True)
        self.final_lr = _check_rate("final_lr", final_lr, zero=True)
        for name in ("initial_lr", "final_lr"):
            if getattr(self, name) > self.peak_lr:
                raise ValueError(f"{name} must be at most peak_lr, got {getattr(self, name)} and {peak_lr}")

    def __call__(self, step: Any) -> Any:
        """The rate of a step, float32."""
        step = tf.cast(step, tf.int64)
        left = tf.cast(self.warmup + self.stable + self.decay - step, tf.float32)
        height = tf.clip_by_value(left / self.decay, 0, 1)
        falling = self.final_lr + (self.peak_lr - self.final_lr) * height
        rising = self.initial_lr + (self.peak_lr - self.initial_lr) * tf.cast(step, tf.float32) / max(
            self.warmup, 1
        )
        return tf.where(step < self.warmup, rising, falling)


@keras.saving.register_keras_serializable(package="lr_helpers")
class InverseDecay(_Configured):
    """initial_lr·(1 + gamma·step)**(−power): Caffe's `inv`, with which Smith and Topin (2017) compare 1cycle.

    Step 0 uses initial_lr. Keras's InverseTimeDecay has no power; the defaults are those of Caffe's LeNet example.
    Raises ValueError or TypeError for a value that makes no sense.
    """

    def __init__(self, initial_lr: float, gamma: float = 0.0001, power: float = 0.75) -> None:
        self.initial_lr = _check_rate("initial_lr", initial_lr)
        self.gamma, self.power = _check_rate("gamma", gamma), _check_rate("power", power)

    def __call__(self, step: Any) -> Any:
        """The rate of a step, float32."""
        return self.initial_lr * (1 + self.gamma * tf.cast(step, tf.float32)) ** -self.power


def _as_schedule(name: str, schedule: Any, kinds: Any = Schedule) -> Any:
    """A schedule of these kinds, made again where Keras hands over its serialized form."""
    if isinstance(schedule, dict) and "class_name" in schedule:
        schedule = keras.saving.deserialize_keras_object(schedule)
    if not isinstance(schedule, kinds):
        such = "a CyclicalLearningRate or a OneCycle" if kinds is not Schedule else "a schedule, not a number"
        raise TypeError(f"{name} must be {such}, got {schedule!r}")
    return schedule


@keras.saving.register_keras_serializable(package="lr_helpers")
class InverseMomentum(_Configured):
    """Momentum that falls from `high` to `low` while the rate of `schedule` rises, and back (Smith, 2018).

    high − (high − low)·height of the step, for a CyclicalLearningRate or a OneCycle. 0.85 and 0.95 are fastai's
    and PyTorch's. For `ScheduledSGD` and `ScheduledAdam`. Raises ValueError or TypeError for a value that makes
    no sense.
    """

    def __init__(self, schedule: CyclicalLearningRate | OneCycle, low: float = 0.85, high: float = 0.95) -> None:
        self.schedule = _as_schedule("schedule", schedule, CyclicalLearningRate | OneCycle)
        self.low, self.high = _check_rate("low", low, zero=True), _check_rate("high", high)
        if not self.low < self.high < 1:
            raise ValueError(f"low must be below high, and high below 1, got {low} and {high}")

    def __call__(self, step: Any) -> Any:
        """The momentum of a step, float32."""
        return self.high - (self.high - self.low) * self.schedule.height(step)


@keras.saving.register_keras_serializable(package="lr_helpers")
class ScheduledSGD(keras.optimizers.SGD):
    """Keras's SGD, but its `momentum` is a schedule, followed step by step.

    A number that is assigned to Keras's `momentum` during training has no effect: it was compiled in. Other
    arguments as for SGD. Raises TypeError where `momentum` is no schedule.
    """

    def __init__(self, learning_rate: Any = 0.01, *, momentum: Schedule, **arguments: Any) -> None:
        super().__init__(learning_rate, momentum=0.9, **arguments)  # Keras wants to see a number
        self.momentum = _as_schedule("momentum", momentum)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """SGD's own, without its question whether momentum is zero, which a graph could not answer."""
        ops = keras.ops
        velocity = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.momentum(self._iterations), variable.dtype)
        step = ops.multiply(ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype))
        self.assign(velocity, ops.subtract(ops.multiply(velocity, momentum), step))
        ahead = ops.subtract(ops.multiply(velocity, momentum), step) if self.nesterov else velocity
        self.assign_add(variable, ahead)


@keras.saving.register_keras_serializable(package="lr_helpers")
class ScheduledAdam(keras.optimizers.Adam):
    """Keras's Adam, but its `beta_1` is a schedule, followed step by step.

    As in PyTorch, Adam's bias correction uses the present beta_1. Other arguments as for Adam. Raises TypeError
    where `beta_1` is no schedule.
    """

    def __init__(self, learning_rate: Any = 0.001, *, beta_1: Schedule, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self._schedule = _as_schedule("beta_1", beta_1)

    @property
    def beta_1(self) -> Any:
        """The value of the present step, which Keras's Adam reads in every update."""
        return self._schedule(self._iterations)

    @beta_1.setter
    def beta_1(self, value: float) -> None:
        """Keras's constructor sets its default; the schedule stays."""

    def get_config(self) -> dict[str, Any]:
        """Adam's, with the schedule."""
        return super().get_config() | {"beta_1": self._schedule}


def learning_rates(schedule: Schedule | float, steps: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """The rates, float32, that a schedule (or a fixed rate) gives at steps 0 … steps − 1, or at an array of steps.

    Evaluated in a compiled graph, one step at a time, as an optimizer does it. Raises ValueError or TypeError
    when `steps` is not a count or an array of integers, or when a rate comes out negative or not finite.
    """
    if isinstance(steps, numbers.Number):
        numbers_of_steps = np.arange(_check_count("steps", steps, most=MOST_STEPS))
    else:
        numbers_of_steps = _as_array("steps", steps, "iu")
    if numbers_of_steps.size and not 0 <= numbers_of_steps.min() <= numbers_of_steps.max() < 2**31:
        raise ValueError(
            f"steps must be between 0 and 2**31, got {numbers_of_steps.min()} … {numbers_of_steps.max()}"
        )
    if not isinstance(schedule, Schedule):
        return np.full(numbers_of_steps.shape, _check_rate("schedule", schedule), "float32")
    rates = _evaluate(schedule, numbers_of_steps.astype("int32"))
    bad = ~np.isfinite(rates) | (rates < 0)
    if bad.any():
        step = numbers_of_steps[bad.argmax()]
        raise ValueError(f"schedule must give rates of zero or more, got {rates[bad.argmax()]} at step {step}")
    return rates


def _evaluate(schedule: Schedule, steps: np.ndarray) -> np.ndarray:
    @tf.function
    def every() -> tf.Tensor:
        return tf.map_fn(lambda step: tf.cast(schedule(step), tf.float32), steps, fn_output_signature=tf.float32)

    return every().numpy()


# Training ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run, described. Small and serializable.

    `optimizer` is a name ("adam"), a Keras optimizer, or its configuration; what is kept is the configuration,
    `keras.optimizers.serialize(optimizer)`, so a run always starts with a fresh optimizer. `epochs` (25) and the
    batch sizes (32 for digits, 250 for MNIST) are the article's. The seed fixes weights, shuffling and dropout.
    `network` is "cnn" (`build_cnn`) or "lenet" (`build_lenet`). With validate=False the validation images are
    trained on, too, and the history has no validation loss: for a last run, when all choices are made.
    Raises ValueError or TypeError for a value that makes no sense.
    """

    label: str
    optimizer: Any
    dataset: str = "digits"
    epochs: int = 25
    batch_size: int | None = None
    seed: int = 0
    network: str = "cnn"
    validate: bool = True

    def __post_init__(self) -> None:
        """Check every field and turn the optimizer into its configuration."""
        if not isinstance(self.label, str) or not self.label:
            raise TypeError(f"label must be a text, got {self.label!r}")
        _check_choice("dataset", self.dataset, BATCH_SIZES)
        _check_choice("network", self.network, NETWORKS)
        _check_bool("validate", self.validate)
        size = BATCH_SIZES[self.dataset] if self.batch_size is None else self.batch_size
        values = {
            "epochs": _check_count("epochs", self.epochs),
            "batch_size": _check_count("batch_size", size),
            "seed": _check_count("seed", self.seed, least=0),
            "optimizer": _optimizer_config(self.optimizer),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the training images; the last one may be short."""
        training, validation = SIZES[self.dataset]
        return math.ceil((training if self.validate else training + validation) / self.batch_size)

    @property
    def learning_rate(self) -> Schedule | float:
        """The fixed rate, or the schedule as a Keras object."""
        rate = self.optimizer["config"]["learning_rate"]
        return _schedules.deserialize(copy.deepcopy(rate)) if isinstance(rate, dict) else rate


def _optimizer_config(optimizer: Any) -> dict[str, Any]:
    """The optimizer's own Keras configuration, checked."""
    if isinstance(optimizer, type) or not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise TypeError(f"optimizer must be a name, a Keras optimizer or its configuration, got {optimizer!r}")
    try:
        made = keras.optimizers.get(copy.deepcopy(optimizer) if isinstance(optimizer, dict) else optimizer)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"optimizer must be one that Keras knows, such as 'adam' or 'sgd', got {optimizer!r}"
        ) from error
    config = keras.optimizers.serialize(made)
    config["config"]["name"] = config["class_name"].lower()  # Keras counts: the second Adam is "adam_1"
    if not isinstance(config["config"].get("learning_rate"), dict):
        _check_rate("learning_rate of the optimizer", config["config"].get("learning_rate"))
    return config


@dataclasses.dataclass
class Run:
    """What came of an experiment.

    `history` has one number per finished epoch: loss, accuracy, val_loss, val_accuracy. `learning_rates` has the
    rate of every executed step. Test loss and accuracy are NaN where the run was interrupted or diverged.
    `status` is "finished", "diverged" (the loss became NaN or infinite), "stopped" (by a callback) or
    "interrupted" (stop button, Ctrl-C).
    """

    experiment: Experiment
    history: dict[str, list[float]]
    learning_rates: np.ndarray
    test_loss: float
    test_accuracy: float
    seconds: float
    environment: dict[str, str]
    status: str

    @property
    def label(self) -> str:
        """The experiment's label."""
        return self.experiment.label


class _Table(Schedule):
    """The rates of all steps, looked up. One compiled model then serves every schedule."""

    def __init__(self) -> None:
        self.rates = tf.Variable(np.zeros(1, "float32"), shape=[None], trainable=False)

    def __call__(self, step: Any) -> Any:
        last = tf.size(self.rates) - 1  # callbacks ask for the rate after the last step, too
        return tf.gather(self.rates, tf.minimum(tf.cast(step, tf.int32), last))

    def get_config(self) -> dict[str, Any]:
        return {}


class _Recorder(keras.callbacks.Callback):
    """Shuffles, notes the rate of every executed step, stops when the loss is no number any more."""

    def __init__(self, rates: np.ndarray | None, steps_per_epoch: int, orders: np.ndarray) -> None:
        super().__init__()
        self.rates, self.steps_per_epoch, self.orders = rates, steps_per_epoch, orders
        self.order = tf.Variable(orders[:1])
        self.used, self.status = [], "finished"

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.order.assign(self.orders[epoch : epoch + 1])
        self.next_batch = 0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.rate = None if self.rates is not None else float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        batch = min(batch, self.steps_per_epoch - 1)  # Keras counts an execution as full, also the last one
        steps = batch + 1 - self.next_batch  # several steps run between two calls, see _compiled
        self.next_batch = batch + 1
        done = len(self.used)
        self.used.extend([self.rate] * steps if self.rates is None else self.rates[done : done + steps])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not math.isfinite(logs["loss"]):
            self.status, self.model.stop_training = "diverged", True


def train(
    experiment: Experiment, callbacks: Sequence[keras.callbacks.Callback] = (), progress: bool = True
) -> Run:
    """Train the article's network as the experiment says, and evaluate it on the test images.

    The same experiment twice on one machine gives the same history. `callbacks` are Keras's own, such as
    EarlyStopping, or `LiveLoss`; those that set a rate need an experiment with a fixed one. They are called after
    every epoch; batch callbacks only every few dozen batches. A bar shows the epochs, the loss and the time left,
    unless `progress` is False. No global seed is changed.

    A loss that becomes NaN or infinite ends the run with status "diverged", the stop button or Ctrl-C with
    "interrupted"; the history so far is returned. Raises TypeError when `experiment` is not an Experiment.
    """
    if not isinstance(experiment, Experiment):
        raise TypeError(f"experiment must be an Experiment, got {experiment!r}")
    _check_bool("progress", progress)
    start = time.perf_counter()
    tensors = _tensors(experiment.dataset)
    training, validation, testing = (tuple(tensors[i : i + 2]) for i in (0, 2, 4))
    if not experiment.validate:
        training = tuple(tf.concat(pair, 0) for pair in zip(training, validation, strict=True))
    steps = experiment.steps_per_epoch
    rate = experiment.learning_rate
    rates = learning_rates(rate, steps * experiment.epochs) if isinstance(rate, Schedule) else None

    config = {name: value for name, value in experiment.optimizer["config"].items() if name != "learning_rate"}
    key = json.dumps({**experiment.optimizer, "config": config}, sort_keys=True)
    model = _compiled(experiment.network, key, rates is not None, min(steps, 40))
    fresh = _fresh(experiment.network, experiment.seed)
    optimizer = _optimizer(key, rates is not None)
    optimizer.build(fresh.trainable_variables)  # some begin with a copy of the weights
    for variable, value in zip(model.variables, fresh.variables, strict=False):  # weights and dropout seeds
        variable.assign(value)
    for variable, value in zip(model.optimizer.variables, optimizer.variables, strict=True):
        variable.assign(value)
    if rates is None:
        model.optimizer.learning_rate = rate
    else:
        model.optimizer._learning_rate.rates.assign(rates)

    orders = _orders(len(training[0]), experiment.epochs, experiment.seed)
    history, recorder = keras.callbacks.History(), _Recorder(rates, steps, orders)
    options = {"tqdm_class": tqdm, "file": sys.stdout, "disable": not progress}
    bar = TqdmCallback(experiment.epochs, verbose=0, desc="epochs", **options)
    test = (math.nan, math.nan)
    try:
        model.fit(
            _batches(training, experiment.batch_size, recorder.order),
            validation_data=_batches(validation) if experiment.validate else None,
            epochs=experiment.epochs,
            callbacks=[*callbacks, recorder, history, bar],
            shuffle=False,  # the recorder does it
            verbose=0,
        )
        if recorder.status == "finished":
            test = model.evaluate(_batches(testing), verbose=0)
            if len(history.epoch) < experiment.epochs:
                recorder.status = "stopped"
    except KeyboardInterrupt:
        recorder.status = "interrupted"
    finally:
        bar.on_train_end()  # which a run that was stopped has not come to
    seconds = time.perf_counter() - start
    numbers_of_epochs = {name: [float(value) for value in values] for name, values in history.history.items()}
    used = np.asarray(recorder.used, "float32")
    return Run(experiment, numbers_of_epochs, used, *map(float, test), seconds, _environment(), recorder.status)


@functools.cache
def _network(name: str) -> Any:
    """The configuration of a network, without the names that Keras counts up."""

    def nameless(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: nameless(value) for key, value in config.items() if key != "name"}
        return list(map(nameless, config)) if isinstance(config, list | tuple) else config

    state = random.getstate()  # Keras draws a seed for each layer
    config = nameless(NETWORKS[name]().get_config())
    random.setstate(state)
    return config


def _fresh(network: str, seed: int) -> keras.Sequential:
    """A network whose weights come from the seed alone, the one that `random.seed(seed)` and Keras would give.

    Python's global generator, from which Keras draws the seeds of layers, is not safe: another thread, of a Dask
    worker or of a notebook's kernel, may draw from it at the same time.
    """
    generator = random.Random(seed)

    def seeded(config: Any) -> Any:
        if isinstance(config, dict):
            return {
                key: generator.randint(1, 10**9) if key == "seed" and value is None else seeded(value)
                for key, value in config.items()
            }
        return list(map(seeded, config)) if isinstance(config, list) else config

    return keras.Sequential.from_config({"name": network} | seeded(_network(network)))


def _values(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    """Copies of what variables hold now."""
    return [variable.numpy().copy() for variable in variables]


def _optimizer(config: str, scheduled: bool) -> keras.optimizers.Optimizer:
    made = keras.optimizers.deserialize(json.loads(config))
    if scheduled:
        made.learning_rate = _Table()
    return made


@functools.lru_cache(maxsize=16)
def _compiled(network: str, optimizer: str, scheduled: bool, steps_per_execution: int) -> keras.Model:
    """A compiled network, kept for all runs that differ in rate or seed only.

    TensorFlow takes 1.5 s and 13 MB to trace a training step, and does not give the memory back. Many steps
    per execution save the way through Python between two small batches.
    """
    model = _fresh(network, 0)
    model.compile(
        optimizer=_optimizer(optimizer, scheduled),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def forget() -> None:
    """Let go of the networks that `train` has compiled and keeps for later runs, up to 16 of 13 to 30 MB each.

    For a study of many optimizers in little memory. Models that you have compiled yourself stay usable.
    """
    _compiled.cache_clear()
    keras.backend.clear_session()
    gc.collect()


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


def _threads() -> int:
    """How many threads TensorFlow gives to one operation."""
    chosen = tf.config.threading.get_intra_op_parallelism_threads()
    return chosen or int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0)) or joblib.cpu_count()


FORMAT = 2  # of a stored run; a later one may have what this module would not understand


def _environment() -> dict[str, str]:
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processor": _processor(),
        "threads": str(_threads()),
        "format": str(FORMAT),
    }


@functools.cache
def _processor() -> str:
    """The processor's own name where Linux tells it; its instruction set decides the last digits."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


# Many runs ---------------------------------------------------------------------------------------------

_STORED = ("experiment", "history", "test_loss", "test_accuracy", "seconds", "environment", "status")
_BEGINNING = b'{"experime'


def load_runs(path: str | os.PathLike) -> list[Run]:
    """The runs of a store that `run_all` has written, in the order in which they ended.

    Raises FileNotFoundError where there is no such file, and ValueError where it is no store or was written by a
    newer version of this module. A line that was not written to its end is skipped with a warning.
    """
    runs = []
    for content in _read_store(_check_path(path)).values():
        fields = {name: value for name, value in content["experiment"].items() if name not in ("identity", "data")}
        runs.append(_Stored(Experiment(**fields), content))
    return runs


class _Stored(Run):
    """A run from a store. The rates of its steps are computed only when somebody asks."""

    def __init__(self, experiment: Experiment, content: dict[str, Any]) -> None:
        numbers_of_epochs = {name: list(map(_number, values)) for name, values in content["history"].items()}
        results = {name: _number(content[name]) for name in ("test_loss", "test_accuracy", "seconds")}
        vars(self).update(content | results, experiment=experiment, history=numbers_of_epochs)

    @functools.cached_property
    def learning_rates(self) -> np.ndarray:
        return learning_rates(
            self.experiment.learning_rate, len(self.history["loss"]) * self.experiment.steps_per_epoch
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _or_none(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _identity(experiment: Experiment) -> str:
    """A checksum of what defines a run, in fields of our own: an upgrade of Keras must not lose a recording."""
    fields = {
        "version": 1,  # of this description
        "data": _checksum(experiment.dataset),
        "network": experiment.network,
        "network_version": NETWORK_VERSIONS[experiment.network],
        "optimizer": _described(experiment.optimizer),
        "batch_size": experiment.batch_size,
        "epochs": experiment.epochs,
        "seed": experiment.seed,
        "validate": experiment.validate,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def _described(value: Any) -> Any:
    """An optimizer's or a schedule's Keras configuration in our own words: its class and its arguments.

    All arguments of its own constructor; of those of Keras's optimizer the ones that are not None or False. Where
    the class lies, what Keras calls it and what Keras may add to its configuration does not count, nor does a
    digit beyond float32.
    """
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    kind = type(keras.saving.deserialize_keras_object(copy.deepcopy(value)))
    config, general = value["config"], _arguments(keras.optimizers.Optimizer)
    idle = {"name"} if config.get("use_ema") else {"name", "ema_momentum", "ema_overwrite_frequency"}
    return {"class": value["class_name"]} | {
        name: _described(config[name])
        for name in config.keys() & _arguments(kind) - idle
        if name not in general or (config[name] is not None and config[name] is not False)
    }


def _arguments(kind: type) -> set[str]:
    """The names of all arguments that the constructors of a class and of its parents take."""
    constructors = [vars(parent)["__init__"] for parent in kind.__mro__[:-1] if "__init__" in vars(parent)]
    return {name for constructor in constructors for name in inspect.signature(constructor).parameters}


def _append(store: str | os.PathLike, run: Run) -> None:
    """Write a run as one line, in one piece, so that several processes can share a store."""
    experiment = dataclasses.asdict(run.experiment) | {
        "data": _checksum(run.experiment.dataset),
        "identity": _identity(run.experiment),
    }
    content = {name: getattr(run, name) for name in _STORED} | {"experiment": experiment}
    content["history"] = {name: list(map(_or_none, values)) for name, values in run.history.items()}
    content |= {name: _or_none(content[name]) for name in ("test_loss", "test_accuracy", "seconds")}
    line = json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with open(store, "ab+", buffering=0) as file:
        if file.tell():  # after a line that was torn, begin a new one
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(f"store {os.fspath(store)!r} took only a part of a run: is the disk full?")


def _open_store(store: str | os.PathLike) -> dict[str, dict]:
    """The lines of a store by identity; none where the file is new. Raises where it could not be written."""
    path = _check_path(store, "store")
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise ValueError(f"store must be a file that can be written, got {path!r}: {error}") from error
    return _read_store(path)


def _read_store(path: str) -> dict[str, dict]:
    """The complete lines of a store, by identity."""
    runs = {}
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                content = json.loads(line)
            except ValueError:  # a process that was killed, a full disk or a power cut leaves a part, or NUL bytes
                start = line.strip(b"\0 \r\n")[: len(_BEGINNING)]
                if not _BEGINNING.startswith(start):
                    raise _foreign(path, number, line) from None
                if line.strip():
                    warnings.warn(f"{path}, line {number} is torn: its run has to be trained again", stacklevel=4)
                continue
            try:
                identity, written = content["experiment"]["identity"], int(content["environment"]["format"])
            except (ValueError, KeyError, TypeError):
                raise _foreign(path, number, line) from None
            if written != FORMAT:
                raise ValueError(f"store must have format {FORMAT}, got {path!r} with a run of format {written}")
            runs.setdefault(identity, content)
    return runs


def _foreign(path: str, number: int, line: bytes) -> ValueError:
    return ValueError(f"store must hold runs, one a line, got {path!r} with line {number}: {line[:60]!r}")


_training = threading.Lock()  # runs share compiled networks, so two threads must not train at once


def _numbered(i: int, experiment: Experiment) -> tuple[int, Run]:
    with _training:
        return i, train(experiment, progress=False)


@contextlib.contextmanager
def _worker_threads(n_jobs: int) -> Iterator[None]:
    """Processes started inside give an operation as many threads as this one does, and share the cores."""
    wanted = {
        "TF_NUM_INTRAOP_THREADS": str(_threads()),
        "TF_NUM_INTEROP_THREADS": str(max(1, joblib.cpu_count() // n_jobs)),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def run_all(
    experiments: Iterable[Experiment],
    n_jobs: int = 1,
    store: str | os.PathLike | None = None,
    on_run: Callable[[Run], object] | None = None,
) -> list[Run]:
    """Train every experiment, with a progress bar: runs, time left, the last loss. Runs come back in order.

    `n_jobs` processes (−1: one per core) share the work through joblib; the numbers do not depend on how many.
    Each has a start-up of some seconds and takes 0.7 GB. With 1, or inside `joblib.parallel_config`, joblib's
    current backend decides: this process, or, for one, a Dask cluster.

    `store` names a JSON Lines file. A run is written there as soon as it ends, as one line, and is read instead
    of trained when the call is repeated. What identifies it are the data, the network, the optimizer with its
    schedule, batch size, epochs and seed, not its label. Several processes may use one store. Diverged runs are
    stored, interrupted ones are not.

    `on_run` is called with each trained run as it ends, in this process: `LiveLoss().add` draws its curve.

    The stop button or Ctrl-C returns the runs so far. So does, with a warning, an error in the middle of the work
    (a worker that dies, a full disk) where raising it would lose runs that are in no store. Raises ValueError or
    TypeError for a store that cannot be used, or when one label stands for experiments that differ in more than
    the seed.
    """
    experiments = _check_labels(experiments)
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, numbers.Integral):
        raise TypeError(f"n_jobs must be a whole number, got {n_jobs!r}")
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs must be at least 1, or -1 for one process per core, got {n_jobs}")
    if on_run is not None and not callable(on_run):
        raise TypeError(f"on_run must be a function of a run, got {on_run!r}")
    found = {} if store is None else _open_store(store)
    runs: list[Run | None] = [
        _Stored(experiment, found[identity]) if (identity := _identity(experiment)) in found else None
        for experiment in experiments
    ]
    missing = [i for i, run in enumerate(runs) if run is None]
    unsaved = 0
    # None is joblib's word for: as the context says. More processes than runs would only cost memory.
    jobs = None if n_jobs == 1 else min(int(n_jobs), max(1, len(missing)))
    done = len(runs) - len(missing)
    bar = tqdm(total=len(runs), initial=done, desc="runs", file=sys.stdout, mininterval=1, ncols=80)
    with bar, _worker_threads(joblib.effective_n_jobs(jobs)):
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        results = parallel(joblib.delayed(_numbered)(i, experiments[i]) for i in missing)
        try:
            for i, run in results:
                runs[i] = run
                unsaved += 1
                if run.status == "interrupted":
                    break
                if store is not None:
                    _append(store, run)
                    unsaved -= 1
                bar.set_postfix(loss=run.history["loss"][-1], refresh=False)
                bar.update()
                if on_run is not None:
                    on_run(run)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            done = f"{sum(run is not None for run in runs)} of {len(runs)} runs"
            if not unsaved:
                error.add_note(f"{done} are in the store" if store is not None else f"{done} were finished")
                raise
            warnings.warn(f"{done} are returned, then this ended the work: {error!r}", stacklevel=2)
        finally:
            results.close()  # ends the workers; what they were training is given up
    return [run for run in runs if run is not None]


def _check_labels(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The experiments as a list, if each label and seed stands for one of them."""
    if not isinstance(experiments, Iterable):
        raise TypeError(f"experiments must be a list of Experiment objects, got {experiments!r}")
    experiments, seen = list(experiments), {}
    for experiment in experiments:
        if not isinstance(experiment, Experiment):
            raise TypeError(f"experiments must be Experiment objects, got {experiment!r}")
        first = seen.setdefault(experiment.label, [])
        if first and dataclasses.replace(experiment, seed=first[0].seed) != first[0]:
            raise ValueError(
                f"label must stand for one experiment, apart from the seed, got {experiment.label!r} for two"
            )
        if experiment in first:
            raise ValueError(f"label and seed must not repeat, got {experiment.label!r}, {experiment.seed} twice")
        first.append(experiment)
    return experiments


# Range test --------------------------------------------------------------------------------------------

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
        self.learning_rates = _as_array("learning_rates", self.learning_rates, "iuf")
        self.sweeps = _as_array("sweeps", self.sweeps, "iuf", dimensions=2)
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
        _check_choice("rule", rule, [*RULES, "bounds"])
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
        _check_path(path)
        content = dataclasses.asdict(self)
        content["learning_rates"] = [float(rate) for rate in self.learning_rates]
        content["sweeps"] = [[float(x) if np.isfinite(x) else None for x in sweep] for sweep in self.sweeps]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)

    @classmethod
    def load(cls, path: str | os.PathLike) -> RangeTest:
        """Read what `save` wrote. Raises ValueError for a file that is not a stored range test."""
        with open(_check_path(path), encoding="utf-8") as file:
            try:
                content = json.load(file)
                rates = np.array(content["learning_rates"], "float32")
                sweeps = np.array(content["sweeps"], "float64").reshape(-1, len(rates))
                return cls(rates, sweeps, list(content["stopped"]), content["smoothing"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"path must name a range test that was saved, got {path!r}: {error}") from error


def _check_smoothing(smoothing: object) -> None:
    if not _check_rate("smoothing", smoothing, zero=True) < 1:
        raise ValueError(f"smoothing must be below 1, got {smoothing}")


def smooth(losses: Sequence[float] | np.ndarray, smoothing: float = 0.9) -> np.ndarray:
    """Exponential moving average without the bias towards zero at its start (Kingma and Ba, 2015, section 3).

    average_i = smoothing·average_{i−1} + (1 − smoothing)·losses_i, divided by 1 − smoothing**(i+1).
    """
    _check_smoothing(smoothing)
    average, averages = 0.0, []
    for i, loss in enumerate(_as_array("losses", losses, "iuf").tolist()):
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
    low, high = _check_bounds(min_lr, max_lr)
    count, repeats = _check_count("steps", steps, least=2, most=MOST_STEPS), _check_count("repeats", repeats)
    batch_size, seed = _check_count("batch_size", batch_size), _check_count("seed", seed, least=0)
    _check_smoothing(smoothing)
    _check_bool("progress", progress)
    if _check_rate("stop_factor", stop_factor) <= 1:
        raise ValueError(f"stop_factor must be above 1, got {stop_factor}")
    space = {"exponential": np.geomspace, "linear": np.linspace}[_check_choice("sweep", sweep, _SWEEPS)]
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
    array = array if tf.is_tensor(array) else _as_array("x, y or sample_weight", array)
    if array.ndim == 0:
        raise TypeError(f"x, y and sample_weight must be arrays, got {array!r}")
    is_float = array.dtype in ("float64", tf.float64)
    return tf.convert_to_tensor(array, keras.config.floatx() if is_float else None)


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


# Plots -------------------------------------------------------------------------------------------------

# Okabe and Ito's colours, which colour-blind readers can tell apart, each with a line style of its own.
STYLES = [
    {"color": color, "linestyle": style}
    for color, style in zip(
        ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"),
        ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))),
        strict=True,
    )
]


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(figsize=(7, 4), layout="constrained")[1] if ax is None else ax


def loss_axis(ax: Axes) -> Axes:
    """Make the y-axis logarithmic, with plain numbers at 1, 2, 5, 10, … as its only labels."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(ticker.NullLocator())
    return ax


def _by_epoch(ax: Axes, curves: Iterable[tuple[str, Sequence[float]]], ylabel: str) -> Axes:
    """A line for each label and its numbers, one an epoch. A loss gets a logarithmic axis."""
    for (label, values), style in zip(curves, itertools.cycle(STYLES), strict=False):
        ax.plot(range(1, len(values) + 1), values, marker="." if len(values) == 1 else "", label=label, **style)
    ax.set(xlabel="epoch", ylabel=ylabel)
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    ax.legend()
    return loss_axis(ax) if ylabel.endswith("loss") else ax


def plot_history(runs: Iterable[Run], metric: str = "val_loss", ax: Axes | None = None) -> Axes:
    """One curve per run: a metric of `Run.history` against the epoch. Loss axes are logarithmic."""
    runs = list(runs)
    for run in runs:
        if metric not in run.history:
            raise ValueError(f"metric must be one of {', '.join(run.history)}, got {metric!r}")
    curves = ((run.label, run.history[metric]) for run in runs)
    return _by_epoch(_axes(ax), curves, metric.replace("val_", "validation "))


class LiveLoss(keras.callbacks.Callback):
    """A figure in the notebook that is drawn anew as losses come in.

    Among the callbacks of `train`, or of the `fit` of any model: training and validation loss after every epoch.
    With `run_all(..., on_run=LiveLoss().add)`: the curve of every run as it ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.on_train_begin()

    def on_train_begin(self, logs: dict | None = None) -> None:
        """A figure of its own for every fit."""
        self.curves, self.figure = {}, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draw the losses so far."""
        for name in ("loss", "val_loss"):
            if name in logs:
                self.curves.setdefault(name.replace("val_", "validation "), []).append(logs[name])
        self._draw()

    def add(self, run: Run) -> None:
        """Draw one run more: its validation loss, or its training loss where it has no other."""
        self.curves[f"{run.label}, seed {run.experiment.seed}"] = run.history.get("val_loss", run.history["loss"])
        self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        ax = _by_epoch(_axes(None), self.curves.items(), "loss")
        ax.get_legend().set_visible(len(self.curves) <= len(STYLES))
        alt = {"image/png": {"alt": f"Loss against the epoch: {', '.join(self.curves)}"}}
        if self.figure is None:
            self.figure = display(ax.figure, display_id=True, metadata=alt)
        else:
            self.figure.update(ax.figure, metadata=alt)
        plt.close(ax.figure)


def plot_schedules(
    schedules: Mapping[str, Schedule | float],
    steps: int,
    steps_per_epoch: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The rate of each schedule against the step, or against the epoch where `steps_per_epoch` is given."""
    if not isinstance(schedules, Mapping):
        raise TypeError(f"schedules must be a dict from label to schedule, got {schedules!r}")
    per_epoch = 1 if steps_per_epoch is None else _check_count("steps_per_epoch", steps_per_epoch)
    rates = {label: learning_rates(schedule, steps) for label, schedule in schedules.items()}
    ax = _axes(ax)
    for (label, values), style in zip(rates.items(), itertools.cycle(STYLES), strict=False):
        ax.plot(np.arange(steps) / per_epoch, values, label=label, **style)
    ax.set(xlabel="step" if steps_per_epoch is None else "epoch", ylabel="learning rate")
    ax.legend()
    return ax


def plot_sensitivity(
    points: Mapping[str, Mapping[float, Sequence[float]]], ylabel: str = "test loss", ax: Axes | None = None
) -> Axes:
    """A measured figure against the learning rate: label → rate → one value per seed.

    The line joins the medians, the bars reach from the lowest to the highest seed. NaN (a diverged run) leaves
    a gap.
    """
    ax = _axes(ax)
    for (label, by_rate), style in zip(points.items(), itertools.cycle(STYLES), strict=False):
        rates = sorted(by_rate)
        values = [np.asarray(by_rate[rate], float) for rate in rates]
        middle = np.array([np.median(v) for v in values])
        reach = [middle - [v.min() for v in values], [v.max() for v in values] - middle]
        ax.errorbar(rates, middle, yerr=reach, label=label, marker="o", capsize=3, **style)
    ax.set(xscale="log", xlabel="learning rate", ylabel=ylabel)
    ax.legend()
    return loss_axis(ax)


def plot_range_test(result: RangeTest, ax: Axes | None = None) -> Axes:
    """Raw losses as points, the smoothed curve, the band of the repeats, and the pick of every rule."""
    ax = _axes(ax)
    rates = result.learning_rates
    for sweep in result.sweeps:
        ax.plot(rates, sweep, ".", color="0.7", markersize=3, zorder=1)
    smoothed = [smooth(sweep, result.smoothing) for sweep in result.sweeps]
    if len(smoothed) > 1:
        ax.fill_between(rates, np.nanmin(smoothed, axis=0), np.nanmax(smoothed, axis=0), color="0.85", zorder=0)
    ax.plot(rates, result.smoothed, color="black", linewidth=2, label="smoothed")
    for (rule, pick), style in zip(result.suggestions().items(), STYLES, strict=False):
        if pick is not None:
            ax.axvline(pick, label=f"{rule}: {pick:.1e}", **style)
            ax.axvspan(*result.spread(rule), color=style["color"], alpha=0.12, linewidth=0)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss of the batch")
    ax.legend()
    return ax
