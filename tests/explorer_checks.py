"""Is what an explorer has drawn what its controls say? For explorers.ipynb and the kernels of test_browser.py."""

import html
import inspect
import io
import math
import re

import ipywidgets as widgets
import numpy as np

import explorers


def odd_values(control):
    """Both ends of a control, what lies beyond them, and what is no number."""
    if isinstance(control, widgets.SelectionSlider):
        return control.options
    if isinstance(control, widgets.SelectionRangeSlider):
        values = [value for _, value in control.options]
        return [(values[0], values[-1]), (values[0],) * 2, (values[-1],) * 2, (values[3], values[4])]
    ends = [control.min, control.max]
    if isinstance(control, widgets.FloatLogSlider):
        ends = [control.base**end for end in ends]
    extra = [] if isinstance(control, widgets.IntSlider) else [math.nan, math.inf, -math.inf]
    return [*ends, -1, 0, 10**6, *extra, ends[0]]


def set_everything(explorer):
    """Every control to its ends and to odd values: nothing raises, and the picture follows or says why not."""
    for control in explorer.controls.values():
        for value in odd_values(control):
            control.value = value
            if isinstance(control.value, float) and not math.isfinite(control.value):
                assert "must be a number" in explorer.message.value
            else:
                check(explorer)


def check(explorer):
    """Raise AssertionError where figure, picture or words do not follow from the values of the controls."""
    values = {name: control.value for name, control in explorer.controls.items()}
    drawn = inspect.getclosurevars(explorer._update).nonlocals
    kind = next(kind for name, kind in KINDS.items() if name in values)
    kind(values, drawn, explorer.message.value)
    again = io.BytesIO()
    explorer.figure.savefig(again, format="png", dpi=explorers.DPI)
    assert again.getvalue() == bytes(explorer._picture.value)


def gradient_descent(values, drawn, message):
    """Each step of the path obeys the update rule, and its losses are those of the landscape."""
    path = drawn["track"].get_xydata()
    loss, gradient, lowest = explorers.LANDSCAPES[values["landscape"]]
    assert len(path) == 101
    np.testing.assert_allclose(path[0], (values["x"], values["y"]))
    near = (np.abs(path) < 1e3).all(axis=1)
    losses = drawn["losses"].get_ydata()
    np.testing.assert_allclose(losses[near], np.clip(loss(*path[near].T) - lowest, 1e-9, 1e12), rtol=1e-6)
    if values["noise"] == 0:
        steps = np.diff(path[: len(path) if near.all() else near.argmin()], axis=0)
        for i in range(1, len(steps)):
            wanted = values["momentum"] * steps[i - 1] - values["learning_rate"] * gradient(*path[i])
            np.testing.assert_allclose(steps[i], wanted, rtol=1e-6, atol=1e-9)
    if near[-1]:
        ends = [float(number) for number in re.findall(r"(\S+) at first, (\S+) at last", message)[0]]
        np.testing.assert_allclose(ends, losses[[0, -1]], rtol=0.01)


def schedules(values, drawn, message):
    """The calls in the message, executed, give the rates of the lines; without a call there is no line."""
    import keras

    import lr_helpers as lr

    for side, text in zip("ab", message.split("<br>"), strict=True):
        rates = drawn["lines"][side].get_ydata()
        call = re.search(r"<code>(.*)</code>", text)
        assert bool(call) == (len(rates) > 0)
        if call:
            made = eval(html.unescape(call[1]), {"lr": lr, "keras": keras})
            np.testing.assert_allclose(lr.learning_rates(made, len(rates)), rates, rtol=2e-3, atol=1e-8)


def range_test(values, drawn, message):
    """The handles are the ends of the zigzag and of the band, and the call says so."""
    low, high = values["bounds"]
    band = drawn["band"]
    np.testing.assert_allclose((band.get_x(), band.get_width()), (low, high - low))
    zigzag = list(drawn["zigzag"].get_ydata())
    if low < high:
        assert zigzag == [low, high, low, high, low]
        assert f"lr.CyclicalLearningRate({low:.2g}, {high:.2g}, step_size)" in message
    else:
        assert zigzag == []
        assert "min_lr must be below max_lr" in message


def recorded_runs(values, drawn, message):
    """One curve for each run that fits, and the test losses of these in the sentence."""
    metric = values["metric"]
    fits = [
        run
        for run in drawn["runs"]
        if metric in run.history
        and all(values[name] in ("all", explorers._kind(run)[name]) for name in ("optimizer", "schedule", "rate"))
    ]
    curves = [list(line.get_ydata()) for line in drawn["curve"].lines]
    np.testing.assert_equal(curves, [run.history[metric] for run in fits])
    assert message.startswith(f"{len(fits)} runs" if fits else "<b>No run")


KINDS = {
    "landscape": gradient_descent,
    "a_schedule": schedules,
    "bounds": range_test,
    "optimizer": recorded_runs,
}
