"""Warm-ups: before a schedule, before Keras's ReduceLROnPlateau, and a run that is made longer after its end."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import lr_helpers as lr

schedules = keras.optimizers.schedules
STEPS_AN_EPOCH, WARMUP, PEAK = 10, 15, 0.25

THEN = {
    "a rate": lambda: 0.1,
    "a linear decay": lambda: lr.linear_decay(0.1, epochs=3, steps_per_epoch=5),
    "a staircase": lambda: lr.step_decay(0.1, drop=0.5, every=1, steps_per_epoch=7),
    "Keras's cosine": lambda: schedules.CosineDecay(0.1, 20, alpha=0.1),
    "Keras's constants": lambda: schedules.PiecewiseConstantDecay([3, 9], [0.1, 0.05, 0.01]),
    "cycles": lambda: lr.CyclicalLearningRate(0.01, 0.1, 6),
    "one cycle": lambda: lr.OneCycle(0.1, 20),
    "another warm-up": lambda: lr.Warmup(0.1, 5),
}


@keras.saving.register_keras_serializable(package="test_warmup")
def slope(y, predicted):
    return keras.ops.mean(predicted)


def slope_model(optimizer, **arguments):
    """One weight, which begins at 0, and a loss whose slope is 1: under SGD each step takes its rate off it."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.layers.Input((1,)), layer])
    model.compile(optimizer, slope, **arguments)
    return model


class Weights(keras.callbacks.Callback):
    """The weight after each execution."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.model.get_weights()[0].item())


def fit(model, epochs=1, callbacks=(), steps=STEPS_AN_EPOCH):
    """The history, and the rate of each execution as the weight shows it."""
    watch, before = Weights(), model.get_weights()[0].item()
    x = np.ones((steps, 1), "float32")
    history = model.fit(x, x, 1, epochs=epochs, verbose=0, callbacks=[watch, *callbacks]).history
    return history, -np.diff([before, *watch.seen])


def plateau(**arguments):
    """Keras's own, which halves the rate after every epoch but the first, whatever the loss."""
    return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9, **arguments)


# Warmup -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", THEN)
def test_at_the_boundaries_of_the_warm_up(name):
    then, steps = THEN[name](), 8
    first, second = lr.learning_rates(then, 2)
    rates = lr.learning_rates(lr.Warmup(then, steps), np.array([0, 1, steps - 1, steps, steps + 1]))
    np.testing.assert_allclose(rates, [0, first / 8, first * 7 / 8, first, second], rtol=1e-6)
    assert rates[3] == first and rates[4] == second  # to the last digit


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(sorted(THEN)), steps=st.integers(0, 3_000_000))
def test_then_is_later_by_the_warm_up_and_starts_where_that_ends(name, steps):
    then = THEN[name]()
    warmed = lr.Warmup(then, steps)
    after = np.arange(0, 40, 3)
    np.testing.assert_array_equal(lr.learning_rates(warmed, steps + after), lr.learning_rates(then, after))
    before = np.unique(np.linspace(0, steps, 9, endpoint=False).astype(int)) if steps else np.array([], int)
    line = lr.learning_rates(then, 1)[0] * before / max(steps, 1)
    np.testing.assert_allclose(lr.learning_rates(warmed, before), line, rtol=1e-6)


def test_it_warms_up_as_warmup_stable_decay_and_keras_do():
    ours = lr.learning_rates(lr.Warmup(lr.linear_decay(0.1, epochs=8, steps_per_epoch=20), 20), 185)
    stable = lr.WarmupStableDecay(0.1, warmup=20, stable=0, decay=160)
    np.testing.assert_allclose(ours, lr.learning_rates(stable, 185), rtol=1e-5, atol=1e-8)
    cosine = lr.Warmup(schedules.CosineDecay(0.1, 160, alpha=0.1), 20)
    keras_own = schedules.CosineDecay(0.0, 160, alpha=0.1, warmup_target=0.1, warmup_steps=20)
    np.testing.assert_allclose(lr.learning_rates(cosine, 185), lr.learning_rates(keras_own, 185), rtol=1e-5)


