"""Any value for any argument: an error that names the argument, or a correct result; never anything else."""

import decimal
import fractions
import math
import re

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lr_helpers as lr
import lr_range_test

ODD_NUMBERS = [-1, 0, 1, 2, 3, 1e-50, 1e-38, 0.5, 0.99, 1.0, 1.5, 40, 1e38, 1e39, 2**31 - 1, 2**31, 10**400]
ODD_NUMBERS += [math.nan, math.inf, -math.inf, np.float32(0.1), np.float64(0.1), np.float16(0.1), np.int64(4)]
ODD_NUMBERS += [np.uint8(4), fractions.Fraction(1, 3), fractions.Fraction(10**400), decimal.Decimal("0.1")]
ODD_THINGS = [
    None,
    True,
    np.True_,
    "",
    "sgd",
    "0.1",
    b"5",
    0.1j,
    (),
    [],
    [0.1],
    [[1], [1, 2]],
    {},
    {"a": 1},
    set(),
]
ODD_THINGS += [np.zeros(0), np.array(0.1), np.array([1, 2]), np.array(["a"]), object(), int, len]
ODD = st.one_of(st.sampled_from(ODD_NUMBERS), st.sampled_from(ODD_THINGS), st.floats(), st.integers(), st.text())


def mixed(**valid):
    """For each argument either a value that can be right, or anything."""
    return st.fixed_dictionaries({name: st.one_of(values, values, ODD) for name, values in valid.items()})


def result_or_named_error(function, arguments, names=None):
    """The result, or None where the error is of the right kind and names an argument (of these, else of any)."""
    try:
        return function(**arguments)
    except (ValueError, TypeError) as error:
        assert re.search(rf"\b({'|'.join(names or arguments)})\b", str(error)), error


RATE = st.floats(1e-6, 10)
COUNT = st.integers(1, 300)
CYCLE = lr.CyclicalLearningRate(0.01, 0.1, 10)
SCHEDULES = {
    lr.linear_decay: mixed(initial_lr=RATE, epochs=COUNT, steps_per_epoch=COUNT),
    lr.step_decay: mixed(initial_lr=RATE, drop=st.floats(0.1, 0.9), every=COUNT, steps_per_epoch=COUNT),
    lr.time_decay: mixed(initial_lr=RATE, rate=RATE, steps_per_epoch=COUNT),
    lr.exponential_decay: mixed(initial_lr=RATE, rate=RATE, steps_per_epoch=COUNT),
    lr.CyclicalLearningRate: mixed(
        min_lr=st.floats(1e-6, 0.1),
        max_lr=st.floats(0.2, 10),
        step_size=COUNT,
        policy=st.sampled_from(lr.CyclicalLearningRate.POLICIES),
        gamma=st.floats(0.1, 1),
        step_size_down=st.one_of(st.none(), COUNT),
    ),
    lr.OneCycle: mixed(
        max_lr=RATE,
        steps=st.integers(10, 1000),
        warmup=st.floats(0.2, 0.8),
        start_division=st.floats(1, 100),
        final_division=st.floats(1, 1e5),
        anneal=st.sampled_from(lr.OneCycle.ANNEALS),
    ),
    lr.InverseDecay: mixed(initial_lr=RATE, gamma=RATE, power=RATE),
    lr.WarmupStableDecay: mixed(
        peak_lr=RATE,
        warmup=st.integers(0, 100),
        stable=st.integers(0, 100),
        decay=COUNT,
        initial_lr=st.just(0.0),
        final_lr=st.floats(0, 1e-6),
    ),
    lr.InverseMomentum: mixed(schedule=st.just(CYCLE), low=st.floats(0, 0.85), high=st.floats(0.9, 0.99)),
}
TOPS = ("peak_lr", "max_lr", "high", "initial_lr")


