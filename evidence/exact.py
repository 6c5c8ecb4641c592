"""Statements that are computed, not sampled: one function each, and what it computed in words."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import lr_helpers as lr
import lr_study

from . import published, studies

EPOCHS = 25  # the article's
INITIAL = 0.001  # and its initial rate


@dataclasses.dataclass(frozen=True)
class Computed:
    """Whether a statement holds, or None where that depends on the case, and what was computed."""

    holds: bool | None
    measured: str


def percent(share: float, digits: int = 0) -> str:
    """A share as people write it: 5 %."""
    return f"{100 * share:.{digits}f} %"


# The article's functions -------------------------------------------------------------------------------


def article_linear(initial: float, epochs: int) -> list[float]:
    """The rates of the article's linear_decay, which Keras calls once an epoch."""
    rates, rate = [], initial
    for _ in range(epochs):
        rate = rate - 0.00001
        rates.append(max(rate, 0))
    return rates


def article_step(initial: float, epochs: int) -> list[float]:
    """The rates of the article's step_decay."""
    return [initial * math.pow(0.5, math.floor((1 + epoch) / 15)) for epoch in range(epochs)]


def article_time(initial: float, epochs: int) -> list[float]:
    """The rates of the article's time_decay, which compounds."""
    rates, rate = [], initial
    for epoch in range(epochs):
        rate *= 1 / (1 + 0.0000015 * epoch)
        rates.append(rate)
    return rates


LONG = 2500  # epochs in which the article's time decay falls to a hundredth


def falls(rates: Sequence[float]) -> np.ndarray:
    """By how much the rate falls in each epoch."""
    return -np.diff(rates)


def roughness(rates: Sequence[float]) -> float:
    """The largest change of the fall from one point to the next, over the largest fall; 0 is smooth."""
    down = falls(rates)
    return float(np.abs(np.diff(down)).max() / down.max())


# Fixed rates -------------------------------------------------------------------------------------------


def defaults_are_small() -> Computed:
    """The default rates of all of Keras's optimizers: is the largest at most 0.01?"""
    kinds = {kind for kind in vars(keras.optimizers).values() if isinstance(kind, type)}
    base, wrappers = keras.optimizers.Optimizer, ("LossScaleOptimizer", "MultiOptimizer")
    named = {
        kind for kind in kinds if issubclass(kind, base) and kind is not base and kind.__name__ not in wrappers
    }
    rates = {kind.__name__: float(kind().learning_rate) for kind in named}
    name = max(rates, key=lambda kind: (rates[kind], kind))
    return Computed(
        rates[name] <= 0.01,
        f"of the {len(rates)} optimizers of Keras, {name} has the largest default rate, {rates[name]:g}; the "
        f"smallest is {min(rates.values()):g}",
    )


def _default(kind: Callable[[], keras.optimizers.Optimizer]) -> float:
    return float(f"{float(kind().learning_rate):.6g}")


def baseline_is_sgd_default() -> Computed:
    """The default rate of Keras's SGD: is it the baseline's 0.001?"""
    rate = _default(keras.optimizers.SGD)
    return Computed(rate == INITIAL, f"SGD's default is {rate:g}; the baseline's {INITIAL:g} is that of Adam")


def adam_default() -> Computed:
    """The default rate of Keras's Adam: is it 0.001?"""
    rate = _default(keras.optimizers.Adam)
    return Computed(rate == INITIAL, f"Adam's default is {rate:g}")


def _step(optimizer: keras.optimizers.Optimizer, gradient: float) -> float:
    """The first update that an optimizer makes of a weight that is 0."""
    weight = keras.Variable(0.0)
    optimizer.apply([tf.constant(gradient)], [weight])
    return float(weight)


def adam_step_is_half_the_gradient() -> Computed:
    """Adam's first step at a rate of 0.5, for small and large gradients: is it half of them? Beside it, SGD's."""
    gradients = [0.01, 1.0, 100.0]
    adam = [-_step(keras.optimizers.Adam(0.5), gradient) for gradient in gradients]
    sgd = [-_step(keras.optimizers.SGD(0.5), gradient) for gradient in gradients]
    lengths = [", ".join(f"{length:.3g}" for length in row) for row in (gradients, adam, sgd)]
    return Computed(
        np.allclose(adam, np.array(gradients) / 2, rtol=0.01),
        f"gradients of {lengths[0]}: the first step at 0.5 is {lengths[1]} with Adam, {lengths[2]} with SGD",
    )


