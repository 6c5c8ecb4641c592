"""Many training runs in Keras 3 on TensorFlow: describe them, train them in any number of processes, keep them.

Read it from top to bottom: each part uses only the parts above it. Importing it changes nothing in the process.

**The store**, which `run_all` writes and `load_runs` reads, is a text file with one run a line: a JSON object in
UTF-8, appended when the run has ended and never changed. Its keys:

- `experiment`: the fields of `Experiment`; `optimizer` is the optimizer's own Keras configuration. Also `data`,
  the checksum of the data set, and `identity`, by which a run is found again;
- `history`: for each metric a list with one number an epoch; `test_loss`, `test_accuracy`; `seconds`. NaN and
  infinity, which JSON does not have, are null;
- `environment`: date, versions, machine, processor, threads of an operation, and `format`, which is 2. A file with
  another format is refused;
- `status`: "finished" or "diverged".

The **identity** is a checksum of fields of our own (`identity`), not of whatever configuration Keras writes: the
data, the network with its version, the optimizer's class and arguments with the schedule's, batch size, epochs,
seed, whether validation images were held back, and the number of examples where not all were used. Arguments that
are None or False do not count, nor does the label. So a class that moves to another module loses no run, nor does
an upgrade of Keras, unless it gives a constructor a new argument that is neither None nor False.

A **torn line**, which a killed process, a full disk or a power cut leaves, is skipped with a warning, and its run
is trained again. It begins as a line of ours does, or consists of NUL bytes in part; a file with any other
line is refused and left as it is.
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
import os
import platform
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import joblib
import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm
from tqdm.keras import TqdmCallback

import lr_helpers as lr
from lr_range_test import check_bool, check_choice, check_count, check_path, check_rate

# Experiments and runs ---------------------------------------------------------------------------------


NETWORKS: dict[str, Callable[[], keras.Sequential]] = {
    "cnn": lr.build_cnn,
    "cnn-no-dropout": functools.partial(lr.build_cnn, dropout=0.0),
    "cnn-dropout-0.5": functools.partial(lr.build_cnn, dropout=0.5),
    "cnn-quarter-width": functools.partial(lr.build_cnn, width=0.25),
    "lenet": lr.build_lenet,
}
# To be raised when a network changes: runs of the older one are then no longer found.
NETWORK_VERSIONS = dict.fromkeys(NETWORKS, 1)


def _optimizer_config(optimizer: Any) -> dict[str, Any]:
    """The optimizer's own Keras configuration, checked, as JSON would give it back."""
    if isinstance(optimizer, type) or not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise TypeError(f"optimizer must be a name, a Keras optimizer or its configuration, got {optimizer!r}")
    try:
        made = keras.optimizers.get(copy.deepcopy(optimizer) if isinstance(optimizer, dict) else optimizer)
        config = json.loads(json.dumps(keras.optimizers.serialize(made)))
        keras.optimizers.deserialize(copy.deepcopy(config))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"optimizer must be one that Keras knows, such as 'adam' or 'sgd', got {optimizer!r}; a class of your "
            "own, also of a schedule, needs @keras.saving.register_keras_serializable() above it and get_config"
        ) from error
    name, arguments = config["class_name"], config["config"]
    # LossScaleOptimizer, MultiOptimizer; and WarmupSGD, whose rate of each step is in no schedule
    if "learning_rate" not in arguments or isinstance(made, lr.WarmupOptimizer):
        raise ValueError(f"optimizer must have its own learning rate, got {name}: give the plain one, or Warmup")
    if not isinstance(arguments["learning_rate"], dict):
        check_rate("learning_rate of the optimizer", arguments["learning_rate"])
    arguments["name"] = name.lower()  # Keras counts: the second Adam is "adam_1"
    return config


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run, described: small, serializable, hashable. Two are equal when all their fields are.

    Args:
        label: the name of the run in figures and tables. It does not count when a store is searched for the run.
        optimizer: a name ("adam"), a Keras optimizer, or its configuration. What is kept is the configuration,
            `keras.optimizers.serialize(optimizer)`, so a run always starts with a fresh optimizer. A class of your
            own, also of a schedule, must be registered (`keras.saving.register_keras_serializable`); it may be
            defined in a notebook.
        dataset: `"digits"`, `"mnist"` or `"fashion_mnist"`, see `lr_helpers.load_dataset`.
        epochs: passes over the training images. 25 are the article's.
        batch_size: images in a step. None is 250 for MNIST, the article's, and 32 for digits, which is so much
            smaller that 250 would leave 5 steps an epoch.
        seed: fixes weights, shuffling and dropout. Runs with the same seed begin alike and see the images in the
            same order, whatever their optimizer.
        network: a name in `NETWORKS`: `"cnn"` is the article's.
        validate: False trains on the validation images, too, and the history has no validation loss: for a last
            run, when all choices are made.
        examples: how many of the training images are used, the first ones; None for all.

    Raises:
        ValueError: an optimizer, data set or network that is unknown, an optimizer without a learning rate of its
            own (LossScaleOptimizer, MultiOptimizer), a rate that is not positive and finite, a number out of
            range.
        TypeError: an argument of the wrong type.
    """

    label: str
    optimizer: Any = dataclasses.field(hash=False)  # a dict, which counts when two are compared
    dataset: str = "digits"
    epochs: int = 25
    batch_size: int | None = None
    seed: int = 0
    network: str = "cnn"
    validate: bool = True
    examples: int | None = None

    def __post_init__(self) -> None:
        """Check every field and turn the optimizer into its configuration."""
        if not isinstance(self.label, str) or not self.label:
            raise TypeError(f"label must be a text, got {self.label!r}")
        check_choice("dataset", self.dataset, lr.BATCH_SIZES)
        check_choice("network", self.network, NETWORKS)
        check_bool("validate", self.validate)
        size = lr.BATCH_SIZES[self.dataset] if self.batch_size is None else self.batch_size
        assign = functools.partial(object.__setattr__, self)  # frozen for everybody else
        assign("epochs", check_count("epochs", self.epochs))
        assign("batch_size", check_count("batch_size", size))
        assign("seed", check_count("seed", self.seed, least=0))
        assign("optimizer", _optimizer_config(self.optimizer))
        _ = self.steps_per_epoch  # checks the number of examples

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the training images; the last one may be short."""
        return lr.steps_per_epoch(self.dataset, self.batch_size, self.validate, self.examples)

    @property
    def learning_rate(self) -> lr.Schedule | float:
        """The fixed rate, or the schedule as a Keras object."""
        rate = self.optimizer["config"]["learning_rate"]
        return keras.saving.deserialize_keras_object(copy.deepcopy(rate)) if isinstance(rate, dict) else rate


