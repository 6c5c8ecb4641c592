"""The tasks on which finders are measured: fourteen pairs of data and network, each with three optimizers.

All data come with installed packages, but MNIST and Fashion-MNIST (see `lr_helpers.load_dataset`). A pair has
training and validation data, a network, a loss and a batch size; the networks are small, so that 1,500 steps take
seconds. Training data are a multiple of the batch size: every batch is full. The networks for small tables have
dropout, else the best rate would be the one that stops earliest.

A run has failed where its validation loss is not finite, or not below 0.99 times `guess`: the loss, on the same
validation data, of the best constant answer to the training data. That is the frequencies of the classes (of the
characters, in a text), or the mean of the targets. A network that has learned nothing is no better, and neither is
a collapsed one.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable

import keras
import numpy as np

import lr_helpers as lr

OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {  # at their own default rates
    "sgd": keras.optimizers.SGD,
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    "adamw": keras.optimizers.AdamW,
}
layers = keras.layers


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Training and validation data. Whole numbers are classes, all other targets are regressed on."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray

    @property
    def classes(self) -> bool:
        """Whether the targets are classes."""
        return self.y_train.dtype.kind == "i"

    @property
    def guess(self) -> float:
        """The validation loss of the best constant answer to the training data."""
        if not self.classes:
            return float(np.square(self.y_val - self.y_train.mean(0)).mean())
        counts = np.bincount(self.y_train.ravel(), minlength=self.y_val.max() + 1)
        return float(-np.log(np.maximum(counts, 1) / counts.sum())[self.y_val].mean())

    @property
    def checksum(self) -> str:
        """Of all four arrays."""
        parts = (np.ascontiguousarray(array) for array in vars(self).values())
        return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Data and a network for them.

    `dataset` says which pairs share their data: they are no independent witnesses. `network` draws weights from
    Keras's global generator, so that `keras.utils.set_random_seed` decides on them.
    """

    name: str
    dataset: str
    data: Callable[[], Data]
    network: Callable[[], keras.Model]
    batch_size: int = 32

    @property
    def loss(self) -> keras.losses.Loss:
        """Cross-entropy of logits, or the mean squared error."""
        if self.data().classes:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return keras.losses.MeanSquaredError()


@dataclasses.dataclass(frozen=True)
class Task:
    """A pair with an optimizer: what a finder is asked about."""

    pair: Pair
    optimizer: str

    @property
    def name(self) -> str:
        """Such as "digits-cnn-sgd"."""
        return f"{self.pair.name}-{self.optimizer}"


# Data -------------------------------------------------------------------------------------------------


def _split(x: np.ndarray, y: np.ndarray, train: int) -> Data:
    """Shuffled once, so many rows to train on, the others to validate."""
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    return Data(x[:train], y[:train], x[train:], y[train:])


def _single(data: Data) -> Data:
    """In single precision. All before is in double, so that no processor's last digits change the checksum."""
    kinds = ("int32" if array.dtype.kind in "iu" else "float32" for array in vars(data).values())
    return Data(*(array.astype(kind) for array, kind in zip(vars(data).values(), kinds, strict=True)))


def _standardized(data: Data) -> Data:
    """Inputs, and targets that are no classes, with mean 0 and deviation 1 on the training data."""
    mean, scale = data.x_train.mean(0), data.x_train.std(0)
    x_train, x_val = ((x - mean) / scale for x in (data.x_train, data.x_val))
    if data.classes:
        return Data(x_train, data.y_train, x_val, data.y_val)
    mean, scale = data.y_train.mean(0), data.y_train.std(0)
    return Data(x_train, (data.y_train - mean) / scale, x_val, (data.y_val - mean) / scale)


@functools.cache
def digits(part: str = "all") -> Data:
    """The 1,797 images of 8×8 pixels. `part`: "all", "low" (the digits 0 to 4), "high" (5 to 9, as classes 0 to
    4), or "pixels", whose targets are the images themselves.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1)
    if part in ("low", "high"):
        chosen = (labels < 5) == (part == "low")
        return _single(_split(images[chosen], labels[chosen] % 5, 640))
    targets = images.reshape(-1, 64)
    return _single(_split(targets, targets, 1280) if part == "pixels" else _split(images, labels, 1280))


@functools.cache
def bundled(name: str, train: int) -> Data:
    """A table of scikit-learn's: "breast_cancer", "wine" or "diabetes", whose targets are numbers."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return _single(_standardized(_split(x, y[:, None] if y.dtype.kind == "f" else y, train)))


