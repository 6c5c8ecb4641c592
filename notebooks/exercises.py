"""The exercises' self-checks: each says whether an answer is right, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def _verdict(right: bool, why: str) -> None:
    print(("Right. " if right else "Not yet. ") + why)


def _is_number(answer: Any) -> bool:
    number = isinstance(answer, int | float | np.number) and not isinstance(answer, bool)
    return number and abs(answer) < 1e300  # finite, and an integer that float() can take


def _matches(answer: Any, truth: Mapping[str, Any], hints: Mapping[str, str], why: str) -> None:
    """A matching: each key of `truth` gets one of its values. The first wrong key has its hint."""
    words = ", ".join(map(str, sorted(set(truth.values()))))
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return _verdict(False, f"The answer is a dict with the keys {', '.join(truth)}. You gave {answer!r}.")
    if any(value is None for value in answer.values()):
        return _verdict(False, f"Replace each None by one of: {words}.")
    if set(map(str, answer.values())) != set(map(str, truth.values())):
        return _verdict(False, f"Use each of {words}. You gave {list(answer.values())}.")
    for name, hint in hints.items():
        if answer[name] != truth[name]:
            return _verdict(False, hint)
    _verdict(True, why)


def check_critical_rate(answer: Any) -> None:
    """Notebook 00: the critical rate of gradient descent on the loss 3 x² + 8 y²."""
    if answer is None:
        return _verdict(False, "Replace None by a number: 2 divided by which curvature?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is a learning rate, so one finite number. You gave {answer!r}.")
    reasons = {
        2 / 8: "The curvature is the second derivative: of 8 y² it is 16, not 8.",
        2 / 6: "That is the limit along x, the flat direction. The steepest direction decides.",
        2 / 3: "The steepest direction decides, and the curvature is the second derivative, not the factor.",
        1 / 16: "That is the fastest rate along y. The critical one is twice as large.",
        2 / 22: "Curvatures do not add up: each direction has its own limit, the lowest of them counts.",
    }
    for value, why in reasons.items():
        if math.isclose(answer, value, rel_tol=0.02):
            return _verdict(False, why)
    if math.isclose(answer, 2 / 16, rel_tol=0.02):
        return _verdict(True, "Along y the curvature is 16, the largest, and 2/16 is 0.125.")
    _verdict(False, "Take the second derivative along x and along y. 2 divided by the larger one is the limit.")


_FOUR_RUNS = {"A": 0.98, "B": 0.01, "C": 1.02, "D": 0.3}  # shares of the critical rate


def four_runs() -> dict[str, np.ndarray]:
    """Notebook 00: the losses of 30 steps in a bowl, from 1, at four rates."""
    return {name: (1 - 2 * share) ** (2 * np.arange(31)) for name, share in _FOUR_RUNS.items()}


def check_four_runs(answer: Any) -> None:
    """Notebook 00: which of the `four_runs` ran at which share of the critical rate?"""
    hints = {
        "C": "Above the critical rate every step ends higher. Only one curve rises.",
        "D": "At 0.3 the factor is 1 − 2 · 0.3 = 0.4: little is left after three steps.",
        "A": "A and B: at r times the critical rate a step multiplies the loss by (1 − 2 r)², 0.96² at 0.98, and "
        "0.98² at 0.01. Which falls faster?",
    }
    why = (
        "Slow far below the critical rate, slow again just below it. Halve the rate: only the latter gets faster."
    )
    _matches(answer, _FOUR_RUNS, hints, why)


def check_plan(answer: Any) -> None:
    """Notebook 00: a rate for each step, to end a noisy bowl of 300 steps below what any fixed rate can reach."""
    steps, runs = 300, 1000

    def final(rates: Sequence[float]) -> float:
        rng, w = np.random.default_rng(7), np.full(runs, 3.0)
        for rate in rates:
            w = w - rate * (w + rng.normal(size=runs))
        return float(np.mean(w**2) / 2)

    if not callable(answer):
        return _verdict(False, f"The answer is a function that takes the step. You gave {answer!r}.")
    try:
        rates = [answer(step) for step in range(steps)]
    except Exception as error:  # the learner's own function can raise anything
        return _verdict(False, f"Your function raised {type(error).__name__}: {error}")
    if rates[0] is None:
        return _verdict(False, "Return a rate. How quickly should it shrink, compared with 1/step?")
    for step, rate in enumerate(rates):
        if not _is_number(rate) or rate < 0:
            return _verdict(False, f"A rate is a finite number, not below 0. At step {step} yours is {rate!r}.")
    best, yours = min(final([rate] * steps) for rate in np.geomspace(0.005, 0.1, 30)), final(rates)
    if yours < best:
        return _verdict(True, f"It ends at {yours:.4f}. The best fixed rate ends at {best:.4f}.")
    ended = f"It ends at {yours:.3g}, the best fixed rate at {best:.4f}."
    if len(set(rates)) == 1:
        why = "That is a fixed rate: the same at every step."
    elif max(rates) >= 2:
        why = "It goes above 2/λ = 2, where every step leads away from the bottom."
    elif rates[-1] > rates[0]:
        why = "It grows. Speed is needed at the beginning, quiet at the end."
    elif sum(rates) < 5:
        why = f"It shrinks too early: all rates together are {sum(rates):.2g}, not enough to get to the bottom."
    else:
        why = "It is still too large at the end, and so is its floor. Let it shrink like 1/step, and begin larger."
    _verdict(False, f"{why} {ended}")


def check_flat_lines(answer: Any) -> None:
    """Notebook 01: which of three runs at the loss of equal guesses had which fault?"""
    hints = {
        "A": "A: a hundred batches, and the loss is that of equal guesses. Has it moved at all?",
        "B": "B: a loss of 870 is far above not knowing anything. Who is so sure of wrong answers?",
    }
    truth = {"A": "too small", "B": "too large", "C": "broke later"}
    _matches(
        answer, truth, hints, "The end is the same, the first steps are not. C wants a somewhat smaller rate."
    )


def check_sgd_rate(rate: Any, losses: Sequence[float] | None) -> None:
    """Notebook 01: a rate with which SGD ends at a validation loss below 0.5, and the losses it gave."""
    if rate is None:
        return _verdict(False, "Replace None by a rate. Adam liked 0.001 to 0.01; for SGD the rate is a factor.")
    if not _is_number(rate) or rate <= 0:
        return _verdict(False, f"A learning rate is a finite number above 0. You gave {rate!r}.")
    last = losses[-1] if losses else math.nan
    if last < 0.5:
        return _verdict(True, f"{rate:g} ends at {last:.2f}. At Adam's 0.001 SGD has hardly begun.")
    if not math.isfinite(last) or rate >= 0.2:
        why = "Beyond the wall, or so near that it does not live. Go down by a factor of three."
        return _verdict(False, f"{rate:g} ends at {last:.2f}. {why}")
    if last > 2.2:
        return _verdict(False, f"{rate:g} ends at {last:.2f}: it has not begun. Go up by powers of ten.")
    return _verdict(False, f"{rate:g} ends at {last:.2f}. It learns, but slowly: go up by a factor of three.")


def check_travel_budget(answer: Any, rate: float, images: int, batch_size: int, epochs: int) -> None:
    """Notebook 01: how far can an Adam weight go in so many epochs at a fixed `rate`, roughly?"""
    if answer is None:
        return _verdict(False, "Replace None by a number: how far is one step, and how many are there?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is a distance, so one finite number. You gave {answer!r}.")
    steps = images // batch_size * epochs
    if math.isclose(answer, rate * steps, rel_tol=0.05):
        why = f"{steps:,} steps of about {rate:g} each reach {rate * steps:g}, further than a typical weight."
        return _verdict(True, f"{why} At a hundredth of the rate it is a sixtieth of one.")
    wrong = {
        rate: "That is one step. The weight makes one such step per batch.",
        rate * epochs: "That is one step an epoch. How many batches has an epoch?",
        rate * steps / epochs: "That is one epoch.",
        rate * images * epochs: "That is a step for every image. The weight makes one per batch.",
    }
    for value, why in wrong.items():
        if math.isclose(answer, value, rel_tol=0.05):
            return _verdict(False, why)
    hint = "Too far" if answer > rate * steps else "Too short"
    return _verdict(False, f"{hint}: with Adam the size of the gradient cancels, each step is about {rate:g}.")


def check_rescaled_rates(answer: Any) -> None:
    """Notebook 03: which rates suit four optimizers when the loss, and so every gradient, is 100 times larger?"""
    before = {"SGD": 0.1, "momentum": 0.05, "Adam": 0.001, "Adadelta": 1.0}
    truth = before | {"SGD": 0.001, "momentum": 0.0005}
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return _verdict(False, f"The answer is a dict with the keys {', '.join(truth)}. You gave {answer!r}.")
    if any(value is None for value in answer.values()):
        return _verdict(False, "Replace each None by a rate. Whose step grows when its gradients do?")
    for name, rate in answer.items():
        if not _is_number(rate) or rate <= 0:
            return _verdict(False, f"A learning rate is a finite number above 0. For {name} you gave {rate!r}.")

    def near(name: str, rate: float) -> bool:
        return math.isclose(answer[name], rate, rel_tol=0.05)

    if all(near(name, rate) for name, rate in truth.items()):
        why = "SGD and momentum step in proportion: a hundredth. The two others divide them away (nearly)."
        return _verdict(True, why)
    if all(near(name, rate) for name, rate in before.items()):
        return _verdict(
            False, "Nothing changed: then SGD's steps are a hundred times as long. Which rules divide?"
        )
    for name in ("SGD", "momentum"):
        if near(name, before[name]):
            also = " A sum of gradients grows like each of them." if name == "momentum" else ""
            return _verdict(
                False, f"{name}: it does not divide, so its steps are now a hundred times as long.{also}"
            )
        if near(name, 100 * before[name]):
            return _verdict(False, f"{name}: the wrong way. The gradients have grown, so the rate has to shrink.")
        if near(name, before[name] / 10):
            return _verdict(
                False, f"{name}: a tenth is for a rule with a root. Its step is in proportion to the gradient."
            )
        if not near(name, truth[name]):
            why = f"{name}: rate times gradient should stay what it was. The gradient is 100 times as large."
            return _verdict(False, why)
    for name in ("Adam", "Adadelta"):
        if near(name, before[name] / 100):
            why = (
                f"{name}: it divides by the size of its gradients. The factor stands above and below, and cancels."
            )
            return _verdict(False, why)
        if not near(name, truth[name]):
            return _verdict(False, f"{name}: how does its step change when all gradients grow alike?")


def check_step_curves(answer: Any) -> None:
    """Notebook 03: which of four curves of step lengths is whose, for a gradient that changes sign?"""
    truth = {"A": "Adam", "B": "RMSprop", "C": "Adagrad", "D": "momentum"}
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return _verdict(False, f"The answer is a dict with the keys A, B, C and D. You gave {answer!r}.")
    if any(value is None for value in answer.values()):
        return _verdict(False, f"Replace each None by one of {', '.join(sorted(truth.values()))}.")
    values = list(answer.values())
    if not all(isinstance(value, str) for value in values) or set(values) != set(truth.values()):
        names = ", ".join(sorted(truth.values()))
        return _verdict(False, f"Use each of {names} once. You gave {values}.")
    if answer == truth:
        why = "The two with momentum wiggle, since opposite gradients cancel; Adam's are the shorter ones."
        return _verdict(True, why)
    wiggly = {answer["A"], answer["D"]}
    if wiggly == {"Adam", "momentum"}:
        if answer["A"] != "Adam":
            why = (
                "A and D: both add up 1 − 0.9 + 0.81 − …, about a half. Which one takes a "
                "tenth of that, as a mean?"
            )
            return _verdict(False, why)
        why = (
            "B and C: neither wiggles, since squares have no sign. Whose sum grows for ever, and whose stays at 1?"
        )
        return _verdict(False, why)
    if "RMSprop" in wiggly:
        return _verdict(False, "RMSprop sees squares only. A sign that changes cannot make its steps wiggle.")
    if answer["C"] == "momentum" or answer["B"] == "momentum":
        return _verdict(
            False, "Momentum adds gradients with their signs: odd and even steps differ. Which curves wiggle?"
        )
    return _verdict(False, "Which rules keep a mean or a sum of the gradients themselves? Their curves wiggle.")


def check_uncorrected_adam(rule: Any, longest: Any) -> None:
    """Notebook 03: Adam without its bias correction, and its longest step while the gradient is always 1."""
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-7

    def adam(gradients: np.ndarray, corrected: tuple[bool, bool]) -> float:
        age = np.arange(len(gradients))[::-1]
        mean, square = 0.1 * beta_1**age @ gradients, 0.001 * beta_2**age @ gradients**2
        mean /= 1 - beta_1 ** len(age) if corrected[0] else 1
        square /= 1 - beta_2 ** len(age) if corrected[1] else 1
        return float(mean / (np.sqrt(square) + epsilon))

    if not callable(rule):
        return _verdict(False, f"The first argument is your function of the gradients. You gave {rule!r}.")
    some = [np.ones(1), np.ones(12), np.array([1.0, -0.5, 2.0, 0.3, 1.0])]
    try:
        steps = [rule(gradients.copy()) for gradients in some]
    except Exception as error:  # the learner's own function can raise anything
        return _verdict(False, f"Your function raised {type(error).__name__}: {error}")
    if steps[0] is None:
        return _verdict(False, "Let your function return a step: begin with a copy of adam.")
    for step in steps:
        if not _is_number(step):
            return _verdict(
                False, f"For the gradients of one weight a step is one finite number. You returned {step!r}."
            )

    def like(*corrected: bool, sign: int = 1) -> bool:
        return np.allclose(steps, [sign * adam(gradients, corrected) for gradients in some], rtol=1e-3)

    if like(True, True):
        return _verdict(False, "That is Adam, correction and all. Take out the divisors 1 − 0.9ⁿ and 1 − 0.999ⁿ.")
    if like(False, True):
        return _verdict(
            False, "The mean is no longer corrected, the mean square still is: its divisor is 1 − 0.999ⁿ."
        )
    if like(True, False):
        return _verdict(
            False, "The mean square is no longer corrected, the mean still is: its divisor is 1 − 0.9ⁿ."
        )
    if like(False, False, sign=-1):
        return _verdict(False, "The rules of this notebook leave the minus sign to the one who takes the step.")
    if not like(False, False):
        return _verdict(
            False, f"For a first gradient of 1 yours gives {steps[0]:.4g}. Change nothing but the two divisors."
        )
    lengths = [adam(np.ones(n), (False, False)) for n in range(1, 401)]
    best = max(lengths)
    if longest is None:
        return _verdict(
            False, "Your rule is right. Now try it on np.ones(n) for n from 1 to 100: what is the longest step?"
        )
    if not _is_number(longest):
        return _verdict(
            False, f"The longest step is one finite number, in units of the rate. You gave {longest!r}."
        )
    if math.isclose(longest, best, rel_tol=0.02):
        why = (
            f"Six and a half rates at step {lengths.index(best) + 1}, where Adam's own step "
            "is one rate: a run that"
        )
        return _verdict(True, f"{why} is safe at a rate with the correction may break without it.")
    wrong = {
        1.0: "One rate is what Adam makes with the correction. Call your own rule.",
        lengths[0]: "That is the first step. The mean fills up faster than the mean square: look further.",
        lengths[-1]: "That is a late step. The longest comes early.",
        float(lengths.index(best) + 1): "That is when it happens. How long is it?",
        0.001**-0.5: "That would be a full mean over the first mean square. The mean needs some steps, too.",
    }
    for value, why in wrong.items():
        if math.isclose(longest, value, rel_tol=0.01):
            return _verdict(False, why)
    _verdict(False, "Take max(my_adam(np.ones(n)) for n in range(1, 101)).")


def check_step_size(answer: Any, steps: int, steps_per_epoch: int) -> None:
    """Notebook 05: does a run of `steps` steps end at a trough of a cycle with this step size?"""
    if answer is None:
        return _verdict(False, "Replace None by a number of steps: how many half cycles fit into the run?")
    if isinstance(answer, bool) or not isinstance(answer, int) or answer < 1:
        return _verdict(False, f"A step size is a whole number of steps, at least 1. You gave {answer!r}.")
    if answer < steps_per_epoch:
        return _verdict(False, f"{answer} steps are less than one epoch. Did you count in epochs? Count in steps.")
    halves, rest = divmod(steps, answer)
    if rest:
        part, way = 100 * rest / answer, "down" if halves % 2 else "up"
        return _verdict(False, f"{answer} does not divide {steps}: the run ends {part:.0f} % of the way {way}.")
    if halves % 2:
        why = "an odd number. The run ends at a peak: a step size is half a cycle, so their number must be even."
        return _verdict(False, f"{steps} / {answer} = {halves} half cycles, {why}")
    epochs = answer / steps_per_epoch
    if not 2 <= epochs <= 10:
        return _verdict(False, f"It ends at a trough, but a half cycle of {epochs:.3g} epochs is not 2 to 10.")
    return _verdict(True, f"{halves // 2} whole cycles of {2 * epochs:.4g} epochs: the run ends at a trough.")


def check_steps_in_decade(answer: Any) -> None:
    """Notebook 04: of 120 steps from 1e-6 to 1, how many lie between 0.001 and 0.01?"""
    if answer is None:
        return _verdict(False, "Replace None by a number of steps: how many decades are there in all?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is a number of steps. You gave {answer!r}.")
    if abs(answer - 20) <= 1:
        return _verdict(True, "Six decades share 120 steps, each gets as many: 20.")
    wrong = {
        1: "So it would be if the rate grew in a straight line. It is multiplied by the same factor each time.",
        120: "That is all of them. The way from 1e-6 to 1 has six decades.",
        24: "From 1e-6 to 1 there are six decades, not five.",
        60: "Not half: from 1e-6 to 1 there are six decades, and this is one of them.",
    }
    for value, why in wrong.items():
        if abs(answer - value) <= 1:
            return _verdict(False, why)
    _verdict(False, "Count the factors of ten between 1e-6 and 1. They share the steps equally.")


def check_four_sweeps(answer: Any) -> None:
    """Notebook 04: what is wrong with each of four range tests?"""
    truth = {"A": "starts too high", "B": "fine", "C": "mean so far", "D": "ends too low"}
    hints = {
        "D": "One curve has hardly begun to fall when it ends. Where should its test have gone on to?",
        "A": "One curve has no flat part: it falls from its first step. What would a smaller min_lr have shown?",
        "C": "Two curves have the same range. One of them remembers all that came before: whose loss is that?",
    }
    why = "The one to trust has all three parts, flat, falling and breaking, and true losses."
    _matches(answer, truth, hints, why)


def check_three_rates(
    answer: Any, picks: Sequence[float], broke: Sequence[float], grid: Mapping[float, float]
) -> None:
    """Notebook 04: three rates to try, from the picks of five sweeps, where those broke, and real runs."""
    if answer is None:
        return _verdict(False, "Replace None by three rates: one that the sweeps point at, one above, one below.")
    if not isinstance(answer, list | tuple) or len(answer) != 3 or not all(map(_is_number, answer)):
        return _verdict(False, f"The answer is a list of three rates. You gave {answer!r}.")
    low, middle, high = sorted(answer)
    if low <= 0:
        return _verdict(False, f"A learning rate is above 0. You gave {low:g}.")
    if high >= min(broke):
        return _verdict(False, f"{high:g} is beyond {min(broke):.2g}, where one of the sweeps broke.")
    if high / middle < 2 or middle / low < 2:
        why = "Runs differ by as much from one seed to the next. Half a decade, a factor of three, can be told."
        return _verdict(False, f"Two of your rates are closer than a factor of 2. {why}")
    if high / middle > 12 or middle / low > 12:
        return _verdict(
            False, "There is a gap of more than a factor of 12 between two of them: the best may lie there."
        )
    center = float(np.exp(np.mean(np.log(picks))))
    if not low <= center <= high:
        side = "below" if high < center else "above"
        return _verdict(False, f"All three lie {side} {center:.2g}, about which the five picks scatter.")
    rates = sorted(grid)
    ends = [
        float(np.interp(math.log(rate), np.log(rates), [grid[r] for r in rates])) for rate in (low, middle, high)
    ]
    listed = ", ".join(f"{end:.3f}" for end in ends)
    best = min(grid.values())
    why = f"By the real runs beside them they would end at about {listed}; the best of the grid at {best:.3f}."
    if min(ends) != ends[1]:
        edge = "highest" if ends[2] < ends[0] else "lowest"
        return _verdict(True, f"{why} The {edge} of your three is the best, so go on beyond it.")
    _verdict(True, f"{why} Now repeat the best one with other seeds.")


def check_peak(answer: Any, table: Mapping[float, Sequence[float]]) -> None:
    """Notebook 05: which peak of a cycle to ship, where some runs are lost (a loss above 2)?"""
    if answer is None:
        return _verdict(False, "Replace None by a peak of the table. What does a customer get who runs it once?")
    if not _is_number(answer) or answer not in table:
        return _verdict(False, f"Choose one of {', '.join(f'{peak:g}' for peak in table)}. You gave {answer!r}.")
    lost = {peak: sum(loss > 2 for loss in losses) for peak, losses in table.items()}
    safe = max(peak for peak in table if not lost[peak])
    if lost[answer]:
        mean, best = np.mean(table[answer]), min(table[answer])
        why = f"Its best run ends at {best:.3f}, but {lost[answer]} of {len(table[answer])} are lost"
        return _verdict(False, f"{why}: what one run brings, on the average, is {mean:.2f}.")
    if answer < safe:
        return _verdict(False, f"No loss, but {safe:g} lost no run either, and ends lower.")
    why = "The highest that lost none. Five of five would often be seen even if it lost one run in ten:"
    _verdict(True, f"{why} repeat it, or put a warm-up before it.")


def check_gamma(answer: Any, steps: int, share: float) -> None:
    """Notebook 05: the gamma with which the height of a cycle has shrunk to `share` after `steps` steps."""
    if answer is None:
        return _verdict(False, f"Replace None by a number: gamma to the power of {steps} should be {share:g}.")
    if not _is_number(answer) or answer <= 0:
        return _verdict(False, f"Gamma is a number above 0. You gave {answer!r}.")
    left = answer**steps if answer < 1.01 else math.inf
    if math.isclose(left, share, rel_tol=0.03):
        return _verdict(True, f"{answer:.5f} to the power of {steps} is {left:.2f}.")
    if answer >= 1:
        return _verdict(False, "With 1 or more the height never shrinks.")
    if math.isclose(answer, share):
        return _verdict(
            False, "Gamma acts in every step: after two steps so little would be left that no cycle is seen."
        )
    if left > share:
        why = f"After {steps} steps {left:.0%} of the height are left, not {share:.0%}. Take a smaller gamma"
        return _verdict(False, why + ": the root, not a share of it.")
    _verdict(False, f"After {steps} steps only {left:.2%} of the height are left, not {share:.0%}.")


_SETTLED = 13  # from here on what is left to fall, 0.9 exp(-epoch / 3.5), is less than the noise, 9 % of 0.3


def noisy_run() -> np.ndarray:
    """Notebook 02: the validation losses of 30 epochs at one fixed rate."""
    noise = np.random.default_rng(113).normal(size=30)  # a seed whose last 18 epochs have no trend
    return (0.3 + 0.9 * np.exp(-np.arange(1, 31) / 3.5)) * np.exp(0.09 * noise)


def check_drop_time(answer: Any) -> None:
    """Notebook 02: the epoch after which to lower the rate of the `noisy_run`."""
    losses = noisy_run()
    if answer is None:
        return _verdict(False, "Replace None by an epoch. From where on does the curve no longer get lower?")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 1 <= answer <= len(losses):
        return _verdict(False, f"The answer is a whole number from 1 to {len(losses)}. You gave {answer!r}.")
    if answer < _SETTLED - 2:
        before, later = np.mean(losses[max(answer - 4, 0) : answer]), np.mean(losses[_SETTLED:])
        why = f"Too early: there the loss is {before:.2f}, and at this rate it still gets to {later:.2f}."
        return _verdict(False, why + " A lower rate would make the rest of the way slow.")
    if answer <= _SETTLED:
        return _verdict(False, "Nearly: one bad epoch is no plateau. Wait for a few that are no better.")
    if answer > _SETTLED + 11:
        return _verdict(False, f"Safe, but late: {answer - _SETTLED} epochs brought nothing, and were wasted.")
    _verdict(True, "The mean of the last few epochs no longer falls. Anything from 14 to 24 would do.")


_FOUR_SCHEDULES: dict[str, tuple[str, Callable[[int], float]]] = {
    "A": ("step", lambda step: 0.2 * 0.2 ** (step // 100)),
    "B": ("the small rate", lambda step: 0.01),
    "C": ("linear to 0", lambda step: 0.2 * (1 - step / 300)),
    "D": ("the large rate", lambda step: 0.2),
}


def four_schedules() -> dict[str, list[float]]:
    """Notebook 02: the mean losses of 300 steps in a noisy bowl, under four schedules."""
    curves = {}
    for name, (_, plan) in _FOUR_SCHEDULES.items():
        rng, w, curves[name] = np.random.default_rng(3), np.full(2000, 3.0), []
        for step in range(300):
            curves[name].append(float(np.mean(w**2) / 2))
            w = w - plan(step) * (w + rng.normal(size=2000))
    return curves


def check_four_schedules(answer: Any) -> None:
    """Notebook 02: which of the `four_schedules` has which schedule?"""
    hints = {
        "D": "One curve falls at once and then stands still, high above the others. Whose floor is that?",
        "B": "One curve is late from the beginning. Which schedule never has a large rate?",
        "A": "One curve bends down twice, at once. What happened to its rate there?",
    }
    truth = {name: schedule for name, (schedule, _) in _FOUR_SCHEDULES.items()}
    _matches(answer, truth, hints, "Floors, bends and slopes tell schedules apart.")


def check_schedule(answer: Any) -> None:
    """Notebook 02: a schedule class that keeps its rate for half of the run and then goes straight to 0."""
    initial, steps = 0.2, 100
    if not isinstance(answer, type):
        return _verdict(False, f"The answer is the class itself, not {answer!r}.")

    def rates(schedule: Any) -> list[float]:
        return [float(schedule(step)) for step in (0, 49, 50, 75, 100)]

    try:
        made = answer(initial, steps)
        first = made(0)
        if first is None:
            return _verdict(False, "Let __call__ return a rate. The step comes in, and counts from 0.")
        found = rates(made)
        config = made.get_config()
        if not isinstance(config, dict):
            return _verdict(
                False, "get_config returns the arguments of __init__ as a dict: that is what is saved."
            )
        again = rates(answer(**config))
    except Exception as error:  # the learner's own class can raise anything
        return _verdict(False, f"Your class raised {type(error).__name__}: {error}")
    if not all(map(math.isfinite, found)):
        return _verdict(False, f"A rate is a finite number. At steps 0, 49, 50, 75, 100 yours are {found}.")
    if again != found:
        return _verdict(False, f"Built again from get_config it gives {again}, not {found}. What is missing?")
    wrong = (
        (0, initial, "Step 0 is the first: it trains at the initial rate."),
        (1, initial, "Step 49 of 100 is still in the first half: the rate has not begun to fall."),
        (3, initial / 2, "Step 75 of 100 is halfway down: half of the initial rate."),
        (4, 0.0, "At the end the rate is 0, and never below it."),
    )
    for place, wanted, why in wrong:
        if not math.isclose(found[place], wanted, abs_tol=1e-6):
            return _verdict(False, f"{why} Yours is {found[place]:.4g}.")
    try:
        first_after_reset = float(made(0))
    except Exception as error:
        return _verdict(False, f"Your class raised {type(error).__name__}: {error}")
    if first_after_reset != found[0]:
        return _verdict(False, "Asked again for step 0, it gives another rate. It remembers something.")
    import tensorflow as tf  # only here: the learner's class has it loaded already

    try:
        tf.function(made, autograph=False)(tf.constant(75))
    except Exception as error:
        why = f"In fit the step is a tensor, and there yours raised {type(error).__name__}"
        return _verdict(False, f"{why}. Use keras.ops, such as keras.ops.clip, and no if.")
    _verdict(True, "Right at its first, middle and last step, in a compiled fit, and it survives being saved.")


def check_next_rate(answer: Any, tried: Mapping[float, float]) -> None:
    """Notebook 06: the next rate to try, where the best of those tried is the largest."""
    if answer is None:
        return _verdict(False, "Replace None by a rate. Where among those tried does the best one stand?")
    if not _is_number(answer) or answer <= 0:
        return _verdict(False, f"A learning rate is a number above 0. You gave {answer!r}.")
    best, top = min(tried, key=tried.__getitem__), max(tried)
    if 2 * top <= answer <= 5 * top:
        return _verdict(True, f"{best:g} is the best and the largest: the valley may go on. {answer:g} tells.")
    if answer in tried:
        return _verdict(
            False, f"{answer:g} has been tried. Repeat it later; first find the other side of the valley."
        )
    if answer < top:
        return _verdict(
            False, f"Between two tried rates there is little to gain while the best, {best:g}, is the largest."
        )
    if answer < 2 * top:
        return _verdict(
            False, f"{answer:g} is so near to {top:g} that seeds will hide the difference. Step further."
        )
    _verdict(
        False, f"{answer:g} jumps over the wall, perhaps. A factor of three is a step that one can go back from."
    )


def check_patients(answer: Any) -> None:
    """Notebook 06: what to do about five runs that went wrong."""
    truth = {"A": "rate far too large", "B": "overfitting", "C": "longer warm-up", "D": "lower the rate now"}
    truth["E"] = truth["A"]
    hints = {
        "A": "A: one loss is far above not knowing anything. What made it so sure, in a single step?",
        "B": "B: the training loss goes on falling. What gets worse is only what it has not seen.",
        "C": "C: seven of eight seeds like the peak. What helps the eighth to survive its first steps?",
        "D": "D: both losses stand still, so it is not overfitting. What makes them wobble?",
        "E": "E: a tenth of the rate cures it, so it was the rate.",
    }
    why = "Training against validation loss, one seed or all, first steps or late ones: these tell them apart."
    _matches(answer, truth, hints, why)


def check_settings(answer: Any, steps: int) -> None:
    """Notebook 06: a plain rate, a schedule that ends at 0, and one with a warm-up, for a run of `steps` steps."""
    names = ("fixed", "to 0", "warm-up")
    if not isinstance(answer, Mapping) or set(answer) != set(names):
        return _verdict(False, f"The answer is a dict with the keys {', '.join(names)}. You gave {answer!r}.")
    if not _is_number(answer["fixed"]) or answer["fixed"] <= 0:
        return _verdict(False, f"“fixed” is a plain rate, a number above 0. You gave {answer['fixed']!r}.")
    rates = {}
    for name in names[1:]:
        if answer[name] is None:
            return _verdict(False, f"Replace the None of “{name}” by a schedule, such as those of notebook 02.")
        if not callable(answer[name]) or not hasattr(answer[name], "get_config"):
            why = "a schedule of Keras's, or a class of your own, which can be saved with the model"
            return _verdict(False, f"“{name}” is to be {why}. You gave {answer[name]!r}.")
        try:
            rates[name] = np.array([float(answer[name](step)) for step in range(steps + 1)])
        except Exception as error:  # the learner's own schedule can raise anything
            return _verdict(False, f"“{name}” raised {type(error).__name__}: {error}")
    end, warm = rates["to 0"], rates["warm-up"]
    if not end[-1] <= 0.01 * end.max():
        return _verdict(False, f"“to 0” is at {end[-1]:.3g} after {steps} steps. Which argument is its length?")
    if (np.diff(end) > 0).any():
        return _verdict(False, "“to 0” rises on its way. Let it only fall.")
    if end[steps // 2] <= 0.01 * end.max():
        return _verdict(
            False, f"“to 0” is there after half of the {steps} steps, and the rest of the run stands still."
        )
    if not warm[0] < 0.2 * warm.max():
        return _verdict(False, f"“warm-up” begins at {warm[0]:.3g} of {warm.max():.3g}: it has to begin near 0.")
    if not 0.02 * steps <= warm.argmax() <= 0.25 * steps:
        return _verdict(
            False, f"“warm-up” has its peak at step {warm.argmax()} of {steps}. Climb for a tenth of them."
        )
    _verdict(True, f"The warm-up peaks in step {warm.argmax()}, the other ends at 0. Both can go to `compare`.")


def check_batch_rules(answer: Any) -> None:
    """Notebook 07: recipes for batches of 256, SGD at 0.1 and Adam at 0.001, with batches of 64."""
    if not isinstance(answer, Mapping) or set(answer) != {"SGD", "Adam"}:
        return _verdict(False, f"The answer is a dict with the keys SGD and Adam. You gave {answer!r}.")
    stays, smaller = "A quarter of the batch: the rule changes the rate.", "By the rule it shrinks with the batch."
    known = {
        "SGD": {0.025: "", 0.1: stays, 0.4: smaller, 0.05: "The root is the rule for Adam."},
        "Adam": {0.0005: "", 0.001: stays, 0.002: smaller, 0.00025: "For Adam it is the root of k."},
    }
    for name, rates in known.items():
        if not _is_number(answer[name]) or answer[name] <= 0:
            return _verdict(False, f"{name}: a learning rate, a number above 0. You gave {answer[name]!r}.")
        told = [why for rate, why in rates.items() if math.isclose(answer[name], rate, rel_tol=0.02)]
        if told != [""]:
            return _verdict(False, f"{name}: {told[0] if told else 'k is 64/256. Multiply by k, or by its root?'}")
    _verdict(True, "k is 1/4, and its root 1/2. Then try rates around each.")


def check_changes(answer: Any) -> None:
    """Notebook 07: which change made which row of losses?"""
    truth = {"A": "loss / 3", "B": "larger batches", "C": "loss × 10", "D": "clipping"}
    hints = {
        "C": "C: its row is that of before, moved to the left by a factor of ten, wall and all. What does that?",
        "A": "A: its row is that of before, moved to the right by a factor of three. 1 no longer breaks the run.",
        "B": "B: every rate that works is slower than it was, and the wall stands where it stood.",
    }
    why = "A factor in the loss moves both ends; the number of steps moves one, clipping mostly the other."
    _matches(answer, truth, hints, why)


def check_accumulation(answer: Any) -> None:
    """Notebook 07: an optimizer that makes of 400 batches the 100 updates of a straight line from 0.1 to 0."""
    import keras

    if not isinstance(answer, keras.optimizers.Optimizer):
        return _verdict(False, f"The answer is an optimizer of Keras's. You gave {answer!r}.")
    batches = answer.gradient_accumulation_steps or 1
    if batches != 4:
        return _verdict(False, f"{batches} × 64 images are {batches * 64} an update. The run had 256.")
    fresh = type(answer).from_config(answer.get_config())
    weight, places = keras.Variable(0.0), [0.0]
    for batch in range(400):
        fresh.apply([keras.ops.ones(())], [weight])
        if batch % 4 == 3:
            places.append(float(weight))
    steps = -np.diff(places)
    if not math.isclose(steps[0], 0.1, rel_tol=0.05):
        return _verdict(False, f"The first update goes {steps[0]:.3g} along a gradient of 1, and is to go 0.1.")
    if steps[50] < 0.001:
        return _verdict(
            False, f"After {np.argmax(steps < 0.001)} of 100 updates it stands. What does a step count?"
        )
    if steps[-1] > 0.002:
        return _verdict(False, f"The last of 100 updates still goes {steps[-1]:.3g}: the schedule is too long.")
    if not math.isclose(steps[25], 0.075, rel_tol=0.1):
        return _verdict(False, f"After a quarter an update goes {steps[25]:.3g}, which is not on a straight line.")
    _verdict(True, "100 updates out of 400 batches, in a straight line. The schedule counts the batches.")
