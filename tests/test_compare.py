"""compare: every kind of setting, input and model that `fit` takes; and no trace of it afterwards."""

import gc
import math
import random

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import lr_range_test as lr

BINARY = "binary_crossentropy"
RNG = np.random.default_rng(7)
SIGNAL = RNG.normal(size=(96, 12, 2)).astype("float32")
TALL = (SIGNAL[:, :6, 0].mean(axis=1) > SIGNAL[:, 6:, 1].mean(axis=1)).astype("float32")[:, None]
TRAIN, VALIDATION, TEST = (slice(0, 48), slice(48, 72), slice(72, 96))
HELD = {"validation_data": (SIGNAL[VALIDATION], TALL[VALIDATION]), "progress": False}


def signals(optimizer="sgd", seed=0, **compile_arguments):
    """A residual network over a short signal, with moving averages and dropout."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    signal = keras.Input((12, 2))
    wide = layers.Conv1D(4, 3, padding="same", activation="relu")(signal)
    wide = layers.Add()([wide, layers.BatchNormalization()(layers.Conv1D(4, 3, padding="same")(wide))])
    pooled = layers.Dropout(0.2)(layers.GlobalMaxPooling1D()(wide))
    model = keras.Model(signal, layers.Dense(1, activation="sigmoid", name="head")(pooled))
    model.compile(optimizer, BINARY, **compile_arguments)
    return model


def batches(rows=TRAIN, size=16):
    return tf.data.Dataset.from_tensor_slices((SIGNAL[rows], TALL[rows])).batch(size)


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [variable.numpy().copy() for variable in variables]


def compared(model, settings, *data, epochs=2, seeds=1, **arguments):
    """On the signals, where nothing else is said."""
    data = data or (SIGNAL[TRAIN], TALL[TRAIN])
    return lr.compare(model, settings, *data, epochs=epochs, seeds=seeds, **HELD | arguments)


# The table --------------------------------------------------------------------------------------------


def test_the_quantiles_are_those_of_scipy():
    table = [float(quantile) for quantile in lr.T_QUANTILES.split()]
    np.testing.assert_allclose(table, scipy.stats.t.ppf(0.975, np.arange(1, 31)), atol=5e-5)


def result(**losses):
    return lr.Comparison(losses, {label: [] for label in losses}, {label: [1.0] * 3 for label in losses})


def test_differences_are_paired_and_have_students_interval():
    table = result(a=[0.5, 0.7, 0.6], b=[0.4, 0.65, 0.52], c=[0.3, math.nan, 0.2])
    mean, low, high = table.difference("b")
    expected = scipy.stats.ttest_rel(table.losses["b"], table.losses["a"]).confidence_interval(0.95)
    assert mean == pytest.approx(np.mean([-0.1, -0.05, -0.08]))
    assert (low, high) == pytest.approx(tuple(expected), rel=1e-4)
    assert table.difference("a", to="b")[0] == -mean
    assert table.difference("c") is None and table.difference("b", to="c") is None  # a run failed
    assert result(a=[0.5], b=[0.4]).difference("b") is None  # one pair has no interval


def test_a_failed_run_is_counted_and_never_dropped():
    table = result(steady=[0.5, 0.5, 0.5], lucky=[0.1, math.nan, math.inf], wild=[0.1, 0.2, math.nan])
    assert (table.median("lucky"), table.median("wild")) == (math.inf, 0.2)
    assert table.best == "wild"
    lines = str(table).splitlines()
    assert (
        "2 of 3" in lines[2]
        and "0.1 nan inf" in lines[2]
        and lines[-1] == "best on validation data: wild (complete)"
    )
    none = result(a=[math.nan, 0.1, math.nan], b=[math.nan] * 3)
    assert none.best is None and str(none).endswith("best on validation data: None (complete)")
    labels = [text.get_text() for text in table.plot().texts]
    assert labels == ["2 of 3 failed ", "1 of 3 failed "]
    assert repr(table) == str(table)


def test_what_chooses_is_validation_and_what_reports_is_test():
    table = result(a=[0.5, 0.6], b=[0.4, 0.5])
    table.test_losses = {"a": [0.5, 0.6], "b": [0.8, 0.9]}
    assert table.best == "b"
    assert table.difference("b")[0] == pytest.approx(0.3)
    assert table.median("b", test=True) == pytest.approx(0.85)
    assert "test difference to the first" in str(table)
    assert "validation difference to the first" in str(result(a=[0.5, 0.6], b=[0.4, 0.5]))


# Settings ---------------------------------------------------------------------------------------------


SETTINGS = {
    "as compiled": lambda: "as compiled",
    "rate": lambda: 0.3,
    "schedule": lambda: keras.optimizers.schedules.CosineDecay(0.5, 6),
    "optimizer": lambda: keras.optimizers.AdamW(0.03, weight_decay=0.1),
    "callback": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.4 / (1 + epoch)),
}


def by_hand(setting):
    """The same training, in the words of Keras."""
    optimizer = setting if isinstance(setting, keras.Optimizer) else keras.optimizers.SGD(0.1, momentum=0.9)
    if isinstance(setting, float | keras.optimizers.schedules.LearningRateSchedule):
        optimizer = keras.optimizers.SGD(setting, momentum=0.9)
    model = signals(optimizer)
    callbacks = [setting] if isinstance(setting, keras.callbacks.Callback) else []
    model.fit(batches(), epochs=2, verbose=0, callbacks=callbacks)
    return [model.evaluate(SIGNAL[rows], TALL[rows], verbose=0) for rows in (VALIDATION, TEST)]


def test_each_setting_trains_as_fit_would():
    """In one call, so that what one setting leaves would be seen in the next; dropout included."""
    model = signals(keras.optimizers.SGD(0.1, momentum=0.9))
    settings = {name: setting() for name, setting in SETTINGS.items()} | {"again": "as compiled", "low": 1e-9}
    test_data = SIGNAL[TEST], TALL[TEST]
    found = compared(model, settings, batches(), test_data=test_data)
    for name, setting in SETTINGS.items():
        expected = by_hand(setting())
        assert [found.losses[name][0], found.test_losses[name][0]] == pytest.approx(expected, rel=1e-5), name
    assert found.losses["again"] == found.losses["as compiled"]
    assert list(found.losses) == list(settings) and found.stopped == "complete"


def test_a_compiled_schedule_makes_room_for_a_rate_and_comes_back():
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 6)
    model = signals(keras.optimizers.SGD(schedule, momentum=0.9))
    found = compared(model, {"rate": 0.3, "as compiled": "as compiled"}, batches())
    assert found.losses["rate"] == pytest.approx(by_hand(0.3)[:1], rel=1e-5)
    assert found.losses["as compiled"] == pytest.approx(by_hand(schedule)[:1], rel=1e-5)
    assert model.optimizer._learning_rate is schedule
    with pytest.raises(
        ValueError, match=r"settings\['a'\] sets the rate, which it cannot where the model was compil"
    ):
        compared(model, {"a": keras.callbacks.ReduceLROnPlateau()})


def test_a_callback_is_a_fresh_copy_in_each_run_and_sees_the_validation_loss():
    plateau = keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=10, factor=0.1)  # lowers it every epoch
    before = vars(plateau).copy()
    model = signals(keras.optimizers.SGD(0.5))
    model.fit(SIGNAL, TALL, callbacks=[plateau], verbose=0)  # it has seen a fit already
    before = vars(plateau).copy()
    found = compared(model, {"plateau": plateau, "fixed": "as compiled"}, epochs=4, seeds=2)
    assert vars(plateau) == before
    assert found.losses["plateau"] != found.losses["fixed"]
    early = keras.callbacks.EarlyStopping(patience=0, min_delta=10)
    found = compared(model, {"early": early, "fixed": "as compiled"}, epochs=4)
    assert found.seconds["early"] < found.seconds["fixed"] or found.losses["early"] != found.losses["fixed"]


def test_an_optimizer_of_a_setting_stays_new_and_keeps_what_its_configuration_lacks():
    def decayed(*excluded):
        optimizer = keras.optimizers.AdamW(1e-9, weight_decay=1e8)  # nothing but decay
        optimizer.exclude_from_weight_decay(var_names=excluded)
        return optimizer

    model = signals()
    settings = {"kernels": decayed("bias", "gamma", "beta"), "none": decayed("kernel", "bias", "gamma", "beta")}
    found = compared(model, settings, seeds=2)
    assert not any(optimizer.built for optimizer in settings.values())
    untrained = model.evaluate(*HELD["validation_data"], verbose=0)
    assert found.losses["kernels"] != found.losses["none"]
    assert compared(model, settings, seeds=2).losses == found.losses
    assert untrained != found.losses["none"][0]  # the moving averages of BatchNormalization


class Counted(keras.Model):
    """A training step of its own, with a penalty on the slope; counts how often it is traced."""

    traced = 0

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(1)
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, x):
        return self.dense(self.flat(x))

    @property
    def metrics(self):
        return [self.tracker]

    def step(self, data, training):
        x, y = data
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                predicted = self(x, training=training)
            slope = inner.gradient(predicted, x)
            loss = tf.reduce_mean((predicted - y) ** 2) + 0.1 * tf.reduce_mean(slope**2)
        if training:
            self.optimizer.apply(outer.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def train_step(self, data):
        type(self).traced += 1
        return self.step(data, training=True)

    def test_step(self, data):
        return self.step(data, training=False)


def test_a_subclassed_model_with_its_own_steps_is_traced_once_for_all_rates_and_lets_optimizers_go():
    model = Counted()
    model.compile(keras.optimizers.SGD(0.01))
    gc.collect()
    sgds = sum(isinstance(one, keras.optimizers.SGD) for one in gc.get_objects())
    rates = {f"{rate}": rate for rate in (0.001, 0.003, 0.01, 0.03, 0.1)}
    optimizers = {f"momentum {i}": keras.optimizers.SGD(0.01, momentum=i / 10) for i in range(4)}
    Counted.traced = 0
    found = compared(model, rates | optimizers, epochs=3)
    once = Counted.traced / 5  # Keras may trace a step more than once, for a short last batch
    assert once == int(once) and once <= 2  # one trace for five rates, and four optimizers
    assert found.losses["0.01"] == pytest.approx(found.losses["momentum 0"], rel=1e-5)
    assert found.losses["0.1"] != found.losses["0.01"]
    del optimizers
    gc.collect()
    assert sum(isinstance(one, keras.optimizers.SGD) for one in gc.get_objects()) == sgds


# Inputs -----------------------------------------------------------------------------------------------


def matcher(nested, **compile_arguments):
    """Whether a text of token numbers and a vector of measurements belong together."""
    keras.utils.set_random_seed(0)
    text, measured = keras.Input((5,), dtype="int32", name="text"), keras.Input((3,), name="measured")
    read = keras.layers.GRU(4)(keras.layers.Embedding(20, 4)(text))
    score = keras.layers.Dot(1, normalize=True)([read, keras.layers.Dense(4)(measured)])
    model = keras.Model(nested(text, measured), keras.layers.Dense(1, activation="sigmoid")(score))
    model.compile("rmsprop", BINARY, **compile_arguments)
    return model


NESTED = {
    "list": lambda text, measured: [text, measured],
    "dict": lambda text, measured: {"text": text, "measured": measured},
}
TEXT, MEASURED = RNG.integers(0, 20, (60, 5)), RNG.normal(size=(60, 3)).astype("float32")
MATCH = (TEXT[:, 0] > 9).astype("float32")


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_nested_inputs_with_sample_weights_and_metrics(nested):
    model = matcher(nested, metrics=["accuracy", "mae"], weighted_metrics=["accuracy"])
    weights = np.linspace(0.1, 2, 40)
    found = lr.compare(
        model,
        {"0.001": 0.001, "0.1": 0.1},
        nested(TEXT[:40], MEASURED[:40]),
        MATCH[:40],
        validation_data=(nested(TEXT[40:], MEASURED[40:]), MATCH[40:], weights[:20]),
        sample_weight=weights,
        epochs=2,
        progress=False,
    )
    assert all(type(loss) is float for losses in found.losses.values() for loss in losses)
    assert all(len(set(losses)) == 3 for losses in found.losses.values())  # three orders of the data
    arguments = {"sample_weight": weights[:20], "verbose": 0, "return_dict": True}
    untrained = model.evaluate(nested(TEXT[40:], MEASURED[40:]), MATCH[40:], **arguments)["loss"]
    assert abs(found.median("0.001") - untrained) < abs(found.median("0.1") - untrained)


class Pages(keras.utils.PyDataset):
    """Batches of signals, and which of them were asked for."""

    def __init__(self, rows, **arguments):
        super().__init__(**arguments)
        self.x, self.y, self.asked = SIGNAL[rows], TALL[rows], []

    def __len__(self):
        return 4

    def __getitem__(self, i):
        self.asked.append(i)
        return self.x[i::4], self.y[i::4]


def test_a_py_dataset_comes_in_the_order_of_the_seed():
    model, settings = signals(), {"first": 0.3, "second": 0.3}
    before = random.getstate()
    found = compared(model, settings, Pages(TRAIN), validation_data=Pages(VALIDATION), seeds=2)
    assert found.losses["first"] == found.losses["second"] and len(set(found.losses["first"])) == 2
    assert random.getstate() == before
    found = compared(signals(), settings, Pages(TRAIN, workers=2), class_weight={0: 1.0, 1: 9.0})
    assert found.losses["first"] == found.losses["second"]


def test_class_weights_are_those_of_fit():
    class_weight = {0: 0.1, 1: 5.0}
    model = signals()
    model.fit(batches(size=48), epochs=2, class_weight=class_weight, verbose=0)
    expected = model.evaluate(*HELD["validation_data"], verbose=0)
    for data in ((SIGNAL[TRAIN], TALL[TRAIN]), (batches(size=48),)):
        model = signals()
        model.layers[-2].rate = 0.2
        found = compared(model, {"as compiled": "as compiled"}, *data, class_weight=class_weight, batch_size=48)
        # In the order of a seed dropout meets other signals.
        assert found.losses["as compiled"] == pytest.approx([expected], rel=0.05 if len(data) == 2 else 1e-5)


def test_a_model_of_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = signals(keras.optimizers.Adam(0.01))
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.optimizer.build(model.trainable_variables)
    own, before = model.optimizer, state(model)
    settings = {"rate": 0.01, "new": keras.optimizers.Adam(0.01), "as compiled": "as compiled"}
    found = compared(model, settings, seeds=2)
    assert found.losses["rate"] == found.losses["as compiled"]
    assert found.losses["new"] == pytest.approx(found.losses["rate"], rel=1e-3)
    assert np.isfinite(found.losses["rate"]).all() and model.optimizer is own
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)


# Weights ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pretrained():
    """Trained, then only its head is left to train."""
    model = signals(keras.optimizers.Adam(0.02))
    model.fit(SIGNAL[TRAIN], TALL[TRAIN], epochs=10, verbose=0)
    for layer in model.layers:
        layer.trainable = layer.name == "head"
    model.compile(keras.optimizers.Adam(0.02), BINARY)
    return model


def test_a_pretrained_model_starts_from_its_weights(pretrained):
    known = pretrained.evaluate(*HELD["validation_data"], verbose=0)
    found = compared(pretrained, {"nothing": 1e-12, "head": 0.05, "too much": 1e3}, seeds=3)
    assert found.losses["nothing"] == pytest.approx([known] * 3, rel=1e-4)
    assert found.median("head") < 2 * known < found.median("too much")


def test_fresh_seeds_go_on_where_the_choice_ended():
    both = compared(signals(), {"a": 0.1}, seeds=3, first_seed=2**31 - 2, reinitialise=True)
    later = compared(signals(), {"a": 0.1}, seeds=2, first_seed=2**31 - 1, reinitialise=True)
    assert later.losses["a"] == both.losses["a"][1:]
    assert len(set(both.losses["a"])) == 3


def test_weights_are_drawn_anew_on_request_but_for_frozen_layers(pretrained):
    before, known = pretrained.get_weights(), pretrained.evaluate(*HELD["validation_data"], verbose=0)
    found = compared(pretrained, {"nothing": 1e-12, "again": 1e-12}, seeds=3, reinitialise=True)
    assert len(set(found.losses["nothing"])) == 3 and known not in found.losses["nothing"]
    assert found.losses["again"] == found.losses["nothing"]
    for old, new in zip(before, pretrained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    frozen = {weight.path for weight in pretrained.weights if not weight.path.startswith("head")}
    assert {weight.path for weight, _ in lr._drawn_anew(pretrained, 0)} == {"head/kernel", "head/bias"}
    assert len(frozen) == len(before) - 2


# What is left, and what interrupts --------------------------------------------------------------------


def global_generators():
    return random.getstate(), str(np.random.get_state())  # noqa: NPY002


def later_fit(model):
    keras.utils.set_random_seed(3)
    return model.fit(SIGNAL, TALL, epochs=2, verbose=0).history


def mixed_settings():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    settings = [0.1, keras.optimizers.Adam(schedule), keras.callbacks.ReduceLROnPlateau(patience=1)]
    return {str(i): setting for i, setting in enumerate(settings)}


class Interrupts(keras.callbacks.Callback):
    def __init__(self, error, at):
        super().__init__()
        self.error, self.at = error, at

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.at:
            raise self.error


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), OSError("the disk is gone")], ids=type)
def test_a_fit_after_compare_equals_a_fit_without(error):
    def trained():
        model = signals(keras.optimizers.Adam(0.05), metrics=["accuracy"])
        model.fit(SIGNAL, TALL, verbose=0, validation_data=HELD["validation_data"])
        return model

    model = trained()
    own, attributes, before = model.optimizer, vars(model).copy(), state(model)
    rate, generators = own._learning_rate, global_generators()
    settings = mixed_settings()
    if error is not None:
        settings = {"first": "as compiled", "stops": Interrupts(error, at=1), **settings}
    if isinstance(error, OSError):
        with pytest.raises(OSError, match="the disk is gone"):
            compared(model, settings, seeds=2)
    else:
        found = compared(model, settings, seeds=2)
        assert found.stopped == ("complete" if error is None else "interrupted")
    assert model.optimizer is own and own._learning_rate is rate
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert global_generators() == generators
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert later_fit(model) == later_fit(trained())


def test_the_stop_button_keeps_the_runs_that_are_complete():
    settings = {"first": "as compiled", "stops": Interrupts(KeyboardInterrupt(), at=1), "later": 0.1}
    found = compared(signals(), settings, seeds=2)
    assert found.stopped == "interrupted" and found.best == "first"
    assert [len(losses) for losses in found.losses.values()] == [2, 0, 0]
    assert "nan" in str(found).splitlines()[2] and "(interrupted)" in str(found)
    found.plot()
    with pytest.raises(KeyboardInterrupt):
        compared(signals(), {"stops": settings["stops"]})


def test_a_run_that_fails_is_counted():
    found = compared(signals(), {"low": 0.01, "wild": 1e25}, seeds=2)
    assert found.best == "low" and not np.isfinite(found.losses["wild"]).any()
    assert "2 of 2" in str(found).splitlines()[2]


def test_a_dataset_that_gives_its_batches_once_is_no_untrained_model():
    once = iter(list(batches()))
    data = tf.data.Dataset.from_generator(lambda: once, output_signature=batches().element_spec)
    with pytest.raises(ValueError, match="train on x, y and sample_weight: Your input ran out of data"):
        compared(signals(), {"a": 0.1}, data)


def test_one_bar_is_shown_or_none(capsys):
    compared(signals(), {"a": 0.1, "b": keras.callbacks.EarlyStopping(patience=0, min_delta=9)}, progress=True)
    shown = capsys.readouterr().out
    assert "compare on CPU: 100%" in shown and shown.count("\n") == 1
    compared(signals(), {"a": 0.1})
    assert "".join(capsys.readouterr()) == ""


# Bad input --------------------------------------------------------------------------------------------


def used(optimizer):
    optimizer.build([keras.Variable([1.0])])
    return optimizer


class Unsaid(keras.optimizers.schedules.LearningRateSchedule):
    """As in many tutorials: no get_config."""

    def __call__(self, step):
        return 0.1


X, Y = SIGNAL[TRAIN], TALL[TRAIN]
WRONG = [
    ({"settings": {}}, "settings must be a dict with a setting for each label, got {}"),
    ({"settings": [0.1]}, r"settings must be a dict with a setting for each label, got \[0.1\]"),
    ({"settings": {"a": "adam"}}, r"settings\['a'\] must be a rate, a schedule, .* or 'as compiled', got 'adam'"),
    ({"settings": {"a": True}}, r"settings\['a'\] must be a rate, a schedule, .* got True"),
    ({"settings": {"a": 0.1, "b": -1}}, r"settings\['b'\] must be positive and finite, got -1"),
    (
        {"settings": {"a": used(keras.optimizers.SGD())}},
        r"settings\['a'\] must be a new optimizer, got one that was",
    ),
    (
        {"settings": {"a": keras.optimizers.SGD(Unsaid())}},
        r"settings\['a'\] must be what can be copied: .*get_config",
    ),
    ({"seeds": 0}, "seeds must be at least 1 and at most 31, got 0"),
    ({"seeds": 32}, "seeds must be at least 1 and at most 31, got 32"),
    ({"first_seed": -1}, "first_seed must be at least 0 and at most 2,147,483,647, got -1"),
    ({"epochs": 0}, "epochs must be at least 1"),
    ({"epochs": 1.5}, "epochs must be a whole number, got 1.5"),
    ({"batch_size": 0}, "batch_size must be at least 1"),
    ({"reinitialise": 1}, "reinitialise must be True or False, got 1"),
    ({"progress": None}, "progress must be True or False, got None"),
    ({"model": "cnn"}, "model must be a Keras model, got 'cnn'"),
    ({"model": keras.Sequential([keras.layers.Dense(1)])}, "model must be compiled"),
    ({"x": ((x, x) for x in "ab"), "y": None}, "x must be data that end and can be read twice, got <generator"),
    ({"x": iter(batches()), "y": None}, "x must be data that end and can be read twice, got <tensorflow"),
    ({"x": batches().repeat(), "y": None}, "x must be data that end and can be read twice, got <_Repeat"),
    ({"validation_data": iter([(X, Y)])}, "validation_data must be data that end and can be read twice"),
    ({"test_data": iter([(X, Y)])}, "test_data must be data that end and can be read twice"),
    ({"validation_data": (X, Y)}, "validation_data must not be x, got the same data"),
    ({"validation_data": (X.copy(), Y)}, "validation_data must not be x, got the same data"),
    ({"test_data": (X.copy(), Y)}, "test_data must not be x, got the same data"),
    ({"test_data": HELD["validation_data"]}, "test_data must not be validation_data, got the same data"),
    ({"validation_data": None}, "validation_data must be what evaluate takes: .* got None"),
    ({"validation_data": (X[:9], Y)}, "validation_data must be what evaluate takes: (?s:.*)'x' sizes: 9"),
    ({"validation_data": (X[:9, :5, 0], Y[:9])}, "model must be able to evaluate validation_data"),
    (
        {"y": Y[:9]},
        "x, y and sample_weight must be what fit takes, dense and of one length, got (?s:.*) ambiguous",
    ),
    ({"y": np.zeros((48, 3, 3))}, "model must be able to train on x, y and sample_weight"),
    ({"class_weight": [1, 2]}, "class_weight must be a dict with the weight of each class, got"),
]


@pytest.mark.parametrize("changes, message", WRONG)
def test_bad_input_is_named_before_any_training(changes, message):
    model = signals()
    before = state(model)
    arguments = {
        "model": model,
        "settings": {"a": 0.1},
        "x": X,
        "y": Y,
        "epochs": 1,
        "seeds": 1,
        **HELD,
        **changes,
    }
    with pytest.raises((TypeError, ValueError), match=message):
        lr.compare(**arguments)
    for old, new in zip(before, state(model)[: len(before)], strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_same_dataset_is_no_validation_set():
    data = batches()
    with pytest.raises(ValueError, match="validation_data must not be x, got the same data"):
        compared(signals(), {"a": 0.1}, data, validation_data=data)


class Wrapped(keras.Model):
    """Its configuration is not enough to make it again."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def test_a_model_that_cannot_be_built_again():
    model = Wrapped(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)]))
    model.compile("sgd", "mse")
    with pytest.raises(
        ValueError, match=r"reinitialise must be False where keras\.models\.clone_model cannot build"
    ):
        compared(model, {"a": 0.1}, reinitialise=True)
    assert compared(model, {"a": 0.1}).best == "a"


