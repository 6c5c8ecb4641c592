"""Optimizers as they were published, in NumPy: each takes the gradients of some weights and gives all updates.

Where a publication has no epsilon it is left out, where it has one it is 1e-8; Keras's are 1e-7. Gradients are
(steps, weights), updates likewise, for the rate 1 unless a rate is given.
"""

from collections.abc import Callable

import numpy as np

Rule = Callable[[np.ndarray], np.ndarray]


def sgd(gradients: np.ndarray) -> np.ndarray:
    """Robbins and Monro (1951)."""
    return -gradients


def momentum(gradients: np.ndarray, mu: float = 0.9) -> np.ndarray:
    """Polyak (1964), as Sutskever and others (2013) write it."""
    velocity, updates = 0 * gradients[0], []
    for g in gradients:
        velocity = mu * velocity - g
        updates.append(velocity)
    return np.array(updates)


def adadelta(gradients: np.ndarray, rho: float = 0.95, epsilon: float = 1e-7) -> np.ndarray:
    """Zeiler (2012), algorithm 1. His epsilon is a choice of the user's; here Keras's."""
    squares, steps, updates = 0.0, 0.0, []
    for g in gradients:
        squares = rho * squares + (1 - rho) * g**2
        update = -np.sqrt(steps + epsilon) / np.sqrt(squares + epsilon) * g
        steps = rho * steps + (1 - rho) * update**2
        updates.append(update)
    return np.array(updates)


def adagrad(gradients: np.ndarray) -> np.ndarray:
    """Duchi and others (2011), diagonal."""
    return -gradients / np.sqrt(np.cumsum(gradients**2, axis=0) + 1e-16)


def rmsprop(gradients: np.ndarray, rho: float = 0.9) -> np.ndarray:
    """Tieleman and Hinton (2012), lecture 6e."""
    squares, updates = 0.0, []
    for g in gradients:
        squares = rho * squares + (1 - rho) * g**2
        updates.append(-g / (np.sqrt(squares) + 1e-8))
    return np.array(updates)


def adam(gradients: np.ndarray, beta_1: float = 0.9, beta_2: float = 0.999) -> np.ndarray:
    """Kingma and Ba (2015), algorithm 1."""
    m, v, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        updates.append(-m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + 1e-8))
    return np.array(updates)


def adamax(gradients: np.ndarray, beta_1: float = 0.9, beta_2: float = 0.999) -> np.ndarray:
    """Kingma and Ba (2015), algorithm 2."""
    m, u, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, u = beta_1 * m + (1 - beta_1) * g, np.maximum(beta_2 * u, np.abs(g))
        updates.append(-m / (1 - beta_1**t) / np.maximum(u, 1e-30))
    return np.array(updates)


def amsgrad(gradients: np.ndarray, beta_1: float = 0.9, beta_2: float = 0.999) -> np.ndarray:
    """Reddi and others (2018), algorithm 2: no corrections of the bias."""
    m, v, largest, updates = 0.0, 0.0, 0.0, []
    for g in gradients:
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        largest = np.maximum(largest, v)
        updates.append(-m / (np.sqrt(largest) + 1e-16))
    return np.array(updates)


def nadam(gradients: np.ndarray, mu: float = 0.9, nu: float = 0.999) -> np.ndarray:
    """Dozat (2016), algorithm 2, with his schedule of mu, mu·(1 − 0.96**(t/250)/2)."""
    m, n, product, updates = 0.0, 0.0, 1.0, []
    for t, g in enumerate(gradients, 1):
        now, then = (mu * (1 - 0.5 * 0.96 ** (i / 250)) for i in (t, t + 1))
        product *= now
        m, n = now * m + (1 - now) * g, nu * n + (1 - nu) * g**2
        ahead = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
        updates.append(-ahead / (np.sqrt(n / (1 - nu**t)) + 1e-8))
    return np.array(updates)


def schedule_free(
    gradient: Callable[[np.ndarray], np.ndarray], start: np.ndarray, steps: int, rate: float, beta_1: float
) -> np.ndarray:
    """Schedule-free AdamW (Defazio and others, 2024), algorithm 1, without decay and warm-up: y of each step."""
    x = z = y = start
    v, total, seen = 0.0, 0.0, []
    for t in range(1, steps + 1):
        g = gradient(y)
        v = 0.999 * v + 0.001 * g**2
        step = rate * np.sqrt(1 - 0.999**t)
        z = z - step * g / (np.sqrt(v) + 1e-8)
        total += step**2
        x = (1 - step**2 / total) * x + step**2 / total * z
        y = (1 - beta_1) * z + beta_1 * x
        seen.append(y)
    return np.array(seen)
