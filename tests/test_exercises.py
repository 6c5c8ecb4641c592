"""Self-checks: a right answer is told why, each foreseen wrong one gets its hint, an absurd one a sentence."""

import itertools
import math

import keras
import numpy as np
import pytest

import exercises


@pytest.fixture
def said(capsys):
    """Call a check and return the one line that it prints."""

    def call(check, *arguments, **fixed):
        assert check(*arguments, **fixed) is None
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 1
        return lines[0]

    return call


def letters(*words):
    return dict(zip("ABCD", words, strict=False))


def patients(*answers):
    return dict(zip("ABCDE", answers if len(answers) == 5 else (*answers, "rate far too large"), strict=True))


class Plan(keras.optimizers.schedules.LearningRateSchedule):
    """Straight lines through values at equal distances, over 100 steps."""

    def __init__(self, values):
        self.values = values

    def __call__(self, step):
        return np.interp(step, np.linspace(0, 100, len(self.values)), self.values)

    def get_config(self):
        return {"values": self.values}


def line(rate, steps, power=1):
    return keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0, power=power)


def accumulating(plan, batches):
    return keras.optimizers.SGD(plan, gradient_accumulation_steps=batches)


# A check with its fixed arguments, and pairs of an answer and words of what it is told.
CASES = {
    "critical_rate": (
        {},
        (0.125, "Right"),
        (0.25, "it is 16"),
        (1 / 3, "flat direction"),
        (2 / 3, "steepest direction decides"),
        (1 / 16, "twice as large"),
        (1 / 11, "do not add up"),
        (7, "second derivative"),
    ),
    "four_runs": (
        {},
        (letters(0.98, 0.01, 1.02, 0.3), "Right"),
        (letters(1.02, 0.01, 0.98, 0.3), "Only one curve rises"),
        (letters(0.98, 0.3, 1.02, 0.01), "0.4"),
        (letters(0.01, 0.98, 1.02, 0.3), "falls faster"),
        (letters(0.01, 0.01, 1.02, 0.3), "Use each of"),
    ),
    "plan": (
        {},
        (lambda step: 1 / (step + 1), "Right"),
        (lambda step: 0.03, "fixed rate"),
        (lambda step: 2.5 - 0.001 * step, "leads away"),
        (lambda step: 0.001 * (step + 1), "It grows"),
        (lambda step: 0.5 * 0.5**step, "too early"),
        (lambda step: 0.9 - 0.001 * step, "still too large"),
        (lambda step: None, "Return a rate"),
        (lambda step: -1.0, "not below 0"),
        (lambda step: 1 / 0, "ZeroDivisionError"),
    ),
    "flat_lines": (
        {},
        (letters("too small", "too large", "broke later"), "Right"),
        (letters("too large", "too small", "broke later"), "Has it moved"),
        (letters("too small", "broke later", "too large"), "so sure of wrong"),
        (letters("too small", "too small", "too large"), "Use each of"),
        (letters("tiny", "too large", "broke later"), "Use each of"),
    ),
    "travel_budget": (
        {"rate": 1e-5, "images": 20_000, "batch_size": 100, "epochs": 10},
        (0.02, "Right"),
        (1e-5, "one step"),
        (1e-4, "How many batches"),
        (2e-3, "one epoch"),
        (2.0, "every image"),
        (5, "Too far"),
        (1e-9, "Too short"),
    ),
    "four_schedules": (
        {},
        (letters("step", "the small rate", "linear to 0", "the large rate"), "Right"),
        (letters("step", "the small rate", "the large rate", "linear to 0"), "Whose floor"),
        (letters("the small rate", "step", "linear to 0", "the large rate"), "late"),
        (letters("linear to 0", "the small rate", "step", "the large rate"), "bends down"),
        (letters("step", "step", "linear to 0", "the large rate"), "Use each of"),
    ),
    "rescaled_rates": (
        {},
        ({"SGD": 0.001, "momentum": 0.0005, "Adam": 0.001, "Adadelta": 1.0}, "Right"),
        ({"SGD": 0.1, "momentum": 0.05, "Adam": 0.001, "Adadelta": 1.0}, "Nothing changed"),
        ({"SGD": 10, "momentum": 0.0005, "Adam": 0.001, "Adadelta": 1.0}, "wrong way"),
        ({"SGD": 0.01, "momentum": 0.0005, "Adam": 0.001, "Adadelta": 1.0}, "a tenth"),
        ({"SGD": 0.001, "momentum": 0.05, "Adam": 0.001, "Adadelta": 1.0}, "does not divide"),
        ({"SGD": 0.001, "momentum": 0.0005, "Adam": 1e-5, "Adadelta": 1.0}, "cancels"),
        ({"SGD": 0.001, "momentum": 0.0005, "Adam": 0.001, "Adadelta": 3.0}, "grow alike"),
    ),
    "step_curves": (
        {},
        (letters("Adam", "RMSprop", "Adagrad", "momentum"), "Right"),
        (letters("momentum", "RMSprop", "Adagrad", "Adam"), "a tenth of that"),
        (letters("Adam", "Adagrad", "RMSprop", "momentum"), "grows for ever"),
        (letters("RMSprop", "Adam", "Adagrad", "momentum"), "squares only"),
        (letters("Adam", "momentum", "RMSprop", "Adagrad"), "with their signs"),
    ),
    "steps_in_decade": (
        {},
        (20, "Right"),
        (1, "straight line"),
        (120, "six decades"),
        (24, "not five"),
        (60, "Not half"),
        (7, "Count the factors"),
    ),
    "four_sweeps": (
        {},
        (letters("starts too high", "fine", "mean so far", "ends too low"), "Right"),
        (letters("starts too high", "mean so far", "fine", "ends too low"), "whose loss"),
        (letters("ends too low", "fine", "mean so far", "starts too high"), "hardly begun"),
        (letters("fine", "starts too high", "mean so far", "ends too low"), "no flat part"),
        (letters("fine", "fine", "fine", "fine"), "Use each of"),
    ),
    "three_rates": (
        {"picks": [0.08, 0.1, 0.12], "broke": [0.9, 1.2], "grid": {0.01: 0.2, 0.1: 0.05, 1.0: 2.3}},
        ([0.03, 0.1, 0.3], "Right"),
        ([0.3, 0.03, 0.1], "Right"),
        ([0.1, 0.3, 1.0], "one of the sweeps broke"),
        ([0.09, 0.1, 0.3], "closer than a factor of 2"),
        ([0.005, 0.1, 0.3], "more than a factor of 12"),
        ([0.003, 0.01, 0.03], "lie below"),
        ([0.15, 0.35, 0.8], "lie above"),
        ([0.1, 0.3], "a list of three rates"),
        ([-0.1, 0.1, 0.3], "above 0"),
    ),
    "step_size": (
        {"steps": 4800, "steps_per_epoch": 192},
        (800, "Right"),
        (960, "odd number"),
        (5, "Did you count in epochs"),
        (1000, "does not divide"),
        (2400, "not 2 to 10"),
        (0, "at least 1"),
    ),
    "peak": (
        {"table": {0.2: [0.04, 0.05], 0.4: [0.03, 0.03], 0.8: [0.02, 2.3]}},
        (0.4, "Right"),
        (0.2, "0.4 lost no run either"),
        (0.8, "1 of 2 are lost"),
        (0.3, "Choose one of"),
    ),
    "gamma": (
        {"steps": 288, "share": 0.25},
        (0.25 ** (1 / 288), "Right"),
        (0.25, "in every step"),
        (0.99994, "smaller gamma"),
        (1 - 0.75 / 288, "the root"),
        (0.9, "only"),
        (1.5, "never shrinks"),
    ),
    "next_rate": (
        {"tried": {0.001: 0.4, 0.01: 0.2, 0.03: 0.1}},
        (0.1, "Right"),
        (0.03, "has been tried"),
        (0.02, "little to gain"),
        (0.04, "so near"),
        (10, "jumps over"),
        (-1, "above 0"),
    ),
    "patients": (
        {},
        (patients("rate far too large", "overfitting", "longer warm-up", "lower the rate now"), "Right"),
        (patients("longer warm-up", "overfitting", "rate far too large", "lower the rate now"), "so sure"),
        (patients("rate far too large", "lower the rate now", "longer warm-up", "overfitting"), "goes on falling"),
        (patients("rate far too large", "overfitting", "lower the rate now", "longer warm-up"), "eighth"),
        (patients("overfitting", "overfitting", "overfitting", "overfitting"), "Use each of"),
        (
            patients("rate far too large", "overfitting", "longer warm-up", "lower the rate now", "overfitting"),
            "tenth",
        ),
    ),
    "settings": (
        {"steps": 100},
        ({"fixed": 0.1, "to 0": Plan([1, 0]), "warm-up": Plan([0] + [1] * 10)}, "Right"),
        ({"fixed": 0.1, "to 0": Plan([1, 0.5]), "warm-up": Plan([0, 1])}, "its length"),
        ({"fixed": 0.1, "to 0": Plan([1, 0, 0, 0]), "warm-up": Plan([0, 1])}, "stands still"),
        ({"fixed": 0.1, "to 0": Plan([0, 1, 0]), "warm-up": Plan([0, 1])}, "Let it only fall"),
        ({"fixed": 0.1, "to 0": Plan([1, 0]), "warm-up": Plan([1, 1])}, "near 0"),
        ({"fixed": 0.1, "to 0": Plan([1, 0]), "warm-up": Plan([0, 1])}, "for a tenth"),
        ({"fixed": 0.1, "to 0": None, "warm-up": None}, "Replace the None"),
        ({"fixed": 0.1, "to 0": 0.0, "warm-up": None}, "which can be saved"),
        ({"fixed": 0.1, "to 0": lambda step: 1 - step / 100, "warm-up": None}, "which can be saved"),
        ({"fixed": 0.1, "to 0": Plan(None), "warm-up": Plan([0, 1])}, "raised"),
        ({"fixed": "x", "to 0": None, "warm-up": None}, "a plain rate"),
    ),
    "batch_rules": (
        {},
        ({"SGD": 0.025, "Adam": 0.0005}, "Right"),
        ({"SGD": 0.1, "Adam": 0.0005}, "changes the rate"),
        ({"SGD": 0.4, "Adam": 0.002}, "shrinks with the batch"),
        ({"SGD": 0.05, "Adam": 0.0005}, "rule for Adam"),
        ({"SGD": 0.025, "Adam": 0.00025}, "the root of k"),
        ({"SGD": 0.025, "Adam": 0.7}, "by its root?"),
        ({"SGD": 0, "Adam": 0.7}, "above 0"),
    ),
    "changes": (
        {},
        (letters("loss / 3", "larger batches", "loss × 10", "clipping"), "Right"),
        (letters("loss × 10", "larger batches", "loss / 3", "clipping"), "to the left by a factor of ten"),
        (letters("larger batches", "loss / 3", "loss × 10", "clipping"), "no longer breaks"),
        (letters("loss / 3", "clipping", "loss × 10", "larger batches"), "the wall stands"),
    ),
    "accumulation": (
        {},
        (accumulating(line(0.1, 400), 4), "Right"),
        (accumulating(line(0.1, 100), None), "64 an update"),
        (accumulating(line(0.1, 100), 4), "What does a step count"),
        (accumulating(line(0.1, 800), 4), "too long"),
        (accumulating(line(0.4, 400), 4), "to go 0.1"),
        (accumulating(keras.optimizers.schedules.CosineDecay(0.1, 400), 4), "straight line"),
        (accumulating(line(0.1, 400, power=2), 4), "straight line"),
    ),
}
EACH = [(name, fixed, answer, word) for name, (fixed, *told) in CASES.items() for answer, word in told]


