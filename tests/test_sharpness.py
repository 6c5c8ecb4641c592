"""λ: against Hessians that are known."""

import keras
import numpy as np
import pytest

import lr_helpers as lr


def regression(outputs=1):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 30)).astype("float32"), rng.normal(size=(70, outputs)).astype("float32")
    model = keras.Sequential([keras.layers.Input((30,)), keras.layers.Dense(outputs, use_bias=False)])
    model.compile("sgd", "mse")
    return model, x, y


@pytest.mark.parametrize("chunk", [70, 32])
def test_of_a_linear_regression(chunk):
    """The loss is the mean of (x·w − y)², its Hessian 2/n·xᵀx."""
    model, x, y = regression()
    expected = np.linalg.eigvalsh(2 / len(x) * x.T @ x)[-1]
    assert lr.sharpness(model, x, y, chunk=chunk, tolerance=1e-4) == pytest.approx(expected, rel=1e-3)


def test_it_is_the_largest_and_not_the_largest_in_size():
    """Of this loss the second derivatives are 10 along one weight and −100 along the others."""
    model, x, y = regression()
    kernel = model.layers[0].kernel
    scale = np.where(np.arange(30) == 3, 5.0, -50.0).astype("float32")[:, None]
    model.compile("sgd", lambda y_true, y_pred: keras.ops.sum(scale * kernel**2) + 0 * y_pred[:, 0])
    assert lr.sharpness(model, x, y, tolerance=1e-4) == pytest.approx(10, rel=1e-3)


def test_dropout_is_off_and_nothing_changes():
    model, x, y = regression()
    with_dropout = keras.Sequential([model.layers[0], keras.layers.Dropout(0.5)])
    with_dropout.compile("sgd", "mse")
    before = [value.copy() for value in model.get_weights()]
    assert lr.sharpness(with_dropout, x, y) == pytest.approx(lr.sharpness(model, x, y), rel=1e-5)
    np.testing.assert_array_equal(before, model.get_weights())


@pytest.mark.slow
def test_above_2_over_lambda_full_batch_gradient_descent_leaves_the_valley_below_it_does_not():
    """What λ is for: on the regression the loss falls at 0.95·2/λ and grows at 1.05·2/λ."""
    model, x, y = regression()
    critical = 2 / lr.sharpness(model, x, y, tolerance=1e-4)
    start = model.get_weights()
    losses = {}
    for share in (0.95, 1.05):
        model.set_weights(start)
        model.compile(keras.optimizers.SGD(share * critical), "mse")
        losses[share] = model.fit(x, y, batch_size=len(x), epochs=200, verbose=0).history["loss"]
    assert losses[0.95][-1] < losses[0.95][0] and losses[1.05][-1] > 100 * losses[1.05][0]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model": keras.Sequential([keras.layers.Dense(1)])}, "model must be compiled"),
        ({"model": 3}, "model must be a Keras model, got 3"),
        ({"y": np.zeros(3)}, "x and y must have the same length above 0, got 70 and 3"),
        ({"x": np.full((70, 30), np.nan, "float32")}, "model must have a finite loss"),
        ({"chunk": 0}, "chunk must be at least 1"),
    ],
)
def test_bad_input_is_named(changes, message):
    arguments = dict(zip(("model", "x", "y"), regression(), strict=True)) | changes
    with pytest.raises((ValueError, TypeError), match=message):
        lr.sharpness(**arguments)
