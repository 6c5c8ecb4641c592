"""Many runs: several processes, a store that resumes, a cluster, and what can go wrong with each of them."""

import functools
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import joblib
import keras
import numpy as np
import psutil
import pytest

import lr_helpers as lr
import lr_study

# As the notebooks have it, before TensorFlow starts: the numbers of this process are then those of its workers.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

SGD = keras.optimizers.SGD
KEYS = ["experiment", "history", "test_loss", "test_accuracy", "seconds", "environment", "status"]
ROOT = Path(lr_study.__file__).parent


def quick(rate=0.05, seed=0, label=None, **changes):
    """Three steps an epoch: most of the time is start-up."""
    settings = {"epochs": 1, "batch_size": 400} | changes
    return lr_study.Experiment(label or f"SGD {rate}", SGD(rate), seed=seed, **settings)


def study(epochs=1):
    schedule = lr.linear_decay(0.1, epochs=2, steps_per_epoch=3)
    decay = lr_study.Experiment("decay", SGD(schedule, momentum=0.9), epochs=2, batch_size=400)
    return [quick(0.05), decay, *(quick(rate, seed, epochs=epochs) for rate in (0.1, 0.2) for seed in (0, 1))]


@pytest.fixture(scope="module")
def alone():
    return lr_study.run_all(study())


@pytest.fixture
def trained(monkeypatch):
    """The experiments that are trained in this process, in order."""
    seen, train = [], lr_study.train
    monkeypatch.setattr(
        lr_study, "train", lambda experiment, **options: seen.append(experiment) or train(experiment, **options)
    )
    return seen


def lines(store):
    return [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]


def after_the_first_run(monkeypatch, act):
    """Do something as soon as the progress bar has moved for the first time."""
    moves, update = [], lr_study.tqdm.update

    def watched(bar, n=1):
        update(bar, n)
        moves.append(n)
        if len(moves) == 1:
            act()

    monkeypatch.setattr(lr_study.tqdm, "update", watched)


# Several processes -------------------------------------------------------------------------------------


def test_two_processes_give_the_same_runs_in_the_same_order(alone, capsys):
    both = lr_study.run_all(study(), n_jobs=2)
    assert both == alone
    for one, other in zip(alone, both, strict=True):
        np.testing.assert_array_equal(one.learning_rates, other.learning_rates)
    assert f"{len(both)}/{len(both)}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("variable, in_workers", [("", "1"), ("3", "3")], ids=["by default", "variable"])
def test_workers_give_an_operation_one_thread(alone, variable, in_workers):
    """Whatever the calling process does, unless the variable says otherwise; and what they log stays away."""
    code = """
        here, *there = [*lr_study.run_all([test_store.quick()]), *lr_study.run_all(test_store.study(), n_jobs=2)]
        print("threads", here.environment["threads"], {run.environment["threads"] for run in there})
        print("histories", json.dumps([run.history for run in there]))
    """
    process = in_process("", "import json\n" + textwrap.dedent(code), TF_NUM_INTRAOP_THREADS=variable)
    output = process.communicate()[0]
    assert f"threads {variable or joblib.cpu_count()} {{{in_workers!r}}}" in output, output
    if in_workers == "1":
        assert json.loads(output.split("histories")[1]) == [run.history for run in alone]
    assert set(re.findall(r"(\d+) port\.cc", output)) == {str(process.pid)}, output


def test_a_single_run_trains_in_a_process_of_its_own(trained):
    """Not in this one, which may have more threads: a study that is resumed would get other digits."""
    started = []

    def count(run):
        children = psutil.Process().children()
        started.append(sum("LokyProcess" in " ".join(child.cmdline()) for child in children))

    lr_study.run_all([quick()], n_jobs=10_000, on_run=count)
    assert started == [2] and not trained
    assert lr_study.run_all([], n_jobs=2) == []


