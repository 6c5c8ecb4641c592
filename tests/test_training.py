"""Experiments and runs: what a reader relies on when comparing two of them."""

import _thread
import dataclasses
import gc
import math
import random
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

import lr_helpers as lr
import lr_study

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
STEPS = 36  # batches of an epoch of digits


def short(optimizer, **changes):
    return lr_study.Experiment("short", optimizer, **({"epochs": 2} | changes))


def test_the_same_experiment_twice_gives_the_same_history():
    experiment = short(Adam(0.001))
    first, other, again = (
        lr_study.train(experiment),
        lr_study.train(short(Adam(0.001), seed=1)),
        lr_study.train(experiment),
    )
    assert first.history == again.history
    assert first.test_loss == again.test_loss
    assert first.history["loss"] != other.history["loss"]


def test_a_run_leaves_the_random_state_alone():
    random.seed(5)
    before = random.getstate()
    lr_study.train(short(SGD(0.1), epochs=1))
    assert random.getstate() == before


def test_other_threads_may_draw_random_numbers():
    """As those of a Dask worker do: the initial weights come from the experiment's seed alone."""
    experiment, stop = short(SGD(0.1), epochs=1), threading.Event()
    alone = lr_study.train(experiment)

    def draw():
        while not stop.is_set():
            random.random()

    other = threading.Thread(target=draw)
    other.start()
    try:
        beside = lr_study.train(experiment)
    finally:
        stop.set()
        other.join()
    assert beside.history == alone.history


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(lr.CyclicalLearningRate(0.01, 0.1, 10), momentum=0.9),
        lambda: keras.optimizers.ScheduleFreeAdamW(0.003),  # begins with a copy of the weights
    ],
    ids=["schedule", "schedule-free"],
)
def test_a_run_matches_plain_keras(make):
    """The same weights, batches and schedule through a plain, uncached `fit`."""
    lr_study.train(short(make(), epochs=1, seed=5))  # what it leaves in the compiled network must not matter
    run = lr_study.train(short(make(), epochs=2, seed=3))
    random.seed(3)
    model = lr.build_cnn()
    model.compile(make(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)  # Keras 3.15's ScheduleFreeAdamW learns nothing without it
    data = lr.load_dataset("digits")
    for epoch in range(2):
        order = np.random.default_rng([3, epoch]).permutation(len(data.x_train))
        x, y = data.x_train[order], data.y_train[order]
        loss = model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history["loss"][0]
        assert run.history["loss"][epoch] == pytest.approx(loss, rel=1e-4)
    loss, accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)
    assert run.test_loss == pytest.approx(loss, rel=1e-3)
    assert run.test_accuracy == pytest.approx(accuracy, abs=0.01)


def test_two_threads_may_train_at_once():
    """They share compiled networks: without the lock each would train the other's weights."""
    experiments = [short(SGD(0.05, momentum=0.9), seed=seed) for seed in (1, 2)]
    alone = [lr_study.train(experiment, progress=False) for experiment in experiments]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lr_study.train, experiments, [()] * 2, [False] * 2)) == alone


def test_validation_images_can_be_trained_on():
    run = lr_study.train(short(SGD(0.05), validate=False))
    assert sorted(run.history) == ["accuracy", "loss"]
    assert len(run.learning_rates) == 2 * run.experiment.steps_per_epoch == 2 * 45


class Model(keras.callbacks.Callback):
    """Holds on to the network of a run, but not so that it must stay."""

    def on_train_begin(self, logs=None):
        self.network = weakref.ref(self.model)
        self.set_model(None)


