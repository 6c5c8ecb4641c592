"""The notebooks as documents: sound files, clean outputs, working links, and one anatomy for all.

A rule is a function of a notebook and its path that yields what is wrong. That the code runs is nbval's
business. The second half breaks a tiny sound notebook in every forbidden way: each rule must be able to fail.
"""

import ast
import copy
import itertools
import re
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import lesson

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
README = ROOT / "README.md"
# Neither preceded by a letter nor by a dot: /home/ in a web address or a relative path is harmless.
MACHINE_PATH = re.compile(r"(?<![\w.~-])(/(root|home|tmp|work)/|[A-Za-z]:\\+Users)")


def read(path):
    # nbformat.read would repair what the rules are to find.
    return nbformat.reader.reads(path.read_text(encoding="utf-8"))


def code_cells(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def markdown_cells(nb):
    return [cell for cell in nb.cells if cell.cell_type == "markdown"]


def tags(cell):
    return cell.metadata.get("tags", [])


def outputs(nb):
    return [output for cell in code_cells(nb) for output in cell.outputs]


def strings(node):
    """Every string in a nested structure, pictures left out."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            if key not in ("image/png", "image/jpeg") or isinstance(value, dict):
                yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def render(markdown):
    return BeautifulSoup(markdown2html(markdown), "html.parser")


def heading_texts(markdown, names=("h1", "h2", "h3", "h4", "h5", "h6")):
    return [h.get_text().removesuffix("¶").strip() for h in render(markdown).find_all(list(names))]


def sections(nb):
    """The second-level headings in order, each with the cells from its own to the next heading's."""
    found = []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            found += [(text, []) for text in heading_texts(cell.source, ["h2"])]
        if found:
            found[-1][1].append(cell)
    return found


# --- the file ---


def is_valid(nb, path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing or repeated cell id is only a warning
        try:
            nbformat.validate(copy.deepcopy(nb))
        except (nbformat.ValidationError, Warning) as error:
            yield str(error).strip().splitlines()[0]


def has_unique_ids(nb, path):
    ids = [cell.get("id") for cell in nb.cells]
    if None in ids or len(set(ids)) < len(ids):
        yield "cell ids are missing or repeated"


def names_the_kernel_python3(nb, path):
    if nb.metadata.get("kernelspec", {}).get("name") != "python3":
        yield f"kernelspec is {nb.metadata.get('kernelspec')}"


def is_under_a_megabyte(nb, path):
    size = len(nbformat.writes(nb).encode())
    if size >= 1_000_000:
        yield f"{size:,} bytes"


def names_no_machine_path(nb, path):
    for text in strings(nb):
        for match in MACHINE_PATH.finditer(text):
            yield f"machine path: {text[match.start() : match.start() + 60]!r}"


# --- the code ---


def ran_in_order(nb, path):
    counts = [cell.execution_count for cell in code_cells(nb)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts {counts}"


def ran_without_errors(nb, path):
    for output in outputs(nb):
        if output.output_type == "error":
            yield f"error output: {output.ename}: {output.evalue}"
        elif output.output_type == "stream" and output.name == "stderr":
            yield f"stderr: {output.text[:80]!r}"


def prints_one_piece(nb, path):
    """A progress bar that was stored update by update is a screen of noise."""
    for cell in code_cells(nb):
        kinds = [output.get("name", output.output_type) for output in cell.outputs]
        if any(kind == later == "stdout" for kind, later in itertools.pairwise(kinds)):
            yield f"{kinds.count('stdout')} pieces of print: see CONTRIBUTING.md on how to put them together"


def folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden") is True


def visible_cells(nb):
    return [cell for cell in code_cells(nb) if not folded(cell)]


def has_short_code_cells(nb, path):
    for cell in code_cells(nb):
        if not cell.source.strip():
            yield "an empty code cell"
    for cell in visible_cells(nb):
        length = len(cell.source.splitlines())
        if length > 30:
            yield f"{length} lines: {cell.source[:60]!r}"


def fits_the_screen(nb, path):
    """JupyterLab's cell on a screen of 1,280 pixels shows 88 columns."""
    for cell in visible_cells(nb):
        yield from (f"{len(line)} columns: {line!r}" for line in cell.source.splitlines() if len(line) > 88)


def is_folded_for_both(nb, path):
    """JupyterLab folds by its metadata, the reading edition by a tag."""
    for cell in code_cells(nb):
        if folded(cell) != bool({"hide-input", "solution"} & set(tags(cell))):
            yield f"folded in one place only: {cell.source[:60]!r}"


def hides_what_only_tests_need(nb, path):
    for cell in code_cells(nb):
        if "NBVAL" in cell.source:
            yield f"a mark for nbval in a reader's sight: {cell.source[:60]!r}"


def compares_outputs(nb, path):
    """nbval compares text, not pictures or widgets: a cell tagged for it must show some."""
    marked = [cell for cell in code_cells(nb) if "nbval-check-output" in tags(cell)]
    if not marked:
        yield "no cell is tagged nbval-check-output"
    for cell in marked:
        shown = [output.get("data", {"text/plain": ""}) for output in cell.outputs]
        if not any({"text/plain", "text/html"} & data.keys() and "image/png" not in data for data in shown):
            yield f"tagged nbval-check-output, but nothing to compare: {cell.source[:60]!r}"


def runs_every_cell(nb, path):
    """raises-exception passes even when nothing is raised; a skipped cell proves nothing."""
    for cell in code_cells(nb):
        escapes = {"raises-exception", "nbval-skip", "nbval-raises-exception"} & set(tags(cell))
        if escapes or re.search(r"NBVAL_(SKIP|RAISES_EXCEPTION)", cell.source):
            yield f"not really tested: {cell.source[:60]!r}"


# --- pictures and links ---


def describes_its_pictures(nb, path):
    for output in outputs(nb):
        alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        if "image/png" in output.get("data", {}) and len(alt.strip()) < 20:
            yield f"image/png output with alt {alt!r}"
    html = [output.get("data", {}).get("text/html", "") for output in outputs(nb)]
    yield from pictures_without_alt([cell.source for cell in markdown_cells(nb)], html)


def pictures_without_alt(markdown, html=()):
    for soup in [*map(render, markdown), *(BeautifulSoup(text, "html.parser") for text in html)]:
        for image in soup.find_all("img"):
            if not image.get("alt", "").strip():
                yield f"picture without alt: {str(image)[:80]}"


def anchors(path, markdown):
    """What can follow # in a link: GitHub's style for .md, JupyterLab's for notebooks."""
    texts = [text for source in markdown for text in heading_texts(source)]
    if path.suffix == ".md":
        texts = [re.sub(r"[^\w\- ]", "", text.lower()) for text in texts]
    return {text.replace(" ", "-") for text in texts}


def markdown_of(path):
    if path.suffix == ".ipynb":
        return [cell.source for cell in markdown_cells(read(path))]
    return [path.read_text(encoding="utf-8")]


def broken_links(path, markdown):
    """Relative links of the file at `path` whose file or heading does not exist. The network is not asked."""
    for soup in map(render, markdown):
        for element in soup.select("a[href]:not(.anchor-link), img[src]"):
            link = element.get("href") or element.get("src") or ""
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            if parts.path and not target.exists():
                yield f"no such file: {link}"
            elif parts.fragment and target.suffix in (".md", ".ipynb"):
                known = anchors(target, markdown_of(target) if parts.path else markdown)
                if unquote(parts.fragment) not in known:
                    yield f"no such heading: {link}"


def links_resolve(nb, path):
    yield from broken_links(path, [cell.source for cell in markdown_cells(nb)])


# --- the anatomy ---


def asks_a_question(nb, path):
    title = nb.cells[0].source.splitlines()[0] if nb.cells and nb.cells[0].source else ""
    if nb.cells[0].cell_type != "markdown" or not re.fullmatch(rf"# {path.name[:2]} · .+\?", title):
        yield f"the first cell should start '# {path.name[:2]} · …?', not {title!r}"


def says_what_it_takes(nb, path):
    cell = nb.cells[1]
    for words in ("**You will be able to**", "**You need**", "**Minutes**"):
        if cell.cell_type != "markdown" or words not in cell.source:
            yield f"the second cell lacks {words}"


def sets_up_first(nb, path):
    """First the cells of the setup, then the parameters. A notebook that can train has a DATASET."""
    first = code_cells(nb)[0]
    if "setup" not in tags(first):
        yield "the first code cell is not tagged setup"
    parameters = next(cell for cell in code_cells(nb) if "setup" not in tags(cell))
    if "parameters" not in tags(parameters):
        yield "the code cell after the setup is not tagged parameters"
    trains = any(re.search(r"\blr_helpers\b", cell.source) for cell in code_cells(nb))
    if not re.search(r"^DATASET = " if trains else r"^[A-Z_]+ = ", parameters.source, re.MULTILINE):
        yield "the parameter cell sets no DATASET"


def numbers_its_sections(nb, path):
    numbers = [int(m[1]) for text, _ in sections(nb) if (m := re.match(r"(\d+)\. .", text))]
    if len(numbers) < 3 or numbers != list(range(1, len(numbers) + 1)):
        yield f"numbered sections: {numbers}"


def predicts_before_it_explains(nb, path):
    text = "\n".join(cell.source for cell in markdown_cells(nb))
    steps = ("**Predict.**", "**Observe.**", "**Explain.**")
    for step in steps:
        if text.count(step) < 2:
            yield f"{step} occurs {text.count(step)} times"
    places = [text.find(step) for step in steps]
    if places != sorted(places):
        yield "not in the order predict, observe, explain"


def has_room_for_predictions(nb, path):
    asked = sum(cell.source.count("**Predict.**") for cell in markdown_cells(nb))
    rooms = sum("prediction" in tags(cell) for cell in code_cells(nb))
    if asked != rooms:
        yield f"{asked} predictions, {rooms} cells tagged prediction"


def stays_within_limits(nb, path):
    """Of the design: what does not fit is another lesson, a module, or evidence."""
    sources = {text: cells for text, cells in sections(nb)}
    left_out = {id(cell) for cell in sources.get("References", ())}
    texts = [render(cell.source).get_text() for cell in markdown_cells(nb) if id(cell) not in left_out]
    found = {
        "words": (len(re.findall(r"\w[\w’'.,-]*", " ".join(texts))), 1600),
        "visible lines of code": (
            sum(bool(line.strip()) for cell in visible_cells(nb) for line in cell.source.splitlines()),
            180,
        ),
        "cells": (len(nb.cells), 45),
        "verdict lines": (sum(cell.source.count("lesson.verdict(") for cell in code_cells(nb)), 5),
    }
    yield from (f"{count} {name}, at most {most}" for name, (count, most) in found.items() if count > most)


def links_the_glossary(nb, path):
    if not any("GLOSSARY.md#" in cell.source for cell in markdown_cells(nb)):
        yield "no link into GLOSSARY.md"


def has_checked_exercises(nb, path):
    exercises = [cells for text, cells in sections(nb) if text.startswith("Exercise")]
    if len(exercises) != 3:
        yield f"{len(exercises)} exercises, not 3"
    for cells in exercises:
        if not any("exercise" in tags(c) and "exercises.check_" in c.source for c in cells):
            yield "an exercise has no cell tagged exercise that calls exercises.check_…"
        solutions = [c for c in cells if "solution" in tags(c)]
        hidden = [c.metadata.get("jupyter", {}).get("source_hidden") is True for c in solutions]
        if not hidden or not all(hidden):
            yield "an exercise has no folded cell tagged solution"


def sums_up_in_five_lines(nb, path):
    summary = [c for text, cells in sections(nb) if text == "Summary" for c in cells]
    items = sum(line.startswith("- ") for cell in summary for line in cell.source.splitlines())
    if items != 5:
        yield f"the summary has {items} lines"


def ends_in_order(nb, path):
    """Numbered sections, exercises, summary, references; the last cell leads to the next notebook."""
    order = (r"\d+\. ", "Exercise", "Summary$", "References$")
    kinds = [kind for text, _ in sections(nb) for kind, name in enumerate(order) if re.match(name, text)]
    if kinds != sorted(kinds) or set(kinds) != set(range(len(order))):
        yield f"sections: {[text for text, _ in sections(nb)]}"
    if nb.cells[-1].cell_type != "markdown" or not nb.cells[-1].source.startswith("**Next**"):
        yield "the last cell does not start with **Next**"


RULES = [
    is_valid,
    has_unique_ids,
    names_the_kernel_python3,
    is_under_a_megabyte,
    names_no_machine_path,
    ran_in_order,
    ran_without_errors,
    prints_one_piece,
    has_short_code_cells,
    fits_the_screen,
    is_folded_for_both,
    hides_what_only_tests_need,
    runs_every_cell,
    describes_its_pictures,
    links_resolve,
    asks_a_question,
    says_what_it_takes,
    sets_up_first,
    numbers_its_sections,
    predicts_before_it_explains,
    has_room_for_predictions,
    stays_within_limits,
    links_the_glossary,
    compares_outputs,
    has_checked_exercises,
    sums_up_in_five_lines,
    ends_in_order,
]


NO_LESSON = "08"  # all statements with their verdicts
ANATOMY = RULES[RULES.index(asks_a_question) :]


def test_there_are_notebooks():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{n:02}_" for n in range(9)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_the_verdicts_shown_are_those_of_the_evidence(path):
    for cell in code_cells(read(path)):
        if "lesson.verdict(" in cell.source:
            calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
            asked = [call.args for call in calls if ast.unparse(call.func) == "lesson.verdict"]
            shown = [output.data["text/plain"] for output in cell.outputs]
            assert shown == [repr(lesson.verdict(*map(ast.literal_eval, args))) for args in asked]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_no_share_is_one_of_nothing(path):
    texts = [output.get("text", "") for cell in code_cells(read(path)) for output in cell.outputs]
    assert not re.findall(r"\d of 0 .*", "\n".join(texts))  # a filter that matches no run


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_notebook(rule, path):
    left_out = ANATOMY if path.name.startswith(NO_LESSON) else ()
    if rule not in left_out:
        assert list(rule(read(path), path)) == []


@pytest.mark.skipif(not README.exists(), reason="there is no README.md")
def test_readme():
    markdown = markdown_of(README)
    assert list(broken_links(README, markdown)) == []
    assert list(pictures_without_alt(markdown)) == []


# --- can the rules fail? ---

PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


def sound_notebook():
    """A tiny notebook that breaks no rule."""
    alt = {"image/png": {"alt": "Loss against step: it falls, then levels off."}}
    folded, check = {"source_hidden": True}, {"tags": ["nbval-check-output"]}
    exercise = [
        new_markdown_cell("## Exercise: four"),
        new_code_cell("exercises.check_four(4)", metadata={"tags": ["exercise"]}),
        new_code_cell("4", metadata={"tags": ["solution"], "jupyter": folded}),
    ]
    cells = [
        new_markdown_cell("# 00 · Does it work?"),
        new_markdown_cell("**You will be able to** check\n\n**You need** nothing\n\n**Minutes** 1"),
        new_code_cell("import lr_helpers", metadata={"tags": ["setup"]}),
        new_code_cell('DATASET = "digits"', metadata={"tags": ["parameters"]}),
        new_markdown_cell("## 1. One\n**Predict.** A\n\n**Observe.** B\n\n**Explain.** C. [Down](#Summary)"),
        new_code_cell('my_prediction = ""', metadata={"tags": ["prediction"]}),
        new_code_cell("1 + 1", outputs=[new_output("execute_result", {"text/plain": "2"})], metadata=check),
        new_markdown_cell("## 2. Two\n**Predict.** A\n\n**Observe.** B\n\n**Explain.** C. [Up](#1.-One)"),
        new_code_cell('my_prediction = ""', metadata={"tags": ["prediction"]}),
        new_code_cell(
            "plot()",
            outputs=[new_output("display_data", PICTURE, metadata=alt)],
            metadata={"tags": ["hide-input"], "jupyter": folded},
        ),
        new_markdown_cell("## 3. Three\n![A dot](dot.png) [Word](GLOSSARY.md#word)"),
        new_code_cell("print(3)", outputs=[new_output("stream", text="3\n")]),
        *(copy.deepcopy(cell) for _ in range(3) for cell in exercise),
        new_markdown_cell("## Summary\n" + "- x\n" * 5),
        new_markdown_cell("## References\n[Web](https://example.org/home/x)"),
        new_markdown_cell("**Next** [itself](00_tiny.ipynb#2.-Two)"),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.fixture
def tiny(tmp_path):
    nb, path = sound_notebook(), tmp_path / "00_tiny.ipynb"
    nbformat.write(nb, path)
    (tmp_path / "dot.png").touch()
    (tmp_path / "README.md").write_text("## What it is, and isn't")
    (tmp_path / "GLOSSARY.md").write_text("### word")
    return nb, path


def test_a_sound_notebook_breaks_no_rule(tiny):
    nb, path = tiny
    nb.cells[4].source += " [Readme](README.md#what-it-is-and-isnt)"
    assert {rule.__name__: found for rule in RULES if (found := list(rule(nb, path)))} == {}


def edit(index, old, new):
    """Break one cell's text."""

    def change(nb):
        assert old in nb.cells[index].source
        nb.cells[index].source = nb.cells[index].source.replace(old, new)

    return change


def untag(index):
    return lambda nb: nb.cells[index].metadata.clear()


def append(index, *added):
    return lambda nb: nb.cells[index].outputs.extend(added)


def append_lines(nb, place):
    nb.cells[place].source += "\nx" * 90


def swap(i, j):
    def change(nb):
        nb.cells[i], nb.cells[j] = nb.cells[j], nb.cells[i]

    return change


# Places in the sound notebook.
ONE, CHECK, TWO, PLOT, THREE, PRINT, EXERCISE, SUMMARY, REFERENCES, NEXT = 4, 6, 7, 9, 10, 11, 12, 21, 22, 23


BREAKS = [
    (is_valid, lambda nb: nb.cells[0].update(cell_type="poem")),
    (is_valid, lambda nb: nb.cells[0].pop("id")),
    (is_valid, lambda nb: nb.cells[0].update(id=nb.cells[1].id)),
    (has_unique_ids, lambda nb: nb.cells[0].update(id=nb.cells[1].id)),
    (has_unique_ids, lambda nb: nb.cells[0].pop("id")),
    (names_the_kernel_python3, lambda nb: nb.metadata.kernelspec.update(name="venv")),
    (names_the_kernel_python3, lambda nb: nb.metadata.clear()),
    (is_under_a_megabyte, append(PLOT, new_output("stream", text="x" * 1_000_000))),
    (names_no_machine_path, append(PLOT, new_output("stream", text="saved\n/" + "tmp/x"))),
    (names_no_machine_path, append(PLOT, new_output("execute_result", {"text/html": "<b>/" + "root/x</b>"}))),
    (names_no_machine_path, edit(PLOT, "plot()", "open('/" + "home/me/x')")),
    (names_no_machine_path, edit(REFERENCES, "[Web]", "C:\\" + "Users\\me [Web]")),
    (ran_in_order, lambda nb: nb.cells[PLOT].update(execution_count=99)),
    (ran_in_order, lambda nb: nb.cells[PLOT].update(execution_count=None)),
    (ran_without_errors, append(PLOT, new_output("error", ename="E", evalue="v", traceback=[]))),
    (ran_without_errors, append(PLOT, new_output("stream", name="stderr", text="oops"))),
    (prints_one_piece, append(PRINT, new_output("stream", text="4\n"))),
    (has_short_code_cells, edit(PLOT, "plot()", "")),
    (has_short_code_cells, edit(PLOT, "plot()", "\n" * 3)),
    (has_short_code_cells, edit(PRINT, "print(3)", "x\n" * 31)),
    (fits_the_screen, edit(PRINT, "print(3)", "x" * 89)),
    (is_folded_for_both, lambda nb: nb.cells[PLOT].metadata.update(tags=[])),
    (is_folded_for_both, lambda nb: nb.cells[PLOT].metadata.pop("jupyter")),
    (hides_what_only_tests_need, edit(PRINT, "print(3)", "# NBVAL_CHECK_OUTPUT\nprint(3)")),
    (compares_outputs, untag(CHECK)),
    (compares_outputs, lambda nb: nb.cells[CHECK].outputs.clear()),
    (compares_outputs, lambda nb: nb.cells[PLOT].metadata.tags.append("nbval-check-output")),
    (runs_every_cell, lambda nb: nb.cells[PLOT].metadata.update(tags=["raises-exception"])),
    (runs_every_cell, edit(PLOT, "plot()", "# NBVAL_SKIP\nplot()")),
    (describes_its_pictures, append(PRINT, new_output("display_data", PICTURE))),
    (describes_its_pictures, lambda nb: nb.cells[PLOT].outputs[0].metadata["image/png"].update(alt="A plot")),
    (describes_its_pictures, edit(THREE, "![A dot]", "![]")),
    (describes_its_pictures, edit(THREE, "![A dot](dot.png)", '<img src="dot.png">')),
    (describes_its_pictures, append(PRINT, new_output("display_data", {"text/html": "<img src='x'>"}))),
    (links_resolve, edit(THREE, "dot.png", "dash.png")),
    (links_resolve, edit(TWO, "#1.-One", "#1.-Won")),
    (links_resolve, edit(NEXT, "00_tiny", "01_tiny")),
    (links_resolve, edit(NEXT, "#2.-Two", "#3.-Two")),
    (links_resolve, edit(NEXT, "00_tiny.ipynb#2.-Two", "README.md#What-it-is,-and-isn't")),
    (asks_a_question, edit(0, "?", ".")),
    (asks_a_question, edit(0, "00", "01")),
    (asks_a_question, swap(0, 2)),
    (says_what_it_takes, edit(1, "**Minutes**", "Minutes")),
    (sets_up_first, untag(2)),
    (sets_up_first, untag(3)),
    (sets_up_first, edit(3, "DATASET", "EPOCHS")),
    (numbers_its_sections, edit(THREE, "## 3.", "## 4.")),
    (numbers_its_sections, edit(THREE, "## 3.", "##")),
    (predicts_before_it_explains, edit(TWO, "**Observe.**", "Observe.")),
    (
        predicts_before_it_explains,
        edit(ONE, "**Predict.** A\n\n**Observe.**", "**Observe.**\n\n**Predict.** A\n\n"),
    ),
    (has_room_for_predictions, untag(5)),
    (stays_within_limits, edit(ONE, "C.", "word " * 1600)),
    (stays_within_limits, lambda nb: [append_lines(nb, place) for place in (CHECK, PRINT)]),
    (stays_within_limits, lambda nb: nb.cells.extend(nb.cells[:22])),
    (stays_within_limits, edit(PRINT, "print(3)", "lesson.verdict('x');" * 6)),
    (links_the_glossary, edit(THREE, "GLOSSARY.md#word", "GLOSSARY.md")),
    (has_checked_exercises, edit(EXERCISE, "## Exercise: four", "four")),
    (has_checked_exercises, edit(EXERCISE + 1, "exercises.check_four", "print")),
    (has_checked_exercises, untag(EXERCISE + 1)),
    (has_checked_exercises, untag(EXERCISE + 2)),
    (has_checked_exercises, lambda nb: nb.cells[EXERCISE + 2].metadata.jupyter.update(source_hidden=False)),
    (sums_up_in_five_lines, edit(SUMMARY, "- x\n" * 5, "- x\n" * 6)),
    (ends_in_order, swap(SUMMARY, REFERENCES)),
    (ends_in_order, edit(REFERENCES, "## References", "")),
    (ends_in_order, edit(NEXT, "**Next**", "Next")),
]


@pytest.mark.parametrize(
    ("rule", "change"), BREAKS, ids=[f"{rule.__name__}-{i}" for i, (rule, _) in enumerate(BREAKS)]
)
def test_every_rule_can_fail(tiny, rule, change):
    nb, path = tiny
    change(nb)
    assert list(rule(nb, path))


def test_every_rule_is_broken_once():
    assert {rule for rule, _ in BREAKS} == set(RULES)