@pytest.mark.slow
def test_a_class_that_is_defined_in_a_notebook_reaches_the_workers():
    code = """
        import keras, lr_helpers as lr

        @keras.saving.register_keras_serializable("mine")
        class Halving(lr.Schedule):
            def __init__(self, rate):
                self.rate = rate

            def __call__(self, step):
                return keras.ops.power(0.5, keras.ops.cast(step, "float32")) * self.rate

            def get_config(self):
                return {"rate": self.rate}

        optimizers = [keras.optimizers.SGD(Halving(rate)) for rate in (0.1, 0.2)]
        study = [lr_study.Experiment(str(i), optimizers[i], epochs=1) for i in range(2)]
        print("equal:", lr_study.run_all(study) == lr_study.run_all(study, n_jobs=2))
    """
    output = in_process("", code).communicate()[0]
    assert "equal: True" in output, output


def test_numbers_do_not_depend_on_the_number_of_cores(alone):
    """On one core as on all: TensorFlow splits no operation."""
    code = "import lr_study, test_store; print(lr_study.run_all(test_store.study())[1].history['loss'])"
    first = psutil.Process().cpu_affinity()[:1] if hasattr(psutil.Process, "cpu_affinity") else None
    found = subprocess.run(
        [sys.executable, "-c", f"import psutil; psutil.Process().cpu_affinity({first}); {code}"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert found.splitlines()[-1] == str(alone[1].history["loss"])


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_every_result(tmp_path):
    """The lines of CONTRIBUTING.md, in a process of their own: the upload loads the module anew."""
    store = ROOT / "runs.jsonl"
    assert not store.exists()
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"```python\n(import joblib, keras\n.*?)```", text, re.S)
    script = tmp_path / "study.py"
    script.write_text(block)
    process = started([script], cwd=ROOT, env={"TF_NUM_INTRAOP_THREADS": ""})
    try:
        wait_for_lines(store, 1, process)
        workers = [
            child for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())
        ]
        assert len(workers) == 2
        workers[0].kill()
        output = process.communicate()[0]
        assert process.returncode == 0, output
        assert "Restarting worker" in output
        runs = lr_study.load_runs(store)
    finally:
        store.unlink(missing_ok=True)
    assert re.findall(r"^(\d+) runs$", output, re.MULTILINE) == ["4"]  # Dask may log on after it
    assert len(runs) == 4 and {run.environment["threads"] for run in runs} == {"1"}
    in_order = sorted((run.experiment for run in runs), key=lambda experiment: (experiment.label, experiment.seed))
    here = {(run.label, run.experiment.seed): run.history for run in lr_study.run_all(in_order)}
    assert {(run.label, run.experiment.seed): run.history for run in runs} == here


# The store ---------------------------------------------------------------------------------------------


def test_a_stored_run_is_the_run_that_was_trained(alone, tmp_path, trained):
    store = tmp_path / "runs.jsonl"
    first = lr_study.run_all(study(), store=store)
    assert len(trained) == len(first)
    again, loaded = lr_study.run_all(study(), store=store), lr_study.load_runs(store)
    assert len(trained) == len(first)
    assert first == again == loaded == alone
    for one, other in zip(alone, loaded, strict=True):
        assert (one.label, one.environment) == (other.label, other.environment)
        np.testing.assert_array_equal(one.learning_rates, other.learning_rates)


def test_a_line_is_one_object_with_the_documented_keys(tmp_path):
    store = tmp_path / "runs.jsonl"
    lr_study.run_all([quick()], store=store)
    (line,) = lines(store)
    assert list(line) == KEYS
    assert line["experiment"]["optimizer"] == keras.optimizers.serialize(SGD(0.05, name="sgd"))
    assert (line["experiment"]["dataset"], line["experiment"]["seed"], line["status"]) == ("digits", 0, "finished")


