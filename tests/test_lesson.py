"""Claims and self-checks: a verdict that is not the text's must not pass."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

import exercises
import lesson


def test_verdicts_come_from_the_numbers():
    claims = lesson.Claims()
    claims.check("water is wet", True, "100 %")
    claims.check("water is dry", False, "0 %", verdict="does not hold")
    claims.check("water is hard", {"ice": True, "steam": False}, "-", verdict="holds only when ice")
    claims.verify()
    assert [row["verdict"] for row in claims.rows] == ["holds", "does not hold", "holds only when ice"]


@pytest.mark.parametrize(
    "holds, stated",
    [
        (False, "holds"),
        (True, "does not hold"),
        ({"ice": True, "steam": True}, "holds only when ice"),
        ({"ice": False, "steam": True}, "holds only when ice"),
        ({"ice": False, "steam": False}, "holds only when ice"),
    ],
)
def test_verify_raises_where_text_and_numbers_differ(holds, stated):
    claims = lesson.Claims()
    claims.check("water is hard", holds, "measured so", verdict=stated)
    with pytest.raises(AssertionError, match=f"'water is hard'.*{stated}.*measured so"):
        claims.verify()


def test_verify_raises_where_nothing_was_claimed():
    with pytest.raises(AssertionError, match="no claim"):
        lesson.Claims().verify()


def test_holds_must_be_true_or_false():
    with pytest.raises(TypeError, match=r"True, False or a dict of them, got 0\.3"):
        lesson.Claims().check("water is wet", 0.3, "30 %")


def test_the_table_escapes_what_it_shows():
    claims = lesson.Claims()
    claims.check("a < b", True, "<i>")
    assert "a &lt; b" in claims._repr_html_() and "<i>" not in claims._repr_html_()


def test_spread_shows_median_and_range():
    assert lesson.spread([0.3, 0.1, 0.2]) == "0.2 (0.1 … 0.3)"


def test_show_passes_the_alternative_text_on_and_closes_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr(lesson, "display", lambda figure, metadata: shown.append(metadata))
    figure, ax = plt.subplots()
    lesson.show(ax, "a falling line")
    assert shown == [{"image/png": {"alt": "a falling line"}}]
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize(
    "answer, word",
    [(None, "Replace None"), ("far", "one finite number"), (0.02, "Right"), (1e-5, "one step"), (5, "Too far")],
)
def test_the_travel_budget_check_says_why(answer, word, capsys):
    exercises.check_travel_budget(answer, rate=1e-5, steps=2000)
    assert word in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, word",
    [
        (None, "Replace None"),
        ("a", "a set of names"),
        (5, "a set of names"),
        ({1}, "a set of names"),
        ({"b"}, "Right"),
        (["b"], "Right"),
        (set(), "They overlap"),
        ({"a", "b"}, "leave it out"),
        ({"b", "c"}, "above the highest"),
        ({"z"}, "not in the table"),
    ],
)
def test_the_check_of_ties_says_why(answer, word, capsys):
    exercises.check_ties(answer, {"a": [1, 2, 3], "b": [3, 4, 5], "c": [3.5, 4, 5]})
    assert word in capsys.readouterr().out


def test_recorded_runs_say_where_they_come_from():
    environment = {"date": "2026-11-24", "tensorflow": "2", "keras": "3", "python": "3.11"}
    environment |= {"processor": "P", "machine": "M"}
    runs = [
        SimpleNamespace(environment=environment, experiment=SimpleNamespace(seed=seed, dataset="mnist"))
        for seed in (1, 0)
    ]
    told = "recorded: 2 runs on mnist, seeds 0, 1; 2026-11-24; TensorFlow 2, Keras 3, Python 3.11; P, M"
    assert lesson.provenance(runs) == told


def test_the_table_shows_source_live_and_recorded():
    claims = lesson.Claims()
    claims.check("Ours: a", True, "1", recorded="2")
    claims.check("b", True, "3", source="Smith")
    claims.check("c", True, "4")
    assert repr(claims) == "a | ours | 1 | 2 | holds\nb | Smith | 3 |  | holds\nc | the article | 4 |  | holds"
    assert claims._repr_html_().count("</th>") == 5
