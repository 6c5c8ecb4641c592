"""Every optimizer that the series uses against its publication, written out in NumPy and double precision.

Each function below is a publication. Where Keras differs, its docstring says so, and an argument leads there. The
problem has two scalar weights, so that what happens once a step and what happens once a weight are told apart.
"""

import itertools
import json
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import lr_helpers as lr
import lr_study

ROOT = pathlib.Path(__file__).parent.parent
optimizers = keras.optimizers

STEPS = 40
START = np.array([1.0, -2.0])
CURVATURE = np.array([[2.0, 0.5], [0.5, 0.3]])
TARGETS = np.random.default_rng(0).normal(size=(STEPS, 2))  # the noise of a batch
GRADIENTS = [lambda w, target=target: CURVATURE @ w - target for target in TARGETS]
CLOSE = {"rtol": 0, "atol": 2e-5}


def path(optimizer):
    """The weights after each step of a Keras optimizer, in a compiled graph."""
    weights = [keras.Variable(value, dtype="float32") for value in START]
    curvature = CURVATURE.astype("float32")

    @tf.function
    def step(target):
        gradient = tf.linalg.matvec(curvature, tf.stack([weight.value for weight in weights])) - target
        optimizer.apply(tf.unstack(gradient), weights)

    optimizer.build(weights)
    seen = []
    for target in TARGETS.astype("float32"):
        step(tf.constant(target))
        seen.append([float(weight) for weight in weights])
    return np.array(seen)


def sgd(rate):
    """Robbins and Monro (1951). Keras's has no difference."""
    w = START
    for gradient in GRADIENTS:
        w = w - rate * gradient(w)
        yield w


def momentum(rate, mu):
    """Polyak (1964), as Sutskever and others (2013), equations 1 and 2. Keras's has no difference."""
    w, v = START, 0
    for gradient in GRADIENTS:
        v = mu * v - rate * gradient(w)
        w = w + v
        yield w


def nesterov(rate, mu, ahead):
    """Sutskever and others (2013), equations 3 and 4: the gradient at w + mu·v.

    Keras (ahead=1) keeps w + mu·v in the model, where the next gradient is taken (Bengio and others, 2012): the
    same path, but what it evaluates and saves is the point ahead.
    """
    w, v = START, 0
    for gradient in GRADIENTS:
        v = mu * v - rate * gradient(w + mu * v)
        w = w + v
        yield w + ahead * mu * v


def adagrad(rate, delta, initial, epsilon):
    """Duchi and others (2011), figure 1, diagonal: the root of the summed squares, plus delta.

    Keras begins the sum at 0.1, and its epsilon stands inside the root.
    """
    w, total = START, initial
    for gradient in GRADIENTS:
        g = gradient(w)
        total = total + g**2
        w = w - rate * g / (delta + np.sqrt(total + epsilon))
        yield w


def rmsprop(rate, rho, epsilon):
    """Tieleman and Hinton (2012), Coursera, lecture 6e: unpublished, slides without an epsilon or a start.

    Keras's epsilon stands inside the root, its mean begins at 0 and is not corrected for that.
    """
    w, mean = START, 0
    for gradient in GRADIENTS:
        g = gradient(w)
        mean = rho * mean + (1 - rho) * g**2
        w = w - rate * g / np.sqrt(mean + epsilon)
        yield w


def adadelta(rate, rho, epsilon):
    """Zeiler (2012), algorithm 1, which has no rate: 1.

    Keras multiplies the step by a rate, 0.001 if none is given, but averages the step before that.
    """
    w, squares, steps = START, 0, 0
    for gradient in GRADIENTS:
        g = gradient(w)
        squares = rho * squares + (1 - rho) * g**2
        step = -np.sqrt(steps + epsilon) / np.sqrt(squares + epsilon) * g
        steps = rho * steps + (1 - rho) * step**2
        w = w + rate * step
        yield w


