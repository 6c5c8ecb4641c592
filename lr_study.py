"""Many training runs in Keras 3 on TensorFlow: describe them, train them in any number of processes, keep them.

Read it from top to bottom: each part uses only the parts above it. Importing it changes nothing in the process.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import functools
import gc
import hashlib
import inspect
import json
import math
import numbers
import os
import platform
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import joblib
import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm
from tqdm.keras import TqdmCallback

from lr_helpers import (
    BATCH_SIZES,
    SIZES,
    Schedule,
    build_cnn,
    build_lenet,
    checksum,
    learning_rates,
    tensors,
)
from lr_range_test import check_bool, check_choice, check_count, check_path, check_rate

NETWORKS = {"cnn": build_cnn, "lenet": build_lenet}
# To be raised when a network changes: runs of the older one are then no longer found.
NETWORK_VERSIONS = {"cnn": 1, "lenet": 1}

# One run ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run, described. Small and serializable.

    `optimizer` is a name ("adam"), a Keras optimizer, or its configuration; what is kept is the configuration,
    `keras.optimizers.serialize(optimizer)`, so a run always starts with a fresh optimizer. `epochs` (25) and the
    batch sizes (32 for digits, 250 for MNIST) are the article's. The seed fixes weights, shuffling and dropout.
    `network` is "cnn" (`build_cnn`) or "lenet" (`build_lenet`). With validate=False the validation images are
    trained on, too, and the history has no validation loss: for a last run, when all choices are made.
    Raises ValueError or TypeError for a value that makes no sense.
    """

    label: str
    optimizer: Any
    dataset: str = "digits"
    epochs: int = 25
    batch_size: int | None = None
    seed: int = 0
    network: str = "cnn"
    validate: bool = True

    def __post_init__(self) -> None:
        """Check every field and turn the optimizer into its configuration."""
        if not isinstance(self.label, str) or not self.label:
            raise TypeError(f"label must be a text, got {self.label!r}")
        check_choice("dataset", self.dataset, BATCH_SIZES)
        check_choice("network", self.network, NETWORKS)
        check_bool("validate", self.validate)
        size = BATCH_SIZES[self.dataset] if self.batch_size is None else self.batch_size
        values = {
            "epochs": check_count("epochs", self.epochs),
            "batch_size": check_count("batch_size", size),
            "seed": check_count("seed", self.seed, least=0),
            "optimizer": _optimizer_config(self.optimizer),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the training images; the last one may be short."""
        training, validation = SIZES[self.dataset]
        return math.ceil((training if self.validate else training + validation) / self.batch_size)

    @property
    def learning_rate(self) -> Schedule | float:
        """The fixed rate, or the schedule as a Keras object."""
        rate = self.optimizer["config"]["learning_rate"]
        return keras.optimizers.schedules.deserialize(copy.deepcopy(rate)) if isinstance(rate, dict) else rate


def _optimizer_config(optimizer: Any) -> dict[str, Any]:
    """The optimizer's own Keras configuration, checked."""
    if isinstance(optimizer, type) or not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise TypeError(f"optimizer must be a name, a Keras optimizer or its configuration, got {optimizer!r}")
    try:
        made = keras.optimizers.get(copy.deepcopy(optimizer) if isinstance(optimizer, dict) else optimizer)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"optimizer must be one that Keras knows, such as 'adam' or 'sgd', got {optimizer!r}"
        ) from error
    config = keras.optimizers.serialize(made)
    config["config"]["name"] = config["class_name"].lower()  # Keras counts: the second Adam is "adam_1"
    if not isinstance(config["config"].get("learning_rate"), dict):
        check_rate("learning_rate of the optimizer", config["config"].get("learning_rate"))
    return config


@dataclasses.dataclass
class Run:
    """What came of an experiment.

    `history` has one number per finished epoch: loss, accuracy, val_loss, val_accuracy. `learning_rates` has the
    rate of every executed step. Test loss and accuracy are NaN where the run was interrupted or diverged.
    `status` is "finished", "diverged" (the loss became NaN or infinite), "stopped" (by a callback) or
    "interrupted" (stop button, Ctrl-C).
    """

    experiment: Experiment
    history: dict[str, list[float]]
    learning_rates: np.ndarray
    test_loss: float
    test_accuracy: float
    seconds: float
    environment: dict[str, str]
    status: str

    @property
    def label(self) -> str:
        """The experiment's label."""
        return self.experiment.label


