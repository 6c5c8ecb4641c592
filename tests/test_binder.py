"""What Binder would build, without Docker or network; and whether lists and locks name all that is imported."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
import repo2docker
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
POST_BUILD = ROOT / "binder" / "postBuild"
MODULES = sorted(ROOT.glob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "notebooks").glob("*.py"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOCKS = {  # .ci/lock makes one of the other
    "requirements.txt": "requirements.lock",
    "tests/requirements.txt": "tests/requirements.lock",
    "binder/requirements.in": "binder/requirements.txt",
}


def lines(path):
    """The lines of a requirements file without comments, each with its hashes."""
    joined = (ROOT / path).read_text().replace("\\\n", " ")
    texts = (line.partition("#")[0].strip() for line in joined.splitlines())
    return [text for text in texts if text]


def requirements(path):
    return [Requirement(line.partition(" --hash")[0]) for line in lines(path) if not line.startswith("-")]


def names(path):
    """The packages that a requirements file installs on this machine."""
    here = [r for r in requirements(path) if r.marker is None or r.marker.evaluate()]
    return {canonicalize_name(requirement.name) for requirement in here}


def versions(path):
    return {(canonicalize_name(r.name), str(r.specifier)) for r in requirements(path)}


def imports(code):
    """The top-level modules that some Python code imports, wherever in it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def third_party_imports(sources, notebooks=()):
    to_python = TransformerManager().transform_cell  # %magics and !commands
    code = [path.read_text(encoding="utf-8") for path in sources]
    for path in notebooks:
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


@pytest.mark.parametrize("path", ["requirements.txt", "binder/requirements.in"])
def test_requirements_cover_every_import(path):
    modules = third_party_imports(SOURCES, NOTEBOOKS)
    assert {"keras", "numpy", "matplotlib"} <= modules
    assert uncovered(modules, names(path)) == set()


def test_the_project_depends_on_what_its_modules_import():
    """TensorFlow is an extra; IPython is there wherever a notebook is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    assert uncovered(third_party_imports(MODULES), listed) <= {"tensorflow", "IPython"}


@pytest.mark.parametrize("path", ["requirements.txt", "tests/requirements.txt", *LOCKS.values()])
def test_every_requirement_is_pinned(path):
    loose = [
        str(requirement)
        for requirement in requirements(path)
        if [s.operator for s in requirement.specifier] != ["=="] or "*" in str(requirement.specifier)
    ]
    assert loose == []


@pytest.mark.parametrize(("listed", "lock"), LOCKS.items())
def test_a_lock_fits_its_list(listed, lock):
    """.ci/run makes the locks again and compares every line; this finds a forgotten renewal without network."""
    wanted = {canonicalize_name(r.name): r.specifier for r in requirements(listed)}
    locked = [r for r in requirements(lock) if canonicalize_name(r.name) in wanted]
    assert {canonicalize_name(r.name) for r in locked} == set(wanted), "renew the locks with .ci/lock"
    other = [str(r) for r in locked if wanted[canonicalize_name(r.name)] not in ("", r.specifier)]
    assert other == [], "renew the locks with .ci/lock"


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_names_packages_and_hashes_only(lock):
    """No index, no address, no folder: what one machine has is not for everybody."""
    entry = r"[a-z0-9.-]+==[\w.]+( ; [^:/]+)?( +--hash=sha256:[0-9a-f]{64})+"
    assert [line for line in lines(lock) if not re.fullmatch(entry, line)] == []


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_has_the_small_tensorflow_where_there_is_one(lock):
    markers = {r.name: r.marker for r in requirements(lock)}
    platforms = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
    for system, machine in platforms:
        here = {"sys_platform": system, "platform_machine": machine}
        small = (system, machine) == ("linux", "x86_64")
        assert markers["tensorflow-cpu"].evaluate(here) == small
        assert markers["tensorflow"].evaluate(here) == (not small)


@pytest.mark.parametrize("path", ["tests/requirements.lock", "binder/requirements.txt"])
def test_the_versions_are_the_same_everywhere(path):
    shared = {name for name, _ in versions("requirements.lock")}
    ours = {(name, version) for name, version in versions(path) if name in shared}
    assert ours <= versions("requirements.lock")


def test_binder_names_packages_of_the_root_only():
    """Versions are the lock's."""
    root = {(r.name, str(r.marker)) for r in requirements("requirements.txt")}
    binder = requirements("binder/requirements.in")
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
    # Packages are installed before the repository is copied, so that a changed notebook installs nothing again.
    assert pip < everything < post_build


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
    assert run_post_build(tmp_path).returncode != 0  # no module there to import


def test_post_build_runs():
    result = run_post_build(ROOT)
    assert result.returncode == 0, result.stderr


BASE = ("ipykernel", "jupyterlab", "notebook")  # what repo2docker brings, and the notebooks need
RUN = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--stdout", sys.argv[1]],
               check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
def test_a_notebook_runs_in_what_binder_installs(tmp_path):
    """In an environment of its own: the rendered Dockerfile's packages, without Docker, for the Python of here."""
    version = ".".join(map(str, sys.version_info[:2]))
    lock = Path(repo2docker.__file__).parent / "buildpacks" / "conda" / f"environment.py-{version}-linux-64.lock"
    base = [f"{name}=={re.search(rf'/{name}-([0-9.]+)-', lock.read_text())[1]}" for name in BASE]
    venv.create(tmp_path)
    python = tmp_path / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    for packages in (["-r", ROOT / "binder" / "requirements.txt"], base):
        subprocess.run([*install, *packages], check=True, timeout=600)
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    subprocess.run([POST_BUILD], cwd=ROOT, env=os.environ | {"PATH": path}, check=True, timeout=120)
    command = [python, "-c", RUN, ROOT / "notebooks" / "04_learning_rate_range_test.ipynb"]
    result = subprocess.run(
        command, env=os.environ | {"PATH": path}, check=True, capture_output=True, text=True, timeout=300
    )
    assert int(result.stdout) < 1_000_000  # kilobytes; mybinder.org gives 1 to 2 GB
