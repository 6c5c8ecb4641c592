"""Verdict lines and figures."""

from pathlib import Path
from types import SimpleNamespace

import lesson_claims
import matplotlib.pyplot as plt
import pytest

import lesson


def test_a_verdict_line_is_that_of_the_evidence():
    line = lesson.verdict("adam-default")
    assert repr(line) == (
        "“its default learning rate of 0.001” Is 0.001 the default rate of Keras's Adam? "
        "holds: Adam's default is 0.001 (result seen beforehand)"
    )
    html = line._repr_html_()
    assert "<strong>holds</strong>" in html and "Keras&#x27;s Adam" in html
    assert (Path(lesson.__file__).parent / lesson.STATEMENTS).exists()


def test_a_statement_that_is_not_registered_is_named():
    with pytest.raises(
        ValueError, match=r"name must be the id of a statement in evidence/statements.toml, got 'no'"
    ):
        lesson.verdict("no")


def test_a_verdict_line_takes_a_lessons_words_for_what_was_measured():
    line = lesson.verdict("adaptive-needs-a-rate", "The worst rate ends far above the best in {} seeds.")
    said = "of the seeds? holds: The worst rate ends far above the best in 3 of 3 (29 % to 100 %) seeds."
    rule = "counts as true if above 25 % of them; 3 seeds"
    assert repr(line).endswith(f"{said} ({rule}, result seen beforehand)")
    seen, folded = line._repr_html_().split("</summary>")
    assert "how it was judged, result seen beforehand" in seen and f"{rule}; <a href" in folded
    with pytest.raises(ValueError, match="for each of 1 intervals"):
        lesson.verdict("adaptive-needs-a-rate", "The worst rate ends far above the best.")


def test_a_verdict_line_says_what_came_out_when_it_was_judged_again():
    again = lesson.judged()["ours-sgd-really-large"][1]["confirmation"]["verdict"]
    assert f"3 seeds; again on Fashion-MNIST: {again}" in repr(lesson.verdict("ours-sgd-really-large"))


def test_every_statement_has_a_verdict_line():
    for name in lesson.judged():
        assert lesson.verdict(name).measured, name


def test_several_comparisons_are_told_with_their_verdicts():
    line = lesson.verdict("ours-high-start")
    assert line.measured.startswith("runs that learned something: ✗ linear 0.75: 0 of 3")
    assert "; ? step 0.75: 1 of 3" in line.measured


def test_spread_shows_median_and_range():
    assert lesson.spread([0.3, 0.1, 0.2]) == "0.2 (0.1 … 0.3)"


def test_show_passes_the_alternative_text_on_and_closes_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr(lesson, "display", shown.append)
    figure, ax = plt.subplots()
    lesson.show(ax, "a falling line")
    (picture,) = shown
    assert picture.metadata == {"alt": "a falling line"}
    assert picture.data.startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


def test_recorded_runs_say_where_they_come_from():
    environment = {"date": "2026-11-24", "tensorflow": "2", "keras": "3", "python": "3.11"}
    environment |= {"processor": "P", "machine": "M"}
    runs = [
        SimpleNamespace(environment=environment, experiment=SimpleNamespace(seed=seed, dataset="mnist"))
        for seed in (1, 0)
    ]
    told = "recorded: 2 runs on mnist, seeds 0, 1; 2026-11-24; TensorFlow 2, Keras 3, Python 3.11; P, M"
    assert lesson.provenance(runs) == told


def test_a_claim_about_a_lessons_runs_can_fail(monkeypatch):
    monkeypatch.setitem(lesson_claims.CLAIMS, "00", ["loss > 2", "loss < 2"])
    kernel = {"loss": 1.0}
    exec(lesson_claims.evaluation("00"), kernel)
    assert kernel["answer"] == ["loss > 2"]
