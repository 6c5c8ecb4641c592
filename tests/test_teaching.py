"""The teacher's guide: its plans add up, and its command makes student copies that work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from explorer_checks import BROWSER

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
GUIDE = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
COMMANDS = re.search(r"<!-- student copies -->\n```bash\n(.*?)```", GUIDE, re.DOTALL).group(1)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_a_notebooks_plans_add_up_and_name_its_sections(path):
    cells = nbformat.read(path, as_version=4).cells
    title = cells[0].source.removeprefix("# ")
    part = GUIDE.split(f"## {title}\n")[1].split("\n## ")[0]
    minutes = [list(map(int, row)) for row in re.findall(r"^\| (\d+) \| (\d+) \| .*\|$", part, re.MULTILINE)[1:]]
    assert [sum(column) for column in zip(*minutes, strict=True)] == [50, 20]
    known = set(re.findall(r"^## (\d)\.", "\n".join(cell.source for cell in cells), re.MULTILINE))
    named = set(re.findall(r"[Ss]ection (\d)", part))
    assert named == known or path.stem.startswith("08")
    assert len(re.findall(r"\(\d\) ", part.split("*Exam.*")[1])) == 5


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """What the guide's commands make, run in a clone of the files as they are."""
    folder = tmp_path_factory.mktemp("class") / "series"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".venv", "build", "tests", ".git"))
    subprocess.run("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm a", shell=True,
                   cwd=folder, check=True)  # fmt: skip
    commands = COMMANDS.replace(".venv/bin/", f"{Path(sys.executable).parent}{os.sep}")
    subprocess.run(commands, shell=True, cwd=folder, check=True, capture_output=True)
    return folder.parent / "for-students" / "notebooks"


def test_student_copies_have_no_solutions_and_no_outputs(handed_out):
    assert {path.name for path in handed_out.glob("*.ipynb")} == {path.name for path in NOTEBOOKS}
    for path in handed_out.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
        assert "solution" not in tags and tags.count("exercise") in (3, 0)
        assert not any(cell.get("outputs") for cell in cells)


def checks(cells):
    outputs = [output for cell in cells for output in cell.outputs]
    return [line for output in outputs for line in output.get("text", "").splitlines()]


@pytest.mark.slow
def test_a_student_copy_runs_says_not_yet_and_takes_the_solutions(handed_out):
    path = handed_out / NOTEBOOKS[0].name
    notebook = nbformat.read(path, as_version=4)
    exercises = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    run = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": handed_out}}).execute
    run()
    said = checks(exercises)
    assert len(said) == 3 and all(line.startswith("Not yet.") for line in said)
    solved = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    solutions = [cell.source for cell in solved if "solution" in cell.metadata.get("tags", [])]
    for cell, solution in zip(exercises, solutions, strict=True):
        cell.source = solution
    run()
    assert all(line.startswith("Right.") for line in checks(exercises))


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    for name in ("site", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    subprocess.run([sys.executable, "site/slides.py"], cwd=folder, check=True, capture_output=True)
    return folder / "build" / "slides"


# Of each slide: how far it overflows, how wide its picture is (0: it is broken), how many points it lists.
SLIDES = """() => [...document.querySelectorAll("section")].map(slide => ({
    over: Math.max(slide.scrollHeight - slide.clientHeight, slide.scrollWidth - slide.clientWidth),
    pictures: [...slide.querySelectorAll("img")].map(image => image.naturalWidth),
    points: slide.querySelectorAll("li").length,
    text: slide.innerText,
}))"""


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_each_slide_fits_and_a_key_turns_the_page(decks, browser, path):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.context.set_offline(True)
    page.goto((decks / f"{path.stem}.html").as_uri())
    slides = page.evaluate(SLIDES)
    assert all(slide["over"] <= 1 and all(slide["pictures"]) for slide in slides)
    source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert sum("Predict." in slide["text"] for slide in slides) == source.count("**Predict.**")
    if not path.stem.startswith("08"):
        assert slides[-1]["points"] == 5
    page.keyboard.press("ArrowRight")
    page.wait_for_function("scrollY === innerHeight")
    page.close()
