"""What pip makes of this repository: the wheel of the three modules, and which Pythons fit."""

import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = ["lr_helpers", "lr_range_test", "lr_study"]

USE = """
import keras, lr_helpers, lr_range_test, lr_study
import numpy as np

random = np.random.default_rng(0)
x, y = random.normal(size=(64, 3)).astype("float32"), random.integers(0, 2, 64)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
result = lr_range_test.range_test(model, x, y, min_lr=1e-3, max_lr=1.0, steps=10, progress=False)
assert len(result.losses) == 10
for module in lr_helpers, lr_range_test, lr_study:
    print(module.__file__)
"""


def run(*command, cwd):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
def test_an_installed_wheel_runs_a_range_test(tmp_path):
    """The wheel is truly built, installed and imported, in an environment of its own. Only what it depends on is
    borrowed from ours, by a .pth file: with --no-index pip must find all of it there, at versions that fit."""
    source, clean, elsewhere = tmp_path / "source", tmp_path / "clean", tmp_path / "elsewhere"
    source.mkdir()
    elsewhere.mkdir()
    for name in ("pyproject.toml", "LICENSE", *(f"{module}.py" for module in MODULES)):
        shutil.copy(ROOT / name, source)  # setuptools leaves folders behind where it builds
    build = ("wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path)
    run(sys.executable, "-m", "pip", *build, source, cwd=elsewhere)
    (wheel,) = tmp_path.glob("*.whl")
    contents = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(contents) == [f"{module}.py" for module in MODULES]

    venv.create(clean, with_pip=True)
    place = {"base": str(clean), "platbase": str(clean)}
    python = Path(sysconfig.get_path("scripts", "venv", place)) / "python"
    packages = Path(sysconfig.get_path("purelib", "venv", place))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    # -I: neither the current folder nor PYTHONPATH is searched.
    run(python, "-I", "-m", "pip", "install", "--no-index", wheel, cwd=elsewhere)
    files = run(python, "-I", "-c", USE, cwd=elsewhere).splitlines()
    assert [Path(file) for file in files] == [packages / f"{module}.py" for module in MODULES]


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 11, 0), (3, 12, 1), (3, 13, 9), (3, 14, 0)])
def test_readme_and_pip_agree_on_the_pythons(version, monkeypatch):
    """What the first step of README's commands lets through is what pip lets through."""
    text = ".".join(map(str, version))
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "version", f"{text} (main)")
    try:
        runpy.run_path(str(ROOT / "tests" / "check_python.py"))
        fits = True
    except SystemExit as stop:
        assert str(stop).startswith(f"This is Python {text}.")
        fits = False
    assert fits == (text in SpecifierSet(PROJECT["project"]["requires-python"]))