@functools.cache
def teacher() -> Data:
    """A random network of one hidden layer is the teacher, a tenth of its answers' variance is noise."""
    random = np.random.default_rng(0)
    x = random.normal(size=(3072, 20))
    y = np.tanh(x @ random.normal(size=(20, 32)) / 20**0.5 * 2) @ random.normal(size=(32, 1))
    return _single(_standardized(_split(x, y + random.normal(size=y.shape) * y.std() / 3, 2048)))


@functools.cache
def imbalanced() -> Data:
    """Two classes, one of them 5 % of the examples."""
    from sklearn.datasets import make_classification

    x, y = make_classification(4096, 20, n_informative=8, n_clusters_per_class=3, weights=[0.95], random_state=0)
    return _single(_standardized(_split(x, y, 2048)))


@functools.cache
def pictures(name: str) -> Data:
    """8,192 images of MNIST or Fashion-MNIST to train on, 2,000 to validate, averaged to 14×14 pixels."""
    data = lr.load_dataset(name)
    x, y = np.concatenate([data.x_train[:8192], data.x_val[:2000]]), np.r_[data.y_train[:8192], data.y_val[:2000]]
    x = x.reshape(-1, 14, 2, 14, 2, 1).mean((2, 4), dtype="float64")
    return _single(Data(x[:8192], y[:8192], x[8192:], y[8192:]))


CHARACTERS = " abcdefghijklmnopqrstuvwxyz0123456789.,:;()[]`'*=->_\n"  # 0 stands for all others
LENGTH = 32


@functools.cache
def text() -> Data:
    """The docstrings of NumPy's functions, in lower case: 32 characters, the next one after each is to be told.

    Every fifth docstring is for validation. They change with NumPy's version, the pinned one is the data, and from
    Python 3.13 on they have lost their indentation: the recordings are of 3.11.
    """
    known = {character: i for i, character in enumerate(CHARACTERS, 1)}
    parts: tuple[list[int], list[int]] = ([], [])
    functions = (getattr(np, name) for name in sorted(np.__all__))
    documented = [function.__doc__ for function in functions if callable(function) and function.__doc__]
    for i, doc in enumerate(documented):
        parts[i % 5 == 4].extend(known.get(character, 0) for character in " ".join(doc.lower().split(" ")))
    codes = (np.array(part, "int32") for part in parts)
    train, val = (part[: len(part) // (LENGTH + 1) * (LENGTH + 1)].reshape(-1, LENGTH + 1) for part in codes)
    random = np.random.default_rng(0)
    train, val = (random.permutation(part)[:count] for part, count in ((train, 4096), (val, 256)))
    return Data(train[:, :-1], train[:, 1:], val[:, :-1], val[:, 1:])


# Networks ---------------------------------------------------------------------------------------------


def mlp(inputs: int, *units: int, dropout: float = 0.0) -> keras.Model:
    """A dense network with ReLU; the last number of units is that of its outputs."""
    hidden = [layer for count in units[:-1] for layer in (layers.Dense(count, "relu"), layers.Dropout(dropout))]
    return keras.Sequential([layers.Input((inputs,)), *hidden, layers.Dense(units[-1])])


def flat_mlp() -> keras.Model:
    """A dense network with dropout, for images of 14×14 pixels."""
    inner = mlp(196, 128, 64, 10, dropout=0.2)
    return keras.Sequential([layers.Input((14, 14, 1)), layers.Flatten(), *inner.layers])


def cnn(classes: int = 10) -> keras.Model:
    """Two convolutions, for images of 8×8 pixels."""
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dense(classes),
        ]
    )


def normalized_cnn() -> keras.Model:
    """Three convolutions with batch normalization, for images of 14×14 pixels. Its averages look back ten steps,
    not a hundred, else the first validation losses would be of no use.
    """
    hidden = [
        layer
        for channels in (8, 16, 32)
        for layer in (
            layers.Conv2D(channels, 3, strides=1 if channels == 8 else 2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        )
    ]
    return keras.Sequential([layers.Input((14, 14, 1)), *hidden, layers.Flatten(), layers.Dense(10)])


class Positions(layers.Layer):
    """Adds a learned vector to each position."""

    def build(self, shape: tuple[int | None, int, int]) -> None:
        """One vector a position."""
        self.vectors = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, x: object) -> object:
        """The sum."""
        return x + self.vectors


