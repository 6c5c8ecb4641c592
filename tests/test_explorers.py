"""Explorers: what is drawn is what the words say. explorers.ipynb sets every control to odd values."""

from pathlib import Path

import explorer_checks
import keras
import numpy as np
import pytest

import explorers
import lesson
import lr_helpers as lr
import lr_study

RECORDED = Path(lr.__file__).parent / "evidence" / "runs" / "01.jsonl"


def all_explorers():
    rng = np.random.default_rng(0)
    rates = np.geomspace(1e-4, 1, 60)
    losses = 2.3 - 2 * np.exp(-((np.log10(rates) + 1.5) ** 2)) + 0.01 * rng.normal(size=(2, 60))
    test = lr.RangeTest(rates, losses, ["complete"] * 2)
    flat = lr.RangeTest(rates, np.full((1, 60), 2.3), ["complete"])
    return {
        "gradient descent": explorers.explore_gradient_descent(),
        "schedules": explorers.explore_schedules(steps_per_epoch=36, epochs=8),
        "shortest schedules": explorers.explore_schedules(steps_per_epoch=4, epochs=1),
        "range test": explorers.explore_range_test(test),
        "range test without an answer": explorers.explore_range_test(flat),
        "runs": explorers.explore_runs(lr_study.load_runs(RECORDED)),
    }


@pytest.mark.parametrize("name", list(all_explorers()))
def test_two_copies_do_not_touch_each_other(name):
    one, other = all_explorers()[name], all_explorers()[name]
    before = other._picture.value, other.message.value
    for control in one.controls.values():
        control.value = explorer_checks.odd_values(control)[0]
    assert (other._picture.value, other.message.value) == before


def test_a_picture_fits_on_the_page():
    for explorer in all_explorers().values():
        assert explorer.figure.get_figwidth() * explorers.DPI <= 1000


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"landscape": "bowl", "learning_rate": 0.1}, "Converging"),
        ({"landscape": "bowl", "learning_rate": 2.2}, "Diverging"),
        ({"landscape": "ravine", "learning_rate": 0.1}, "Oscillating"),
        ({"landscape": "ravine", "learning_rate": 0.001}, "slowly"),
        ({"landscape": "two minima", "learning_rate": 0.05, "x": -1.6}, "Stuck"),
        ({"landscape": "two minima", "learning_rate": 0.5, "x": -1.6}, "Converging"),
        ({"landscape": "bowl", "learning_rate": 0.2, "noise": 1.0}, "noise"),
    ],
)
def test_words_say_what_the_path_does(values, words):
    explorer = explorers.explore_gradient_descent()
    for name, value in values.items():
        explorer.controls[name].value = value
    assert words in explorer.message.value


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_path_is_that_of_keras(momentum):
    loss, gradient, _ = explorers.LANDSCAPES["two minima"]
    path = explorers.descend(gradient, (-1.6, 1.0), 0.05, 20, momentum)
    weights, optimizer = keras.Variable([-1.6, 1.0]), keras.optimizers.SGD(0.05, momentum=momentum)
    for _ in range(20):
        optimizer.apply([keras.ops.convert_to_tensor(gradient(*weights.numpy()), "float32")], [weights])
    np.testing.assert_allclose(path[-1], weights.numpy(), rtol=1e-4)
    for x, y in [(-1.0, 0.3), (0.4, -1.0), (1.3, 0.0)]:
        slopes = [loss(x + 1e-5, y) - loss(x - 1e-5, y), loss(x, y + 1e-5) - loss(x, y - 1e-5)]
        np.testing.assert_allclose(gradient(x, y), np.array(slopes) / 2e-5, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("policy", explorers.POLICIES)
@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("kind", list(explorers.SCHEDULES))
def test_the_call_makes_the_curve(kind, warmup, policy):
    """What can be copied from the explorer is what it has drawn."""
    values = {"rate": 0.123456, "min_lr": 0.01, "drop": 0.3, "every": 3, "decay": 0.7, "half": 2}
    call, rates = explorers.schedule_call(kind, 7, 8, **values, policy=policy, warmup=warmup, stable=3)
    made = eval(call, {"lr": lr, "keras": keras})
    np.testing.assert_allclose(lr.learning_rates(made, len(rates)), rates, rtol=1e-4, atol=1e-8)


def test_values_that_do_not_go_together_are_explained():
    explorer = explorers.explore_schedules(steps_per_epoch=10, epochs=4)
    explorer.controls["a_min_lr"].value = 1.0
    assert "min_lr must be below" in explorer.message.value
    assert len(explorer.figure.axes[0].lines[0].get_xdata()) == 0
    explorer.controls["a_schedule"].value = "WarmupStableDecay"
    explorer.controls["a_warmup"].value = 4
    assert "for the decay" in explorer.message.value
    explorer.controls["a_schedule"].value = "CosineDecay"
    assert "warm-up must be shorter" in explorer.message.value
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        explorers.explore_schedules(epochs=0)
    with pytest.raises(TypeError, match="steps_per_epoch must be a whole number"):
        explorers.explore_schedules(steps_per_epoch=1.5)
    with pytest.raises(ValueError, match="runs must hold at least one run"):
        explorers.explore_runs([])


def test_the_handles_are_the_cycle():
    explorer = all_explorers()["range test"]
    handles = explorer.controls["bounds"]
    rates = [value for _, value in handles.options]
    handles.value = (rates[10], rates[20])
    cycle = explorer.figure.axes[1].lines[0]
    np.testing.assert_allclose(cycle.get_ydata(), [rates[i] for i in (10, 20, 10, 20, 10)])
    assert f"lr.CyclicalLearningRate({rates[10]:.2g}, {rates[20]:.2g}, step_size)" in explorer.message.value
    handles.value = (rates[20], rates[20])
    assert "min_lr must be below max_lr" in explorer.message.value


def test_runs_are_chosen_by_optimizer_and_rate():
    explorer = all_explorers()["runs"]
    explorer.controls["optimizer"].value = "Adam"
    explorer.controls["rate"].value = "0.001"
    runs = [run for run in lr_study.load_runs(RECORDED) if run.label == "Adam 0.001"]
    drawn = [list(line.get_ydata()) for line in explorer.figure.axes[0].lines]
    assert drawn == [run.history["val_loss"] for run in runs]
    assert lesson.spread([run.test_loss for run in runs]) in explorer.message.value
    explorer.controls["optimizer"].value = "SGD"
    explorer.controls["rate"].value = "1e-07"
    assert "No run has this combination" in explorer.message.value
