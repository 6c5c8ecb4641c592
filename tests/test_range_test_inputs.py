"""The range test on what people really have: any input, optimizer and way of running that `fit` takes."""

import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import tracemalloc

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

import lr_range_test as lr

LOSS = "sparse_categorical_crossentropy"
RATES = {"min_lr": 1e-4, "max_lr": 0.1, "progress": False}
ROOT = pathlib.Path(lr.__file__).parent
X = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def dense(optimizer="sgd", **compile_arguments):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, LOSS, metrics=["accuracy"], **compile_arguments)
    return model


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {f"{i} {variable.path}": variable.numpy().copy() for i, variable in enumerate(variables)}


def unchanged(model, before):
    after = state(model)
    assert after.keys() >= before.keys()  # metrics are made by the first step
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


def losses_by_hand(model, rates, batches, rate_of=lambda model: model.optimizer, **arguments):
    """Keras's own training step, one call a batch, with the rate set before."""
    losses = []
    for rate, batch in zip(rates, batches, strict=False):
        rate_of(model).learning_rate.assign(rate)
        model.reset_metrics()
        losses.append(model.train_on_batch(*batch, return_dict=True, **arguments)["loss"])
    return losses


def batches(size=16, passes=10):
    return [(X[i : i + size], Y[i : i + size]) for _ in range(passes) for i in range(0, 64, size)]


def dataset(size=16):
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(size)


# Inputs -----------------------------------------------------------------------------------------------


class Pieces(keras.utils.PyDataset):
    """Counts the ends of its passes, and marks each batch with its number."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.ends = 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        time.sleep(0.001)
        return X[i * 16 : i * 16 + 16], Y[i * 16 : i * 16 + 16]

    def on_epoch_end(self):
        self.ends += 1


def threads_after(seconds=5):
    """The threads there are, once those that are about to end have ended."""
    before, end = None, time.monotonic() + seconds
    while before != (before := set(threading.enumerate())) and time.monotonic() < end:
        time.sleep(0.3)
    return {thread for thread in before if not thread.name.startswith("Dummy")}  # TensorFlow's own, in its pool


@pytest.mark.parametrize("steps", [6, 8])  # a sweep that ends within a pass, and one at its end
def test_a_py_dataset_with_workers_ends_and_leaves_no_thread(steps):
    data, threads = Pieces(workers=2), threads_after()
    result = lr.range_test(dense(), data, steps=steps, repeats=2, **RATES)
    assert result.stopped == ["complete"] * 2 and result.sweeps.shape == (2, steps)
    assert data.ends >= 4  # two passes a sweep
    assert threads_after() <= threads


@pytest.mark.slow
def test_a_py_dataset_with_processes_ends():
    script = f"""
import sys; sys.path[:0] = [{str(ROOT)!r}, {str(pathlib.Path(__file__).parent)!r}]
import multiprocessing, time, test_range_test_inputs as inputs
data = inputs.Pieces(workers=2, use_multiprocessing=True)
result = inputs.lr.range_test(inputs.dense(), data, steps=6, repeats=2, **inputs.RATES)
time.sleep(1)
print(result.stopped, multiprocessing.active_children())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "['complete', 'complete'] []", run.stderr[-2000:]


def test_a_py_dataset_is_shuffled_by_the_seed_and_the_sweep_alone():
    def sweeps(seed):
        random.seed(time.time())
        return lr.range_test(dense(), Pieces(), steps=8, repeats=2, seed=seed, **RATES).sweeps

    np.testing.assert_array_equal(sweeps(1), sweeps(1))
    assert not np.array_equal(sweeps(1), sweeps(2))


def test_a_worker_that_fails_ends_the_test_and_leaves_no_thread():
    class Broken(Pieces):
        def __getitem__(self, i):
            if i == 3:
                raise OSError("the disk is gone")
            return super().__getitem__(i)

    model, threads = dense(), threads_after()
    before = state(model)
    with pytest.raises(Exception, match="the disk is gone"):
        lr.range_test(model, Broken(workers=2), steps=8, **RATES)
    unchanged(model, before)
    assert threads_after() <= threads


def two_inputs(nested):
    a, b = keras.Input((8,)), keras.Input((8,))
    both = keras.layers.Concatenate()([a, b])
    outputs = [keras.layers.Dense(3, activation="softmax")(both), keras.layers.Dense(1)(both)]
    model = keras.Model(nested(a, b), outputs)
    model.compile("sgd", [LOSS, "mse"])
    return model


