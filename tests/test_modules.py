"""The modules: what importing them changes (nothing), how long they are, and who imports whom."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [str(ROOT), str(ROOT / "notebooks")]
OURS = ("lr_range_test", "lr_helpers", "lr_study", "lesson", "article", "exercises", "explorers")
PATHS = {name: ROOT / ("" if name.startswith("lr_") else "notebooks") / f"{name}.py" for name in OURS}
LIGHT = ("lesson", "article", "exercises", "explorers")

# Keras, TensorFlow and Matplotlib come first: what they do to a process is theirs.
STATE = """
import logging, os, random, sys
sys.path[:0] = {folders}
import keras, matplotlib.pyplot, numpy, tensorflow as tf, tqdm.keras, joblib, sklearn
from tensorflow.python.eager import context

def state():
    return {{
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "environment": dict(os.environ),
        "log levels": [logging.getLogger(name).level for name in ("", "tensorflow", "absl")],
        "file descriptors": [os.fstat(number) for number in range(3)],
        "initialised devices": context.context()._initialized,
        "generators": (random.getstate(), str(numpy.random.get_state())),
        "Matplotlib": dict(matplotlib.rcParams),
        "policy": keras.config.dtype_policy().name,
    }}

before = state()
import {name}
after = state()
print("changed:", [key for key in before if before[key] != after[key]])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
print("devices:", len(tf.config.list_logical_devices("CPU")))
"""


def fresh_process(code):
    environment = {name: value for name, value in os.environ.items() if name != "TF_NUM_INTRAOP_THREADS"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("name", OURS)
def test_importing_changes_nothing(name):
    output = fresh_process(STATE.format(folders=FOLDERS, name=name)).stdout
    assert output.splitlines()[-2:] == ["changed: []", "devices: 2"]


def test_a_change_would_be_seen():
    """The test above can fail: notebooks call `lesson.prepare()`, which changes a lot."""
    code = STATE.format(folders=FOLDERS, name="lesson; lesson.prepare()").split("cpu = ")[0]
    (changed,) = fresh_process(code).stdout.splitlines()
    assert all(f"'{key}'" in changed for key in ("environment", "initialised devices", "Matplotlib")), changed


@pytest.mark.parametrize("name", LIGHT)
def test_notebook_00_need_not_wait_for_tensorflow(name):
    code = f"import sys; sys.path[:0] = {FOLDERS}; import {name}; print(sorted(sys.modules))"
    assert "tensorflow" not in fresh_process(code).stdout


def test_prepare_gives_an_operation_one_thread_and_keeps_the_log_off_the_page():
    code = f"import sys; sys.path[:0] = {FOLDERS}; import lesson; lesson.prepare(); import lr_study"
    code += "; print(lr_study._threads())"
    done = fresh_process(code)
    assert (done.stdout, done.stderr) == ("1\n", "")


def imported(name):
    tree = ast.walk(ast.parse(PATHS[name].read_text(encoding="utf-8")))
    found = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found & set(OURS)


def test_who_imports_whom():
    assert {name: imported(name) for name in OURS} == {
        "lr_range_test": set(),
        "lr_helpers": {"lr_range_test"},
        "lr_study": {"lr_helpers", "lr_range_test"},
        "lesson": set(),
        "article": {"lesson"},
        "exercises": set(),
        "explorers": set(),
    }


def code_lines(path):
    """Without blank lines, comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    left_out = set()
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node) is not None:
            left_out |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and i not in left_out for i, line in lines)


@pytest.mark.parametrize(
    "name, most",
    [("lr_helpers", 600), ("lr_range_test", 600), ("lr_study", 450), ("lesson", 250), ("exercises", 600)],
)
def test_a_module_can_be_held_in_the_head(name, most):
    assert code_lines(PATHS[name]) <= most