def adam_steps_are_alike() -> Computed:
    """Adam's first step for small and large gradients: is it the same?"""
    gradients = (0.01, 1.0, 100.0)
    steps = [-_step(keras.optimizers.Adam(INITIAL), gradient) for gradient in gradients]
    text = ", ".join(
        f"{step:.6f} for a gradient of {gradient:g}" for step, gradient in zip(steps, gradients, strict=True)
    )
    return Computed(bool(np.allclose(steps, steps[0], rtol=0.01)), f"at a rate of {INITIAL:g} it is {text}")


def steps_follow_the_rate() -> Computed:
    """The first step for a gradient of 1 at the baseline's rate, over that at a hundredth of it: is it 100?"""
    kinds = (keras.optimizers.SGD, keras.optimizers.Adam)
    ratios = [_step(kind(INITIAL), 1.0) / _step(kind(INITIAL / 100), 1.0) for kind in kinds]
    text = " and ".join(
        f"{ratio:.0f} times as long with {kind.__name__}" for ratio, kind in zip(ratios, kinds, strict=True)
    )
    return Computed(bool(np.allclose(ratios, 100, rtol=0.01)), f"at 0.001 the first step is {text}")


def images_are_black_or_white() -> Computed:
    """The values that a pixel of a byte can have after the division by 255: are they two?"""
    values = np.unique(np.arange(256, dtype="float32") / 255)
    return Computed(
        len(values) == 2,
        f"a pixel has {len(values)} greys before and after; the division moves them from 0…255 to 0…1",
    )


def _descend(curvature: float, rate: float, steps: int) -> float:
    """Gradient descent on curvature/2·x² from 1: the distance that is left."""
    return abs((1 - rate * curvature) ** steps)


def tiny_rates_stand_still() -> Computed:
    """A weight of 1 less a rate times a gradient of 1, in float32: from which rate down is it still 1?"""
    one = np.float32(1)
    still = [rate for rate in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9) if one - np.float32(rate) * one == one]
    found = f"from {max(still):.8f} down it stays exactly 1" if still else "it moves at every rate that was tried"
    return Computed(bool(still), f"of rates in steps of ten from 0.00001 to 0.000000001, {found}")


def critical_rate_of_a_parabola() -> Computed:
    """Gradient descent on a parabola of curvature λ, 1 % below and above 2/λ: does it converge, and diverge?"""
    ends = {
        (curvature, factor): _descend(curvature, factor * 2 / curvature, 2000)
        for curvature in (0.1, 1.0, 100.0)
        for factor in (0.99, 1.01)
    }
    right = all((distance < 1e-6) == (factor < 1) for (_, factor), distance in ends.items())
    return Computed(right, "for λ of 0.1, 1 and 100 the distance vanishes at 0.99·2/λ, and explodes at 1.01·2/λ")


def adam_travel_is_bounded() -> Computed:
    """The furthest weight of the article's network after an epoch of digits, over steps × rate: 1.5 at most?

    A small rate and the default. What each step may be is another matter: a gradient after many zeros moves a
    weight by up to 0.1/√0.001 = 3.2 rates.
    """
    data, worst = lr.load_dataset("digits"), 0.0
    for rate in (1e-5, INITIAL):
        model = lr_study.fresh_network("cnn", 0)
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        before = model.get_weights()
        model.fit(data.x_train, data.y_train, batch_size=32, verbose=0, shuffle=False)
        steps = data.steps_per_epoch(32)
        gone = max(np.abs(new - old).max() for new, old in zip(model.get_weights(), before, strict=True))
        worst = max(worst, float(gone) / steps / rate)
    return Computed(
        worst <= 1.5, f"in the 36 steps of an epoch of digits the furthest weight went {worst:.1f} × steps × rate"
    )


# Decay -------------------------------------------------------------------------------------------------


def linear_reaches_zero() -> Computed:
    """The article's linear_decay: equal steps, down to 0?"""
    rates = np.array([INITIAL, *article_linear(INITIAL, 110)])
    moving = falls(rates[rates > 1e-12])
    equal = bool(np.allclose(moving, 0.00001, rtol=1e-6))
    zero = int(np.argmax(rates <= 1e-12))
    return Computed(
        equal and zero > 0, f"from {INITIAL:g} it falls by 0.00001 an epoch, and is 0 after {zero} epochs"
    )


