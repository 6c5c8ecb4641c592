"""Training step by step, to measure what a history does not show; and range tests on fresh networks.

A measured run begins with the weights, dropout seeds and order of batches that `lr_study.train` gives the same
experiment, and takes the same steps. Numbers are kept to four digits, so that a run is a line of some kilobytes.
"""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

import lr_helpers as lr
import lr_study
from lr_range_test import range_test
from lr_study import Experiment

from .metrics import LATE
from .store import described
from .studies import Measured, Sweep

IMAGES = 500  # that "layers" looks at; "sharpness" takes four times as many
CLOSELY = 48  # the steps from the start at which "layers" notes everything; later at every fourth
Arrays = Sequence[Any]


def rounded(value: Any, digits: int = 4) -> Any:
    """Numbers, and lists of them, to so many digits; None where there is no number, as JSON has it."""
    if isinstance(value, np.ndarray | list | tuple):
        return [rounded(one, digits) for one in value]
    return float(f"{float(value):.{digits}g}") if math.isfinite(value) else None


class Probe(Protocol):
    """What is measured along a run: before the first step, and after each."""

    def start(self) -> None:
        """Measure before the first step."""

    def after(self, step: int, loss: float, gradients: Arrays, updates: Arrays) -> None:
        """Measure after step number `step`, counted from 1."""

    def measured(self) -> dict[str, list[Any]]:
        """What was measured; "step" has the steps of lists that are not described otherwise."""


def layer_names(model: keras.Model) -> list[str]:
    """A name for each layer with weights, from its place: conv1, conv2, dense, output."""
    names, convolutions = [], 0
    for layer in model.layers:
        if layer.trainable_variables:
            convolutions += isinstance(layer, keras.layers.Conv2D)
            names.append(f"conv{convolutions}" if isinstance(layer, keras.layers.Conv2D) else "dense")
    return [*names[:-1], "output"]


class Layers:
    """What happens in each layer: which units are dead, which updates turn, how large the gradients are.

    At the first 48 steps and every fourth after them, and at the last: the batch's loss; by layer, the share of
    weights whose update reverses the last one ("reversed"), the norm of the gradient ("gradient"), and the share
    of units that are 0 for all of 500 images ("dead", not of the output; a channel of a convolution is a unit);
    the largest mean probability of a class on those images ("largest mean"), and the standard deviation of the
    probabilities over them, a mean of the classes ("spread"). Of the last 96 steps, all updates of the output's
    biases ("output/bias updates").
    """

    def __init__(self, model: keras.Model, images: np.ndarray, labels: np.ndarray, every: int, steps: int) -> None:
        self.names, self.steps, self.images = layer_names(model), steps, tf.constant(images[:IMAGES])
        self.layers = [layer for layer in model.layers if layer.trainable_variables]
        self.look = tf.function(keras.Model(model.inputs, [layer.output for layer in self.layers]))
        order = {id(variable): i for i, variable in enumerate(model.trainable_variables)}
        self.places = [[order[id(variable)] for variable in layer.trainable_variables] for layer in self.layers]
        self.last: list[Any] = []
        self.lists: dict[str, list[Any]] = {}
        self.biases: list[np.ndarray] = []

    def _note(self, name: str, value: Any) -> None:
        self.lists.setdefault(name, []).append(value)

    def start(self) -> None:
        """Nothing has moved yet."""

    def after(self, step: int, loss: float, gradients: Arrays, updates: Arrays) -> None:
        """Note all of it, where this step is one of those."""
        if step > self.steps - LATE:
            self.biases.append(updates[-1])
        if step <= CLOSELY or step % 4 == 0 or step == self.steps:
            self._note("step", step)
            self._note("loss", loss)
            for name, chosen in zip(self.names, self.places, strict=True):
                norm = math.sqrt(sum(float(np.sum(np.square(gradients[i], dtype="float64"))) for i in chosen))
                self._note(f"{name}/gradient", norm)
                turned = sum(int(np.sum(updates[i] * self.last[i] < 0)) for i in chosen) if self.last else 0
                self._note(f"{name}/reversed", turned / sum(updates[i].size for i in chosen))
            *hidden, probabilities = keras.tree.flatten(self.look(self.images))
            for name, values in zip(self.names, hidden, strict=False):
                alive = tf.reduce_max(values, axis=list(range(len(values.shape) - 1))) > 0
                self._note(f"{name}/dead", 1 - float(tf.reduce_mean(tf.cast(alive, "float32"))))
            self._note("largest mean", float(tf.reduce_max(tf.reduce_mean(probabilities, 0))))
            self._note("spread", float(tf.reduce_mean(tf.math.reduce_std(probabilities, 0))))
        self.last = list(updates)

    def measured(self) -> dict[str, list[Any]]:
        """All lists."""
        steps = {"step": self.lists.get("step", [])}
        return steps | rounded_lists(self.lists) | {"output/bias updates": rounded(self.biases, 3)}


