"""The rules of evidence: from the numbers of some runs to *holds*, *does not hold* or *undecided*.

Pure functions on arrays; they know nothing of runs, files or statements. Two arms of a study are compared on the
same seeds, so that initial weights and the order of batches cancel. An effect is reported with a 95 % interval,
and the interval alone gives the verdict:

- **holds**: all of it lies beyond the smallest difference that matters, on the side that is claimed;
- **does not hold**: all of it lies short of that;
- **undecided**: otherwise, and `seeds_to_decide` says how many seeds would probably do.

Which seeds count is for the statement to say: a seed that took part in a search is not among them.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

CONFIDENCE = 0.95
POWER = 0.8  # with which `seeds_to_decide` wants the verdict to come
MOST_SEEDS = 100  # beyond which it says None
# A run whose loss ends within 1 % of that of equal guesses has learned nothing. The recorded collapses end at
# 2.3010, a little below ln 10 = 2.3026, because the ten digits are not equally frequent.
FAILED = 0.99

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
DIRECTIONS = ("higher", "lower", "within", "apart")


@dataclasses.dataclass(frozen=True)
class Effect:
    """An estimate with its interval.

    `value` is a mean paired difference, a mean or a share less a reference, or a difference of two shares; `low`
    and `high` are the ends of its interval, of 95 % unless `error` says otherwise; `seeds` is the number of runs,
    or of pairs, behind it. `kind` is "mean", "share" or "shares". `failed` has the number of failed runs of each
    arm, where whoever made the effect knows it. `spread` is the standard deviation of one difference (nan for
    shares), `counts` and `reference` are what shares were computed from.
    """

    value: float
    low: float
    high: float
    seeds: int
    kind: str = "mean"
    failed: tuple[int, ...] = ()
    spread: float = math.nan
    counts: tuple[int, ...] = ()
    reference: float = 0.0
    error: float = 1 - CONFIDENCE


# What goes in ------------------------------------------------------------------------------------------


def _numbers(name: str, values: ArrayLike, least: int = 2, finite: bool = True) -> np.ndarray:
    """`values` as a float array with one number a seed along its last axis."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, one a seed, got {values!r}") from error
    if array.ndim == 0 or array.shape[-1] < least:
        got = "a single number" if array.ndim == 0 else f"{array.shape[-1]}"
        raise ValueError(f"{name} must have one number a seed, for {least} seeds or more, got {got}")
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite (cap failed runs first, see capped), got {array!r}")
    return array


def _outcomes(name: str, values: ArrayLike) -> np.ndarray:
    """`values` as an array of true and false, one a seed."""
    array = np.asarray(values)
    if array.ndim != 1 or not array.size or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} must have one true or false a seed, for one seed or more, got {values!r}")
    return array.astype(bool)


def _paired(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"first and second must belong to the same seeds, in the same order, got {first.shape[-1]} and "
            f"{second.shape[-1]} runs"
        )


def _claim(direction: str, smallest: float) -> float:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
    if not isinstance(smallest, (int, float)) or isinstance(smallest, bool) or not 0 <= smallest < math.inf:
        raise ValueError(f"smallest must be a number of zero or more, got {smallest!r}")
    if direction in ("within", "apart") and smallest == 0:
        raise ValueError(f"smallest must be above zero where direction is {direction!r}, got 0")
    return float(smallest)


def _borders(direction: str, smallest: float) -> tuple[float, ...]:
    """Where the claim begins to hold."""
    return {"higher": (smallest,), "lower": (-smallest,)}.get(direction, (-smallest, smallest))


