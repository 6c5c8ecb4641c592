"""What a referee relies on: that every verdict is that of the recordings, and that nothing is judged too early."""

import json
import math
import re
import shutil
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import lr_helpers as lr
import lr_range_test
import lr_study
from evidence import __main__, exact, judge, metrics, probes, published, record, rules, statements, store, studies
from evidence.finders import results
from evidence.statements import Statement


@pytest.fixture(scope="module")
def register():
    return statements.load()


@pytest.fixture(scope="module")
def library():
    return judge.recorded()


@pytest.fixture(scope="module")
def verdicts(register, library):
    return judge.judge(register, library)


def made_up(label, seed, loss, status="finished"):
    """A run that never was."""
    history = {"loss": [loss], "val_loss": [loss]}
    return SimpleNamespace(
        label=label, experiment=SimpleNamespace(seed=seed), history=history, test_loss=loss, status=status
    )


def study(name, runs, missing=()):
    return store.Recorded(name, [*runs, *missing], list(runs), list(missing))


def claim(**changes):
    fields = {"study": "s", "metric": "test_loss", "arms": (("a", "b"),), "seeds": (1, 2, 3)}
    fields |= {"direction": "higher", "smallest": 0.1} | changes
    return Statement("made-up", "ours", "?", fields.pop("kind", "paired"), "01", **fields)


NOISY = {"a": (0.20, 0.21, 0.19), "b": (0.21, 0.20, 0.19)}
RUNS = [made_up(arm, seed, loss * seed) for arm, loss in (("a", 0.4), ("b", 0.2)) for seed in (1, 2, 3)]


# Verdicts


def test_verdicts_are_those_of_the_recordings(verdicts):
    assert judge.stale(verdicts) == []


def test_every_statement_has_a_verdict(register, verdicts):
    assert list(verdicts["verdicts"]) == sorted(statement.id for statement in register)
    said = {entry["verdict"] for entry in verdicts["verdicts"].values()}
    assert said <= {rules.HOLDS, rules.FAILS, rules.UNDECIDED, judge.NOT_RECORDED, judge.NOT_CHECKED}
    for whose in statements.WHOSE:
        assert sum(verdicts["summary"][whose].values()) == sum(one.whose == whose for one in register)


def test_what_was_measured_is_written_without_powers_of_ten(verdicts):
    text = judge.as_text(verdicts)
    said = re.findall(r'"measured": "(.*)"', text)
    assert len(said) > 50
    assert [words for words in said if re.search(r"\d(\.\d+)?e[+-]?\d", words)] == []


def test_every_exact_statement_is_computed(register, verdicts):
    assert {one.compute for one in register if one.kind == "exact"} == set(exact.COMPUTE)
    entries = {one.id: verdicts["verdicts"][one.id] for one in register if one.kind in ("exact", "source")}
    depends = {name for name, entry in entries.items() if entry["verdict"] not in (rules.HOLDS, rules.FAILS)}
    assert all(entry["measured"] for entry in entries.values()) and depends == {"adaptive-frequent-weights"}


def test_nothing_is_asked_that_is_not_there(register, library):
    assert judge.amiss(register, library) == []


def test_a_clear_difference_holds():
    entry = judge.measured(claim(), "s", {"s": study("s", RUNS)})
    (one,) = entry["comparisons"]
    assert (entry["verdict"], one["seeds"], one["failed"]) == (rules.HOLDS, 3, [0, 0])
    assert one["value"] == pytest.approx(math.log(2), abs=1e-4)
    assert one["measured"] == "test loss: a is 2 (2 to 2) times b"


def test_failed_runs_are_named():
    runs = [made_up("a 0.0001", seed, 2.3) for seed in (1, 2, 3)] + RUNS[3:]
    (one,) = judge.measured(claim(arms=(("a 0.0001", "b"),)), "s", {"s": study("s", runs)})["comparisons"]
    assert one["measured"].endswith("times b, failed runs: a 0.0001 3 of 3")


