"""The exercises' self-checks: each says whether an answer is right, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def _verdict(right: bool, why: str) -> None:
    print(("Right. " if right else "Not yet. ") + why)


def _is_number(answer: Any) -> bool:
    number = isinstance(answer, int | float | np.number) and not isinstance(answer, bool)
    return number and math.isfinite(answer)


def check_critical_rate(answer: Any) -> None:
    """Notebook 00: the critical rate of gradient descent on the loss 3 x² + 10 y²."""
    if answer is None:
        return _verdict(False, "Replace None by a number: 2 divided by which curvature?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is a learning rate, so one finite number. You gave {answer!r}.")
    reasons = {
        2 / 10: "The curvature is the second derivative: of 10 y² it is 20, not 10.",
        2 / 6: "That is the limit along x, the flat direction. The steepest direction decides.",
        2 / 3: "The steepest direction decides, and the curvature is the second derivative, not the factor.",
        1 / 20: "That is the fastest rate along y. The critical one is twice as large.",
        2 / 26: "Curvatures do not add up: each direction has its own limit, the lowest of them counts.",
    }
    for value, why in reasons.items():
        if math.isclose(answer, value, rel_tol=0.02):
            return _verdict(False, why)
    if math.isclose(answer, 2 / 20, rel_tol=0.02):
        return _verdict(True, "Along y the curvature is 20, the largest, and 2/20 is 0.1.")
    _verdict(False, "Take the second derivative along x and along y. 2 divided by the larger one is the limit.")


def check_four_runs(answer: Any) -> None:
    """Notebook 00: which of four loss curves ran at which share of the critical rate?"""
    truth = {"A": 0.98, "B": 0.01, "C": 1.02, "D": 0.3}
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return _verdict(False, f"The answer is a dict with the keys A, B, C and D. You gave {answer!r}.")
    if any(value is None for value in answer.values()):
        return _verdict(False, "Replace each None by 0.01, 0.3, 0.98 or 1.02.")
    if not all(map(_is_number, answer.values())) or set(answer.values()) != set(truth.values()):
        return _verdict(False, f"Use each of 0.01, 0.3, 0.98 and 1.02 once. You gave {list(answer.values())}.")
    if answer["C"] != 1.02:
        return _verdict(False, "Above the critical rate every step ends higher. Only one curve rises.")
    if answer["D"] != 0.3:
        return _verdict(False, "At 0.3 the factor is 1 − 2 · 0.3 = 0.4: three steps, and little is left. Which curve?")
    if answer != truth:
        why = "A and B: the loss is multiplied by (1 − 2 · share)² in each step. That is 0.96² at 0.98, and 0.98² at"
        return _verdict(False, f"{why} 0.01. Which of the two falls faster?")
    _verdict(True, "Near the critical rate and far below it a run is slow; the curves alone hardly tell which it is.")


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
        return _verdict(False, "Return a rate: large at step 0, smaller and smaller afterwards.")
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
        why = "It is still large at the end, and so is its floor. Let it shrink further: try 1/step."
    _verdict(False, f"{why} {ended}")


def check_flat_lines(answer: Any) -> None:
    """Notebook 01: which of three runs at the loss of equal guesses had which fault?"""
    truth = {"A": "too small", "B": "too large", "C": "broke later"}
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return _verdict(False, f"The answer is a dict with the keys A, B and C. You gave {answer!r}.")
    if any(value is None for value in answer.values()):
        return _verdict(False, 'Replace each None by "too small", "too large" or "broke later".')
    if unknown := [value for value in answer.values() if value not in truth.values()]:
        return _verdict(False, f'Say "too small", "too large" or "broke later". You gave {unknown[0]!r}.')
    hints = {
        "A": "A: in its first epoch its mean loss was that of equal guesses. Has it moved at all?",
        "B": "B: a mean loss of 870 is far above not knowing anything. Who is so sure of wrong answers?",
        "C": "C: a mean of 1.9 is below 2.30. It had learned something before it lost it.",
    }
    for name, hint in hints.items():
        if answer[name] != truth[name]:
            return _verdict(False, hint)
    _verdict(True, "The end is the same, the first epoch is not. C wants a smaller rate, or a look at the batch it broke on.")


def check_sgd_rate(rate: Any, losses: Sequence[float] | None) -> None:
    """Notebook 01: a rate with which SGD ends at a validation loss below 0.5, and the losses it gave."""
    if rate is None:
        return _verdict(False, "Replace None by a rate. Adam liked 0.001 to 0.01; for SGD the rate is a factor.")
    if not _is_number(rate) or rate <= 0:
        return _verdict(False, f"A learning rate is a finite number above 0. You gave {rate!r}.")
    last = losses[-1] if losses else math.nan
    if last < 0.5:
        return _verdict(True, f"{rate:g} ends at {last:.2f}. At Adam's 0.001 SGD has hardly begun.")
    if not math.isfinite(last) or last > 2.2 and rate >= 0.2:
        return _verdict(False, f"{rate:g} ends at {last:.2f}: beyond the wall. Go down by a factor of three.")
    if last > 2.2:
        return _verdict(False, f"{rate:g} ends at {last:.2f}: it has not begun. Go up by powers of ten.")
    return _verdict(False, f"{rate:g} ends at {last:.2f}. It learns, but slowly: go up by a factor of three.")


def check_travel_budget(answer: Any, rate: float, steps: int) -> None:
    """Notebook 01: how far can an Adam weight go in `steps` steps at a fixed `rate`, roughly?"""
    if answer is None:
        return _verdict(False, "Replace None by a number: how far is one step, and how many are there?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is a distance, so one finite number. You gave {answer!r}.")
    bound = rate * steps
    if math.isclose(answer, bound, rel_tol=0.05):
        return _verdict(True, f"{steps} steps of about {rate:g} each reach about {bound:g} at the most.")
    if math.isclose(answer, rate, rel_tol=0.05):
        return _verdict(False, "That is one step. The weight makes one such step per batch.")
    hint = "Too far" if answer > bound else "Too short"
    return _verdict(False, f"{hint}: with Adam the size of the gradient cancels, each step is about {rate:g}.")


def check_workable_width(answer: Any, losses: Mapping[float, float], limit: float) -> None:
    """Notebook 03: how many decades, at least, from the lowest to the highest rate that works?"""
    if answer is None:
        return _verdict(False, "Replace None by a number: which rates stay at or below the limit?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is one finite number of decades. You gave {answer!r}.")
    rates = sorted(losses)
    works = [rate for rate in rates if losses[rate] <= limit]
    beyond = [rate for rate in rates if not works[0] <= rate <= works[-1]]
    outer = max(r for r in beyond if r < works[0]), min(r for r in beyond if r > works[-1])
    if math.isclose(answer, math.log10(works[-1] / works[0]), abs_tol=0.05):
        return _verdict(True, f"{works[0]:g} is the lowest rate that works, {works[-1]:g} the highest.")
    wrong = {
        len(works): "That counts the rates that work. Between that many points there is one gap fewer.",
        works[-1] / works[0]: "That is the ratio of the rates. A decade is a factor of ten: take log10 of it.",
        math.log(works[-1] / works[0]): "That is the natural logarithm. Decades need log10.",
        works[-1] - works[0]: "That is a difference of rates. Widths on a log axis are ratios: take log10.",
        math.log10(outer[1] / outer[0]): "That reaches to the neighbours that do not work: the width at most.",
        math.log10(rates[-1] / rates[0]): "That is the whole grid, whether a rate works or not.",
    }
    for value, why in wrong.items():
        if math.isclose(answer, value, rel_tol=0.02):
            return _verdict(False, why)
    return _verdict(False, f"Divide the highest rate with a loss of at most {limit:g} by the lowest; take log10.")


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


def check_steepest(answer: Any, learning_rates: Sequence[float], losses: Sequence[float]) -> None:
    """Notebook 04: at which rate does the loss fall fastest per decade, before its minimum?"""
    if answer is None:
        return _verdict(False, "Replace None by a rate: between whose neighbours is the drop largest?")
    if not _is_number(answer):
        return _verdict(False, f"The answer is a learning rate, so one finite number. You gave {answer!r}.")
    rates, losses = np.asarray(learning_rates, float), np.asarray(losses, float)
    lowest = int(losses.argmin())
    slopes = np.gradient(losses, np.log(rates))
    steepest = rates[slopes[: lowest + 1].argmin()]
    if math.isclose(answer, steepest, rel_tol=0.02):
        return _verdict(True, f"Around {steepest:g} a step of half a decade lowers the loss most.")
    wrong = {
        rates[np.gradient(losses, rates)[: lowest + 1].argmin()]: "That is the slope against the rate itself. "
        "The smallest rates lie closest together, so they always win. Divide by differences of log(rate).",
        rates[lowest]: "That is where the loss is lowest: the edge of what works. Look for the fastest fall.",
        rates[lowest] / 10: "That is the minimum rule, a tenth of the rate with the lowest loss.",
        rates[np.abs(slopes).argmax()]: "That is where the loss rises fastest. Look before the minimum.",
    }
    for value, why in wrong.items():
        if math.isclose(answer, value, rel_tol=0.02):
            return _verdict(False, why)
    if float(answer).is_integer() and 0 <= answer < len(rates):
        return _verdict(False, "That looks like a position in the table. The answer is the rate in that row.")
    _verdict(False, "For each row take loss of the next row minus loss of the row before; the lowest wins.")


def check_step_decay(answer: Any, initial: float, drop: float, every: int) -> None:
    """Notebook 02: a stateless step decay, `initial` times `drop` after each `every` epochs, counted from 0."""
    if answer is None:
        return _verdict(False, "Replace None by a function of the epoch. How many drops lie behind it? Use //.")
    if not callable(answer):
        return _verdict(False, f"The answer is a function that takes the epoch. You gave {answer!r}.")
    epochs = sorted({0, 1, every - 1, every, every + 1, 2 * every - 1, 2 * every, 3 * every})
    try:
        rates, again = ([answer(epoch) for epoch in order] for order in (epochs, epochs[::-1]))
    except Exception as error:  # the learner's own function can raise anything
        return _verdict(False, f"Your function raised {type(error).__name__}: {error}")
    for rate in rates:
        if isinstance(rate, bool) or not isinstance(rate, float | np.floating):
            return _verdict(False, f"The rate must be a float, Keras insists on it. You returned {rate!r}.")
        if not math.isfinite(rate):
            return _verdict(False, f"The rate must be a finite number. You returned {rate!r}.")
    for epoch, rate, other in zip(epochs, rates, again[::-1], strict=True):
        if rate != other:
            why = f"Asked twice for epoch {epoch}, it gave {rate:g} and then {other:g}. It remembers something."
            return _verdict(False, why + " Compute the rate from the epoch alone.")
    if not math.isclose(rates[0], initial, rel_tol=1e-6):
        return _verdict(False, f"Epoch 0 should train at {initial:g}, not at {rates[0]:g}.")

    def fits(drops_behind: Any, factor: float = drop) -> bool:
        return np.allclose(rates, [initial * factor ** drops_behind(epoch) for epoch in epochs], rtol=1e-6, atol=0)

    if fits(lambda epoch: epoch // every):
        why = f"Epochs 0 to {every - 1} train at {initial:g}, epoch {every} is the first at {initial * drop:g}."
        return _verdict(True, why)
    if fits(lambda epoch: (epoch + 1) // every):
        why = f"Early by one: it drops in epoch {every - 1}, after {every - 1} whole epochs. Epochs count from 0."
        return _verdict(False, why)
    if fits(lambda epoch: max(epoch - 1, 0) // every):
        return _verdict(False, f"Late by one: epoch {every} still trains at {initial:g}.")
    if fits(lambda epoch: epoch / every):
        return _verdict(False, "It falls a little in every epoch. Use whole drops only: // instead of /.")
    factor = rates[epochs.index(every)] / initial
    if factor > 0 and fits(lambda epoch: epoch // every, factor):
        return _verdict(False, f"The drops come in the right epochs, but by the factor {factor:g}, not {drop:g}.")
    for epoch, rate in zip(epochs, rates, strict=True):
        wanted = initial * drop ** (epoch // every)
        if not math.isclose(rate, wanted, rel_tol=1e-6):
            return _verdict(False, f"In epoch {epoch} the rate should be {wanted:g}, not {rate:g}.")


def check_drop_time(answer: Any, losses: Sequence[float], settled: int) -> None:
    """Notebook 02: the epoch after which to lower the rate, from a noisy curve that is flat from `settled` on."""
    if answer is None:
        return _verdict(False, "Replace None by an epoch. From where on does the curve no longer get lower?")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 1 <= answer <= len(losses):
        return _verdict(False, f"The answer is an epoch, a whole number from 1 to {len(losses)}. You gave {answer!r}.")
    before = np.mean(losses[max(answer - 4, 0) : answer])
    if answer < settled - 2:
        later = np.mean(losses[settled : settled + 4])
        why = f"Too early: around epoch {answer} the loss is {before:.2f}, and at this rate it still gets to {later:.2f}."
        return _verdict(False, why + " A lower rate would make the rest of the way slow.")
    if answer <= settled:
        return _verdict(False, "Nearly: one bad epoch is no plateau. Wait for a few that are no better than before.")
    if answer > settled + 8:
        return _verdict(False, f"Safe, but late: nothing has improved for {answer - settled} epochs. They were wasted.")
    _verdict(True, "The mean of the last few epochs no longer falls. One epoch more or less does not matter.")


def check_four_schedules(answer: Any) -> None:
    """Notebook 02: which of four loss curves belongs to which schedule?"""
    truth = {"A": "step", "B": "fixed, small", "C": "linear to 0", "D": "fixed, large"}
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return _verdict(False, f"The answer is a dict with the keys A, B, C and D. You gave {answer!r}.")
    if any(value is None for value in answer.values()):
        return _verdict(False, f"Replace each None by one of: {', '.join(sorted(truth.values()))}.")
    if set(map(str, answer.values())) != set(truth.values()):
        return _verdict(False, f"Use each of {', '.join(sorted(truth.values()))} once.")
    hints = {
        "D": "One curve falls at once and then stands still, high above the others. Whose floor is that?",
        "B": "One curve is late from the beginning. Which schedule never has a large rate?",
        "A": "One curve has cliffs. Where the loss falls in a step or two, the rate did.",
    }
    for name, hint in hints.items():
        if answer[name] != truth[name]:
            return _verdict(False, hint)
    _verdict(True, "Floors, cliffs and late starts tell schedules apart.")


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
            return _verdict(False, "get_config returns the arguments of __init__ as a dict, so that Keras can save it.")
        again = rates(answer(**config))
    except Exception as error:  # the learner's own class can raise anything
        return _verdict(False, f"Your class raised {type(error).__name__}: {error}")
    if not all(map(math.isfinite, found)):
        return _verdict(False, f"A rate must be a finite number. At steps 0, 49, 50, 75 and 100 yours are {found}.")
    if again != found:
        return _verdict(False, f"Built again from get_config, it gives {again} instead of {found}. Is an argument missing?")
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
    _verdict(True, "Right at its first, middle and last step, and it survives being saved.")


def check_ties(answer: Any, table: Mapping[str, Sequence[float]]) -> None:
    """Notebook 06: which rows have a range that overlaps that of the row with the lowest median?"""
    if answer is None:
        return _verdict(False, "Replace None by a set of names: who begins no higher than the best one ends?")
    if not isinstance(answer, set | list | tuple) or not all(isinstance(name, str) for name in answer):
        return _verdict(False, f"The answer is a set of names, such as {{'a', 'b'}}. You gave {answer!r}.")
    best = min(table, key=lambda name: np.median(table[name]))
    ties = {name for name in table if name != best and min(table[name]) <= max(table[best])}
    if unknown := set(answer) - set(table):
        return _verdict(False, f"{', '.join(sorted(unknown))} is not in the table.")
    if set(answer) == ties:
        return _verdict(True, f"{best} has the lowest median; its highest value is {max(table[best]):g}.")
    if best in answer:
        return _verdict(False, f"{best} is the one with the lowest median: leave it out.")
    if missing := ties - set(answer):
        name = sorted(missing)[0]
        why = f"{name} begins at {min(table[name]):g}, and {best} reaches up to {max(table[best]):g}."
        return _verdict(False, why + " They overlap.")
    name = sorted(set(answer) - ties)[0]
    why = f"The lowest value of {name} is {min(table[name]):g}, above the highest of {best}, {max(table[best]):g}."
    _verdict(False, why)
