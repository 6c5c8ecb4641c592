"""The notebooks as documents: sound files, clean outputs, working links, and one anatomy for all.

A rule is a function of a notebook and its path that yields what is wrong. That the code runs is nbval's
business. The second half breaks a tiny sound notebook in every forbidden way: each rule must be able to fail.
"""

import copy
import re
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

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


def has_short_code_cells(nb, path):
    lengths = [len(cell.source.strip().splitlines()) for cell in code_cells(nb)]
    for number, length in enumerate(lengths, 1):
        if not 1 <= length <= 15:
            yield f"code cell {number} has {length} lines"
    if sum(length <= 10 for length in lengths) < 0.8 * len(lengths):
        yield f"more than a fifth of the code cells have over ten lines: {lengths}"


def compares_outputs(nb, path):
    """nbval compares text, not pictures or widgets: a marked cell must show some."""
    marked = [c for c in code_cells(nb) if "# NBVAL_CHECK_OUTPUT" in map(str.strip, c.source.splitlines())]
    if len(marked) < 2:
        yield f"{len(marked)} cells are marked # NBVAL_CHECK_OUTPUT"
    for cell in marked:
        shown = [output.get("data", {"text/plain": ""}) for output in cell.outputs]
        if not any({"text/plain", "text/html"} & data.keys() and "image/png" not in data for data in shown):
            yield f"marked # NBVAL_CHECK_OUTPUT, but nothing to compare: {cell.source[:60]!r}"


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


def has_checked_exercises(nb, path):
    exercises = [cells for text, cells in sections(nb) if text.startswith("Exercise")]
    if not exercises:
        yield "no exercise"
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
    has_short_code_cells,
    compares_outputs,
    runs_every_cell,
    describes_its_pictures,
    links_resolve,
    asks_a_question,
    says_what_it_takes,
    sets_up_first,
    numbers_its_sections,
    predicts_before_it_explains,
    has_checked_exercises,
    sums_up_in_five_lines,
    ends_in_order,
]


NO_LESSON = "08"  # all statements with their verdicts
ANATOMY = RULES[RULES.index(asks_a_question) :]


def test_there_are_notebooks():
    numbers = [path.name[:3] for path in NOTEBOOKS]
    assert numbers in ([f"{n:02}_" for n in range(9)], [f"{n:02}_" for n in range(9) if n != 7])  # 07 is to come


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_notebook(rule, path):
    if rule not in ANATOMY or not path.name.startswith(NO_LESSON):
        assert list(rule(read(path), path)) == []


@pytest.mark.skipif(not README.exists(), reason="there is no README.md")
def test_readme():
    markdown = markdown_of(README)
    assert list(broken_links(README, markdown)) == []
    assert list(pictures_without_alt(markdown)) == []


# --- can the rules fail? ---

CHECKED = "# NBVAL_CHECK_OUTPUT\n"
PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


def sound_notebook():
    """A tiny notebook that breaks no rule."""
    alt = {"image/png": {"alt": "Loss against step: it falls, then levels off."}}
    cells = [
        new_markdown_cell("# 00 · Does it work?"),
        new_markdown_cell("**You will be able to** check\n\n**You need** nothing\n\n**Minutes** 1"),
        new_code_cell("import lr_helpers", metadata={"tags": ["setup"]}),
        new_code_cell('DATASET = "digits"', metadata={"tags": ["parameters"]}),
        new_markdown_cell("## 1. One\n**Predict.** A\n\n**Observe.** B\n\n**Explain.** C. [Down](#Summary)"),
        new_code_cell(CHECKED + "1 + 1", outputs=[new_output("execute_result", {"text/plain": "2"})]),
        new_markdown_cell("## 2. Two\n**Predict.** A\n\n**Observe.** B\n\n**Explain.** C. [Up](#1.-One)"),
        new_code_cell("plot()", outputs=[new_output("display_data", PICTURE, metadata=alt)]),
        new_markdown_cell("## 3. Three\n![A dot](dot.png)"),
        new_code_cell(CHECKED + "print(3)", outputs=[new_output("stream", text="3\n")]),
        new_markdown_cell("## Exercise: four"),
        new_code_cell("exercises.check_four(4)", metadata={"tags": ["exercise"]}),
        new_code_cell("4", metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}}),
        new_markdown_cell("## Summary\n" + "- x\n" * 5),
        new_markdown_cell("## References\n[Web](https://example.org/home/x)"),
        new_markdown_cell("**Next** [itself](00_tiny.ipynb#2.-Two)"),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.fixture
def tiny(tmp_path):
    nb, path = sound_notebook(), tmp_path / "00_tiny.ipynb"
    nbformat.write(nb, path)
    (tmp_path / "dot.png").touch()
    (tmp_path / "README.md").write_text("## What it is, and isn't")
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


