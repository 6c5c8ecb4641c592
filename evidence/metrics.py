"""What is measured on a run, and on the runs of one seed at several rates.

A metric of a run takes the run; one of a grid takes a mapping from rates to the runs of one seed; one of a sweep
takes the rate that a rule of the range test suggests, and the losses of one seed's grid. Epochs count from 1.
What a run has measured besides its history is in `measured`, lists as the probes in probes.py describe them.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import rules

SETTLED = 6  # the epoch from which a curve is looked at for smoothness: the steep descent is over
LATE = 96  # steps: half an epoch
FALL = 8 * 192  # the step at which the rate begins to fall in the study "plateau"


SWEPT = ("sweep", "single", "pair")


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number, or a yes or no, of one run or of one seed's grid.

    `scale` is "loss" (capped at equal guesses, compared by its logarithm), "log" (compared by its logarithm),
    "number" or "yes". `of` is what `compute` takes: "run", "grid", or one of SWEPT: "sweep" (the rate that a sweep
    suggests, and one grid), "single" (that rate, and the mean of the grids) or "pair" (the rates of two sweeps).
    `words` are for the reader.
    """

    compute: Callable[..., float]
    scale: str
    words: str
    of: str = "run"


def oscillation(values: Sequence[float]) -> float:
    """Mean absolute second difference from epoch 6 on: how much a curve bends from epoch to epoch."""
    return float(np.abs(np.diff(values[SETTLED - 1 :], n=2)).mean())


def fallen_by(values: Sequence[float], epoch: int, start: float = math.log(10)) -> float:
    """Share of the whole fall, from equal guesses to the last epoch, that is done after so many epochs."""
    return (start - values[epoch - 1]) / (start - values[-1])


def epochs_to(values: Sequence[float], limit: float) -> int:
    """The first epoch whose value is at or below a limit; where none is, one more than there are."""
    return next((epoch for epoch, value in enumerate(values, start=1) if value <= limit), len(values) + 1)


def failed(run: Any) -> bool:
    """Whether a run has learned nothing: it diverged, or ends within 1 % of the loss of equal guesses."""
    losses = run.history.get("val_loss") or run.history["loss"]
    return run.status == "diverged" or bool(rules.capped([losses[-1]])[1][0])


def late_mean(values: Sequence[float]) -> float:
    """Mean of the last half epoch."""
    return float(np.mean(values[-LATE:]))


def turning(steps: np.ndarray) -> float:
    """Net way over the way gone, of many weights: 0 where steps cancel, 1 where all go one way.

    Args:
        steps: Updates, (steps, weights).

    Returns:
        The mean over the weights that move at all.
    """
    net, gone = np.abs(steps.sum(axis=0)), np.abs(steps).sum(axis=0)
    return float((net[gone > 0] / gone[gone > 0]).mean()) if (gone > 0).any() else 0.0


def best_rate(losses: Mapping[float, float]) -> float:
    """The best rate: the lowest point of a parabola through the best rate of a grid and its two neighbours.

    In the logarithms of rate and loss; where the best rate has no neighbour on a side, that rate itself.
    """
    rates = sorted(losses)
    x = np.log(rates)
    y = np.log([rules.capped([losses[rate]])[0][0] for rate in rates])
    i = int(np.argmin(y))
    if not 0 < i < len(rates) - 1:
        return float(rates[i])
    a, b, _ = np.polyfit(x[i - 1 : i + 2] - x[i], y[i - 1 : i + 2], 2)
    return float(rates[i] * np.exp(-b / (2 * a))) if a > 0 else float(rates[i])


def edges(losses: Mapping[float, float], limit: float) -> tuple[float, float]:
    """Where the rates around the best one whose loss is at or below a limit begin and end, as log10.

    Between the last rate that is and the first that is not, the edge is where a straight line in the logarithms
    crosses the limit; a range that goes on beyond the grid ends with it. Where no loss is, both are the best rate.
    """
    rates = sorted(losses)
    x, y = np.log10(rates), np.log([losses[rate] / limit for rate in rates])
    best = int(np.argmin(y))
    if y[best] > 0:
        return float(x[best]), float(x[best])
    ends = []
    for side in (range(best, -1, -1), range(best, len(rates))):
        inside, outside = best, None
        for i in side:
            if y[i] > 0:
                outside = i
                break
            inside = i
        end = x[inside]
        if outside is not None:
            end += (x[outside] - x[inside]) * -y[inside] / (y[outside] - y[inside])
        ends.append(end)
    return float(ends[0]), float(ends[1])


def width(losses: Mapping[float, float], limit: float) -> float:
    """Decades of rates around the best one whose loss is at or below a limit; 0 where none is."""
    low, high = edges(losses, limit)
    return high - low