def transformer_block(x: object, causal: bool) -> object:
    """Attention and a dense part, each after a layer normalization and beside a shortcut."""
    width = x.shape[-1]
    inner = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, width // 2)(inner, inner, use_causal_mask=causal)
    inner = layers.Dense(2 * width, "gelu")(layers.LayerNormalization()(x))
    return x + layers.Dense(width)(inner)


def vit() -> keras.Model:
    """A vision transformer: 16 patches of 2×2 pixels, two blocks. It reads all patches: a mean of them would stay
    at equal guesses for hundreds of steps with SGD.
    """
    image = layers.Input((8, 8, 1))
    x = layers.Reshape((16, 32))(layers.Conv2D(32, 2, strides=2)(image))
    x = Positions()(x)
    for _ in range(2):
        x = transformer_block(x, causal=False)
    return keras.Model(image, layers.Dense(10)(layers.Flatten()(layers.LayerNormalization()(x))))


def text_transformer() -> keras.Model:
    """A language model of characters: two causal blocks."""
    codes = layers.Input((LENGTH,), dtype="int32")
    x = Positions()(layers.Embedding(len(CHARACTERS) + 1, 32)(codes))
    for _ in range(2):
        x = transformer_block(x, causal=True)
    return keras.Model(codes, layers.Dense(len(CHARACTERS) + 1)(layers.LayerNormalization()(x)))


def gru() -> keras.Model:
    """A language model of characters: one recurrent layer."""
    codes = layers.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(len(CHARACTERS) + 1, 16)(codes)
    x = layers.GRU(64, return_sequences=True, unroll=True)(x)
    return keras.Model(codes, layers.Dense(len(CHARACTERS) + 1)(x))


@functools.cache
def _trained_body() -> list[np.ndarray]:
    """The weights of a `cnn` but its last layer's, after 400 steps on the digits 0 to 4."""
    keras.utils.set_random_seed(0)
    model, data = cnn(5), digits("low")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data.x_train, data.y_train, batch_size=32, epochs=20, shuffle=False, verbose=0)
    return model.get_weights()[:-2]


def fine_tuned(frozen: bool) -> keras.Model:
    """A `cnn` that has learned the digits 0 to 4, with a new last layer; all but that may be frozen."""
    model, body = cnn(5), _trained_body()
    model.set_weights([*body, *model.get_weights()[-2:]])
    for layer in model.layers[:-1]:
        layer.trainable = not frozen
    return model


# All of it ---------------------------------------------------------------------------------------------


PAIRS = {
    pair.name: pair
    for pair in (
        Pair("text-gru", "text", text, gru, batch_size=16),
        Pair("text-transformer", "text", text, text_transformer, batch_size=16),
        Pair("digits-cnn", "digits", digits, cnn),
        Pair("digits-vit", "digits", digits, vit, batch_size=16),
        Pair("digits-autoencoder", "digits", lambda: digits("pixels"), lambda: mlp(64, 48, 12, 48, 64)),
        Pair("digits-head", "digits", lambda: digits("high"), lambda: fine_tuned(frozen=True)),
        Pair("digits-all", "digits", lambda: digits("high"), lambda: fine_tuned(frozen=False)),
        Pair("cancer-mlp", "cancer", lambda: bundled("breast_cancer", 384), lambda: mlp(30, 16, 2, dropout=0.5)),
        Pair("wine-mlp", "wine", lambda: bundled("wine", 96), lambda: mlp(13, 32, 3, dropout=0.5), batch_size=16),
        Pair(
            "diabetes-mlp", "diabetes", lambda: bundled("diabetes", 288), lambda: mlp(10, 32, 32, 1, dropout=0.5)
        ),
        Pair("teacher-mlp", "teacher", teacher, lambda: mlp(20, 64, 64, 1), batch_size=64),
        Pair("imbalanced-mlp", "imbalanced", imbalanced, lambda: mlp(20, 32, 32, 2, dropout=0.3), batch_size=64),
        Pair("fashion-cnn", "fashion", lambda: pictures("fashion_mnist"), normalized_cnn, batch_size=64),
        Pair("mnist-mlp", "mnist", lambda: pictures("mnist"), flat_mlp, batch_size=64),
    )
}
TASKS = {task.name: task for pair in PAIRS.values() for task in (Task(pair, name) for name in OPTIMIZERS)}
