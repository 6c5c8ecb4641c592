"""What only the lessons need: a quiet start, colours, figures with alternative text, verdict lines.

Imports neither TensorFlow nor the lr_ modules: what it shows is handed to it.
"""

from __future__ import annotations

import contextlib
import functools
import html
import io
import json
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from IPython.core.pylabtools import print_figure
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart, each with a line style of its own. Blue and
# vermilion come first; their yellow is left out, since nobody can see it on white.
_COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9"]
_LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
_CYCLE = plt.cycler(color=_COLORS) + plt.cycler(linestyle=_LINES)
STYLES = list(_CYCLE)


def figures() -> None:
    """Give this process's figures the series' colours and line styles, and type that can be read on a phone."""
    plt.rcParams.update({"axes.prop_cycle": _CYCLE, "font.size": 11, "axes.titlesize": 11, "legend.fontsize": 10})
    plt.rcParams.update({"figure.figsize": (5, 3.4), "figure.constrained_layout.use": True})


def prepare() -> None:
    """Start TensorFlow as the notebooks need it. Call it before anything else imports TensorFlow.

    - One thread for each operation, unless TF_NUM_INTRAOP_THREADS is set. How a sum is split over threads changes
      its last digits: with one thread the numbers are the same on any number of cores.
    - What TensorFlow logs at its start is kept off the page. To silence it by switching oneDNN off, as is often
      advised, would halve the speed of training.
    - Figures are set up as by `figures`.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with _native_stderr_hidden():
        import tensorflow as tf

        tf.zeros(1)  # the first operation logs, too
    tf.get_logger().setLevel("ERROR")  # comparing optimizers, it would warn of "excessive retracing" each time
    figures()


@contextlib.contextmanager
def _native_stderr_hidden() -> Iterator[None]:
    """Keep what C++ code writes to file descriptor 2 off the screen, unless Python raises."""
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(screen, captured.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def show(figure: Figure | Axes, alt: str) -> None:
    """Show a figure with the text that a screen reader says for it, and close it. 256 colours keep it small."""
    figure = figure.figure if isinstance(figure, Axes) else figure
    file = io.BytesIO()
    drawn = PIL.Image.open(io.BytesIO(print_figure(figure))).convert("RGB")
    drawn.quantize(256, PIL.Image.Quantize.MAXCOVERAGE).save(file, "PNG", optimize=True)
    display(Image(file.getvalue(), metadata={"alt": alt}))
    plt.close(figure)


def animate(figure: Figure, draw: Callable[[int], None], frames: int, alt: str) -> None:
    """Show a figure that moves, twice, at 16 frames a second, and close it.

    An animated PNG moves wherever a picture is shown, without a kernel and without a script. Where nothing can
    move, in print for one, the last frame is shown. 64 colours keep it small.

    Args:
        figure: what `draw` changes.
        draw: takes the number of a frame.
        frames: how many; 40 play for five seconds in all.
        alt: what a screen reader says.
    """
    pictures = []
    for frame in range(frames):
        draw(frame)
        figure.canvas.draw()
        pictures.append(PIL.Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB"))
    plt.close(figure)
    width, height = pictures[0].size
    chosen = PIL.Image.new("RGB", (width, 5 * height))  # no single frame need have all colours
    for place, picture in enumerate(pictures[:: max(1, frames // 4)][:5]):
        chosen.paste(picture, (0, place * height))
    colors = chosen.quantize(64)
    still, *moving = [p.quantize(palette=colors, dither=PIL.Image.Dither.NONE) for p in (pictures[-1], *pictures)]
    file = io.BytesIO()
    still.save(file, "PNG", save_all=True, default_image=True, append_images=moving, duration=62, loop=2)
    display(Image(file.getvalue(), metadata={"alt": alt}))


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
        ax.plot(sorted(values[name]), [row] * len(values[name]), "o-", color=STYLES[0]["color"], markersize=4)
        ax.plot(np.median(values[name]), row, "|", color="black", markersize=16)
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(len(order) - 0.5, -0.5)
    return order


STATEMENTS = "08_the_article_statement_by_statement.ipynb"
_EVIDENCE = Path(__file__).resolve().parent.parent / "evidence"


@functools.cache
def verdicts() -> dict[str, Any]:
    """What verdicts.json holds."""
    return json.loads((_EVIDENCE / "verdicts.json").read_text(encoding="utf-8"))


@functools.cache
def judged() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Each statement of the evidence with what came out, by its id."""
    statements = tomllib.loads((_EVIDENCE / "statements.toml").read_text(encoding="utf-8"))["statement"]
    return {statement["id"]: (statement, verdicts()["verdicts"][statement["id"]]) for statement in statements}