@pytest.mark.parametrize(("name", "fixed", "answer", "word"), EACH)
def test_an_answer_is_told_why(said, name, fixed, answer, word):
    line = said(getattr(exercises, f"check_{name}"), answer, **fixed)
    assert word in line
    assert line.startswith("Right. " if word == "Right" else "Not yet. ")


ABSURD = [None, "a", [], [1], math.nan, math.inf, True, {}, {"A": None}, object, letters(*[[1]] * 4), -(10**400)]


@pytest.mark.parametrize(("name", "absurd"), [*itertools.product(CASES, ABSURD)])
def test_an_absurd_answer_gets_a_sentence(said, name, absurd):
    assert said(getattr(exercises, f"check_{name}"), absurd, **CASES[name][0]).startswith("Not yet. ")


@pytest.mark.parametrize(
    ("rate", "losses", "word"),
    [
        (0.1, [1.0, 0.3], "Right"),
        (None, None, "Replace None"),
        (0.5, [2.3], "Go down"),
        (0.3, [0.8], "Go down"),
        (1.0, [math.nan], "Go down"),
        (0.001, [2.29], "Go up by powers of ten"),
        (0.03, [0.7], "go up by a factor of three"),
        ("x", None, "above 0"),
    ],
)
def test_the_rate_of_sgd(said, rate, losses, word):
    assert word in said(exercises.check_sgd_rate, rate, losses)


