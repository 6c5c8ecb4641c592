"""What the README shows is what the notebooks say. Run as a script, this file updates the README."""

import base64
import pathlib
import re

import nbformat

ROOT = pathlib.Path(__file__).parents[1]
README, FIGURE = ROOT / "README.md", ROOT / "notebooks" / "five_rates.png"
VERDICTS = re.compile(r"(?<=<!-- verdicts -->\n).*?(?=<!-- end verdicts -->)", re.DOTALL)


def outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells for output in cell.get("outputs", []) if "data" in output]


def verdicts():
    """One table of all claims, in the notebooks' order. Claims that are ours alone are left out."""
    lines = [
        "| notebook | claim | live, on digits | recorded, on MNIST | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shown = [output.data for output in outputs(path)]
        tables = [data["text/plain"] for data in shown if ">claim</th>" in data.get("text/html", "")]
        for line in "\n".join(tables).splitlines():
            claim, source, live, recorded, verdict = line.split(" | ")
            if source != "ours":
                said = claim if source == "the article" else f"{claim} ({source})"
                row = (f"[{path.name[:2]}](notebooks/{path.name})", said, live, recorded, verdict)
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def five_rates():
    figures = [out for out in outputs(ROOT / "notebooks/01_fixed_learning_rates.ipynb") if "image/png" in out.data]
    (figure,) = (out for out in figures if "five Adam rates" in out.metadata["image/png"]["alt"])
    return base64.b64decode(figure.data["image/png"])


def test_the_verdicts_are_those_of_the_notebooks():
    assert VERDICTS.search(README.read_text(encoding="utf-8")).group() == verdicts()


def test_the_figure_is_the_one_of_notebook_01():
    assert FIGURE.read_bytes() == five_rates()


def test_every_notebook_is_listed():
    text = README.read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        title = nbformat.read(path, as_version=4).cells[0].source.removeprefix("# ")
        assert f"[{title.split(' · ')[0]}](notebooks/{path.name}) | {title.split(' · ')[1]} |" in text


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(VERDICTS.sub(lambda _: verdicts(), text), encoding="utf-8")
    FIGURE.write_bytes(five_rates())
