"""What only the lessons need: figures with alternative text, claims with verdicts, explorers, self-checks.

Imports neither TensorFlow nor `lr_helpers`: what it shows is handed to it.
"""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def show(figure: Figure | Axes, alt: str) -> None:
    """Show a figure with the text that a screen reader says for it, and close it."""
    figure = figure.figure if isinstance(figure, Axes) else figure
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """A median with its lowest and highest value: "0.12 (0.11 … 0.14)"."""
    middle, low, high = (f"{f(values):.{digits}g}" for f in (np.median, np.min, np.max))
    return f"{middle} ({low} … {high})"


def provenance(runs: Sequence[Any]) -> str:
    """Where recorded runs come from, in one line: how many, which seeds, when, with what, on which processor."""

    def values(name: str) -> str:
        return ", ".join(sorted({run.environment[name] for run in runs}))

    seeds = ", ".join(str(seed) for seed in sorted({run.experiment.seed for run in runs}))
    data = " and ".join(sorted({run.experiment.dataset for run in runs}))
    versions = ", ".join(f"{name} {values(name.lower())}" for name in ("TensorFlow", "Keras", "Python"))
    where = f"{values('processor')}, {values('machine')}"
    return f"recorded: {len(runs)} runs on {data}, seeds {seeds}; {values('date')}; {versions}; {where}"


def rank(ax: Axes, values: Mapping[str, Sequence[float]]) -> list[str]:
    """One line for each name, the lowest median on top: a dot for every seed, a bar at the median.

    Returns the names in their order.
    """
    order = sorted(values, key=lambda name: np.median(values[name]))
    for row, name in enumerate(order):
        ax.plot(sorted(values[name]), [row] * len(values[name]), "o-", color="#0072B2", markersize=4)
        ax.plot(np.median(values[name]), row, "|", color="black", markersize=16)
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(len(order) - 0.5, -0.5)
    return order


class Claims:
    """A table of claims: who says it, what was measured live and in the recorded runs, and the verdict.

    `check` takes the claim, whether it holds (True, False, or a dict from condition to True or False), what was
    measured, and the verdict that the text states. `verify` raises where the numbers give another verdict.
    """

    COLUMNS: ClassVar = {
        "claim": "claim",
        "source": "source",
        "measured": "live",
        "recorded": "recorded",
        "verdict": "verdict",
    }

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []

    def check(
        self,
        claim: str,
        holds: bool | Mapping[str, bool],
        measured: object,
        verdict: str = "holds",
        *,
        recorded: object = "",
        source: str = "the article",
    ) -> None:
        """Add a claim. `verdict` is "holds", "does not hold", or "holds only when A, B".

        `measured` is the figure of the live runs, `recorded` that of the recorded ones. A claim that begins with
        "Ours: " is the series' own.
        """
        outcomes = holds if isinstance(holds, Mapping) else {"": holds}
        for outcome in outcomes.values():
            if not isinstance(outcome, bool | np.bool_):
                raise TypeError(f"holds must be True, False or a dict of them, got {holds!r}")
        true = [condition for condition, outcome in outcomes.items() if outcome]
        if len(true) == len(outcomes):
            found = "holds"
        else:
            found = f"holds only when {', '.join(true)}" if true else "does not hold"
        if claim.startswith("Ours: "):
            claim, source = claim.removeprefix("Ours: "), "ours"
        row = {"claim": claim, "source": source, "measured": str(measured), "recorded": str(recorded)}
        self.rows.append(row | {"verdict": found, "stated": verdict})

    def verify(self) -> None:
        """Raise AssertionError where the numbers give another verdict than the text states."""
        wrong = [row for row in self.rows if row["verdict"] != row["stated"]]
        if not self.rows or wrong:
            lines = [
                f"{row['claim']!r}: the text says {row['stated']!r}, the numbers say {row['verdict']!r} "
                f"({'; '.join(filter(None, (row['measured'], row['recorded'])))})"
                for row in wrong
            ]
            raise AssertionError("\n".join(lines) or "no claim was checked")

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row[name] for name in self.COLUMNS) for row in self.rows)

    def _repr_html_(self) -> str:
        def line(tag: str, texts: Iterable[str]) -> str:
            return "<tr>" + "".join(f"<{tag} style='text-align:left'>{text}</{tag}>" for text in texts) + "</tr>"

        body = "".join(line("td", (html.escape(row[name]) for name in self.COLUMNS)) for row in self.rows)
        return f"<table><thead>{line('th', self.COLUMNS.values())}</thead><tbody>{body}</tbody></table>"


# Explorers ---------------------------------------------------------------------------------------------

STYLES = [  # colours that the colour-blind can tell apart (Okabe and Ito), and a line style each
    {"color": color, "linestyle": style}
    for color, style in zip(
        ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"),
        ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))),
        strict=True,
    )
]
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


# Self-checks -------------------------------------------------------------------------------------------


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
