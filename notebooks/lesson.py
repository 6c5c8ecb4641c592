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
    """Show a figure with the text that a screen reader says for it, and close it."""
    figure = figure.figure if isinstance(figure, Axes) else figure
    display(figure, metadata={"image/png": {"alt": alt}})
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
def _verdicts() -> dict[str, Any]:
    """The file of verdicts."""
    return json.loads((_EVIDENCE / "verdicts.json").read_text(encoding="utf-8"))


@functools.cache
def _judged() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Each statement of the evidence with what came out, by its id."""
    statements = tomllib.loads((_EVIDENCE / "statements.toml").read_text(encoding="utf-8"))["statement"]
    return {statement["id"]: (statement, _verdicts()["verdicts"][statement["id"]]) for statement in statements}


# "0.0828 (0.064 to 0.102)" or "3 of 3 (29 % to 100 %)", as the evidence writes what it has measured.
_FOUND = re.compile(r"-?[\d.]+(?: of \d+)? \([^()]* to [^()]*\)")


class Verdict:
    """A line on a statement: what was asked, the verdict of the evidence, and what was measured."""

    def __init__(self, name: str, said: str | None = None) -> None:
        if name not in _judged():
            raise ValueError(f"name must be the id of a statement in evidence/statements.toml, got {name!r}")
        self.statement, self.judged = _judged()[name]
        self.said = said
        found = [_FOUND.search(one["measured"]) for one in self.judged.get("comparisons", ())]
        if said is not None and found:
            if said.count("{}") != len(found) or not all(found):
                raise ValueError(
                    f"said must have a {{}} for each of {len(found)} intervals of {name}, got {said!r}"
                )
            self.said = said.format(*(one[0] for one in found))

    @property
    def measured(self) -> str:
        """What the verdict rests on, in words; of several comparisons each with its own verdict."""
        comparisons = self.judged.get("comparisons", ())
        if len(comparisons) > 1:
            # What is measured is the same for all.
            words = [one["measured"].partition(": ") for one in comparisons]
            said = [f"{one['verdict']}: {word[2]}" for one, word in zip(comparisons, words, strict=True)]
            return f"{words[0][0]}: " + "; ".join(said)
        only = comparisons[0]["measured"] if comparisons else self.judged.get("measured")
        return only or self.judged.get("missing", "")

    def _parts(self) -> tuple[str, str, str]:
        """The article's words or nothing, the question, and the verdict with its mark."""
        ours = self.statement["whose"] == "ours"
        quote = "" if ours else self.statement["quote"].replace("\\[latex\\]", "").replace("\\[/latex\\]", "")
        judged = self.judged["verdict"]
        seen = self.statement.get("seen") and judged in ("holds", "does not hold", "undecided")
        return quote, self.statement["question"], judged + " (result seen beforehand)" * bool(seen)

    def _line(self) -> tuple[str, str, str, str]:
        """The verdict, what was measured, the rule where runs decide, and whether the result had been seen."""
        verdict, _, seen = self._parts()[2].partition(" (")
        comparisons = self.judged.get("comparisons")
        if not comparisons:
            return verdict, self.measured, "", seen.rstrip(")")
        seeds = comparisons[0]["seeds"]  # of pairs each seed has two runs
        rule = f"counts as true if {self.judged['true if']}; {seeds} seeds"
        return verdict, self.said or self.measured, rule, seen.rstrip(")")

    def __repr__(self) -> str:
        quote, question, _ = self._parts()
        verdict, measured, *small = self._line()
        said = f"“{quote}” " if quote else ""
        how = ", ".join(filter(None, small))
        return f"{said}{question} {verdict}: {measured}" + (f" ({how})" if how else "")

    def _repr_html_(self) -> str:
        quote, question, _ = map(html.escape, self._parts())
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


def sections() -> list[str]:
    """The headings of the article that have statements, in its order; after them "Ours"."""
    return list(dict.fromkeys(statement.get("section", "Ours") for statement, _ in _judged().values()))


def _of(section: str) -> list[str]:
    if section not in sections():
        raise ValueError(f"section must be one of {', '.join(sections())}, got {section!r}")
    return [name for name, (statement, _) in _judged().items() if statement.get("section", "Ours") == section]


def counts() -> str:
    """How many statements have which verdict, how much of that was seen before, and how much chance may do."""
    summary = _verdicts()["summary"]

    def listed(verdicts: Mapping[str, int]) -> str:
        total = sum(verdicts.values())
        return f"{total} statements: " + ", ".join(f"{name} {count}" for name, count in verdicts.items())

    return "\n".join(
        (
            f"the article, {listed(summary['article'])}",
            f"ours, {listed(summary['ours'])}",
            f"decided by runs so far: {summary['decided by runs']}, of which we had seen "
            f"{summary['of these seen before']} before they were registered",
            f"comparisons so far: {summary['comparisons']}, of whose verdicts chance makes "
            f"{summary['wrong by chance at most']:g} wrong on average, or fewer",
            f"the confirmation on Fashion-MNIST, {listed(summary['confirmation'])}",
        )
    )


