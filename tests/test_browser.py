"""A reader's browser: JupyterLab, every notebook, Run All, and its explorers by keyboard and by mouse."""

import hashlib
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from playwright import sync_api

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed"),
]


class Lab:
    """A JupyterLab server on a copy of the repository."""

    def __init__(self, folder):
        self.folder, self.token = folder, secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self.runtime = folder.parent / "runtime"
        environment["JUPYTER_RUNTIME_DIR"] = str(self.runtime)
        environment["IPYTHONDIR"] = environment["JUPYTER_CONFIG_DIR"] = str(folder.parent / "settings")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
             f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(240):
            try:
                self.get("status")
                return
            except OSError:
                assert self.process.poll() is None, "JupyterLab has ended"
                time.sleep(0.25)
        raise TimeoutError("JupyterLab did not answer")

    def get(self, what):
        url = f"http://127.0.0.1:{self.port}/api/{what}?token={self.token}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def address(self, notebook):
        return f"http://127.0.0.1:{self.port}/lab/tree/notebooks/{notebook}?reset&token={self.token}"

    def busy(self):
        return any(kernel["execution_state"] != "idle" for kernel in self.get("kernels"))

    def ask(self, code):
        """Run code in the kernel, beside the notebook; the value of its `answer`."""
        (kernel,) = self.get("kernels")
        client = BlockingKernelClient(connection_file=str(self.runtime / f"kernel-{kernel['id']}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            question = {"store_history": False, "user_expressions": {"answer": "__import__('json').dumps(answer)"}}
            content = client.execute(code, reply=True, timeout=60, **question)["content"]
        finally:
            client.stop_channels()
        assert content["status"] == "ok", "\n".join(content["traceback"])
        return json.loads(eval(content["user_expressions"]["answer"]["data"]["text/plain"]))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab") / "series"
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (folder / "notebooks").glob("*.ipynb"):  # what is there after a run has then come from it
        nb = nbformat.read(path, as_version=4)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(nb, path)
    shutil.copytree(ROOT / "evidence", folder / "evidence")
    for path in (*ROOT.glob("lr_*.py"), ROOT / "README.md"):
        shutil.copy(path, folder)
    lab = Lab(folder)
    yield lab
    lab.process.terminate()
    lab.process.wait()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, tmp_path):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    yield page
    page.screenshot(path=tmp_path / "last.png")  # outside the repository; pytest keeps its last three runs
    page.close()


def run_all(page, lab, notebook, minutes=6):
    """Open it, Run All Cells, wait for the end, save it; the notebook as it was saved."""
    for kernel in lab.get("sessions"):  # one kernel at a time: this is a small machine
        request = urllib.request.Request(
            f"http://127.0.0.1:{lab.port}/api/sessions/{kernel['id']}?token={lab.token}", method="DELETE"
        )
        urllib.request.urlopen(request, timeout=30).close()
    page.goto(lab.address(notebook))
    page.locator(".jp-StatusBar-TextItem", has_text="| Idle").wait_for()
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    path, end = lab.folder / "notebooks" / notebook, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        quiet = 0
        while quiet < 4 and time.monotonic() < end:
            quiet = 0 if lab.busy() else quiet + 1
            page.wait_for_timeout(300)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
        saved = nbformat.read(path, as_version=4)
        counts = [cell.execution_count for cell in saved.cells if cell.cell_type == "code"]
        failed = any(output.output_type == "error" for cell in saved.cells for output in cell.get("outputs", []))
        if failed or counts == list(range(1, len(counts) + 1)):
            return saved
    raise TimeoutError(f"{notebook} did not finish in {minutes} minutes")


# Run in the kernel. JupyterLab lets callbacks of widgets run in a thread of their own, a subshell.
FIND = f"""
import sys
sys.path.append({str(ROOT / "tests")!r})
import gc, hashlib, resource, explorer_checks, explorers
(explorer,) = [thing for thing in gc.get_objects() if isinstance(thing, explorers.Explorer)]
"""
LOOK = """
answer = {
    "values": {name: control.value for name, control in explorer.controls.items()},
    "picture": hashlib.sha256(explorer._picture.value).hexdigest(),
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
}
"""


class Explorer:
    """A reader's hands on the one explorer of a page, and what kernel and page say of it."""

    def __init__(self, page, lab):
        self.page, self.lab = page, lab
        self.root = page.locator(".jp-OutputArea-output > .widget-vbox").filter(
            has=page.locator("img.widget-image")
        )
        self.image = self.root.locator("img.widget-image")
        self.image.scroll_into_view_if_needed()
        lab.ask(FIND + "answer = None")
        self.last = self.state()

    def shown(self):
        """A checksum of the image, as the browser has it."""
        fetch = "async image => [...new Uint8Array(await (await fetch(image.src)).arrayBuffer())]"
        return hashlib.sha256(bytes(self.image.evaluate(fetch))).hexdigest()

    def state(self):
        """What the kernel says of it when all is quiet: page and kernel have the same picture, and it is right."""
        before = None
        for _ in range(60):
            state = self.lab.ask(LOOK)
            if before and state["values"] == before["values"] and self.shown() == state["picture"]:
                self.lab.ask("explorer_checks.check(explorer); answer = None")
                return state
            before = state
            self.page.wait_for_timeout(200)
        raise AssertionError("the page shows another picture than the kernel has drawn")

    def does(self, act, name):
        """Do something: the control of this name must change, no other, and the picture with it."""
        before = self.last
        act()
        self.page.wait_for_timeout(300)
        self.last = self.state()
        changed = [name for name, value in self.last["values"].items() if value != before["values"][name]]
        assert changed == [name]
        assert self.last["picture"] != before["picture"]
        return self.last["values"][name]

    def part(self, label, kind):
        """The part of the control with this label, the first that is visible."""
        control = self.root.locator(".widget-inline-hbox:visible").filter(has_text=label).first
        return control.locator(kind)

    def press(self, label, key, handle=0):
        def act():
            self.part(label, ".noUi-handle").nth(handle).focus()
            self.page.keyboard.press(key)

        return act

    def click(self, label, part):
        """Click on a slider, at so much of its length."""

        def act():
            bar = self.part(label, ".noUi-base")
            bar.scroll_into_view_if_needed()
            box = bar.bounding_box()
            self.page.mouse.click(box["x"] + part * box["width"], box["y"] + box["height"] / 2)

        return act


def use_gradient_descent(explorer):
    rate = "learning rate", "learning_rate"
    assert explorer.does(explorer.press(rate[0], "ArrowRight"), rate[1]) == pytest.approx(0.1 * 10**0.02)
    assert explorer.does(explorer.press(rate[0], "End"), rate[1]) == pytest.approx(10**0.6)
    assert 0.4 < explorer.does(explorer.click("momentum", 0.5), "momentum") < 0.6
    assert -1.6 < explorer.does(explorer.click("start x", 0.25), "x") < -0.9
    assert explorer.does(explorer.press("landscape", "ArrowRight"), "landscape") == "ravine"
    assert explorer.does(explorer.click("landscape", 0.99), "landscape") == "two minima"


def use_schedules(explorer):
    assert explorer.does(explorer.press("largest rate", "ArrowLeft"), "a_rate") == pytest.approx(0.1 / 10**0.02)
    assert 1 < explorer.does(explorer.click("largest rate", 0.9), "a_rate") < 5
    assert explorer.does(explorer.press("schedule A", "Home"), "a_schedule") == "fixed"
    assert explorer.does(explorer.press("schedule A", "ArrowRight"), "a_schedule") == "linear_decay"
    assert explorer.does(explorer.click("schedule B", 0.01), "b_schedule") == "fixed"


def use_range_test(explorer):
    low, high = explorer.last["values"]["bounds"]
    bounds = explorer.does(explorer.press("min and max", "ArrowRight"), "bounds")
    assert low < bounds[0] < bounds[1] == high
    assert explorer.does(explorer.press("min and max", "End", handle=1), "bounds")[1] > high
    assert explorer.does(explorer.click("min and max", 0.05), "bounds")[0] < low


def use_runs(explorer):
    assert explorer.does(explorer.press("optimizer", "ArrowRight"), "optimizer") != "all"
    assert explorer.does(explorer.click("curve", 0.99), "metric") == "accuracy"
    assert explorer.does(explorer.press("optimizer", "Home"), "optimizer") == "all"


USES = {"gradient_descent": use_gradient_descent, "schedules": use_schedules}
USES |= {"range_test": use_range_test, "runs": use_runs}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_run_all_and_use_the_explorer(path, page, lab, record_property, tmp_path):
    """No error output; then every key and click changes the picture, and the kernel says that it is right."""
    started = time.monotonic()
    notebook = run_all(page, lab, path.name)
    seconds = time.monotonic() - started
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"{cell.source}\n{output}"
            assert output.get("name") != "stderr", f"{cell.source}\n{output}"
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    if "explorers.explore_" not in source:
        assert path.name.startswith("08"), "only the list of all statements has no explorer"
        return
    explorer = Explorer(page, lab)
    (use,) = (use for name, use in USES.items() if f"explorers.explore_{name}(" in source)
    use(explorer)
    page.screenshot(path=tmp_path / "explorer.png")
    peak = f"kernel's peak {explorer.last['megabytes']:.0f} MB"
    record_property("measured", f"notebook {path.stem[:2]}: Run All in a browser {seconds:.0f} s, {peak}")


@pytest.mark.slow
def test_a_key_press_is_answered_at_once(page, lab, record_property):
    """Measured and printed, not asserted: a busy machine is slower."""
    started = time.monotonic()
    run_all(page, lab, NOTEBOOKS[0].name)
    explorer = Explorer(page, lab)
    explorer.does(explorer.press("learning rate", "ArrowRight"), "learning_rate")
    seconds = time.monotonic() - started
    record_property("measured", f"notebook 00: its explorer answers {seconds:.0f} s after opening")
    handle, waits = explorer.part("learning rate", ".noUi-handle"), []
    handle.focus()
    for _ in range(40):
        handle.evaluate(
            """(handle, image) => {
            const once = {capture: true, once: true};
            handle.addEventListener("keydown", () => { window.pressed = performance.now(); }, once);
            window.answered = new Promise(done => image.addEventListener("load",
                () => done(performance.now() - window.pressed), once));
        }""",
            explorer.image.element_handle(),
        )
        page.keyboard.press("ArrowLeft")
        waits.append(page.evaluate("window.answered"))
    assert explorer.state()["values"]["learning_rate"] == pytest.approx(0.1 / 10 ** (39 * 0.02))
    waits.sort()
    median, late = statistics.median(waits), waits[int(0.95 * len(waits))]
    record_property("measured", f"key press to new picture: median {median:.0f} ms, 95th percentile {late:.0f} ms")


def luminance(color):
    """Of "rgb(r, g, b)", as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.slow
def test_explorers_fit_the_page_and_the_dark_theme(page, lab, tmp_path):
    run_all(page, lab, NOTEBOOKS[0].name)
    for label in ("Settings", "Theme", "JupyterLab Dark"):
        item = ".lm-MenuBar-itemLabel" if label == "Settings" else ".lm-Menu-itemLabel"
        page.locator(item, has_text=label).first.click()
    page.wait_for_function("document.body.dataset.jpThemeName === 'JupyterLab Dark'")
    explorer = Explorer(page, lab)
    page.screenshot(path=tmp_path / "dark.png")
    assert explorer.root.bounding_box()["width"] <= 1000
    for part in explorer.root.locator("*").all():
        box = part.bounding_box()
        assert box is None or box["width"] <= 1000
    ground = luminance(page.locator(".jp-Notebook").first.evaluate("it => getComputedStyle(it).backgroundColor"))
    texts = [".widget-label", ".widget-readout", ".widget-html-content"]
    for text in [explorer.root.locator(kind).first for kind in texts]:
        ink = luminance(text.evaluate("it => getComputedStyle(it).color"))
        assert (ink + 0.05) / (ground + 0.05) > 4.5  # what WCAG asks of text
