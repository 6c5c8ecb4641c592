"""The rules of other finders, each written from its own code, with its own smoothing, stop and skipped points.

A rule takes the learning rates of a whole sweep (those of `recording.SWEEPS`) and its raw losses, the loss of each
batch, to the sweep's end or to one that is not finite or a thousand times the first. It gives a rate, or None
where its original raises an error or says that it has none. Oddities of the originals are kept where they move the
answer: Lightning's average is divided by 1 − 0.98**(i + 2), fastai's `valley` may wrap around to the last rate.

- fastai: fastai/callback/schedule.py (`LRFinder`, `lr_find`, the four rules) and fastai/learner.py
  (`AvgSmoothLoss`, `Recorder`), github.com/fastai/fastai, commit 0a049e8. `valley` is its default.
- Lightning: src/lightning/pytorch/tuner/lr_finder.py (`_LRCallback`, `suggestion`),
  github.com/Lightning-AI/pytorch-lightning, commit 0012782. Since release 2.5.3 it takes the slope by the learning
  rate (pull request 21055); before, by the step. Both are here.
- keras_lr_finder: keras_lr_finder/lr_finder.py (`on_batch_end`, `get_derivatives`, `get_best_lr`) and README.md,
  github.com/surmenok/keras_lr_finder, commit 3c8fe71. PyPI's 0.1 has the same derivatives, and no `get_best_lr`.
"""

import math
from collections.abc import Callable

import numpy as np

Rule = Callable[[np.ndarray, np.ndarray], float | None]
Curve = tuple[np.ndarray, np.ndarray]


def _whole(rates: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The losses of all rates: after one that is not finite, all are NaN."""
    return np.concatenate([losses, np.full(len(rates) - len(losses), np.nan)])


# fastai -----------------------------------------------------------------------------------------------


def fastai_curve(rates: np.ndarray, losses: np.ndarray) -> Curve:
    """What fastai's rules read: averaged with 0.98, to the first average above four times the best; then without
    the first tenth of the planned points, the last five, and whatever follows a NaN.
    """
    average, best, smoothed = 0.0, math.inf, []
    for i, loss in enumerate(_whole(rates, losses).tolist(), 1):
        average = 0.98 * average + 0.02 * loss
        smoothed.append(average / (1 - 0.98**i))
        best = min(best, smoothed[-1])
        if smoothed[-1] > 4 * best:
            break
    kept = np.array(smoothed[len(rates) // 10 : -5])
    lost = np.isnan(kept)
    end = lost.argmax() if lost.any() else len(kept)
    return rates[len(rates) // 10 :][:end], kept[:end]


def fastai_valley(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """A third and a sixth of the way along the longest falling subsequence, the first of those of that length."""
    rates, smoothed = fastai_curve(rates, losses)
    if not len(smoothed):
        return None
    length = np.ones(len(smoothed), int)  # of the longest one that ends at each point
    for i in range(len(smoothed)):
        length[i] += length[:i][smoothed[:i] > smoothed[i]].max(initial=0)
    end, longest = length.argmax(), length.max()
    if longest == 1:  # nothing falls: it begins and ends at the first point
        return float(rates[0])
    return float(rates[end - longest + longest // 3 + longest // 6])


def fastai_slide(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """The left end of a window of 15 steps, slid from the right while the slopes at its ends differ by 0.005."""
    rates, smoothed = fastai_curve(rates, losses)
    if len(smoothed) < 16:
        return None
    slope, left = np.gradient(smoothed), len(smoothed) - 16
    answer = left
    while left >= 0 and abs(slope[left + 15] - slope[left]) > 0.005:
        answer, left = left, left - 1
    return float(rates[answer])


def fastai_minimum(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """A tenth of the rate with the lowest loss."""
    rates, smoothed = fastai_curve(rates, losses)
    return float(rates[smoothed.argmin()]) / 10 if len(smoothed) else None


def fastai_steep(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """The rate before the largest fall by the logarithm of the rate."""
    rates, smoothed = fastai_curve(rates, losses)
    return float(rates[(np.diff(smoothed) / np.diff(np.log(rates))).argmin()]) if len(smoothed) > 1 else None


# Lightning --------------------------------------------------------------------------------------------


def lightning_curve(rates: np.ndarray, losses: np.ndarray) -> Curve:
    """What Lightning's suggestion reads: averaged with 0.98, to the first average above four times the best; then
    without the first ten points, the last one, and those that are not finite.
    """
    average, best, smoothed = 0.0, math.inf, []
    for i, loss in enumerate(_whole(rates, losses).tolist(), 1):
        average = 0.98 * average + 0.02 * loss
        smoothed.append(average / (1 - 0.98 ** (i + 1)))
        if smoothed[-1] > 4 * best:
            break
        best = min(best, smoothed[-1])
    kept = np.array(smoothed[10:-1])
    finite = np.isfinite(kept)
    return rates[10:][: len(kept)][finite], kept[finite]


def lightning(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Where the loss falls most by the learning rate, in single precision as there."""
    rates, smoothed = lightning_curve(rates, losses)
    if len(smoothed) < 2:
        return None
    return float(rates[np.gradient(smoothed.astype("float32"), rates.astype("float32")).argmin()])


def lightning_by_step(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """Where the loss falls most from step to step: before release 2.5.3."""
    rates, smoothed = lightning_curve(rates, losses)
    return float(rates[np.gradient(smoothed.astype("float32")).argmin()]) if len(smoothed) > 1 else None


# keras_lr_finder --------------------------------------------------------------------------------------


def keras_lr_finder_curve(rates: np.ndarray, losses: np.ndarray, steps_per_epoch: int) -> Curve:
    """What it notes: `logs["loss"]`, the running mean of the epoch, to one above four times the best, or NaN, but
    at the first six batches of an epoch.
    """
    best, noted, total = 1e9, [], 0.0
    for i, loss in enumerate(_whole(rates, losses).tolist()):
        batch = i % steps_per_epoch
        total = loss if batch == 0 else total + loss
        noted.append(total / (batch + 1))
        if batch > 5 and not noted[-1] <= 4 * best:
            break
        best = min(best, noted[-1])
    return rates[: len(noted)], np.array(noted)


def keras_lr_finder(rates: np.ndarray, losses: np.ndarray, steps_per_epoch: int) -> float | None:
    """`get_best_lr(sma=20, n_skip_beginning=20, n_skip_end=5)`, the numbers of the README: where the loss has
    fallen most over 20 steps.
    """
    rates, noted = keras_lr_finder_curve(rates, losses, steps_per_epoch)
    change = np.concatenate([np.zeros(20), noted[20:] - noted[:-20]])[: len(noted)][20:-5]
    return float(rates[20:-5][change.argmin()]) if len(change) else None


# The kind of sweep and the rule of each, but keras_lr_finder's, which needs the length of an epoch.
RIVALS: dict[str, tuple[str, Rule]] = {
    "fastai valley": ("fastai", fastai_valley),
    "fastai slide": ("fastai", fastai_slide),
    "fastai minimum": ("fastai", fastai_minimum),
    "fastai steep": ("fastai", fastai_steep),
    "Lightning": ("lightning", lightning),
    "Lightning before 2.5.3": ("lightning", lightning_by_step),
}