def test_a_run_is_found_by_what_defines_it(tmp_path, trained):
    store = tmp_path / "runs.jsonl"
    lr_study.run_all([quick()], store=store)
    (run,) = lr_study.run_all([quick(label="another name")], store=store)
    assert run.label == "another name" and len(trained) == 1
    schedule = lr.linear_decay(0.05, epochs=1, steps_per_epoch=3)
    others = [
        quick(0.06),
        quick(seed=1),
        quick(epochs=2, label="longer"),
        quick(batch_size=600, label="batch"),
        quick(network="lenet", label="network"),
        quick(validate=False, label="all images"),
        quick(examples=500, label="few images"),
        lr_study.Experiment("momentum", SGD(0.05, momentum=0.1), epochs=1, batch_size=400),
        lr_study.Experiment("schedule", SGD(schedule), epochs=1, batch_size=400),
    ]
    lr_study.run_all(others, store=store)
    assert len(trained) == 1 + len(others)
    lr_study.run_all([quick(), *others], store=store)
    assert len(trained) == 1 + len(others) == len(lr_study.load_runs(store))


def test_other_data_make_another_run(tmp_path, trained, monkeypatch):
    lr_study.run_all([quick()], store=tmp_path / "runs.jsonl")
    monkeypatch.setattr(lr, "checksum", lambda name: "0" * 64)
    lr_study.run_all([quick()], store=tmp_path / "runs.jsonl")
    assert len(trained) == 2


def test_another_version_of_the_network_makes_another_run(tmp_path, trained, monkeypatch):
    lr_study.run_all([quick()], store=tmp_path / "runs.jsonl")
    monkeypatch.setitem(lr_study.NETWORK_VERSIONS, "cnn", 2)
    lr_study.run_all([quick()], store=tmp_path / "runs.jsonl")
    assert len(trained) == 2


def test_a_keras_that_writes_more_loses_no_run(monkeypatch):
    """One more argument of the base class, not set, and a key that no constructor takes."""
    base = keras.optimizers.Optimizer
    start, get_config, from_config = base.__init__, base.get_config, base.from_config.__func__
    optimizers = [SGD(0.05, momentum=0.9), keras.optimizers.AdamW(0.01), keras.optimizers.Adafactor(0.1)]

    def identities():
        return [lr_study.identity(lr_study.Experiment("a", optimizer)) for optimizer in optimizers]

    before = identities()
    more = inspect.Parameter("one_more", inspect.Parameter.KEYWORD_ONLY, default=None)
    signature = inspect.signature(start)
    *parameters, keywords = signature.parameters.values()
    start_with_more = functools.wraps(start)(lambda *positional, **named: start(*positional, **named))
    start_with_more.__signature__ = signature.replace(parameters=[*parameters, more, keywords])
    monkeypatch.setattr(base, "__init__", start_with_more)
    added = {"one_more": None, "unheard_of": 3}
    monkeypatch.setattr(base, "get_config", lambda self: get_config(self) | added)

    def understood(kind, config, custom_objects=None):
        known = {name: value for name, value in config.items() if name not in added}
        return from_config(kind, known, custom_objects)

    monkeypatch.setattr(base, "from_config", classmethod(understood))
    assert lr_study.Experiment("a", SGD(0.05)).optimizer["config"]["unheard_of"] == 3
    assert identities() == before


def test_where_a_class_lies_and_what_keras_calls_it_does_not_count():
    experiment = quick()
    before = lr_study.identity(experiment)
    experiment.optimizer["module"] = "keras.src.optimizers.sgd"
    experiment.optimizer["config"]["name"] = "sgd_7"
    assert lr_study.identity(experiment) == before


SCHEDULE = """
import keras

@keras.saving.register_keras_serializable("{package}")
class Still(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 + 0 * keras.ops.cast(step, "float32")

    def get_config(self):
        return {{}}
"""


def defined(package, module):
    """An experiment with a schedule of a class of this package, defined in this module."""
    names = {"__name__": module}
    exec(SCHEDULE.format(package=package), names)
    return lr_study.Experiment("still", SGD(names["Still"]()), epochs=1, batch_size=400)