NESTED = {
    "list": lambda a, b: [a, b],
    "tuple": lambda a, b: (a, b),
    "dict": lambda a, b: {"a": a, "b": b},
    "dict of lists": lambda a, b: {"a": [a], "b": [b]},
}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_nested_inputs_and_targets(nested):
    """The first loss is that of the whole data, in one batch, before any update."""
    model, x, y = two_inputs(nested), nested(X, 2 * X), [Y, X.sum(axis=1)]
    result = lr.range_test(model, x, y, steps=3, batch_size=64, **RATES)
    expected = model.evaluate(x, y, batch_size=64, verbose=0, return_dict=True)["loss"]
    assert result.losses[0] == pytest.approx(expected, rel=1e-5)


class AutoEncoder(keras.Model):
    """As Keras's example of a VAE: no call(), a training step of its own, and random numbers in it."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.decoder = encoder, keras.Sequential([keras.layers.Dense(8)])
        self.seeds = keras.random.SeedGenerator(1)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def train_step(self, data):
        with tf.GradientTape() as tape:
            code = self.encoder(data)
            code += 0.1 * keras.random.normal(tf.shape(code), seed=self.seeds)
            loss = tf.reduce_mean((self.decoder(code) - data) ** 2)
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


@pytest.mark.parametrize("eager", [True, False])
def test_a_model_without_call(eager):
    def made(built=True):
        keras.utils.set_random_seed(0)
        model = AutoEncoder(keras.Sequential([keras.layers.Dense(2)]))
        if built:
            model.encoder.build((None, 8))
            model.decoder.build((None, 2))
        model.compile("adam", run_eagerly=eager)
        return model

    model, other = made(), made()
    result = lr.range_test(model, X, steps=6, repeats=2, **RATES)
    assert np.isfinite(result.sweeps).all()
    histories = [one.fit(X, epochs=2, verbose=0, shuffle=False).history for one in (model, other)]
    assert histories[0] == histories[1]
    with pytest.raises(ValueError, match="its layers have no weights yet: build it, or fit it on one batch"):
        lr.range_test(made(built=False), X, steps=6, **RATES)


@pytest.mark.parametrize("weight", [None, np.ones(16, "float32")])
def test_generators_that_yield_weights_or_none(weight):
    generator = ((x, y, weight) for x, y in batches())
    result = lr.range_test(dense(), generator, steps=12, **RATES)
    np.testing.assert_allclose(result.losses, losses_by_hand(dense(), result.learning_rates, batches()), rtol=1e-5)


def test_each_sweep_draws_further_from_a_generator_and_its_end_ends_the_test():
    """A rate that moves nothing, and no dropout: the losses tell the batches apart."""
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", LOSS)
    rates = {"min_lr": 1e-12, "max_lr": 1e-11, "progress": False}
    one = [model.evaluate(X[i : i + 1], Y[i : i + 1], verbose=0) for i in range(64)]
    result = lr.range_test(model, iter_(batches(1, passes=1)), steps=20, repeats=5, **rates)
    assert result.stopped[0] == "complete" and result.stopped[-1] == "data ran out"
    np.testing.assert_allclose(result.sweeps[0], one[:20], rtol=1e-5)
    drawn = result.sweeps[np.isfinite(result.sweeps)]
    places = [int(np.abs(np.array(one) - loss).argmin()) for loss in drawn]
    assert places == sorted(places) and len(set(places)) == len(places)  # none twice


def iter_(things):
    yield from things


def test_an_endless_generator_needs_no_memory():
    def endless():
        while True:
            yield np.ones((16, 62_500), "float32"), np.ones(16, "float32")  # 4 MB

    model = keras.Sequential([keras.layers.Input((62_500,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    tracemalloc.start()
    lr.range_test(model, endless(), steps=60, repeats=2, min_lr=1e-9, max_lr=1e-8, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # of 480 MB


def test_tf_data_in_several_sweeps():
    result = lr.range_test(dense(), dataset(), steps=10, repeats=2, **RATES)
    expected = losses_by_hand(dense(), result.learning_rates, batches())
    np.testing.assert_allclose(result.sweeps[0], expected, rtol=1e-5)
    assert np.isfinite(result.sweeps).all()


def test_arrays_are_shuffled_by_seed_and_sweep_alone():
    def sweeps(seed, repeats=2):
        keras.utils.set_random_seed(int(time.time()))  # dropout has its own seeds: those of the model
        model = keras.models.clone_model(plain)
        model.set_weights(plain.get_weights())
        model.compile("sgd", LOSS)
        return lr.range_test(model, X, Y, steps=8, repeats=repeats, seed=seed, batch_size=16, **RATES).sweeps

    plain = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(3, activation="softmax")])
    first = sweeps(1)
    np.testing.assert_array_equal(sweeps(1, repeats=1)[0], first[0])
    assert not np.allclose(first[0], first[1]) and not np.allclose(sweeps(2), first)


CLASS_WEIGHT = {0: 0.1, 1: 1.0, 2: 5.0}


@pytest.mark.parametrize("x, y", [(X, Y), (dataset(64), None)], ids=["arrays", "tf.data"])
def test_class_weight(x, y):
    model = dense()
    result = lr.range_test(model, x, y, steps=2, batch_size=64, class_weight=CLASS_WEIGHT, **RATES)
    weights = np.array([CLASS_WEIGHT[label] for label in Y])
    expected = losses_by_hand(dense(), result.learning_rates, [(X, Y, weights)])
    assert result.losses[0] == pytest.approx(expected[0], rel=0.1)  # dropout meets another order of the images
    assert result.losses[0] != pytest.approx(losses_by_hand(dense(), [1e-4], [(X, Y)])[0], rel=0.2)


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"x": tf.sparse.from_dense(X)},
            "x, y and sample_weight must be what fit takes, dense and of one length, got (?s:.*)'SparseTensor'",
        ),
        (
            {"x": tf.RaggedTensor.from_tensor(X)},
            "x, y and sample_weight must be what fit takes, dense and of one length, got (?s:.*)'RaggedTensor'",
        ),
        (
            {"x": scipy.sparse.csr_array(X)},
            "x, y and sample_weight must be what fit takes, dense and of one length, got (?s:.*)'SparseTensor'",
        ),
        (
            {"y": Y.tolist()},
            "must be what fit takes, dense and of one length, got (?s:.*): Unrecognized data type",
        ),
        ({"class_weight": [1, 2]}, "class_weight must be a dict with the weight of each class, got"),
        ({"class_weight": CLASS_WEIGHT, "sample_weight": np.ones(64)}, "`class_weight` and `sample_weight`"),
        ({"y": None, "class_weight": CLASS_WEIGHT}, "y must be given where sample_weight or class_weight is"),
        ({"x": dataset()}, "x, y and sample_weight must be what fit takes, (?s:.*)`y` should not be passed"),
        ({"x": iter_([]), "y": None}, "must yield at least one batch"),
        ({"x": [], "y": Y}, "model must be able to train on x, y and sample_weight"),
        ({"optimizer": 1}, "optimizer must be at least 0 and at most 0, got 1"),
    ],
)
def test_input_that_is_refused_before_training(changes, message):
    model = dense()
    before = state(model)
    arguments = {"x": X, "y": Y, "steps": 4, **RATES, **changes}
    with pytest.raises((TypeError, ValueError), match=message):
        lr.range_test(model, arguments.pop("x"), arguments.pop("y"), **arguments)
    unchanged(model, before)


# Optimizers -------------------------------------------------------------------------------------------


def multi(first, second, **arguments):
    """The first layer has the first optimizer, the last the second."""

    def chosen(variable):
        return first if "first" in variable.path else second

    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [layers.Input((8,)), layers.Dense(8, name="first"), layers.Dense(3, activation="softmax", name="last")]
    )
    model.compile(keras.optimizers.MultiOptimizer(chosen), LOSS, **arguments)
    return model


@pytest.mark.parametrize("optimizer, shares", [(None, (0.1, 1)), (0, (1, None)), (1, (None, 1))])
def test_a_multi_optimizer_keeps_its_ratios_or_sweeps_one(optimizer, shares):
    def rates():
        return keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.1, momentum=0.9)

    model = multi(*rates())
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    result = lr.range_test(model, dataset(), steps=12, optimizer=optimizer, repeats=2, **RATES)
    unchanged(model, before)
    assert [float(one.learning_rate) for one in model.optimizer.optimizers] == pytest.approx([0.01, 0.1])
    other, losses = multi(*rates()), []
    other.optimizer.build(other.trainable_variables)
    for rate, batch in zip(result.learning_rates, batches(), strict=False):
        for one, share in zip(other.optimizer.optimizers, shares, strict=True):
            if share:
                one.learning_rate.assign(rate * share)
        other.reset_metrics()
        losses.append(other.train_on_batch(*batch))
    np.testing.assert_allclose(result.sweeps[0], losses, rtol=1e-4)


def test_inner_rates_that_are_schedules_count_with_their_present_value():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.4, 10, 0.5)
    model = multi(keras.optimizers.SGD(schedule), keras.optimizers.SGD(0.1))
    constant = multi(keras.optimizers.SGD(0.4), keras.optimizers.SGD(0.1))
    arguments = {"steps": 12, **RATES}
    result = lr.range_test(model, dataset(), **arguments)
    np.testing.assert_allclose(result.losses, lr.range_test(constant, dataset(), **arguments).losses, rtol=1e-5)
    assert model.optimizer.optimizers[0]._learning_rate is schedule
    zero = keras.optimizers.schedules.PolynomialDecay(0.0, 10, 0.1)
    with pytest.raises(ValueError, match="optimizer must be the number of one: all inner optimizers have"):
        lr.range_test(multi(keras.optimizers.SGD(zero), keras.optimizers.SGD(zero)), dataset(), **arguments)
    with pytest.raises(ValueError, match="optimizer must be at least 0 and at most 1, got 2"):
        lr.range_test(model, dataset(), optimizer=2, **arguments)


def test_a_model_with_a_second_optimizer_is_refused():
    class Gan(keras.Model):
        def compile(self, d_optimizer, g_optimizer):
            super().compile()
            self.d_optimizer, self.optimizers = d_optimizer, [g_optimizer]

    model = Gan()
    model.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"model must train with one optimizer, but has d_optimizer, too"):
        lr.range_test(model, X, steps=4, **RATES)


WAYS = {
    "weight decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "moving average": lambda: keras.optimizers.SGD(
        0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3
    ),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
}


@pytest.mark.parametrize("jit_compile, run_eagerly", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("way", WAYS)
def test_it_trains_as_fit_does_and_leaves_no_trace(way, jit_compile, run_eagerly):
    how = {"jit_compile": jit_compile, "run_eagerly": run_eagerly}
    model, other = (dense(WAYS[way](), **how) for _ in range(2))
    result = lr.range_test(model, dataset(), steps=10, repeats=2, **RATES)
    np.testing.assert_allclose(
        result.sweeps[0], losses_by_hand(other, result.learning_rates, batches()), rtol=1e-4, atol=1e-6
    )
    histories = [one.fit(dataset(), epochs=2, verbose=0).history for one in (model, dense(WAYS[way](), **how))]
    assert histories[0] == histories[1]


def test_jit_compile_is_taken_from_the_model(monkeypatch):
    wanted, function = [], tf.function
    monkeypatch.setattr(
        tf, "function", lambda *a, **k: (wanted.append(k.get("jit_compile")), function(*a, **k))[1]
    )
    for jit_compile in (True, False):
        lr.range_test(dense(jit_compile=jit_compile), X, Y, steps=3, **RATES)
    assert wanted.count(True) == 2  # the step that trains and the one that evaluates


def test_losses_below_zero_do_not_end_a_sweep():
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(1)])
    model.compile("sgd", lambda y, prediction: (prediction - y) ** 2 - 100)
    result = lr.range_test(model, X, X[:, :1], steps=60, min_lr=1e-4, max_lr=0.05, progress=False)
    assert result.stopped == ["complete"]


STRATEGY = f"""
import sys; sys.path[:0] = [{str(ROOT)!r}, {str(pathlib.Path(__file__).parent)!r}]
import tensorflow as tf
config = tf.config
config.set_logical_device_configuration(
    config.list_physical_devices("CPU")[0], [config.LogicalDeviceConfiguration()] * 2
)
import numpy as np
import test_range_test_inputs as inputs
keras, lr = inputs.keras, inputs.lr
schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)


