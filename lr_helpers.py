"""Learning rates in Keras 3 on TensorFlow, what the lessons show: data, model, schedules, optimizers, plots.

Read it from top to bottom: each part uses only the parts above it. With `lr_range_test.py` beside it, copy it into
a project as it is. It needs Matplotlib, too, and for single functions scikit-learn (digits), SciPy (`sharpness`)
and IPython (`LiveLoss`). Importing it changes nothing in the process, but that Keras then knows its classes by
name. A *step* is one batch and one update of the weights; an *epoch* is one pass over the training data.

The article: *Problems with fixed and decaying learning rates*, MachineCurve, 2019. Lau (2017): "Learning rate
schedules and adaptive learning rate methods for deep learning", Towards Data Science. Smith (2017): "Cyclical
learning rates for training neural networks", WACV, arXiv:1506.01186. Smith and Topin (2017): "Super-convergence",
arXiv:1708.07120. Smith (2018): "A disciplined approach to neural network hyper-parameters: Part 1",
arXiv:1803.09820.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import math
import numbers
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib import ticker
from matplotlib.axes import Axes

# The range test has a file of its own. Its public names stand here, too, so that one import is enough.
from lr_range_test import (  # noqa: F401
    MOST_STEPS,
    RULES,
    Comparison,
    RangeTest,
    as_array,
    as_axes,
    check_bounds,
    check_choice,
    check_count,
    check_rate,
    compare,
    minimum,
    plot_range_test,
    range_test,
    slide,
    smooth,
    steepest,
    valley,
)

# Data -------------------------------------------------------------------------------------------------


# Training and validation images, so that steps can be counted where the data are not at hand.
SIZES = {"digits": (1_149, 288), "mnist": (48_000, 12_000), "fashion_mnist": (48_000, 12_000)}

# The article's batch size for MNIST. Digits has 1,149 training images: 32 gives it 36 steps an epoch.
BATCH_SIZES = {"digits": 32, "mnist": 250, "fashion_mnist": 250}

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}

# SHA-256 of the bytes of the canonical arrays, whatever file they come in.
SHA256 = {
    "mnist": {
        "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
    "fashion_mnist": {
        "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
}


def steps_per_epoch(
    name: str, batch_size: int | None = None, validate: bool = True, examples: int | None = None
) -> int:
    """Batches in one pass over a data set's training images; the last one may be short.

    Args:
        name: `"digits"`, `"mnist"` or `"fashion_mnist"`.
        batch_size: images in a batch; None for the one of `BATCH_SIZES`.
        validate: False where the validation images are trained on, too.
        examples: where only so many of the training images are used.
    """
    training, validation = SIZES[check_choice("name", name, SIZES)]
    images = training if validate else training + validation
    if examples is not None:
        images = check_count("examples", examples, most=images)
    size = BATCH_SIZES[name] if batch_size is None else check_count("batch_size", batch_size)
    return math.ceil(images / size)


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
        return steps_per_epoch(self.name, batch_size)


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


def _from_file(path: str, name: str) -> dict[str, np.ndarray]:
    variable = f"LR_{name.upper()}_NPZ"
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{variable} must name the file {name}.npz, got {path!r}; or use DATASET = 'digits'"
        )
    arrays, key = {}, "of the file"
    try:
        with np.load(path, allow_pickle=False) as file:
            for key in SHA256[name]:
                arrays[key] = file[key]
    except Exception as error:  # a damaged zip can raise nearly anything
        raise ValueError(f"array {key} cannot be read from {variable}={path!r}: {error}") from error
    return arrays


def _downloaded(name: str) -> dict[str, np.ndarray]:
    try:
        (x, y), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when it cannot download
        raise ConnectionError(
            f"{TITLES[name]} could not be downloaded. Either copy {name}.npz from a machine that has it and set "
            f"the environment variable LR_{name.upper()}_NPZ to its path, or run load_dataset({name!r}) once with "
            "a network. DATASET = 'digits', the default, needs neither."
        ) from error
    return {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}


def _published(name: str) -> list[np.ndarray]:
    """MNIST or Fashion-MNIST, checked, in six parts."""
    path = os.environ.get(f"LR_{name.upper()}_NPZ")
    arrays = _from_file(path, name) if path else _downloaded(name)
    for key, array in arrays.items():
        if hashlib.sha256(np.ascontiguousarray(array)).hexdigest() != SHA256[name][key]:
            raise ValueError(
                f"array {key} is not {TITLES[name]}'s: shape {array.shape}, dtype {array.dtype}, and another "
                "checksum; fetch the file again, or use DATASET = 'digits'"
            )
    x, y, x_test, y_test = (arrays[key] for key in SHA256[name])
    x, x_test = (np.divide(a[..., None], 255, dtype="float32") for a in (x, x_test))
    y, y_test = y.astype("int64"), y_test.astype("int64")
    return [x[:48_000], y[:48_000], x[48_000:], y[48_000:], x_test, y_test]


@functools.cache
def tensors(name: str) -> list[tf.Tensor]:
    """The six arrays of a `Dataset`, in the order of its fields, as tensors in the memory of the CPU."""
    with tf.device("CPU"):
        return [tf.constant(array) for array in (_digits() if name == "digits" else _published(name))]


@functools.cache
def checksum(name: str) -> str:
    """SHA-256 over all arrays of a data set, as hexadecimal digits. MNIST's is known without loading it."""
    parts = [digest.encode() for digest in SHA256[name].values()] if name in SHA256 else _digits()
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@functools.cache
def _load(name: str) -> Dataset:
    # Views of the tensors, read-only: MNIST is 220 MB, and a laptop need not hold it twice.
    return Dataset(name, *(np.asarray(memoryview(tensor)) for tensor in tensors(name)))


