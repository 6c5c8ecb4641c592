"""How wrong finders are: the tasks, the runs, other finders' rules beside their originals, what comes of it."""

import dataclasses
import importlib.util
import itertools
import json
import math
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import lr_helpers as lr
from evidence.finders import candidates, measure, recording, results, rivals, tasks
from evidence.finders.prodigy import FIRST_D, Prodigy
from evidence.finders.recording import CHECKPOINTS, DECADE, GRID, SWEEPS, Planned
from evidence.finders.runner import BUDGETS, HOPELESS, Runner, batches
from evidence.finders.tasks import OPTIMIZERS, PAIRS, TASKS

MARKS = {"mnist-mlp": pytest.mark.mnist, "fashion-cnn": pytest.mark.fashion_mnist}


# Tasks and runs


def test_there_are_enough_tasks():
    assert len(PAIRS) >= 8
    assert len(TASKS) == 3 * len(PAIRS) >= 24
    assert len({pair.dataset for pair in PAIRS.values()}) >= 8


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in PAIRS])
def test_every_pair_trains(name):
    pair = PAIRS[name]
    data = pair.data()
    assert len(data.x_train) % pair.batch_size == 0
    assert len(data.x_val) >= 80
    runner = Runner(pair, "adamw")
    rates = np.full(10, 1e-3)
    losses = runner.sweep(0, rates)
    assert len(losses) == 10
    assert np.isfinite(losses).all()
    assert losses[0] < 4 * data.guess
    assert not np.array_equal(losses, runner.sweep(1, rates))


def test_every_optimizer_has_its_own_default_rate():
    rates = {name: float(make().learning_rate) for name, make in OPTIMIZERS.items()}
    assert rates == pytest.approx({"sgd": 0.01, "momentum": 0.01, "adamw": 0.001})


@pytest.fixture(scope="module")
def runner():
    return Runner(PAIRS["wine-mlp"], "momentum")  # it has dropout


def test_a_run_is_reproducible_and_a_short_one_is_the_beginning_of_a_long_one(runner):
    long = runner.train(3, 0.03, 100)
    assert len(long["val"]) == CHECKPOINTS.index(100) + 1
    other = runner.train(4, 0.03, 100)
    assert runner.train(3, 0.03, 100) == long != other
    short = runner.train(3, 0.03, 50)
    assert short == {name: losses[: len(short["val"])] for name, losses in long.items()}
    assert Runner(PAIRS["wine-mlp"], "momentum").train(3, 0.03, 50) == short


def test_a_diverged_run_ends_early():
    noted = Runner(PAIRS["diabetes-mlp"], "sgd").train(0, 1e6)
    assert noted == {"val": [], "train": []}


def test_a_run_is_what_fit_does():
    pair = PAIRS["digits-autoencoder"]
    data, noted = pair.data(), Runner(pair, "momentum").train(5, 0.1, 50)
    keras.utils.set_random_seed(5)
    model = pair.network()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    order = batches(pair, 5, 50)
    epochs = [order[:25], order[25:33], order[33:50]]
    for i, epoch in enumerate(epochs):
        x, y = data.x_train[epoch.ravel()], data.y_train[epoch.ravel()]
        history = model.fit(x, y, batch_size=32, shuffle=False, verbose=0).history
        assert noted["train"][i] == pytest.approx(history["loss"][0], rel=1e-5)
        assert noted["val"][i] == pytest.approx(model.evaluate(data.x_val, data.y_val, verbose=0), rel=1e-5)


@pytest.mark.parametrize("name", ["cancer-mlp", "digits-all"])
def test_a_sweep_is_a_range_test(name):
    pair, rates = PAIRS[name], np.geomspace(1e-4, 1, 60)
    data, losses = pair.data(), Runner(pair, "momentum").sweep(7, rates)
    keras.utils.set_random_seed(7)
    model = pair.network()
    model.compile(keras.optimizers.SGD(momentum=0.9), pair.loss)
    arguments = {"min_lr": 1e-4, "max_lr": 1.0, "steps": 60, "batch_size": pair.batch_size, "seed": 7}
    test = lr.range_test(model, data.x_train, data.y_train, **arguments, stop_factor=1e6, progress=False)
    assert pair.batch_size * 60 > len(data.x_train)  # more than one pass
    np.testing.assert_allclose(losses[:20], test.losses[:20], rtol=1e-4)
    np.testing.assert_allclose(losses, test.losses, rtol=0.05)  # later, rounding grows


def test_a_sweep_ends_where_it_is_hopeless():
    losses = Runner(PAIRS["diabetes-mlp"], "sgd").sweep(0, np.geomspace(1e-3, 1e3, 100))
    assert len(losses) < 100
    assert (losses[:-1] <= HOPELESS * losses[0]).all()
    assert not losses[-1] <= HOPELESS * losses[0]


