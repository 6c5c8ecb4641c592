"""The range test: true losses, no trace, and answers only where there are some."""

import _thread
import random
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import lr_range_test as lr

LOSS = "sparse_categorical_crossentropy"
RATES = {"min_lr": 1e-4, "max_lr": 0.1}


def small_model(optimizer, seed=0, **compile_arguments):
    """BatchNormalization and Dropout: moving averages and random seeds to leave a trace in."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, LOSS, metrics=["accuracy"], **compile_arguments)
    return model


@pytest.fixture(scope="module")
def arrays():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(70, 8)).astype("float32")
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, 20, 0.0)),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_fit_after_a_range_test_equals_a_fit_without(name, arrays):
    x, y = arrays
    weights = np.linspace(0.5, 1.5, len(x))

    def fit(model):
        return model.fit(x, y, sample_weight=weights, epochs=2, batch_size=16, verbose=0).history

    expected = fit(small_model(OPTIMIZERS[name]()))
    model = small_model(OPTIMIZERS[name]())
    lr.range_test(model, x, y, sample_weight=weights, steps=30, batch_size=16, **RATES, progress=False)
    assert fit(model) == expected


def test_mixed_precision_leaves_no_trace_either(arrays):
    """float16 overflows at the loss scale that it starts with: the scale moves during the test."""

    def fit(test):
        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = small_model("adam")
        finally:
            keras.config.set_dtype_policy("float32")
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        if test:
            result = lr.range_test(model, *arrays, min_lr=1e-4, max_lr=1, steps=30, progress=False)
            assert np.isfinite(result.losses).all()
        history = model.fit(*arrays, epochs=2, batch_size=16, verbose=0).history
        return history, float(model.optimizer.dynamic_scale), int(model.optimizer.iterations)

    assert fit(test=True) == fit(test=False)


def test_no_trace_in_a_model_that_was_trained_before(arrays):
    model = small_model("adam")
    model.fit(*arrays, verbose=0)
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    values, before = [variable.numpy() for variable in variables], (random.getstate(), vars(model).copy())
    rate = model.optimizer.learning_rate
    lr.range_test(model, *arrays, steps=20, **RATES, repeats=2, progress=False)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    assert (random.getstate(), vars(model)) == before
    assert model.optimizer.learning_rate is rate


@pytest.mark.parametrize("name", ["adam", "momentum"])
def test_losses_are_those_of_the_batches(name, arrays):
    """Against an independent loop, with a short last batch, regularisation and dropout."""
    x, y = arrays
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)  # 16, 16, 16, 16, 6
    result = lr.range_test(small_model(OPTIMIZERS[name]()), batches, steps=12, **RATES, progress=False)
    model = small_model(OPTIMIZERS[name]())
    losses = []
    for rate, (xb, yb) in zip(result.learning_rates, batches.repeat(), strict=False):
        model.optimizer.learning_rate = float(rate)
        model.reset_metrics()
        losses.append(model.train_on_batch(xb, yb, return_dict=True)["loss"])
    np.testing.assert_allclose(result.losses, losses, rtol=1e-5)


def test_losses_on_held_out_data_are_those_after_each_update(arrays):
    x, y = arrays
    held, batches = (x[48:], y[48:]), tf.data.Dataset.from_tensor_slices((x[:48], y[:48])).batch(16)
    model = small_model("adam")
    result = lr.range_test(model, batches, validation_data=held, steps=7, repeats=2, **RATES, progress=False)
    assert later_fit(model, arrays) == later_fit(small_model("adam"), arrays)
    model, losses = small_model("adam"), []
    for rate, batch in zip(result.learning_rates, batches.repeat(), strict=False):
        model.optimizer.learning_rate = float(rate)
        model.train_on_batch(*batch)
        losses.append(model.evaluate(*held, batch_size=22, verbose=0, return_dict=True)["loss"])
    np.testing.assert_allclose(result.sweeps[0], losses, rtol=1e-5)
    assert not np.array_equal(result.sweeps[0], result.sweeps[1])  # other dropout


def test_the_held_out_batch_is_of_a_bounded_size(arrays, monkeypatch):
    seen = []
    monkeypatch.setattr(lr, "HELD_OUT", 8)
    model = small_model("adam", run_eagerly=True)
    monkeypatch.setattr(model, "test_step", lambda data: seen.append(data[0].shape[0]) or {"loss": data[0][0, 0]})
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(32)
    for held in (arrays, batches):
        lr.range_test(model, *arrays, validation_data=held, steps=3, **RATES, progress=False)
    assert seen == [8, 8, 8, 32, 32, 32]
    with pytest.raises(
        ValueError, match="validation_data must be what evaluate takes: x, y and sample_weight must"
    ):
        lr.range_test(model, *arrays, validation_data=(arrays[0], arrays[1][:3]), steps=3, **RATES, progress=False)


@pytest.mark.parametrize("validated", [False, True])
def test_a_model_that_is_trained_already(validated, arrays):
    """For other classes there is something to learn, from a loss far above that of equal guesses; from a batch of
    what it knows there is nothing that could be told from the noise, and no rule answers."""
    x, y = arrays
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.1), LOSS)
    model.fit(x, y, epochs=60, verbose=0)
    arguments = {"min_lr": 1e-5, "max_lr": 10, "steps": 120, "repeats": 3, "progress": False}
    held = {"validation_data": (x, y)} if validated else {}
    known = lr.range_test(model, x, y, **arguments, **held)
    assert known.losses[0] < np.log(3) / 3
    others = {"validation_data": (x, (y + 1) % 3)} if validated else {}
    new = lr.range_test(model, x, (y + 1) % 3, **arguments, **others)
    assert new.losses[0] > 2 * np.log(3)
    assert 1e-4 < new.suggest("valley") < 3 and new.bounds()
    if not validated:  # the held-out batch is always the same: it shows how the last bit is learned
        assert known.suggest("valley") is None
        assert "begin with a smaller min_lr" in known.why("valley") or "flat" in known.why("valley")


@pytest.mark.parametrize("sweep", ["exponential", "linear"])
@pytest.mark.parametrize("steps", [2, 7, 50])
def test_both_ends_of_the_sweep_are_reached(sweep, steps, arrays):
    model = small_model("sgd")
    result = lr.range_test(model, *arrays, min_lr=1e-4, max_lr=1e-2, steps=steps, sweep=sweep, progress=False)
    assert len(result.learning_rates) == len(result.losses) == steps
    np.testing.assert_array_equal(result.learning_rates[[0, -1]], np.float32([1e-4, 1e-2]))
    change = np.diff(np.log(result.learning_rates) if sweep == "exponential" else result.learning_rates)
    np.testing.assert_allclose(change, change[0], rtol=1e-3)
    assert result.stopped == ["complete"]


class Pieces(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return self.x[i * 16 : i * 16 + 16], self.y[i * 16 : i * 16 + 16]


def inputs(x, y):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    return {
        "arrays": (x, y),
        "tf.data": (batches, None),
        "endless tf.data": (batches.repeat(), None),
        "PyDataset": (Pieces(x, y), None),
        "generator": (((x[i : i + 16], y[i : i + 16]) for _ in range(4) for i in range(0, 64, 16)), None),
        "float64": (x.astype("float64"), y),
    }


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "endless tf.data", "PyDataset", "generator", "float64"])
def test_any_input_that_fit_takes(kind, arrays):
    x, y = inputs(*arrays)[kind]
    result = lr.range_test(small_model("adam"), x, y, steps=15, **RATES, progress=False)
    assert len(result.losses) == 15 and np.isfinite(result.losses).all()


def test_dicts_several_outputs_and_a_model_that_is_not_built(arrays):
    x, y = arrays
    a, b = keras.Input((8,), name="a"), keras.Input((8,), name="b")
    both = keras.layers.Concatenate()([a, b])
    outputs = {"class": keras.layers.Dense(3, activation="softmax")(both), "size": keras.layers.Dense(1)(both)}
    model = keras.Model({"a": a, "b": b}, outputs)
    model.compile("sgd", {"class": LOSS, "size": "mse"})
    targets = {"class": y, "size": x.sum(axis=1)}
    result = lr.range_test(model, {"a": x, "b": x}, targets, steps=3, batch_size=70, **RATES, progress=False)
    first = model.evaluate({"a": x, "b": x}, targets, batch_size=70, verbose=0, return_dict=True)
    assert result.losses[0] == pytest.approx(first["loss"], rel=1e-5)  # the sum of both
    unbuilt = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    unbuilt.compile("sgd", LOSS)
    assert len(lr.range_test(unbuilt, x, y, steps=10, **RATES, progress=False).losses) == 10


class OwnStep(keras.Model):
    """Trains in its own way, and tracks its own loss."""

    def __init__(self, name_of_loss="loss"):
        super().__init__()
        self.layer, self.name_of_loss = keras.layers.Dense(1), name_of_loss
        self.tracker = keras.metrics.Mean(name="tracked")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return self.layer(x)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(data[0]) - tf.cast(data[1][:, None], tf.float32)) ** 2)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.tracker.update_state(loss)
        return {self.name_of_loss: self.tracker.result()}


@pytest.mark.parametrize("eager", [False, True])
def test_a_model_with_its_own_train_step(eager, arrays):
    x, y = arrays
    model = OwnStep()
    model.compile(keras.optimizers.SGD(), run_eagerly=eager)
    result = lr.range_test(model, x, y, steps=8, batch_size=70, min_lr=1e-6, max_lr=1e-4, progress=False)
    by_hand = np.mean((model.predict(x, verbose=0) - y[:, None]) ** 2)
    np.testing.assert_allclose(result.losses[0], by_hand, rtol=1e-5)  # one batch, weights as before


def test_a_train_step_without_a_loss_is_named(arrays):
    model = OwnStep(name_of_loss="error")
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"model\.train_step must return a dict with 'loss', got error"):
        lr.range_test(model, *arrays, steps=8, **RATES, progress=False)


def test_it_stops_when_the_loss_explodes_or_is_no_number(arrays):
    x, y = arrays
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    exploded = lr.range_test(model, x, y, min_lr=1e-3, max_lr=1e3, steps=100, progress=False)
    assert exploded.stopped == ["loss exploded"]
    assert 10 < len(exploded.losses) < 100 and np.isfinite(exploded.losses).all()
    wild = {"min_lr": 1e-3, "max_lr": 1e30, "steps": 4, "sweep": "linear", "stop_factor": 1e38}
    not_finite = lr.range_test(model, x, y, **wild, progress=False)
    assert not_finite.stopped == ["loss not finite"]
    assert len(not_finite.losses) < 4 and np.isfinite(not_finite.losses).all()


def first_batches(x, y, count, then):
    """So many batches, and then whatever happens."""
    for _ in range(count):
        yield x[:16], y[:16]
    then()
    while True:
        yield x[:16], y[:16]


def later_fit(model, arrays):
    return model.fit(*arrays, epochs=2, batch_size=16, verbose=0).history


def test_the_stop_button_returns_what_there_is_and_leaves_no_trace(arrays):
    model = small_model("adam")
    batches = first_batches(*arrays, 60, _thread.interrupt_main)
    result = lr.range_test(model, batches, steps=500, **RATES, progress=False)
    assert result.stopped == ["interrupted"]
    assert 0 < len(result.losses) < 500
    assert later_fit(model, arrays) == later_fit(small_model("adam"), arrays)


def test_an_error_in_the_data_leaves_no_trace(arrays):
    def disk_gone():
        raise RuntimeError("the disk is gone")

    model = small_model("adam")
    rate = model.optimizer.learning_rate
    with pytest.raises(Exception, match="the disk is gone"):
        lr.range_test(model, first_batches(*arrays, 30, disk_gone), steps=40, **RATES, progress=False)
    assert model.optimizer.learning_rate is rate
    assert later_fit(model, arrays) == later_fit(small_model("adam"), arrays)


def curve(losses, low=1e-4, high=1.0):
    rates = np.geomspace(low, high, len(losses)).astype("float32")
    return lr.RangeTest(rates, np.array([losses], float), ["complete"], smoothing=0.0)


def valley_curve(n=100):
    """Flat, then falling in a smooth step, then rising: the steepest place is in the middle of the fall."""
    position = np.linspace(-4, 2, n)  # log10 of the rate is position - 0
    return 2.3 - 2 / (1 + np.exp(-4 * (position + 2))) + np.exp(3 * (position - 1))


def test_rules_find_what_their_formulas_say():
    losses = valley_curve()
    result = curve(losses, 1e-4, 1e2)
    steepest, lowest = np.gradient(losses, np.log(result.learning_rates)).argmin(), losses.argmin()
    assert result.suggest("steepest") == pytest.approx(result.learning_rates[steepest])
    assert result.suggest("steepest") == pytest.approx(0.01, rel=0.2)
    assert result.suggest("minimum") == pytest.approx(result.learning_rates[lowest] / 10)
    assert set(result.suggestions()) == set(lr.RULES)
    low, high = result.bounds()
    assert low < result.suggest("steepest") < high <= result.learning_rates[lowest]


@pytest.mark.parametrize(
    "losses, reason",
    [
        (2 + 0.1 * np.random.default_rng(0).normal(size=100), "flat"),
        (2 + np.linspace(0, 1, 100) ** 2, "rises from the start"),
        ([3.0, 2.0, 1.0], "too few points: 3"),
        ([3.0, 2.0] + [np.nan] * 50, "too few points: 2"),
    ],
)
def test_a_curve_without_an_answer_says_why(losses, reason):
    result = curve(losses)
    assert result.suggestions() == dict.fromkeys(lr.RULES)
    assert result.bounds() is None and result.spread("valley") is None
    assert reason in result.why("valley")


def longest_fall(losses):
    """All pairs, as fastai's `valley` counts them: the longest series of ever lower losses, gaps allowed."""
    best = []
    for i, loss in enumerate(losses):
        best.append(1 + max([best[j] for j in range(i) if losses[j] > loss], default=0))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_valley_and_slide_follow_fastai(seed):
    """Written again from fastai's `callback/schedule.py`, on noisy curves."""
    losses = valley_curve() + 0.01 * np.random.default_rng(seed).normal(size=100)
    result, kept = curve(losses, 1e-4, 1e2), losses[10:]
    rates = result.learning_rates[10:]
    length = longest_fall(kept[: kept.argmin() + 1])
    end, n = int(np.argmax(length)), max(length)
    section = n / 3
    assert result.suggest("valley") == pytest.approx(rates[end - n + int(section) + int(section / 2)])
    slope, right = np.gradient(kept), -1
    left = right - 15
    answer = rates[left]
    while left >= -len(kept) and abs(slope[right] - slope[left]) > 0.005:
        answer, left, right = rates[left], left - 1, right - 1
    if answer <= rates[kept.argmin()]:
        assert result.suggest("slide") == pytest.approx(answer)
    else:
        assert result.suggest("slide") is None


