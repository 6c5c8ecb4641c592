"""What the README shows is what evidence and notebooks say. Run as a script, this file updates the README."""

import base64
import pathlib
import re
import sys

import nbformat

ROOT = pathlib.Path(__file__).parents[1]
README, FIGURE = ROOT / "README.md", ROOT / "notebooks" / "five_rates.png"
FINDINGS = re.compile(r"(?<=<!-- findings -->\n).*?(?=<!-- end findings -->)", re.DOTALL)

# Statement → what it is about, in words that hold no number and no verdict.
EIGHT = {
    "baseline-is-sgd-default": "The baseline's rate is the default of Keras's SGD",
    "sgd-really-large-fails": "A really large rate, 0.5, fails with SGD, too",
    "half-of-the-gradient": "With Adam at 0.5, half of the gradient is used",
    "ours-step-first-after-14": "The first step of the article's step decay lasts 14 epochs",
    "large-start-is-necessary": "With a decay, a large initial rate ends lower than a small one",
    "adadelta-needs-no-rate": "With Adadelta you need no rate: Keras's default does as well as 1",
    "ours-finder-today": "Under today's Keras the published finder is told the mean of the losses so far",
    "ours-keras-schedule-free": "In Keras's schedule-free AdamW on TensorFlow, `beta_1` has no effect",
}


def findings():
    sys.path.insert(0, str(ROOT / "notebooks"))
    import lesson

    lines = []
    for name, words in EIGHT.items():
        line = lesson.verdict(name)
        lines.append(f"- {words}: **{line.judged['verdict']}** ({line.measured}).\n")
    return "".join(lines)


def five_rates():
    cells = nbformat.read(ROOT / "notebooks/01_fixed_learning_rates.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [output for output in outputs if "image/png" in output.get("data", {})]
    (figure,) = (out for out in shown if "five rates of Adam" in out.metadata["image/png"]["alt"])
    return base64.b64decode(figure.data["image/png"])


def test_the_findings_are_those_of_the_evidence():
    assert FINDINGS.search(README.read_text(encoding="utf-8")).group() == findings()


def test_the_figure_is_the_one_of_notebook_01():
    assert FIGURE.read_bytes() == five_rates()


def test_every_notebook_is_listed():
    text = README.read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        title = nbformat.read(path, as_version=4).cells[0].source.removeprefix("# ")
        assert f"[{title.split(' · ')[0]}](notebooks/{path.name}) | {title.split(' · ')[1]} |" in text


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(FINDINGS.sub(lambda _: findings(), text), encoding="utf-8")
    FIGURE.write_bytes(five_rates())
