"""What notebook 08 shows: the statements of the article and ours, with what the evidence says of each.

Imports neither TensorFlow nor the lr_ modules, so that the notebook runs in seconds.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import lesson

OURS = "Ours"  # the section of what the article does not say
ELSEWHERE = "on Fashion-MNIST"
AMONG_SO_MANY = "among so many"


def _of(section: str) -> list[lesson.Verdict]:
    if section not in sections():
        raise ValueError(f"section must be one of {', '.join(sections())}, got {section!r}")
    return [line for line in _lines() if line.statement.get("section", OURS) == section]


def _lines() -> list[lesson.Verdict]:
    return [lesson.Verdict(name) for name in lesson.judged()]


def sections() -> list[str]:
    """The headings of the article that have statements, in its order; after them "Ours"."""
    return list(dict.fromkeys(line.statement.get("section", OURS) for line in _lines()))


def counts() -> str:
    """How many statements were decided by runs, how many had been seen or changed, and what chance may do."""
    summary = lesson.verdicts()["summary"]
    confirmed = summary["confirmation"]
    pairs = [
        {line.judged["verdict"], line.judged["confirmation"]["verdict"]}
        for line in _lines()
        if "confirmation" in line.judged
    ]
    decided = [pair for pair in pairs if pair <= {"holds", "does not hold"}]
    agree = sum(len(pair) == 1 for pair in decided)
    lost = sum("undecided" in pair and len(pair) == 2 for pair in pairs)
    return "\n".join(
        (
            f"decided by runs: {summary['decided by runs']} statements, of which we had seen the result of "
            f"{summary['of these seen before']} before they were registered",
            f"asked anew, or registered late: {summary['changed']} statements; their entries say what was first",
            f"comparisons: {summary['comparisons']}, of whose verdicts chance makes "
            f"{summary['wrong by chance at most']:g} wrong on average, or fewer",
            f"{ELSEWHERE}, {sum(confirmed.values())} statements: "
            + ", ".join(f"{name} {count}" for name, count in confirmed.items())
            + f"; where both data sets decide, {agree} agree and {len(decided) - agree} do not; "
            f"{lost} are decided by one of them",
        )
    )


# Question → claims: the id of a statement, the claim in words, and what was measured (see `lesson.verdict`).
IN_SHORT: dict[str, list[tuple[str, str, str]]] = {
    "What does the article say of itself?": [
        (
            "announces-sgd",
            "It compares rates of SGD.",
            "Its runs are Adam's.",
        ),
        (
            "ours-no-run-has-a-decay",
            "None of its networks is trained with a decay.",
            "It shows decays in words, and as curves of the rate.",
        ),
    ],
    "What do large and small rates do?": [
        (
            "large-no-longer-performs",
            "At 0.5 Adam ends where guessing would.",
            "Its test loss is {}.",
        ),
        (
            "ours-units-die",
            "Its units die.",
            "After one epoch {} of those of the dense layer are dead.",
        ),
        (
            "ours-sgd-really-large",
            "SGD fails at 0.5, too.",
            "It ends at a test loss of {}; at 1 most runs fail. (On Fashion-MNIST one of three failed at 0.5.)",
        ),
        (
            "acceptable-large-higher-loss",
            "At 0.01 Adam ends higher than at 0.001.",
            "Its test loss is {} times as high.",
        ),
        (
            "acceptable-large-oscillates",
            "Its loss oscillates more.",
            "From epoch to epoch it zigzags {} times as much.",
        ),
        (
            "acceptable-large-because-overshoots",
            "It ends higher because its last steps are too long.",
            "With 0.001 at the end the loss is {} times as high.",
        ),
        (
            "small-is-much-slower",
            "At 0.00001 it is extremely slow.",
            "To a loss of 0.25 it takes {} times as many epochs, or more.",
        ),
    ],
    "Does a rate that falls beat a fixed one, by at least a tenth of the loss?": [
        (
            "decay-is-better-sgd",
            "With SGD all four kinds of decay do, with our settings.",
            "After twelve epochs, when the fixed rate still improves a little, the test loss is {} times as high "
            "with linear, {} with step, {} with time, {} with exponential decay.",
        ),
        (
            "decay-is-better-adam",
            "With Adam all four do.",
            "Here it is {} times as high with linear, {} with step, {} with time, {} with exponential decay.",
        ),
        (
            "small-steps-near-minimum",
            "After eight epochs at one rate, SGD gains by a fall to 0.",
            "The test loss is {} times as high.",
        ),
    ],
    "Do whole recipes, more than a rate that falls, beat the best fixed rate by as much?": [
        (
            "ours-one-cycle-leads",
            "1cycle, with momentum, beats plain SGD's best fixed rate.",
            "Its test loss is {} times as high.",
        ),
        (
            "ours-sgd-warm-up-cosine",
            "SGD with a warm-up and a cosine beats its best fixed rate.",
            "Three of ten runs are lost, the others end lower; all counted, its test loss is {} times as high.",
        ),
        (
            "ours-adamw-cosine",
            "AdamW, with weight decay, warm-up and cosine, beats Adam's.",
            "Its test loss is {} times as high as at 0.003, which two seeds chose, {} times as at the article's "
            "0.001.",
        ),
    ],
    "Do adaptive optimizers free us from choosing a rate?": [
        (
            "adaptive-needs-a-rate",
            "Adam's rate must still be set: a wrong one costs.",
            "The worst of six ends at over twice the best loss in {} seeds.",
        ),
        (
            "ours-adam-default",
            "Keras's default is not good enough for Adam.",
            "Its loss is {} times the lowest of six.",
        ),
        (
            "adaptive-forgives-ten",
            "With Adam, AdaMax and Adadelta the range of rates that work is wider by half a decade.",
            "After ten epochs it is wider than SGD's by {} decades, {} and {}.",
        ),
        (
            "adadelta-needs-no-rate",
            "Adadelta needs none: Keras's default does as well as 1.",
            "After one epoch its test loss is {} times as high.",
        ),
        (
            "adadelta-as-published",
            "As published, Adadelta has no rate.",
            "In Keras this is a rate of 1.",
        ),
        (
            "ours-adam-against-sgd",
            "At a fixed rate Adam beats SGD at its best by a tenth.",
            "Its test loss is {} times as high at 0.003, which two seeds chose, {} times at the article's 0.001.",
        ),
    ],
    "Does a range test find a good rate?": [
        (
            "ours-range-test-adam",
            "Where its curve is steepest it comes close with Adam.",
            "In the middle of twenty sweeps the loss is {} times the lowest, up to the curve's lowest point, {} "
            "anywhere.",
        ),
        (
            "ours-range-test-or-default",
            "Adam's default, 0.001, does as well.",
            "The loss at the test's rate is {} times that at the default.",
        ),
        (
            "ours-range-test-or-sgd-default",
            "SGD's default, 0.01, is beaten by a tenth.",
            "The loss at the test's rate is {} times that at the default.",
        ),
        (
            "range-test-beats-a-guess",
            "So is a guess, with both.",
            "With Adam it is {} times that at a guess, with SGD {}.",
        ),
        (
            "ours-lowest-point",
            "Where the curve is lowest, Adam ends at over twice the lowest loss.",
            "It does so on {} grids.",
        ),
        (
            "ours-lowest-point-sgd",
            "SGD does, too.",
            "It does so on {} grids.",
        ),
        (
            "ours-range-test-sgd",
            "It comes close with SGD.",
            "Here it is {} times the lowest, and {}.",
        ),
        (
            "ours-range-test-rules",
            "The rules minimum, valley and slide all do, with both.",
            "With SGD they end at {}, {} and {} times the lowest, with Adam at {}, {} and {}.",
        ),
        (
            "range-test-once",
            "One sweep is enough.",
            "At its rate the loss is at most 25 % above the lowest in {} sweeps with SGD (steepest anywhere: {}), "
            "in {} with Adam ({}).",
        ),
    ],
    "Do cycles pay?": [
        (
            "small-steps-settle",
            "Two cycles beat a fixed rate of the same mean by a tenth.",
            "Their test loss is {} times as high.",
        ),
        (
            "ours-up-again-or-down",
            "They beat a straight line down with the same bounds.",
            "Their test loss is {} times as high.",
        ),
        (
            "ours-cycles-against-best",
            "They beat SGD's best fixed rate.",
            "Their test loss is {} times that at 0.3.",
        ),
        (
            "climb-is-harmless",
            "On the way back up the loss hardly ever rises.",
            "It rose by over a tenth in {} runs.",
        ),
    ],
}


class Answers:
    """Questions, and what the evidence answers: a line with mark and numbers for each claim."""

    def __init__(self, questions: Mapping[str, Sequence[tuple[str, str, str]]] = IN_SHORT) -> None:
        self.questions = {
            question: [(lesson.Verdict(name, said), claim) for name, claim, said in claims]
            for question, claims in questions.items()
        }

    def _lines(self, question: str) -> list[tuple[str, str, str, str]]:
        """Id, verdict with its mark, claim and what was measured."""
        lines = []
        for line, claim in self.questions[question]:
            verdict = line.judged["verdict"]
            lines.append((line.statement["id"], f"{lesson.MARKS[verdict]} {verdict}", claim, line.said))
        return lines

    def __repr__(self) -> str:
        text = []
        for question in self.questions:
            text.append(question)
            text += [f"  {verdict}: {claim} {said}" for _, verdict, claim, said in self._lines(question)]
        return "\n".join(text)

    def _repr_html_(self) -> str:
        text = ""
        for question in self.questions:
            items = ""
            for name, verdict, claim, said in self._lines(question):
                claim, said = html.escape(claim), html.escape(said) + " (ours)" * name.startswith("ours-")
                items += f"<li><strong>{verdict}</strong>: <a href='#{name}'>{claim}</a> {said}</li>"
            text += f"<p><strong>{html.escape(question)}</strong></p><ul style='list-style:none'>{items}</ul>"
        return f"<div style='max-width:45em'>{text}</div>"


class Overview:
    """All statements of the article, or all of ours, in a line each, by verdict."""

    def __init__(self, whose: str) -> None:
        self.lines = [line for line in _lines() if line.statement["whose"] == whose]

    def _by_verdict(self) -> Iterator[tuple[str, list[lesson.Verdict]]]:
        for verdict, mark in lesson.MARKS.items():
            found = [line for line in self.lines if line.judged["verdict"] == verdict]
            if found:
                yield f"{mark} {verdict}: {len(found)}", found

    def __repr__(self) -> str:
        return "\n".join(heading for heading, _ in self._by_verdict())

    def _repr_html_(self) -> str:
        folded = ""
        for heading, found in self._by_verdict():
            items = ""
            for line in found:
                quote, question = html.escape(_quote(line)), html.escape(line.statement["question"])
                border = f" (true if {line.judged['true if']})" if "true if" in line.judged else ""
                measured = html.escape("; ".join(lesson.found(line.judged)) + border)
                items += f"<li>{quote} <a href='#{line.statement['id']}'>{question}</a> <em>{measured}</em></li>"
            folded += f"<details><summary><strong>{heading}</strong></summary><ul>{items}</ul></details>"
        return f"<div style='max-width:45em'>{folded}</div>"


def _quote(line: lesson.Verdict) -> str:
    """The article's words in quotation marks; nothing for a statement of ours."""
    return f"“{line.quote}”" if line.quote else ""