def capped(losses: ArrayLike, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Losses of which no run can count for more than equal guesses, and which runs failed.

    A run failed where its loss is not finite (it diverged), or within 1 % of the loss of equal guesses, or above.
    A failed run counts as exactly that loss: whether it ended at 2.301 or at 10⁶ says nothing about a rate.

    Args:
        losses: One loss a run; nan or infinite where the run diverged.
        classes: Number of classes; equal guesses have the loss ln(classes).

    Returns:
        The capped losses, and an array of the same shape that is true for failed runs.

    Raises:
        ValueError: Where losses are not numbers or negative, or classes is no whole number of 2 or more.
    """
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise ValueError(f"classes must be a whole number of 2 or more, got {classes!r}")
    array, cap = _numbers("losses", losses, least=1, finite=False), math.log(classes)
    if (array < 0).any():
        raise ValueError(f"losses must be zero or more, got {np.nanmin(array)}")
    failed = ~np.isfinite(array) | (array >= FAILED * cap)
    return np.where(failed, cap, array), failed


# Effects -----------------------------------------------------------------------------------------------


def mean_interval(values: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means along the last axis with Student's t interval.

    Args:
        values: One number a seed along the last axis, two seeds or more.

    Returns:
        Mean, lower and upper end, each without the last axis. Where all values of a row are equal, all three are
        that value.

    Raises:
        ValueError: Where values are not finite numbers for two seeds or more.
    """
    array = _numbers("values", values)
    mean, seeds = array.mean(axis=-1), array.shape[-1]
    scale = stats.sem(array, axis=-1)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1) * scale
    return mean, mean - half, mean + half


def paired_difference(first: ArrayLike, second: ArrayLike, *, log: bool = False) -> Effect:
    """The mean of first − second over seeds, or of ln(first / second), with Student's t interval.

    The logarithm is for quantities that are compared by ratio, as losses are: 0.1 there is a difference of about
    10 %. The interval is exact for normal differences at any number of seeds. It is not to be trusted where only
    some runs of an arm fail: then the mean is that of two groups, and the share of failed runs is the thing to
    judge.

    Args:
        first: One number a seed.
        second: The other arm's numbers, for the same seeds in the same order.
        log: Whether to compare logarithms.

    Returns:
        The effect; `spread` is the standard deviation of the differences.

    Raises:
        ValueError: Where the arms do not belong together, have fewer than two seeds, or, with log, are not
            positive.
    """
    one, other = _numbers("first", first), _numbers("second", second)
    _paired(one, other)
    if one.ndim != 1:
        raise ValueError(f"first and second must be lists with one number a seed, got {one.ndim} dimensions")
    if log:
        for name, values in (("first", one), ("second", other)):
            if (values <= 0).any():
                raise ValueError(f"{name} must be above zero for a comparison of logarithms, got {values.min()}")
        one, other = np.log(one), np.log(other)
    difference = one - other
    value, low, high = map(float, mean_interval(difference))
    return Effect(value, low, high, difference.size, spread=float(difference.std(ddof=1)))


def level(values: ArrayLike, reference: float, *, log: bool = False) -> Effect:
    """How far the mean of one arm lies from a number that the statement names.

    Args:
        values: One number a seed.
        reference: The number; above zero with log.
        log: Whether to compare logarithms.

    Returns:
        The effect, values − reference or ln(values / reference).

    Raises:
        ValueError: As for `paired_difference`.
    """
    array = _numbers("values", values)
    if not isinstance(reference, (int, float)) or isinstance(reference, bool) or not math.isfinite(reference):
        raise ValueError(f"reference must be a finite number, got {reference!r}")
    return paired_difference(array, np.full(array.shape, float(reference)), log=log)


