"""Speed and memory, beside the article's own code and a published range test. Run by hand, on an idle machine:

pip install --no-deps keras-lr-finder==0.1
python tests/benchmark.py            # digits, and every notebook; about 20 minutes
python tests/benchmark.py mnist      # the same on MNIST, without the notebooks; needs LR_MNIST_NPZ
python tests/benchmark.py class      # eight notebooks at once, about three minutes

The two sides of a ratio alternate in one process. `fit` and `range_test` trace a training step each time;
`train` does so for the first run of an optimizer only, which is the highest of its ratios. Nothing here is
asserted: machines differ, and a shared one differs from minute to minute.
"""

import concurrent.futures
import contextlib
import gc
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

import nbformat
import psutil
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
import keras  # noqa: E402 - the path comes first

import lr_helpers as lr  # noqa: E402
import lr_study  # noqa: E402

LIMITS = {
    "train": {"digits": 0.65, "mnist": 0.95},
    "range test": {"digits": 1.1, "mnist": 1.1},
    "finder": {"digits": 0.7, "mnist": 1.0},
    "cycle": {"digits": 0.7, "mnist": None},
    "compare": {"digits": 1.05, "mnist": 1.05},
}
EPOCHS = {"digits": 25, "mnist": 3}
SWEEP_EPOCHS = {"digits": 5, "mnist": 1}


def article_fit(data, epochs, validate, optimizer=None, callbacks=()):
    """The article's model code and `fit` call, on our arrays; returns the seconds that `fit` took."""
    layers = keras.layers
    model = keras.Sequential()
    model.add(layers.Input((28, 28, 1)))
    model.add(layers.Conv2D(32, kernel_size=(3, 3), activation="relu"))
    model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.Dropout(0.25))
    model.add(layers.Conv2D(64, kernel_size=(3, 3), activation="relu"))
    model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(256, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(
        loss=keras.losses.categorical_crossentropy,
        optimizer=optimizer or keras.optimizers.Adam(0.001),
        metrics=["accuracy"],
    )
    y_train, y_val = (keras.utils.to_categorical(y, 10) for y in (data.y_train, data.y_val))
    batch_size, validation = lr.BATCH_SIZES[data.name], (data.x_val, y_val) if validate else None
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):  # verbose=1, as in the article
        model.fit(
            data.x_train,
            y_train,
            batch_size=batch_size,
            epochs=epochs,
            verbose=1,
            validation_data=validation,
            callbacks=list(callbacks),
        )
    return time.perf_counter() - start


def our_train(data):
    start = time.perf_counter()
    lr_study.train(
        lr_study.Experiment("ours", keras.optimizers.Adam(0.001), dataset=data.name, epochs=EPOCHS[data.name]),
        progress=False,
    )
    return time.perf_counter() - start


SWEEP = {"min_lr": 1e-6, "max_lr": 1e-3}  # nothing explodes, so that both sides make all steps


def compiled():
    model = lr.build_cnn()
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def our_range_test(data, steps):
    model = compiled()
    start = time.perf_counter()
    batch_size = lr.BATCH_SIZES[data.name]
    lr.range_test(model, data.x_train, data.y_train, **SWEEP, steps=steps, batch_size=batch_size, progress=False)
    return time.perf_counter() - start


def published_range_test(data, epochs):
    """keras-lr-finder 0.1 as it is, but for two names that Keras 3 has changed: `lr` and the weights' file."""
    from keras_lr_finder import lr_finder

    keras.optimizers.Optimizer.lr = property(lambda optimizer: optimizer.learning_rate)
    lr_finder.K = types.SimpleNamespace(get_value=float, set_value=lambda variable, value: variable.assign(value))
    model = compiled()
    save, load = model.save_weights, model.load_weights
    model.save_weights, model.load_weights = lambda _: save("tmp.weights.h5"), lambda _: load("tmp.weights.h5")
    finder, arguments = lr_finder.LRFinder(model), (data.x_train, data.y_train, SWEEP["min_lr"], SWEEP["max_lr"])
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            finder.find(*arguments, batch_size=lr.BATCH_SIZES[data.name], epochs=epochs)
        seconds = time.perf_counter() - start
    assert len(finder.losses) == epochs * data.steps_per_epoch()
    return seconds