def test_networks_can_be_let_go():
    """What the process has set in Keras stays as it is."""
    callback = Model()
    first = lr_study.train(short(SGD(0.05), epochs=1), callbacks=[callback])
    gc.collect()
    assert callback.network() is not None
    mine = keras.layers.Dense(1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        lr_study.forget()
        assert callback.network() is None
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert keras.layers.Dense(1).name != mine.name  # Keras counts on
        assert lr_study.train(short(SGD(0.05), epochs=1)) == first  # in float32, as the experiment is described
    finally:
        keras.config.set_dtype_policy("float32")


def test_lenet_is_caffes():
    model = lr.build_lenet()
    assert model.count_params() == 431_080
    run = lr_study.train(short(SGD(0.01, momentum=0.9), network="lenet", epochs=1))
    assert run.test_accuracy > 0.5


def test_runs_do_not_leak_into_each_other():
    """Runs share a compiled model. Momentum, iterations and dropout of one must not reach the next."""
    alone = lr_study.train(short(SGD(0.05, momentum=0.9)))
    lr_study.train(short(SGD(0.5, momentum=0.9), seed=7))
    assert lr_study.train(short(SGD(0.05, momentum=0.9))).history == alone.history


def test_learning_rates_are_those_that_were_used():
    fixed = lr_study.train(short(SGD(0.05)))
    np.testing.assert_array_equal(fixed.learning_rates, np.full(2 * STEPS, 0.05, "float32"))
    schedule = lr.linear_decay(0.05, epochs=2, steps_per_epoch=STEPS)
    decayed = lr_study.train(short(SGD(schedule)))
    np.testing.assert_array_equal(decayed.learning_rates, lr.learning_rates(schedule, 2 * STEPS))


def test_a_callback_can_set_a_fixed_rate_by_epoch():
    callback = keras.callbacks.LearningRateScheduler(lambda epoch: [0.1, 0.02][epoch])
    run = lr_study.train(short(SGD(0.5)), callbacks=[callback])
    np.testing.assert_array_equal(run.learning_rates, np.repeat(np.float32([0.1, 0.02]), STEPS))


def test_early_stopping_ends_a_run():
    callback = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=100)
    run = lr_study.train(short(SGD(0.05), epochs=5), callbacks=[callback])
    assert run.status == "stopped"
    assert len(run.history["loss"]) == 2 and len(run.learning_rates) == 2 * STEPS
    assert math.isfinite(run.test_loss)


def test_a_loss_that_is_no_number_ends_the_run_with_what_there_is():
    run = lr_study.train(short(SGD(1e10), epochs=5))
    assert run.status == "diverged"
    assert len(run.history["loss"]) < 5
    assert STEPS <= len(run.learning_rates) < 5 * STEPS
    assert math.isnan(run.test_loss)
    assert lr_study.train(short(SGD(0.05), epochs=1)).status == "finished"


class PressStop(keras.callbacks.Callback):
    """What the stop button does: SIGINT, at the start of the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            _thread.interrupt_main()


def test_the_stop_button_returns_the_history_so_far():
    run = lr_study.train(short(SGD(0.05), epochs=4), callbacks=[PressStop()])
    assert run.status == "interrupted"
    assert len(run.history["loss"]) == 2
    assert len(run.learning_rates) >= 2 * STEPS


def test_a_bar_shows_epochs_and_losses(capsys):
    run = lr_study.train(short(SGD(0.05), epochs=2))
    shown = capsys.readouterr().out
    assert "2/2" in shown
    for name in ("loss", "val_loss"):
        assert f"{name}={run.history[name][-1]:.3g}" in shown
    lr_study.train(short(SGD(0.05), epochs=1), progress=False)
    assert capsys.readouterr().out == ""


class Page:
    """What a notebook's page shows: figures by their handles, the newest state of each."""

    def __init__(self, monkeypatch):
        self.figures = []
        monkeypatch.setattr("IPython.display.display", self.display)

    def display(self, figure, display_id, metadata):
        self.figures.append(figure)
        self.alt = metadata["image/png"]["alt"]
        return self

    def update(self, figure, metadata):
        self.figures[-1] = figure

    def curves(self, i):
        return {line.get_label(): list(line.get_ydata()) for line in self.figures[i].axes[0].lines}


def test_a_live_figure_has_the_losses_of_a_fit(monkeypatch):
    page, live = Page(monkeypatch), lr.LiveLoss()
    runs = [lr_study.train(short(SGD(rate), epochs=2), callbacks=[live]) for rate in (0.05, 0.1)]
    assert len(page.figures) == 2
    for i, run in enumerate(runs):
        assert page.curves(i) == {"loss": run.history["loss"], "validation loss": run.history["val_loss"]}
    assert page.alt == "Loss against the epoch: loss, validation loss"