def test_a_constant_guess_is_what_a_run_has_to_beat():
    wine, diabetes = PAIRS["wine-mlp"].data(), PAIRS["diabetes-mlp"].data()
    shares = np.bincount(wine.y_train) / len(wine.y_train)
    assert wine.guess == pytest.approx(-np.log(shares[wine.y_val]).mean())
    assert diabetes.guess == pytest.approx(np.mean(diabetes.y_val**2), rel=1e-5)  # the mean is 0 by construction
    losses = [0.5] * (CHECKPOINTS.index(300) + 1)
    assert recording.capped(losses, 300, 1.0) == 0.5
    assert recording.capped(losses, 1500, 1.0) == 1.0  # diverged after 300
    assert recording.capped(losses, 300, 0.5) == 0.5
    assert recording.capped([*losses[:-1], 7.0], 300, 1.0) == 1.0
    assert recording.capped([*losses[:-1], 0.995], 300, 1.0) == 1.0


# Other finders' rules


def curves():
    """Raw losses of sweeps: falling and rising again, flat, noisy, with an explosion or without."""
    random = np.random.default_rng(0)
    for i in range(40):
        place = np.linspace(-4, 4, 100)
        best, width = random.uniform(-2, 4), random.uniform(0.3, 2)
        losses = 2.3 - random.uniform(0, 2) / (1 + np.exp(-(place - best) / width))
        losses += random.uniform(0, 0.3) * random.normal(size=100)
        if i % 4:
            losses += np.exp(np.minimum((place - best - 2) * random.uniform(2, 20), 80))
        bad = ~(losses <= HOPELESS * losses[0])
        losses = losses[: bad.argmax() + 1] if bad.any() else losses
        if i % 8 == 7:
            losses = np.append(losses[: random.integers(2, len(losses))], np.nan)[:100]
        yield np.maximum(losses, 0.01)


def fastai_noted(rates, losses):
    """fastai's Recorder and LRFinder in the words of their own loop; lr_find's slice and its search for a NaN."""
    value, best, lrs, noted = 0.0, float("inf"), [], []
    feed = list(losses) + [float("nan")] * (100 - len(losses))
    for count, (rate, loss) in enumerate(zip(rates, feed, strict=True), 1):
        value = loss + 0.98 * (value - loss)  # torch.lerp(loss, value, 0.98)
        smooth = value / (1 - 0.98**count)
        lrs.append(rate)
        noted.append(smooth)
        if smooth < best:
            best = smooth
        if smooth > 4 * best:
            break
    lrs, noted = lrs[10:-5], noted[10:-5]
    drop = next((i for i, loss in enumerate(noted) if math.isnan(loss)), len(noted))
    return lrs[:drop], noted[:drop]


def falling(losses):
    """All longest falling subsequences, by their ends: (first end of the longest, its length)."""
    chains = []
    for i, loss in enumerate(losses):
        chains.append(1 + max((chains[j] for j in range(i) if losses[j] > loss), default=0))
    return chains.index(max(chains)), max(chains)


def fastai_answers(rates, losses):
    lrs, noted = fastai_noted(rates, losses)
    answers = dict.fromkeys(("valley", "slide", "minimum", "steep"))
    if noted:
        end, length = falling(noted)
        start = end - length if length > 1 else 0
        third = (end - start) / 3
        answers["valley"] = lrs[start + int(third) + int(third / 2)]
        answers["minimum"] = lrs[noted.index(min(noted))] / 10
    if len(noted) > 1:
        slopes = [(noted[i + 1] - noted[i]) / math.log(lrs[i + 1] / lrs[i]) for i in range(len(noted) - 1)]
        answers["steep"] = lrs[slopes.index(min(slopes))]
    if len(noted) > 15:
        slope = [noted[1] - noted[0]]
        slope += [(noted[i + 1] - noted[i - 1]) / 2 for i in range(1, len(noted) - 1)]
        slope.append(noted[-1] - noted[-2])
        right, left = -1, -16
        answer = lrs[left]
        while left >= -len(noted) and abs(slope[right] - slope[left]) > 0.005:
            answer, right, left = lrs[left], right - 1, left - 1
        answers["slide"] = answer
    return answers


def test_fastai_rules_are_its_own():
    rates = SWEEPS["fastai"]("sgd")
    assert rates[0] == 1e-7
    assert rates[-1] == pytest.approx(10 / 10**0.08)
    answered = []
    for losses in curves():
        for name, answer in fastai_answers(rates, losses).items():
            got = rivals.RIVALS[f"fastai {name}"][1](rates, losses)
            assert got == (None if answer is None else pytest.approx(answer))
            answered.append(answer is not None)
    assert 0 < answered.count(False) < len(answered) / 4