def linear_stops_short_in_25() -> Computed:
    """The article's linear_decay after its 25 epochs: is it above 0 still?"""
    last = article_linear(INITIAL, EPOCHS)[-1]
    return Computed(last > 0, f"from {INITIAL:g} it has come down to {last:.5g} after {EPOCHS} epochs")


def time_decay_hardly_falls() -> Computed:
    """The article's time_decay after its 25 epochs: is less than a thousandth of the rate gone?"""
    gone = 1 - article_time(1.0, EPOCHS)[-1]
    return Computed(
        gone < 0.001, f"with its decay of 0.0000015, {percent(gone, 3)} of the rate is gone after {EPOCHS} epochs"
    )


def step_drops_halve() -> Computed:
    """The drops of the article's step_decay: is each half of the one before?"""
    rates = sorted(set(article_step(1.0, 75)), reverse=True)
    drops = falls([1.0, *rates] if rates[0] != 1.0 else rates)
    text = ", ".join(f"{x:g}" for x in drops)
    return Computed(bool(np.allclose(drops[1:] / drops[:-1], 0.5)), f"from a rate of 1 it drops by {text}")


def _drops() -> np.ndarray:
    """The epochs, counted from 1, that the article's step_decay begins with a lower rate."""
    return np.flatnonzero(falls(article_step(1.0, 75))) + 2


def step_every_15() -> Computed:
    """The article's step_decay: how many epochs lie between two drops?"""
    drops = _drops()
    text = f"it drops at the start of epochs {', '.join(map(str, drops))}: 15 epochs apart"
    return Computed(set(np.diff(drops)) == {15}, text)


def step_first_lasts_14() -> Computed:
    """The article's step_decay: has the first step 14 epochs, one less than the others?"""
    first = int(_drops()[0]) - 1
    return Computed(
        first == 14,
        f"the first drop comes after {first} epochs, since it divides 1 + epoch by 15 and Keras counts from 0",
    )


def step_first_drops() -> Computed:
    """The article's step_decay: does an initial rate give 0.5, 0.025 and 0.0125, as rates or as drops?"""
    ratio = article_step(1.0, 30)[20] / article_step(1.0, 30)[0]
    return Computed(
        0.5 * ratio == 0.025,
        f"each rate, and each drop, is {ratio:g} of the one before; 0.025 and 0.0125 would follow 0.05, not 0.5",
    )


def time_decay_is_steepest_within() -> Computed:
    """The article's time_decay, until a hundredth is left: is its fall steepest neither first nor last?"""
    down = falls([INITIAL, *article_time(INITIAL, LONG)])
    steepest = int(down.argmax())
    within = 0 < steepest < len(down) - 1
    return Computed(
        within,
        f"its fall is steepest in epoch {steepest} of the {LONG} in which it comes down to a hundredth; in the "
        f"article's {EPOCHS} it is still getting steeper",
    )


def time_decay_is_smooth() -> Computed:
    """Jumps and kinks: does time decay have none, while linear decay has a kink and step decay jumps?"""
    rough = {
        "time": roughness(article_time(INITIAL, LONG)),
        "linear": roughness(article_linear(INITIAL, 150)),
        "step": roughness(article_step(INITIAL, 75)),
    }
    text = ", ".join(f"{name} {value:.2g}" for name, value in rough.items())
    return Computed(
        rough["time"] < 0.01 < min(rough["linear"], rough["step"]),
        f"largest jump of the fall between epochs, as a part of the largest fall (0 is smooth, 1 a break): {text}",
    )


def _exponential(points: int, epochs: int) -> np.ndarray:
    """An exponential decay to a hundredth."""
    return INITIAL * np.exp(-math.log(100) * np.arange(points * epochs + 1) / (points * epochs))


