"""What notebook 08 shows of the evidence."""

import math
import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

import article
import lesson

NOTEBOOK = nbformat.read(Path(lesson.__file__).parent / lesson.STATEMENTS, as_version=4)
SOURCES = "\n".join(cell.source for cell in NOTEBOOK.cells)


def entries() -> dict[str, str]:
    """The entries as a page has them, by id."""
    pages = "".join(article.Statements(section)._repr_html_() for section in article.sections())
    return dict(re.findall(r"<li id='([a-z0-9-]+)'[^>]*>(.*?)</li>", pages, re.DOTALL))


def test_every_statement_has_an_entry_and_a_line_that_leads_there():
    found = entries()
    assert list(found) == list(lesson.judged())
    lines = "".join(article.Overview(whose)._repr_html_() for whose in ("article", "ours"))
    assert sorted(re.findall(r"href='#([a-z0-9-]+)'", lines)) == sorted(found)


def test_an_entry_says_what_was_found_and_when_it_counts_as_true():
    entry = entries()["ours-high-start"]
    assert entry.startswith("From 0.75, where SGD")
    assert "with each decay learn? <strong>✗ does not hold</strong>" in entry
    assert "runs that learned something:</em><br><em>✗ linear 0.75: 0 of 3" in entry
    border = "counts as true if above 90 % of them; 3 runs can refute this, and cannot confirm it"
    assert f"ours-high-start: {border}; over 3; epochs: 6; result seen beforehand; lesson 02" in entry
    assert "adam-default: computed; lesson 01" in entries()["adam-default"]
    assert "on Fashion-MNIST <strong>" in entries()["adadelta-needs-no-rate"]


def test_an_entry_says_what_was_asked_first():
    assert "Changed: First 0.01 either way: it did not hold." in entries()["baseline-validation-loss"]
    assert "Changed: " not in entries()["adam-default"]


def test_counts_say_what_was_seen_and_what_chance_may_do():
    lines = article.counts().splitlines()
    assert "before they were registered" in lines[0] and "asked anew" in lines[1]
    assert "wrong on average" in lines[2] and lines[3].startswith("on Fashion-MNIST, ")
    assert re.search(
        r"where both data sets decide, \d+ agree and \d+ do not; \d+ are decided by one of them$", lines[3]
    )


def test_a_forest_has_a_row_for_each_comparison():
    figure = article.forest("Setting the Default Learning Rate in advance")
    assert [axes.get_xlabel() for axes in figure.axes] == ["less what it is compared with; scales differ"]
    labels = [label.get_text() for label in figure.axes[0].texts]
    assert labels[0] == "decay-range-larger, linear (3; 11 failed)" and len(labels) == 4
    plt.close(figure)


@pytest.mark.parametrize("section", article.sections())
def test_a_bar_lies_in_the_grey_where_a_statement_holds(section):
    """The picture and the verdict say the same: wholly inside, wholly outside, or across an edge."""
    for panel, statement, comparison, label in article._rows(section):
        if label.endswith(article.AMONG_SO_MANY):
            assert comparison["verdict"] == "undecided"
            continue
        ends = [article._placed(panel, statement, comparison, comparison[key]) for key in ("low", "high")]
        grey = [
            [article._placed(panel, statement, comparison, end) for end in span]
            for span in article._true_between(statement)
        ]
        inside = any(left <= ends[0] and ends[1] <= right for left, right in grey)
        outside = not inside and all(ends[1] <= left or right <= ends[0] for left, right in grey)
        expected = {"holds": (True, False), "does not hold": (False, True), "undecided": (False, False)}
        assert (inside, outside) == expected[comparison["verdict"]], label


def test_rows_of_one_statement_have_different_names():
    figure = article.forest("Ours")
    labels = [label.get_text() for axes in figure.axes for label in axes.texts]
    assert len(set(labels)) == len(labels)
    plt.close(figure)


@pytest.mark.parametrize("section", article.sections())
def test_no_label_sticks_out_of_its_panel(section):
    figure = article.forest(section)
    if figure is None:
        return
    figure.canvas.draw()
    for axes in figure.axes:
        for label in axes.texts:
            assert label.get_window_extent().x1 <= axes.get_window_extent().x1, label.get_text()
    plt.close(figure)


def test_a_section_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"section must be one of .*, Ours, got 'no'"):
        article.forest("no")


def test_an_answer_has_the_verdict_and_the_numbers_of_the_evidence():
    claim = ("acceptable-large-higher-loss", "At 0.01 Adam ends higher.", "Its loss is {} times as high.")
    answers = article.Answers({"What do large rates do?": [claim]})
    _, judged = lesson.judged()["acceptable-large-higher-loss"]
    said = repr(answers).splitlines()[1]
    assert said.startswith(
        f"  {lesson.MARKS[judged['verdict']]} {judged['verdict']}: At 0.01 Adam ends higher. Its"
    )
    value, low, high = (math.exp(judged["comparisons"][0][key]) for key in ("value", "low", "high"))
    assert f"Its loss is {value:.3g} ({low:.3g} to {high:.3g}) times as high." in said
    assert "href='#acceptable-large-higher-loss'" in answers._repr_html_()


def test_08_shows_every_section_and_its_figure():
    for section in article.sections():
        assert f'article.Statements("{section}")' in SOURCES
        figure = article.forest(section)
        assert (figure is not None) == (f'article.forest("{section}")' in SOURCES), section
        plt.close(figure)
