"""The command that sets the public address."""

import http.server
import importlib.util
import subprocess
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "site" / "address.py"


@pytest.fixture(scope="module")
def address():
    spec = importlib.util.spec_from_file_location("address", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_address_is_put_into_all_files_that_git_knows(address, tmp_path):
    (tmp_path / "a.md").write_text("[here](https://github.com/OWNER/REPO/issues). And https://x.org/OWNER/REPO.\n")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / "ignored.md").write_text("https://github.com/OWNER/REPO")
    subprocess.run("git init -q && git add a.md b.png", shell=True, cwd=tmp_path, check=True)
    found = address.replaced(tmp_path, "you/yours")
    assert found == {"https://github.com/you/yours/issues", "https://x.org/you/yours"}
    assert "OWNER" not in (tmp_path / "a.md").read_text() and "OWNER" in (tmp_path / "ignored.md").read_text()
    assert address.replaced(tmp_path, "you/yours") == set()


def test_a_link_that_does_not_answer_is_named(address, tmp_path, monkeypatch):
    (tmp_path / "there").write_text("x")
    monkeypatch.chdir(tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert address.problem(f"{base}/there") is None
        assert "404" in address.problem(f"{base}/not-there")
        server.shutdown()
    assert "refused" in address.problem(base)


@pytest.mark.parametrize("given", ["keras", "https://github.com/a/b", "OWNER/REPO"])
def test_what_is_no_address_is_refused_and_nothing_changes(address, monkeypatch, capsys, given):
    monkeypatch.setattr("sys.argv", ["address.py", given])
    monkeypatch.setattr(address, "replaced", lambda *_: pytest.fail("something was replaced"))
    with pytest.raises(SystemExit):
        address.main()
    assert "address must be owner/name" in capsys.readouterr().err