def test_the_longest_fall_is_found_in_no_time_whatever_the_curve():
    """valley against all pairs, on curves with ties and long plateaus, where a search by halves can go wrong."""
    for seed in range(50):
        generator = np.random.default_rng(seed)
        smoothed = generator.integers(0, 12, size=generator.integers(16, 60)).astype(float)
        rates = np.geomspace(1e-4, 1, len(smoothed))
        length = longest_fall(smoothed[: smoothed.argmin() + 1])
        end, n = int(np.argmax(length)), max(length)
        assert lr.valley(rates, smoothed) == rates[max(end - n + n // 3 + n // 6, 0)]


def test_a_hundred_thousand_steps_are_read_and_watched_in_a_second():
    losses = valley_curve(100_000) + 0.01 * np.random.default_rng(0).normal(size=100_000)
    result, watch = curve(losses), lr._Watch(100_000, 0.9, 1e9)
    start = time.process_time()
    assert not any(watch.reason(loss) for loss in losses.tolist())
    assert len(result.smoothed) == len(result.losses) == 100_000
    assert result.suggestions()["valley"] and result.bounds()
    assert time.process_time() - start < 1


def test_a_rule_of_your_own_may_stand_where_a_name_does():
    def middle(learning_rates, smoothed):
        return learning_rates[len(learning_rates) // 2]

    def never(learning_rates, smoothed):
        return None

    result = curve(valley_curve(), 1e-4, 1e2)
    expected = pytest.approx(result.learning_rates[55])  # the first ten are not read
    assert result.suggest(middle) == expected and result.spread(middle) == (expected, expected)
    assert list(result.suggestions(middle, never)) == [*lr.RULES, "middle", "never"]
    assert result.suggest(never) is None and result.answers(never) == []
    assert result.why(never) == "sweep 0: the rule never finds no rate on this curve" and result.why(middle) == ""
    for wrong in (lambda rates, losses: "high", lambda rates, losses: -1.0, lambda rates: 1.0):
        with pytest.raises((TypeError, ValueError), match="rule <lambda>"):
            result.suggest(wrong)


def test_medians_of_rates_are_taken_of_their_logarithms():
    early, late = valley_curve(), np.roll(valley_curve(), 20)
    late[:20] = early[0]
    both = lr.RangeTest(np.geomspace(1e-4, 1e2, 100), np.array([early, late]), ["complete"] * 2, smoothing=0.0)
    low, high = both.spread("steepest")
    assert high / low > 10 and both.suggest("steepest") == pytest.approx((low * high) ** 0.5)
    single = [curve(losses, 1e-4, 1e2).bounds() for losses in (early, late)]
    np.testing.assert_allclose(both.bounds(), np.exp(np.mean(np.log(single), axis=0)), rtol=1e-5)


def test_range_tests_are_equal_where_all_is_equal():
    losses = valley_curve()
    losses[-1] = np.nan
    result = curve(losses)
    assert result == curve(losses)
    assert result != curve(losses[:-1]) and result != curve(losses + 1) and result != "a range test"
    other = curve(losses)
    other.stopped = ["interrupted"]
    assert result != other


def test_an_explosion_at_the_end_does_not_hide_the_answer():
    losses = np.concatenate([valley_curve()[:70], [5.0, 50.0, 500.0, np.nan]])
    assert curve(losses).suggest("steepest") is not None


def test_repeats_give_a_median_and_a_spread(arrays):
    result = lr.range_test(small_model("sgd"), *arrays, min_lr=1e-3, max_lr=3, steps=60, repeats=5, progress=False)
    assert result.sweeps.shape[0] == 5
    assert not np.array_equal(result.sweeps[0], result.sweeps[1])
    np.testing.assert_array_equal(result.losses, np.nanmedian(result.sweeps, axis=0))
    low, high = result.spread("steepest")
    assert low <= result.suggest("steepest") <= high


def test_progress_is_shown_or_not(arrays, capsys):
    lr.range_test(small_model("sgd"), *arrays, **RATES, steps=10)
    assert "range test on CPU: 100%" in capsys.readouterr().out
    lr.range_test(small_model("sgd"), *arrays, **RATES, steps=10, progress=False)
    assert "".join(capsys.readouterr()) == ""


def test_smoothing_starts_without_bias():
    np.testing.assert_allclose(lr.smooth([2.0, 2.0, 2.0], 0.9), 2)
    np.testing.assert_allclose(lr.smooth([1.0, 3.0], 0.5), [1, (0.25 * 1 + 0.5 * 3) / 0.75])


def test_a_range_test_is_saved_and_loaded(tmp_path):
    result = curve(valley_curve())
    result.sweeps[0, -1] = np.nan
    result.save(tmp_path / "test.json")
    again = lr.RangeTest.load(tmp_path / "test.json")
    assert again == result and again.suggestions() == result.suggestions()
    (tmp_path / "test.json").write_text('{"losses": [1]}')
    with pytest.raises(ValueError, match="path must name a range test that was saved"):
        lr.RangeTest.load(tmp_path / "test.json")


def test_the_plot_shows_points_curve_and_every_rule():
    result = curve(valley_curve(), 1e-4, 1e2)
    ax = result.plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(labels) == 1 + sum(pick is not None for pick in result.suggestions().values())
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"min_lr": 0.1, "max_lr": 0.01}, "min_lr must be below max_lr, got 0.1 and 0.01"),
        ({"min_lr": 0}, "min_lr must be positive and finite, got 0"),
        ({"max_lr": float("nan")}, "max_lr must be positive and finite, got nan"),
        ({"steps": 1}, "steps must be at least 2"),
        ({"steps": 10.5}, "steps must be a whole number, got 10.5"),
        ({"sweep": "square"}, "sweep must be one of exponential, linear, got 'square'"),
        ({"repeats": 0}, "repeats must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"smoothing": 1}, "smoothing must be below 1, got 1"),
        ({"stop_factor": 0.5}, "stop_factor must be above 1, got 0.5"),
        (
            {"y": np.zeros(3)},
            "x, y and sample_weight must be what fit takes, dense and of one length, got (?s:.*) ambiguous",
        ),
        (
            {"x": np.zeros((0, 8)), "y": np.zeros(0)},
            "sample_weight must be what fit takes, dense and of one length",
        ),
        ({"y": None, "sample_weight": np.ones(70)}, "y must be given where sample_weight or class_weight is"),
        ({"x": np.zeros((70, 5))}, "model must be able to train on x, y and sample_weight"),
        ({"y": np.full(70, 9)}, "model must be able to train on x, y and sample_weight"),
        ({"progress": None}, "progress must be True or False, got None"),
        (
            {"x": 3},
            "must be what fit takes, dense and of one length, got (?s:.*): Unrecognized data type: x=3",
        ),
        ({"sample_weight": np.full(70, np.nan)}, "x, y and sample_weight must give at least one batch with a fin"),
        ({"model": "cnn"}, "model must be a Keras model, got 'cnn'"),
        ({"model": keras.Sequential([keras.layers.Dense(1)])}, "model must be compiled"),
    ],
)
def test_bad_input_is_named_before_training(changes, message, arrays):
    values = {"model": small_model("sgd"), "x": arrays[0], "y": arrays[1], "steps": 10, "progress": False}
    values |= RATES | changes
    with pytest.raises((ValueError, TypeError), match=message):
        lr.range_test(values.pop("model"), values.pop("x"), values.pop("y"), **values)


def test_an_unknown_rule_is_named():
    with pytest.raises(ValueError, match=r"rule must be one of steepest, .* got 'best'"):
        curve(valley_curve()).suggest("best")


def test_a_range_test_without_a_sweep_is_refused():
    with pytest.raises(TypeError, match=r"stopped must be a list with a reason for each of the sweeps, got \[\]"):
        lr.RangeTest(np.ones(3), np.zeros((0, 3)), [])