def test_a_schedule_does_not_go_on_in_the_middle():
    model = signals()
    model.fit(X, Y, verbose=0)
    with pytest.raises(
        ValueError, match=r"settings\['a'\] would start at step 2 of the optimizer: compile the mod"
    ):
        compared(model, {"a": keras.optimizers.schedules.CosineDecay(0.1, 9)})


class Coder(keras.Model):
    """No call(): it trains, but says nothing of held-out data, or calls its loss by another name."""

    def __init__(self, **logs):
        super().__init__()
        self.inner, self.logs = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(24)]), logs
        self.inner.build((None, 12, 2))

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.inner(data[0]) - tf.reshape(data[0], (-1, 24))) ** 2)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


class Evaluated(Coder):
    def test_step(self, data):
        loss = tf.reduce_mean((self.inner(data[0]) - tf.reshape(data[0], (-1, 24))) ** 2)
        return {name: loss for name in self.logs}


def test_a_model_without_call_needs_a_test_step_with_a_loss():
    for model, message in (
        (Coder(), "does not have a `call"),
        (Evaluated(error=0), "a dict with 'loss', got error"),
    ):
        model.compile("adam")
        with pytest.raises(ValueError, match=f"model must be able to evaluate validation_data: (?s:.*){message}"):
            compared(model, {"a": 0.1})
    model = Evaluated(loss=0)
    model.compile(keras.optimizers.Adam(0.01))
    found = compared(model, {"a": 0.01, "b": 1e-9, "as compiled": "as compiled"}, seeds=2)
    assert found.losses["a"] == found.losses["as compiled"]  # from the same weights
    assert found.best == "a"