def load_dataset(name: str = "digits") -> Dataset:
    """Load a data set: images (n, 28, 28, 1), float32 in [0, 1], and integer labels, in three parts.

    Args:
        name:
            - `"digits"` (default: it comes with scikit-learn, offline): 1,797 images of 8×8 pixels, scaled to
              28×28 with bilinear interpolation; a fixed split, stratified by label, of about 64/16/20 %.
            - `"mnist"`, `"fashion_mnist"`: the first 48,000 and last 12,000 training images, as
              `validation_split=0.2` divides them, and 10,000 test images. Read from the file that the environment
              variable LR_MNIST_NPZ or LR_FASHION_MNIST_NPZ names, else through `keras.datasets`.

    Returns:
        A `Dataset`. Its arrays are read-only and shared by all calls.

    Raises:
        ValueError: another name; a file that cannot be read, or whose arrays are not the published ones.
        FileNotFoundError: the environment variable names no file.
        ConnectionError: there is no such variable, and the download failed.
    """
    return _load(check_choice("name", name, BATCH_SIZES))


# Model ------------------------------------------------------------------------------------------------


def build_cnn(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    num_classes: int = 10,
    *,
    width: float = 1.0,
    dropout: float = 0.25,
) -> keras.Sequential:
    """The article's network: two convolutions with pooling and dropout, then a dense layer.

    Args:
        input_shape: of one image, (height, width, channels).
        num_classes: probabilities that come out.
        width: how many times as many channels and units as in the article; its 32, 64 and 256 at 1.
        dropout: share of the activations that each dropout leaves out; the article's is 0.25.

    Returns:
        A `keras.Sequential`, not compiled, so that the optimizer stays the caller's choice: images
        (n, *input_shape) in, probabilities (n, num_classes) out; 431,242 parameters at the defaults.
    """
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(round(32 * width), 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Conv2D(round(64 * width), 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(round(256 * width), activation="relu"),
            layers.Dense(num_classes, activation="softmax"),
        ]
    )


