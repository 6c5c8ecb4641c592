"""What Binder would build, without Docker or network; and whether the requirements name every import."""

import ast
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
POST_BUILD = ROOT / "binder" / "postBuild"
SOURCES = [ROOT / "lr_helpers.py", *sorted((ROOT / "notebooks").glob("*.py"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def lines(path):
    """The lines of a requirements file without comments."""
    texts = (line.partition("#")[0].strip() for line in (ROOT / path).read_text().splitlines())
    return [text for text in texts if text]


def requirements(path):
    return [Requirement(line) for line in lines(path) if not line.startswith("-")]


def names(path):
    """The packages that a requirements file installs on this machine."""
    here = [r for r in requirements(path) if r.marker is None or r.marker.evaluate()]
    return {canonicalize_name(requirement.name) for requirement in here}


def imports(code):
    """The top-level modules that some Python code imports, wherever in it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def third_party_imports():
    to_python = TransformerManager().transform_cell  # %magics and !commands
    code = [path.read_text(encoding="utf-8") for path in SOURCES]
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        code += [to_python(cell.source) for cell in cells if cell.cell_type == "code"]
    ours = {path.stem for path in SOURCES}
    return {module for text in code for module in imports(text)} - sys.stdlib_module_names - ours


def uncovered(modules, listed):
    """The modules that no listed package provides."""
    providers = packages_distributions()
    return {m for m in modules if not {canonicalize_name(p) for p in providers.get(m, [])} & listed}


def test_imports_are_found():
    code = "import os.path\nif x:\n    from sklearn.datasets import load_digits\nfrom . import y"
    assert set(imports(code)) == {"os", "sklearn"}
    assert uncovered({"sklearn", "numpy", "nowhere"}, {"scikit-learn"}) == {"numpy", "nowhere"}


@pytest.mark.parametrize("path", ["requirements.txt", "binder/requirements.txt"])
def test_requirements_cover_every_import(path):
    modules = third_party_imports()
    assert {"keras", "numpy", "matplotlib"} <= modules
    assert uncovered(modules, names(path)) == set()


@pytest.mark.parametrize("path", ["requirements.txt", "tests/requirements.txt"])
def test_every_requirement_is_pinned(path):
    loose = [
        str(requirement)
        for requirement in requirements(path)
        if [s.operator for s in requirement.specifier] != ["=="] or "*" in str(requirement.specifier)
    ]
    assert loose == []


def test_binder_takes_its_versions_from_the_root():
    """Each line is one of the root's without its version, which the constraints file supplies."""
    assert lines("binder/requirements.txt")[0] == "-c ../requirements.txt"
    root = {(r.name, str(r.marker)) for r in requirements("requirements.txt")}
    binder = requirements("binder/requirements.txt")
    assert {(r.name, str(r.marker)) for r in binder} <= root
    assert [str(r) for r in binder if r.specifier] == []


def test_binder_installs_no_second_jupyterlab():
    assert names("binder/requirements.txt").isdisjoint({"jupyterlab", "notebook", "jupyter", "jupyterhub"})


@pytest.fixture(scope="module")
def dockerfile():
    """The lines of the Dockerfile. Neither a Docker daemon nor a network is within reach."""
    nowhere = "http://127.0.0.1:9"
    unreachable = {"DOCKER_HOST": "tcp://127.0.0.1:9", "http_proxy": nowhere, "https_proxy": nowhere}
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    result = subprocess.run(
        command, cwd=ROOT, env=os.environ | unreachable, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "python=3.11" in result.stderr
    return result.stdout.splitlines()


def test_binder_builds_what_we_say(dockerfile):
    everything = [i for i, line in enumerate(dockerfile) if line.startswith("COPY") and " src/ " in line]
    pip = [i for i, line in enumerate(dockerfile) if "pip install" in line]
    post_build = [i for i, line in enumerate(dockerfile) if line == "RUN ./binder/postBuild"]
    assert len(everything) == len(pip) == len(post_build) == 1
    assert '-r "binder/requirements.txt"' in dockerfile[pip[0]]
    # The constraints file is in the root: pip finds it only once everything is copied.
    assert everything < pip < post_build


def test_binder_chooses_python_3_11(dockerfile):
    assert (ROOT / "binder" / "runtime.txt").read_text().strip() == "python-3.11"
    assert any("environment-2epy-2d3-2e11" in line for line in dockerfile)


def run_post_build(folder):
    # "python" is then this environment's, as it is Binder's in the image.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [POST_BUILD], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=120
    )


def test_post_build_stops_at_an_error(tmp_path):
    assert os.access(POST_BUILD, os.X_OK)
    assert "set -e" in POST_BUILD.read_text().splitlines()
    assert run_post_build(tmp_path).returncode != 0  # no module there to import


def test_post_build_runs():
    result = run_post_build(ROOT)
    assert result.returncode == 0, result.stderr
