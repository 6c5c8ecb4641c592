"""The reading edition: it is built from the stored notebooks as the README says, and read in a real browser."""

import base64
import contextlib
import functools
import http.server
import itertools
import os
import re
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from explorer_checks import BROWSER
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytest.importorskip("sphinx_book_theme", reason="site/requirements.txt is not installed")

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "site" / "build.py"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXTS = sorted((ROOT / "notebooks").glob("*.md"))
PAGES = ["index", *(path.stem for path in (*NOTEBOOKS, *TEXTS))]
REPOSITORY = "https://github.com/OWNER/REPO"
AXE = os.environ.get("AXE_CORE")  # the file axe.min.js of npm's axe-core
WIDGET = "application/vnd.jupyter.widget-view+json"
EXPLORER = "application/vnd.learning-rates.explorer+json"

every_page = pytest.mark.parametrize("name", PAGES, ids=lambda name: name[:8])
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])


def in_browser(test):
    return pytest.mark.browser(pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")(test))


def build(*arguments, python=("-I",)):
    """Run the build as a reader does, and wait for its end."""
    command = [sys.executable, *python, BUILD, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """The folder of pages, built anew."""
    target = tmp_path_factory.mktemp("edition") / "site"
    started = time.monotonic()
    done = build("--target", target)
    assert done.returncode == 0, done.stderr
    (target / "seconds").write_text(str(time.monotonic() - started))
    return target


@functools.cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def article(edition, name):
    return parsed(edition / f"{name}.html").select_one("article.bd-article")


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code" and cell.source]


def outputs_with(path, kind):
    return [o for cell in code_cells(path) for o in cell.outputs if kind in o.get("data", {})]


# --- the pages as files ---


def test_it_is_built_in_less_than_a_minute(edition, record_property):
    seconds = float((edition / "seconds").read_text())
    record_property("measured", f"the reading edition: built in {seconds:.1f} s")
    assert seconds < 60
    assert all((edition / f"{name}.html").exists() for name in PAGES)


@every_page
def test_links_lead_somewhere(edition, name):
    page = parsed(edition / f"{name}.html")
    for element in page.select("[href], [src]"):
        link = element.get("href") or element.get("src")
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link == "#":
            # Only a link that a reader follows may leave; what the page is made of may not.
            assert link == "#" or (element.name == "a" and parts.scheme == "https"), link
            continue
        target = edition / unquote(parts.path) if parts.path else edition / f"{name}.html"
        assert target.is_file(), link
        if parts.fragment:
            assert parsed(target).find(id=unquote(parts.fragment)), link


@every_page
def test_links_into_the_repository_lead_somewhere(edition, name):
    for element in article(edition, name).select(f'a[href^="{REPOSITORY}/"]'):
        kind, branch, place = urlsplit(element["href"]).path.split("/", 5)[3:]
        target = ROOT / unquote(place)
        assert branch == "main" and (target.is_dir() if kind == "tree" else target.is_file()), element["href"]


@every_page
def test_headings_are_in_order(edition, name):
    levels = [int(heading.name[1]) for heading in article(edition, name).find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


@every_page
def test_tables_say_what_they_are(edition, name):
    for table in article(edition, name).find_all("table"):
        heads = table.find_all("th")
        assert heads and all(head.get("scope") in ("col", "row") for head in heads)
        if table.find_parent(class_="table-box"):  # an output; a table in Markdown can have none
            assert table.caption and table.caption.get_text(strip=True)


@every_notebook
def test_pictures_arrive_with_their_words_and_move_if_they_moved(edition, path):
    shown = article(edition, path.stem).select("div.picture")
    stored = outputs_with(path, "image/png")
    assert len(shown) == len(stored)
    for box, output in zip(shown, stored, strict=True):
        images, png = box.find_all("img"), base64.b64decode(output.data["image/png"])
        assert {image["alt"] for image in images} == {output.metadata["image/png"]["alt"]}
        assert (edition / images[0]["src"]).read_bytes() == png
        assert (int(images[0]["width"]), int(images[0]["height"])) == struct.unpack(">II", png[16:24])
        assert len(images) == (2 if b"acTL" in png else 1)
        if len(images) == 2:
            still = (edition / images[1]["src"]).read_bytes()
            assert still[16:24] == png[16:24] and b"acTL" not in still and b"fdAT" not in still


@every_notebook
def test_code_is_there_once_and_folded_as_in_the_notebook(edition, path):
    cells, stored = article(edition, path.stem).select("div.cell"), code_cells(path)
    assert len(cells) == len(stored)
    for cell, source in zip(cells, stored, strict=True):
        (code,) = cell.select("div.cell_input")
        assert code.get_text().split() == source.source.split()
        tags = source.metadata.get("tags", [])
        hidden = source.metadata.get("jupyter", {}).get("source_hidden") or "hide-input" in tags
        assert bool(code.find_parent("details")) == bool(hidden or "solution" in tags)
        if "solution" in tags:  # what it prints gives it away
            assert all(output.find_parent("details") for output in cell.select("div.cell_output"))


@every_notebook
def test_launch_buttons_open_this_notebook(edition, path):
    links = [a["href"] for a in parsed(edition / f"{path.stem}.html").select(".header-article-items a[href]")]
    file = f"notebooks/{path.name}"
    assert f"https://mybinder.org/v2/gh/OWNER/REPO/main?urlpath=lab/tree/{file}" in links
    assert f"https://colab.research.google.com/github/OWNER/REPO/blob/main/{file}" in links


def test_previous_and_next_lead_through_all(edition):
    way, name = [], "index"
    while name and name not in way:
        way.append(name)
        following = parsed(edition / f"{name}.html").select_one("a.right-next")
        name = following and following["href"].removesuffix(".html")
    assert way == PAGES


# --- what can be wrong ---


@pytest.fixture
def tiny(tmp_path):
    """One notebook in a repository, as JSON and as a path."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").write_text("# Read me")
    png = DOT
    alt = {"image/png": {"alt": 'Less than "<"'}}
    cells = [
        new_markdown_cell("# 00 · One?\n\n[Two](#2.-Two?) [`](x)`](../README.md#read-me)"),
        new_code_cell(
            "open('ran', 'w')",
            execution_count=1,
            outputs=[new_output("display_data", {"image/png": png}, metadata=alt)],
        ),
        new_markdown_cell("## 2. Two?\n\n```\n[kept](as.it#is)\n```\n\n| a |\n| --- |\n| 1 |"),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    path = tmp_path / "notebooks" / "00_one.ipynb"
    return new_notebook(cells=cells, metadata=metadata), path


DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def built(tiny, tmp_path):
    nbformat.write(*tiny)
    return build("--notebooks", tmp_path / "notebooks", "--target", tmp_path / "site")


def test_nothing_is_executed(tiny, tmp_path):
    done = built(tiny, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.rglob("ran")) and not Path("ran").exists()
    page = article(tmp_path / "site", "00_one")
    assert page.find("img")["alt"] == 'Less than "<"'
    assert {a["href"] for a in page.select("p a")} == {"#two", f"{REPOSITORY}/blob/main/README.md#read-me"}
    assert "[kept](as.it#is)" in page.get_text()
    assert page.find("th")["scope"] == "col"


def edit(cell, **changes):
    return lambda nb: nb.cells[cell].update(changes)


BREAKS = {
    "has a picture without alternative text": lambda nb: nb.cells[1].outputs[0].metadata.clear(),
    "has a code cell that was not run": edit(1, execution_count=None),
    "links to gone.ipynb, and there is no such file": edit(2, source="[gone](gone.ipynb)"),
    "has the formula $x^2$": edit(2, source="A square is $x^2$."),
    "Non-consecutive header level": edit(2, source="### Too deep"),
    "target not found: 'three'": edit(0, source="# 00\n\n[Three](#Three)"),
}


@pytest.mark.parametrize(("words", "change"), BREAKS.items())
def test_what_a_page_cannot_show_stops_the_build(tiny, tmp_path, words, change):
    change(tiny[0])
    done = built(tiny, tmp_path)
    assert done.returncode == 1 and words in done.stderr and "00_one" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "site").exists()


def test_a_page_that_is_older_than_its_notebook_is_found(tiny, tmp_path):
    where = "--notebooks", tmp_path / "notebooks", "--target", tmp_path / "site"
    assert "run python site/build.py" in build("--check", *where).stderr
    assert built(tiny, tmp_path).returncode == 0
    assert build("--check", *where).returncode == 0
    tiny[0].cells[0].source += "!"
    nbformat.write(*tiny)
    done = build("--check", *where)
    assert done.returncode == 1
    assert "these pages are older than their notebooks: 00_one.ipynb" in done.stderr


def test_a_missing_library_is_named_with_the_way_out(tmp_path):
    hide = "import runpy, sys; sys.modules['myst_nb'] = None; sys.argv = sys.argv[1:]; "
    hide += "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = build("--target", tmp_path / "site", python=("-c", hide))
    assert done.returncode == 1
    assert done.stderr.startswith("site/build.py: myst_nb is not installed: ")
    assert done.stderr.rstrip().endswith("-m pip install -r site/requirements.txt")


def test_a_wrong_folder_or_file_is_a_sentence(tmp_path):
    where = "--notebooks", tmp_path, "--target", tmp_path
    assert "there are no notebooks in" in build(*where).stderr
    (tmp_path / "00_one.ipynb").write_text("<<<<<<< HEAD")
    assert "has other files than the edition's" in build(*where).stderr
    assert "00_one.ipynb is not a notebook" in build(*where[:3], tmp_path / "site").stderr


# --- the pages in a browser ---


@pytest.fixture(scope="module")
def address(edition):
    """Where the edition is served, as a web host would."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    serve = functools.partial(Quiet, directory=edition)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def opened(browser, address, tmp_path):
    """Opens a page; whatever it asked another host for, or wrote to the console as an error, fails the test."""
    asked, errors, contexts = [], [], []

    def open_page(name, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{address}/{name}.html")
        page.wait_for_load_state("load")
        return page

    yield open_page
    for context in contexts:
        with contextlib.suppress(Exception):
            context.pages[0].screenshot(path=tmp_path / "last.png")
        context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []


# What sticks out of the window, but for code and tables, whose box may scroll; what is cut off; what is bent.
MEASURE = """() => {
    const found = [], inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
    const name = it => `${it.tagName} ${it.className}: ${it.textContent.trim().slice(0, 40)}`;
    const screen = { left: 0, right: innerWidth };
    const scrolls = it => it && (/auto|scroll/.test(getComputedStyle(it).overflowX)
        ? inside(it.getBoundingClientRect(), screen) : scrolls(it.parentElement));
    if (document.scrollingElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
    for (const it of document.querySelectorAll("article *")) {
        const box = it.getBoundingClientRect();
        if (!box.width || inside(box, screen) || scrolls(it.closest("pre, table"))) continue;
        found.push(`sticks out: ${name(it)}`);
    }
    for (const img of document.querySelectorAll("article img")) {
        const box = img.getBoundingClientRect();
        if (!box.width) continue;
        for (let it = img.parentElement; it; it = it.parentElement)
            if (getComputedStyle(it).overflowX !== "visible" && !inside(box, it.getBoundingClientRect()))
                found.push(`cut: ${img.src}`);
        const bent = box.width / box.height / (img.naturalWidth / img.naturalHeight);
        if (!(bent > 0.98 && bent < 1.02)) found.push(`bent: ${img.src}`);
    }
    return found;
}"""


def measured(page):
    """What MEASURE finds when all has come to rest: sidebars slide."""
    for _ in range(20):
        found = page.evaluate(MEASURE)
        if not found:
            break
        page.wait_for_timeout(100)
    return found


OPEN_FOLDS = "document.querySelectorAll('article details').forEach(fold => { fold.open = true; })"


@in_browser
@every_page
def test_it_fits_the_window(opened, name):
    page = opened(name)
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(OPEN_FOLDS)
        assert measured(page) == [], width


POINTS = 10  # the smallest type that lesson.figures() sets, that of legends


def dots_an_inch(png):
    """As the file says it, else Matplotlib's default, at which notebooks store figures."""
    at = png.find(b"pHYs")
    return 100 if at < 0 else struct.unpack(">I", png[at + 4 : at + 8])[0] * 0.0254


@in_browser
@every_notebook
def test_type_in_figures_can_be_read_on_a_phone(opened, edition, path):
    small = []
    for image in opened(path.stem, 390).locator("div.picture img:not(.still)").all():
        png = (edition / image.get_attribute("src")).read_bytes()
        inches = struct.unpack(">I", png[16:20])[0] / dots_an_inch(png)
        pixels = image.bounding_box()["width"] / inches * POINTS / 72
        if pixels < 9:
            small.append(f"{image.get_attribute('src')}: {inches:.1f} inches wide, type of {pixels:.1f} pixels")
    assert small == []


@in_browser
@every_page
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.skipif(AXE is None, reason="AXE_CORE is not set: npm install axe-core, and name its axe.min.js")
def test_axe_finds_nothing_serious(opened, name, scheme, width):
    page = opened(name, width, color_scheme=scheme)
    assert page.locator(f"html[data-theme={scheme}]").count() == 1
    page.evaluate(OPEN_FOLDS)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run().then(result => result.violations)")
    serious = [(one["id"], one["help"], [node["html"][:150] for node in one["nodes"][:3]]) for one in found
               if one["impact"] in ("serious", "critical")]  # fmt: skip
    assert serious == []


# --- the explorers ---

EXPLORERS = ROOT / "notebooks" / "explorers.js"
exist = pytest.mark.skipif(not EXPLORERS.exists(), reason="notebooks/explorers.js is still to come")

# All that an explorer shows as a picture.
PICTURE = """it => [...it.querySelectorAll("svg, canvas")]
    .map(picture => picture.toDataURL ? picture.toDataURL() : picture.outerHTML).join()"""


def explorers(page):
    """The explorers of a page, once they can be moved."""
    places = page.locator("div.explorer")
    for place in places.all():
        place.locator("svg, canvas").first.wait_for()
    return places.all()


def answers(place, control, act):
    """Do something to an explorer: a picture must follow, its sentence must say something. Then it is put back."""
    before, value, name = place.evaluate(PICTURE), control.input_value(), control.get_attribute("aria-label")
    act()
    for _ in range(20):
        if place.evaluate(PICTURE) != before:
            break
        place.page.wait_for_timeout(50)
    else:
        raise AssertionError(f"{name}: from {value} to {control.input_value()}, and the picture stays as it is")
    assert any(text.strip() for text in place.locator("[aria-live]").all_inner_texts()), name
    control.evaluate("(it, value) => { it.value = value; it.dispatchEvent(new Event('input')); }", value)


@exist
@in_browser
@every_notebook
def test_every_explorer_of_a_lesson_is_on_its_page(opened, path):
    asked = [cell for cell in code_cells(path) if "explorers.explore_" in cell.source]
    stored = outputs_with(path, EXPLORER)
    assert len(stored) == len(asked), "run this notebook again with today's explorers.py"
    assert len(explorers(opened(path.stem))) == len(stored)


@exist
@in_browser
@every_notebook
def test_explorers_answer_the_keyboard(opened, path):
    page = opened(path.stem)
    for place in explorers(page):
        for control in place.locator("input:visible, select:visible").all():
            control.focus()
            last = "it => it.options ? it.selectedIndex === it.options.length - 1 : it.value === it.max"
            key = (
                ("ArrowDown", "ArrowUp") if control.evaluate("it => !!it.options") else ("ArrowRight", "ArrowLeft")
            )
            answers(place, control, functools.partial(page.keyboard.press, key[control.evaluate(last)]))


@exist
@in_browser
@every_notebook
def test_explorers_answer_a_finger(opened, path):
    page = opened(path.stem, 390, has_touch=True, is_mobile=True)
    page.evaluate(OPEN_FOLDS)
    for place in explorers(page):
        assert measured(page) == []
        for slider in place.locator("input[type=range]:visible").all():
            slider.scroll_into_view_if_needed()
            box = slider.bounding_box()
            assert box["height"] >= 44  # the width of a finger
            now = slider.evaluate("it => (it.value - it.min) / (it.max - it.min)")
            x, y = box["x"] + box["width"] * (0.2 if now > 0.5 else 0.8), box["y"] + box["height"] / 2
            answers(place, slider, functools.partial(page.touchscreen.tap, x, y))


FAILED = "This explorer does not run here: "


@in_browser
@pytest.mark.parametrize(
    ("module", "shown"),
    [
        ("export const mount = (it, data) => { it.textContent = data.name; };", "</script> moved"),
        ("export const mount = () => { throw new Error('no run was given'); };", FAILED + "no run was given"),
        (None, FAILED),
    ],
    ids=["works", "raises", "is missing"],
)
def test_an_explorer_that_fails_is_a_sentence(browser, tiny, tmp_path, module, shown):
    """And one that does not is there, even from a folder and with any text in its data."""
    tiny[0].cells[1].outputs = [
        new_output(
            "display_data", {EXPLORER: {"name": "</script> moved"}, WIDGET: {}, "text/plain": "Move the rate."}
        )
    ]
    if module:
        (tmp_path / "notebooks" / "explorers.js").write_text(module)
    assert built(tiny, tmp_path).returncode == 0
    page = browser.new_page()
    page.goto((tmp_path / "site" / "00_one.html").as_uri())
    page.locator("div.explorer", has_text=shown).wait_for()
    page.close()
    words = article(tmp_path / "site", "00_one").select_one("div.explorer p")
    assert words.get_text() == "Move the rate."


# --- what a reader asked for ---


@in_browser
def test_who_wants_no_motion_gets_none(opened, edition):
    moving = [p.stem for p in NOTEBOOKS if article(edition, p.stem).select("img.moving")]
    for name in moving:
        for motion, shown in (("no-preference", "moving"), ("reduce", "still")):
            page = opened(name, reduced_motion=motion)
            for kind in ("moving", "still"):
                visible = page.locator(f"img.{kind}").first.is_visible()
                assert visible == (kind == shown)


@in_browser
def test_search_finds_a_word_of_a_lesson(opened):
    page = opened("index")
    page.goto(page.url.replace("index.html", "search.html?q=overshoot"))
    page.locator("ul.search li a").first.wait_for()
    found = [link.get_attribute("href") for link in page.locator("ul.search li a").all()]
    assert any(NOTEBOOKS[0].stem in link for link in found)


@in_browser
def test_paper_is_white_and_has_no_folds(opened):
    page = opened(NOTEBOOKS[0].stem, color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("html[data-theme=light]").count() == 1
    assert page.locator("article h1").is_visible()
    assert not any(fold.is_visible() for fold in page.locator("details.fold").all())
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html[data-theme=dark]").count() == 1


@in_browser
def test_it_reads_from_a_folder_too(browser, edition):
    """Copied to a laptop without a server, the pages still find all that they are made of."""
    page, failed = browser.new_page(), []
    page.on("requestfailed", lambda request: failed.append(request.url))
    for path in NOTEBOOKS[:1]:
        page.goto((edition / f"{path.stem}.html").as_uri())
        page.wait_for_load_state("load")
    page.close()
    assert failed == []