def adam(rate, epsilon, epsilon_hat, decay=0.0, beta_1=0.9, beta_2=0.999):
    """Kingma and Ba (2015), algorithm 1; with decay AdamW, Loshchilov and Hutter (2019), algorithm 2.

    Keras has the order of the end of their section 2: its epsilon is added to the root before the bias correction
    (epsilon_hat). AdamW: the publication subtracts η·decay·w, where η is the schedule's factor, 1 at first; Keras
    multiplies by the whole rate, so its decay is the publication's divided by the rate.
    """
    w, m, v = START, 0, 0
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient(w)
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        m_hat, root = m / (1 - beta_1**t), (np.sqrt(v) + epsilon_hat) / np.sqrt(1 - beta_2**t)
        w = w - rate * m_hat / (root + epsilon) - decay * w
        yield w


def amsgrad(rate, epsilon, corrected, beta_1=0.9, beta_2=0.999):
    """Reddi and others (2018), algorithm 2: the largest v so far, no bias correction and no epsilon.

    Keras keeps Adam's corrections, of a maximum that is taken before them, and an epsilon.
    """
    w, m, v, largest = START, 0, 0, 0
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient(w)
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        largest = np.maximum(largest, v)
        factor = np.sqrt(1 - beta_2**t) / (1 - beta_1**t) if corrected else 1
        w = w - rate * factor * m / (np.sqrt(largest) + epsilon)
        yield w


def adamax(rate, epsilon, beta_1=0.9, beta_2=0.999):
    """Kingma and Ba (2015), algorithm 2: no epsilon. Keras adds one to u."""
    w, m, u = START, 0, 0
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient(w)
        m, u = beta_1 * m + (1 - beta_1) * g, np.maximum(beta_2 * u, np.abs(g))
        w = w - rate / (1 - beta_1**t) * m / (u + epsilon)
        yield w


def nadam(rate, epsilon, slow, mean, mu=0.9, nu=0.999):
    """Dozat (2016), algorithm 2, with the schedule that he proposes, mu·(1 − 0.96**(t/250)/2): slow=250.

    Keras's schedule runs 250 times as fast (slow=1), so it is over after some 100 steps; and it reaches the bias
    correction and the look ahead, but not the mean of gradients (mean="fixed").
    """
    w, m, n, product = START, 0, 0, 1
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient(w)
        now, then = (mu * (1 - 0.5 * 0.96 ** (i / slow)) for i in (t, t + 1))
        kept = mu if mean == "fixed" else now
        product *= now
        m, n = kept * m + (1 - kept) * g, nu * n + (1 - nu) * g**2
        m_hat = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
        w = w - rate * m_hat / (np.sqrt(n / (1 - nu**t)) + epsilon)
        yield w


