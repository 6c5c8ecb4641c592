"""What only the lessons need: a quiet start, colours, figures with alternative text, claims with verdicts.

Imports neither TensorFlow nor the lr_ modules: what it shows is handed to it.
"""

from __future__ import annotations

import contextlib
import html
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart, each with a line style of its own. Blue and
# vermilion come first; their yellow is left out, since nobody can see it on white.
_COLORS = [matplotlib.color_sequences["okabe_ito"][i] for i in (5, 6, 3, 7, 0, 1, 2)]
_LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1))]
_CYCLE = plt.cycler(color=_COLORS) + plt.cycler(linestyle=_LINES)
STYLES = list(_CYCLE)


def prepare() -> None:
    """Start TensorFlow as the notebooks need it. Call it before anything else imports TensorFlow.

    - One thread for each operation, unless TF_NUM_INTRAOP_THREADS is set. How a sum is split over threads changes
      its last digits: with one thread the numbers are the same on any number of cores.
    - What TensorFlow logs at its start is kept off the page. To silence it by switching oneDNN off, as is often
      advised, would halve the speed of training.
    - Figures of this process take the series' colours and line styles.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    with _native_stderr_hidden():
        import tensorflow as tf

        tf.zeros(1)  # the first operation logs, too
    tf.get_logger().setLevel("ERROR")  # comparing optimizers, it would warn of "excessive retracing" each time
    plt.rcParams["axes.prop_cycle"] = _CYCLE


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