RATES = (1e-4, 1e-3, 1e-2)  # of the comparison, each with two seeds


def our_comparison(data, epochs):
    model, start = compiled(), time.perf_counter()
    settings, held_out = {f"{rate:g}": rate for rate in RATES}, (data.x_val, data.y_val)
    arguments = {"epochs": epochs, "seeds": 2, "batch_size": lr.BATCH_SIZES[data.name], "progress": False}
    lr.compare(model, settings, data.x_train, data.y_train, validation_data=held_out, **arguments)
    return time.perf_counter() - start


def plain_comparison(data, epochs):
    """The same six calls of `fit` and of `evaluate`, on one model that is put back by hand."""
    model, start = compiled(), time.perf_counter()
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    for rate in [rate for rate in RATES for _ in range(2)]:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        model.optimizer.learning_rate = rate
        model.fit(data.x_train, data.y_train, batch_size=lr.BATCH_SIZES[data.name], epochs=epochs, verbose=0)
        model.evaluate(data.x_val, data.y_val, verbose=0)
    return time.perf_counter() - start


def cycle(data):
    return lr.CyclicalLearningRate(0.03, 0.15, 2 * data.steps_per_epoch())


def our_cycle(data):
    """The schedule object, in `train`."""
    start = time.perf_counter()
    optimizer = keras.optimizers.SGD(cycle(data))
    lr_study.train(
        lr_study.Experiment("cycle", optimizer, dataset=data.name, epochs=EPOCHS[data.name]), progress=False
    )
    return time.perf_counter() - start


def callback_cycle(data):
    """The same rates, set before every batch by a callback in a plain `fit`."""
    optimizer, epochs = keras.optimizers.SGD(0.03), EPOCHS[data.name]
    rates = iter(lr.learning_rates(cycle(data), epochs * data.steps_per_epoch()).tolist())

    def set_rate(batch, logs):
        optimizer.learning_rate = next(rates)

    return article_fit(
        data, epochs, True, optimizer, [keras.callbacks.LambdaCallback(on_train_batch_begin=set_rate)]
    )


# Linux. The resource module would count what the parent process had when it started this one.
PEAK = "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024 / 1e9)"


def peak(name, side):
    """Peak memory in GB of a process of its own that fits, or makes a range test, and nothing else."""
    command = [sys.executable, __file__, "peak", name, side]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout)


def measure_peak(name, side):
    data = lr.load_dataset(name)
    if side == "range test":
        our_range_test(data, SWEEP_EPOCHS[name] * data.steps_per_epoch())
    else:
        arguments = {"batch_size": lr.BATCH_SIZES[name], "epochs": SWEEP_EPOCHS[name], "verbose": 0}
        compiled().fit(data.x_train, data.y_train, **arguments)
    exec(PEAK)


def study():
    """24 runs of ten epochs on digits."""
    makes = {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}
    rates = {"SGD": (0.03, 0.1, 0.3), "Adam": (0.0003, 0.001, 0.003)}
    return [
        lr_study.Experiment(f"{name} {rate}", make(rate), epochs=10, seed=seed)
        for name, make in makes.items()
        for rate in rates[name]
        for seed in range(4)
    ]


def measure_study(n_jobs):
    """Seconds of a study in a process of its own, the start of the workers included."""
    experiments = study()
    start = time.perf_counter()
    lr_study.run_all(experiments, n_jobs=int(n_jobs))
    print(f"\n{time.perf_counter() - start}")


def study_row(pairs=3):
    def seconds(n_jobs):
        command = [sys.executable, __file__, "study", str(n_jobs)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])

    times = [(seconds(1), seconds(2)) for _ in range(pairs)]
    one, two = (statistics.median(column) for column in zip(*times, strict=True))
    gains = [a / b for a, b in times]
    print(f"24 runs: one process {one:.1f} s, two {two:.1f} s; ", end="")
    print(f"{statistics.median(gains):.2f} ({min(gains):.2f} … {max(gains):.2f}) times as fast, wanted 1.5")


