"""The recordings: where they are, what identifies one, and which of them a study is made of.

A recording is one line of JSON in evidence/runs/<study>.jsonl, with the keys of a stored `lr_study.Run`; a
measured run has `measured` besides, and a range test has `range_test` in their place. A run is found by its
identity in any of the files, so that two studies can share it.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

import lr_helpers as lr
import lr_study
from lr_range_test import RangeTest

from . import studies
from .studies import Measured, Planned, Study, Sweep

HERE = Path(__file__).parent
RUNS = HERE / "runs"
FOLDERS = (RUNS,)


@dataclasses.dataclass(frozen=True)
class Swept:
    """A recorded range test: what was asked for, and what came of it."""

    experiment: Sweep
    test: RangeTest

    @property
    def label(self) -> str:
        """The sweep's label."""
        return self.experiment.label


@dataclasses.dataclass
class Recorded:
    """A study with what is recorded of it: all that is known to be needed, and the runs that are there.

    `complete` says whether nothing is missing. While a search goes on, more than `plan` may be needed.
    """

    name: str
    plan: list[Planned]
    runs: list[Any]
    missing: list[Planned]

    @property
    def complete(self) -> bool:
        """Whether all is recorded."""
        return not self.missing

    def __str__(self) -> str:
        done = len(self.plan) - len(self.missing)
        return f"{self.name}: {done} of {len(self.plan)} runs recorded"


def all_studies() -> dict[str, Study]:
    """All studies by name, in the order in which they are run; the confirmation's begin with "fashion/"."""
    return studies.STUDIES | {f"fashion/{name}": study for name, study in studies.CONFIRMATION.items()}


def path_of(name: str, folder: Path = RUNS) -> Path:
    """The file of a study."""
    return folder / f"{name.replace('/', '-')}.jsonl"


def identity(planned: Planned) -> str:
    """What a recording is found by: a checksum of all that defines it, its label aside."""
    if isinstance(planned, Measured):
        parts: Any = [lr_study.identity(planned.experiment), planned.probe, planned.every]
    elif isinstance(planned, Sweep):
        fields = {name: value for name, value in vars(planned).items() if name not in ("label", "optimizer")}
        optimizer = lr_study.described(keras.optimizers.serialize(planned.optimizer))
        parts = [fields, optimizer, lr.checksum(planned.dataset)]
    else:
        return lr_study.identity(planned)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def described(planned: Planned) -> dict[str, Any]:
    """The `experiment` of a recording."""
    if isinstance(planned, Sweep):
        fields = vars(planned) | {"optimizer": keras.optimizers.serialize(planned.optimizer)}
    else:
        fields = dataclasses.asdict(getattr(planned, "experiment", planned))
    if isinstance(planned, Measured):
        fields |= {"probe": planned.probe, "every": planned.every}
    return fields | {"data": lr.checksum(fields["dataset"]), "identity": identity(planned)}


def read(folders: Iterable[Path] | None = None) -> dict[str, dict[str, Any]]:
    """All recordings, by identity.

    Args:
        folders: Where the files are, FOLDERS if not given; a folder that is not there has none.

    Returns:
        The lines as they stand.

    Raises:
        ValueError: Where a file holds something else, or was written by a newer version.
    """
    found: dict[str, dict[str, Any]] = {}
    for folder in FOLDERS if folders is None else folders:
        for path in sorted(folder.glob("*.jsonl")):
            for key, content in lr_study.read_store(str(path)).items():
                found.setdefault(key, content)
    return found


def foreign(folders: Iterable[Path] | None = None) -> list[str]:
    """Which files hold recordings of data that are not the published ones.

    Args:
        folders: As for `read`.

    Returns:
        One line a file; empty where there is none.
    """
    wrong = []
    for folder in FOLDERS if folders is None else folders:
        for path in sorted(folder.glob("*.jsonl")):
            runs = [content["experiment"] for content in lr_study.read_store(str(path)).values()]
            count = sum(run.get("data") != lr.checksum(run["dataset"]) for run in runs)
            if count:
                wrong.append(f"{path.name}: {count} of {len(runs)} runs are recorded on other data")
    return wrong


def append(path: Path, content: Mapping[str, Any]) -> None:
    """Write a recording as one line; after a line that was torn, begin a new one."""
    line = json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    path.parent.mkdir(exist_ok=True)
    with open(path, "ab+", buffering=0) as file:
        if file.tell():
            file.seek(-1, 2)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError(f"{path} took only a part of a run: is the disk full?")


def _loaded(planned: Planned, content: Mapping[str, Any]) -> Any:
    if isinstance(planned, Sweep):
        test = content["range_test"]
        rates, sweeps = (np.array(test[name], "float64") for name in ("learning_rates", "sweeps"))
        return Swept(planned, RangeTest(rates, sweeps, test["stopped"], test["smoothing"]))
    run = lr_study.StoredRun(getattr(planned, "experiment", planned), dict(content))
    run.measured = _numbers(content.get("measured"))
    return run


def _numbers(value: Any) -> Any:
    """What was measured, with nan where JSON has null."""
    if isinstance(value, dict):
        return {name: _numbers(one) for name, one in value.items()}
    return list(map(_numbers, value)) if isinstance(value, list) else math.nan if value is None else value


def gather(name: str, study: Study, found: Mapping[str, Mapping[str, Any]]) -> Recorded:
    """What a study is made of: it is asked again with the runs there are, until it asks for nothing new.

    Args:
        name: Of the study.
        study: The study.
        found: All recordings, see `read`.

    Returns:
        Its plan so far, and the recorded runs under the labels of the plan.
    """
    runs: list[Any] = []
    while True:
        plan = study(runs)
        keys = [identity(one) for one in plan]
        missing = [one for one, key in zip(plan, keys, strict=True) if key not in found]
        before = len(runs)
        runs = [_loaded(one, found[key]) for one, key in zip(plan, keys, strict=True) if key in found]
        if missing or len(runs) == before:
            return Recorded(name, plan, runs, missing)