def _small_print(line: lesson.Verdict) -> tuple[str, str]:
    """How a statement was judged in a line, and why so."""
    statement, found = line.statement, line.judged
    how = {"exact": "computed", "source": "read, or tried", "not-checkable": "not checked"}.get(statement["kind"])
    if how is None:
        border = "; ".join(filter(None, (found["true if"], found["limits"])))
        runs = {str(one["seeds"]) for one in found.get("comparisons", ()) if "seeds" in one}
        runs = ", ".join(sorted(runs)) or f"{len(statement['seeds'])} planned"
        seen = "result seen beforehand" if statement["seen"] else "registered before its runs"
        epochs = " or ".join(map(str, found["epochs"]))
        if "confirmation" in found:
            epochs += f", {ELSEWHERE} {' or '.join(map(str, found['confirmation']['epochs']))}"
        how = f"counts as true if {border}; over {runs}; epochs: {epochs}; {seen}"
    return f"{statement['id']}: {how}; lesson {statement['lesson']}", statement.get("why", "")


class Statements:
    """The statements of a section: verdict, words, question, what was found, and the small print."""

    def __init__(self, section: str) -> None:
        self.lines = _of(section)

    def __repr__(self) -> str:
        return "\n".join(
            f"{lesson.MARKS[line.judged['verdict']]} {line.judged['verdict']} · {line.statement['id']}"
            for line in self.lines
        )

    def _repr_html_(self) -> str:
        return f"<ul style='list-style:none;padding-left:0;max-width:45em'>{''.join(map(_entry, self.lines))}</ul>"


