"""What notebook 08 shows of the evidence."""

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
    entry = entries()["high-start-converges"]
    assert entry.startswith("<strong>✗ does not hold</strong> “by setting a quite high learning rate")
    assert "runs that learned something:</em><br><em>✗ linear 1: 0 of 3" in entry
    border = "counts as true if above 90 % of them; 3 runs can refute this, and cannot confirm it"
    assert f"high-start-converges: {border}; runs: 3; result seen beforehand; lesson 02" in entry
    assert "adam-default: computed; lesson 01" in entries()["adam-default"]
    assert "on Fashion-MNIST <strong>" in entries()["adadelta-needs-no-rate"]


def test_an_entry_says_what_was_asked_first():
    assert "Changed: First 0.01 either way: it did not hold." in entries()["baseline-validation-loss"]
    assert "Changed: " not in entries()["adam-default"]


def test_counts_say_what_was_seen_and_what_chance_may_do():
    lines = article.counts().splitlines()
    assert "before they were registered" in lines[0] and "asked anew" in lines[1]
    assert "wrong on average" in lines[2] and lines[3].startswith("on Fashion-MNIST, ")


def test_a_forest_has_a_row_for_each_comparison():
    figure = article.forest("Setting the Default Learning Rate in advance")
    ratios = [axes.get_xlabel() for axes in figure.axes]
    assert ratios == ["share of the runs, %", "each row on a scale of its own"]
    labels = [label.get_text() for label in figure.axes[0].texts]
    assert labels[0] == "high-start-converges, linear 1 (3; 3 failed)"
    assert len(labels) == 4 and len(figure.axes[1].texts) == 8
    plt.close(figure)


@pytest.mark.parametrize("section", article.sections())
def test_a_bar_lies_in_the_grey_where_a_statement_holds(section):
    """The picture and the verdict say the same: wholly inside, wholly outside, or across an edge."""
    for panel, statement, comparison, label in article._rows(section):
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


def test_a_section_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"section must be one of .*, Ours, got 'no'"):
        article.forest("no")


def test_what_08_says_in_short_has_those_verdicts():
    (short,) = (cell.source for cell in NOTEBOOK.cells if cell.source.startswith("## In short"))
    verdicts = {"Borne out": "holds", "Not borne out": "does not hold", "Open": "undecided"}
    found = re.findall(r"^- \*\*(.+?)\*\*(.*)$", short, re.MULTILINE)
    assert [name for name, _ in found] == list(verdicts)
    for name, text in found:
        ids = re.findall(r"`([a-z-]+)`", text)
        assert len(ids) >= 4
        assert {lesson.judged()[one][1]["verdict"] for one in ids} == {verdicts[name]}, name


def test_what_08_says_in_short_in_words():
    def comparisons(name):
        return lesson.judged()[name][1]["comparisons"]

    tenth = -0.1
    adam, sgd = comparisons("decay-is-better-adam"), comparisons("decay-is-better-sgd")
    assert len(adam) == 4 and all(one["value"] < 0 for one in adam)
    assert any(one["verdict"] == "undecided" for one in adam)
    assert len(sgd) == 4 and all(one["low"] > tenth for one in sgd)
    assert sum(one["low"] > 0 for one in sgd) == 3
    (settle,) = comparisons("small-steps-settle")
    assert settle["high"] < 0 and settle["low"] < tenth < settle["high"]


def test_08_shows_every_section_and_its_figure():
    for section in article.sections():
        assert f'article.Statements("{section}")' in SOURCES
        figure = article.forest(section)
        assert (figure is not None) == (f'article.forest("{section}")' in SOURCES), section
        plt.close(figure)