def _or_none(value: float) -> float | None:
    """JSON has no NaN and no infinity, and NaN is not equal to itself."""
    return value if math.isfinite(value) else None


@dataclasses.dataclass(eq=False)
class Run:
    """What came of an experiment.

    Two runs are equal when their experiments, histories, test results and status are, to the last digit; NaN is
    equal to NaN. When and where they ran, and how long, does not count.

    Attributes:
        experiment: what was trained.
        history: one number per finished epoch for each of loss, accuracy, val_loss, val_accuracy.
        learning_rates: the rate of every executed step, float32.
        test_loss, test_accuracy: on the test images; NaN where the run was interrupted or diverged.
        seconds: how long it took, the test included.
        environment: date, versions, machine, processor and kind of device, threads of an operation.
        status: "finished", "diverged" (the loss became NaN or infinite), "stopped" (by a callback) or
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

    def _results(self) -> dict[str, Any]:
        """What came out, as a store keeps it."""
        return {
            "history": {name: list(map(_or_none, values)) for name, values in self.history.items()},
            "test_loss": _or_none(self.test_loss),
            "test_accuracy": _or_none(self.test_accuracy),
        }

    def __eq__(self, other: object) -> bool:
        """Whether the same was trained with the same result."""
        if not isinstance(other, Run):
            return NotImplemented
        ours, theirs = ((run.experiment, run.status, run._results()) for run in (self, other))
        return ours == theirs


# Training ---------------------------------------------------------------------------------------------


# Runs share compiled networks, so one thread trains at a time.
_training = threading.RLock()


@functools.cache
def _network(name: str) -> dict[str, Any]:
    """The configuration of a network."""
    state = random.getstate()  # Keras draws a seed for each layer
    config = NETWORKS[name]().get_config()
    random.setstate(state)
    return config


def fresh_network(network: str, seed: int) -> keras.Sequential:
    """A network whose weights come from the seed alone, the one that `random.seed(seed)` and Keras would give.

    Python's global generator, from which Keras draws the seeds of layers, is not safe: another thread, of a Dask
    worker or of a notebook's kernel, may draw from it at the same time. Names are left out, since Keras counts
    them up, and it is float32, whatever the policy for other models.
    """
    generator = random.Random(seed)

    def seeded(config: Any, key: str = "") -> Any:
        if key == "dtype":
            return "float32"
        if key == "seed" and config is None:
            return generator.randint(1, 10**9)
        if isinstance(config, dict):
            return {key: seeded(value, key) for key, value in config.items() if key != "name"}
        return list(map(seeded, config)) if isinstance(config, list | tuple) else config

    return keras.Sequential.from_config({"name": network} | seeded(_network(network)))


class _Table(lr.Schedule):
    """The rates of all steps, looked up. One compiled model then serves every schedule."""

    def __init__(self) -> None:
        self.rates = tf.Variable(np.zeros(1, "float32"), shape=[None], trainable=False)

    def __call__(self, step: Any) -> Any:
        last = tf.size(self.rates) - 1  # callbacks ask for the rate after the last step, too
        return tf.gather(self.rates, tf.minimum(tf.cast(step, tf.int32), last))

    def get_config(self) -> dict[str, Any]:
        return {}


def _optimizer(config: str, table: _Table | None) -> keras.optimizers.Optimizer:
    """A new optimizer, whose rates come from the table where there is one."""
    optimizer = keras.optimizers.deserialize(json.loads(config))
    if table is not None:
        optimizer.learning_rate = table
    return optimizer


@functools.lru_cache(maxsize=16)
def _compiled(network: str, optimizer: str, scheduled: bool, steps_per_execution: int) -> tuple[keras.Model, Any]:
    """A compiled network, kept for all runs that differ in rate or seed only, and the table of its rates.

    TensorFlow takes 1.5 s and 13 MB to trace a training step, and does not give the memory back. Many steps
    per execution save the way through Python between two small batches.
    """
    model, table = fresh_network(network, 0), _Table() if scheduled else None
    model.compile(
        optimizer=_optimizer(optimizer, table),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
        auto_scale_loss=False,  # that would be for float16
    )
    model.optimizer.build(model.trainable_variables)
    return model, table


def _ready(experiment: Experiment, rates: np.ndarray | None) -> keras.Model:
    """The experiment's compiled network as it is before the first step; rates are those of a schedule."""
    arguments = {name: value for name, value in experiment.optimizer["config"].items() if name != "learning_rate"}
    config = json.dumps({**experiment.optimizer, "config": arguments}, sort_keys=True)
    steps = min(experiment.steps_per_epoch, 40)
    model, table = _compiled(experiment.network, config, rates is not None, steps)
    fresh, optimizer = fresh_network(experiment.network, experiment.seed), _optimizer(config, table)
    optimizer.build(fresh.trainable_variables)  # ScheduleFreeAdamW copies the weights here
    old = [*model.variables, *model.optimizer.variables]  # weights, dropout seeds, moments, iterations
    for variable, value in zip(old, [*fresh.variables, *optimizer.variables], strict=True):
        variable.assign(value)
    if rates is None:
        model.optimizer.learning_rate = experiment.learning_rate
    else:
        table.rates.assign(rates)
    return model


