"""Colab opens a notebook alone: what its setup cell fetches then, and whether the rest runs."""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"


@pytest.mark.slow
def test_a_notebook_alone_fetches_the_rest(tmp_path, monkeypatch):
    (first, *_) = sorted((ROOT / "notebooks").glob("0*.ipynb"))
    notebook = nbformat.read(first, as_version=4)
    # Git takes the repository from here, whatever its public address is; pip finds the packages installed.
    setup = next(cell.source for cell in notebook.cells if "google.colab" in cell.source)
    address = re.search(r"https://github\.com/\S+", setup)[0]
    notebook.cells.insert(0, nbformat.v4.new_code_cell(BEFORE))
    for name, value in {"COUNT": "1", "KEY_0": f"url.{ROOT.as_uri()}.insteadOf", "VALUE_0": address}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(first, alone)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(alone)}}).execute()
    assert (alone / "series" / "notebooks" / "lesson.py").exists()
