"""Prodigy, an optimizer that promises to need no learning rate, for Keras.

Mishchenko and Defazio (2024), *Prodigy: An Expeditiously Adaptive Parameter-Free Learner*, arXiv:2306.06101. The
arithmetic is that of the authors' own code at its defaults (github.com/konstmish/prodigy, prodigyopt/prodigy.py,
commit 3efb213): no bias correction, no decay, no warm-up, unlimited growth of d, rate 1.
"""

import math
from typing import Any

import keras

FIRST_D = 1e-6  # d0, their default


class Prodigy(keras.optimizers.Optimizer):
    """Adam whose step size d is an estimate of the distance between the first weights and the solution.

    With g the gradient at the weights x, x0 the first weights, e = d / FIRST_D and all sums over all weights:

    - m = beta_1·m + (1 − beta_1)·d·g and v = beta_2·v + (1 − beta_2)·d²·g²;
    - s = √beta_2·s + e·d·γ·g, and r = √beta_2·r + e·d·γ·Σ g·(x0 − x);
    - x = x − d·γ·m / (√v + d'·epsilon), with the next d, d' = max(d, r / Σ|s|).

    Args:
        learning_rate: γ, a factor of d that is best left at 1.
        beta_1: Of the mean of gradients.
        beta_2: Of the mean of squared gradients.
        epsilon: Above 0.
        arguments: All others of Keras's optimizers.
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, **arguments)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: list[Any]) -> None:
        """m, v, s and x0 of each weight; d and r. x0 is noted in the first step."""
        if self.built:
            return
        super().build(variables)
        slots = self.add_optimizer_variables(variables, ["m", "v", "s", "first"])
        self._slots = list(zip(*slots, strict=True))
        self.d = self.add_variable((), keras.initializers.Constant(FIRST_D), "float32", name="d")
        self.r = self.add_variable((), "zeros", "float32", name="r")

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any) -> None:
        """One step of all weights, since d belongs to all."""
        ops, d, beta_3 = keras.ops, self.d + 0.0, math.sqrt(self.beta_2)
        scale = d / FIRST_D * d * learning_rate
        numerator, denominator, updates = beta_3 * self.r, 0.0, []
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            gradient = ops.convert_to_tensor(gradient)  # that of an embedding is sparse
            m, v, s, first = self._slots[self._get_variable_index(variable)]
            self.assign(first, ops.where(self.iterations == 0, variable, first))
            numerator += scale * ops.sum(gradient * (first - variable))
            self.assign(m, self.beta_1 * m + (1 - self.beta_1) * d * gradient)
            self.assign(v, self.beta_2 * v + (1 - self.beta_2) * ops.square(d * gradient))
            self.assign(s, beta_3 * s + scale * gradient)
            denominator += ops.sum(ops.abs(s))
            updates.append((variable, m, v))
        moved = denominator > 0  # else all gradients so far were 0, and nothing is to be learned from them
        estimate = ops.where(moved, numerator / ops.where(moved, denominator, 1.0), 0.0)
        self.assign(self.r, numerator)
        self.assign(self.d, ops.maximum(d, estimate))
        for variable, m, v in updates:
            step = d * learning_rate * m / (ops.sqrt(v) + self.d * self.epsilon)
            self.assign_sub(variable, ops.where(moved, step, 0.0))