class _Table(Schedule):
    """The rates of all steps, looked up. One compiled model then serves every schedule."""

    def __init__(self) -> None:
        self.rates = tf.Variable(np.zeros(1, "float32"), shape=[None], trainable=False)

    def __call__(self, step: Any) -> Any:
        last = tf.size(self.rates) - 1  # callbacks ask for the rate after the last step, too
        return tf.gather(self.rates, tf.minimum(tf.cast(step, tf.int32), last))

    def get_config(self) -> dict[str, Any]:
        return {}


class _Recorder(keras.callbacks.Callback):
    """Shuffles, notes the rate of every executed step, stops when the loss is no number any more."""

    def __init__(self, rates: np.ndarray | None, steps_per_epoch: int, orders: np.ndarray) -> None:
        super().__init__()
        self.rates, self.steps_per_epoch, self.orders = rates, steps_per_epoch, orders
        self.order = tf.Variable(orders[:1])
        self.used, self.status = [], "finished"

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.order.assign(self.orders[epoch : epoch + 1])
        self.next_batch = 0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.rate = None if self.rates is not None else float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        batch = min(batch, self.steps_per_epoch - 1)  # Keras counts an execution as full, also the last one
        steps = batch + 1 - self.next_batch  # several steps run between two calls, see _compiled
        self.next_batch = batch + 1
        done = len(self.used)
        self.used.extend([self.rate] * steps if self.rates is None else self.rates[done : done + steps])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not math.isfinite(logs["loss"]):
            self.status, self.model.stop_training = "diverged", True


def train(
    experiment: Experiment, callbacks: Sequence[keras.callbacks.Callback] = (), progress: bool = True
) -> Run:
    """Train the article's network as the experiment says, and evaluate it on the test images.

    The same experiment twice on one machine gives the same history. `callbacks` are Keras's own, such as
    EarlyStopping, or `LiveLoss`; those that set a rate need an experiment with a fixed one. They are called after
    every epoch; batch callbacks only every few dozen batches. A bar shows the epochs, the loss and the time left,
    unless `progress` is False. No global seed is changed.

    A loss that becomes NaN or infinite ends the run with status "diverged", the stop button or Ctrl-C with
    "interrupted"; the history so far is returned. Raises TypeError when `experiment` is not an Experiment.
    """
    if not isinstance(experiment, Experiment):
        raise TypeError(f"experiment must be an Experiment, got {experiment!r}")
    check_bool("progress", progress)
    start = time.perf_counter()
    arrays = tensors(experiment.dataset)
    training, validation, testing = (tuple(arrays[i : i + 2]) for i in (0, 2, 4))
    if not experiment.validate:
        training = tuple(tf.concat(pair, 0) for pair in zip(training, validation, strict=True))
    steps = experiment.steps_per_epoch
    rate = experiment.learning_rate
    rates = learning_rates(rate, steps * experiment.epochs) if isinstance(rate, Schedule) else None

    config = {name: value for name, value in experiment.optimizer["config"].items() if name != "learning_rate"}
    key = json.dumps({**experiment.optimizer, "config": config}, sort_keys=True)
    model = _compiled(experiment.network, key, rates is not None, min(steps, 40))
    fresh = _fresh(experiment.network, experiment.seed)
    optimizer = _optimizer(key, rates is not None)
    optimizer.build(fresh.trainable_variables)  # some begin with a copy of the weights
    for variable, value in zip(model.variables, fresh.variables, strict=False):  # weights and dropout seeds
        variable.assign(value)
    for variable, value in zip(model.optimizer.variables, optimizer.variables, strict=True):
        variable.assign(value)
    if rates is None:
        model.optimizer.learning_rate = rate
    else:
        model.optimizer._learning_rate.rates.assign(rates)

    orders = _orders(len(training[0]), experiment.epochs, experiment.seed)
    history, recorder = keras.callbacks.History(), _Recorder(rates, steps, orders)
    options = {"tqdm_class": tqdm, "file": sys.stdout, "disable": not progress}
    bar = TqdmCallback(experiment.epochs, verbose=0, desc="epochs", **options)
    test = (math.nan, math.nan)
    try:
        model.fit(
            _batches(training, experiment.batch_size, recorder.order),
            validation_data=_batches(validation) if experiment.validate else None,
            epochs=experiment.epochs,
            callbacks=[*callbacks, recorder, history, bar],
            shuffle=False,  # the recorder does it
            verbose=0,
        )
        if recorder.status == "finished":
            test = model.evaluate(_batches(testing), verbose=0)
            if len(history.epoch) < experiment.epochs:
                recorder.status = "stopped"
    except KeyboardInterrupt:
        recorder.status = "interrupted"
    finally:
        bar.on_train_end()  # which a run that was stopped has not come to
    seconds = time.perf_counter() - start
    numbers_of_epochs = {name: [float(value) for value in values] for name, values in history.history.items()}
    used = np.asarray(recorder.used, "float32")
    return Run(experiment, numbers_of_epochs, used, *map(float, test), seconds, _environment(), recorder.status)