def test_a_schedule_that_moves_to_another_module_loses_no_run():
    before = lr_study.identity(defined("mine", "old_module"))
    assert lr_study.identity(defined("mine", "new_module")) == before
    assert lr_study.identity(defined("yours", "new_module")) != before


def test_a_class_that_is_unknown_by_now_can_still_be_read(tmp_path):
    store = tmp_path / "runs.jsonl"
    trained = lr_study.run_all([quick(), defined("passing", "module")], store=store)
    del keras.saving.get_custom_objects()["passing>Still"]
    runs = lr_study.load_runs(store)
    assert runs == trained and len({run.experiment for run in runs}) == 2
    np.testing.assert_array_equal(runs[0].learning_rates, trained[0].learning_rates)
    with pytest.raises(TypeError, match="Could not locate class 'Still'"):
        _ = runs[1].learning_rates


def test_diverged_runs_are_stored_and_interrupted_ones_are_not(tmp_path, monkeypatch):
    store = tmp_path / "runs.jsonl"
    (diverged,) = lr_study.run_all([quick(1e20)], store=store)
    (stored,) = lr_study.run_all([quick(1e20)], store=store)
    assert diverged.status == stored.status == "diverged"
    assert np.isnan([stored.test_loss, stored.history["loss"][-1]]).all()
    np.testing.assert_array_equal(stored.learning_rates, diverged.learning_rates)
    assert "NaN" not in store.read_text()  # JSON has none

    monkeypatch.setattr(lr_study.keras.Model, "fit", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    (run,) = lr_study.run_all([quick()], store=store)
    assert run.status == "interrupted" and len(lines(store)) == 1


def started(arguments, **options):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"} | options.pop("env", {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, start_new_session=True, **pipes, **options
    )


def in_process(store, body, **variables):
    """Start code that uses the store."""
    code = f"import lr_study, test_store\n{textwrap.dedent(body)}"
    return started(["-c", code], env={"STORE": str(store)} | variables)


def wait_for_lines(store, count, process):
    while not store.exists() or store.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)