class Sharpness:
    """λ and the loss on 2,000 images, dropout off: at the start, and after every so many steps."""

    def __init__(self, model: keras.Model, images: np.ndarray, labels: np.ndarray, every: int, steps: int) -> None:
        self.model, self.every = model, every
        self.data = images[: 4 * IMAGES], labels[: 4 * IMAGES]
        self.lists: dict[str, list[Any]] = {"step": [], "sharpness": [], "loss": []}

    def _measure(self, step: int) -> None:
        loss = float(np.asarray(self.model.evaluate(*self.data, batch_size=IMAGES, verbose=0))[0])
        try:
            sharpness = lr.sharpness(self.model, *self.data)
        except (ValueError, RuntimeError):  # weights that are no numbers; a Hessian of zeros, in a dead network
            sharpness = math.nan
        for name, value in (("step", step), ("loss", loss), ("sharpness", sharpness)):
            self.lists[name].append(value)

    def start(self) -> None:
        """Measure the fresh network."""
        self._measure(0)

    def after(self, step: int, loss: float, gradients: Arrays, updates: Arrays) -> None:
        """Measure, where this step is one of those."""
        if step % self.every == 0:
            self._measure(step)

    def measured(self) -> dict[str, list[Any]]:
        """All lists."""
        return {"step": self.lists["step"]} | rounded_lists(self.lists)