def regret(rate: float | None, losses: Mapping[float, float]) -> float:
    """Loss at a rate over the lowest of a grid, between its rates along straight lines in the logarithms.

    A rate beyond the grid has the loss of the nearest end; a rule without an answer has that of equal guesses.
    """
    rates = sorted(losses)
    y = np.log([rules.capped([losses[known]])[0][0] for known in rates])
    here = math.log(math.log(10)) if rate is None else np.interp(math.log(rate), np.log(rates), y)
    return float(np.exp(here - y.min()))


def lowest_point(learning_rates: np.ndarray, smoothed: np.ndarray) -> float:
    """The rate at which a range test's smoothed loss is lowest: what it would be to read the curve's bottom."""
    return float(learning_rates[int(np.argmin(smoothed))])


def steepest_anywhere(learning_rates: np.ndarray, smoothed: np.ndarray) -> float:
    """Where a range test's smoothed loss falls most steeply, be it behind its lowest point."""
    return float(learning_rates[int(np.argmin(np.gradient(smoothed, np.log(learning_rates))))])


READINGS = {"lowest": lowest_point, "steepest-anywhere": steepest_anywhere}  # beside the rules of lr_range_test


def _val(run: Any, epoch: int = 0) -> float:
    """The validation loss after an epoch, or the last one."""
    losses = run.history["val_loss"]
    return losses[epoch - 1] if len(losses) >= max(epoch, 1) and run.status != "diverged" else math.nan


def _losses(runs: Mapping[float, Any], epoch: int = 0) -> dict[float, float]:
    return {rate: float(rules.capped([_val(run, epoch)])[0][0]) for rate, run in runs.items()}


def _own(losses: Mapping[float, float]) -> tuple[float, float]:
    return edges(losses, 2 * min(losses.values()))


def _ratio(runs: Mapping[float, Any]) -> float:
    losses = _losses(runs).values()
    return max(losses) / min(losses)


def missed(losses: Mapping[float, float]) -> float:
    """The share of a grid's rates whose loss is more than 10 % above its lowest: how often a guess would miss."""
    values = np.array(list(losses.values()))
    return float(np.mean(values > 1.1 * values.min()))


def wall(runs: Mapping[float, Any]) -> float:
    """The largest rate that survives over 2/λ of the start, in the middle of the rung where it ends.

    Where all survive, or none, nan: the grid must be extended.
    """
    rates = sorted(runs)
    fails = [failed(runs[rate]) for rate in rates]
    if fails[0] or not any(fails):
        return math.nan
    first = fails.index(True)
    return math.sqrt(rates[first - 1] * rates[first]) * runs[rates[0]].measured["sharpness"][0] / 2


def _late_biases(run: Any) -> np.ndarray:
    return np.asarray(run.measured["output/bias updates"], float)[-LATE:]