def test_fastai_valley_may_wrap_around():
    losses = np.r_[np.full(10, 2.0), np.linspace(1.0, 1.1, 85), np.full(5, 1.2)]
    rates = SWEEPS["fastai"]("sgd")
    assert rivals.fastai_valley(rates, losses) == fastai_answers(rates, losses)["valley"]


def lightning_noted(rates, losses):
    """_LRCallback: global_step is 1 when the first batch has ended."""
    average, best, noted = 0.0, 0.0, []
    for step, loss in enumerate(list(losses) + [float("nan")] * (100 - len(losses)), 1):
        average = 0.98 * average + (1 - 0.98) * loss
        smoothed = average / (1 - 0.98 ** (step + 1))
        stop = step > 1 and smoothed > 4.0 * best
        if smoothed < best or step == 1:
            best = smoothed
        noted.append(smoothed)
        if stop:
            break
    return list(rates[: len(noted)]), noted


def nonuniform_slope(losses, places):
    """Second order inside, as torch.gradient documents it, first order at the ends."""
    slope = [(losses[1] - losses[0]) / (places[1] - places[0])]
    for i in range(1, len(losses) - 1):
        left, right = places[i] - places[i - 1], places[i + 1] - places[i]
        slope.append(
            (left / right * (losses[i + 1] - losses[i]) + right / left * (losses[i] - losses[i - 1]))
            / (left + right)
        )
    return [*slope, (losses[-1] - losses[-2]) / (places[-1] - places[-2])]


def test_lightning_rules_are_its_own():
    rates = SWEEPS["lightning"]("sgd")
    assert len(rates) == 100
    assert (rates[0], rates[-1]) == (1e-8, 1.0)
    assert rates[1] / rates[0] == pytest.approx((rates[2] / rates[1]) ** 2)
    answered = 0
    for losses in curves():
        lrs, noted = lightning_noted(rates, losses)
        kept = [(rate, loss) for rate, loss in zip(lrs[10:-1], noted[10:-1], strict=True) if math.isfinite(loss)]
        if len(kept) < 2:
            assert rivals.lightning(rates, losses) is rivals.lightning_by_step(rates, losses) is None
            continue
        lrs, noted = zip(*kept, strict=True)
        by_step = nonuniform_slope(noted, range(len(noted)))
        assert rivals.lightning_by_step(rates, losses) == pytest.approx(lrs[by_step.index(min(by_step))])
        by_rate = nonuniform_slope(np.float32(noted).astype(float), np.float32(lrs).astype(float))
        # In single precision two nearly equal slopes may change places.
        got = lrs.index(pytest.approx(rivals.lightning(rates, losses)))
        assert by_rate[got] <= min(by_rate) + 0.01 * abs(min(by_rate))
        answered += 1
    assert answered > 30


def keras_noted(rates, losses, epoch):
    """`on_batch_end` of keras_lr_finder, with the running mean that Keras gives it."""
    best, lrs, noted, seen = 1e9, [], [], []
    for i, loss in enumerate(list(losses) + [float("nan")] * (100 - len(losses))):
        batch = i % epoch
        seen = [loss] if batch == 0 else [*seen, loss]
        mean = sum(seen) / len(seen)
        lrs.append(rates[i])
        noted.append(mean)
        if batch > 5 and (math.isnan(mean) or mean > best * 4):
            break
        best = min(mean, best) if mean < best else best
    return lrs, noted


def derivatives_restated(lrs, losses):
    return [0] * 20 + [(losses[i] - losses[i - 20]) / 20 for i in range(20, len(lrs))]


def derivatives_original(lrs, losses):
    """keras-lr-finder 0.1 as it is: what it would plot."""
    from types import SimpleNamespace
    from unittest import mock

    from keras_lr_finder import lr_finder

    finder, plotted = lr_finder.LRFinder(None), []
    finder.lrs, finder.losses = lrs, losses
    nothing = SimpleNamespace(plot=lambda x, y: plotted.append(y), **dict.fromkeys(("ylabel", "xlabel", "ylim")))
    for name in ("ylabel", "xlabel", "xscale", "ylim"):
        setattr(nothing, name, lambda *_: None)
    with mock.patch.object(lr_finder, "plt", nothing):
        finder.plot_loss_change(sma=20, n_skip_beginning=0, n_skip_end=-len(lrs) - 20)
    return plotted[0]


INSTALLED = importlib.util.find_spec(
    "keras_lr_finder"
)  # not among the tests' requirements: tests/benchmark.py has it