def time_decay_starts_slower() -> Computed:
    """The share of the fall that is done after a tenth of the epochs: smaller with time than exponential decay?"""
    time, exponential = np.array([INITIAL, *article_time(INITIAL, LONG)]), _exponential(1, LONG)
    done = [float((r[0] - r[LONG // 10]) / (r[0] - r[-1])) for r in (time, exponential)]
    return Computed(
        done[0] < done[1],
        f"both down to a hundredth in {LONG} epochs: after a tenth of them time decay has done {percent(done[0])} "
        f"of its fall, exponential decay {percent(done[1])}",
    )


def exponential_is_steepest_first() -> Computed:
    """An exponential decay over 25 epochs: is its first fall the largest?"""
    down = falls(_exponential(1, EPOCHS))
    return Computed(
        bool(down.argmax() == 0),
        f"from {INITIAL:g} to a hundredth in {EPOCHS} epochs, the first epoch takes {down[0]:.5f} off, the last "
        f"{down[-1]:.6f}",
    )


def exponential_is_smooth() -> Computed:
    """An exponential decay, looked at ever more closely: does the change of its fall vanish?"""
    coarse, fine = roughness(_exponential(1, EPOCHS)), roughness(_exponential(100, EPOCHS))
    return Computed(
        fine < coarse / 50,
        f"the fall changes by {percent(coarse)} from epoch to epoch, and by {percent(fine, 2)} from one hundredth "
        "of an epoch to the next: no jump, no kink",
    )


def decays_end_smaller() -> Computed:
    """The article's decays over 25 epochs, as the studies run them: is the last rate below the first?"""
    plans = studies.schemes(INITIAL, EPOCHS, 8)
    rates = {name: lr.learning_rates(plan, [0, EPOCHS * studies.STEPS - 1]) for name, plan in plans.items()}
    kept = {name: float(last / first) for name, (first, last) in rates.items() if name != "fixed"}
    text = ", ".join(f"{name} {percent(share, 2)}" for name, share in kept.items())
    return Computed(
        all(share < 1 for share in kept.values()),
        f"what is left of the first rate after {EPOCHS} epochs, with our settings: {text}",
    )


def keras_refuses_integer_zero() -> Computed:
    """Keras's LearningRateScheduler with a function that returns 0, as the article's max(l_lr, 0) does at last."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0)
    try:
        model.fit(np.zeros((1, 1)), np.zeros((1, 1)), callbacks=[scheduler], verbose=0)
    except ValueError as error:
        words = str(error).splitlines()[0].split(", got")[0].split(" Received")[0]
        return Computed(True, f"Keras {keras.__version__} raises ValueError: {words}")
    return Computed(False, f"Keras {keras.__version__} takes a whole 0")


# Optimizers --------------------------------------------------------------------------------------------


def sgd_rule() -> Computed:
    """A step of Keras's SGD: is it the rate times the gradient, subtracted?"""
    cases = [(0.1, 3.0), (0.5, -2.0), (0.001, 100.0)]
    right = all(math.isclose(_step(keras.optimizers.SGD(rate), g), -rate * g, rel_tol=1e-6) for rate, g in cases)
    return Computed(right, "the weight afterwards is weight − rate × gradient, for three rates and gradients")


def frequent_against_rare() -> Computed:
    """Two weights, one with a gradient in every step, one in every tenth: how far do they go for each?

    Sums of lengths over the second half of 2,000 steps, of forty such pairs. With equal gradients AdaMax, which
    divides by the largest recent one, treats both alike, and Adadelta's step grows with every gradient. With
    random ones, which mostly cancel, neither is so, unless they are so small that Adadelta's epsilon counts.
    """
    often = np.ones((2000, 2, 40))
    often[:, 1] = (np.arange(2000) % 10 == 9)[:, None]
    random = often * np.random.default_rng(0).normal(size=often.shape)
    kinds = {"equal ones": often, "random ones": random, "random ones of a thousandth": random / 1000}
    rules = {"Adam": published.adam, "Adadelta": published.adadelta, "AdaMax": published.adamax}
    less, text = [], []
    for kind, gradients in kinds.items():
        ways = {name: np.abs(rule(gradients))[1000:].sum(axis=(0, 2)) for name, rule in rules.items()}
        frequent, rare = np.abs(gradients)[1000:].sum(axis=(0, 2))
        ratios = {name: (way[0] / frequent) / (way[1] / rare) for name, way in ways.items()}
        less.append(all(ratio < 1 for ratio in ratios.values()))
        text.append(f"with {kind} " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    return Computed(
        less[0] if len(set(less)) == 1 else None,
        "way for each gradient, of a weight with one in every step over one with one in every tenth (below 1: the "
        f"frequent one is slowed down): {'; '.join(text)}",
    )


def _kept(optimizer: keras.optimizers.Optimizer, gradients: np.ndarray) -> np.ndarray:
    """The updates that one of Keras's optimizers makes of weights that begin at 1."""
    weights, seen = keras.Variable(np.ones(gradients.shape[1])), [np.ones(gradients.shape[1])]
    for gradient in gradients.astype("float32"):
        optimizer.apply([tf.constant(gradient)], [weights])
        seen.append(weights.numpy())
    return np.diff(seen, axis=0)


def optimizers_as_published() -> Computed:
    """Updates of Keras's optimizers at their own arguments, but for the rate, against their publications.

    Forty steps, three weights. Equal means to a thousandth of the largest update, which no epsilon exceeds here.
    AdamW's publication takes decay × weight off, Keras decay × rate × weight. In what way the others differ, and
    Nesterov's momentum, is in tests/test_publications.py.
    """
    gradients, rate = np.random.default_rng(0).normal(size=(40, 3)), 0.01
    made = keras.optimizers
    pairs: dict[str, tuple[Any, published.Rule]] = {
        "SGD": (made.SGD(rate), published.sgd),
        "momentum": (made.SGD(rate, momentum=0.9), published.momentum),
        "Adam": (made.Adam(rate), published.adam),
        "AdaMax": (made.Adamax(rate), published.adamax),
        "Adadelta": (made.Adadelta(rate), published.adadelta),
        "RMSprop": (made.RMSprop(rate), published.rmsprop),
        "Adagrad": (made.Adagrad(rate), published.adagrad),
        "AMSGrad": (made.Adam(rate, amsgrad=True), published.amsgrad),
        "Nadam": (made.Nadam(rate), published.nadam),
    }
    equal = {}
    for name, (optimizer, rule) in pairs.items():
        expected = rate * rule(gradients)
        equal[name] = bool(np.abs(_kept(optimizer, gradients) - expected).max() < 1e-3 * np.abs(expected).max())
    equal["AdamW"] = math.isclose(_step_from_one(made.AdamW(0.01, weight_decay=0.1)), 1 - 0.1, rel_tol=1e-3)
    same, other = ([name for name, is_equal in equal.items() if is_equal is wanted] for wanted in (True, False))
    return Computed(
        not other,
        f"step for step as published: {', '.join(same)}; in some way different: {', '.join(other) or 'none'}",
    )


def adadelta_has_no_rate() -> Computed:
    """Keras's Adadelta at a rate of 1: does it take the steps of the publication, in which there is no rate?"""
    gradients = np.random.default_rng(0).normal(size=(40, 3))
    expected = published.adadelta(gradients)
    gap = float(np.abs(_kept(keras.optimizers.Adadelta(1.0), gradients) - expected).max() / np.abs(expected).max())
    rate = _default(keras.optimizers.Adadelta)
    return Computed(
        gap < 1e-3,
        f"as published it has no rate: that is a rate of 1 in Keras, where the steps are the publication's; Keras "
        f"{keras.__version__} has a default of {rate:g}",
    )


def _step_from_one(optimizer: keras.optimizers.Optimizer) -> float:
    """Where a weight that is 1 comes to by a step without a gradient: what decay alone does."""
    weight = keras.Variable(1.0)
    optimizer.apply([tf.constant(0.0)], [weight])
    return float(weight)


def _quadratic_path(optimizer: keras.optimizers.Optimizer, steps: int) -> np.ndarray:
    weights, seen = keras.Variable([1.0, -2.0]), []
    optimizer.build([weights])
    for _ in range(steps):
        optimizer.apply([tf.constant([3.0, 0.5]) * weights.value], [weights])
        seen.append(weights.numpy())
    return np.array(seen)


def keras_schedule_free_ignores_beta_1() -> Computed:
    """Twenty steps of Keras's ScheduleFreeAdamW with a beta_1 of 0.5, 0.9 and 0.98: are the weights the same?"""
    paths = [
        _quadratic_path(keras.optimizers.ScheduleFreeAdamW(0.1, beta_1=beta), 20) for beta in (0.5, 0.9, 0.98)
    ]
    gap = max(float(np.abs(path - paths[0]).max()) for path in paths)
    words = f"differ by {gap:.2g}" if gap > 1e-6 else "are the same to within a millionth"
    return Computed(gap <= 1e-6, f"after 20 steps with a beta_1 of 0.5, 0.9 and 0.98 the weights {words}")


def schedule_free_as_published() -> Computed:
    """Forty steps of our ScheduleFreeAdamW on a parabola in two dimensions, against the publication."""
    ours = _quadratic_path(lr.ScheduleFreeAdamW(0.1, beta_1=0.9), 40)
    paper = published.schedule_free(lambda y: np.array([3.0, 0.5]) * y, np.array([1.0, -2.0]), 40, 0.1, 0.9)
    gap = float(np.abs(ours - paper).max())
    return Computed(
        gap < 1e-4,
        f"in 40 steps the weights differ by {'less' if gap < 1e-4 else 'more'} than a ten-thousandth",
    )


# Range test and cycles ---------------------------------------------------------------------------------


def logs_have_the_mean() -> Computed:
    """What a callback is told after each batch, under the pinned Keras: the batch's loss, or the mean so far?

    A model that does not learn (rate 1e-30) sees targets 0, 1, 2, 3, one a batch, and always says 0.
    """
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(1e-30), "mse")
    told: list[float] = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: told.append(logs["loss"]))
    targets = np.arange(4.0)[:, None]
    model.fit(np.zeros((4, 1)), targets, batch_size=1, shuffle=False, callbacks=[callback], verbose=0)
    true = [float(target) ** 2 for target in targets[:, 0]]
    means = np.cumsum(true) / np.arange(1, 5)
    words = (
        "the mean so far" if np.allclose(told, means) else "the batch's" if np.allclose(told, true) else "neither"
    )
    return Computed(
        bool(np.allclose(told, means)) and not np.allclose(told, true),
        f"four batches with losses of {', '.join(f'{x:g}' for x in true)}: Keras {keras.__version__} tells a "
        f"callback {', '.join(f'{x:.3g}' for x in told)}, {words}",
    )


def cycle_leaves_a_sharp_minimum() -> Computed:
    """Gradient descent on a curve with a sharp minimum (λ = 50, at 0) and a wide one (λ = 1, at 3).

    A triangular rate from 0.01 to 1, so to above 2/50 and below 2/1; beside it its two ends as fixed rates. All
    begin beside the sharp minimum. The curve is the lower of two parabolas, whose bottoms are equally low.
    """
    cycle = lr.learning_rates(lr.CyclicalLearningRate(0.01, 1.0, 50), 200)

    def end(rates: Sequence[float]) -> float:
        x = 0.1
        for rate in rates:
            sharp = 25 * x**2 < 0.5 * (x - 3) ** 2
            x -= float(rate) * (50 * x if sharp else x - 3)
        return x

    cycled, low, high = end(cycle), end([0.01] * len(cycle)), end([1.0] * len(cycle))
    return Computed(
        abs(cycled - 3) < 0.1 and abs(low) < 0.1,
        f"in an example, which shows that it can happen: the cycle ends at {cycled:.2f}, in the wide minimum of "
        f"two that are equally low; its lowest rate, held, ends at {abs(low):.2f}, in the sharp one, and its "
        f"highest at {high:.2f}: what leaves is the large step",
    )


COMPUTE: dict[str, Callable[[], Computed]] = {
    function.__name__: function
    for function in (
        defaults_are_small,
        baseline_is_sgd_default,
        adam_default,
        adam_step_is_half_the_gradient,
        adam_steps_are_alike,
        steps_follow_the_rate,
        images_are_black_or_white,
        tiny_rates_stand_still,
        critical_rate_of_a_parabola,
        adam_travel_is_bounded,
        linear_reaches_zero,
        linear_stops_short_in_25,
        time_decay_hardly_falls,
        step_drops_halve,
        step_every_15,
        step_first_lasts_14,
        step_first_drops,
        time_decay_is_steepest_within,
        time_decay_is_smooth,
        time_decay_starts_slower,
        exponential_is_steepest_first,
        exponential_is_smooth,
        decays_end_smaller,
        keras_refuses_integer_zero,
        sgd_rule,
        frequent_against_rare,
        optimizers_as_published,
        adadelta_has_no_rate,
        keras_schedule_free_ignores_beta_1,
        schedule_free_as_published,
        logs_have_the_mean,
        cycle_leaves_a_sharp_minimum,
    )
}