def test_a_live_figure_gets_a_curve_with_every_run(monkeypatch, tmp_path):
    page, rates = Page(monkeypatch), (0.05, 1e10)  # the second diverges: its curve stays empty
    experiments = [lr_study.Experiment(f"SGD {rate:g}", SGD(rate), epochs=1) for rate in rates]
    runs = lr_study.run_all(experiments, store=tmp_path / "runs.jsonl", on_run=lr.LiveLoss().add)
    assert list(page.curves(0)) == [f"SGD {rate:g}, seed 0" for rate in rates]
    assert page.curves(0)["SGD 0.05, seed 0"] == runs[0].history["val_loss"]
    lr_study.run_all(experiments, store=tmp_path / "runs.jsonl", on_run=lr.LiveLoss().add)
    assert len(page.figures) == 1  # nothing was trained


def test_the_stop_button_ends_all_runs(monkeypatch, capsys):
    train = lr_study.train
    monkeypatch.setattr(
        lr_study, "train", lambda experiment, **options: train(experiment, [PressStop()], **options)
    )
    runs = lr_study.run_all(
        [lr_study.Experiment(f"{epochs} epochs", SGD(0.05), epochs=epochs) for epochs in (1, 4, 2)]
    )
    assert [run.status for run in runs] == ["finished", "interrupted"]
    assert "1/3" in capsys.readouterr().out


def test_defaults_are_the_articles():
    experiment = lr_study.Experiment("defaults", "adam")
    assert (experiment.dataset, experiment.epochs, experiment.batch_size, experiment.seed) == ("digits", 25, 32, 0)
    assert lr_study.Experiment("defaults", "adam", dataset="mnist").batch_size == 250
    assert experiment.optimizer == keras.optimizers.serialize(Adam(name="adam"))


def test_experiments_are_compared_by_all_their_fields():
    first = lr_study.Experiment("a", Adam(0.01))
    assert first == lr_study.Experiment("a", Adam(0.01))  # though Keras calls the second one "adam_1"
    others = [
        lr_study.Experiment("b", Adam(0.01)),
        lr_study.Experiment("a", Adam(0.02)),
        lr_study.Experiment("a", Adam(0.01), seed=1),
        lr_study.Experiment("a", Adam(lr.linear_decay(0.01, epochs=1, steps_per_epoch=3))),
    ]
    assert first not in others
    assert len({first, lr_study.Experiment("a", Adam(0.01)), *others}) == 5


def test_runs_are_compared_by_what_came_out():
    run, same = (lr_study.train(short(SGD(1e10), epochs=1), progress=False) for _ in range(2))
    assert math.isnan(run.test_loss) and run == same and run.seconds != same.seconds
    changes = {
        "experiment": short(SGD(1e10), epochs=1, seed=1),
        "history": {"loss": [1.0]},
        "test_accuracy": 0.1,
        "status": "stopped",
    }
    for name, value in changes.items():
        assert dataclasses.replace(run, **{name: value}) != run
    assert run != "run"


def test_an_experiment_keeps_no_optimizer_state():
    optimizer = SGD(0.05, momentum=0.9)
    experiment = short(optimizer)
    optimizer.learning_rate = 0.5
    assert experiment.learning_rate == pytest.approx(0.05)


class Decorative:
    pass