# "0.0828 (0.064 to 0.102)" or "3 of 3 (29 % to 100 %)", as the evidence writes what it has measured.
_FOUND = re.compile(r"-?[\d.]+(?: of \d+)? \([^()]* to [^()]*\)")


MARKS = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not recorded": "…", "not checked": "–"}


def found(judged: Mapping[str, Any]) -> list[str]:
    """What a verdict rests on, a line for each comparison; of several, the first line names what is measured."""
    comparisons = judged.get("comparisons", ())
    if len(comparisons) < 2:
        return [comparisons[0]["measured"] if comparisons else judged.get("measured") or judged["missing"]]
    words = [one["measured"].partition(": ") for one in comparisons]  # what is measured is the same for all
    lines = [f"{MARKS[one['verdict']]} {word[2]}" for one, word in zip(comparisons, words, strict=True)]
    return [f"{words[0][0]}:", *lines]


class Verdict:
    """A line on a statement: what was asked, the verdict of the evidence, and what was measured."""

    def __init__(self, name: str, said: str | None = None) -> None:
        if name not in judged():
            raise ValueError(f"name must be the id of a statement in evidence/statements.toml, got {name!r}")
        self.statement, self.judged = judged()[name]
        self.said = said
        spans = [_FOUND.search(one["measured"]) for one in self.judged.get("comparisons", ())]
        if said is not None and spans:
            if said.count("{}") != len(spans) or not all(spans):
                raise ValueError(
                    f"said must have a {{}} for each of {len(spans)} intervals of {name}, got {said!r}"
                )
            self.said = said.format(*(one[0] for one in spans))

    @property
    def measured(self) -> str:
        """What the verdict rests on, in a line."""
        first, *others = found(self.judged)
        return f"{first} {'; '.join(others)}" if others else first

    @property
    def quote(self) -> str:
        """The article's words; nothing for a statement of ours."""
        ours = self.statement["whose"] == "ours"
        return "" if ours else re.sub(r"\\\[/?latex\\\]|\*\*|\b_\B|\B_\b", "", self.statement["quote"])

    def _line(self) -> tuple[str, str, str, str]:
        """The verdict, what was measured, the rule where runs decide, and whether the result had been seen."""
        verdict, comparisons = self.judged["verdict"], self.judged.get("comparisons")
        decided = verdict in ("holds", "does not hold", "undecided")
        seen = "result seen beforehand" if self.statement.get("seen") and decided else ""
        if not comparisons:
            return verdict, self.measured, "", seen
        seeds = comparisons[0]["seeds"]  # of pairs each seed has two runs
        rule = f"counts as true if {self.judged['true if']}; {seeds} seeds"
        if "confirmation" in self.judged:
            rule += f"; again on Fashion-MNIST: {self.judged['confirmation']['verdict']}"
        return verdict, self.said or self.measured, rule, seen

    def __repr__(self) -> str:
        verdict, measured, *small = self._line()
        said = f"“{self.quote}” " if self.quote else ""
        how = ", ".join(filter(None, small))
        return f"{said}{self.statement['question']} {verdict}: {measured}" + (f" ({how})" if how else "")

    def _repr_html_(self) -> str:
        quote, question = html.escape(self.quote), html.escape(self.statement["question"])
        verdict, measured, rule, seen = map(html.escape, self._line())
        said = f"<q>{quote}</q> " if quote else ""
        summary = ", ".join(filter(None, ("how it was judged", seen)))
        how = "; ".join(filter(None, (rule, f'<a href="{STATEMENTS}">all statements</a>')))
        return (
            '<div style="border-left: 4px solid #999; padding-left: 0.8em; max-width: 45em">'
            f"{said}{question} <strong>{verdict}</strong>: {measured}"
            f"<details><summary><small>{summary}</small></summary><small>{how}</small></details></div>"
        )


def verdict(name: str, said: str | None = None) -> Verdict:
    """The verdict line of a statement, to be shown by a cell.

    Args:
        name: its id in `evidence/statements.toml`.
        said: what was measured, in the words of a lesson; each {} becomes a number with its interval. Without it
            the line has the words of the evidence.

    Returns:
        What a notebook shows as a line: the article's words, the question, the verdict, what was measured.

    Raises:
        ValueError: there is no such statement, or `said` has too few or too many {}.
        FileNotFoundError: the folder `evidence` is not beside the notebooks' folder.
    """
    return Verdict(name, said)