@pytest.mark.parametrize("derivatives", [derivatives_restated, *([derivatives_original] if INSTALLED else [])])
@pytest.mark.parametrize("epoch", [6, 40, 128])
def test_keras_lr_finder_is_its_own(epoch, derivatives):
    rates = SWEEPS["keras"]("sgd")
    for losses in curves():
        lrs, noted = keras_noted(rates, losses, epoch)
        changes = derivatives(lrs, noted)[20:-5] if len(lrs) > 20 else []
        expected = lrs[20:-5][int(np.argmin(changes))] if changes else None
        assert rivals.keras_lr_finder(rates, losses, epoch) == expected


def prodigy_published(gradient, x, steps):
    """prodigyopt/prodigy.py at its defaults, in NumPy."""
    first, d, d_max, r, m, v, s, seen = x.copy(), 1e-6, 1e-6, 0.0, 0 * x, 0 * x, 0 * x, []
    for _ in range(steps):
        g, rate = gradient(x), d
        r = math.sqrt(0.999) * r + (d / 1e-6) * rate * np.dot(g, first - x)
        m, v = 0.9 * m + d * 0.1 * g, 0.999 * v + d * d * 0.001 * g * g
        s = math.sqrt(0.999) * s + (d / 1e-6) * rate * g
        if (estimate := r / np.abs(s).sum()) and d == 1e-6:
            d = max(d, estimate)
        d_max = max(d_max, estimate)
        d = min(d_max, d * math.inf)
        x = x - rate * m / (np.sqrt(v) + d * 1e-8)
        seen.append(x)
    return np.array(seen), d


def test_prodigy_is_the_published_one():
    scale = np.array([1.0, 5.0, 0.3, 2.0])
    target = np.array([1.0, -2.0, 3.0, 0.5])
    near = 2.0**-12  # so small that single precision holds the first steps, of 1e-6, too
    seen, d = prodigy_published(lambda x: scale * (x - target), np.array([near, near, near, 0.0]), 200)
    variables = [keras.Variable([near, near]), keras.Variable([near, 0.0])]
    optimizer, got = Prodigy(), []
    optimizer.build(variables)
    for _ in range(200):
        x = np.concatenate([variable.numpy() for variable in variables])
        g = (scale * (x - target)).astype("float32")
        optimizer.apply([keras.ops.convert_to_tensor(g[:2]), keras.ops.convert_to_tensor(g[2:])], variables)
        got.append(np.concatenate([variable.numpy() for variable in variables]))
    np.testing.assert_allclose(got[:10], seen[:10], rtol=1e-4)
    np.testing.assert_allclose(got, seen, rtol=0, atol=0.005)
    assert float(optimizer.d) == pytest.approx(d, rel=0.01)
    assert d > 0.1 > 1e4 * FIRST_D
    assert np.abs(seen[-1] - target).max() < np.abs(seen[0] - target).max() / 2


def test_prodigy_stands_still_where_there_is_nothing_to_learn():
    variable, optimizer = keras.Variable([1.0, 2.0]), Prodigy()
    optimizer.build([variable])
    optimizer.apply([keras.ops.zeros(2)], [variable])
    np.testing.assert_array_equal(variable.numpy(), [1.0, 2.0])
    assert float(optimizer.d) == pytest.approx(FIRST_D)


# What comes of it, on made-up tasks


def made_up(name, best=-4, floor=0.1, guess=2.0, seed=0):
    """The recording of a task: losses rise by a factor of e a decade from the best rate, and all fails two decades
    above it. At 300 steps all are twice as high. The sweeps explode a decade above the best rate.
    """
    task, random = TASKS[name], np.random.default_rng(seed)
    runs = {}
    while missing := [one for one in recording.plan(task.optimizer, guess, runs) if one not in runs]:
        for what, one in missing:
            if what in SWEEPS:
                rates = SWEEPS[what](task.optimizer)
                far = np.log10(rates) - best / DECADE
                losses = guess * (0.55 - 0.45 * np.tanh(2 * far + 2)) + np.exp(np.minimum(20 * (far - 1), 50))
                losses *= np.exp(0.02 * random.normal(size=len(rates)))
                end = losses > HOPELESS * losses[0]
                runs[Planned(what, one)] = {"losses": losses[: end.argmax() + 1] if end.any() else losses}
            else:
                far = abs(what - best) / DECADE
                times = np.array([math.e * 2 if step < 300 else 2 if step < 1500 else 1 for step in CHECKPOINTS])
                losses = (
                    floor * np.exp(far) * times if what < best + 2 * DECADE else np.full(len(CHECKPOINTS), 9.0)
                )
                runs[Planned(what, one)] = {"val": losses, "train": losses}
    first = {"guess": guess, "steps_per_epoch": 40}
    return first, runs


def as_task(name, **arguments):
    return measure.Measured(TASKS[name], *made_up(name, **arguments))