def _entry(line: lesson.Verdict) -> str:
    statement, found = line.statement, line.judged
    verdict = f"<strong>{lesson.MARKS[found['verdict']]} {found['verdict']}</strong>"
    text = [html.escape(_quote(line))] if line.quote else []
    text.append(f"{html.escape(statement['question'])} {verdict}")
    text.append("<br>".join(f"<em>{html.escape(words)}</em>" for words in lesson.found(found)))
    if "confirmation" in found:
        again = found["confirmation"]
        said = html.escape("; ".join(lesson.found(again)))
        alone = f" (by itself: {again['alone']}; {AMONG_SO_MANY} it may be chance)" if "alone" in again else ""
        text.append(f"{ELSEWHERE} <strong>{again['verdict']}</strong>{alone}: <em>{said}</em>")
    if "changed" in statement:
        text.append(f"Changed: {html.escape(statement['changed'])}")
    how, why = (f"<small>{html.escape(words)}</small>" for words in _small_print(line))
    text.append(f"<details><summary>{how}</summary>{why}</details>" if statement.get("why") else how)
    return f"<li id='{statement['id']}' style='margin-bottom:1em'>{'<br>'.join(text)}</li>"


# The picture of a section ------------------------------------------------------------------------------

# Scale of a metric → the panel that its comparisons are drawn in, and what that panel's axis says.
PANELS = {"loss": "times", "log": "times", "yes": "share", "number": "own"}
AXES = {
    "times": "times what it is compared with",
    "share": "share of the runs, %",
    "own": "less what it is compared with; scales differ",
}
LARGEST = 4  # of the factors that are drawn, and its inverse the smallest; what lies beyond has an arrow
LOOKS = {"holds": lesson.STYLES[0], "does not hold": lesson.STYLES[1], "undecided": lesson.STYLES[4]}