@pytest.mark.parametrize(
    ("answer", "word"),
    [(16, "Right"), (4, "Too early"), (12, "Nearly"), (29, "late"), (99, "from 1 to 30"), (None, "Replace None")],
)
def test_when_to_drop(said, answer, word):
    assert word in said(exercises.check_drop_time, answer)


class Right(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, initial, steps):
        self.initial, self.steps = initial, steps

    def __call__(self, step):
        left = (self.steps - keras.ops.cast(step, "float32")) / (self.steps / 2)
        return self.initial * keras.ops.clip(left, 0.0, 1.0)

    def get_config(self):
        return {"initial": self.initial, "steps": self.steps}


def changed(**methods):
    return type("Changed", (Right,), methods)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Right, "Right"),
        (Right(0.1, 5), "the class itself"),
        (changed(__call__=lambda self, step: None), "Let __call__ return"),
        (changed(__call__=lambda self, step: 0.1), "Step 0 is the first"),
        (changed(__call__=lambda self, step: 0.2 * (1 - step / 100)), "Step 49"),
        (changed(__call__=lambda self, step: 0.2 if step < 60 else 0.0), "Step 75"),
        (changed(__call__=lambda self, step: 0.2 if step < 60 else 0.1), "At the end"),
        (changed(__call__=lambda self, step: 0.2 if step < 50 else 0.4 - 0.004 * step), "Use keras.ops"),
        (changed(__call__=lambda self, step: math.nan), "finite"),
        (changed(get_config=lambda self: None), "as a dict"),
        (changed(get_config=lambda self: {"initial": 0.1, "steps": 100}), "What is missing"),
        (changed(get_config=lambda self: {}), "TypeError"),
        (None, "the class itself"),
    ],
)
def test_a_schedule_of_ones_own(said, answer, word):
    assert word in said(exercises.check_schedule, answer)


