"""Speed and memory, ours beside the article's own code. Run by hand, on an idle machine:

python tests/benchmark.py            # digits, and every notebook; about 15 minutes
python tests/benchmark.py mnist      # the same on MNIST, without the notebooks; needs LR_MNIST_NPZ

The two sides of a ratio alternate in one process. `fit` and `range_test` trace a training step each time;
`train` does so for the first run of an optimizer only, which is the highest of its ratios. Nothing here is
asserted: machines differ, and a shared one differs from minute to minute.
"""

import contextlib
import gc
import io
import pathlib
import statistics
import sys
import time

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
import lr_helpers as lr  # noqa: E402 - the path comes first

keras = lr.keras

LIMITS = {"train": {"digits": 0.65, "mnist": 1.0}, "range test": {"digits": 1.1, "mnist": 1.1}}
EPOCHS = {"digits": 25, "mnist": 3}
SWEEP_EPOCHS = {"digits": 5, "mnist": 1}


def article_fit(data, epochs, validate):
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
        loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adam(0.001), metrics=["accuracy"]
    )
    y_train, y_val = (keras.utils.to_categorical(y, 10) for y in (data.y_train, data.y_val))
    batch_size, validation = lr.BATCH_SIZES[data.name], (data.x_val, y_val) if validate else None
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):  # verbose=1, as in the article
        model.fit(
            data.x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=1, validation_data=validation
        )
    return time.perf_counter() - start


def our_train(data):
    start = time.perf_counter()
    lr.train(lr.Experiment("ours", keras.optimizers.Adam(0.001), dataset=data.name, epochs=EPOCHS[data.name]))
    return time.perf_counter() - start


def our_range_test(data, steps):
    model = lr.build_cnn()
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    arguments = {"min_lr": 1e-6, "max_lr": 1e-3, "steps": steps, "batch_size": lr.BATCH_SIZES[data.name]}
    start = time.perf_counter()
    lr.range_test(model, data.x_train, data.y_train, progress=False, **arguments)
    return time.perf_counter() - start


def timed_alone(side):
    gc.collect()  # neither side pays for the threads and graphs that the other left behind
    return side()


def row(name, ours, theirs, limit, pairs=5):
    seconds = [tuple(timed_alone(side) for side in (ours, theirs)) for _ in range(pairs)]
    ratios = [a / b for a, b in seconds]
    medians = (statistics.median(side) for side in zip(*seconds, strict=True))
    print(f"{name:22}" + "".join(f"{median:8.1f} s" for median in medians), end="")
    print(
        f"   ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f}), limit {limit}",
        flush=True,
    )


def notebook_row(path):
    nb = nbformat.read(path, as_version=4)
    source = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    nb.cells.append(nbformat.v4.new_code_cell(source))
    start = time.perf_counter()
    NotebookClient(nb, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    seconds = time.perf_counter() - start
    peak = int(nb.cells[-1].outputs[0].text) * 1024 / 1e9
    print(f"{path.stem:32} {seconds:6.1f} s   peak {peak:.2f} GB", flush=True)
    return seconds


def main(name="digits"):
    data = lr.load_dataset(name)
    print(f"on {name:19} {'ours':>9} {'article':>9}")
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
    if name == "digits":
        print(f"all notebooks: {sum(map(notebook_row, sorted((ROOT / 'notebooks').glob('*.ipynb')))):.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