@pytest.mark.parametrize("steps_per_execution", [1, 8])
def test_a_compiled_fit_follows_the_schedule(steps_per_execution):
    schedule = lr.Warmup(lr.OneCycle(PEAK, 16, start_division=2), 8)
    model = slope_model(keras.optimizers.SGD(schedule), steps_per_execution=steps_per_execution)
    _, used = fit(model, steps=24)
    planned = lr.learning_rates(schedule, 24).reshape(-1, steps_per_execution).sum(axis=1)
    np.testing.assert_allclose(used, planned, atol=1e-6)


@pytest.mark.parametrize("name", THEN)
def test_a_warm_up_comes_back_from_its_configuration(name):
    schedule = lr.Warmup(THEN[name](), 7)
    stored = json.loads(json.dumps(schedules.serialize(schedule)))
    again = schedules.deserialize(stored)
    assert type(again) is lr.Warmup and type(again.then) is type(schedule.then)
    assert schedules.serialize(again) == stored
    np.testing.assert_array_equal(lr.learning_rates(again, 30), lr.learning_rates(schedule, 30))


# WarmupOptimizer --------------------------------------------------------------------------------------

OPTIMIZERS = {
    lr.WarmupSGD: (keras.optimizers.SGD, {"momentum": 0.9}),
    lr.WarmupAdam: (keras.optimizers.Adam, {"clipnorm": 0.5}),
    lr.WarmupAdamW: (keras.optimizers.AdamW, {"weight_decay": 0.1}),
}


@pytest.mark.parametrize("warmed, plain, arguments", [(k, *v) for k, v in OPTIMIZERS.items()])
def test_left_alone_it_trains_as_with_the_schedule(warmed, plain, arguments):
    model = slope_model(warmed(PEAK, warmup_steps=WARMUP, **arguments))
    expected = slope_model(plain(lr.Warmup(PEAK, WARMUP), **arguments))
    np.testing.assert_allclose(fit(model, 3)[1], fit(expected, 3)[1], rtol=1e-5, atol=1e-7)


def planned(factors):
    """The rates of epochs with these factors, the rate of the next step after each one, and all steps'."""
    steps = np.arange(len(factors) * STEPS_AN_EPOCH)
    rates = PEAK * np.minimum(steps / WARMUP, 1) * np.repeat(factors, STEPS_AN_EPOCH)
    after = PEAK * np.minimum((steps[STEPS_AN_EPOCH - 1 :: STEPS_AN_EPOCH] + 1) / WARMUP, 1) * factors
    return rates, after