def made(optimizer, dropout=False):
    keras.utils.set_random_seed(0)
    a = keras.Input((8,))
    outputs = [keras.layers.Dense(3, activation="softmax")(a), keras.layers.Dense(1)(a)]
    model = keras.Model(a, outputs)
    model.compile(optimizer, [inputs.LOSS, "mse"], metrics=[["accuracy"], []])
    return model


targets = (inputs.Y, inputs.X.sum(axis=1))
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for optimizer in (lambda: keras.optimizers.Adam(0.01), lambda: keras.optimizers.SGD(schedule)):
    for x, y in ((inputs.X, targets), (tf.data.Dataset.from_tensor_slices((inputs.X, targets)).batch(16), None)):
        with strategy.scope():
            model = made(optimizer())
            model.optimizer.build(model.trainable_variables)
        before = inputs.state(model)
        arguments = {{"steps": 10, "repeats": 2, "batch_size": 16, **inputs.RATES}}
        shared = lr.range_test(model, x, y, **arguments)
        for name, value in inputs.state(model).items():
            np.testing.assert_array_equal(value, before.get(name, 0), err_msg=name)
        alone = lr.range_test(made(optimizer()), x, y, **arguments)
        np.testing.assert_allclose(shared.sweeps, alone.sweeps, rtol=1e-4)
print("as alone")
"""


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one():
    run = subprocess.run([sys.executable, "-c", STRATEGY], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip().endswith("as alone"), run.stderr[-3000:]


def test_another_backend_is_refused_at_import():
    """Keras cannot be imported on another one here, so it says that it was."""
    script = "import keras; keras.config.backend = lambda: 'torch'; import lr_range_test"
    command, environment = [sys.executable, "-c", script], os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    expected = "ImportError: lr_range_test needs KERAS_BACKEND=tensorflow, set before Keras is imported, got torch"
    assert run.returncode == 1 and run.stderr.splitlines()[-1].startswith(expected), run.stderr
