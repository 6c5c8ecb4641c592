"""What the README shows is what evidence and notebooks say. Run as a script, this file updates the README."""

import base64
import pathlib
import re
import sys

import keras
import nbformat
import numpy as np
import pytest
from keras import layers

ROOT = pathlib.Path(__file__).parents[1]
README, FIGURE = ROOT / "README.md", ROOT / "notebooks" / "four_balls.png"
FINDINGS = re.compile(r"(?<=<!-- findings -->\n).*?(?=<!-- end findings -->)", re.DOTALL)

# Statement → what it is about, in words that hold no number and no verdict, and what was measured (see
# lesson.verdict; None where it is computed, and the evidence has the words).
EIGHT = {
    "decay-is-better-sgd": (
        "Decaying rates are a better idea than a fixed one, with SGD, our settings and twelve epochs",
        "While the fixed rate still improves a little, and each at its best of four rates, the test loss is {} "
        "times as high with linear, {} with step, {} with time, {} with exponential decay.",
    ),
    "ours-sgd-really-large": (
        "A really large rate, 0.5, fails with SGD, too",
        "It ends at a test loss of {}; at 1 most runs fail.",
    ),
    "ours-units-die": (
        "At 0.5 Adam kills most units of the dense layer",
        "After one epoch {} of them are 0 for every image, which leaves them without a gradient.",
    ),
    "acceptable-large-higher-loss": (
        "Adam ends higher at 0.01 than at 0.001",
        "Its test loss is {} times as high after 25 epochs.",
    ),
    "adadelta-needs-no-rate": (
        "With Adadelta you need no rate: Keras's default does as well as 1",
        "The test loss after one epoch is {} times as high.",
    ),
    "ours-adamw-cosine": (
        "AdamW with a warm-up and a cosine ends lower than Adam at a fixed rate",
        "After eight epochs its test loss is {} times as high as at 0.003, which two seeds chose, {} times as at "
        "the article's 0.001.",
    ),
    "ours-finder-today": (
        "Under today's Keras a callback, as finders have, is told the mean of the losses so far",
        None,
    ),
    "ours-keras-schedule-free": ("In Keras's schedule-free AdamW on TensorFlow, `beta_1` has no effect", None),
}


def lesson():
    sys.path.insert(0, str(ROOT / "notebooks"))
    import lesson

    return lesson


def findings():
    lines = []
    for name, (words, said) in EIGHT.items():
        line = lesson().verdict(name, said)
        measured = line.measured[0].upper() + line.measured[1:] + "." if said is None else line.said
        again = line.judged.get("confirmation")
        elsewhere = f" On Fashion-MNIST: {again['verdict']}." if again else ""
        lines.append(f"- {words}: **{line.judged['verdict']}**. {measured}{elsewhere}\n")
    return "".join(lines)


def four_balls():
    cells = nbformat.read(ROOT / "notebooks/00_what_a_learning_rate_does.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [output for output in outputs if "image/png" in output.get("data", {})]
    (figure,) = (out for out in shown if "Four pictures of the same bowl" in out.metadata["image/png"]["alt"])
    return base64.b64decode(figure.data["image/png"])


def test_the_findings_are_those_of_the_evidence():
    assert FINDINGS.search(README.read_text(encoding="utf-8")).group() == findings()


def test_most_runs_of_sgd_fail_at_1_as_the_second_finding_says():
    assert lesson().verdict("ours-sgd-at-one").judged["verdict"] == "holds"
    (again,) = lesson().verdict("ours-sgd-really-large").judged["confirmation"]["comparisons"]
    assert (again["seeds"], again["failed"]) == (3, [1])  # as notebook 08 says


def test_the_figure_is_the_one_of_notebook_00():
    assert FIGURE.read_bytes() == four_balls()


def test_every_notebook_is_listed_with_its_question_and_minutes():
    text = README.read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        number, question = cells[0].source.removeprefix("# ").split(" · ")
        (minutes,) = re.findall(r"\*\*Minutes\*\* (\d+) to", cells[1].source)
        assert f"[{number}](notebooks/{path.name}) | {question} | {minutes} |" in text


def test_it_is_one_screen():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120


# The ten lines -----------------------------------------------------------------------------------------

TEN = re.compile(r"<!-- ten lines -->\n```python\n(.*?)```", re.DOTALL)
RNG = np.random.default_rng(3)


def residual():
    """Pictures of one or two bars, by a small residual network with batch normalisation."""
    x = RNG.normal(size=(240, 16, 16, 1)).astype("float32")
    y = RNG.integers(0, 2, size=240)
    x[y == 1, :, 4:7] += 1.5
    image = keras.Input((16, 16, 1))
    wide = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    bent = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(wide))
    out = layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.ReLU()(layers.Add()([wide, bent]))))
    model = keras.Model(image, out)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(momentum=0.9), loss, metrics=["accuracy"])
    return model, x[:200], y[:200], x[200:], y[200:]


def two_inputs():
    """A product's price from five numbers and one of eight shops, by name."""
    numbers, shops = RNG.normal(size=(240, 5)).astype("float32"), RNG.integers(0, 8, size=(240, 1))
    y = numbers @ np.arange(5).astype("float32") + shops[:, 0]
    inputs = {"numbers": keras.Input((5,), name="numbers"), "shop": keras.Input((1,), dtype="int32", name="shop")}
    shop = layers.Flatten()(layers.Embedding(8, 4)(inputs["shop"]))
    hidden = layers.Dense(32, activation="relu")(layers.Concatenate()([inputs["numbers"], shop]))
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile("adam", "mse", metrics=["mae"])
    part = [{"numbers": numbers[rows], "shop": shops[rows]} for rows in (slice(200), slice(200, None))]
    return model, part[0], y[:200], part[1], y[200:]


def text_transformer():
    """Whether a sequence of words holds one of two, by one block of attention."""
    x = RNG.integers(2, 40, size=(240, 12))
    y = (x < 8).any(axis=1).astype("float32")
    words = keras.Input((12,), dtype="int32")
    seen = layers.Embedding(40, 16)(words)
    seen = layers.LayerNormalization()(seen + layers.MultiHeadAttention(2, 8)(seen, seen))
    out = layers.Dense(1, activation="sigmoid")(layers.GlobalMaxPooling1D()(seen))
    model = keras.Model(words, out)
    model.compile(keras.optimizers.AdamW(), "binary_crossentropy", metrics=["accuracy"])
    return model, x[:200], y[:200], x[200:], y[200:]


@pytest.mark.slow
@pytest.mark.parametrize("made", [residual, two_inputs, text_transformer])
def test_the_ten_lines_work_on_a_model_of_ones_own(made):
    (lines,) = TEN.findall(README.read_text(encoding="utf-8"))
    keras.utils.set_random_seed(1)
    names = dict(zip(("model", "x_train", "y_train", "x_val", "y_val"), made(), strict=True))
    before = names["model"].evaluate(names["x_val"], names["y_val"], verbose=0)[0]
    exec(lines, names)
    after = names["model"].evaluate(names["x_val"], names["y_val"], verbose=0)[0]
    assert after < before
    assert len(names["settings"]) == 3 and names["result"].best in names["settings"]


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(FINDINGS.sub(lambda _: findings(), text), encoding="utf-8")
    FIGURE.write_bytes(four_balls())