def share_interval(counts: ArrayLike, total: int, confidence: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
    """Exact (Clopper–Pearson) binomial intervals, as `scipy.stats.binomtest` gives them, for many counts at once.

    Args:
        counts: How often it happened.
        total: Of how many.
        confidence: How often, at least, such an interval has the true share in it.

    Returns:
        Lower and upper ends.

    Raises:
        ValueError: Where a count is no whole number between 0 and total.
    """
    array = np.asarray(counts)
    if array.dtype.kind not in "iu" or total < 1 or ((array < 0) | (array > total)).any():
        raise ValueError(f"counts must be whole numbers between 0 and total, got {counts!r} of {total!r}")
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(array == 0, 0.0, stats.beta.ppf(tail, array, total - array + 1))
        high = np.where(array == total, 1.0, stats.beta.isf(tail, array + 1, total - array))
    return low, high


def share(outcomes: ArrayLike, reference: float = 0.0) -> Effect:
    """The share of runs to which something happened, less a reference, with its exact binomial interval.

    The interval covers at least 95 % whatever the true share, and usually more. With few runs it is wide: three of
    three is 0.29 to 1, ten of ten 0.69 to 1.

    Args:
        outcomes: One true or false a run.
        reference: A share that the statement names, between 0 and 1.

    Returns:
        The effect; `counts` has the number of true outcomes.

    Raises:
        ValueError: Where outcomes are empty or hold anything but true and false, or reference is no share.
    """
    array = _outcomes("outcomes", outcomes)
    if not isinstance(reference, (int, float)) or isinstance(reference, bool) or not 0 <= reference <= 1:
        raise ValueError(f"reference must be a share between 0 and 1, got {reference!r}")
    count = int(array.sum())
    low, high = (float(end) - reference for end in share_interval(count, array.size))
    value = count / array.size - reference
    return Effect(value, low, high, array.size, kind="share", counts=(count,), reference=float(reference))


def share_difference(first: ArrayLike, second: ArrayLike) -> Effect:
    """The share of `first` minus the share of `second`, for two arms that share their seeds.

    Only pairs that differ tell the arms apart: the difference is the share of pairs where first alone is true
    minus that where second alone is. Each of the two shares gets an exact binomial interval at 97.5 %, and their
    ends are combined; by Bonferroni the result covers at least 95 % at any number of seeds and any dependence
    between the arms. McNemar's exact test also uses these pairs only, but says nothing about the size of the
    difference, which the verdict needs; the usual intervals for it rest on a normal approximation that ten seeds
    do not carry. The price is width: with ten seeds, only differences above a half are told from none.

    Args:
        first: One true or false a seed.
        second: The other arm's, for the same seeds in the same order.

    Returns:
        The effect; `counts` has the number of pairs where first alone and where second alone is true.

    Raises:
        ValueError: Where the arms do not belong together, or hold anything but true and false.
    """
    one, other = _outcomes("first", first), _outcomes("second", second)
    _paired(one, other)
    only, only_other = int((one & ~other).sum()), int((~one & other).sum())
    low, high = map(float, shares_interval(only, only_other, one.size))
    counts = (only, only_other)
    return Effect((only - only_other) / one.size, low, high, one.size, kind="shares", counts=counts)


def shares_interval(only: ArrayLike, only_other: ArrayLike, total: int) -> tuple[np.ndarray, np.ndarray]:
    """The interval of `share_difference`, for many studies at once.

    Args:
        only: Number of pairs where the first alone is true.
        only_other: Number of pairs where the second alone is true.
        total: Number of pairs.

    Returns:
        Lower and upper ends.

    Raises:
        ValueError: As for `share_interval`.
    """
    each = (1 + CONFIDENCE) / 2
    low, high = share_interval(only, total, each)
    low_other, high_other = share_interval(only_other, total, each)
    return low - high_other, high - low_other


# Verdicts ----------------------------------------------------------------------------------------------


def decided(low: ArrayLike, high: ArrayLike, direction: str, smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether intervals make a claim hold, and whether they make it not hold.

    Args:
        low: Lower ends.
        high: Upper ends.
        direction: "higher": the claim is an effect above `smallest`. "lower": one below −smallest. "within": one
            between −smallest and smallest. "apart": one outside of that, on either side.
        smallest: The smallest difference that matters.

    Returns:
        Two arrays of true and false; where both are false, the claim is undecided.

    Raises:
        ValueError: Where an interval's ends are exchanged or nan, direction is unknown, or smallest is negative.
    """
    smallest = _claim(direction, smallest)
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    if not (low <= high).all():
        raise ValueError(f"low must be at most high, got {low!r} and {high!r}")
    if direction == "higher":
        return low > smallest, high < smallest
    if direction == "lower":
        return high < -smallest, low > -smallest
    inside, outside = (low > -smallest) & (high < smallest), (low > smallest) | (high < -smallest)
    return (inside, outside) if direction == "within" else (outside, inside)


def verdict(effect: Effect, direction: str, smallest: float) -> str:
    """What an interval says about a claim.

    Args:
        effect: The effect.
        direction: As for `decided`.
        smallest: As for `decided`.

    Returns:
        "holds", "does not hold" or "undecided".

    Raises:
        ValueError: As for `decided`.
    """
    holds, fails = decided(effect.low, effect.high, direction, smallest)
    return HOLDS if holds else FAILS if fails else UNDECIDED


def possible(direction: str, smallest: float, reference: float, seeds: int) -> set[str]:
    """Which verdicts on a share so many runs can give at all, whatever comes.

    Three runs give none on a border of a half: three of three is 0.29 to 1.

    Args:
        direction: As for `decided`.
        smallest: As for `decided`.
        reference: The share that the statement names.
        seeds: How many runs.

    Returns:
        "holds", "does not hold", both, or neither.

    Raises:
        ValueError: As for `decided`.
    """
    low, high = share_interval(np.arange(seeds + 1), seeds)
    holds, fails = decided(low - reference, high - reference, direction, smallest)
    return {verdict for verdict, can in ((HOLDS, holds.any()), (FAILS, fails.any())) if can}


def combined(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that all of several comparisons must bear out.

    It holds where all hold: no correction is needed, since the chance that all do wrongly is at most that of one.
    It does not hold where one does not; that side's chance of error grows with the number of comparisons, so there
    should be few.

    Args:
        verdicts: One or more verdicts.

    Returns:
        One verdict.

    Raises:
        ValueError: Where there is none, or one is unknown.
    """
    if not verdicts or not set(verdicts) <= {HOLDS, FAILS, UNDECIDED}:
        raise ValueError(f"verdicts must be {HOLDS!r}, {FAILS!r} or {UNDECIDED!r}, one or more, got {verdicts!r}")
    return FAILS if FAILS in verdicts else UNDECIDED if UNDECIDED in verdicts else HOLDS


def widened(effect: Effect, comparisons: int) -> Effect:
    """A mean with the interval of one of several comparisons, where one is enough: each is a chance to be wrong.

    Args:
        effect: Of `paired_difference` or `level`.
        comparisons: How many there are; each has its share of the error (Bonferroni).

    Returns:
        The effect; of six comparisons its interval is one of 99.2 %.
    """
    error = (1 - CONFIDENCE) / comparisons
    half = float(stats.t.ppf(1 - error / 2, effect.seeds - 1)) * effect.spread / math.sqrt(effect.seeds)
    return dataclasses.replace(effect, low=effect.value - half, high=effect.value + half, error=error)


def one_of(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that one of several comparisons bears out, such as that it depends on the data.

    It never fails: what was not found in these cases may be found in others.

    Args:
        verdicts: One or more verdicts, of `widened` effects.

    Returns:
        "holds" or "undecided".
    """
    return HOLDS if HOLDS in verdicts else UNDECIDED


def p_value(effect: Effect, direction: str, smallest: float) -> float:
    """The level at which the interval would just give a verdict: below 0.05, the interval of the effect gives one.

    For a mean it is the two-sided p value of Student's t test against the border of the claim, for "within" that
    of the border which decides (two one-sided tests). For shares it is found from the same exact intervals.

    Args:
        effect: The effect.
        direction: As for `decided`.
        smallest: As for `decided`.

    Returns:
        A number between 0 and 1.

    Raises:
        ValueError: As for `decided`.
    """
    smallest = _claim(direction, smallest)
    borders = _borders(direction, smallest)
    above = [_tail(effect, border, "greater") for border in borders]
    below = [_tail(effect, border, "less") for border in borders]
    one_sided = min(above[0], below[0])
    if len(borders) == 2:
        one_sided = min(max(above[0], below[1]), below[0], above[1])  # inside both, or outside one
    return min(1.0, 2 * one_sided * (1 - CONFIDENCE) / effect.error)


def _tail(effect: Effect, border: float, alternative: str) -> float:
    """The one-sided p value of: the effect lies on this side of the border."""
    if effect.kind == "mean":
        if effect.spread == 0:
            beyond = effect.value > border if alternative == "greater" else effect.value < border
            return 0.0 if beyond else 1.0
        score = (effect.value - border) / (effect.spread / math.sqrt(effect.seeds))
        return float(stats.t.sf(score if alternative == "greater" else -score, effect.seeds - 1))
    if effect.kind == "share":
        border += effect.reference
        if not 0 <= border <= 1:
            return float((border > 1) == (alternative == "greater"))
        return float(stats.binomtest(effect.counts[0], effect.seeds, border, alternative).pvalue)
    # A difference of shares: the level at which the combined interval just leaves the border out.
    only, only_other = effect.counts if alternative == "greater" else effect.counts[::-1]
    border = border if alternative == "greater" else -border

    def excess(level: float) -> float:
        low, _ = share_interval(only, effect.seeds, 1 - level)
        _, high = share_interval(only_other, effect.seeds, 1 - level)
        return float(low - high) - border

    lowest, highest = 1e-12, 1 - 1e-12
    if excess(highest) <= 0:
        return 1.0
    return lowest if excess(lowest) > 0 else float(optimize.brentq(excess, lowest, highest))


def false_discoveries(p_values: ArrayLike) -> np.ndarray:
    """Adjusted p values of a family of verdicts (Benjamini and Hochberg, 1995).

    Where a verdict counts only with an adjusted value of at most 0.05, on average at most 5 % of the verdicts of
    the family that are not "undecided" are wrong. The proof is for p values that are independent or positively
    dependent; statements that share runs are mostly the latter.

    Args:
        p_values: One a statement, see `p_value`.

    Returns:
        The adjusted values, in the same order.

    Raises:
        ValueError: Where there is none, or one is not between 0 and 1.
    """
    array = _numbers("p_values", p_values, least=1)
    if ((array < 0) | (array > 1)).any():
        raise ValueError(f"p_values must be between 0 and 1, got {array!r}")
    return stats.false_discovery_control(array, method="bh")


def seeds_to_decide(effect: Effect, direction: str, smallest: float) -> int | None:
    """How many seeds would probably give a verdict, if effect and spread are as estimated.

    A plan, not a promise: it rests on the same few runs as the undecided verdict. For means and shares it is the
    number that gives a verdict with a probability of 80 %; for a difference of shares it is the number at which
    the same shares would give one.

    Args:
        effect: An effect.
        direction: As for `decided`.
        smallest: As for `decided`.

    Returns:
        The smallest such number, at least that of the effect; None where it is above MOST_SEEDS.

    Raises:
        ValueError: As for `decided`.
    """
    smallest = _claim(direction, smallest)
    probability = {"mean": _mean_decides, "share": _share_decides, "shares": _shares_decide}[effect.kind]
    counts = range(effect.seeds, MOST_SEEDS + 1)
    return next((seeds for seeds in counts if probability(effect, direction, smallest, seeds) >= POWER), None)


def _mean_decides(effect: Effect, direction: str, smallest: float, seeds: int) -> float:
    if effect.spread == 0:
        return float(np.logical_or(*decided(effect.value, effect.value, direction, smallest)))
    borders = _borders(direction, smallest)
    distance = min(abs(effect.value - border) for border in borders)  # of two borders the nearer one decides
    noncentral = distance / effect.spread * math.sqrt(seeds)
    return float(stats.nct.sf(stats.t.ppf(1 - effect.error / 2, seeds - 1), seeds - 1, noncentral))


def _share_decides(effect: Effect, direction: str, smallest: float, seeds: int) -> float:
    counts = np.arange(seeds + 1)
    low, high = (ends - effect.reference for ends in share_interval(counts, seeds))
    sure = np.logical_or(*decided(low, high, direction, smallest))
    return float(stats.binom.pmf(counts, seeds, effect.value + effect.reference)[sure].sum())


def _shares_decide(effect: Effect, direction: str, smallest: float, seeds: int) -> float:
    only, only_other = (round(count * seeds / effect.seeds) for count in effect.counts)
    return float(np.logical_or(*decided(*shares_interval(only, only_other, seeds), direction, smallest)))