@functools.cache
def _network(name: str) -> Any:
    """The configuration of a network, without the names that Keras counts up."""

    def nameless(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: nameless(value) for key, value in config.items() if key != "name"}
        return list(map(nameless, config)) if isinstance(config, list | tuple) else config

    state = random.getstate()  # Keras draws a seed for each layer
    config = nameless(NETWORKS[name]().get_config())
    random.setstate(state)
    return config


def _fresh(network: str, seed: int) -> keras.Sequential:
    """A network whose weights come from the seed alone, the one that `random.seed(seed)` and Keras would give.

    Python's global generator, from which Keras draws the seeds of layers, is not safe: another thread, of a Dask
    worker or of a notebook's kernel, may draw from it at the same time.
    """
    generator = random.Random(seed)

    def seeded(config: Any) -> Any:
        if isinstance(config, dict):
            return {
                key: generator.randint(1, 10**9) if key == "seed" and value is None else seeded(value)
                for key, value in config.items()
            }
        return list(map(seeded, config)) if isinstance(config, list) else config

    return keras.Sequential.from_config({"name": network} | seeded(_network(network)))


def _optimizer(config: str, scheduled: bool) -> keras.optimizers.Optimizer:
    made = keras.optimizers.deserialize(json.loads(config))
    if scheduled:
        made.learning_rate = _Table()
    return made


@functools.lru_cache(maxsize=16)
def _compiled(network: str, optimizer: str, scheduled: bool, steps_per_execution: int) -> keras.Model:
    """A compiled network, kept for all runs that differ in rate or seed only.

    TensorFlow takes 1.5 s and 13 MB to trace a training step, and does not give the memory back. Many steps
    per execution save the way through Python between two small batches.
    """
    model = _fresh(network, 0)
    model.compile(
        optimizer=_optimizer(optimizer, scheduled),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def forget() -> None:
    """Let go of the networks that `train` has compiled and keeps for later runs, up to 16 of 13 to 30 MB each.

    For a study of many optimizers in little memory. Models that you have compiled yourself stay usable.
    """
    _compiled.cache_clear()
    keras.backend.clear_session()
    gc.collect()


def _orders(length: int, passes: int, *seeds: int) -> np.ndarray:
    """A new order of all images for each pass, (passes, length), from the seeds alone. tf.data's own shuffle
    would also depend on the global seed."""
    return np.stack([np.random.default_rng([*seeds, i]).permutation(length) for i in range(passes)])


def _batches(arrays: Any, size: int = 250, orders: np.ndarray | tf.Variable | None = None) -> tf.data.Dataset:
    """The batches of nested arrays, pass after pass in the given orders (passes, length), else as they lie."""
    if orders is None:
        orders = np.arange(len(keras.tree.flatten(arrays)[0]))[None]
    orders = tf.constant(orders) if isinstance(orders, np.ndarray) else orders
    passes, length = orders.shape
    count = math.ceil(length / size)

    def batch(step: tf.Tensor) -> Any:
        chosen = orders[step // count, step % count * size : (step % count + 1) * size]
        return keras.tree.map_structure(lambda array: tf.gather(array, chosen), arrays)

    options = tf.data.Options()
    # A batch is ready in 0.2 ms: threads that fetch it ahead would only take the cores from the training.
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return tf.data.Dataset.range(passes * count).map(batch).with_options(options)


def _threads() -> int:
    """How many threads TensorFlow gives to one operation."""
    chosen = tf.config.threading.get_intra_op_parallelism_threads()
    return chosen or int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0)) or joblib.cpu_count()


FORMAT = 2  # of a stored run; a later one may have what this module would not understand


def _environment() -> dict[str, str]:
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processor": _processor(),
        "threads": str(_threads()),
        "format": str(FORMAT),
    }