def _rows(section: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], str]]:
    """Panel, statement, comparison and label of each row: the measured comparisons, on MNIST and elsewhere."""
    for line in _of(section):
        both = (("", line.judged), (f", {ELSEWHERE}", line.judged.get("confirmation", {})))
        measured = [one for _, judged in both for one in judged.get("comparisons", ()) if "value" in one]
        ends = [abs(one[key]) for one in measured for key in ("low", "high")]
        for where, judged in both:
            for comparison in judged.get("comparisons", ()):
                if "alone" in judged:
                    comparison = comparison | {"verdict": judged["verdict"]}
                    where = f", {ELSEWHERE}, {AMONG_SO_MANY}"
                if "value" in comparison:
                    panel = "own" if line.statement["kind"] == "shares" else PANELS[line.judged["scale"]]
                    farthest = {"farthest": max(*ends, line.statement["smallest"])}
                    label = _label(line.statement, comparison) + where
                    yield panel, line.statement, comparison | farthest, label


def _label(statement: Mapping[str, Any], comparison: Mapping[str, Any]) -> str:
    """The name of a row: the statement, the arm where it has several, and the runs behind it."""
    places = zip(*statement["arms"], strict=True)
    arms = [arm for arm, of in zip(comparison["arms"], places, strict=True) if len(set(of)) > 1]  # that differ
    arm = " / ".join(arms).removeprefix("SGD, ").replace(" as printed", "").removesuffix(", as in the article")
    name = statement["id"] + (f", {arm}" if len(statement["arms"]) > 1 else "")
    name += f" vs {statement['minus']}" if "minus" in statement else ""
    failed = f"; {sum(comparison['failed'])} failed" if any(comparison["failed"]) else ""
    return f"{name} ({comparison['seeds']}{failed})"