def forget() -> None:
    """Let go of the networks that `train` has compiled and keeps for later runs, up to 16 of 13 to 30 MB each.

    For a study of many optimizers in little memory. Your own models and Keras's settings stay as they are.
    """
    _compiled.cache_clear()
    gc.collect()


class _Recorder(keras.callbacks.Callback):
    """Shuffles, notes the rate of every executed step, stops when the loss is no number any more."""

    def __init__(self, experiment: Experiment, rates: np.ndarray | None, images: int) -> None:
        super().__init__()
        self.experiment, self.rates = experiment, rates
        self.order = tf.Variable(np.arange(images), trainable=False)
        self.used, self.status = [], "finished"

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        # From the experiment's seed alone. tf.data's own shuffle would also depend on the global seed.
        generator = np.random.default_rng([self.experiment.seed, epoch])
        self.order.assign(generator.permutation(self.order.shape[0]))
        self.steps_done = 0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.rate = None if self.rates is not None else float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # Several steps run between two calls, and Keras counts an execution as full, also the last one.
        steps_done = min(batch + 1, self.experiment.steps_per_epoch)
        steps, self.steps_done = steps_done - self.steps_done, steps_done
        start = len(self.used)
        self.used.extend([self.rate] * steps if self.rates is None else self.rates[start : start + steps])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not math.isfinite(logs["loss"]):
            self.status, self.model.stop_training = "diverged", True