METRICS: dict[str, Metric] = {
    "test_loss": Metric(lambda run: run.test_loss, "loss", "test loss"),
    "test_accuracy": Metric(lambda run: run.test_accuracy, "number", "test accuracy"),
    "test_loss_plain": Metric(lambda run: run.test_loss, "number", "test loss"),
    "train_loss": Metric(lambda run: run.history["loss"][-1], "loss", "training loss of the last epoch"),
    "val_loss": Metric(_val, "loss", "validation loss of the last epoch"),
    "train_loss_first": Metric(lambda run: run.history["loss"][0], "log", "training loss of the first epoch"),
    "train_range_later": Metric(
        lambda run: float(np.ptp(run.history["loss"][1:])), "number", "range of the training loss from epoch 2 on"
    ),
    "fallen_by_5": Metric(
        lambda run: fallen_by(run.history["loss"], 5),
        "number",
        "share of the fall of the training loss in 5 epochs",
    ),
    "val_loss_1": Metric(lambda run: _val(run, 1), "loss", "validation loss after the first epoch"),
    "epochs_to_quarter": Metric(
        lambda run: epochs_to(run.history["val_loss"], 0.25), "log", "epochs until the validation loss is at 0.25"
    ),
    "still_falling": Metric(
        lambda run: _val(run) / _val(run, 20), "log", "last validation loss over that after epoch 20"
    ),
    "oscillation": Metric(
        lambda run: oscillation(run.history["val_loss"]),
        "log",
        "zigzag of the validation loss from epoch to epoch",
    ),
    "oscillation_of_log": Metric(
        lambda run: oscillation(np.log(run.history["val_loss"])),
        "log",
        "zigzag of the log of the validation loss",
    ),
    "rises": Metric(
        lambda run: float(np.mean(np.diff(run.history["val_loss"][5:]) > 0)),
        "number",
        "share of the epochs from 7 on in which the validation loss rises",
    ),
    "failed": Metric(failed, "yes", "runs that learned nothing"),
    "survived": Metric(lambda run: not failed(run), "yes", "runs that learned something"),
    "climb": Metric(
        # Cycles of four epochs: the trough is after epoch 4, the next peak after epoch 6.
        lambda run: max(run.history["val_loss"][4:6]) > 1.1 * run.history["val_loss"][3],
        "yes",
        "runs whose validation loss rises by over 10 % on the way back to the peak",
    ),
    "checkpoint": Metric(
        lambda run: min(run.history["val_loss"]) / run.history["val_loss"][7],
        "log",
        "validation loss of the best epoch over that of the last trough",
    ),
    # Per step
    "late_batch_loss": Metric(
        lambda run: late_mean(run.measured["batch losses"]), "loss", "mean loss of the last 96 batches"
    ),
    "fall_batch_loss": Metric(
        lambda run: float(np.mean(run.measured["batch losses"][FALL : FALL + LATE])),
        "loss",
        "mean loss of the 96 batches from where the rate falls",
    ),
    "last_over_highest": Metric(
        lambda run: run.measured["loss"][-1] / max(run.measured["loss"]),
        "log",
        "loss of the last batch over the highest of the epoch",
    ),
    "dead": Metric(
        lambda run: run.measured["dense/dead"][-1],
        "number",
        "share of units of the dense layer that are 0 for every image",
    ),
    "same_answer": Metric(
        lambda run: run.measured["spread"][-1] < 0.01, "yes", "runs that answer every image alike"
    ),
    "bias_turning": Metric(
        lambda run: turning(_late_biases(run)),
        "number",
        "net way over the way gone, output biases, last 96 steps",
    ),
    "bias_step": Metric(
        lambda run: float(np.abs(_late_biases(run)).mean()), "log", "mean step of the output biases, last 96 steps"
    ),
    # Along training
    "sharpness_times_rate_start": Metric(
        lambda run: run.measured["sharpness"][0] * run.experiment.learning_rate / 2, "log", "λ·rate/2 at the start"
    ),
    "sharpness_times_rate_late": Metric(
        lambda run: float(np.median(run.measured["sharpness"][-5:])) * run.experiment.learning_rate / 2,
        "log",
        "λ·rate/2, median of the last five measurements",
    ),
    "sharpness_fall": Metric(
        lambda run: min(run.measured["sharpness"]) / run.measured["sharpness"][0],
        "log",
        "lowest λ over the first",
    ),
    # Of a grid: one seed's runs by rate
    "best_rate": Metric(lambda runs: best_rate(_losses(runs)), "log", "best rate", of="grid"),
    "worst_twice": Metric(
        lambda runs: _ratio(runs) > 2,
        "yes",
        "seeds whose worst rate ends at over twice the best loss",
        of="grid",
    ),
    "missed": Metric(
        lambda runs: missed(_losses(runs)),
        "number",
        "share of the grid's rates that end over 10 % above its best",
        of="grid",
    ),
    "width_1": Metric(
        lambda runs: width(_losses(runs, 1), 0.5),
        "number",
        "decades of rates at a validation loss of 0.5 or less after epoch 1",
        of="grid",
    ),
    "width_10": Metric(
        lambda runs: width(_losses(runs, 10), 0.1),
        "number",
        "decades of rates at a validation loss of 0.1 or less after epoch 10",
        of="grid",
    ),
    "lower_own": Metric(
        lambda runs: _own(_losses(runs))[0],
        "number",
        "lower end of the rates within twice the own best loss, in decades",
        of="grid",
    ),
    "upper_own": Metric(
        lambda runs: _own(_losses(runs))[1],
        "number",
        "upper end of the rates within twice the own best loss, in decades",
        of="grid",
    ),
    "width_own_10": Metric(
        lambda runs: float(np.diff(_own(_losses(runs, 10)))[0]),
        "number",
        "decades of rates within twice the own best loss after epoch 10",
        of="grid",
    ),
    "lowest": Metric(lambda runs: min(_losses(runs).values()), "loss", "lowest loss of the grid", of="grid"),
    "wall_over_critical": Metric(wall, "log", "largest rate that survives, over 2/λ at the start", of="grid"),
    # Of a sweep, or of two
    "regret": Metric(regret, "log", "loss at the rate over the lowest of the grid", of="sweep"),
    "regret_twice": Metric(
        lambda rate, losses: regret(rate, losses) > 2,
        "yes",
        "grids on which the suggested rate ends above twice the lowest loss",
        of="sweep",
    ),
    "regret_quarter": Metric(
        lambda rate, losses: regret(rate, losses) <= 1.25,
        "yes",
        "sweeps whose rate costs at most 25 % above the lowest loss of the grid",
        of="single",
    ),
    "off": Metric(
        lambda rate, losses: math.nan if rate is None else rate / best_rate(losses),
        "log",
        "suggested rate over the best one",
        of="sweep",
    ),
    "agrees": Metric(
        lambda rate, other: rate is not None and other is not None and max(rate / other, other / rate) <= 1.5,
        "yes",
        "pairs of sweeps that agree within a factor of 1.5",
        of="pair",
    ),
}