def swap(i, j):
    def change(nb):
        nb.cells[i], nb.cells[j] = nb.cells[j], nb.cells[i]

    return change


BREAKS = [
    (is_valid, lambda nb: nb.cells[0].update(cell_type="poem")),
    (is_valid, lambda nb: nb.cells[0].pop("id")),
    (is_valid, lambda nb: nb.cells[0].update(id=nb.cells[1].id)),
    (has_unique_ids, lambda nb: nb.cells[0].update(id=nb.cells[1].id)),
    (has_unique_ids, lambda nb: nb.cells[0].pop("id")),
    (names_the_kernel_python3, lambda nb: nb.metadata.kernelspec.update(name="venv")),
    (names_the_kernel_python3, lambda nb: nb.metadata.clear()),
    (is_under_a_megabyte, append(7, new_output("stream", text="x" * 1_000_000))),
    (names_no_machine_path, append(7, new_output("stream", text="saved\n/" + "tmp/x"))),
    (names_no_machine_path, append(7, new_output("execute_result", {"text/html": "<b>/" + "root/x</b>"}))),
    (names_no_machine_path, edit(7, "plot()", "open('/" + "home/me/x')")),
    (names_no_machine_path, edit(14, "[Web]", "C:\\" + "Users\\me [Web]")),
    (ran_in_order, lambda nb: nb.cells[7].update(execution_count=9)),
    (ran_in_order, lambda nb: nb.cells[7].update(execution_count=None)),
    (ran_without_errors, append(7, new_output("error", ename="E", evalue="v", traceback=[]))),
    (ran_without_errors, append(7, new_output("stream", name="stderr", text="oops"))),
    (has_short_code_cells, edit(7, "plot()", "")),
    (has_short_code_cells, edit(7, "plot()", "\n" * 3)),
    (has_short_code_cells, edit(7, "plot()", "x\n" * 16)),
    (has_short_code_cells, lambda nb: [c.update(source="x\n" * 11) for c in code_cells(nb)[:2]]),
    (compares_outputs, edit(5, CHECKED, "")),
    (compares_outputs, lambda nb: nb.cells[9].outputs.clear()),
    (compares_outputs, edit(7, "plot()", CHECKED + "plot()")),
    (runs_every_cell, lambda nb: nb.cells[7].metadata.update(tags=["raises-exception"])),
    (runs_every_cell, edit(7, "plot()", "# NBVAL_SKIP\nplot()")),
    (describes_its_pictures, append(9, new_output("display_data", PICTURE))),
    (describes_its_pictures, lambda nb: nb.cells[7].outputs[0].metadata["image/png"].update(alt="A plot")),
    (describes_its_pictures, edit(8, "![A dot]", "![]")),
    (describes_its_pictures, edit(8, "![A dot](dot.png)", '<img src="dot.png">')),
    (describes_its_pictures, append(9, new_output("display_data", {"text/html": "<img src='x'>"}))),
    (links_resolve, edit(8, "dot.png", "dash.png")),
    (links_resolve, edit(6, "#1.-One", "#1.-Won")),
    (links_resolve, edit(15, "00_tiny", "01_tiny")),
    (links_resolve, edit(15, "#2.-Two", "#3.-Two")),
    (links_resolve, edit(15, "00_tiny.ipynb#2.-Two", "README.md#What-it-is,-and-isn't")),
    (asks_a_question, edit(0, "?", ".")),
    (asks_a_question, edit(0, "00", "01")),
    (asks_a_question, swap(0, 2)),
    (says_what_it_takes, edit(1, "**Minutes**", "Minutes")),
    (sets_up_first, untag(2)),
    (sets_up_first, untag(3)),
    (sets_up_first, edit(3, "DATASET", "EPOCHS")),
    (numbers_its_sections, edit(8, "## 3.", "## 4.")),
    (numbers_its_sections, edit(8, "## 3.", "##")),
    (predicts_before_it_explains, edit(6, "**Observe.**", "Observe.")),
    (
        predicts_before_it_explains,
        edit(4, "**Predict.** A\n\n**Observe.**", "**Observe.**\n\n**Predict.** A\n\n"),
    ),
    (has_checked_exercises, edit(10, "## Exercise: four", "four")),
    (has_checked_exercises, edit(11, "exercises.check_four", "print")),
    (has_checked_exercises, untag(11)),
    (has_checked_exercises, untag(12)),
    (has_checked_exercises, lambda nb: nb.cells[12].metadata.jupyter.update(source_hidden=False)),
    (sums_up_in_five_lines, edit(13, "- x\n" * 5, "- x\n" * 6)),
    (ends_in_order, swap(13, 14)),
    (ends_in_order, edit(14, "## References", "")),
    (ends_in_order, edit(15, "**Next**", "Next")),
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
