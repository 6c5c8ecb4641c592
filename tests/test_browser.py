"""A reader's browser: JupyterLab, every notebook, Run All, and its explorers by keyboard and by mouse."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import explorer_checks
import lesson_claims
import nbformat
import pytest
from explorer_checks import BROWSER
from jupyter_client import BlockingKernelClient

import explorers

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WITHOUT = ("03", "06", "07", "08")  # notebooks without an explorer
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

    def ask(self, code, timeout=60):
        """Run code in the kernel, beside the notebook; the value of its `answer`."""
        (kernel,) = self.get("kernels")
        client = BlockingKernelClient(connection_file=str(self.runtime / f"kernel-{kernel['id']}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            question = {"store_history": False, "user_expressions": {"answer": "__import__('json').dumps(answer)"}}
            content = client.execute(code, reply=True, timeout=timeout, **question)["content"]
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
        if path.name[:2] in lesson_claims.CLAIMS:
            before = [cell.source for cell in nb.cells]
            lesson_claims.reseed(nb)
            assert before != [cell.source for cell in nb.cells], path.name
        nbformat.write(nb, path)
    shutil.copytree(ROOT / "evidence", folder / "evidence")
    for path in (*ROOT.glob("lr_*.py"), ROOT / "README.md"):
        shutil.copy(path, folder)
    lab = Lab(folder)
    yield lab
    lab.process.terminate()
    lab.process.wait()


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


PEAK = "import resource; answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3"  # megabytes


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_run_all_and_use_the_explorer(path, page, lab, record_property, tmp_path):
    """No error output; every key and click changes its explorers, and says what happens; with another seed than a
    reader's, what the prose says in words about the lesson's runs holds."""
    started = time.monotonic()
    notebook = run_all(page, lab, path.name)
    seconds = time.monotonic() - started
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"{cell.source}\n{output}"
            assert output.get("name") != "stderr", f"{cell.source}\n{output}"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = [
        output.data[explorers.DATA_TYPE].explorer
        for output in outputs
        if explorers.DATA_TYPE in output.get("data", {})
    ]
    assert kinds or path.name.startswith(WITHOUT), "a lesson has an explorer, but for those named"
    for number, kind in enumerate(kinds):
        root = page.locator(".lr-explorer").nth(number)
        root.scroll_into_view_if_needed()
        explorer_checks.USES[kind](explorer_checks.Hands(root))
        page.screenshot(path=tmp_path / f"{kind}.png")
    peak = f"kernel's peak {lab.ask(PEAK):.0f} MB"
    record_property("measured", f"notebook {path.stem[:2]}: Run All in a browser {seconds:.0f} s, {peak}")
    if path.stem[:2] in lesson_claims.CLAIMS:
        assert lab.ask(lesson_claims.evaluation(path.stem[:2]), timeout=300) == []