@pytest.mark.parametrize("function", SCHEDULES, ids=lambda function: function.__name__)
def test_schedules_give_rates_within_their_bounds_or_name_what_is_wrong(function):
    @settings(max_examples=300, deadline=None)
    @given(SCHEDULES[function], st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5))
    def check(arguments, steps):
        schedule = result_or_named_error(function, arguments)
        if schedule is None:
            return
        top = float(next(arguments[name] for name in TOPS if name in arguments))
        rates = np.array([float(schedule(step)) for step in [0, *steps]])
        assert (rates >= 0).all() and (rates <= top * (1 + 1e-5)).all(), rates
        assert type(schedule).from_config(schedule.get_config()).get_config() == schedule.get_config()

    check()


@settings(max_examples=100, deadline=None)
@given(mixed(schedule=st.sampled_from([0.1, CYCLE]), steps=st.integers(1, 50)))
def test_learning_rates(arguments):
    rates = result_or_named_error(lr.learning_rates, arguments)
    assert rates is None or (np.isfinite(rates).all() and (rates >= 0).all())


@pytest.mark.parametrize("kind, name", [(lr.ScheduledSGD, "momentum"), (lr.ScheduledAdam, "beta_1")])
def test_a_momentum_that_is_no_schedule(kind, name):
    for value in [*ODD_NUMBERS, *ODD_THINGS]:
        assert result_or_named_error(kind, {name: value}) is None


@settings(max_examples=200, deadline=None)
@given(mixed(losses=st.lists(st.floats(0, 100), max_size=50), smoothing=st.floats(0, 0.99)))
def test_smooth(arguments):
    smoothed = result_or_named_error(lr_range_test.smooth, arguments)
    if smoothed is not None:
        losses = np.array(arguments["losses"], float)
        assert len(smoothed) == len(losses)
        if np.isfinite(losses).all() and len(losses):
            assert losses.min() * (1 - 1e-9) <= smoothed.min() and smoothed.max() <= losses.max() * (1 + 1e-9)


LOSSES = st.lists(st.one_of(st.floats(0, 10), st.floats(0, 10), st.floats()), min_size=1, max_size=80)


@settings(max_examples=300, deadline=None)
@given(st.lists(LOSSES, min_size=1, max_size=3), st.sampled_from([0, 0.5, 0.9, 0.99]), ODD)
def test_any_curve_gives_a_rate_of_the_sweep_or_none_and_a_reason(sweeps, smoothing, odd):
    length = max(map(len, sweeps))
    rates = np.geomspace(1e-5, 1, length).astype("float32")
    rows = [row + [math.nan] * (length - len(row)) for row in sweeps]
    result = lr_range_test.RangeTest(rates, np.array(rows), ["complete"] * len(rows), smoothing)
    for rule, pick in result.suggestions().items():
        if pick is None:
            assert result.why(rule) and result.spread(rule) is None
        else:
            assert rates[0] / 10.001 <= pick <= rates[-1]
            assert result.spread(rule)[0] <= pick <= result.spread(rule)[1]
    bounds = result.bounds()
    assert bounds is None or rates[0] <= bounds[0] < bounds[1] <= rates[-1]
    if not callable(odd):  # a function is a rule
        for method in (result.suggest, result.spread, result.answers, result.why):
            assert result_or_named_error(method, {"rule": odd}) is None


MODEL, BEFORE = [], []


def watched_model():
    """One compiled model for all calls; afterwards it must be what it was."""
    if not MODEL:
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Input((4,)), keras.layers.Dropout(0.1), keras.layers.Dense(3, activation="softmax")]
        MODEL.append(keras.Sequential(layers))
        MODEL[0].compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        MODEL[0].fit(np.ones((8, 4), "float32"), np.ones(8, int), verbose=0)
        BEFORE.extend(state(MODEL[0]))
    return MODEL[0]


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    values = [variable.numpy().copy() for variable in variables]
    return [*values, np.array(model.stop_training), np.array(model.optimizer.learning_rate)]


