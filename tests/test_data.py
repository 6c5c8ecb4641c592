"""The data sets, the network, and what happens where MNIST is missing or damaged."""

import os

import keras
import numpy as np
import pytest

import lr_helpers as lr


@pytest.fixture(autouse=True)
def loaded_anew():
    lr._load.cache_clear()
    lr.tensors.cache_clear()
    yield
    lr._load.cache_clear()
    lr.tensors.cache_clear()


def parts(data):
    return [(getattr(data, f"x_{part}"), getattr(data, f"y_{part}")) for part in ("train", "val", "test")]


def test_digits_are_small_stratified_and_the_same_every_time():
    data = lr.load_dataset("digits")
    assert [len(x) for x, _ in parts(data)] == [1149, 288, 360]
    for x, y in parts(data):
        assert x.shape[1:] == (28, 28, 1) and x.dtype == "float32"
        assert x.min() == 0 and x.max() == 1 and len(x) == len(y)
        assert y.dtype.kind == "i"
        share = np.bincount(y, minlength=10) / len(y)
        np.testing.assert_allclose(share, np.bincount(data.y_train) / len(data.y_train), atol=0.01)
    lr._load.cache_clear()
    lr.tensors.cache_clear()
    np.testing.assert_array_equal(lr.load_dataset().x_test, data.x_test)


def test_a_reader_cannot_spoil_the_data_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        lr.load_dataset("digits").x_train[0] = 0


def test_steps_per_epoch_counts_the_short_batch():
    data = lr.load_dataset("digits")
    assert data.steps_per_epoch() == data.steps_per_epoch(32) == 36
    assert data.steps_per_epoch(1149) == 1
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        data.steps_per_epoch(0)


def test_an_unknown_dataset_is_named():
    with pytest.raises(ValueError, match="name must be one of digits, mnist, fashion_mnist, got 'cifar'"):
        lr.load_dataset("cifar")


def test_the_network_is_the_articles():
    model = lr.build_cnn()
    assert model.count_params() == 431_242
    assert model.output_shape == (None, 10)
    assert not model.compiled
    assert lr.build_cnn((14, 14, 3), num_classes=4).output_shape == (None, 4)


def save_mnist(path, **changes):
    arrays = {"x_train": np.zeros((60_000, 1, 1), "uint8"), "y_train": np.zeros(60_000, "uint8")}
    arrays |= {"x_test": np.zeros((10_000, 1, 1), "uint8"), "y_test": np.zeros(10_000, "uint8")}
    np.savez(path, **(arrays | changes))


def test_a_wrong_file_names_the_array(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    monkeypatch.setenv("LR_MNIST_NPZ", str(path))
    save_mnist(path)
    with pytest.raises(ValueError, match=r"array x_train is not MNIST's: shape \(60000, 1, 1\)"):
        lr.load_dataset("mnist")


def test_a_file_without_an_array_names_it(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.zeros(3), x_test=np.zeros(3))
    monkeypatch.setenv("LR_MNIST_NPZ", str(path))
    with pytest.raises(ValueError, match="array y_train cannot be read from LR_MNIST_NPZ"):
        lr.load_dataset("mnist")


def test_a_damaged_file_is_no_crash_and_runs_no_code(tmp_path, monkeypatch):
    path = tmp_path / "mnist.npz"
    monkeypatch.setenv("LR_MNIST_NPZ", str(path))
    path.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="cannot be read from LR_MNIST_NPZ"):
        lr.load_dataset("mnist")
    np.savez(path, x_train=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="array x_train cannot be read"):
        lr.load_dataset("mnist")


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("LR_MNIST_NPZ", str(tmp_path / "nowhere.npz"))
    with pytest.raises(FileNotFoundError, match=r"LR_MNIST_NPZ must name the file mnist.npz, got .*nowhere.npz"):
        lr.load_dataset("mnist")


def test_no_network_and_no_file_names_both_ways_out(monkeypatch):
    def fail():
        raise Exception("URL fetch failure on https://example.invalid/mnist.npz")

    monkeypatch.delenv("LR_MNIST_NPZ", raising=False)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(ConnectionError, match=r"LR_MNIST_NPZ.*with a network.*'digits'"):
        lr.load_dataset("mnist")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("mnist", marks=pytest.mark.mnist),
        pytest.param("fashion_mnist", marks=pytest.mark.fashion_mnist),
    ],
)
def test_mnist_is_split_as_in_the_article(name):
    data = lr.load_dataset(name)
    assert [len(x) for x, _ in parts(data)] == [48_000, 12_000, 10_000]
    assert data.x_train.dtype == "float32" and data.x_train.max() == 1
    assert data.steps_per_epoch() == lr.steps_per_epoch(name) == 192
    assert lr.steps_per_epoch(name, 512, validate=False) == 118
    with np.load(os.environ[f"LR_{name.upper()}_NPZ"]) as file:
        np.testing.assert_array_equal(data.x_val[0, ..., 0] * 255, file["x_train"][48_000])
        np.testing.assert_array_equal(data.y_test, file["y_test"])
