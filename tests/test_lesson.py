"""Verdict lines and figures."""

import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
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


def test_every_statement_has_a_verdict_line():
    for name in lesson._judged():
        assert lesson.verdict(name).measured, name


def test_several_comparisons_are_told_with_their_verdicts():
    line = lesson.verdict("high-start-converges")
    assert line.measured.startswith("runs that learned something: does not hold: linear 1: 0 of 3")
    assert "; undecided: step 1: 1 of 3" in line.measured


def test_an_entry_says_when_a_statement_counts_as_true():
    entries = [entry for section in lesson.sections() for entry in lesson.Statements(section)._entries()]
    by_id = {entry[0].rpartition(" · ")[2]: entry for entry in entries}
    assert set(by_id) == set(lesson._judged())
    judged, quote, question, _, small = by_id["high-start-converges"]
    assert judged == "✗ does not hold (result seen beforehand) · high-start-converges"
    assert quote == "ensure that your model still converges" and question.startswith("From 1")
    border = "above 90 % of them; 3 runs can refute this, and cannot confirm it"
    assert small == f"counts as true if {border}; runs: 3; lesson 02"
    assert by_id["baseline-training-loss"][-1].startswith("counts as true if between 0 and 0.02; runs: ")
    assert by_id["adam-default"][-1] == "computed; lesson 01"
    assert "on Fashion-MNIST: " in by_id["adadelta-needs-no-rate"][0]
    assert all(entry[3] for entry in entries)


def test_counts_say_what_was_seen_and_what_chance_may_do():
    lines = lesson.counts().splitlines()
    assert [line.split(",")[0] for line in lines[:2]] == ["the article", "ours"]
    assert "before they were registered" in lines[2] and "wrong on average" in lines[3]
    assert lines[4].startswith("the confirmation on Fashion-MNIST, ")


def test_a_forest_has_a_row_for_each_comparison():
    figure = lesson.forest("Setting the Default Learning Rate in advance")
    (ax,) = figure.axes
    labels = [label.get_text() for label in ax.texts]
    assert labels[0] == "high-start-converges, linear 1 (3; 3 failed)"
    assert len(labels) == 12
    plt.close(figure)


def test_rows_of_one_statement_have_different_names():
    figure = lesson.forest("Ours")
    labels = [label.get_text() for label in figure.axes[0].texts]
    assert len(set(labels)) == len(labels)
    plt.close(figure)


def test_what_08_says_in_short_has_those_verdicts():
    notebook = nbformat.read(Path(lesson.__file__).parent / lesson.STATEMENTS, as_version=4)
    (short,) = (cell.source for cell in notebook.cells if cell.source.startswith("## In short"))
    verdicts = {"Borne out": "holds", "Not borne out": "does not hold", "Open": "undecided"}
    found = re.findall(r"^- \*\*(.+?)\*\*(.*)$", short, re.MULTILINE)
    assert [name for name, _ in found] == list(verdicts)
    for name, text in found:
        ids = re.findall(r"`([a-z-]+)`", text)
        assert len(ids) >= 4
        assert {lesson._judged()[one][1]["verdict"] for one in ids} == {verdicts[name]}, name


def test_08_shows_every_section_and_its_figure():
    notebook = nbformat.read(Path(lesson.__file__).parent / lesson.STATEMENTS, as_version=4)
    sources = "\n".join(cell.source for cell in notebook.cells)
    for section in lesson.sections():
        assert f'lesson.Statements("{section}")' in sources
        figure = lesson.forest(section)
        assert (figure is not None) == (f'lesson.forest("{section}")' in sources), section
        plt.close(figure)


def test_spread_shows_median_and_range():
    assert lesson.spread([0.3, 0.1, 0.2]) == "0.2 (0.1 … 0.3)"


def test_show_passes_the_alternative_text_on_and_closes_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr(lesson, "display", lambda figure, metadata: shown.append(metadata))
    figure, ax = plt.subplots()
    lesson.show(ax, "a falling line")
    assert shown == [{"image/png": {"alt": "a falling line"}}]
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