@pytest.mark.parametrize("steps_per_execution", [1, 8, STEPS_AN_EPOCH])
def test_keras_own_plateau_lowers_the_rate_in_one_fit_with_the_warm_up(steps_per_execution):
    model = slope_model(lr.WarmupSGD(PEAK, warmup_steps=WARMUP), steps_per_execution=steps_per_execution)
    history, used = fit(model, 5, [plateau(cooldown=0)])
    rates, after = planned([1, 1, 0.5, 0.25, 0.125])  # Keras notes the rate before it lowers it
    np.testing.assert_allclose(history["learning_rate"], after, rtol=1e-6)
    starts = np.arange(0, STEPS_AN_EPOCH, steps_per_execution)
    by_execution = np.add.reduceat(rates.reshape(5, STEPS_AN_EPOCH), starts, axis=1).ravel()
    np.testing.assert_allclose(used, by_execution, atol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(PEAK / 16)


def test_weights_are_equal_for_one_and_for_eight_steps_per_execution():
    ends = []
    for steps_per_execution in (1, 8):
        model = slope_model(lr.WarmupAdamW(PEAK, warmup_steps=WARMUP), steps_per_execution=steps_per_execution)
        fit(model, 5, [plateau()])
        ends.append(model.get_weights()[0])
    np.testing.assert_array_equal(*ends)


def test_a_plateau_during_the_warm_up_lowers_the_rest_of_the_line_and_the_peak():
    model = slope_model(lr.WarmupSGD(PEAK, warmup_steps=25), steps_per_execution=8)
    history, _ = fit(model, 4, [plateau()])
    np.testing.assert_allclose(history["learning_rate"], PEAK * np.array([0.4, 0.8, 0.5, 0.25]), rtol=1e-6)


def test_a_rate_that_is_set_is_the_next_step_s_and_at_step_0_the_peak():
    optimizer = lr.WarmupSGD(0.5, warmup_steps=4)
    model = slope_model(optimizer)
    optimizer.learning_rate = 1.0
    assert float(optimizer.learning_rate) == 0
    _, used = fit(model, steps=3)
    np.testing.assert_allclose(used, [0, 0.25, 0.5], rtol=1e-6)
    for value in (np.float64(0.3), np.float32(0.3), tf.constant(0.3), 0.3):
        optimizer.learning_rate = value
        assert float(optimizer.learning_rate) == pytest.approx(0.3)
    np.testing.assert_allclose(fit(model, steps=3)[1], [0.3, 0.4, 0.4], rtol=1e-6)


def test_no_warm_up_is_a_plain_rate():
    _, used = fit(slope_model(lr.WarmupSGD(PEAK, warmup_steps=0)), 3, [plateau()])
    np.testing.assert_allclose(used, np.repeat([PEAK, PEAK, PEAK / 2], STEPS_AN_EPOCH), rtol=1e-5)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("epochs", [1, 3])
def test_rate_and_step_come_back_from_a_file(kind, epochs, tmp_path):
    """In the middle of the warm-up, and after the rate was lowered twice."""
    first = slope_model(kind(PEAK, warmup_steps=WARMUP))
    fit(first, epochs, [plateau()])
    first.save(tmp_path / "model.keras")
    first.save_weights(tmp_path / "model.weights.h5")
    second = keras.models.load_model(tmp_path / "model.keras")
    third = slope_model(kind(1.0, warmup_steps=WARMUP))
    third.optimizer.build(third.trainable_variables)
    third.load_weights(tmp_path / "model.weights.h5")
    expected = fit(first, 2, [plateau()])
    for model in (second, third):
        assert type(model.optimizer) is kind
        history, used = fit(model, 2, [plateau()])
        assert history["learning_rate"] == expected[0]["learning_rate"]
        np.testing.assert_array_equal(used, expected[1])


def test_it_keeps_what_keras_offers():
    """Mixed precision's wrapper, accumulated gradients (which count as one update), a run without a graph."""
    _, plain = fit(slope_model(lr.WarmupSGD(PEAK, warmup_steps=WARMUP)), 4, [plateau()])
    wrapper = keras.optimizers.LossScaleOptimizer(lr.WarmupSGD(PEAK, warmup_steps=WARMUP), initial_scale=2.0)
    eager = slope_model(lr.WarmupSGD(PEAK, warmup_steps=WARMUP), run_eagerly=True)
    for model in (slope_model(wrapper), eager):
        np.testing.assert_allclose(fit(model, 4, [plateau()])[1], plain, rtol=1e-5)
    accumulated = lr.WarmupSGD(1.0, warmup_steps=4, gradient_accumulation_steps=2)
    np.testing.assert_allclose(fit(slope_model(accumulated))[1], [0, 0, 0, 0.25, 0, 0.5, 0, 0.75, 0, 1])


def test_tensorboard_sees_the_rate_of_the_next_step(tmp_path):
    """Its callback asks so at the end of an epoch; TensorBoard itself, which would write it, is not installed."""
    model, board = slope_model(lr.WarmupSGD(PEAK, warmup_steps=WARMUP)), keras.callbacks.TensorBoard(tmp_path)
    board.set_model(model)
    seen = []
    for _ in range(3):
        fit(model)
        seen.append(board._collect_learning_rate({})["learning_rate"])
    np.testing.assert_allclose(seen, [PEAK * 10 / WARMUP, PEAK, PEAK], rtol=1e-6)


def test_a_range_test_sweeps_its_own_rates_and_puts_the_warm_up_back():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 1)).astype("float32")
    losses = []
    for optimizer in (lr.WarmupSGD(PEAK, warmup_steps=WARMUP), keras.optimizers.SGD(PEAK)):
        model = slope_model(optimizer)
        model.compile(optimizer, "mse")
        losses.append(lr.range_test(model, x, 2 * x, min_lr=1e-3, max_lr=0.1, steps=20, batch_size=8).losses)
    np.testing.assert_allclose(*losses, rtol=1e-6)
    warmed = lr.WarmupSGD(PEAK, warmup_steps=WARMUP)
    model = slope_model(warmed)
    lr.range_test(model, x, x, min_lr=1e-3, max_lr=0.1, steps=20, batch_size=8)
    np.testing.assert_allclose(fit(model, 2)[1], planned([1, 1])[0], atol=1e-6)


@keras.saving.register_keras_serializable(package="test_warmup")
class WarmupLion(lr.WarmupOptimizer, keras.optimizers.Lion):
    """As the docstring of WarmupOptimizer has it."""