class Unregistered(lr.Schedule):
    def __call__(self, step):
        return 0.1

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"optimizer": "fast"}, "optimizer must be one that Keras knows, .* got 'fast'"),
        ({"optimizer": Decorative()}, "optimizer must be a name, a Keras optimizer or its configuration"),
        ({"optimizer": SGD}, "optimizer must be a name, a Keras optimizer or its configuration"),
        ({"optimizer": SGD(-0.1)}, "learning_rate of the optimizer must be positive and finite, got -0.1"),
        ({"optimizer": SGD(float("nan"))}, "learning_rate of the optimizer must be positive and finite, got nan"),
        ({"dataset": "cifar"}, "dataset must be one of digits, mnist, fashion_mnist, got 'cifar'"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"epochs": 2.0}, "epochs must be a whole number, got 2.0"),
        ({"batch_size": -1}, "batch_size must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"label": ""}, "label must be a text, got ''"),
        ({"network": "vgg"}, "network must be one of cnn, .*, lenet, got 'vgg'"),
        ({"validate": 1}, "validate must be True or False, got 1"),
        (
            {"optimizer": keras.optimizers.LossScaleOptimizer(SGD(0.1))},
            "optimizer must have its own learning rate, got LossScaleOptimizer: give the plain one",
        ),
        (
            {"optimizer": lr.WarmupSGD(0.1, warmup_steps=5)},
            "optimizer must have its own learning rate, got WarmupSGD: give the plain one, or Warmup",
        ),
        (
            {"optimizer": {"module": None, "class_name": "Gone", "config": {}, "registered_name": "gone>Gone"}},
            "a class of your own, also of a schedule, needs @keras.saving.register_keras_serializable",
        ),
        ({"optimizer": SGD(Unregistered())}, "needs @keras.saving.register_keras_serializable"),
    ],
)
def test_bad_input_is_named_before_training(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        lr_study.Experiment(**({"label": "x", "optimizer": "sgd"} | changes))


def test_train_and_run_all_name_the_wrong_argument():
    with pytest.raises(TypeError, match="experiment must be an Experiment, got 'adam'"):
        lr_study.train("adam")
    with pytest.raises(TypeError, match="progress must be True or False, got 1"):
        lr_study.train(short(SGD(0.1)), progress=1)
    with pytest.raises(TypeError, match="on_run must be a function of a run, got 'plot'"):
        lr_study.run_all([], on_run="plot")


def test_plots_take_and_return_axes():
    import matplotlib.pyplot as plt

    run = lr_study.train(short(SGD(0.05), epochs=2))
    figure, axes = plt.subplots(1, 3)
    assert lr.plot_history([run], ax=axes[0]) is axes[0]
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), run.history["val_loss"])
    assert axes[0].get_yscale() == "log"
    assert lr.plot_schedules({"fixed": 0.1}, 72, steps_per_epoch=36, ax=axes[1]) is axes[1]
    assert axes[1].lines[0].get_xdata()[-1] == 71 / 36
    points = {"SGD": {0.1: [0.2, 0.3, 0.7], 0.01: [1.0, 2.0, 3.0]}}
    assert lr.plot_sensitivity(points, ax=axes[2]) is axes[2]
    np.testing.assert_array_equal(axes[2].lines[0].get_data(), [[0.01, 0.1], [2.0, 0.3]])
    with pytest.raises(ValueError, match=r"metric must be one of .*, got 'lost'"):
        lr.plot_history([run], metric="lost")
    plt.close(figure)


@pytest.mark.mnist
@pytest.mark.slow
def test_one_epoch_of_mnist():
    run = lr_study.train(lr_study.Experiment("mnist", Adam(0.001), dataset="mnist", epochs=1))
    assert len(run.learning_rates) == 192
    assert run.test_accuracy > 0.95


def test_a_run_does_not_depend_on_the_global_seeds():
    first = lr_study.train(short(SGD(0.1), epochs=1))
    keras.utils.set_random_seed(12)
    assert lr_study.train(short(SGD(0.1), epochs=1)).history == first.history


def test_an_epoch_that_is_no_multiple_of_an_execution():
    run = lr_study.train(short(SGD(0.1), epochs=2, batch_size=20))
    assert len(run.learning_rates) == 2 * 58


def test_a_callback_that_sets_the_rate_of_a_schedule_gets_keras_own_error():
    experiment = short(SGD(lr.linear_decay(0.1, epochs=2, steps_per_epoch=STEPS)))
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        lr_study.train(experiment, callbacks=[keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=100)])


def test_a_run_on_the_first_images_of_a_smaller_network():
    few = lr_study.Experiment("few", SGD(0.1), epochs=1, network="cnn-quarter-width", examples=100)
    assert few.steps_per_epoch == 4 == len(lr_study.train(few, progress=False).learning_rates)
    with pytest.raises(ValueError, match=r"examples must be at least 1 and at most 1,149, got 1150"):
        lr_study.Experiment("too many", SGD(0.1), examples=1150)