# Name: Keras's optimizer; the path with what Keras does; and the published one, where that is another.
# Epsilons are large enough that it matters where they stand.
CASES = {
    "SGD": (optimizers.SGD, {"learning_rate": 0.2}, sgd(0.2), None),
    "SGD, momentum": (optimizers.SGD, {"learning_rate": 0.1, "momentum": 0.9}, momentum(0.1, 0.9), None),
    "SGD, Nesterov": (
        optimizers.SGD,
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
        nesterov(0.1, 0.9, ahead=1),
        nesterov(0.1, 0.9, ahead=0),
    ),
    "Adagrad": (
        optimizers.Adagrad,
        {"learning_rate": 0.5, "epsilon": 0.05},
        adagrad(0.5, delta=0, initial=0.1, epsilon=0.05),
        adagrad(0.5, delta=0.05, initial=0, epsilon=0),
    ),
    "Adagrad, from 0": (
        optimizers.Adagrad,
        {"learning_rate": 0.5, "initial_accumulator_value": 0.0, "epsilon": 1e-12},
        adagrad(0.5, delta=0, initial=0, epsilon=0),
        None,
    ),
    "RMSprop": (
        optimizers.RMSprop,
        {"learning_rate": 0.1, "epsilon": 0.05},
        rmsprop(0.1, 0.9, epsilon=0.05),
        rmsprop(0.1, 0.9, epsilon=0),
    ),
    "Adadelta": (
        optimizers.Adadelta,
        {"learning_rate": 0.1, "epsilon": 0.01},
        adadelta(0.1, 0.95, epsilon=0.01),
        adadelta(1, 0.95, epsilon=0.01),
    ),
    "Adadelta, rate 1": (
        optimizers.Adadelta,
        {"learning_rate": 1.0, "epsilon": 0.01},
        adadelta(1, 0.95, epsilon=0.01),
        None,
    ),
    "Adam": (
        optimizers.Adam,
        {"learning_rate": 0.1, "epsilon": 0.05},
        adam(0.1, epsilon=0, epsilon_hat=0.05),
        adam(0.1, epsilon=0.05, epsilon_hat=0),
    ),
    "Adam, defaults": (optimizers.Adam, {"learning_rate": 0.1}, adam(0.1, epsilon=1e-8, epsilon_hat=0), None),
    "AdamW": (
        optimizers.AdamW,
        {"learning_rate": 0.1, "weight_decay": 0.2},
        adam(0.1, epsilon=0, epsilon_hat=1e-7, decay=0.2 * 0.1),
        adam(0.1, epsilon=1e-8, epsilon_hat=0, decay=0.2),
    ),
    "Adam, AMSGrad": (
        optimizers.Adam,
        {"learning_rate": 0.1, "amsgrad": True, "epsilon": 0.05},
        amsgrad(0.1, epsilon=0.05, corrected=True),
        amsgrad(0.1, epsilon=0, corrected=False),
    ),
    "Adamax": (
        optimizers.Adamax,
        {"learning_rate": 0.1, "epsilon": 0.05},
        adamax(0.1, epsilon=0.05),
        adamax(0.1, epsilon=0),
    ),
    "Adamax, defaults": (optimizers.Adamax, {"learning_rate": 0.1}, adamax(0.1, epsilon=0), None),
    "Nadam": (
        optimizers.Nadam,
        {"learning_rate": 0.1, "epsilon": 0.05},
        nadam(0.1, epsilon=0.05, slow=1, mean="fixed"),
        nadam(0.1, epsilon=0.05, slow=250, mean="scheduled"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_is_its_publication_but_for_the_differences_that_are_named(name):
    kind, settings, as_keras_has_it, as_published = CASES[name]
    seen = path(kind(**settings))
    np.testing.assert_allclose(seen, list(as_keras_has_it), **CLOSE)
    if as_published is not None:
        assert np.abs(seen - list(as_published)).max() > 0.01


def test_no_optimizer_of_the_series_is_left_out():
    texts = [(ROOT / "evidence" / "studies.py").read_text(encoding="utf-8")]
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    used = set(re.findall(r"\boptimizers\.([A-Z]\w+)", "\n".join(texts))) - {"Optimizer"}
    assert len(used) > 5
    assert used <= {kind.__name__ for kind, *_ in CASES.values()} | {"ScheduleFreeAdamW"}


# Schedule-free AdamW ----------------------------------------------------------------------------------


def schedule_free(rates, warmup=0, decay=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8, fused=True, at_x=()):
    """Defazio and others (2024), algorithm 1 and section 4.4: y, where the gradient is, and x, which is evaluated.

    fused=False: as the authors' code since November 2024, where the bias correction divides v and leaves γ alone.
    Without a warm-up c is then 1/t, which is what Keras's class means to be. at_x: steps after which the model
    was left at x, so that the next gradient is there.
    """
    x = z = y = START
    v = total = 0
    for t, (rate, gradient) in enumerate(zip(rates, GRADIENTS, strict=False), 1):
        g, correction = gradient(y), 1 - beta_2**t
        v = beta_2 * v + (1 - beta_2) * g**2
        gamma = rate * (np.sqrt(correction) if fused else 1) * min(1, t / max(warmup, 1))
        root = np.sqrt(v if fused else v / correction)
        z = z - gamma * g / (root + epsilon) - gamma * decay * y
        total += gamma**2
        c = gamma**2 / total if total else 0
        x = (1 - c) * x + c * z
        y = x if t in at_x else (1 - beta_1) * z + beta_1 * x
        yield x, y


def x_and_y(*arguments, **settings):
    return tuple(np.array(list(schedule_free(*arguments, **settings))).swapaxes(0, 1))


SETTINGS = {
    "plain": {},
    "beta_1 0.5": {"beta_1": 0.5},
    "beta_1 0.98": {"beta_1": 0.98},
    "beta_1 0": {"beta_1": 0.0},
    "beta_1 1": {"beta_1": 1.0},
    "warm-up": {"warmup": 15},
    "decay": {"decay": 0.5},
    "epsilon": {"epsilon": 0.05},
    "all": {"beta_1": 0.8, "beta_2": 0.95, "warmup": 10, "decay": 0.2, "epsilon": 1e-3},
}


def ours(rate=0.1, *, warmup=0, decay=0.0, **settings):
    return lr.ScheduleFreeAdamW(rate, warmup_steps=warmup, weight_decay=decay, **settings)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_schedule_free_is_as_published(settings):
    x, y = x_and_y([0.1] * STEPS, **settings)
    optimizer = ours(**settings)
    np.testing.assert_allclose(path(optimizer), y, **CLOSE)
    optimizer.set_model_to("x")
    np.testing.assert_allclose([float(w) for w in optimizer._trainable_variables], x[-1], **CLOSE)
    optimizer.set_model_to("x")  # twice is once
    optimizer.set_model_to("y")
    np.testing.assert_allclose([float(w) for w in optimizer._trainable_variables], y[-1], **CLOSE)


def test_schedule_free_settings_matter():
    ends = [path(ours(**settings))[-1] for settings in SETTINGS.values()]
    assert min(np.abs(a - b).max() for a, b in itertools.combinations(ends, 2)) > 1e-3


def test_schedule_free_follows_a_schedule_that_begins_at_zero():
    schedule = lr.WarmupStableDecay(0.1, warmup=10, stable=10, decay=20)
    y = x_and_y(lr.learning_rates(schedule, STEPS))[1]
    np.testing.assert_allclose(path(ours(schedule)), y, **CLOSE)


def keras_class(**settings):
    return optimizers.ScheduleFreeAdamW(0.1, **settings)


def test_what_keras_class_is_on_tensorflow():
    """Primal averaging, beta_1 = 1: the gradient at the mean of all z, whatever beta_1 says."""
    mean = x_and_y([0.1] * STEPS, beta_1=1.0, fused=False)[0]
    for beta_1 in (0.5, 0.9, 0.98):
        np.testing.assert_allclose(path(keras_class(beta_1=beta_1)), mean, rtol=0, atol=1e-4)


# Strict: when one of these passes, Keras has been mended, and what the series says of it has to change.
KERAS = pytest.mark.xfail(
    raises=AssertionError,
    strict=True,
    reason="Keras 3.15: momentum_old is an alias of the variable that is then changed",
)


@KERAS
@pytest.mark.parametrize("beta_1", [0.5, 0.9, 0.98])
def test_keras_class_is_the_authors_code(beta_1):
    y = x_and_y([0.1] * STEPS, beta_1=beta_1, fused=False)[1]
    np.testing.assert_allclose(path(keras_class(beta_1=beta_1)), y, rtol=0, atol=1e-3)


@KERAS
def test_keras_class_is_as_published():
    np.testing.assert_allclose(path(keras_class()), x_and_y([0.1] * STEPS)[1], rtol=0, atol=1e-3)


@pytest.mark.xfail(raises=AssertionError, strict=True, reason="Keras 3.15: built by fit, it begins at 0")
def test_keras_class_begins_at_the_weights():
    model = regression(keras_class())
    model.fit(*part(0, 1), **A_STEP)
    np.testing.assert_allclose(weights(model), START, rtol=0, atol=0.11)


@KERAS
def test_keras_class_heeds_beta_1():
    assert np.abs(path(keras_class(beta_1=0.5)) - path(keras_class(beta_1=0.98))).max() > 1e-3


# Within Keras -----------------------------------------------------------------------------------------


def regression(optimizer, **arguments):
    """A model whose loss has the gradients of the problem above: rows of x and one target for each step."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(START[:, None]))
    model = keras.Sequential([keras.layers.Input((2,)), layer])
    model.compile(optimizer, "mse", **arguments)
    return model


# For w with mean((A w − b)²): the gradient AᵀA w − Aᵀb is the problem's, with A the root of the curvature.
A = np.linalg.cholesky(CURVATURE).T
X = np.tile(A, (STEPS, 1)).astype("float32")
Y = np.concatenate([np.linalg.solve(A.T, target) for target in TARGETS]).astype("float32")[:, None]
EPOCHS, A_STEP = 4, {"batch_size": 2, "shuffle": False, "verbose": 0}
PER_EPOCH = STEPS // EPOCHS


def part(first, last):
    return X[2 * first : 2 * last], Y[2 * first : 2 * last]


def weights(model):
    return model.get_weights()[0][:, 0]


def loss_at(w):
    return np.mean((X @ w - Y[:, 0]) ** 2)


def fit(model, callbacks=(), first=0, validate=True):
    """An epoch for each quarter of the steps, in one `fit`; the validation losses."""
    batches = tf.data.Dataset.from_tensor_slices(part(first * PER_EPOCH, STEPS)).batch(2)
    history = model.fit(
        batches.repeat(),  # Keras goes on where the last epoch stopped
        steps_per_epoch=PER_EPOCH,
        epochs=EPOCHS - first,
        validation_data=(X, Y) if validate else None,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
    )
    return history.history.get("val_loss")


@pytest.mark.parametrize("steps_per_execution", [1, 5])
def test_validation_and_the_end_of_fit_are_at_x(steps_per_execution):
    x, y = x_and_y([0.1] * STEPS, warmup=5, decay=0.1)
    model = regression(ours(warmup=5, decay=0.1), steps_per_execution=steps_per_execution)
    losses = fit(model, [lr.ScheduleFreeEvaluation()])
    np.testing.assert_allclose(losses, [loss_at(w) for w in x[PER_EPOCH - 1 :: PER_EPOCH]], rtol=1e-4)
    np.testing.assert_allclose(weights(model), x[-1], **CLOSE)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(loss_at(x[-1]), rel=1e-4)
    assert np.abs(x - y)[PER_EPOCH - 1 :: PER_EPOCH].max() > 1e-2  # it matters


def test_without_the_callback_only_the_end_is_at_x():
    x, y = x_and_y([0.1] * STEPS)
    model = regression(ours())
    losses = fit(model)
    np.testing.assert_allclose(losses, [loss_at(w) for w in y[PER_EPOCH - 1 :: PER_EPOCH]], rtol=1e-4)
    np.testing.assert_allclose(weights(model), x[-1], **CLOSE)


def test_without_the_callback_another_fit_begins_at_x_and_loses_nothing_else():
    x = x_and_y([0.1] * STEPS, decay=0.1, at_x=[25])[0]
    model = regression(ours(decay=0.1))
    model.fit(*part(0, 25), **A_STEP)
    np.testing.assert_allclose(weights(model), x[24], **CLOSE)
    model.fit(*part(25, STEPS), **A_STEP)
    np.testing.assert_allclose(weights(model), x[-1], **CLOSE)
    assert np.abs(x[-1] - x_and_y([0.1] * STEPS, decay=0.1)[0][-1]).max() > 1e-4


def test_a_file_holds_x_and_training_goes_on_from_it(tmp_path):
    x = x_and_y([0.1] * STEPS, warmup=15)[0]
    model, swap = regression(ours(warmup=15)), [lr.ScheduleFreeEvaluation()]
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    fit(model, [*swap, saving], validate=False)
    again = keras.models.load_model(tmp_path / "2.keras")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    np.testing.assert_allclose(weights(again), x[2 * PER_EPOCH - 1], **CLOSE)
    losses = fit(again, swap, first=2)
    np.testing.assert_allclose(losses, [loss_at(w) for w in x[3 * PER_EPOCH - 1 :: PER_EPOCH]], rtol=1e-4)
    np.testing.assert_allclose(weights(again), x[-1], **CLOSE)


def test_predict_and_evaluate_amid_a_loop_of_ones_own():
    x = x_and_y([0.1] * STEPS)[0]
    model, swap = regression(ours()), [lr.ScheduleFreeEvaluation()]
    for step in range(10):
        model.train_on_batch(*part(step, step + 1))
    np.testing.assert_allclose(model.predict(X, verbose=0, callbacks=swap)[:, 0], X @ x[9], **CLOSE)
    model.optimizer.set_model_to("y")
    for step in range(10, 20):
        model.train_on_batch(*part(step, step + 1))
    assert model.evaluate(X, Y, verbose=0, callbacks=swap) == pytest.approx(loss_at(x[19]), rel=1e-4)


def test_what_keras_offers_works_with_it():
    """Mixed precision's wrapper, weights that are set before the first step, a model that is built by `fit`,
    weights without a gradient, sparse gradients, weights without decay."""
    x, swap = x_and_y([0.1] * STEPS)[0], [lr.ScheduleFreeEvaluation()]
    model = regression(optimizers.LossScaleOptimizer(ours(), initial_scale=2.0))
    losses = fit(model, swap)
    np.testing.assert_allclose(losses, [loss_at(w) for w in x[PER_EPOCH - 1 :: PER_EPOCH]], rtol=1e-4)

    model = regression(ours())
    model.optimizer.build(model.trainable_variables)
    model.set_weights([np.zeros((2, 1), "float32")])
    model.fit(*part(0, 1), **A_STEP)
    np.testing.assert_allclose(weights(model), 0.1 * np.sign(TARGETS[0]), **CLOSE)  # the first step of Adam

    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(ours(), "mse")
    model.fit(*part(0, 1), **A_STEP)
    np.testing.assert_allclose(weights(model), 0.1 * np.sign(TARGETS[0]), **CLOSE)

    used, unused, table = keras.Variable([1.0, 1.0]), keras.Variable([3.0]), keras.Variable([[1.0], [2.0]])
    optimizer = ours(decay=0.5)
    optimizer.exclude_from_weight_decay([used])
    optimizer.build([used, unused, table])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(used.value) + tf.reduce_sum(tf.gather(table.value, [1]))
    gradients = tape.gradient(loss, [used.value, unused.value, table.value])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply(gradients, [used, unused, table])
    optimizer.finalize_variable_values([used, unused, table])
    np.testing.assert_allclose(used, [0.9, 0.9], rtol=1e-4)
    np.testing.assert_allclose(unused, [3.0])
    gamma = 0.1 * np.sqrt(0.001)
    np.testing.assert_allclose(table, [[1 - gamma * 0.5], [2 - 0.1 - gamma * 0.5 * 2]], rtol=1e-4)


def test_runs_of_a_study_are_those_of_plain_keras():
    """Many steps an execution, a compiled model that served another run, rates from a table."""
    optimizer, swap = ours(0.003, warmup=20), lr.ScheduleFreeEvaluation()
    lr_study.train(lr_study.Experiment("other", optimizer, epochs=1, seed=5), progress=False)
    experiment = lr_study.Experiment("schedule-free", optimizer, epochs=2, seed=3)
    run = lr_study.train(experiment, progress=False)
    assert lr_study.train(experiment, progress=False).history == run.history

    data = lr.load_dataset("digits")
    orders = [np.random.default_rng([3, epoch]).permutation(1149) for epoch in range(2)]
    model = lr_study.fresh_network("cnn", 3)
    model.compile(ours(0.003, warmup=20), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch, order in enumerate(orders):
        history = model.fit(
            data.x_train[order],
            data.y_train[order],
            batch_size=32,
            shuffle=False,
            validation_data=(data.x_val, data.y_val),
            callbacks=[swap],
            verbose=0,
        ).history
        assert run.history["loss"][epoch] == pytest.approx(history["loss"][0], rel=1e-3)
        assert run.history["val_loss"][epoch] == pytest.approx(history["val_loss"][0], rel=1e-3)
    assert run.test_loss == pytest.approx(model.evaluate(data.x_test, data.y_test, verbose=0)[0], rel=1e-3)


@pytest.mark.parametrize(
    "argument, value, error",
    [
        ("beta_1", 1.1, ValueError),
        ("beta_1", -0.1, ValueError),
        ("beta_1", "0.9", TypeError),
        ("beta_2", 1.0, ValueError),
        ("beta_2", 0.0, ValueError),
        ("epsilon", 0.0, ValueError),
        ("weight_decay", -0.1, ValueError),
        ("weight_decay", None, TypeError),
        ("warmup_steps", -1, ValueError),
        ("warmup_steps", 1.5, TypeError),
        ("use_ema", True, ValueError),
    ],
)
def test_schedule_free_names_a_wrong_argument(argument, value, error):
    with pytest.raises(error, match=argument):
        lr.ScheduleFreeAdamW(**{argument: value})


def test_the_callback_wants_its_optimizer_and_the_optimizer_a_known_sequence():
    with pytest.raises(TypeError, match="ScheduleFreeAdamW"):
        regression("adam").fit(*part(0, 1), callbacks=[lr.ScheduleFreeEvaluation()], **A_STEP)
    with pytest.raises(ValueError, match="sequence"):
        ours().set_model_to("z")