def build_lenet(input_shape: tuple[int, int, int] = (28, 28, 1), num_classes: int = 10) -> keras.Sequential:
    """LeNet as Caffe's MNIST example has it, the network of Smith (2018), Table 2. 431,080 parameters.

    Caffe's weight decay, 0.0005 times each weight in the gradient, is L2 regularisation here, and so part of the
    loss. Caffe also trains biases at twice the rate; here they train at the same one.

    Args:
        input_shape: of one image, (height, width, channels).
        num_classes: probabilities that come out.

    Returns:
        A `keras.Sequential`, not compiled.
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


# Schedules --------------------------------------------------------------------------------------------


Schedule = keras.optimizers.schedules.LearningRateSchedule
_schedules = keras.optimizers.schedules


def linear_decay(initial_lr: float, *, epochs: int, steps_per_epoch: int) -> Schedule:
    """From `initial_lr` in a straight line to 0: initial_lr·(1 − step / (epochs·steps_per_epoch)).

    First step: initial_lr. Last executed step, epochs·steps_per_epoch − 1: initial_lr / (epochs·steps_per_epoch),
    so it still trains. From then on: 0, but for rounding.

    Args:
        initial_lr: the rate of step 0.
        epochs: length of the decay.
        steps_per_epoch: batches in an epoch.

    Returns:
        Keras's `PolynomialDecay` with power 1.

    Raises:
        ValueError: `initial_lr` is not positive and finite, or a count is below 1.
        TypeError: a rate is not a number, or a count is not a whole one.
    """
    steps = check_count("epochs", epochs) * check_count("steps_per_epoch", steps_per_epoch)
    return _schedules.PolynomialDecay(check_rate("initial_lr", initial_lr), steps, end_learning_rate=0.0)


def step_decay(initial_lr: float, *, drop: float, every: int, steps_per_epoch: int) -> Schedule:
    """A staircase: initial_lr·drop**⌊step / (every·steps_per_epoch)⌋.

    First step: initial_lr. Step every·steps_per_epoch is the first with the smaller rate.

    Args:
        initial_lr: the rate of step 0.
        drop: the factor of each drop, between 0 and 1.
        every: epochs from one drop to the next.
        steps_per_epoch: batches in an epoch.

    Returns:
        Keras's `ExponentialDecay` with `staircase=True`.

    Raises:
        ValueError: `initial_lr` is not positive and finite, `drop` not between 0 and 1, or a count is below 1.
        TypeError: a rate is not a number, or a count is not a whole one.
    """
    # In a compiled graph step/decay_steps becomes step·(1/decay_steps), which is rounded: at some lengths, 61 for
    # one, the drop came a step late. Four units in the last place less, and it is right for four million steps.
    just_below = 1 - 4 * np.finfo("float32").epsneg
    factor = check_rate("drop", drop)
    if not factor < 1:
        raise ValueError(f"drop must be a factor between 0 and 1, got {drop}")
    steps = check_count("every", every) * check_count("steps_per_epoch", steps_per_epoch)
    return _schedules.ExponentialDecay(
        check_rate("initial_lr", initial_lr), steps * just_below, factor, staircase=True
    )


def time_decay(initial_lr: float, rate: float, *, steps_per_epoch: int) -> Schedule:
    """initial_lr / (1 + rate·t), with t = step / steps_per_epoch, at every step. First step: initial_lr.

    Lau (2017) calls this time-based decay; the article multiplies the factors up instead, see notebook 02.

    Args:
        initial_lr: the rate of step 0.
        rate: of the decay, per epoch: after 1/rate epochs half is left.
        steps_per_epoch: batches in an epoch.

    Returns:
        Keras's `InverseTimeDecay`.

    Raises:
        ValueError: a rate is not positive and finite, or `steps_per_epoch` is below 1.
        TypeError: a rate is not a number, or `steps_per_epoch` is not a whole one.
    """
    steps = check_count("steps_per_epoch", steps_per_epoch)
    return _schedules.InverseTimeDecay(check_rate("initial_lr", initial_lr), steps, check_rate("rate", rate))


def exponential_decay(initial_lr: float, rate: float, *, steps_per_epoch: int) -> Schedule:
    """initial_lr·exp(−rate·t), with t = step / steps_per_epoch, at every step (Lau, 2017). First step: initial_lr.

    Args:
        initial_lr: the rate of step 0.
        rate: of the decay, per epoch: after 1/rate epochs 37 % are left.
        steps_per_epoch: batches in an epoch.

    Returns:
        Keras's `ExponentialDecay`.

    Raises:
        ValueError: a rate is not positive and finite, or `steps_per_epoch` is below 1.
        TypeError: a rate is not a number, or `steps_per_epoch` is not a whole one.
    """
    steps = check_count("steps_per_epoch", steps_per_epoch)
    factor = math.exp(-check_rate("rate", rate))
    return _schedules.ExponentialDecay(check_rate("initial_lr", initial_lr), steps, factor)


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
    - `"exp_range"`: h·gamma**step. Smith lets both bounds fall; here, as in later code, the lower one stays;
    - `"sinusoidal"`: sin²(π/2·h), Smith's Hann window;
    - `"parabolic"`: 1 − (1 − h)², Smith's Welch window.

    First step: min_lr. First peak: step `step_size`. Next trough: step step_size + step_size_down; the last step
    of whole cycles is one step above it. Right to float32 for millions of steps.

    Args:
        min_lr: the rate of the troughs.
        max_lr: the rate of the peaks; above `min_lr`.
        step_size: steps from a trough to a peak. Smith advises 2 to 10 epochs.
        policy: one of `CyclicalLearningRate.POLICIES`, see above.
        gamma: of "exp_range", at most 1. 0.99994 is the value of Smith's experiments.
        step_size_down: steps from a peak to a trough; None for as many as up.

    Raises:
        ValueError: a rate is not positive and finite, `min_lr` is not below `max_lr`, a count is below 1, `gamma`
            is above 1, or there is no such policy.
        TypeError: a rate is not a number, or a count is not a whole one.
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
        self.min_lr, self.max_lr = check_bounds(min_lr, max_lr)
        self.step_size = check_count("step_size", step_size)
        self.policy = check_choice("policy", policy, self.POLICIES)
        self.gamma = check_rate("gamma", gamma)
        if self.gamma > 1:
            raise ValueError(f"gamma must be at most 1, got {gamma}")
        down = step_size if step_size_down is None else step_size_down
        self.step_size_down = check_count("step_size_down", down)

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
    """1cycle: up once, down once, and at the end far below the start (Smith and Topin, 2017, "super-convergence").

    With `anneal="cosine"` the rate is low + (max_lr − low)·sin²(π/2·h), with `"linear"` low + (max_lr − low)·h,
    where h is the height in a triangle over the run, 0 at its ends and 1 at the peak, and low is
    max_lr / start_division on the way up and max_lr / (start_division·final_division) on the way down. The shape
    is that of PyTorch.

    First step: max_lr / start_division. Peak: step warmup·steps − 1, between two steps where that is not whole.
    Last executed step, steps − 1, and all after it: max_lr / (start_division·final_division).

    Args:
        max_lr: the rate of the peak.
        steps: length of the run, at least 3.
        warmup: share of the steps on the way up: above 1/steps, below 1. 0.3 is PyTorch's, as are the next two.
        start_division: how many times the first rate lies below the peak; at least 1.
        final_division: how many times the last rate lies below the first; at least 1.
        anneal: `"cosine"` or `"linear"`.

    Raises:
        ValueError: an argument is outside the range given above, or the last rate is too small for float32.
        TypeError: a rate or a share is not a number, or `steps` is not a whole one.
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
        self.max_lr = check_rate("max_lr", max_lr)
        self.steps = check_count("steps", steps, least=3)
        self.warmup = check_rate("warmup", warmup)
        if not 1 < self.warmup * self.steps < self.steps:
            raise ValueError(f"warmup must be below 1 and above one step, 1/{self.steps}, got {warmup}")
        self.start_division = check_rate("start_division", start_division)
        self.final_division = check_rate("final_division", final_division)
        for name in ("start_division", "final_division"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        check_rate("max_lr / (start_division·final_division)", self.max_lr / start_division / final_division)
        self.anneal = check_choice("anneal", anneal, self.ANNEALS)

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

    First step: initial_lr. Peak: steps warmup to warmup + stable. Step warmup + stable + decay and all after it:
    final_lr; the last executed step of such a run is one step above.

    A run that has ended can be made longer from a checkpoint of before its decay: load it, set the loaded model's
    `optimizer.learning_rate` to the same schedule with a larger `stable`, and `fit` the rest. On the same batches
    it ends with the weights of a run that was planned so long, but that dropout draws other masks: Keras's files
    lack its seeds. (A model that has trained, and is not loaded, goes on with the schedule compiled into it.)

    Args:
        peak_lr: the rate of the level part.
        warmup: steps on the way up; may be 0.
        stable: steps on the level; may be 0.
        decay: steps on the way down, at least 1.
        initial_lr: at most `peak_lr`. With 0 the first batch only fills the optimizer's averages.
        final_lr: at most `peak_lr`.

    Raises:
        ValueError: a rate is negative or not finite, `peak_lr` is 0 or below another rate, or a count is too
            small.
        TypeError: a rate is not a number, or a count is not a whole one.
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
        self.peak_lr = check_rate("peak_lr", peak_lr)
        self.warmup = check_count("warmup", warmup, least=0)
        self.stable = check_count("stable", stable, least=0)
        self.decay = check_count("decay", decay)
        self.initial_lr = check_rate("initial_lr", initial_lr, zero=True)
        self.final_lr = check_rate("final_lr", final_lr, zero=True)
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
    """initial_lr·(1 + gamma·step)**(−power): Caffe's `inv`, with which Smith (2018), Table 2, compares 1cycle.

    First step: initial_lr. Keras's `InverseTimeDecay` has no power.

    Args:
        initial_lr: the rate of step 0.
        gamma: per step. The default, and that of `power`, is of Caffe's LeNet example.
        power: of the decay.

    Raises:
        ValueError: an argument is not positive and finite.
        TypeError: an argument is not a number.
    """

    def __init__(self, initial_lr: float, gamma: float = 0.0001, power: float = 0.75) -> None:
        self.initial_lr = check_rate("initial_lr", initial_lr)
        self.gamma, self.power = check_rate("gamma", gamma), check_rate("power", power)

    def __call__(self, step: Any) -> Any:
        """The rate of a step, float32."""
        return self.initial_lr * (1 + self.gamma * tf.cast(step, tf.float32)) ** -self.power


def _as_schedule(name: str, schedule: Any, such: str, kinds: Any = Schedule) -> Any:
    """A schedule of these kinds, `such` in words, made again where Keras hands over its serialized form."""
    if isinstance(schedule, dict) and "class_name" in schedule:
        schedule = keras.saving.deserialize_keras_object(schedule)
    if not isinstance(schedule, kinds):
        raise TypeError(f"{name} must be {such}, got {schedule!r}")
    return schedule


def _share(step: Any, steps: int) -> Any:
    """A warm-up: from 0 at step 0 in a straight line to exactly 1 at step `steps` and after it, float32."""
    return tf.where(step < steps, tf.cast(step, tf.float32) / max(steps, 1), 1.0)


@keras.saving.register_keras_serializable(package="lr_helpers")
class Warmup(_Configured):
    """Any schedule, or a plain rate, after a linear warm-up: Goyal and others (2017), arXiv:1706.02677, 2.2.

    The rate of step s is then(0)·s / steps before step `steps`, and then(s − steps) from there on: `then` starts
    at its own step 0 when the warm-up is over, so a decay that is planned for n steps ends at step steps + n.
    (Goyal and others begin at one worker's rate, here it is 0.)

    First step: 0, as with `WarmupStableDecay` and with the warm-up of Keras's `CosineDecay`; that batch only fills
    the optimizer's averages. Last step of the warm-up, steps − 1: one step below then(0). Step `steps`: then(0),
    the peak where `then` only falls. Last: that of `then`, `steps` later.

    For a rate that `ReduceLROnPlateau` lowers afterwards there are `WarmupSGD`, `WarmupAdam` and `WarmupAdamW`.

    Args:
        then: a schedule of Keras's or of this file, or a number.
        steps: length of the warm-up; may be 0.

    Raises:
        ValueError: `then` is a number that is not positive and finite, or `steps` is negative.
        TypeError: `then` is neither a schedule nor a number, or `steps` is not a whole one.
    """

    def __init__(self, then: Schedule | float, steps: int) -> None:
        then = _as_schedule("then", then, "a schedule or a number", Schedule | numbers.Real)
        self.then = then if isinstance(then, Schedule) else check_rate("then", then)
        self.steps = check_count("steps", steps, least=0)

    def __call__(self, step: Any) -> Any:
        """The rate of a step, float32."""
        step = tf.cast(step, tf.int64)
        since = tf.maximum(step - self.steps, 0)  # 0 during the warm-up
        rate = self.then(since) if isinstance(self.then, Schedule) else self.then
        return tf.cast(rate, tf.float32) * _share(step, self.steps)


@keras.saving.register_keras_serializable(package="lr_helpers")
class InverseMomentum(_Configured):
    """Momentum that falls while the rate rises, and back (Smith, 2018): high − (high − low)·height of the step.

    For `ScheduledSGD` and `ScheduledAdam`. First step: high. At the rate's peak: low.

    Args:
        schedule: the rate's, a `CyclicalLearningRate` or a `OneCycle`.
        low: zero or more. 0.85, and 0.95 for `high`, are fastai's and PyTorch's.
        high: above `low`, below 1.

    Raises:
        ValueError: `low` is negative or not below `high`, or `high` is not below 1.
        TypeError: `schedule` is of another kind, or a momentum is not a number.
    """

    def __init__(self, schedule: CyclicalLearningRate | OneCycle, low: float = 0.85, high: float = 0.95) -> None:
        self.schedule = _as_schedule(
            "schedule", schedule, "a CyclicalLearningRate or a OneCycle", CyclicalLearningRate | OneCycle
        )
        self.low, self.high = check_rate("low", low, zero=True), check_rate("high", high)
        if not self.low < self.high < 1:
            raise ValueError(f"low must be below high, and high below 1, got {low} and {high}")

    def __call__(self, step: Any) -> Any:
        """The momentum of a step, float32."""
        return self.high - (self.high - self.low) * self.schedule.height(step)


@keras.saving.register_keras_serializable(package="lr_helpers")
class ScheduledSGD(keras.optimizers.SGD):
    """Keras's SGD, but its `momentum` is a schedule, followed step by step.

    A number that is assigned to the `momentum` of Keras's own SGD during training has no effect: it was compiled
    in.

    Args:
        learning_rate: a number or a schedule, as for SGD.
        momentum: a schedule, such as `InverseMomentum`.
        arguments: all others of SGD.

    Raises:
        TypeError: `momentum` is no schedule.
    """

    def __init__(self, learning_rate: Any = 0.01, *, momentum: Schedule, **arguments: Any) -> None:
        super().__init__(learning_rate, momentum=0.9, **arguments)  # Keras wants to see a number
        self.momentum = _as_schedule("momentum", momentum, "a schedule, not a number")

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

    As in PyTorch, Adam's bias correction uses the present beta_1.

    Args:
        learning_rate: a number or a schedule, as for Adam.
        beta_1: a schedule, such as `InverseMomentum`.
        arguments: all others of Adam.

    Raises:
        TypeError: `beta_1` is no schedule.
    """

    def __init__(self, learning_rate: Any = 0.001, *, beta_1: Schedule, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self._schedule = _as_schedule("beta_1", beta_1, "a schedule, not a number")

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


class _WarmedUpRate:
    """The rate of an optimizer that warms up: Keras calls it for the rate, and its `assign` when the rate is set.

    Keras calls it without the step, and never says which optimizer it belongs to. So the optimizer brings itself.
    """

    def __init__(self, optimizer: WarmupOptimizer, peak: keras.Variable) -> None:
        self.optimizer, self.peak = optimizer, peak

    def share(self) -> Any:
        """How much of the peak the next step gets, in the peak's type."""
        share = _share(keras.ops.convert_to_tensor(self.optimizer.iterations), self.optimizer.warmup_steps)
        return keras.ops.cast(share, self.peak.dtype)

    def __call__(self) -> Any:
        """The rate of the next step."""
        return self.peak * self.share()

    def assign(self, value: Any) -> None:
        """Let the next step have this rate, by moving the peak. At step 0, whose share is 0: the peak."""
        share = self.share()
        self.peak.assign(keras.ops.cast(value, self.peak.dtype) / tf.where(share > 0, share, 1))

    def get_config(self) -> dict[str, Any]:
        """Nothing: the optimizer's own configuration has it all."""
        return {}


class WarmupOptimizer:
    """Gives an optimizer a linear warm-up that Keras's own `ReduceLROnPlateau` can follow, in the same `fit`.

    `WarmupSGD`, `WarmupAdam` and `WarmupAdamW` are ready. For another optimizer put this class first, and register
    the new one, so that a saved model is found again:

        @keras.saving.register_keras_serializable()
        class WarmupLion(lr.WarmupOptimizer, keras.optimizers.Lion):
            pass

    Update s, counted from 0, has the rate learning_rate·s / warmup_steps, and from update `warmup_steps` on
    `learning_rate`, the peak, until somebody sets it lower. First step: 0. These are the rates of
    `Warmup(learning_rate, warmup_steps)`, but a schedule's rate cannot be set. The compiled step computes them, so
    they are right with any `steps_per_execution`; a callback that warms up batch by batch would stand still there.

    `optimizer.learning_rate` is the rate of the next step, also during the warm-up, and setting it means the same:
    a rate that is set halfway up moves the peak to twice as much. So a callback that fires during the warm-up
    multiplies the rest of the line and the peak by its factor, as it would later. At step 0, whose rate is 0
    whatever the peak, what is set is the peak. Do not set a schedule: it takes the place of rate and warm-up, and
    a model that is saved with it does not load.

    Peak and step are the optimizer's variables: `model.save`, `save_weights` and `BackupAndRestore` keep them.
    Keras's callback forgets its patience when `fit` ends, as ever. It counts the epochs of the warm-up, too.

    Args:
        arguments: as for the optimizer; its `learning_rate`, a number, is the peak.
        warmup_steps: updates of the weights until the peak; may be 0.
        named: as for the optimizer.

    Raises:
        ValueError: `warmup_steps` is negative.
        TypeError: `learning_rate` is a schedule, which warms up with `Warmup`; or `warmup_steps` is not a whole
            number.
    """

    def __init__(self, *arguments: Any, warmup_steps: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.warmup_steps = check_count("warmup_steps", warmup_steps, least=0)
        peak = self.learning_rate  # Keras's own variable, where the rate is a number
        if not isinstance(peak, keras.Variable):
            raise TypeError(
                f"learning_rate must be a number, got {self._learning_rate!r}; a schedule warms up with Warmup"
            )
        self.learning_rate = self._warmed_up = _WarmedUpRate(self, peak)
        self._peak = peak  # Keras let go of it in the line above, and now keeps it again

    def get_config(self) -> dict[str, Any]:
        """The optimizer's, with the warm-up; the rate in it is the present peak."""
        config = super().get_config() | {"warmup_steps": self.warmup_steps}
        if self._learning_rate is self._warmed_up:
            config["learning_rate"] = float(self._peak.numpy())
        return config


@keras.saving.register_keras_serializable(package="lr_helpers")
class WarmupSGD(WarmupOptimizer, keras.optimizers.SGD):
    """Keras's SGD after a warm-up; see `WarmupOptimizer`."""


@keras.saving.register_keras_serializable(package="lr_helpers")
class WarmupAdam(WarmupOptimizer, keras.optimizers.Adam):
    """Keras's Adam after a warm-up; see `WarmupOptimizer`."""


@keras.saving.register_keras_serializable(package="lr_helpers")
class WarmupAdamW(WarmupOptimizer, keras.optimizers.AdamW):
    """Keras's AdamW after a warm-up; see `WarmupOptimizer`."""


@keras.saving.register_keras_serializable(package="lr_helpers")
class ScheduleFreeAdamW(keras.optimizers.Optimizer):
    """AdamW that averages its weights instead of lowering its rate (Defazio and others, 2024, arXiv:2405.15682).

    Three sequences begin at the weights. Step t = 1, 2, … takes the gradient g at y, then

    - v = beta_2·v + (1 − beta_2)·g², from v = 0;
    - γ_t = learning_rate·√(1 − beta_2**t)·min(1, t / warmup_steps): Adam's bias correction, and the warm-up;
    - z = z − γ_t·(g / (√v + epsilon) + weight_decay·y);
    - x = (1 − c)·x + c·z, where c = γ_t² / (γ_1² + … + γ_t²);
    - y = (1 − beta_1)·z + beta_1·x.

    The model holds y while it trains. To be evaluated and saved is x: `fit` ends with it in the model. Add
    `ScheduleFreeEvaluation` to the callbacks, so that validation and checkpoints see it, too. BatchNormalization
    collects its statistics at y, so before a model with it is evaluated they have to be collected anew at x.

    First step: γ_1 = learning_rate·√(1 − beta_2) / max(1, warmup_steps), and x = y = z after it. Keras 3.15 has a
    class of this name that is not this algorithm: on TensorFlow its beta_1 has no effect.

    Args:
        learning_rate: a number or a schedule, as for Adam. The authors use 1 to 10 times AdamW's.
        beta_1: how far y lies from z (0) to x (1). The authors use 0.9, and 0.98 for long runs.
        beta_2: of the mean of squared gradients; above 0, below 1.
        epsilon: above 0.
        weight_decay: zero or more; `exclude_from_weight_decay` works.
        warmup_steps: on which the rate rises in a straight line; may be 0.
        arguments: all others of Keras's optimizers, but `use_ema`.

    Raises:
        ValueError: an argument is outside the range given above, or `use_ema` is asked for: x is the average.
        TypeError: a number is none, or `warmup_steps` is not a whole one.
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, check_rate("weight_decay", weight_decay, zero=True), **arguments)
        self.beta_1, self.beta_2 = check_rate("beta_1", beta_1, zero=True), check_rate("beta_2", beta_2)
        self.epsilon = check_rate("epsilon", epsilon)
        self.warmup_steps = check_count("warmup_steps", warmup_steps, least=0)
        if self.beta_1 > 1 or self.beta_2 >= 1:
            raise ValueError(f"beta_1 must be at most 1, and beta_2 below 1, got {beta_1} and {beta_2}")
        if self.use_ema:
            raise ValueError("use_ema must be False: x is the average that is evaluated")

    def build(self, variables: list[Any]) -> None:
        """What is kept: z − x and v of each weight, the sum of γ², and whether the model holds x. All begin at 0.

        Zeros, since Keras may build inside a graph, where a copy of the weights would be lost.
        """
        if self.built:
            return
        super().build(variables)
        self._gaps, self._velocities = self.add_optimizer_variables(variables, ["gap", "velocity"])
        self._sum = self.add_variable((), dtype="float32", name="sum_of_squared_rates")
        self._holds_x = self.add_variable((), dtype="float32", name="model_holds_x")

    def _apply_weight_decay(self, variables: list[Any]) -> None:
        """Keras's own is left out: `update_step` decays z, by y."""

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:
        ops = keras.ops
        step = ops.cast(self.iterations + 1, "float32")
        rate = ops.cast(learning_rate, "float32") * ops.sqrt(-ops.expm1(step * math.log(self.beta_2)))
        if self.warmup_steps:
            rate *= ops.minimum(step / self.warmup_steps, 1.0)
        self.assign_add(self._sum, rate**2)
        super()._backend_update_step(grads, trainable_variables, rate)
        self.assign(self._holds_x, 0.0)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """The step of one variable; `learning_rate` is γ_t."""
        ops, index = keras.ops, self._get_variable_index(variable)
        gap, velocity = self._gaps[index], self._velocities[index]
        share = tf.math.divide_no_nan(learning_rate**2, ops.convert_to_tensor(self._sum))
        rate, share, holds_x = (ops.cast(value, variable.dtype) for value in (learning_rate, share, self._holds_x))
        gradient = ops.cast(tf.convert_to_tensor(gradient), variable.dtype)  # that of an embedding is sparse
        new_velocity = self.beta_2 * velocity + (1 - self.beta_2) * gradient**2
        change = gradient / (ops.sqrt(new_velocity) + self.epsilon)
        if self.weight_decay and self._use_weight_decay(variable):
            change += self.weight_decay * variable
        x = variable - (1 - holds_x) * (1 - self.beta_1) * gap
        step = gap - rate * change  # the new z, seen from the old x
        new_gap = (1 - share) * step
        self.assign(variable, x + share * step + (1 - self.beta_1) * new_gap)
        self.assign(gap, new_gap)
        self.assign(velocity, new_velocity)

    def set_model_to(self, sequence: str) -> None:
        """Put x or y into the model, if it does not hold it already. For training loops other than `fit`.

        Args:
            sequence: `"x"` to evaluate or save, `"y"` to train.

        Raises:
            ValueError: another sequence.
        """
        wanted = float(check_choice("sequence", sequence, ("x", "y")) == "x")
        if self.built and wanted != float(self._holds_x):
            for variable, gap in zip(self._trainable_variables, self._gaps, strict=True):
                if gap is not None:
                    variable.assign_sub((2 * wanted - 1) * (1 - self.beta_1) * gap)
            self._holds_x.assign(wanted)

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        """Put x into the model: Keras calls this at the end of `fit`."""
        self.set_model_to("x")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return super().get_config() | {name: getattr(self, name) for name in names}


class ScheduleFreeEvaluation(keras.callbacks.Callback):
    """Keeps x of `ScheduleFreeAdamW` in the model, except while an epoch trains.

    So validation, prediction and what other callbacks do at the end of an epoch see the sequence that is meant for
    it. Put it first among the callbacks of `fit`.

    Raises:
        TypeError: when `fit` begins, if the model has another optimizer.
    """

    def set_model(self, model: keras.Model) -> None:
        """Find the optimizer, also inside the wrapper of mixed precision."""
        super().set_model(model)
        self.optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        if not isinstance(self.optimizer, ScheduleFreeAdamW):
            raise TypeError(f"model must be compiled with a ScheduleFreeAdamW, got {model.optimizer!r}")

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Put y in."""
        self.optimizer.set_model_to("y")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Put x in."""
        self.optimizer.set_model_to("x")

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Put x in."""
        self.optimizer.set_model_to("x")

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """Put x in."""
        self.optimizer.set_model_to("x")


def learning_rates(schedule: Schedule | float, steps: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """The rates that a schedule gives, evaluated in a compiled graph, one step at a time, as an optimizer does it.

    Args:
        schedule: a Keras schedule, or a fixed rate.
        steps: a count, for steps 0 … steps − 1, or an array of integers.

    Returns:
        One rate for each step, float32.

    Raises:
        ValueError: a step is negative, or 2³¹ and more; a count is above 10,000,000; or a rate comes out negative
            or not finite.
        TypeError: `steps` is neither a whole number nor an array of them, or `schedule` is neither kind.
    """
    if isinstance(steps, numbers.Number):
        numbers_of_steps = np.arange(check_count("steps", steps, most=MOST_STEPS))
    else:
        numbers_of_steps = as_array("steps", steps, "iu")
    if numbers_of_steps.size and not 0 <= numbers_of_steps.min() <= numbers_of_steps.max() < 2**31:
        raise ValueError(
            f"steps must be between 0 and 2**31, got {numbers_of_steps.min()} … {numbers_of_steps.max()}"
        )
    if not isinstance(schedule, Schedule):
        return np.full(numbers_of_steps.shape, check_rate("schedule", schedule), "float32")
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


# Sharpness --------------------------------------------------------------------------------------------


def sharpness(model: keras.Model, x: Any, y: Any, *, chunk: int = 500, tolerance: float = 0.01) -> float:
    """λ, the largest eigenvalue of the loss's Hessian: gradient descent is stable at rates below 2/λ.

    By Lanczos iteration (SciPy's `eigsh`) on Hessian-vector products, which TensorFlow computes exactly, reverse
    over reverse (Pearlmutter, 1994): about 20 products of three gradients' work each. The loss is the one that
    `fit` minimises, over all of x, with dropout off.

    Args:
        model: compiled.
        x: the inputs, an array.
        y: the targets, an array of the same length.
        chunk: inputs that are held in memory at a time. 500 keep the article's network on MNIST below 1 GB.
        tolerance: relative, of λ.

    Returns:
        λ, in units of loss per squared weight. 2/λ is the critical rate.

    Raises:
        ValueError: the model is not compiled, x and y differ in length or are empty, or a product is not finite.
        TypeError: `model` is no Keras model.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model, got {model!r}")
    if not model.compiled:
        raise ValueError("model must be compiled: call model.compile(optimizer=..., loss=...) first")
    if not 0 < len(x) == len(y):
        raise ValueError(f"x and y must have the same length above 0, got {len(x)} and {len(y)}")
    check_count("chunk", chunk)
    chunks = [(x[i : i + chunk], y[i : i + chunk]) for i in range(0, len(x), chunk)]
    weights = [variable.value for variable in model.trainable_variables]
    shapes = [weight.shape for weight in weights]
    ends = np.cumsum([math.prod(shape) for shape in shapes])

    @tf.function(reduce_retracing=True)
    def product(x: tf.Tensor, y: tf.Tensor, direction: list[tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=False), training=False)
            gradients = inner.gradient(loss, weights)
        return outer.gradient(gradients, weights, output_gradients=direction)

    def hessian_times(vector: np.ndarray) -> np.ndarray:
        parts = np.split(vector.astype("float32"), ends[:-1])
        direction = [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
        total = np.zeros(ends[-1])
        for inputs, targets in chunks:
            columns = product(tf.constant(inputs), tf.constant(targets), direction)
            total += len(inputs) / len(x) * np.concatenate([np.ravel(column) for column in columns])
        if not np.isfinite(total).all():
            raise ValueError("model must have a finite loss and finite derivatives on x and y, got nan or inf")
        return total

    operator = LinearOperator((ends[-1], ends[-1]), matvec=hessian_times, dtype="float64")
    start = np.random.default_rng(0).normal(size=ends[-1])
    return float(eigsh(operator, k=1, which="LA", tol=tolerance, v0=start, return_eigenvectors=False)[0])


# Plots ------------------------------------------------------------------------------------------------


def loss_axis(ax: Axes) -> Axes:
    """Make the y-axis of a plot logarithmic, with plain numbers at 1, 2, 5, 10, … as its only labels."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(ticker.NullLocator())
    return ax


def _by_epoch(ax: Axes, curves: Iterable[tuple[str, Sequence[float]]], ylabel: str) -> Axes:
    """A line for each label and its numbers, one an epoch. A loss gets a logarithmic axis."""
    for label, values in curves:
        ax.plot(range(1, len(values) + 1), values, marker="." if len(values) == 1 else "", label=label)
    ax.set(xlabel="epoch", ylabel=ylabel)
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    ax.legend()
    return loss_axis(ax) if ylabel.endswith("loss") else ax


def plot_history(runs: Iterable[Any], metric: str = "val_loss", ax: Axes | None = None) -> Axes:
    """One curve for each run: a metric against the epoch. Loss axes are logarithmic.

    Args:
        runs: with `label` and `history`, as `lr_study.train` returns them.
        metric: a key of `history`.
        ax: where to draw; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: a run has no such metric.
    """
    runs = list(runs)
    for run in runs:
        if metric not in run.history:
            raise ValueError(f"metric must be one of {', '.join(run.history)}, got {metric!r}")
    curves = ((run.label, run.history[metric]) for run in runs)
    return _by_epoch(as_axes(ax), curves, metric.replace("val_", "validation "))


class LiveLoss(keras.callbacks.Callback):
    """A figure in the notebook that is drawn anew as losses come in.

    Among the callbacks of `fit`, of any model, or of `lr_study.train`: training and validation loss after every
    epoch. With `lr_study.run_all(..., on_run=LiveLoss().add)`: the curve of every run as it ends.
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

    def add(self, run: Any) -> None:
        """Draw one run more: its validation loss, or its training loss where it has no other."""
        self.curves[f"{run.label}, seed {run.experiment.seed}"] = run.history.get("val_loss", run.history["loss"])
        self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        ax = _by_epoch(as_axes(None), self.curves.items(), "loss")
        ax.get_legend().set_visible(len(self.curves) <= len(plt.rcParams["axes.prop_cycle"]))
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
    """The rate of each schedule against the step, or against the epoch.

    Args:
        schedules: label → schedule or fixed rate.
        steps: how many to draw.
        steps_per_epoch: None for an axis in steps, else one in epochs.
        ax: where to draw; None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: a count is below 1, or a rate comes out negative or not finite.
        TypeError: `schedules` is no dict, or a count is not a whole number.
    """
    if not isinstance(schedules, Mapping):
        raise TypeError(f"schedules must be a dict from label to schedule, got {schedules!r}")
    per_epoch = 1 if steps_per_epoch is None else check_count("steps_per_epoch", steps_per_epoch)
    rates = {label: learning_rates(schedule, steps) for label, schedule in schedules.items()}
    ax = as_axes(ax)
    for label, values in rates.items():
        ax.plot(np.arange(steps) / per_epoch, values, label=label)
    ax.set(xlabel="step" if steps_per_epoch is None else "epoch", ylabel="learning rate")
    ax.legend()
    return ax


def plot_sensitivity(
    points: Mapping[str, Mapping[float, Sequence[float]]], ylabel: str = "test loss", ax: Axes | None = None
) -> Axes:
    """A measured figure against the learning rate: the median of the seeds, and bars from lowest to highest.

    Args:
        points: label → rate → one value for each seed. One NaN (a diverged run) leaves a gap.
        ylabel: what was measured.
        ax: where to draw; None for a new figure.

    Returns:
        The Axes.
    """
    ax = as_axes(ax)
    for label, by_rate in points.items():
        rates = sorted(by_rate)
        values = [np.asarray(by_rate[rate], float) for rate in rates]
        middle = np.array([np.median(v) for v in values])
        reach = [middle - [v.min() for v in values], [v.max() for v in values] - middle]
        ax.errorbar(rates, middle, yerr=reach, label=label, marker="o", capsize=3)
    ax.set(xscale="log", xlabel="learning rate", ylabel=ylabel)
    ax.legend()
    return loss_axis(ax)