def test_any_other_optimizer_warms_up_in_two_lines():
    """Lion's steps are the rate, whatever the gradient's size."""
    optimizer = WarmupLion(PEAK, warmup_steps=WARMUP, beta_1=0.8)
    again = keras.optimizers.deserialize(json.loads(json.dumps(keras.optimizers.serialize(optimizer))))
    assert type(again) is WarmupLion and again.beta_1 == 0.8
    _, used = fit(slope_model(again), 3, [plateau()])
    np.testing.assert_allclose(used, planned([1, 1, 0.5])[0], atol=1e-6)


# A run that is made longer after its end --------------------------------------------------------------


def dropout_model(schedule, rate):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(rate)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(schedule), "mse", steps_per_execution=3)
    return model


def dropout_seeds(model):
    return [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]


@pytest.mark.parametrize("rate", [0.0, 0.3], ids=["without dropout", "with dropout"])
def test_a_run_that_has_ended_is_made_longer_from_before_its_decay(rate, tmp_path):
    """To the last digit, where both run on the same machine. A file of Keras's lacks the seeds of dropout."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(30, 8, 4)).astype("float32")
    y = x.sum(axis=2, keepdims=True)

    def train(model, steps, **arguments):
        inputs, targets = x[steps].reshape(-1, 4), y[steps].reshape(-1, 1)
        model.fit(inputs, targets, 8, shuffle=False, verbose=0, **arguments)
        return model.get_weights()

    planned_short = lr.WarmupStableDecay(0.05, warmup=4, stable=8, decay=6)
    planned_long = lr.WarmupStableDecay(0.05, warmup=4, stable=20, decay=6)
    expected = train(dropout_model(planned_long, rate), slice(0, 30))

    ended = dropout_model(planned_short, rate)
    train(ended, slice(0, 12), callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "stable.keras")])
    seeds = [seed.numpy() for seed in dropout_seeds(ended)]
    train(ended, slice(12, 18))
    assert float(ended.optimizer.learning_rate) == 0

    longer = keras.models.load_model(tmp_path / "stable.keras")
    longer.optimizer.learning_rate = planned_long
    for seed, value in zip(dropout_seeds(longer), seeds, strict=True):
        seed.assign(value)
    for ours, weights in zip(train(longer, slice(12, 30)), expected, strict=True):
        np.testing.assert_array_equal(ours, weights)


def test_a_schedule_that_is_set_after_training_needs_the_model_loaded():
    """Keras has compiled the old one in."""
    model = slope_model(keras.optimizers.SGD(lr.WarmupStableDecay(PEAK, warmup=2, stable=4, decay=4)))
    fit(model)
    model.optimizer.learning_rate = lr.WarmupStableDecay(PEAK, warmup=2, stable=14, decay=4)
    np.testing.assert_array_equal(fit(model)[1], np.zeros(STEPS_AN_EPOCH))


# Errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: lr.Warmup("fast", 5), "then must be a schedule or a number, got 'fast'"),
        (lambda: lr.Warmup(lambda step: 0.1, 5), "then must be a schedule or a number, got <function"),
        (lambda: lr.Warmup(True, 5), "then must be a number, got True"),
        (lambda: lr.Warmup(0.0, 5), "then must be positive and finite, got 0.0"),
        (lambda: lr.Warmup(float("nan"), 5), "then must be positive and finite, got nan"),
        (lambda: lr.Warmup(0.1, -1), "steps must be at least 0 and at most .*, got -1"),
        (lambda: lr.Warmup(0.1, 2.5), "steps must be a whole number, got 2.5"),
        (lambda: lr.WarmupSGD(0.1, warmup_steps=-1), "warmup_steps must be at least 0 .*, got -1"),
        (lambda: lr.WarmupSGD(0.1, warmup_steps=0.1), "warmup_steps must be a whole number, got 0.1"),
        (lambda: lr.WarmupSGD(0.1), "warmup_steps"),
        (
            lambda: lr.WarmupAdam(lr.OneCycle(0.1, 9), warmup_steps=5),
            "learning_rate must be a number, got <.*OneCycle.*>; a schedule warms up with Warmup",
        ),
        (lambda: lr.WarmupAdam(lambda: 0.1, warmup_steps=5), "learning_rate must be a number, got <function"),
    ],
)
def test_bad_input_names_argument_and_value(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
