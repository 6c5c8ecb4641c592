"""Schedules at their boundaries, and over whole runs against other packages and formulas in NumPy."""

import json
import pathlib

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lr_helpers as lr

RATES = st.floats(1e-6, 10)
COUNTS = st.integers(1, 200)
POLICIES = lr.CyclicalLearningRate.POLICIES


def triangle(step, low, high, size, policy, gamma):
    """Smith (2017), section 3, in double precision, as the paper prints it."""
    cycle = np.floor(1 + step / (2 * size))
    height = np.maximum(0, 1 - np.abs(step / size - 2 * cycle + 1))
    if policy == "triangular2":
        height = height / 2.0 ** np.minimum(cycle - 1, 1000)
    if policy == "exp_range":
        height = height * gamma**step
    if policy == "sinusoidal":
        height = (1 - np.cos(np.pi * height)) / 2
    if policy == "parabolic":
        height = 2 * height - height**2
    return low + (high - low) * height


@settings(max_examples=10, deadline=None)
@given(initial=RATES, epochs=COUNTS, steps_per_epoch=COUNTS)
def test_linear_decay_is_a_line_to_zero(initial, epochs, steps_per_epoch):
    total = epochs * steps_per_epoch
    steps = np.unique([0, total // 2, total - 1, total, total + 5])
    rates = lr.learning_rates(lr.linear_decay(initial, epochs=epochs, steps_per_epoch=steps_per_epoch), steps)
    np.testing.assert_allclose(rates, initial * np.maximum(0, 1 - steps / total), rtol=1e-4, atol=initial * 1e-6)
    assert rates[-1] <= initial * 1e-6


@settings(max_examples=10, deadline=None)
@given(initial=RATES, drop=st.floats(0.1, 0.9), every=st.integers(1, 20), steps_per_epoch=COUNTS)
def test_step_decay_drops_with_the_epoch_not_before(initial, drop, every, steps_per_epoch):
    first = every * steps_per_epoch
    schedule = lr.step_decay(initial, drop=drop, every=every, steps_per_epoch=steps_per_epoch)
    rates = lr.learning_rates(schedule, np.array([0, first - 1, first, 2 * first - 1, 2 * first]))
    expected = np.float64(initial) * drop ** np.array([0, 0, 1, 1, 2])
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(initial=RATES, gamma=st.floats(1e-6, 1), power=st.floats(0.1, 2))
def test_inverse_decay_follows_its_formula(initial, gamma, power):
    steps = np.array([0, 1, 10_000, 10_030, 1_000_000])
    rates = lr.learning_rates(lr.InverseDecay(initial, gamma, power), steps)
    np.testing.assert_allclose(rates, initial * (1 + gamma * steps) ** -power, rtol=1e-4)
    assert rates[0] == np.float32(initial)


@settings(max_examples=10, deadline=None)
@given(initial=RATES, rate=st.floats(0.01, 2), steps_per_epoch=COUNTS)
def test_time_and_exponential_decay_follow_their_formulas(initial, rate, steps_per_epoch):
    steps = np.arange(0, 10 * steps_per_epoch, max(1, steps_per_epoch // 3))
    epochs = steps / steps_per_epoch
    time = lr.learning_rates(lr.time_decay(initial, rate, steps_per_epoch=steps_per_epoch), steps)
    np.testing.assert_allclose(time, initial / (1 + rate * epochs), rtol=1e-5)
    exponential = lr.learning_rates(lr.exponential_decay(initial, rate, steps_per_epoch=steps_per_epoch), steps)
    np.testing.assert_allclose(exponential, initial * np.exp(-rate * epochs), rtol=1e-4)


@pytest.mark.parametrize("steps_per_epoch", [36, 61, 192, 999])
def test_step_decay_drops_on_time_late_in_a_long_run(steps_per_epoch):
    schedule = lr.step_decay(1.0, drop=0.99, every=1, steps_per_epoch=steps_per_epoch)
    boundary = np.array([1, 2, 3, 50, 1000]) * steps_per_epoch
    before, after = lr.learning_rates(schedule, boundary - 1), lr.learning_rates(schedule, boundary)
    np.testing.assert_allclose(after / before, 0.99, rtol=1e-4)


def test_the_decays_are_keras_own_schedules():
    made = [
        lr.linear_decay(0.1, epochs=2, steps_per_epoch=5),
        lr.step_decay(0.1, drop=0.5, every=2, steps_per_epoch=5),
        lr.time_decay(0.1, 0.5, steps_per_epoch=5),
        lr.exponential_decay(0.1, 0.5, steps_per_epoch=5),
    ]
    assert {type(schedule).__module__.split(".")[0] for schedule in made} == {"keras"}


@settings(max_examples=15, deadline=None)
@given(
    low=st.floats(1e-6, 0.1),
    factor=st.floats(1.5, 1000),
    size=st.integers(1, 300),
    policy=st.sampled_from(POLICIES),
    gamma=st.floats(0.9, 1),
)
def test_cyclical_rates_follow_the_paper(low, factor, size, policy, gamma):
    high = low * factor
    schedule = lr.CyclicalLearningRate(low, high, size, policy, gamma)
    steps = np.unique(np.concatenate([np.arange(7) * size, np.arange(1, 7) * size - 1, [0, 1]]))
    expected = triangle(steps.astype(float), low, high, size, policy, gamma)
    np.testing.assert_allclose(lr.learning_rates(schedule, steps), expected, rtol=2e-4, atol=high * 1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_first_peak_and_last_step(policy):
    size, gamma = 10, 0.99
    rates = lr.learning_rates(lr.CyclicalLearningRate(0.1, 1.0, size, policy, gamma), 4 * size + 1)
    second_peak = {"triangular2": 0.5, "exp_range": gamma**30}.get(policy, 1)
    assert rates[[0, 20, 40]] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(0.1 + 0.9 * (gamma**10 if policy == "exp_range" else 1))
    assert rates[30] == pytest.approx(0.1 + 0.9 * second_peak)
    assert rates[39] > rates[40]  # the last step of two whole cycles is one above the trough


@pytest.mark.parametrize("policy", POLICIES)
def test_cyclical_rates_are_exact_after_a_million_steps(policy):
    steps = np.arange(1_000_000, 1_000_400)
    rates = lr.learning_rates(lr.CyclicalLearningRate(0.001, 0.1, 97, policy, gamma=0.999999), steps)
    np.testing.assert_allclose(rates, triangle(steps.astype(float), 0.001, 0.1, 97, policy, 0.999999), rtol=1e-4)


REFERENCES = json.loads((pathlib.Path(__file__).parent / "references.json").read_text())
CYCLIC, ONE = (0.001, 0.1), (0.5, 200)
OURS = {
    "CyclicLR triangular": lr.CyclicalLearningRate(*CYCLIC, 23),
    "CyclicLR triangular, asymmetric": lr.CyclicalLearningRate(*CYCLIC, 7, step_size_down=40),
    "CyclicLR triangular2": lr.CyclicalLearningRate(*CYCLIC, 23, "triangular2"),
    "CyclicLR exp_range": lr.CyclicalLearningRate(*CYCLIC, 23, "exp_range", 0.99),
    "CyclicLR triangular, long": lr.CyclicalLearningRate(*CYCLIC, 23, step_size_down=50),
    "CyclicLR exp_range, long": lr.CyclicalLearningRate(*CYCLIC, 23, "exp_range", 0.999999),
    "OneCycleLR cosine": lr.OneCycle(*ONE),
    "OneCycleLR linear": lr.OneCycle(*ONE, anneal="linear"),
    "OneCycleLR early, mild": lr.OneCycle(*ONE, 0.11, 4.0, 10.0),
    "OneCycleLR cosine, long": lr.OneCycle(0.5, 1_000_000),
    "OneCycleLR linear, long": lr.OneCycle(0.5, 1_000_000, anneal="linear"),
    "optax warmup, stable, decay": lr.WarmupStableDecay(0.1, warmup=20, stable=100, decay=60),
    "optax warmup, decay to 0.01": lr.WarmupStableDecay(
        0.1, warmup=20, stable=0, decay=160, initial_lr=0.02, final_lr=0.01
    ),
    "optax sinusoidal": lr.CyclicalLearningRate(*CYCLIC, 23, "sinusoidal"),
    "optax parabolic": lr.CyclicalLearningRate(*CYCLIC, 23, "parabolic"),
}


def reference(name):
    """The steps, the rates and the momenta that another package gave, see make_references.py."""
    stored = REFERENCES[name]
    steps = stored["first"] + np.arange(len(stored["rates"]))
    return steps, np.array(stored["rates"]), np.array(stored.get("momenta"), float)


@pytest.mark.parametrize("name", sorted(REFERENCES.keys() - {"versions"}))
def test_rates_and_momenta_are_those_of_pytorch_and_optax(name):
    steps, rates, momenta = reference(name)
    np.testing.assert_allclose(lr.learning_rates(OURS[name], steps), rates, rtol=2e-6, atol=1e-9)
    if not name.startswith("optax"):
        momentum = lr.InverseMomentum(OURS[name])
        np.testing.assert_allclose(lr.learning_rates(momentum, steps), momenta, rtol=1e-6)


def test_one_cycle_first_peak_and_last_step():
    schedule = lr.OneCycle(1.0, 100)
    rates = lr.learning_rates(schedule, 150)
    assert rates[0] == np.float32(1 / 25)
    assert rates[29] == rates.max() == 1
    assert rates[98] > rates[99] == np.float32(1 / 25e4)
    np.testing.assert_array_equal(rates[100:], rates[99])
    assert (np.diff(rates[:30]) > 0).all() and (np.diff(rates[29:100]) < 0).all()


def test_warmup_stable_decay_first_peak_and_last_step():
    rates = lr.learning_rates(lr.WarmupStableDecay(1.0, warmup=4, stable=3, decay=5, final_lr=0.5), 20)
    np.testing.assert_allclose(rates[:5], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(rates[4:8], 1)
    np.testing.assert_allclose(rates[8:13], [0.9, 0.8, 0.7, 0.6, 0.5])
    np.testing.assert_array_equal(rates[12:], 0.5)
    at_once = lr.WarmupStableDecay(1.0, warmup=0, stable=0, decay=4)
    np.testing.assert_allclose(lr.learning_rates(at_once, 5), [1, 0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize("name", OURS)
def test_a_step_alone_gives_what_it_gives_in_a_compiled_graph(name):
    steps, _, _ = reference(name)
    eager = [float(OURS[name](int(step))) for step in steps[::20]]
    np.testing.assert_allclose(eager, lr.learning_rates(OURS[name], steps[::20]), rtol=1e-6)


@pytest.mark.parametrize("name", OURS)
def test_a_schedule_comes_back_from_its_configuration(name):
    stored = json.loads(json.dumps(keras.optimizers.schedules.serialize(OURS[name])))
    again = keras.optimizers.schedules.deserialize(stored)
    assert type(again) is type(OURS[name])
    assert (
        again.get_config() == OURS[name].get_config() == type(again).from_config(again.get_config()).get_config()
    )


def test_learning_rates_takes_a_fixed_rate_a_count_and_an_array():
    np.testing.assert_array_equal(lr.learning_rates(0.5, 3), np.full(3, 0.5, "float32"))
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=5)
    all_rates = lr.learning_rates(schedule, 15)
    np.testing.assert_array_equal(lr.learning_rates(schedule, np.array([3, 14])), all_rates[[3, 14]])
    assert all_rates.dtype == "float32"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: lr.linear_decay(0, epochs=1, steps_per_epoch=1), "initial_lr must be positive and finite, got 0"),
        (lambda: lr.linear_decay("0.1", epochs=1, steps_per_epoch=1), "initial_lr must be a number, got '0.1'"),
        (lambda: lr.linear_decay(0.1, epochs=0, steps_per_epoch=1), "epochs must be at least 1"),
        (lambda: lr.linear_decay(0.1, epochs=1.5, steps_per_epoch=1), "epochs must be a whole number, got 1.5"),
        (
            lambda: lr.step_decay(0.1, drop=1.5, every=1, steps_per_epoch=1),
            "drop must be a factor between 0 and 1",
        ),
        (lambda: lr.step_decay(0.1, drop=0.5, every=0, steps_per_epoch=1), "every must be at least 1"),
        (lambda: lr.time_decay(0.1, float("nan"), steps_per_epoch=1), "rate must be positive and finite, got nan"),
        (lambda: lr.exponential_decay(0.1, -1, steps_per_epoch=1), "rate must be positive and finite, got -1"),
        (lambda: lr.exponential_decay(0.1, 1, steps_per_epoch=True), "steps_per_epoch must be a whole number"),
        (lambda: lr.CyclicalLearningRate(0.1, 0.01, 5), "min_lr must be below max_lr, got 0.1 and 0.01"),
        (lambda: lr.CyclicalLearningRate(0.1, 0.1, 5), "min_lr must be below max_lr, got 0.1 and 0.1"),
        (lambda: lr.CyclicalLearningRate(0.01, float("inf"), 5), "max_lr must be positive and finite, got inf"),
        (lambda: lr.CyclicalLearningRate(0.01, 0.1, 0), "step_size must be at least 1"),
        (
            lambda: lr.CyclicalLearningRate(0.01, 0.1, 5, "square"),
            "policy must be one of triangular, .* got 'square'",
        ),
        (lambda: lr.CyclicalLearningRate(0.01, 0.1, 5, gamma=1.1), "gamma must be at most 1, got 1.1"),
        (lambda: lr.CyclicalLearningRate(0.01, 0.1, 5, step_size_down=0), "step_size_down must be at least 1"),
        (lambda: lr.OneCycle(0.1, 2), "steps must be at least 3"),
        (lambda: lr.OneCycle(0.1, 100, 0.01), "warmup must be below 1 and above one step, 1/100, got 0.01"),
        (lambda: lr.OneCycle(0.1, 100, 1.0), "warmup must be below 1"),
        (lambda: lr.OneCycle(0.1, 100, start_division=0.5), "start_division must be at least 1, got 0.5"),
        (lambda: lr.OneCycle(0.1, 100, final_division=1e39), "final_division must be positive and finite, got"),
        (lambda: lr.OneCycle(0.1, 100, anneal="cos"), "anneal must be one of cosine, linear, got 'cos'"),
        (
            lambda: lr.WarmupStableDecay(0.1, warmup=-1, stable=1, decay=1),
            "warmup must be at least 0 and at most",
        ),
        (
            lambda: lr.WarmupStableDecay(0.1, warmup=1, stable=1, decay=1, final_lr=0.2),
            "final_lr must be at most peak_lr, got 0.2 and 0.1",
        ),
        (lambda: lr.InverseMomentum(0.1), "schedule must be a CyclicalLearningRate or a OneCycle, got 0.1"),
        (lambda: lr.InverseMomentum(lr.OneCycle(0.1, 9), 0.9, 0.8), "low must be below high, .* got 0.9 and 0.8"),
        (lambda: lr.ScheduledSGD(0.1, momentum=0.9), "momentum must be a schedule, not a number, got 0.9"),
        (lambda: lr.ScheduledAdam(0.1, beta_1=0.9), "beta_1 must be a schedule, not a number, got 0.9"),
        (lambda: lr.learning_rates(0.1, 0), "steps must be at least 1"),
        (lambda: lr.learning_rates(0.1, np.array([0.5])), "steps must be an array of whole numbers"),
        (lambda: lr.learning_rates(0.1, np.array([-1])), "steps must be between 0 and"),
        (lambda: lr.learning_rates("fast", 5), "schedule must be a number, got 'fast'"),
    ],
)
def test_bad_input_names_argument_and_value(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_schedule_that_gives_no_rate_is_named_with_its_step():
    below_zero = keras.optimizers.schedules.PolynomialDecay(0.1, 10, end_learning_rate=-0.1)
    with pytest.raises(ValueError, match=r"schedule must give rates of zero or more, got -0.0.* at step 6"):
        lr.learning_rates(below_zero, 11)