def store_row():
    """What the store adds to a run of ten epochs: to find it missing, and to write it."""
    experiment = study()[0]
    lr_study.train(experiment, progress=False)
    run = lr_study.train(experiment, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        store, start = f"{folder}/runs.jsonl", time.perf_counter()
        for _ in range(100):
            lr_study.identity(experiment)
            lr_study._append(store, run)
        cost = (time.perf_counter() - start) / 100
    print(f"store: {1000 * cost:.2f} ms a run of {run.seconds:.1f} s, {cost / run.seconds:.3%}, limit 1 %")


def timed_alone(side):
    gc.collect()  # neither side pays for the threads and graphs that the other left behind
    return side()


def row(name, ours, theirs, limit, pairs=5):
    seconds = [tuple(timed_alone(side) for side in (ours, theirs)) for _ in range(pairs)]
    ratios = [a / b for a, b in seconds]
    medians = (statistics.median(side) for side in zip(*seconds, strict=True))
    print(f"{name:22}" + "".join(f"{median:8.1f} s" for median in medians), end="")
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f})"
    print(f"   ratio {spread}" + (f", limit {limit}" if limit else ""), flush=True)


def notebook_row(path):
    nb = nbformat.read(path, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell(PEAK))
    start = time.perf_counter()
    NotebookClient(nb, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    seconds = time.perf_counter() - start
    print(f"{path.stem:32} {seconds:6.1f} s   peak {float(nb.cells[-1].outputs[0].text):.2f} GB", flush=True)
    return seconds


def class_rows(count=8):
    """Notebooks at once, as a class runs them on one machine, and their memory; what kernels share counts once."""
    together = 0
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        paths = sorted((ROOT / "notebooks").glob("0*.ipynb"))[:count]
        rows = [pool.submit(notebook_row, path) for path in paths]
        while concurrent.futures.wait(rows, timeout=1).not_done:
            now = 0
            for kernel in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                    now += kernel.memory_full_info().pss
            together = max(together, now)
    print(f"all: {max(row.result() for row in rows):.0f} s, together {together / 1e9:.1f} GB")


def import_row():
    """What `import lr_range_test` adds to a process that has imported Keras."""
    code = "import sys, time; import keras; sys.path.insert(0, sys.argv[1]); start = time.perf_counter()"
    code += "; import lr_range_test; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", code, str(ROOT)]
    seconds = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    print(f"import lr_range_test after Keras: {statistics.median(seconds):.3f} s, limit 0.1 s", flush=True)


def main(name="digits"):
    data = lr.load_dataset(name)
    print(f"on {name:19} {'ours':>9} {'theirs':>9}")
    epochs, sweep_epochs = EPOCHS[name], SWEEP_EPOCHS[name]
    steps = sweep_epochs * data.steps_per_epoch()
    row(
        f"train, {epochs} epochs",
        lambda: our_train(data),
        lambda: article_fit(data, epochs, True),
        LIMITS["train"][name],
    )
    row(
        f"range test, {steps} steps",
        lambda: our_range_test(data, steps),
        lambda: article_fit(data, sweep_epochs, False),
        LIMITS["range test"][name],
    )
    row(
        "range test, finder",
        lambda: our_range_test(data, steps),
        lambda: published_range_test(data, sweep_epochs),
        LIMITS["finder"][name],
    )
    row("cycle, callback", lambda: our_cycle(data), lambda: callback_cycle(data), LIMITS["cycle"][name])
    row(
        "compare, its fits",
        lambda: our_comparison(data, sweep_epochs),
        lambda: plain_comparison(data, sweep_epochs),
        LIMITS["compare"][name],
    )
    for side in ("range test", "fit"):
        print(f"peak memory, {side:14} {peak(name, side):.2f} GB", flush=True)
    if name == "digits":
        import_row()
        study_row()
        store_row()
        print(f"all notebooks: {sum(map(notebook_row, sorted((ROOT / 'notebooks').glob('*.ipynb')))):.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        measure_peak(*sys.argv[2:])
    elif sys.argv[1:2] == ["study"]:
        measure_study(*sys.argv[2:])
    elif sys.argv[1:2] == ["class"]:
        class_rows()
    else:
        main(*sys.argv[1:])