def test_a_rule_is_held_against_each_grid_by_itself():
    # Five sweeps, of which the middle one says 0.1; two grids, which have 0.2 and 0.4 there and 0.1 at their best.
    class Test:
        def __init__(self, rate):
            self.rate = rate

        def suggest(self, rule):
            return self.rate

    sweeps = [
        SimpleNamespace(label="SGD", experiment=SimpleNamespace(seed=seed), test=Test(rate))
        for seed, rate in enumerate((0.01, 0.1, 0.1, 0.1, None))
    ]
    runs = [
        made_up(f"SGD {rate}", seed, loss)
        for seed, losses in enumerate((((0.01, 0.1), (0.1, 0.2)), ((0.01, 0.1), (0.1, 0.4))))
        for rate, loss in losses
    ]
    library = {"range-test": study("range-test", sweeps), "rate-grid": study("rate-grid", runs)}
    regret = claim(kind="level", metric="regret", arms=(("SGD valley",),), reference=1.0, seeds=(0, 1))
    numbers = judge.numbers(regret, "SGD valley", "range-test", library, (0, 1))
    assert numbers == {0: pytest.approx(2), 1: pytest.approx(4)}
    # A guess is either of the grid's two rates: 1 or 2, and 1 or 4.
    guesses = judge.numbers(regret, "SGD guess", "range-test", library, (0, 1))
    assert guesses == {0: pytest.approx(1.5), 1: pytest.approx(2.5)}
    (one,) = judge.measured(regret, "range-test", library)["comparisons"]
    assert (one["seeds"], one["failed"]) == (2, [1])
    assert ", sweeps without a rate: SGD valley 1 of 5" in one["measured"]
    # Each sweep by itself against the mean of the grids: 0.01 costs nothing, 0.1 nearly three times as much.
    once = claim(kind="share", metric="regret_quarter", arms=(("SGD valley",),), reference=0.5, seeds=range(5))
    found = judge.numbers(once, "SGD valley", "range-test", library, range(5))
    assert found == {0: True, 1: False, 2: False, 3: False, 4: False}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, "above 1.11 times"),
        ({"offset": 0.6931, "direction": "within", "smallest": 0.26}, "between 1.54 and 2.59 times"),
        ({"metric": "width_1", "smallest": 0.25}, "a difference above 0.25"),
        ({"minus": "t", "direction": "apart"}, "the two ratios differ by more than a factor of 1.11"),
        (
            {"kind": "level", "metric": "test_loss_plain", "reference": 2.3, "direction": "within"},
            "between 2.2 and 2.4",
        ),
        ({"kind": "share", "metric": "failed", "reference": 0.25, "smallest": 0.0}, "above 25 % of them"),
    ],
)
def test_the_border_in_words(changes, words):
    assert judge.border(claim(**changes)) == words


def test_numbers_are_written_out():
    written = [judge.plain(number) for number in (1570.0, 0.00001234, 2.0, 0.0, -0.25)]
    assert written == ["1,570", "0.0000123", "2", "0", "-0.25"]


def test_an_incomplete_study_gets_no_verdict():
    library = {"s": study("s", RUNS, missing=[made_up("c", 1, 0.1)])}
    entry = judge.measured(claim(), "s", library)
    assert entry == {"verdict": "not recorded", "missing": "s: 6 of 7 runs recorded"}


def test_a_failed_run_counts_as_equal_guesses():
    runs = [*RUNS[:5], made_up("b", 3, math.nan, "diverged")]
    effect = judge.effect(claim(), ("a", "b"), "s", {"s": study("s", runs)})
    expected = [math.log(2), math.log(2), math.log(1.2 / math.log(10))]
    assert effect.value == pytest.approx(sum(expected) / 3)
    assert effect.failed == (0, 1)


def test_seeds_that_are_not_named_do_not_count():
    runs = [*RUNS, made_up("a", 0, 9.9), made_up("b", 0, 0.001)]
    assert judge.effect(claim(), ("a", "b"), "s", {"s": study("s", runs)}).value == pytest.approx(math.log(2))