@functools.cache
def _processor() -> str:
    """The processor's own name where Linux tells it; its instruction set decides the last digits."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


# Many runs --------------------------------------------------------------------------------------------


_STORED = ("experiment", "history", "test_loss", "test_accuracy", "seconds", "environment", "status")
_BEGINNING = b'{"experime'


def load_runs(path: str | os.PathLike) -> list[Run]:
    """The runs of a store that `run_all` has written, in the order in which they ended.

    Raises FileNotFoundError where there is no such file, and ValueError where it is no store or was written by a
    newer version of this module. A line that was not written to its end is skipped with a warning.
    """
    runs = []
    for content in _read_store(check_path(path)).values():
        fields = {name: value for name, value in content["experiment"].items() if name not in ("identity", "data")}
        runs.append(_Stored(Experiment(**fields), content))
    return runs


class _Stored(Run):
    """A run from a store. The rates of its steps are computed only when somebody asks."""

    def __init__(self, experiment: Experiment, content: dict[str, Any]) -> None:
        numbers_of_epochs = {name: list(map(_number, values)) for name, values in content["history"].items()}
        results = {name: _number(content[name]) for name in ("test_loss", "test_accuracy", "seconds")}
        vars(self).update(content | results, experiment=experiment, history=numbers_of_epochs)

    @functools.cached_property
    def learning_rates(self) -> np.ndarray:
        return learning_rates(
            self.experiment.learning_rate, len(self.history["loss"]) * self.experiment.steps_per_epoch
        )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _or_none(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _identity(experiment: Experiment) -> str:
    """A checksum of what defines a run, in fields of our own: an upgrade of Keras must not lose a recording."""
    fields = {
        "version": 1,  # of this description
        "data": checksum(experiment.dataset),
        "network": experiment.network,
        "network_version": NETWORK_VERSIONS[experiment.network],
        "optimizer": _described(experiment.optimizer),
        "batch_size": experiment.batch_size,
        "epochs": experiment.epochs,
        "seed": experiment.seed,
        "validate": experiment.validate,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def _described(value: Any) -> Any:
    """An optimizer's or a schedule's Keras configuration in our own words: its class and its arguments.

    All arguments of its own constructor; of those of Keras's optimizer the ones that are not None or False. Where
    the class lies, what Keras calls it and what Keras may add to its configuration does not count, nor does a
    digit beyond float32.
    """
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    kind = type(keras.saving.deserialize_keras_object(copy.deepcopy(value)))
    config, general = value["config"], _arguments(keras.optimizers.Optimizer)
    idle = {"name"} if config.get("use_ema") else {"name", "ema_momentum", "ema_overwrite_frequency"}
    return {"class": value["class_name"]} | {
        name: _described(config[name])
        for name in config.keys() & _arguments(kind) - idle
        if name not in general or (config[name] is not None and config[name] is not False)
    }


def _arguments(kind: type) -> set[str]:
    """The names of all arguments that the constructors of a class and of its parents take."""
    constructors = [vars(parent)["__init__"] for parent in kind.__mro__[:-1] if "__init__" in vars(parent)]
    return {name for constructor in constructors for name in inspect.signature(constructor).parameters}


def _append(store: str | os.PathLike, run: Run) -> None:
    """Write a run as one line, in one piece, so that several processes can share a store."""
    experiment = dataclasses.asdict(run.experiment) | {
        "data": checksum(run.experiment.dataset),
        "identity": _identity(run.experiment),
    }
    content = {name: getattr(run, name) for name in _STORED} | {"experiment": experiment}
    content["history"] = {name: list(map(_or_none, values)) for name, values in run.history.items()}
    content |= {name: _or_none(content[name]) for name in ("test_loss", "test_accuracy", "seconds")}
    line = json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with open(store, "ab+", buffering=0) as file:
        if file.tell():  # after a line that was torn, begin a new one
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(f"store {os.fspath(store)!r} took only a part of a run: is the disk full?")


def _open_store(store: str | os.PathLike) -> dict[str, dict]:
    """The lines of a store by identity; none where the file is new. Raises where it could not be written."""
    path = check_path(store, "store")
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise ValueError(f"store must be a file that can be written, got {path!r}: {error}") from error
    return _read_store(path)


def _read_store(path: str) -> dict[str, dict]:
    """The complete lines of a store, by identity."""
    runs = {}
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                content = json.loads(line)
            except ValueError:  # a process that was killed, a full disk or a power cut leaves a part, or NUL bytes
                start = line.strip(b"\0 \r\n")[: len(_BEGINNING)]
                if not _BEGINNING.startswith(start):
                    raise _foreign(path, number, line) from None
                if line.strip():
                    warnings.warn(f"{path}, line {number} is torn: its run has to be trained again", stacklevel=4)
                continue
            try:
                identity, written = content["experiment"]["identity"], int(content["environment"]["format"])
            except (ValueError, KeyError, TypeError):
                raise _foreign(path, number, line) from None
            if written != FORMAT:
                raise ValueError(f"store must have format {FORMAT}, got {path!r} with a run of format {written}")
            runs.setdefault(identity, content)
    return runs


def _foreign(path: str, number: int, line: bytes) -> ValueError:
    return ValueError(f"store must hold runs, one a line, got {path!r} with line {number}: {line[:60]!r}")


_training = threading.Lock()  # runs share compiled networks, so two threads must not train at once


def _numbered(i: int, experiment: Experiment) -> tuple[int, Run]:
    with _training:
        return i, train(experiment, progress=False)


@contextlib.contextmanager
def _worker_threads(n_jobs: int) -> Iterator[None]:
    """Processes started inside give an operation as many threads as this one does, and share the cores."""
    wanted = {
        "TF_NUM_INTRAOP_THREADS": str(_threads()),
        "TF_NUM_INTEROP_THREADS": str(max(1, joblib.cpu_count() // n_jobs)),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def run_all(
    experiments: Iterable[Experiment],
    n_jobs: int = 1,
    store: str | os.PathLike | None = None,
    on_run: Callable[[Run], object] | None = None,
) -> list[Run]:
    """Train every experiment, with a progress bar: runs, time left, the last loss. Runs come back in order.

    `n_jobs` processes (−1: one per core) share the work through joblib; the numbers do not depend on how many.
    Each has a start-up of some seconds and takes 0.7 GB. With 1, or inside `joblib.parallel_config`, joblib's
    current backend decides: this process, or, for one, a Dask cluster.

    `store` names a JSON Lines file. A run is written there as soon as it ends, as one line, and is read instead
    of trained when the call is repeated. What identifies it are the data, the network, the optimizer with its
    schedule, batch size, epochs and seed, not its label. Several processes may use one store. Diverged runs are
    stored, interrupted ones are not.

    `on_run` is called with each trained run as it ends, in this process: `LiveLoss().add` draws its curve.

    The stop button or Ctrl-C returns the runs so far. So does, with a warning, an error in the middle of the work
    (a worker that dies, a full disk) where raising it would lose runs that are in no store. Raises ValueError or
    TypeError for a store that cannot be used, or when one label stands for experiments that differ in more than
    the seed.
    """
    experiments = _check_labels(experiments)
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, numbers.Integral):
        raise TypeError(f"n_jobs must be a whole number, got {n_jobs!r}")
    if n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"n_jobs must be at least 1, or -1 for one process per core, got {n_jobs}")
    if on_run is not None and not callable(on_run):
        raise TypeError(f"on_run must be a function of a run, got {on_run!r}")
    found = {} if store is None else _open_store(store)
    runs: list[Run | None] = [
        _Stored(experiment, found[identity]) if (identity := _identity(experiment)) in found else None
        for experiment in experiments
    ]
    missing = [i for i, run in enumerate(runs) if run is None]
    unsaved = 0
    # None is joblib's word for: as the context says. More processes than runs would only cost memory.
    jobs = None if n_jobs == 1 else min(int(n_jobs), max(1, len(missing)))
    done = len(runs) - len(missing)
    bar = tqdm(total=len(runs), initial=done, desc="runs", file=sys.stdout, mininterval=1, ncols=80)
    with bar, _worker_threads(joblib.effective_n_jobs(jobs)):
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        results = parallel(joblib.delayed(_numbered)(i, experiments[i]) for i in missing)
        try:
            for i, run in results:
                runs[i] = run
                unsaved += 1
                if run.status == "interrupted":
                    break
                if store is not None:
                    _append(store, run)
                    unsaved -= 1
                bar.set_postfix(loss=run.history["loss"][-1], refresh=False)
                bar.update()
                if on_run is not None:
                    on_run(run)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            done = f"{sum(run is not None for run in runs)} of {len(runs)} runs"
            if not unsaved:
                error.add_note(f"{done} are in the store" if store is not None else f"{done} were finished")
                raise
            warnings.warn(f"{done} are returned, then this ended the work: {error!r}", stacklevel=2)
        finally:
            results.close()  # ends the workers; what they were training is given up
    return [run for run in runs if run is not None]


def _check_labels(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The experiments as a list, if each label and seed stands for one of them."""
    if not isinstance(experiments, Iterable):
        raise TypeError(f"experiments must be a list of Experiment objects, got {experiments!r}")
    experiments, seen = list(experiments), {}
    for experiment in experiments:
        if not isinstance(experiment, Experiment):
            raise TypeError(f"experiments must be Experiment objects, got {experiment!r}")
        first = seen.setdefault(experiment.label, [])
        if first and dataclasses.replace(experiment, seed=first[0].seed) != first[0]:
            raise ValueError(
                f"label must stand for one experiment, apart from the seed, got {experiment.label!r} for two"
            )
        if experiment in first:
            raise ValueError(f"label and seed must not repeat, got {experiment.label!r}, {experiment.seed} twice")
        first.append(experiment)
    return experiments
