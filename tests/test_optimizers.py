"""Schedules inside an optimizer: what reaches the weights, step by step, and what survives a file."""

import json

import keras
import numpy as np
import pytest

import lr_helpers as lr
import lr_study

STEPS = 30
CYCLE = lr.CyclicalLearningRate(0.01, 0.1, 7, step_size_down=4)
ONE = lr.OneCycle(0.05, STEPS)


@pytest.fixture(scope="module")
def batches():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(STEPS, 8, 3)).astype("float32")
    return x, x @ np.float32([[1.0], [-2.0], [0.5]]) + generator.normal(size=(STEPS, 8, 1)).astype("float32")


def linear_model(optimizer, **arguments):
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.layers.Input((3,)), layer])
    model.compile(optimizer, "mse", **arguments)
    return model


def fit(model, x, y, **arguments):
    """Keras's compiled loop; the weights after each step."""
    seen = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(weights(model)))
    model.fit(x.reshape(-1, 3), y.reshape(-1, 1), 8, shuffle=False, verbose=0, callbacks=[note], **arguments)
    return np.array(seen)


def weights(model):
    return model.get_weights()[0][:, 0].copy()


def gradients(x, y):
    """The gradient of the mean squared error of a batch, as a function of the weights."""
    return lambda w: 2 * x.T @ (x @ w - y[:, 0]) / len(x)


def sgd(x, y, rates, momenta, nesterov):
    """Sutskever and others (2013), in double precision, as Keras documents it."""
    w, velocity, seen = np.ones(3), np.zeros(3), []
    for xb, yb, rate, momentum in zip(x, y, rates, momenta, strict=True):
        gradient = gradients(xb, yb)(w)
        velocity = momentum * velocity - rate * gradient
        w = w + (momentum * velocity - rate * gradient if nesterov else velocity)
        seen.append(w)
    return np.array(seen)


def adam(x, y, rates, momenta):
    """Kingma and Ba (2015), algorithm 1, with the beta_1 of the step; epsilon as in Keras."""
    w, m, v, seen = np.ones(3), np.zeros(3), np.zeros(3), []
    for t, (xb, yb, rate, beta) in enumerate(zip(x, y, rates, momenta, strict=True), 1):
        gradient = gradients(xb, yb)(w)
        m, v = beta * m + (1 - beta) * gradient, 0.999 * v + 0.001 * gradient**2
        w = w - rate * np.sqrt(1 - 0.999**t) / (1 - beta**t) * m / (np.sqrt(v) + 1e-7)
        seen.append(w)
    return np.array(seen)


def momenta_by_hand(schedule):
    """Inverse to the rate: from 0.95 at the lowest rates of a run to 0.85 at its highest."""
    rates = lr.learning_rates(schedule, STEPS).astype("float64")
    low = np.full(STEPS, rates.min())
    if isinstance(schedule, lr.OneCycle):  # it ends lower than it starts
        low[: rates.argmax()] = rates[0]
    return rates, 0.95 - 0.1 * (rates - low) / (rates.max() - low)


@pytest.mark.parametrize("schedule", [CYCLE, ONE], ids=["cyclical", "one cycle"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_momentum_follows_its_schedule_in_a_compiled_graph(schedule, nesterov, batches):
    model = linear_model(lr.ScheduledSGD(schedule, momentum=lr.InverseMomentum(schedule), nesterov=nesterov))
    rates, momenta = momenta_by_hand(schedule)
    np.testing.assert_allclose(fit(model, *batches), sgd(*batches, rates, momenta, nesterov), rtol=0, atol=3e-5)
    fixed = sgd(*batches, rates, np.full(STEPS, 0.95), nesterov)
    assert np.abs(fixed - sgd(*batches, rates, momenta, nesterov)).max() > 0.01  # it matters


@pytest.mark.parametrize("schedule", [CYCLE, ONE], ids=["cyclical", "one cycle"])
def test_adam_beta_1_follows_its_schedule_in_a_compiled_graph(schedule, batches):
    model = linear_model(lr.ScheduledAdam(schedule, beta_1=lr.InverseMomentum(schedule)))
    rates, momenta = momenta_by_hand(schedule)
    np.testing.assert_allclose(fit(model, *batches), adam(*batches, rates, momenta), rtol=0, atol=3e-5)
    assert np.abs(adam(*batches, rates, np.full(STEPS, 0.95)) - adam(*batches, rates, momenta)).max() > 0.001


OPTIMIZERS = {
    "SGD, cyclical": lambda: keras.optimizers.SGD(CYCLE, momentum=0.9),
    "SGD, one cycle": lambda: keras.optimizers.SGD(ONE, momentum=0.9),
    "SGD, inverse": lambda: keras.optimizers.SGD(lr.InverseDecay(0.1, gamma=0.1), momentum=0.9),
    "Adam, warm-up": lambda: keras.optimizers.Adam(lr.WarmupStableDecay(0.1, warmup=9, stable=5, decay=16)),
    "SGD, linear": lambda: keras.optimizers.SGD(lr.linear_decay(0.1, epochs=2, steps_per_epoch=15)),
    "scheduled SGD": lambda: lr.ScheduledSGD(ONE, momentum=lr.InverseMomentum(ONE, 0.5, 0.9)),
    "scheduled Adam": lambda: lr.ScheduledAdam(CYCLE, beta_1=lr.InverseMomentum(CYCLE), weight_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_from_a_file_it_goes_on_where_it_was(name, batches, tmp_path):
    x, y = batches
    whole = fit(linear_model(OPTIMIZERS[name]()), x, y)
    first = linear_model(OPTIMIZERS[name]())
    before = fit(first, x[:11], y[:11])
    first.save(tmp_path / "half.keras")
    second = keras.models.load_model(tmp_path / "half.keras")
    assert float(second.optimizer.learning_rate) == float(first.optimizer.learning_rate)
    np.testing.assert_array_equal(np.concatenate([before, fit(second, x[11:], y[11:])]), whole)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_brings_its_schedules_back(name):
    optimizer = OPTIMIZERS[name]()
    stored = keras.optimizers.serialize(optimizer)
    again = keras.optimizers.deserialize(json.loads(json.dumps(stored)))
    assert type(again) is type(optimizer)
    assert keras.optimizers.serialize(again) == stored


def test_scheduled_optimizers_keep_what_keras_offers(batches):
    """Clipping, several steps per execution, mixed precision's wrapper."""
    momentum = lr.InverseMomentum(ONE)
    plain = fit(linear_model(lr.ScheduledSGD(ONE, momentum=momentum)), *batches)[-1]
    inner = lr.ScheduledSGD(ONE, momentum=momentum)
    for model in (
        linear_model(lr.ScheduledSGD(ONE, momentum=momentum), steps_per_execution=7),
        linear_model(keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0)),
    ):
        fit(model, *batches)
        np.testing.assert_allclose(weights(model), plain, rtol=1e-5)
    clipped = linear_model(lr.ScheduledSGD(ONE, momentum=momentum, clipnorm=0.01))
    assert np.abs(fit(clipped, *batches)[-1] - 1).max() < 0.1 < np.abs(plain - 1).max()


def test_runs_with_cycled_momentum_are_runs_like_others():
    optimizer = lr.ScheduledSGD(lr.OneCycle(0.1, 72), momentum=lr.InverseMomentum(lr.OneCycle(0.1, 72)))
    run = lr_study.train(lr_study.Experiment("one cycle", optimizer, epochs=2))
    np.testing.assert_allclose(run.learning_rates, lr.learning_rates(lr.OneCycle(0.1, 72), 72))
    assert run.history["loss"][1] < run.history["loss"][0]