def test_a_number_that_is_missing_leaves_it_undecided():
    wall = claim(kind="level", metric="wall_over_critical", arms=(("a",),), reference=1.0, direction="within")
    grid = [made_up(f"a {rate}", seed, 0.1) for rate in (0.1, 0.3) for seed in (1, 2, 3)]
    entry = judge.measured(wall, "s", {"s": study("s", grid)})
    assert entry["verdict"] == rules.UNDECIDED
    assert "no number for seed 1, 2, 3" in entry["comparisons"][0]["measured"]


def test_an_offset_and_a_difference_elsewhere_are_taken_off():
    library = {"s": study("s", RUNS), "t": study("t", RUNS)}
    offset = judge.effect(claim(offset=math.log(2)), ("a", "b"), "s", library)
    elsewhere = judge.effect(claim(minus="t"), ("a", "b"), "s", library)
    assert offset.value == pytest.approx(0)
    assert elsewhere.value == pytest.approx(0)


def test_a_run_that_failed_in_the_study_that_is_taken_off_is_named():
    library = {"s": study("s", RUNS), "t": study("t", [made_up("a", 1, 2.3), *RUNS[1:]])}
    (one,) = judge.measured(claim(minus="t", direction="apart"), "s", library)["comparisons"]
    assert one["failed"] == [1, 0] and "failed runs: a 1 of 6" in one["measured"]


def test_where_one_is_enough_no_seeds_are_promised_for_what_does_not_decide():
    runs = [made_up(arm, seed, loss) for arm, losses in NOISY.items() for seed, loss in enumerate(losses)]
    fields = {"direction": "apart", "smallest": 0.1, "seeds": (0, 1, 2)}
    (one,) = judge.measured(claim(**fields), "s", {"s": study("s", runs)})["comparisons"]
    assert "seeds in all would decide" in one["measured"] and one["seeds_to_decide"]
    (one,) = judge.measured(claim(one_is_enough=True, **fields), "s", {"s": study("s", runs)})["comparisons"]
    assert one["measured"].endswith("more seeds would hardly show it") and one["seeds_to_decide"] is None


@pytest.mark.parametrize(
    "direction, smallest, words",
    [
        ("higher", 0.8, "; there is a difference, clearly smaller than the border"),  # 2 times, of 2.23
        ("higher", 0.1, "times b"),
        ("apart", 0.8, "; there is a difference, clearly smaller than the border"),
        ("lower", 0.1, "; the difference is the other way round"),
    ],
)
def test_a_difference_that_is_smaller_than_the_border_is_told(direction, smallest, words):
    asked = claim(direction=direction, smallest=smallest)
    (one,) = judge.measured(asked, "s", {"s": study("s", RUNS)})["comparisons"]
    assert one["measured"].endswith(words)


def test_an_arm_is_named_with_the_rate_that_its_search_chose():
    runs = [made_up(f"{arm} {rate}", seed, 0.1) for arm, rate in (("a", 0.3), ("b", 0.001)) for seed in (1, 2, 3)]
    (one,) = judge.measured(claim(), "s", {"s": study("s", runs)})["comparisons"]
    assert one["measured"].startswith("test loss: a 0.3 is 1 (1 to 1) times b 0.001")


def test_the_confirmation_is_held_to_its_false_discoveries():
    entries = {
        name: {"verdict": rules.HOLDS, "comparisons": [{"p": p, "verdict": rules.HOLDS}]}
        for name, p in {"a": 0.001, "b": 0.04}.items()
    } | {"c": {"verdict": judge.NOT_RECORDED, "missing": "all"}}
    judge.confirm(entries)
    assert (entries["a"]["verdict"], entries["a"]["q"]) == (rules.HOLDS, 0.003)
    assert (entries["b"]["verdict"], entries["b"]["q"]) == (rules.UNDECIDED, 0.06)  # 0.04 · 3 / 2: c counts as 1
    assert "q" not in entries["c"]


# What `check` says