X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = np.arange(40) % 3
ARGUMENTS = {
    "model": ODD,
    "x": st.sampled_from(
        [X, X.astype("float64"), X[:, :2], X[:9], X * np.nan, X.tolist(), {"a": X}, X.astype(str)]
    ),
    "y": st.sampled_from([Y, Y.astype("float32"), Y + 7, Y[:9], None, Y[:, None], Y.astype(str)]),
    "min_lr": st.floats(1e-6, 1),
    "max_lr": st.floats(1e-3, 1e3),
    "steps": st.integers(2, 30),
    "batch_size": st.integers(1, 50),
    "sample_weight": st.sampled_from([None, np.ones(40), np.full(40, np.nan), np.ones(9), -np.ones(40)]),
    "class_weight": st.sampled_from([None, {0: 1.0, 1: 2.0}, {"a": 1}, {0: "a"}, {7: 1.0}]),
    "optimizer": st.sampled_from([None, 0]),
    "sweep": st.sampled_from(["exponential", "linear"]),
    "repeats": st.integers(1, 2),
    "smoothing": st.floats(0, 0.99),
    "stop_factor": st.floats(1.1, 1e6),
    "seed": st.integers(0, 2**31 - 1),
    "progress": st.just(False),  # a bar is shown in test_range_test.py
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_range_test_is_right_or_names_what_is_wrong_and_changes_nothing(name):
    valid = {"x": X, "y": Y, "min_lr": 1e-3, "max_lr": 1.0, "steps": 5, "progress": False}

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.one_of(ARGUMENTS[name], ODD))
    def check(value):
        arguments = {"model": watched_model(), **valid, name: value}
        few = not (name in ("steps", "repeats") and isinstance(value, int) and value > 50)
        result = (
            result_or_named_error(lr_range_test.range_test, arguments, [name]) if few else None
        )  # as many as asked for take long
        if result is not None:
            assert np.isfinite(result.losses).all() and np.isfinite(result.learning_rates).all()
            assert len(result.losses) == len(result.learning_rates) > 0
        for old, new in zip(BEFORE, state(watched_model()), strict=True):
            np.testing.assert_array_equal(old, new)

    check()


FIELDS = mixed(
    learning_rates=st.just([0.01, 0.1, 1.0]),
    sweeps=st.just([[3.0, 2.0, 1.0]]),
    stopped=st.just(["complete"]),
    smoothing=st.floats(0, 0.9),
)


@settings(max_examples=200, deadline=None)
@given(FIELDS)
def test_a_range_test_made_by_hand(arguments):
    result = result_or_named_error(lr_range_test.RangeTest, arguments)
    assert result is None or result.losses.shape == result.smoothed.shape == result.learning_rates.shape


@pytest.mark.parametrize("path", [None, 1, 0, True, 0.5, b"x", [], "a\0b"])
def test_a_path_that_is_none(path):
    with pytest.raises(TypeError, match="path must be the path of a file"):
        lr_range_test.RangeTest.load(path)
    with pytest.raises(TypeError, match="path must be the path of a file"):
        lr_range_test.RangeTest(np.ones(1), np.ones((1, 1)), ["complete"]).save(path)


@settings(max_examples=100, deadline=None)
@given(ODD)
def test_a_path_that_holds_no_range_test(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("stored") / "test.json"
    path.write_text(str(value), encoding="utf-8", errors="replace")
    with pytest.raises(ValueError, match="path must name a range test that was saved"):
        lr_range_test.RangeTest.load(path)


@settings(max_examples=60, deadline=None)
@given(mixed(schedules=st.just({"a": CYCLE, "b": 0.1}), steps=COUNT, steps_per_epoch=st.one_of(st.none(), COUNT)))
def test_plot_schedules(arguments):
    result_or_named_error(lr.plot_schedules, arguments, [*arguments, "schedule"])
    plt.close("all")