_MARKS = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not recorded": "…", "not checkable": "–"}


class Statements:
    """The statements of a section: verdict, words, question, what was measured, and the small print."""

    def __init__(self, section: str) -> None:
        self.section, self.verdicts = section, [Verdict(name) for name in _of(section)]

    def _entries(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Verdict and id, words, question, result and small print of each."""
        for line in self.verdicts:
            quote, question, judged = line._parts()
            statement, found = line.statement, line.judged
            if "confirmation" in found:
                judged += f"; on Fashion-MNIST: {found['confirmation']['verdict']}"
            how = {"exact": "computed", "source": "read", "not-checkable": "not measured"}.get(statement["kind"])
            border = "; ".join(filter(None, (found.get("true if"), found.get("limits"))))
            seeds = {str(one["seeds"]) for one in found.get("comparisons", ()) if "seeds" in one}
            runs = ", ".join(sorted(seeds)) or f"{len(statement.get('seeds', ()))} planned"
            small = how or f"counts as true if {border}; runs: {runs}"
            mark = _MARKS[found["verdict"]]
            yield (
                f"{mark} {judged} · {statement['id']}",
                quote,
                question,
                line.measured,
                f"{small}; lesson {statement['lesson']}",
            )

    def __repr__(self) -> str:
        return "\n".join(entry[0] for entry in self._entries())

    def _repr_html_(self) -> str:
        items = ""
        for entry in self._entries():
            judged, quote, question, measured, small = map(html.escape, entry)
            said = f"<q>{quote}</q><br>" if quote else ""
            items += f"<li style='margin-bottom:1em'><strong>{judged}</strong><br>{said}{question}<br>"
            items += f"<em>{measured}</em><br><small>{small}</small></li>"
        return f"<ul style='list-style:none;padding-left:0;max-width:45em'>{items}</ul>"


def _margin(statement: Mapping[str, Any], value: float) -> float:
    """How far beyond the border a value lies, on the side on which the claim holds."""
    smallest, direction = statement["smallest"], statement["direction"]
    if direction in ("higher", "lower"):
        return (value if direction == "higher" else -value) - smallest
    return smallest - abs(value) if direction == "within" else abs(value) - smallest


def _label(statement: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    """The name of a row: the statement, the arm where it has several, and the runs behind it."""
    which = 0 if len({arms[0] for arms in statement["arms"]}) > 1 else -1  # that in which its comparisons differ
    arm = comparison["arms"][which].removeprefix("SGD, ")  # those that are long
    name = statement["id"] + (f", {arm}" if len(statement["arms"]) > 1 else "")
    inside = ", inside" if statement["direction"] == "within" else ""
    failed = f"; {sum(comparison['failed'])} failed" if any(comparison["failed"]) else ""
    return f"{name}{inside} ({comparison['seeds']}{failed})"


def forest(section: str) -> Figure | None:
    """The measured statements of a section: each comparison's effect with its 95 % interval, beside the border.

    Each row has a scale of its own, its interval's farther end: what counts is on which side of the line an
    interval lies. The numbers stand in the table.

    Args:
        section: one of `sections()`.

    Returns:
        A figure, or None where nothing of the section has been measured.

    Raises:
        ValueError: there is no such section.
    """
    rows = [
        (statement, comparison)
        for statement, judged in map(_judged().get, _of(section))
        for comparison in judged.get("comparisons", ())
        if "value" in comparison
    ]
    if not rows:
        return None
    figure, ax = plt.subplots(figsize=(5, 1.1 + 0.45 * len(rows)), layout="constrained")
    looks = {"holds": STYLES[0], "does not hold": STYLES[1], "undecided": STYLES[4]}
    for row, (statement, comparison) in enumerate(rows):
        low, high = comparison["low"], comparison["high"]
        ends = [_margin(statement, end) for end in (low, high)]
        if statement["direction"] in ("within", "apart") and low < 0 < high:
            ends.append(_margin(statement, 0.0))
        middle, scale = _margin(statement, comparison["value"]), max(map(abs, ends)) or 1.0
        look = looks[comparison["verdict"]] | {"linestyle": "-"}
        ax.plot([min(ends) / scale, max(ends) / scale], [row, row], linewidth=2, **look)
        ax.plot(middle / scale, row, "o", color=look["color"])
        # Above its bar: beside it, a name would need a wider page than a phone's.
        ax.text(-1.08, row - 0.35, _label(statement, comparison), fontsize=10)
    ax.axvline(0, color="0.4", linewidth=1, zorder=0)
    ax.set_ylim(len(rows) - 0.5, -0.8)
    ax.set(xlim=(-1.1, 1.1), xticks=[-0.55, 0, 0.55], yticks=[])
    ax.set_xticklabels(["does not hold", "border", "holds"])
    found = [comparison["verdict"] for _, comparison in rows]
    hold, fail = found.count("holds"), found.count("does not hold")
    title = f"Comparisons: {hold} hold, {fail} do not, {len(rows) - hold - fail} undecided"
    figure.suptitle(title, fontsize=11)
    return figure