def adam(mean_corrected, square_corrected, sign=1):
    def rule(gradients):
        age = np.arange(len(gradients))[::-1]
        mean, square = 0.1 * 0.9**age @ gradients, 0.001 * 0.999**age @ gradients**2
        mean /= 1 - 0.9 ** len(age) if mean_corrected else 1
        square /= 1 - 0.999 ** len(age) if square_corrected else 1
        return sign * mean / (np.sqrt(square) + 1e-7)

    return rule


BROKEN = adam(False, False)
LONGEST = max(BROKEN(np.ones(n)) for n in range(1, 101))


@pytest.mark.parametrize(
    ("rule", "longest", "word"),
    [
        (BROKEN, LONGEST, "Right"),
        (BROKEN, None, "Your rule is right"),
        (BROKEN, 1.0, "One rate is what Adam makes"),
        (BROKEN, BROKEN(np.ones(1)), "the first step"),
        (BROKEN, 0.001**-0.5, "a full mean"),
        (BROKEN, "x", "one finite number"),
        (adam(True, True), LONGEST, "correction and all"),
        (adam(False, True), LONGEST, "mean square still is"),
        (adam(True, False), LONGEST, "the mean still is"),
        (adam(False, False, sign=-1), LONGEST, "minus sign"),
        (lambda gradients: gradients[-1], 1, "nothing but the two divisors"),
        (lambda gradients: None, 1, "begin with a copy"),
        (lambda gradients: gradients, 1, "one finite number"),
        (lambda gradients: 1 / 0, 1, "ZeroDivisionError"),
        (5, 1, "your function"),
    ],
)
def test_adam_without_its_correction(said, rule, longest, word):
    assert word in said(exercises.check_uncorrected_adam, rule, longest)


def test_every_check_is_tested():
    checks = {name.removeprefix("check_") for name in dir(exercises) if name.startswith("check_")}
    assert checks == {*CASES, "sgd_rate", "drop_time", "schedule", "uncorrected_adam"}
