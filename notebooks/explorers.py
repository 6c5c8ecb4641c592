"""What a reader moves: controls, and a picture that follows them.

Imports neither TensorFlow nor the lr_ modules: what it shows is handed to it.
"""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from lesson import STYLES, spread

WIDTH, DPI = 9.6, 100  # inches and dots an inch: pictures of 960 px


class Explorer(widgets.VBox):
    """Controls, a picture that follows them, and a sentence that says what it shows.

    `controls` holds the widgets by name, `figure` what is drawn, `message` the sentence. The figure is kept and
    drawn anew into an image: with Matplotlib the quickest way, and it needs no other package.
    """

    def __init__(
        self,
        controls: Mapping[str, Any],
        figure: Figure,
        update: Callable[..., str],
        columns: Sequence[Sequence[str]] = (),
    ) -> None:
        self.controls, self.figure, self._update = dict(controls), figure, update
        self.message = widgets.HTML()
        self._picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", width="960px"))
        boxes = [widgets.VBox([self.controls[name] for name in column]) for column in columns or [self.controls]]
        layout = widgets.Layout(flex_flow="row wrap", max_width="960px")
        super().__init__([widgets.Box(boxes, layout=layout), self._picture, self.message])
        for control in self.controls.values():
            control.observe(self._changed, "value")
        self._changed()

    def __repr__(self) -> str:
        return "Controls and a picture that follows them: run the notebook to use them."

    def _changed(self, change: Any = None) -> None:
        values = {name: control.value for name, control in self.controls.items()}
        odd = [name for name, value in values.items() if isinstance(value, float) and not math.isfinite(value)]
        if odd:
            self.message.value = f"<b>{', '.join(odd)} must be a number.</b>"
            return
        self.message.value = self._update(**values)
        picture = io.BytesIO()
        self.figure.savefig(picture, format="png", dpi=DPI)
        self._picture.value = picture.getvalue()


def _figure(**layout: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH, 3.6))
    return figure, figure.subplots(1, 2, gridspec_kw={"wspace": 0.25} | layout)


def _rate_slider(name: str, value: float, low: float = -4, high: float = 0) -> widgets.FloatLogSlider:
    return widgets.FloatLogSlider(value, min=low, max=high, step=0.02, **_named(name))


def _named(name: str) -> dict[str, Any]:
    return {
        "description": name,
        "tooltip": name,
        "style": {"description_width": "10em"},
        "layout": widgets.Layout(width="440px"),
    }


def _choice(name: str, options: Any) -> widgets.SelectionSlider:
    # A closed Dropdown loses its keys to JupyterLab (ipywidgets issue 3912): "r" would make the cell a raw one.
    return widgets.SelectionSlider(options=options, **_named(name))


def _slider(name: str, value: float, low: float, high: float, step: float) -> widgets.FloatSlider:
    return widgets.FloatSlider(value, min=low, max=high, step=step, **_named(name))


# A landscape: loss, gradient, and its lowest value. The wells are a sharp one at −1 and a wide one at 1.1, with a
# saddle between them at −0.38.
def _wells(x: Any, y: Any) -> Any:
    sharp, wide = 0.9 * np.exp(-((x + 1) ** 2) / 0.125), np.exp(-((x - 1.2) ** 2) / 1.28)
    return 0.5 * y**2 + 0.05 * x**2 - sharp - wide


def _wells_gradient(x: Any, y: Any) -> np.ndarray:
    sharp, wide = 0.9 * np.exp(-((x + 1) ** 2) / 0.125), np.exp(-((x - 1.2) ** 2) / 1.28)
    return np.array([0.1 * x + sharp * (x + 1) / 0.0625 + wide * (x - 1.2) / 0.64, y])


LANDSCAPES = {
    "bowl": (lambda x, y: 0.5 * (x**2 + y**2), lambda x, y: np.array([x, y]), 0.0),
    "ravine": (lambda x, y: 0.5 * (x**2 + 20 * y**2), lambda x, y: np.array([x, 20 * y]), 0.0),
    "two minima": (_wells, _wells_gradient, -0.9317),
}