INTO_STORE = "import os; runs = lr_study.run_all(test_store.study({epochs}), {n_jobs}, os.environ['STORE'])"


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_study_goes_on_where_it_was(tmp_path, trained, n_jobs):
    store = tmp_path / "runs.jsonl"
    process = in_process(store, INTO_STORE.format(epochs=8, n_jobs=n_jobs))
    wait_for_lines(store, 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = len(lr_study.load_runs(store))
    assert 2 <= done < len(study())
    runs = lr_study.run_all(study(8), store=store)
    assert len(trained) == len(study()) - done
    assert runs == lr_study.run_all(study(8))


@pytest.mark.slow
def test_two_calls_on_one_store_lose_nothing(tmp_path):
    """They do not share the work, as the docstring says, but what both wrote is whole."""
    store = tmp_path / "runs.jsonl"
    both = [in_process(store, INTO_STORE.format(epochs=8, n_jobs=1)) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(lr_study.load_runs(store)) == len(study())
    assert len(lines(store)) >= len(study())


def test_a_line_may_be_torn_at_any_byte(tmp_path, trained):
    """Also inside a letter that takes several; the next run is found on a line of its own."""
    store = tmp_path / "runs.jsonl"
    experiments = [quick(label="η = 0.05 ☃"), quick(seed=1, label="η = 0.05 ☃")]
    whole = lr_study.run_all(experiments, store=store)
    content = store.read_bytes()
    start = content.index(b"\n") + 1
    for length in range(start + 1, len(content) - 1):
        store.write_bytes(content[:length])
        with pytest.warns(UserWarning, match="line 2 is torn: its run has to be trained again"):
            assert lr_study.load_runs(store) == whole[:1]
    store.write_bytes(content[:-1])  # only the end of the line is missing
    assert lr_study.load_runs(store) == whole
    trained.clear()
    store.write_bytes(content[: content.index("☃".encode(), start) + 1])
    with pytest.warns(UserWarning, match="line 2 is torn"):
        assert lr_study.run_all(experiments, store=store) == whole
    with pytest.warns(UserWarning, match="line 2 is torn"):
        assert lr_study.run_all(experiments, store=store) == whole
    assert trained == experiments[1:]


def test_a_power_cut_leaves_nul_bytes(tmp_path, trained):
    """Where the file was already longer, but its content not yet on the disk."""
    store = tmp_path / "runs.jsonl"
    experiments = [quick(), quick(seed=1)]
    whole = lr_study.run_all(experiments, store=store)
    one, two = store.read_bytes().splitlines(keepends=True)
    half = len(two) // 2
    trained.clear()
    for torn in (b"\0" * len(two), two[:half] + b"\0" * half, b"\0" * half + two[half:], b"\0" * 9 + b"\n"):
        store.write_bytes(one + torn)
        with pytest.warns(UserWarning, match="line 2 is torn"):
            assert lr_study.run_all(experiments, store=store) == whole
        assert trained.pop() == experiments[1]
        with pytest.warns(UserWarning, match="line 2 is torn"):
            assert lr_study.load_runs(store) == whole
    assert not trained


# Bad input ---------------------------------------------------------------------------------------------


def test_a_store_that_is_none_is_named(tmp_path):
    with pytest.raises(ValueError, match="store must be the path of a file, got the folder"):
        lr_study.run_all([quick()], store=tmp_path)
    with pytest.raises(TypeError, match="store must be the path of a file, got 5"):
        lr_study.run_all([quick()], store=5)
    with pytest.raises(ValueError, match=r"store must be a file that can be written, got .*missing"):
        lr_study.run_all([quick()], store=tmp_path / "missing" / "runs.jsonl")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"store must be a file that can be written, got .*Not a directory"):
        lr_study.run_all([quick()], store=tmp_path / "file" / "runs.jsonl")
    with pytest.raises(FileNotFoundError):
        lr_study.load_runs(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(
    "content",
    [
        b"rate,loss\n0.1,2.3\n",
        b'{"a": 1}\n',
        b"[]\n",
        b"\x89PNG\r\n\x1a\n\x00",
        b'{"experiment": 3}\n',
        b"null\n",
        b"\0\0\0 ftypisom",
    ],
)
def test_a_foreign_file_is_not_touched(tmp_path, content, trained):
    store = tmp_path / "notes.txt"
    store.write_bytes(content)
    with pytest.raises(ValueError, match=r"store must hold runs, one a line, got .* with line 1"):
        lr_study.run_all([quick()], store=store)
    with pytest.raises(ValueError, match="store must hold runs"):
        lr_study.load_runs(store)
    assert store.read_bytes() == content and not trained


@pytest.mark.parametrize("other", [1, 3])
def test_a_store_of_another_format_is_not_touched(tmp_path, other):
    store = tmp_path / "runs.jsonl"
    lr_study.run_all([quick()], store=store)
    content = store.read_text().replace('"format": "2"', f'"format": "{other}"')
    store.write_text(content)
    with pytest.raises(ValueError, match=f"store must have format 2, got .* with a run of format {other}"):
        lr_study.run_all([quick()], store=store)
    assert store.read_text() == content


def test_a_label_stands_for_one_experiment(trained):
    assert len(lr_study.run_all([quick(seed=0), quick(seed=1)])) == 2
    with pytest.raises(
        ValueError, match="label must stand for one experiment, apart from the seed, got 'a' for two"
    ):
        lr_study.run_all([quick(0.1, label="a"), quick(0.2, label="a")])
    with pytest.raises(ValueError, match="label and seed must not repeat, got 'a', 3 twice"):
        lr_study.run_all([quick(label="a", seed=3), quick(label="a", seed=3)])
    assert len(trained) == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_jobs": 0}, "n_jobs must be at least 1, or -1 for one process per core, got 0"),
        ({"n_jobs": -2}, "n_jobs must be at least -1"),
        ({"n_jobs": 1.5}, "n_jobs must be a whole number, got 1.5"),
        ({"n_jobs": True}, "n_jobs must be a whole number, got True"),
        ({"experiments": ["adam"]}, "experiments must be Experiment objects, got 'adam'"),
        ({"experiments": 5}, "experiments must be a list of Experiment objects, got 5"),
    ],
)
def test_other_arguments_that_make_no_sense(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        lr_study.run_all(**({"experiments": [quick()]} | arguments))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
def test_a_full_disk_returns_what_was_trained(tmp_path, trained):
    """The file may grow by one run and a half."""
    store = tmp_path / "runs.jsonl"
    lr_study.run_all([quick()], store=store)
    limit = int(2.5 * store.stat().st_size)
    process = in_process(
        store,
        f"""
        import os, resource
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
        runs = lr_study.run_all([test_store.quick(seed=seed) for seed in range(5)], store=os.environ["STORE"])
        print([run.experiment.seed for run in runs])
        """,
    )
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "[0, 1, 2]" in output
    assert "3 of 5 runs are returned, then this ended the work" in output and "disk full" in output
    with pytest.warns(UserWarning, match="line 3 is torn"):
        assert len(lr_study.load_runs(store)) == 2
    trained.clear()
    with pytest.warns(UserWarning, match="line 3 is torn"):
        assert len(lr_study.run_all([quick(seed=seed) for seed in range(5)], store=store)) == 5
    assert [experiment.seed for experiment in trained] == [2, 3, 4]


def kill_a_worker():
    children = psutil.Process().children()
    next(child for child in children if "LokyProcess" in " ".join(child.cmdline())).kill()


@pytest.mark.slow
def test_a_worker_that_dies_loses_only_what_it_was_training(tmp_path, trained, monkeypatch):
    store = tmp_path / "runs.jsonl"
    experiments = study(epochs=20)
    after_the_first_run(monkeypatch, kill_a_worker)
    with pytest.raises(RuntimeError, match=r"worker process .* was unexpectedly terminated") as caught:
        lr_study.run_all(experiments, n_jobs=2, store=store)
    done = len(lr_study.load_runs(store))
    assert 1 <= done < len(experiments)
    assert caught.value.__notes__ == [f"{done} of {len(experiments)} runs are in the store"]
    assert len(lr_study.run_all(experiments, store=store)) == len(experiments)
    assert len(trained) == len(experiments) - done


@pytest.mark.slow
def test_without_a_store_a_worker_that_dies_leaves_the_runs_so_far(monkeypatch):
    after_the_first_run(monkeypatch, kill_a_worker)
    with pytest.warns(UserWarning, match=r"\d of 6 runs are returned, then this ended the work: TerminatedWorker"):
        runs = lr_study.run_all(study(epochs=20), n_jobs=2)
    assert 1 <= len(runs) < 6 and {run.status for run in runs} == {"finished"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_returns_the_runs_so_far(tmp_path, n_jobs):
    """To the whole group, as a terminal and Jupyter do it."""
    store = tmp_path / "runs.jsonl"
    report = "; print('returned', [run.status for run in runs])"
    process = in_process(store, INTO_STORE.format(epochs=40, n_jobs=n_jobs) + report)
    wait_for_lines(store, 2, process)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and "Traceback" not in output, output
    done = len(lr_study.load_runs(store))
    assert 2 <= done < len(study())
    partial = ["interrupted"] if n_jobs == 1 else []
    assert f"returned {done * ['finished'] + partial}" in output


# The recordings ----------------------------------------------------------------------------------------

RUNS = ROOT / "evidence" / "runs"


def test_every_recording_is_found_by_what_it_says_about_itself():
    found = 0
    for path in RUNS.glob("*.jsonl"):
        for line in lines(path):
            if line["experiment"].keys() & {"min_lr", "probe"}:  # evidence/store.py has these
                continue
            fields = line["experiment"]
            identity, _ = fields.pop("identity"), fields.pop("data")
            assert lr_study.identity(lr_study.Experiment(**fields)) == identity
            found += 1
    assert found >= 407