@pytest.mark.parametrize(
    "statement, words",
    [
        (claim(study="nowhere"), "made-up: there is no study 'nowhere'"),
        (claim(arms=(("a", "z"),)), "made-up: study 's' has no 'z'"),
        (claim(seeds=(1, 2, 7)), "made-up: study 's' has no seeds 7 of"),
        (claim(study="strategies", seeds=(1, 5)), "made-up: seed 1 took part in a search"),
        (claim(kind="exact", study="", compute="guess"), "made-up: exact.py has no function 'guess'"),
        (claim(kind="source", study=""), "made-up: sources.toml has no entry"),
    ],
)
def test_what_a_statement_asks_for_and_nobody_has_is_named(statement, words):
    plan = [SimpleNamespace(label=run.label, seed=run.experiment.seed) for run in RUNS]
    library = {name: store.Recorded(name, plan, [], []) for name in ("s", "strategies")}
    assert any(line.startswith(words) for line in judge.amiss([statement], library))


def test_an_unknown_metric_is_named(tmp_path, monkeypatch):
    text = statements.PATH.read_text(encoding="utf-8").replace('metric = "test_loss"', 'metric = "beauty"', 1)
    path, load = tmp_path / "statements.toml", statements.load
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(statements, "load", lambda: load(path))
    assert any("metric must be one of" in line and "'beauty'" in line for line in judge.check())


def test_a_recording_of_other_data_is_named(tmp_path):
    source = next(path for folder in store.FOLDERS for path in sorted(folder.glob("*.jsonl")))
    lines = source.read_text(encoding="utf-8").splitlines()[:2]
    other = json.loads(lines[0])
    other["experiment"] |= {"data": "0" * 64, "identity": "other"}
    (tmp_path / "x.jsonl").write_text("\n".join([*lines, json.dumps(other)]), encoding="utf-8")
    assert store.foreign([tmp_path]) == ["x.jsonl: 1 of 3 runs are recorded on other data"]


def test_a_verdict_that_is_out_of_date_is_named(verdicts, tmp_path):
    path = tmp_path / "verdicts.json"
    assert len(judge.stale(verdicts, path)) == len(verdicts["verdicts"])
    changed = json.loads(judge.as_text(verdicts))
    changed["verdicts"]["sgd-rule"]["verdict"] = rules.UNDECIDED
    path.write_text(json.dumps(changed), encoding="utf-8")
    assert judge.stale(verdicts, path) == ["sgd-rule: the verdict in verdicts.json is out of date"]


@pytest.mark.parametrize("problems, status", [([], 0), (["a: wrong"], 1)])
def test_check_exits_with_1_where_something_is_wrong(problems, status, monkeypatch, capsys):
    monkeypatch.setattr(judge, "check", lambda: problems)
    monkeypatch.setattr(results, "check", list)
    monkeypatch.setattr(sys, "argv", ["evidence", "check"])
    assert __main__.main() == status
    assert capsys.readouterr().out.strip()


# Recording