def descend(
    gradient: Callable[..., np.ndarray],
    start: Sequence[float],
    learning_rate: float,
    steps: int = 100,
    momentum: float = 0.0,
    noise: float = 0.0,
) -> np.ndarray:
    """The path of gradient descent, (steps + 1, 2), with Keras's momentum, and Gaussian noise on the gradient.

    Where it leaves the numbers, above 1e150, it stays.
    """
    path, velocity, rng = [np.array(start, float)], 0.0, np.random.default_rng(0)
    for _ in range(steps):
        velocity = momentum * velocity - learning_rate * (gradient(*path[-1]) + noise * rng.normal(size=2))
        path.append(np.clip(path[-1] + velocity, -1e150, 1e150))
    return np.array(path)


def _happens(path: np.ndarray, gaps: np.ndarray, noise: float) -> str:
    """What a path does, in words. `gaps` are the losses above the lowest."""
    late = len(gaps) // 2
    turns = np.sum(np.diff(path[:-1], axis=0) * np.diff(path[1:], axis=0), axis=1)[late - 2 :]
    back_and_forth = np.mean(turns < 0) > 0.5
    if gaps[-1] > 10 * max(gaps[0], 0.1):
        return "<b>Diverging.</b> Each step overshoots further than the one before."
    if noise and gaps[late:].mean() > 0.5 * gaps[late // 2 : late].mean():
        return "<b>Stalled in the noise.</b> The loss no longer falls; a smaller rate would let it fall further."
    if gaps[-1] < 1e-3 * max(gaps[0], 1e-9) or gaps[-1] < 1e-6:
        how = ", jumping from side to side" if back_and_forth else ""
        return f"<b>Converging</b>{how}. It is at the lowest point, or nearly."
    if back_and_forth and gaps[-1] > 0.5 * gaps[late]:
        return "<b>Oscillating.</b> It jumps from side to side and does not settle: the rate is too large here."
    if gaps[-20] - gaps[-1] < 0.01 * gaps[-20]:
        return "<b>Stuck.</b> It hardly moves any more, and this is not the lowest point."
    return "<b>Converging, slowly.</b> The loss still falls; there is some way left."


def explore_gradient_descent() -> Explorer:
    """Gradient descent on three landscapes: rate, momentum, noise and start; a path of 100 steps, its losses."""
    figure, (field, curve) = _figure(left=0.07, right=0.98, bottom=0.14, top=0.9)
    grid = np.meshgrid(np.linspace(-2.5, 2.5, 120), np.linspace(-2, 2, 80))
    (track,) = field.plot([], [], "o-", color=STYLES[1]["color"], markersize=3, linewidth=1)
    (first,) = field.plot([], [], "s", color="black", markersize=7)
    (losses,) = curve.plot([], [], **STYLES[0])
    field.set(xlabel="x", ylabel="y")
    field.set_title("The path, from the square", y=1.02)  # else Matplotlib looks for a place in every picture
    curve.set(xlabel="step", ylabel="loss above the lowest", yscale="log", xlim=(0, 100), ylim=(1e-8, 1e3))
    curve.set_title("The loss of each step", y=1.02)
    curve.yaxis.set_major_formatter("{x:g}")  # powers of ten are formulas, which take longer
    curve.grid(alpha=0.3)
    drawn: dict[str, Any] = {}

    def update(landscape: str, learning_rate: float, momentum: float, noise: float, x: float, y: float) -> str:
        loss, gradient, lowest = LANDSCAPES[landscape]
        if drawn.get("landscape") != landscape:
            if drawn:
                drawn["contours"].remove()
            height = loss(*grid) - lowest
            levels = np.geomspace(0.02, height.max(), 12)
            drawn.update(
                landscape=landscape, contours=field.contour(*grid, height, levels, colors="0.7", zorder=0)
            )
        path = descend(gradient, (x, y), learning_rate, 100, momentum, noise)
        gaps = np.maximum(loss(*path.T) - lowest, 1e-9)
        inside = np.clip(path, -1e3, 1e3)  # far outside the map, where Matplotlib could not draw
        track.set_data(inside.T)
        first.set_data([x], [y])
        field.set(xlim=(-2.5, 2.5), ylim=(-2, 2))
        losses.set_data(np.arange(len(gaps)), np.minimum(gaps, 1e12))
        return (
            f"{_happens(path, gaps, noise)} Loss above the lowest: {gaps[0]:.3g} at first, {gaps[-1]:.3g} at last."
        )

    controls = {
        "landscape": _choice("landscape", list(LANDSCAPES)),
        "learning_rate": _rate_slider("learning rate", 0.1, -3, 0.6),
        "momentum": _slider("momentum", 0.0, 0.0, 0.99, 0.01),
        "noise": _slider("noise", 0.0, 0.0, 2.0, 0.05),
        "x": _slider("start x", -1.6, -2.5, 2.5, 0.05),
        "y": _slider("start y", 1.0, -2.0, 2.0, 0.05),
    }
    return Explorer(controls, figure, update, [["landscape", "learning_rate", "momentum"], ["noise", "x", "y"]])


# What each schedule of `explore_schedules` asks for.
SCHEDULES = {
    "fixed": ("rate",),
    "linear_decay": ("rate",),
    "step_decay": ("rate", "drop", "every"),
    "time_decay": ("rate", "decay"),
    "exponential_decay": ("rate", "decay"),
    "CosineDecay": ("rate", "warmup"),
    "CyclicalLearningRate": ("rate", "min_lr", "half", "policy"),
    "OneCycle": ("rate",),
    "WarmupStableDecay": ("rate", "warmup", "stable"),
    "InverseDecay": ("rate",),
}
POLICIES = ("triangular", "triangular2", "exp_range", "sinusoidal", "parabolic")


def schedule_call(kind: str, steps_per_epoch: int, epochs: int, **values: Any) -> tuple[str, np.ndarray]:
    """The constructor call of a schedule, and the rates of its steps, computed here without TensorFlow.

    Raises ValueError for values that do not go together. The tests compare the rates with those of the call.
    """
    rate, steps = float(f"{values['rate']:.3g}"), epochs * steps_per_epoch
    t, end = np.arange(steps), f"steps_per_epoch={steps_per_epoch})"
    warmup = values["warmup"] * steps_per_epoch
    if kind == "fixed":
        return f"{rate:g}", np.full(steps, rate)
    if kind == "linear_decay":
        return f"lr.linear_decay({rate:g}, epochs={epochs}, {end}", rate * (1 - t / steps)
    if kind == "step_decay":
        drop, every = round(values["drop"], 2), values["every"]
        call = f"lr.step_decay({rate:g}, drop={drop:g}, every={every}, {end}"
        return call, rate * drop ** (t // (every * steps_per_epoch))
    if kind in ("time_decay", "exponential_decay"):
        decay, epoch = float(f"{values['decay']:.3g}"), t / steps_per_epoch
        shape = 1 / (1 + decay * epoch) if kind == "time_decay" else np.exp(-decay * epoch)
        return f"lr.{kind}({rate:g}, {decay:g}, {end}", rate * shape
    if kind == "CosineDecay":
        if warmup >= steps:
            raise ValueError(f"warm-up must be shorter than the run, {epochs} epochs: nothing is left to decay")
        call = f"keras.optimizers.schedules.CosineDecay({rate:g}, {steps})"
        if warmup:
            warm = f"{steps - warmup}, warmup_target={rate:g}, warmup_steps={warmup}"
            call = f"keras.optimizers.schedules.CosineDecay(0.0, {warm})"
        falling = 0.5 * (1 + np.cos(np.pi * (t - warmup) / (steps - warmup)))
        return call, rate * np.where(t < warmup, t / max(warmup, 1), falling)
    if kind == "CyclicalLearningRate":
        low, size, policy = float(f"{values['min_lr']:.3g}"), values["half"] * steps_per_epoch, values["policy"]
        if low >= rate:
            raise ValueError(f"min_lr must be below the largest rate, got {low:g} and {rate:g}")
        cycle = t // (2 * size)
        height = 1 - np.abs(t / size - 2 * cycle - 1)
        gamma = float(f"{0.25 ** (1 / steps):.6g}")  # a quarter of the height at the end of the run
        shapes = {"triangular": height, "triangular2": height * 0.5**cycle, "exp_range": height * gamma**t}
        shapes |= {"sinusoidal": np.sin(np.pi / 2 * height) ** 2, "parabolic": 1 - (1 - height) ** 2}
        extra = f', "{policy}"' * (policy != "triangular") + f", gamma={gamma:g}" * (policy == "exp_range")
        call = f"lr.CyclicalLearningRate({low:g}, {rate:g}, {size}{extra})"
        return call, low + (rate - low) * shapes[policy]
    if kind == "OneCycle":
        peak = 0.3 * steps - 1
        height = np.sin(np.pi / 2 * np.minimum(t / peak, (steps - 1 - t) / (steps - 1 - peak))) ** 2
        low = np.where(t < peak, rate / 25, rate / 25e4)
        return f"lr.OneCycle({rate:g}, {steps})", low + (rate - low) * height
    if kind == "WarmupStableDecay":
        stable = values["stable"] * steps_per_epoch
        decay = steps - warmup - stable
        if decay <= 0:
            raise ValueError(f"warm-up and stable must leave something of the {epochs} epochs for the decay")
        call = f"lr.WarmupStableDecay({rate:g}, warmup={warmup}, stable={stable}, decay={decay})"
        return call, rate * np.where(t < warmup, t / max(warmup, 1), np.clip((steps - t) / decay, 0, 1))
    return f"lr.InverseDecay({rate:g})", rate * (1 + 0.0001 * t) ** -0.75


def explore_schedules(steps_per_epoch: int = 36, epochs: int = 8) -> Explorer:
    """Any two schedules of the series with parameters of their own, and the calls that make them.

    Raises ValueError where `steps_per_epoch` or `epochs` is below 1, or the run has fewer than 4 steps.
    """
    for name, value in (("steps_per_epoch", steps_per_epoch), ("epochs", epochs)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if steps_per_epoch * epochs < 4:
        raise ValueError(f"epochs times steps_per_epoch must be at least 4, got {epochs} and {steps_per_epoch}")
    figure = Figure(figsize=(WIDTH, 3.2))
    ax = figure.add_axes((0.08, 0.16, 0.9, 0.7))
    lines = {
        side: ax.plot([], [], label=side.upper(), **style)[0] for side, style in zip("ab", STYLES, strict=False)
    }
    ax.set(xlabel="epoch", ylabel="learning rate", title="The rate of every step", xlim=(0, epochs))
    figure.legend(loc="upper right", ncols=2, frameon=False)
    ax.grid(alpha=0.3)
    controls: dict[str, Any] = {}
    for side, kind in (("a", "CyclicalLearningRate"), ("b", "OneCycle")):

        def count(name: str, value: int, least: int) -> widgets.IntSlider:
            return widgets.IntSlider(min(value, epochs), min=least, max=epochs, **_named(name))

        made = {
            "schedule": _choice(f"schedule {side.upper()}", list(SCHEDULES)),
            "rate": _rate_slider("largest rate", 0.1, -5, 1),
            "min_lr": _rate_slider("min_lr", 0.01, -5, 1),
            "drop": _slider("drop", 0.5, 0.05, 0.95, 0.05),
            "every": count("every (epochs)", 2, 1),
            "decay": _rate_slider("decay per epoch", 0.3, -2, 1),
            "half": count("half cycle (epochs)", 2, 1),
            "policy": _choice("policy", POLICIES),
            "warmup": count("warm-up (epochs)", 1, 0),
            "stable": count("stable (epochs)", 4, 0),
        }
        made["schedule"].value = kind
        controls |= {f"{side}_{name}": control for name, control in made.items()}

    def update(**values: Any) -> str:
        sentences = []
        for side, line in lines.items():
            own = {name[2:]: value for name, value in values.items() if name.startswith(f"{side}_")}
            kind = own.pop("schedule")
            for name in own:
                controls[f"{side}_{name}"].layout.display = "" if name in SCHEDULES[kind] else "none"
            try:
                call, rates = schedule_call(kind, steps_per_epoch, epochs, **own)
                sentences.append(f"{side.upper()}: <code>{html.escape(call)}</code>")
            except ValueError as error:
                rates = np.array([])
                sentences.append(f"{side.upper()}: <b>{html.escape(str(error))}</b>")
            line.set_data(np.arange(len(rates)) / steps_per_epoch, rates)
        ax.relim()
        ax.autoscale_view(scalex=False)
        return "<br>".join(sentences)

    columns = [[name for name in controls if name.startswith(side)] for side in "ab"]
    return Explorer(controls, figure, update, columns)


def explore_range_test(result: Any) -> Explorer:
    """The curve of a `RangeTest`, each rule's pick, and the triangular cycle that two handles would give."""
    rates, smoothed = np.asarray(result.learning_rates, float), np.asarray(result.smoothed, float)
    figure, (curve, cycle) = _figure(left=0.07, right=0.98, bottom=0.15, top=0.88)
    curve.plot(rates, np.transpose(result.sweeps), ".", color="0.75", markersize=3)
    curve.plot(rates, smoothed, color="black", linewidth=2)
    picks = {rule: pick for rule, pick in result.suggestions().items() if pick is not None}
    for (rule, pick), style in zip(picks.items(), STYLES, strict=False):
        curve.axvline(pick, label=f"{rule}: {pick:.2g}", **style)
    seen = smoothed[np.isfinite(smoothed)]
    margin = 0.1 * (seen.max() - seen.min() or 1)
    curve.set(xscale="log", xlabel="learning rate", ylabel="loss of the batch", title="Between the handles")
    curve.set_ylim(seen.min() - 3 * margin, min(seen.max(), 2 * seen[0]) + 3 * margin)
    if picks:
        curve.legend(fontsize="small")
    band = curve.axvspan(rates[0], rates[-1], color=STYLES[0]["color"], alpha=0.15)
    (zigzag,) = cycle.plot([], [], **STYLES[0])
    cycle.set(xlabel="step / step size", ylabel="learning rate", title="The triangular cycle", xlim=(0, 4))
    cycle.grid(alpha=0.3)
    options = [(f"{rate:.2g}", float(rate)) for rate in rates]
    chosen = result.bounds() or (rates[0], rates[-1])
    ends = tuple(int(np.argmin(np.abs(np.log(rates / bound)))) for bound in chosen)
    handles = widgets.SelectionRangeSlider(options=options, index=ends, **_named("min and max"))
    handles.layout.width = "800px"

    def update(bounds: tuple[float, float]) -> str:
        low, high = bounds
        band.set_x(low)
        band.set_width(high - low)
        inside = ", ".join(f"{rule} {pick:.2g}" for rule, pick in picks.items() if low <= pick <= high) or "none"
        outside = ", ".join(f"{rule} {pick:.2g}" for rule, pick in picks.items() if not low <= pick <= high)
        picked = f"Picks between the handles: {inside}; outside: {outside or 'none'}."
        if low >= high:
            zigzag.set_data([], [])
            return f"<b>min_lr must be below max_lr: move the handles apart.</b> {picked}"
        zigzag.set_data(range(5), [low, high, low, high, low])
        cycle.set_ylim(0, 1.05 * high)
        return f"{picked}<br><code>lr.CyclicalLearningRate({low:.2g}, {high:.2g}, step_size)</code>"

    return Explorer({"bounds": handles}, figure, update)


def _kind(run: Any) -> dict[str, Any]:
    """Optimizer, schedule and largest rate of a run, from its stored configuration."""
    rate = run.experiment.optimizer["config"]["learning_rate"]
    if not isinstance(rate, Mapping):
        return {"optimizer": run.experiment.optimizer["class_name"], "schedule": "fixed", "rate": f"{rate:.3g}"}
    names = ("initial_learning_rate", "warmup_target", "initial_lr", "peak_lr", "max_lr")
    largest = max(rate["config"].get(name) or 0 for name in names)
    kind = rate["config"].get("policy") or rate["class_name"]
    return {"optimizer": run.experiment.optimizer["class_name"], "schedule": kind, "rate": f"{largest:.3g}"}


METRICS = ("val_loss", "loss", "val_accuracy", "accuracy")


def explore_runs(runs: Sequence[Any]) -> Explorer:
    """Runs, live or recorded, by optimizer, schedule and largest rate: their curves, and the rate of every step.

    Raises ValueError where there is no run.
    """
    runs = list(runs)
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    kinds = [_kind(run) for run in runs]
    figure, (curve, rate_axis) = _figure(left=0.07, right=0.98, bottom=0.15, top=0.8)
    controls = {}
    for name, key in (("optimizer", str), ("schedule", str), ("rate", float)):
        controls[name] = _choice(name, ["all", *sorted({kind[name] for kind in kinds}, key=key)])
    metrics = [name for name in METRICS if any(name in run.history for run in runs)]
    controls["metric"] = _choice("curve", metrics)

    def update(metric: str, **wanted: str) -> str:
        for ax in (curve, rate_axis):
            ax.clear()
        chosen = [
            run
            for run, kind in zip(runs, kinds, strict=True)
            if metric in run.history and all(value in ("all", kind[name]) for name, value in wanted.items())
        ]
        if not chosen:
            return "<b>No run has this combination.</b> Set one of the three to “all”."
        labels = list(dict.fromkeys(run.label for run in chosen))
        for run in chosen:
            at = labels.index(run.label)
            style = STYLES[at % len(STYLES)] | {"label": run.label, "linewidth": 1}
            values = run.history[metric]
            curve.plot(range(1, len(values) + 1), values, marker="." if len(values) == 1 else "", **style)
            if run.label not in [line.get_label() for line in rate_axis.lines]:
                steps = np.asarray(run.learning_rates, float)
                rate_axis.plot(
                    np.linspace(0, len(values), len(steps)), np.where(steps > 0, steps, np.nan), **style
                )
        scale = "log" if metric.endswith("loss") else "linear"
        curve.set(xlabel="epoch", ylabel=metric.replace("val_", "validation "), yscale=scale)
        rate_axis.set(xlabel="epoch", ylabel="learning rate", yscale="log")
        if len(labels) <= 8:
            handles = rate_axis.get_legend_handles_labels()
            figure.legends.clear()
            figure.legend(*handles, loc="upper center", ncols=4, fontsize="small", frameon=False)
        else:
            figure.legends.clear()
        tests = [run.test_loss for run in chosen if math.isfinite(run.test_loss)]
        seeds = len({run.experiment.seed for run in chosen})
        ended = f"test loss {spread(tests)}" if tests else "no test loss"
        lost = sum(run.status == "diverged" for run in chosen)
        return f"{len(chosen)} runs, {len(labels)} settings, {seeds} seeds; {ended}; diverged: {lost}."

    return Explorer(controls, figure, update, [["optimizer", "schedule"], ["rate", "metric"]])