def test_the_plan_has_a_decade_around_the_best_rate_and_three_seeds_there():
    for best in (-19, -4, 3, 10):
        _, runs = made_up("digits-cnn-sgd", best=best)
        rates = {what for what, _ in runs if what not in SWEEPS}
        assert rates == set(range(min(rates), max(rates) + 1)) >= set(GRID["sgd"])
        assert min(rates) <= best - DECADE <= best + DECADE <= max(rates)
        thrice = {what for what, seed in runs if what not in SWEEPS and seed == 2}
        assert thrice == {rate for rate in rates if abs(rate - best) <= DECADE}
    assert sum(what in SWEEPS for what, _ in runs) == 40


def test_a_task_that_no_rate_learns_is_refused():
    runs = {Planned(rate, 0): {"val": np.full(len(CHECKPOINTS), 2.0)} for rate in GRID["adamw"]}
    with pytest.raises(ValueError, match="must be one that some rate learns"):
        recording.plan("adamw", 2.0, runs)


def test_the_regret_is_the_loss_over_the_best_one():
    task = as_task("digits-cnn-sgd", best=-4)
    for budget in BUDGETS:
        rates = np.array([0.1, 1.0, 0.01, 10**-1.125, 10.0, 1e9, 1e-9])
        regret, failed = task.outcomes(rates, budget)
        floor = 0.2 if budget == 300 else 0.1
        lowest = min(2.0, floor * math.exp(3))
        expected = [0, 1, 1, 0.125, math.log(2 / floor), math.log(2 / floor), math.log(lowest / floor)]
        np.testing.assert_allclose(regret, expected, atol=1e-9)
        np.testing.assert_array_equal(failed[:6], [0, 0, 0, 0, 1, 1])
    third, _ = task.outcomes(np.array([0.1]), 1500, 533)
    assert third[0] == pytest.approx(math.log(2))


def test_short_runs_are_the_beginnings_of_recorded_ones():
    task = as_task("digits-cnn-sgd", best=-4)
    for seed, factor in enumerate((1.0, 1.0, 100.0)):  # with the third seed the best rate has a bad beginning
        runs = task.runs[Planned(-4, seed)]
        task.runs[Planned(-4, seed)] = {"val": runs["val"] * np.where(np.arange(len(runs["val"])) < 3, factor, 1)}
    rates = np.tile([0.01, 0.11, 1.0], (4, 1))
    np.testing.assert_allclose(task.best_of(rates, 33), [0.11, 0.11, 0.01, 0.11])
    np.testing.assert_allclose(task.best_of(rates, 300), 0.11)
    assert np.isnan(task.best_of(np.full((2, 3), np.nan), 33)).all()
    np.testing.assert_allclose(
        task.best_of(np.tile([1e-9, 1e9], (2, 1)), 33), 1e9
    )  # 9.0, and 10.9 at the other end
    runs = {"val": np.full(2, 0.01), "train": np.full(2, 0.01)}  # has diverged by step 50
    diverged = measure.Measured(
        task.task, {"guess": 2.0, "steps_per_epoch": 1}, task.runs | {Planned(-4, 0): runs}
    )
    np.testing.assert_allclose(diverged.best_of(rates[:1], 33), 0.11)
    assert diverged.best_of(rates[:1], 50) != 0.11


def test_a_recorded_sweep_is_read_as_a_range_test_is(runner):
    task = as_task("digits-cnn-sgd")
    test = task.range_test(0)
    assert test.stopped == ["loss exploded"]
    assert test.suggest("minimum") == pytest.approx(0.05, rel=1)
    rates = np.geomspace(1e-4, 100, 100)
    losses = runner.sweep(0, rates)
    runs = task.runs | {Planned("ours", 0): {"losses": losses}}
    ours = measure.Measured(TASKS["wine-mlp-momentum"], {"guess": 1.0, "steps_per_epoch": 6}, runs)
    ours.sweep = lambda kind, seed: (rates, losses)
    data = PAIRS["wine-mlp"].data()
    keras.utils.set_random_seed(0)
    model = PAIRS["wine-mlp"].network()
    model.compile(keras.optimizers.SGD(momentum=0.9), PAIRS["wine-mlp"].loss)
    arguments = {"min_lr": 1e-4, "max_lr": 100.0, "steps": 100, "batch_size": 16}
    real = lr.range_test(model, data.x_train, data.y_train, **arguments, progress=False)
    assert ours.range_test(0).stopped == real.stopped
    assert len(ours.range_test(0).losses) == len(real.losses)
    assert ours.range_test(0).suggest("valley") == pytest.approx(real.suggest("valley"), rel=1e-3)