def _batches(images: tf.Tensor, labels: tf.Tensor, size: int = 250, order: Any = None) -> tf.data.Dataset:
    """The batches of one pass, in the order that a variable has by then, else as they lie."""

    def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        here = slice(number * size, (number + 1) * size)
        if order is None:
            return images[here], labels[here]
        return tf.gather(images, order[here]), tf.gather(labels, order[here])

    options = tf.data.Options()
    # A batch is ready in 0.2 ms: threads that fetch it ahead would only take the cores from the training.
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return tf.data.Dataset.range(math.ceil(len(images) / size)).map(batch).with_options(options)


FORMAT = 2  # of a stored run


def _threads() -> int:
    """How many threads TensorFlow gives to one operation."""
    chosen = tf.config.threading.get_intra_op_parallelism_threads()
    return chosen or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0) or joblib.cpu_count()


@functools.cache
def processor() -> str:
    """The processor's own name where Linux tells it; its instruction set decides the last digits."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo", encoding="utf-8") as file:
        return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    return platform.processor() or platform.machine()


def environment() -> dict[str, str]:
    """Where and with what a run is trained, as it is stored."""
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        **{module.__name__: module.__version__ for module in (tf, keras, np)},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "processor": f"{processor()} ({tf.config.list_physical_devices()[-1].device_type})",
        "threads": str(_threads()),
        "format": str(FORMAT),
    }


def train(
    experiment: Experiment, callbacks: Sequence[keras.callbacks.Callback] = (), progress: bool = True
) -> Run:
    """Train a network as the experiment says, and evaluate it on the test images.

    The same experiment twice on one machine gives the same history, if TensorFlow has the same number of threads
    for an operation: all cores, unless the environment variable TF_NUM_INTRAOP_THREADS was set before TensorFlow
    started. No global seed is changed. Threads may call it at the same time; they train one after the other.

    Args:
        experiment: what to train.
        callbacks: Keras's own, such as EarlyStopping, or `lr_helpers.LiveLoss`; those that set a rate need an
            experiment with a fixed one. They are called after every epoch, but batch callbacks only every 40
            batches: many steps in one execution are what makes training fast.
        progress: a bar shows the epochs, the loss and the time left.

    Returns:
        The run. A loss that becomes NaN or infinite ends it with status "diverged", a callback with "stopped", the
        stop button or Ctrl-C with "interrupted"; it then has the history so far.

    Raises:
        TypeError: `experiment` is not an Experiment, or `progress` neither True nor False; from Keras, a callback
            that sets the rate of a schedule.
        FileNotFoundError, ConnectionError: MNIST is not there, see `lr_helpers.load_dataset`.
    """
    if not isinstance(experiment, Experiment):
        raise TypeError(f"experiment must be an Experiment, got {experiment!r}")
    check_bool("progress", progress)
    with _training:
        start = time.perf_counter()
        data = lr.tensors(experiment.dataset)
        training, validation, testing = data[0:2], data[2:4], data[4:6]
        if not experiment.validate:
            training = [tf.concat(pair, 0) for pair in zip(training, validation, strict=True)]
        training = [part[: experiment.examples] for part in training]
        rate, steps = experiment.learning_rate, experiment.epochs * experiment.steps_per_epoch
        rates = lr.learning_rates(rate, steps) if isinstance(rate, lr.Schedule) else None
        model = _ready(experiment, rates)
        # So that validation, like the test, is made at x; see the class.
        at_x = [lr.ScheduleFreeEvaluation()] if isinstance(model.optimizer, lr.ScheduleFreeAdamW) else []
        history, recorder = keras.callbacks.History(), _Recorder(experiment, rates, len(training[0]))
        options = {"tqdm_class": tqdm, "file": sys.stdout, "disable": not progress}
        bar = TqdmCallback(experiment.epochs, verbose=0, desc="epochs", **options)
        test_loss = test_accuracy = math.nan
        try:
            model.fit(
                _batches(*training, experiment.batch_size, recorder.order),
                validation_data=_batches(*validation) if experiment.validate else None,
                epochs=experiment.epochs,
                callbacks=[*at_x, *callbacks, recorder, history, bar],
                shuffle=False,  # the recorder does it
                verbose=0,
            )
            if recorder.status == "finished":
                test_loss, test_accuracy = map(float, model.evaluate(_batches(*testing), verbose=0))
                if len(history.epoch) < experiment.epochs:
                    recorder.status = "stopped"
        except KeyboardInterrupt:
            recorder.status = "interrupted"
        finally:
            bar.on_train_end()  # which a run that was stopped has not come to
        return Run(
            experiment=experiment,
            history={name: list(map(float, values)) for name, values in history.history.items()},
            learning_rates=np.asarray(recorder.used, "float32"),
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            seconds=time.perf_counter() - start,
            environment=environment(),
            status=recorder.status,
        )


# The store --------------------------------------------------------------------------------------------


_BEGINNING = b'{"experime'  # of every line


def _arguments(kind: type) -> set[str]:
    """The names of all arguments that the constructors of a class and of its parents take."""
    constructors = [vars(parent)["__init__"] for parent in kind.__mro__[:-1] if "__init__" in vars(parent)]
    return {name for constructor in constructors for name in inspect.signature(constructor).parameters}


def described(value: Any) -> Any:
    """An optimizer's or a schedule's Keras configuration in our own words: its class and its arguments.

    The arguments of its constructors that are not None or False. Where the class lies, what Keras calls it and
    what else Keras may write into its configuration does not count, nor does a digit beyond float32.
    """
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    kind = type(keras.saving.deserialize_keras_object(copy.deepcopy(value)))
    config = value["config"]
    idle = {"name"} if config.get("use_ema") else {"name", "ema_momentum", "ema_overwrite_frequency"}
    name = value.get("registered_name") or value["class_name"]  # such as "my_package>MySchedule"
    return {"class": name.removeprefix("lr_helpers>")} | {
        name: described(config[name])
        for name in config.keys() & _arguments(kind) - idle
        if config[name] is not None and config[name] is not False
    }


def identity(experiment: Experiment) -> str:
    """A checksum of what defines a run, in fields of our own: an upgrade of Keras must not lose a recording."""
    fields = {
        "version": 1,  # of this description
        "data": lr.checksum(experiment.dataset),
        "network": experiment.network,
        "network_version": NETWORK_VERSIONS[experiment.network],
        "optimizer": described(experiment.optimizer),
        "batch_size": experiment.batch_size,
        "epochs": experiment.epochs,
        "seed": experiment.seed,
        "validate": experiment.validate,
    }
    # A field that came later: the runs without it stay what they were.
    fields |= {} if experiment.examples is None else {"examples": experiment.examples}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def _append(store: str | os.PathLike, run: Run) -> None:
    """Write a run as one line, in one piece."""
    data, name = lr.checksum(run.experiment.dataset), identity(run.experiment)
    experiment = dataclasses.asdict(run.experiment) | {"data": data, "identity": name}
    content = {"experiment": experiment, **run._results(), "seconds": run.seconds}
    content |= {"environment": run.environment, "status": run.status}
    line = json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with open(store, "ab+", buffering=0) as file:
        if file.tell():  # after a line that was torn, begin a new one
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(f"store {os.fspath(store)!r} took only a part of a run: is the disk full?")


def _is_torn(line: bytes) -> bool:
    """Whether a line that is no JSON was one of ours. A power cut leaves NUL bytes where the disk was to write."""
    text = line.strip(b"\0 \r\n")
    return _BEGINNING.startswith(text[: len(_BEGINNING)]) or (line.startswith(b"\0") and text.endswith(b"}"))


def read_store(path: str) -> dict[str, dict]:
    """The complete lines of a store, by identity."""
    runs = {}
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            foreign = f"store must hold runs, one a line, got {path!r} with line {number}: {line[:60]!r}"
            try:
                content = json.loads(line)
            except ValueError:
                if not _is_torn(line):
                    raise ValueError(foreign) from None
                if line.strip():
                    warnings.warn(f"{path}, line {number} is torn: its run has to be trained again", stacklevel=3)
                continue
            try:
                name, written = content["experiment"]["identity"], int(content["environment"]["format"])
            except (ValueError, KeyError, TypeError):
                raise ValueError(foreign) from None
            if written != FORMAT:
                raise ValueError(f"store must have format {FORMAT}, got {path!r} with a run of format {written}")
            runs.setdefault(name, content)
    return runs


def _number(value: float | None) -> float:
    return math.nan if value is None else value


class StoredRun(Run):
    """A run from a store. The rates of its steps are computed only when somebody asks: that takes 0.1 s a run."""

    def __init__(self, experiment: Experiment, content: dict[str, Any]) -> None:
        self.experiment = experiment
        self.history = {name: list(map(_number, values)) for name, values in content["history"].items()}
        self.test_loss, self.test_accuracy = _number(content["test_loss"]), _number(content["test_accuracy"])
        self.seconds, self.environment, self.status = (content[x] for x in ("seconds", "environment", "status"))

    @functools.cached_property
    def learning_rates(self) -> np.ndarray:
        steps = len(self.history["loss"]) * self.experiment.steps_per_epoch
        return lr.learning_rates(self.experiment.learning_rate, steps)


def _stored_experiment(content: dict[str, Any]) -> Experiment:
    """An experiment as it was stored, not checked again: a class of its optimizer may be unknown by now."""
    experiment = object.__new__(Experiment)
    vars(experiment).update({field.name: content.get(field.name) for field in dataclasses.fields(Experiment)})
    return experiment


def load_runs(path: str | os.PathLike) -> list[Run]:
    """The runs of a store that `run_all` has written. What a store is: see the top of this file.

    Args:
        path: the store's file.

    Returns:
        The runs in the order in which they ended, each once. A torn line is skipped with a warning. A run whose
        optimizer or schedule is of a class that is unknown here can be read, but not trained again, and its
        `learning_rates` cannot be computed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else than runs, or runs of another format.
        TypeError: `path` is no path.
    """
    contents = read_store(check_path(path)).values()
    return [StoredRun(_stored_experiment(content["experiment"]), content) for content in contents]


# Many runs --------------------------------------------------------------------------------------------


def _start_worker() -> None:
    """Start TensorFlow in a worker process: one thread an operation, and what it logs at its start kept silent.

    Uses no name of this module: joblib's workers run its text before they import anything.
    """
    import contextlib
    import os

    screen = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        if not os.environ.get("TF_NUM_INTRAOP_THREADS"):
            with contextlib.suppress(RuntimeError):  # TensorFlow is at work already, in a Dask worker of yours
                tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.zeros(1)  # the first operation logs, too
        tf.get_logger().setLevel("ERROR")  # many models: it would advise against "excessive retracing" each time
    finally:
        os.dup2(screen, 2)
        os.close(screen)


def _own_classes(experiment: Experiment) -> dict[str, type]:
    """The registered classes that an experiment needs: a worker has not imported them, and joblib brings them."""
    config, registered = json.dumps(experiment.optimizer, ensure_ascii=False), keras.saving.get_custom_objects()
    return {name: kind for name, kind in registered.items() if f'"{name}"' in config}


def _task(caller: tuple[str, int], i: int, experiment: Experiment, classes: dict[str, type]) -> tuple[int, Run]:
    """Train the experiment number i of a study, in whatever process; `caller` is the one that wants it."""
    if caller != (platform.node(), os.getpid()):
        _start_worker()
    with keras.saving.custom_object_scope(classes):
        return i, train(experiment, progress=False)


def _check_labels(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The experiments as a list, if each label and seed stands for one of them."""
    if not isinstance(experiments, Iterable):
        raise TypeError(f"experiments must be a list of Experiment objects, got {experiments!r}")
    experiments, by_label, seeds = list(experiments), {}, set()
    for experiment in experiments:
        if not isinstance(experiment, Experiment):
            raise TypeError(f"experiments must be Experiment objects, got {experiment!r}")
        label, seed, without_seed = experiment.label, experiment.seed, vars(experiment) | {"seed": None}
        if by_label.setdefault(label, without_seed) != without_seed:
            raise ValueError(f"label must stand for one experiment, apart from the seed, got {label!r} for two")
        if (label, seed) in seeds:
            raise ValueError(f"label and seed must not repeat, got {label!r}, {seed} twice")
        seeds.add((label, seed))
    return experiments


