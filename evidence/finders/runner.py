"""Training for the finders' tasks: many steps in one compiled call, at a fixed rate or along a sweep.

A runner is made once a task; each run begins with fresh weights and an empty optimizer. The order of the examples
is that of `lr_range_test.range_test` with the same seed, so that a sweep here is a sweep there.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from .prodigy import Prodigy
from .tasks import OPTIMIZERS, Pair

# Where a run's losses are noted. With a fixed rate the first 300 steps of a long run are a run of 300 steps: both
# budgets come from one run. The others are what short confirmation runs, or runs of a third of a budget, see.
CHECKPOINTS = (25, 33, 50, 66, 100, 133, 200, 300, 533, 1500)
BUDGETS = (300, 1500)
HOPELESS = 1000  # a sweep ends where a loss is so many times the first one: all finders stop before that


def batches(pair: Pair, seed: int, steps: int) -> np.ndarray:
    """The examples of each step: the data in another order in each pass."""
    length = len(pair.data().x_train)
    passes = math.ceil(steps * pair.batch_size / length)
    orders = [np.random.default_rng([seed, 0, i]).permutation(length) for i in range(passes)]
    return np.concatenate(orders)[: steps * pair.batch_size].reshape(steps, -1).astype("int32")


class Runner:
    """A pair with an optimizer: one of `tasks.OPTIMIZERS`, or "prodigy"."""

    def __init__(self, pair: Pair, optimizer: str) -> None:
        self.pair, self.model = pair, pair.network()
        self.optimizer = Prodigy() if optimizer == "prodigy" else OPTIMIZERS[optimizer]()
        self.optimizer.build(self.model.trainable_variables)
        self.empty = [variable.numpy() for variable in self.optimizer.variables]
        data, loss, model = pair.data(), pair.loss, self.model
        x, y, x_val, y_val = map(tf.constant, vars(data).values())
        weights, rate = model.trainable_variables, self.optimizer.learning_rate

        @tf.function(
            input_signature=[tf.TensorSpec([None, pair.batch_size], "int32"), tf.TensorSpec([None], "float32")]
        )
        def steps(order: tf.Tensor, rates: tf.Tensor) -> tf.Tensor:
            losses = tf.zeros_like(rates)
            for i in tf.range(tf.size(rates)):
                with tf.GradientTape() as tape:
                    value = loss(tf.gather(y, order[i]), model(tf.gather(x, order[i]), training=True))
                rate.assign(rates[i])
                self.optimizer.apply(tape.gradient(value, weights), weights)
                losses = tf.tensor_scatter_nd_update(losses, [[i]], [value])
            return losses

        self._steps, self._validate = steps, tf.function(lambda: loss(y_val, model(x_val, training=False)))

    def _start(self, seed: int) -> None:
        """The weights that the seed stands for, dropout's seeds included, and an optimizer that saw nothing."""
        keras.utils.set_random_seed(seed)
        for variable, fresh in zip(self.model.variables, self.pair.network().variables, strict=True):
            variable.assign(fresh)
        for variable, value in zip(self.optimizer.variables, self.empty, strict=True):
            variable.assign(value)

    def train(self, seed: int, rate: float, steps: int = CHECKPOINTS[-1]) -> dict[str, list[float]]:
        """Train at a fixed rate.

        Args:
            seed: Of weights, order and dropout.
            rate: The learning rate.
            steps: How many, one of CHECKPOINTS.

        Returns:
            "val", the validation loss at each checkpoint, and "train", the mean loss of the batches since the one
            before. They end where either is not finite: the run has diverged.
        """
        self._start(seed)
        order, before = batches(self.pair, seed, steps), 0
        noted: dict[str, list[float]] = {"val": [], "train": []}
        for checkpoint in (one for one in CHECKPOINTS if one <= steps):
            losses = self._steps(order[before:checkpoint], tf.fill([checkpoint - before], np.float32(rate)))
            train, val = float(tf.reduce_mean(losses)), float(self._validate())
            if not math.isfinite(train + val):
                break
            noted["train"].append(train)
            noted["val"].append(val)
            before = checkpoint
        return noted

    def sweep(self, seed: int, rates: np.ndarray) -> np.ndarray:
        """The loss of each batch before the update at each rate; to the first that is not finite, or HOPELESS."""
        self._start(seed)
        losses = self._steps(batches(self.pair, seed, len(rates)), rates.astype("float32")).numpy()
        lost = ~(losses <= HOPELESS * losses[0])
        return losses[: lost.argmax() + 1] if lost.any() else losses
