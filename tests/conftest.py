"""Settings for all tests: which may be skipped, that in CI no other may, and what the report shows."""

import itertools
import os
import signal

import pytest
from explorer_checks import BROWSER

# Marker → the variable without which its tests are skipped; the only skips that CI accepts.
FILES = {"mnist": "LR_MNIST_NPZ", "fashion_mnist": "LR_FASHION_MNIST_NPZ"}
ALLOWED_SKIPS = tuple(f"{variable} is not set" for variable in FILES.values())


# Before TensorFlow starts: some tests compare digits of this process with a worker's.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

# A shell that starts the tests in the background lets them ignore SIGINT, and some tests press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item):
    for marker, variable in FILES.items():
        if item.get_closest_marker(marker) and not os.environ.get(variable):
            pytest.skip(f"{variable} is not set")


@pytest.fixture(scope="module")
def browser():
    """Chromium; what asks for it is skipped where there is none."""
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


def accidental_skips(config):
    """Lines naming the tests and files that were skipped in CI for another reason."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    # Under xdist the workers have no reporter: the main process hears of every skip.
    if reporter is None or not os.environ.get("CI"):
        return []
    skips = [(report.nodeid, report.longrepr[2]) for report in reporter.stats.get("skipped", [])]
    return [f"{name}: {why}" for name, why in skips if not why.endswith(ALLOWED_SKIPS)]


def pytest_sessionfinish(session):
    if session.exitstatus == pytest.ExitCode.OK and accidental_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    reports = itertools.chain(*terminalreporter.stats.values())
    noted = itertools.chain(*(getattr(report, "user_properties", ()) for report in reports))
    measured = [text for name, text in noted if name == "measured"]
    if measured:
        terminalreporter.section("measured")
        terminalreporter.write("".join(f"{text}\n" for text in sorted(set(measured))))
    lines = accidental_skips(config)
    if lines:
        terminalreporter.section("skipped, which CI does not allow", red=True)
        terminalreporter.write("".join(f"{line}\n" for line in lines))