def test_all_recordings_together_are_small():
    sizes = [path.stat().st_size for folder in store.FOLDERS for path in folder.glob("*.jsonl")]
    assert sum(sizes) < 5e6


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A study of three kinds of runs on digits, recorded in this process into a folder of its own."""
    sgd = keras.optimizers.SGD
    plan = [
        lr_study.Experiment("plain", sgd(0.1), epochs=2, batch_size=400),
        studies.Measured(lr_study.Experiment("measured", sgd(0.1), epochs=2, batch_size=400), "layers"),
        studies.Sweep("sweep", sgd(), 1e-3, 1.0, steps=20, dataset="digits", batch_size=32),
    ]
    monkeypatch.setattr(store, "all_studies", lambda: {"small": lambda runs: plan})
    monkeypatch.setattr(store, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(store, "path_of", lambda name: tmp_path / f"{name}.jsonl")
    return SimpleNamespace(plan=plan, path=tmp_path / "small.jsonl", study=lambda runs: plan)


def test_record_trains_what_is_missing_and_nothing_else(small, monkeypatch):
    assert record.record(["small"], jobs=1)
    gathered = store.gather("small", small.study, store.read())
    assert gathered.complete
    plain, measured, sweep = gathered.runs
    # A measured run is the run that `lr_study.train` makes, to the four digits that are kept.
    assert measured.history["val_loss"] == pytest.approx(plain.history["val_loss"], rel=1e-3)
    assert measured.test_loss == pytest.approx(plain.test_loss, rel=1e-4)
    assert len(measured.measured["output/bias updates"]) == len(measured.measured["step"]) == 6
    assert len(sweep.test.learning_rates) == 20

    monkeypatch.setattr(record, "train_all", lambda *missing: pytest.fail(f"trained again: {missing}"))
    shutil.move(small.path, small.path.with_name("of another study.jsonl"))
    assert record.record(["small"], jobs=1)


def test_a_stop_loses_nothing(small, monkeypatch):
    def stopped(planned):
        raise KeyboardInterrupt

    monkeypatch.setattr(probes, "train_measured", stopped)
    assert not record.record(["small"], jobs=1)
    gathered = store.gather("small", small.study, store.read())
    assert str(gathered) == "small: 1 of 3 runs recorded"


def test_an_unknown_study_is_named():
    with pytest.raises(ValueError, match=r"study must be fashion or one of sgd-rates, .* got beauty"):
        record.record(["beauty"])
    with pytest.raises(ValueError, match="jobs must be 1 or more, got 0"):
        record.record(["death"], jobs=0)


def test_biases_alone_move_and_nothing_else_does():
    adam = lr_study.Experiment("biases", keras.optimizers.Adam(0.5), epochs=1, batch_size=400)
    lists = probes.train_measured(studies.Measured(adam, "biases"))["measured"]
    assert lists["spread"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert np.shape(lists["output/bias updates"]) == (3, 10)
    # Adam's first step is the rate, but for a digit that is a tenth of the batch.
    assert np.median(np.abs(lists["output/bias updates"][0])) == pytest.approx(0.5, rel=0.01)


def test_time_decay_as_printed_multiplies_its_factors_up_and_would_end_at_a_tenth():
    for epochs, left in ((6, 0.18), (12, 0.14), (25, 0.12)):
        schedule = studies.schemes(0.3, epochs, 4)["time as printed"]
        rates = lr.learning_rates(schedule, [epoch * studies.STEPS for epoch in range(epochs)])
        decay = rates[0] / rates[1] - 1
        assert rates[0] == pytest.approx(0.3)
        assert rates[1:] == pytest.approx([rates[n - 1] / (1 + decay * n) for n in range(1, epochs)], rel=1e-3)
        assert rates[-1] / (1 + decay * epochs) == pytest.approx(0.03, rel=1e-2)
        assert round(float(rates[-1] / rates[0]), 2) == left  # as notebook 08 says
        assert lr.learning_rates(schedule, [studies.STEPS - 1])[0] == rates[0]


def test_smith_cycle_goes_up_and_down_and_then_far_below():
    cycle = studies.SmithCycle(0.1, 100, 20)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(cycle))
    for schedule in (cycle, copy):
        rates = [float(schedule(step)) for step in (0, 49, 99, 119, 200)]
        assert rates == pytest.approx([0.01, 0.1, 0.01, 0.0001, 0.0001], rel=0.03)


def test_published_adam_begins_with_a_step_of_the_rate():
    assert published.adam(np.array([[3.0], [3.0]]))[0] == pytest.approx(-1)


def test_lowest_point():
    assert metrics.lowest_point(np.array([0.1, 0.2, 0.3]), np.array([3.0, 1.0, 2.0])) == 0.2


def test_steepest_anywhere_looks_beyond_the_lowest_point():
    rates, smoothed = np.geomspace(0.01, 1, 5), np.array([2.0, 1.6, 1.0, 5.0, 2.0])
    assert metrics.steepest_anywhere(rates, smoothed) == 1.0
    assert lr_range_test.RULES["steepest"](rates, smoothed) < 0.1 + 1e-9