def test_a_summary_counts_picks_without_an_answer_apart():
    outcomes = [("a", (math.log(2), 0.0))] * 6 + [("b", (math.log(3), 1.0))] * 2 + [("b", None)] * 2
    row = measure.summarized(outcomes)
    assert row.median[0] == pytest.approx(2)
    assert row.ninth[0] == pytest.approx(3)
    assert row.failed[0] == pytest.approx(0.25)
    assert row.unanswered[0] == pytest.approx(0.2)
    assert row.median[1:] == pytest.approx((2, 3))  # either data set may be drawn alone
    assert row.unanswered[1:] == pytest.approx((0, 0.5))
    nothing = measure.summarized([("a", None)])
    assert nothing.unanswered == (1, 1, 1)
    assert math.isnan(nothing.median[0])


def test_more_tasks_of_one_data_set_make_no_interval_narrower():
    random = np.random.default_rng(0)
    once = [(name, (abs(random.normal()), 0.0)) for name in "abcdefgh" for _ in range(10)]
    few, many = measure.summarized(once).median, measure.summarized(once * 5).median
    assert many[2] - many[1] == pytest.approx(few[2] - few[1], rel=0.1)


# Choosing


NAMES = [  # two data sets of each kind
    "digits-cnn-sgd",
    "wine-mlp-sgd",
    "text-gru-momentum",
    "cancer-mlp-momentum",
    "diabetes-mlp-adamw",
    "teacher-mlp-adamw",
]