def _true_between(statement: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Where a statement counts as true: one or two intervals of the effect, as verdicts.json has it."""
    smallest = statement["smallest"]
    return {
        "higher": [(smallest, math.inf)],
        "lower": [(-math.inf, -smallest)],
        "within": [(-smallest, smallest)],
        "apart": [(-math.inf, -smallest), (smallest, math.inf)],
    }[statement["direction"]]


def _placed(panel: str, statement: Mapping[str, Any], comparison: Mapping[str, Any], effect: float) -> float:
    """Where an effect stands on the axis of its panel."""
    if panel == "times":
        farthest = math.log(LARGEST) + 0.1 * math.isinf(effect)  # what is beyond all stands behind the arrows
        return math.exp(min(max(effect + statement.get("offset", 0), -farthest), farthest))
    if panel == "share":
        return 100 * min(max(effect + statement["reference"], 0), 1)
    # The farthest end of the statement's intervals, or of what counts as true, is 1.
    return min(max(effect / comparison["farthest"], -1.1), 1.1)


def _draw(ax: Axes, place: int, panel: str, row: tuple[Mapping[str, Any], Mapping[str, Any], str]) -> None:
    statement, comparison, label = row

    def placed(effect: float) -> float:
        return _placed(panel, statement, comparison, effect)

    for ends in _true_between(statement):
        left, right = map(placed, ends)
        ax.fill_betweenx([place - 0.18, place + 0.18], left, right, color="0.85", linewidth=0)
    look = LOOKS[comparison["verdict"]] | {"linestyle": "-"}
    value, low, high = (placed(comparison[key]) for key in ("value", "low", "high"))
    ax.plot([low, high], [place, place], linewidth=2, **look)
    for x, marker in ((low, ""), (high, ""), (value, "o")):
        if panel == "times" and not 1 / LARGEST < x < LARGEST:
            marker = ">" if x > 1 else "<"
        ax.plot(x, place, marker, color=look["color"])
    size = 10 if len(label) < 60 else 9  # longer ones would stick out of the panel
    ax.text(0.01, place - 0.36, label, fontsize=size, transform=ax.get_yaxis_transform())


def forest(section: str) -> Figure | None:
    """The measured comparisons of a section: each effect with its interval, and in grey where it counts as true.

    Args:
        section: one of `sections()`.

    Returns:
        A figure with a panel for ratios, one for shares and one for all else, or None where the section has
        fewer than two comparisons.

    Raises:
        ValueError: there is no such section.
    """
    panels: dict[str, list] = {}
    for panel, *row in _rows(section):
        panels.setdefault(panel, []).append(row)
    found = [comparison["verdict"] for rows in panels.values() for _, comparison, _ in rows]
    if len(found) < 2:
        return None
    used = [panel for panel in AXES if panel in panels]
    heights = [0.9 + 0.45 * len(panels[panel]) for panel in used]
    size = (5, 0.4 + sum(heights))
    figure, axes = plt.subplots(
        len(used), 1, figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
    )
    for panel, ax in zip(used, axes[:, 0], strict=True):
        if panel == "times":
            ax.set(xscale="log", xlim=(1 / LARGEST / 1.1, LARGEST * 1.1))
            ax.set_xticks([1 / LARGEST, 0.5, 1, 2, LARGEST], ["¼", "½", "1", "2", "4"])
            ax.minorticks_off()
            ax.axvline(1, color="0.4", linewidth=1, zorder=0)
        else:
            ax.set(xlim=(-2, 102) if panel == "share" else (-1.15, 1.15))
        if panel == "own":
            ax.set_xticks([0], ["0"])
            ax.axvline(0, color="0.4", linewidth=1, zorder=0)
        for place, row in enumerate(panels[panel]):
            _draw(ax, place, panel, row)
        ax.set(yticks=[], ylim=(len(panels[panel]) - 0.5, -0.7), xlabel=AXES[panel])
    hold, fail = found.count("holds"), found.count("does not hold")
    figure.suptitle(f"Comparisons: {hold} hold, {fail} do not, {len(found) - hold - fail} undecided", fontsize=11)
    return figure