def rounded_lists(lists: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The lists to four digits, but for the steps."""
    return {name: rounded(values) for name, values in lists.items() if name != "step"}


class Losses:
    """The loss of every batch ("batch losses")."""

    def __init__(self, model: keras.Model, images: np.ndarray, labels: np.ndarray, every: int, steps: int) -> None:
        self.losses: list[float] = []

    def start(self) -> None:
        """There is no batch yet."""

    def after(self, step: int, loss: float, gradients: Arrays, updates: Arrays) -> None:
        """Note it."""
        self.losses.append(loss)

    def measured(self) -> dict[str, list[Any]]:
        """The list."""
        return {"batch losses": rounded(self.losses)}


# "biases" measures what "layers" does, on ten output biases alone.
PROBES: dict[str, type[Probe]] = {"layers": Layers, "biases": Layers, "sharpness": Sharpness, "losses": Losses}


class Biases(keras.layers.Layer):
    """Ten biases and nothing else: the same probabilities for each image. A convex problem."""

    def build(self, shape: Any) -> None:
        """Begin with equal guesses."""
        self.bias = self.add_weight(shape=(10,), initializer="zeros", name="bias")

    def call(self, images: Any) -> Any:
        """The probabilities."""
        alike = keras.ops.softmax(self.bias[None])
        return keras.ops.repeat(alike, keras.ops.shape(images)[0], axis=0)


def batches(experiment: Experiment) -> Iterator[tuple[Any, Any]]:
    """All batches of a run, in `lr_study.train`'s order."""
    x, y, x_val, y_val = lr.tensors(experiment.dataset)[:4]
    if not experiment.validate:
        x, y = tf.concat([x, x_val], 0), tf.concat([y, y_val], 0)
    x, y = x[: experiment.examples], y[: experiment.examples]
    for epoch in range(experiment.epochs):
        order = np.random.default_rng([experiment.seed, epoch]).permutation(len(x))
        for start in range(0, len(x), experiment.batch_size):
            chosen = order[start : start + experiment.batch_size]
            yield tf.gather(x, chosen), tf.gather(y, chosen)


def compiled(experiment: Experiment, biases: bool = False) -> keras.Model:
    """The network with the weights with which `lr_study.train` begins, or biases alone, and the optimizer."""
    model = lr_study.fresh_network(experiment.network, experiment.seed)
    if biases:
        model = keras.Sequential([keras.layers.Input((28, 28, 1)), Biases()])
    optimizer = keras.optimizers.deserialize(copy.deepcopy(experiment.optimizer))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train_measured(planned: Measured) -> dict[str, Any]:
    """Train as `lr_study.train` does, one step at a time, and measure.

    Args:
        planned: The experiment and its probe.

    Returns:
        What is stored of it: the keys of a stored run, and `measured`.

    Raises:
        KeyError: Where there is no such probe.
    """
    begin, experiment = time.perf_counter(), planned.experiment
    model, data = compiled(experiment, planned.probe == "biases"), lr.load_dataset(experiment.dataset)
    probe = PROBES[planned.probe](
        model, data.x_train, data.y_train, planned.every, experiment.epochs * experiment.steps_per_epoch
    )
    weights = model.trainable_variables

    @tf.function
    def one_step(x: tf.Tensor, y: tf.Tensor) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True), training=True)
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        model.optimizer.apply(gradients, weights)
        return loss, gradients

    history: dict[str, list[float]] = {"loss": []}
    status, losses, before = "finished", [], [weight.numpy() for weight in weights]
    probe.start()
    for step, (x, y) in enumerate(batches(experiment), 1):
        loss, gradients = one_step(x, y)
        losses.append((float(loss), len(y)))
        after = [weight.numpy() for weight in weights]
        updates = [new - old for new, old in zip(after, before, strict=True)]
        before = after
        probe.after(step, losses[-1][0], [np.asarray(gradient) for gradient in gradients], updates)
        if not math.isfinite(losses[-1][0]):
            status = "diverged"
        if step % experiment.steps_per_epoch == 0 or status == "diverged":
            history["loss"].append(_mean(losses))
            losses = []
            if experiment.validate:
                for name, value in zip(
                    ("val_loss", "val_accuracy"), _evaluated(model, data.x_val, data.y_val), strict=True
                ):
                    history.setdefault(name, []).append(value)
        if status == "diverged":
            break
    test = (math.nan, math.nan) if status == "diverged" else _evaluated(model, data.x_test, data.y_test)
    return {
        "experiment": described(planned),
        "history": {name: rounded(values) for name, values in history.items()},
        "test_loss": rounded(test[0], 7),
        "test_accuracy": rounded(test[1], 7),
        "seconds": time.perf_counter() - begin,
        "environment": lr_study.environment(),
        "status": status,
        "measured": probe.measured(),
    }


def _mean(losses: Sequence[tuple[float, int]]) -> float:
    """Of batches' losses, each with the batch's size: the last one may be short."""
    values, sizes = zip(*losses, strict=True)
    return float(np.average(values, weights=sizes))


def _evaluated(model: keras.Model, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    loss, accuracy = model.evaluate(x, y, batch_size=IMAGES, verbose=0)
    return float(loss), float(accuracy)


def swept(planned: Sweep) -> dict[str, Any]:
    """A range test on a fresh network.

    Args:
        planned: What is asked for.

    Returns:
        What is stored of it: `range_test` has what `RangeTest.save` writes, to six digits.
    """
    begin, data = time.perf_counter(), lr.load_dataset(planned.dataset)
    fields = {"dataset": planned.dataset, "batch_size": planned.batch_size, "seed": planned.seed}
    test = range_test(
        compiled(Experiment(planned.label, planned.optimizer, **fields)),
        data.x_train,
        data.y_train,
        min_lr=planned.min_lr,
        max_lr=planned.max_lr,
        steps=planned.steps,
        batch_size=planned.batch_size,
        sweep=planned.sweep,
        seed=planned.seed,
        progress=False,
    )
    content = {
        "learning_rates": rounded(test.learning_rates, 6),
        "sweeps": rounded(test.sweeps, 6),
        "stopped": test.stopped,
        "smoothing": test.smoothing,
    }
    return {
        "experiment": described(planned),
        "range_test": content,
        "seconds": time.perf_counter() - begin,
        "environment": lr_study.environment(),
    }