def choose(came, cost, most=100, datasets="ab"):
    some = [candidates.Candidate("valley", 1, 1.0, runs=3, steps=(one - 100) // 3) for one in cost]
    came = np.array(came, float)[:, :, None, None, :]
    return candidates.choose(some, came, list(datasets), most)


def test_the_rule_that_chooses():
    good, fair, bad, none = (0.1, 0.0), (0.3, 0.0), (0.0, 0.1), (np.nan, np.nan)
    assert choose([[fair, fair], [good, good]], [100, 100]) == 1
    assert choose([[fair, fair], [good, good]], [100, 400]) == 0  # too dear
    assert choose([[fair, fair], [bad, bad]], [100, 100]) == 0  # it fails
    assert choose([[fair, fair], [good, none]], [100, 100]) == 0  # it has no answer
    assert choose([[(0.105, 0), good], [good, good]], [100, 100]) == 0  # a tie: the first
    assert choose([[(0.1, 0)] * 2, [(0.105, 0)] * 2], [400, 100], most=500) == 1  # a tie: the cheapest
    assert choose([[none, none], [bad, bad]], [100, 100]) == 1  # none is admitted: the least bad
    # Each data set counts the same: two tasks of one are no more than the one of the other.
    assert choose([[good, good, (1.0, 0)], [(0.5, 0), (0.5, 0), good]], [100, 100], datasets="aab") == 1


def test_readings_of_sweeps():
    task = as_task("digits-cnn-sgd")
    test = task.range_test(0)
    answers = sorted(answer for answer in test.suggestions().values() if answer)
    assert answers[0] <= candidates.log_median(test) <= answers[-1]
    assert 0.3 < candidates.unstable(test) < 3  # it explodes at 1
    single, three = (
        candidates.readings(task, "below instability", 1),
        candidates.readings(task, "below instability", 3),
    )
    assert three[0] == single[:3].min()
    assert candidates.readings(task, "log-median", 3)[1] == pytest.approx(
        np.median(candidates.readings(task, "log-median", 1)[1:4])
    )
    np.testing.assert_array_equal(candidates.readings(task, "default rate", 0), np.full(10, task.default))


def test_short_runs_find_the_better_rate():
    task = as_task("digits-cnn-sgd", best=-4)
    off = np.full(10, 0.01)
    plain = candidates.Candidate("default rate", 0, 1.0)
    tried = dataclasses.replace(plain, runs=3, steps=33, width=10.0)
    assert plain.cost == 0
    assert tried.cost == 99
    np.testing.assert_allclose(candidates.results(plain, task, off)[..., 0], 1.0)
    np.testing.assert_allclose(candidates.results(tried, task, off)[..., 0], 0.0, atol=1e-9)
    two = dataclasses.replace(tried, runs=2)  # the second is lower, and no better
    assert two.cost == 66
    np.testing.assert_allclose(candidates.results(two, task, off)[..., 0], 1.0)
    none = candidates.results(tried, task, np.full(10, np.nan))
    assert np.isnan(none[..., 0]).all()


def test_a_candidate_is_judged_on_the_data_set_that_it_was_not_chosen_on():
    tasks = [as_task(name, best=-4) for name in NAMES]
    some = [candidates.Candidate("valley", 1, 1.0), candidates.Candidate("valley", 1, 10.0)]
    came = np.zeros((2, 6, 2, 10, 2))
    came[0, 0, ..., 0] = 2.0  # the first is bad on digits, and else the best
    came[1, 1:, ..., 0] = 0.3  # the second is the best on digits only
    judged = candidates.judge(tasks, some, came, most=100, kinds=False)
    # Without digits the first is chosen, and judged there. Without any other the second is: its mean is lower.
    assert judged.rows[300].ninth[0] == pytest.approx(math.exp(2.0))
    assert judged.rows[300].median[0] == pytest.approx(math.exp(0.3))
    assert judged.chosen["all"].startswith("valley × 10 (without 5 of 6")
    by_kind = candidates.judge(tasks, some, came, most=100, kinds=True)
    assert set(by_kind.chosen) == set(OPTIMIZERS)
    with pytest.raises(ValueError, match="must be of two data sets or more, got digits"):
        candidates.judge(tasks[:1], some, came[:, :1], most=100, kinds=False)


# The recording


def written(folder, name, first, runs):
    """A made-up recording as a file."""
    lines = [first | {"data": "made up"}]
    for (what, seed), lists in runs.items():
        kind = "sweep" if what in SWEEPS else "rate"
        lines.append(
            {"seed": seed, kind: what} | {key: recording.as_text(losses) for key, losses in lists.items()}
        )
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_tables_of_what_is_recorded(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="must hold at least one complete task"):
        measure.load(tmp_path)
    for i, name in enumerate(NAMES):
        written(tmp_path, name, *made_up(name, best=-4 - i, seed=i))
    first, runs = made_up("digits-cnn-sgd")
    written(tmp_path, "digits-vit-sgd", first, dict(list(runs.items())[:50]))  # not complete
    prodigy = {Planned(0, seed): runs[Planned(-4, seed)] for seed in range(3)}
    written(tmp_path, "teacher-mlp-prodigy", first, prodigy)
    text = measure.table(tmp_path)
    assert "300 steps, 6 tasks on 6 data sets" in text
    assert all(text.count(method.name) >= 2 for method in [*measure.METHODS, measure.PRODIGY])
    assert len(measure.load(tmp_path)) == 6
    some = candidates.all_candidates()[::20]
    monkeypatch.setattr(candidates, "all_candidates", lambda: some)
    improved = candidates.table(tmp_path)
    assert improved.count("one for all, at most 100 steps") == 3
    assert "nan" not in improved


def test_numbers_keep_four_digits():
    assert recording.as_text([0.12346, 12.3456, 1e-7, 0.0, 123456.0, math.nan, math.inf]) == (
        ".1235 12.35 1e-07 0 1.235e+05 nan inf"
    )


@pytest.fixture
def short(monkeypatch):
    """A recording of few runs: eight rates, and two seeds of each sweep."""
    monkeypatch.setattr(recording, "GRID", {"sgd": range(-6, 2)})
    monkeypatch.setattr(recording, "SWEEP_SEEDS", range(2))
    monkeypatch.setattr(recording, "DECADE", 1)
    monkeypatch.setattr(recording, "Runner", ShortRunner)


class ShortRunner(Runner):
    def train(self, seed, rate, steps=300):
        noted = super().train(seed, rate, steps)
        return {name: [*losses, losses[-1], losses[-1]] if losses else [] for name, losses in noted.items()}


def test_a_recording_goes_on_where_it_was_stopped(short, monkeypatch, tmp_path):
    name, path = "wine-mlp-sgd", tmp_path / "wine-mlp-sgd.jsonl"
    append, left = recording.store.append, [9]

    def stopping(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        append(*arguments)

    monkeypatch.setattr(recording.store, "append", stopping)
    assert recording.record_task(name, tmp_path) is False
    before = path.read_text()
    assert before.count("\n") == 9
    torn = before[:-20]  # the last line has to be run again
    path.write_text(torn)
    left[0] = 1000
    assert recording.record_task(name, tmp_path) is True
    after = path.read_text()
    assert after.startswith(torn + "\n")
    assert before.splitlines()[-1] in after.splitlines()  # the same numbers
    first, runs = recording.read(name, tmp_path)
    assert len(runs) == after.count("\n") - 2 == len(set(after.splitlines())) - 2
    assert set(recording.plan("sgd", first["guess"], runs)) == set(runs)
    monkeypatch.setattr(recording, "Runner", None)  # nothing is left to run
    assert recording.record_task(name, tmp_path) is True
    path.write_text(after.replace(first["data"], "0" * 16))
    with pytest.raises(ValueError, match="must hold runs on data with the checksum"):
        recording.record_task(name, tmp_path)


def test_a_wrong_name_is_named():
    with pytest.raises(ValueError, match=r"task must be one of .*digits-cnn-sgd.*, got 'digits'"):
        recording.record(["digits"])
    with pytest.raises(ValueError, match="jobs must be 1 or more, got 0"):
        recording.record([], jobs=0)


def test_what_is_recorded_is_complete_and_small():
    files = list(Path(recording.RUNS).glob("*.jsonl"))
    assert sum(path.stat().st_size for path in files) < 1_500_000
    assert {path.stem for path in files} <= set(recording.FILES)
    for path in files:
        pair, optimizer = recording.FILES[path.stem]
        first, runs = recording.read(path.stem)
        assert set(recording.plan(optimizer, first["guess"], runs)) == set(runs), path.stem
        other_text = pair.data is tasks.text and sys.version_info >= (3, 13)  # see there
        if pair.name not in MARKS and not other_text:
            assert first["data"] == pair.data().checksum


# The file of results -----------------------------------------------------------------------------------


def test_the_results_are_those_of_the_recordings():
    assert results.PATH.read_text(encoding="utf-8") == results.as_text(results.computed())


def test_the_docstring_of_suggest_has_the_results():
    said = " ".join(lr.RangeTest.suggest.__doc__.split())
    found = json.loads(results.PATH.read_text(encoding="utf-8"))
    rows = {rule: found["methods"]["1500"][f"ours, {rule}"] for rule in ("valley", "minimum", "steepest")}
    rows["kept"] = found["advice"]["1500"]["three whole runs, 3.2 times apart around ours, valley"]
    assert f"{len(found['tasks'])} small tasks" in said
    for name, row in rows.items():
        middle, low, high = row["median"]
        words = said.partition(name)[2].replace("95 % interval ", "").replace("nine in ten below ", "")
        words = words.partition("failed")[0] if name == "valley" else words
        numbers = re.findall(r"\d+\.\d+", words)[:5]
        wanted = [f"{x:.2f}" for x in (middle, low, high, row["ninth"][0])] + [f"{100 * row['failed'][0]:.1f}"]
        assert numbers == wanted, name


def test_notebook_04_says_in_words_what_the_results_say():
    found = json.loads(results.PATH.read_text(encoding="utf-8"))
    methods, beside = found["methods"]["1500"], found["beside the default"]["1500"]
    rules = [f"ours, {rule}" for rule in ("valley", "minimum", "steepest")]
    whole = [f"three whole runs, 10 times apart around {guess}" for guess in ("the default", "ours, valley")]
    for what in ("median", "ninth"):
        assert all(beside[name][what][2] < 1 for name in whole)
        assert all(beside[rule][what][2] > 1 for rule in rules)  # not clearly better
    worse = [rule for rule in rules if beside[rule]["median"][1] > 1]
    assert worse == ["ours, minimum"]
    medians = [
        [found["advice"]["1500"][name]["median"][0] for name in whole],
        [methods["default rate"]["median"][0]],
    ]
    medians += [[methods[rule]["median"][0] for rule in rules]]
    assert all(max(one) < min(later) for one, later in itertools.pairwise(medians))
    for rival in ("fastai valley", "keras_lr_finder"):
        assert methods[rival]["median"][1] < methods["ours, minimum"]["median"][2]
    assert methods["Lightning"]["median"][1] > max(methods[rule]["median"][2] for rule in rules)
    failing = {
        kind: told["methods"]["default rate"]["failed"][0] for kind, told in found["optimizers"]["1500"].items()
    }
    assert failing["sgd"] == pytest.approx(2 / 14, abs=1e-3) and failing["momentum"] == failing["adamw"] == 0
    assert found["optimizers"]["1500"]["sgd"]["methods"]["ours, valley"]["failed"][0] < 0.01


def test_two_methods_are_divided_on_the_same_data_sets():
    rng = np.random.default_rng(0)
    outcomes = [(f"data {i % 5}", (float(regret), 0.0)) for i, regret in enumerate(rng.exponential(size=40))]
    doubled = [(name, (regret + np.log(2), 0.0)) for name, (regret, _) in outcomes]
    for one, other in zip(measure.resampled(doubled)[:2], measure.resampled(outcomes)[:2], strict=True):
        assert measure.with_interval(one / other) == pytest.approx((2, 2, 2))
        assert np.ptp(other) > 0.01  # the draws differ


def test_results_say_what_is_missing(tmp_path, monkeypatch):
    for i, name in enumerate(NAMES):
        written(tmp_path, name, *made_up(name, best=-4 - i, seed=i))
    some = candidates.all_candidates()[::50]
    monkeypatch.setattr(candidates, "all_candidates", lambda: some)
    problems = results.check(tmp_path / "no.json", tmp_path)
    assert any(problem.startswith("finders: text-gru-sgd is not recorded") for problem in problems)
    assert problems[-1].startswith("no.json is not what the recordings")
    found = results.computed(tmp_path)
    assert sorted(found["tasks"]) == sorted(NAMES) and "text-gru-sgd" in found["missing"]
    row = found["methods"]["300"]["ours, steepest"]
    assert row["median"][1] <= row["median"][0] <= row["median"][2]
    assert set(found["improved"]["one for all, at most 100 steps"]["rows"]) == {"300", "1500"}