def run_all(
    experiments: Iterable[Experiment],
    n_jobs: int = 1,
    store: str | os.PathLike | None = None,
    on_run: Callable[[Run], object] | None = None,
) -> list[Run]:
    """Train every experiment, with a progress bar: runs, time left, the last loss.

    Processes that are started for the work, by joblib or on a Dask cluster, give each operation one thread, unless
    the environment variable TF_NUM_INTRAOP_THREADS says otherwise. So the numbers are equal to the last digit for
    any number of processes from two on, and also in this process if it was started with TF_NUM_INTRAOP_THREADS=1
    (the notebooks do that). Without, this process uses all cores, which is faster for large batches and changes
    the last digits. Another processor or another version of TensorFlow changes them, too.

    A store may be read and resumed anywhere. It does not share work: two calls at the same time on one store both
    train whatever is missing when they begin, and the store then has such runs twice, of which the first counts.
    On a local disk of Linux or macOS no line is lost by that: each is appended in one piece. On NFS and on Windows
    appending is two actions, to find the end and to write, and lines that two processes write at the same moment
    can overwrite each other: there, let one call at a time write to a store. (The workers of a call do not write;
    only the process that called does.)

    Args:
        experiments: what to train. A label may come several times with different seeds, and then stands for the
            same experiment.
        n_jobs: how many processes share the work through joblib; −1 is one per core. Each has a start-up of some
            seconds and takes 0.7 GB. With 1, or inside `joblib.parallel_config`, joblib's current backend decides:
            this process, or, for one, a Dask cluster.
        store: a file to keep runs in, see the top of this file. A run is written there as soon as it ends, and is
            read instead of trained when the call is repeated. Diverged runs are stored, interrupted ones are not.
        on_run: is called with each trained run as it ends, in this process: `lr_helpers.LiveLoss().add` draws its
            curve.

    Returns:
        The runs in the order of the experiments. After the stop button or Ctrl-C the runs so far. The same, with a
        warning, after an error in the middle of the work (a worker that dies, a full disk), where raising it would
        lose runs that are in no store.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: one label stands for experiments that differ in more than the seed, or comes twice with one
            seed; the store cannot be written, or holds something else than runs; `n_jobs` is 0 or below −1.
        Exception: what ended the work, where nothing is lost; a note says how many runs were finished.
    """
    experiments = _check_labels(experiments)
    if check_count("n_jobs", n_jobs, least=-1) == 0:
        raise ValueError("n_jobs must be at least 1, or -1 for one process per core, got 0")
    if on_run is not None and not callable(on_run):
        raise TypeError(f"on_run must be a function of a run, got {on_run!r}")
    runs: list[Run | None] = [None] * len(experiments)
    if store is not None:
        path = check_path(store, "store")
        try:
            open(path, "ab").close()
        except OSError as error:
            raise ValueError(f"store must be a file that can be written, got {path!r}: {error}") from error
        stored = read_store(path)
        for i, experiment in enumerate(experiments):
            content = stored.get(identity(experiment))
            runs[i] = content and StoredRun(experiment, content)
    missing = [i for i, run in enumerate(runs) if run is None]

    # With None joblib's current backend decides. No more processes than runs, but not a single one: joblib would
    # take this process, which may have another number of threads.
    jobs = None if n_jobs == 1 else min(joblib.effective_n_jobs(n_jobs), max(2, len(missing)))
    start = inspect.getsource(_start_worker) + "_start_worker()"
    options = {"batch_size": 1, "return_as": "generator_unordered", "initializer": exec, "initargs": (start,)}
    task, caller = joblib.delayed(_task), (platform.node(), os.getpid())
    tasks = (task(caller, i, experiments[i], _own_classes(experiments[i])) for i in missing)
    results = joblib.Parallel(jobs, **options)(tasks)
    found = len(runs) - len(missing)
    in_no_store = False  # whether there is a trained run that only this process has
    with tqdm(total=len(runs), initial=found, desc="runs", file=sys.stdout, mininterval=1, ncols=80) as bar:
        try:
            for i, run in results:
                runs[i], in_no_store = run, True
                if run.status == "interrupted":
                    break
                if store is not None:
                    _append(store, run)
                    in_no_store = False
                bar.set_postfix(loss=run.history["loss"][-1], refresh=False)
                bar.update()
                if on_run is not None:
                    on_run(run)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            done = f"{sum(run is not None for run in runs)} of {len(runs)} runs"
            if not in_no_store:
                error.add_note(f"{done} are in the store" if store is not None else f"{done} were finished")
                raise
            warnings.warn(f"{done} are returned, then this ended the work: {error!r}", stacklevel=2)
        finally:
            results.close()  # ends the workers; what they were training is given up
    return [run for run in runs if run is not None]
