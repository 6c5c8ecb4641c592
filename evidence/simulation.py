"""How often the rules are right: made-up studies in which the truth is known.

A thousand studies of each kind, at 3, 5 and 10 seeds. Their table belongs beside every verdict of the series.
"""

import numpy as np

from . import rules

SEEDS = (3, 5, 10)
SHARE_SEEDS = (*SEEDS, 20, 40)  # shares need more
SPREAD, SMALLEST = 0.1, 0.1  # of log losses: seeds differ by about 10 %, and less than that does not matter


def _row(
    kind: str, truth: str, seeds: int, low: np.ndarray, high: np.ndarray, true: float, smallest: float
) -> dict:
    """What came of many studies in which "the first arm is lower, by more than `smallest`" is claimed."""
    holds, fails = rules.decided(low, high, "lower", smallest)
    return {
        "kind": kind,
        "truth": truth,
        "seeds": seeds,
        "coverage": float(np.mean((low <= true + 1e-12) & (true - 1e-12 <= high))),
        "holds": float(holds.mean()),
        "does not hold": float(fails.mean()),
        "undecided": float(1 - holds.mean() - fails.mean()),
    }


def means(studies: int = 1000, seed: int = 0) -> list[dict]:
    """Paired differences of log losses, in five worlds.

    "none": the arms are alike. "border": they differ by exactly the smallest difference that matters, where either
    verdict is wrong. "clear": by three times that. "skewed": alike, but the differences are spread like an
    exponential distribution. "failures": alike, but one run in ten of the first arm fails and counts as equal
    guesses.

    Each has the column `every seed`: how often every seed of the first arm is below every seed of the second, the
    rule of the first version of this series.

    Args:
        studies: How many studies of each kind.
        seed: Of the random numbers.

    Returns:
        One row a world and number of seeds: coverage of the interval, and the shares of the three verdicts.
    """
    random, rows = np.random.default_rng(seed), []
    for truth in ("none", "border", "clear", "skewed", "failures"):
        gap = {"border": SMALLEST, "clear": 3 * SMALLEST}.get(truth, 0.0)
        equal_guesses = np.log(np.log(10))
        for seeds in SEEDS:
            shape = (2, studies, seeds)
            # Half of a run's variance comes with its seed, and cancels between the arms.
            common = random.normal(0, SPREAD / np.sqrt(2), (1, studies, seeds))
            own = random.normal(0, SPREAD / np.sqrt(2), shape)
            first, second = np.log(0.03) + common + own
            first = first - gap
            if truth == "skewed":
                first = second + SPREAD * (random.exponential(1, (studies, seeds)) - 1)
            true = -gap
            if truth == "failures":
                first = np.where(random.random((studies, seeds)) < 0.1, equal_guesses, first)
                true = 0.1 * (equal_guesses - np.log(0.03))
            _, low, high = rules.mean_interval(first - second)
            row = _row("mean", truth, seeds, low, high, true, SMALLEST)
            rows.append(row | {"every seed": float(np.mean(first.max(-1) < second.min(-1)))})
    return rows


def shares(studies: int = 1000, seed: int = 0) -> list[dict]:
    """Shares of failed runs, and differences of two of them.

    A share of 0.3 where "below 0.3" is claimed, so that either verdict is wrong; differences between arms with
    equal shares of 0.3, and with 0.1 against 0.9, where "lower by more than 0.1" is claimed.

    Args:
        studies: How many studies of each kind.
        seed: Of the random numbers.

    Returns:
        Rows as of `means`.
    """
    random, rows = np.random.default_rng(seed), []
    for seeds in SHARE_SEEDS:
        counts = random.binomial(seeds, 0.3, studies)
        low, high = rules.share_interval(counts, seeds)
        rows.append(_row("share", "border", seeds, low - 0.3, high - 0.3, 0.0, 0.0))
    for truth, (one, other) in {"none": (0.3, 0.3), "clear": (0.1, 0.9)}.items():
        for seeds in SHARE_SEEDS:
            first, second = (random.random((studies, seeds)) < chance for chance in (one, other))
            only, only_other = (first & ~second).sum(-1), (~first & second).sum(-1)
            low, high = rules.shares_interval(only, only_other, seeds)
            rows.append(_row("shares", truth, seeds, low, high, one - other, 0.1))
    return rows


def families(studies: int = 1000, seed: int = 0, statements: int = 20) -> list[dict]:
    """Families of statements, half of them false, judged one by one and with false discoveries controlled.

    Args:
        studies: How many families of each kind.
        seed: Of the random numbers.
        statements: How many statements a family has.

    Returns:
        One row a number of seeds: of the statements that are said to hold, the mean share of wrong ones, without
        and with control, and the share of the true ones that are found.
    """
    random, rows = np.random.default_rng(seed), []
    true = np.arange(statements) < statements // 2
    for seeds in SEEDS:
        # False ones sit on the border of their claim, where they are most easily taken for true.
        gaps = np.where(true, 3 * SMALLEST, SMALLEST)
        differences = random.normal(-gaps[:, None], SPREAD, (studies, statements, seeds))
        test = rules.stats.ttest_1samp(differences, -SMALLEST, axis=-1)
        # Two-sided, as the verdicts' interval is: both "holds" and "does not hold" are discoveries.
        for name, p_values in (
            ("one by one", test.pvalue),
            ("controlled", np.array([rules.false_discoveries(family) for family in test.pvalue])),
        ):
            found = p_values <= 1 - rules.CONFIDENCE
            wrong = found & ~true
            discovered = np.maximum(found.sum(-1), 1)
            rows.append(
                {
                    "kind": name,
                    "seeds": seeds,
                    "wrong": float(np.mean(wrong.sum(-1) / discovered)),
                    "any wrong": float(wrong.any(-1).mean()),
                    "found": float((found & true).sum() / (true.sum() * studies)),
                }
            )
    return rows
