"""Train what is missing. Stop it whenever you like: what has ended is in evidence/runs/, the next call goes on."""

import sys
from pathlib import Path
from typing import Any

import joblib
import tensorflow as tf
from tqdm import tqdm

import lr_study

from . import probes, store
from .studies import CONFIRMATION, STUDIES, Measured, Planned, Sweep


def device() -> str:
    """What TensorFlow will train on, in words."""
    chips = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(chip).get("device_name", chip.name) for chip in chips]
    return f"{len(names)} GPU: {', '.join(names)}" if names else f"CPU: {lr_study.processor()}"


def train(planned: Measured | Sweep) -> dict[str, Any] | None:
    """Train a measured run or a range test, in a process of its own.

    Args:
        planned: What is to be run.

    Returns:
        What is stored of it; None where it was stopped.
    """
    try:
        return probes.swept(planned) if isinstance(planned, Sweep) else probes.train_measured(planned)
    except KeyboardInterrupt:  # in the main process, too
        return None


def train_all(missing: list[Planned], path: Path, jobs: int) -> bool:
    """Train runs, and write each as it ends.

    Args:
        missing: What is to be run.
        path: The store.
        jobs: How many processes.

    Returns:
        Whether all of it was trained; False after Ctrl-C.
    """
    path.parent.mkdir(exist_ok=True)
    plain = [one for one in missing if not isinstance(one, Measured | Sweep)]
    runs = lr_study.run_all(plain, n_jobs=jobs, store=path) if plain else []
    if len(runs) < len(plain) or any(run.status == "interrupted" for run in runs):
        return False
    others = [one for one in missing if isinstance(one, Measured | Sweep)]
    work = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    results = work(joblib.delayed(train)(one) for one in others)
    try:
        for content in tqdm(
            results, total=len(others), desc="measured", disable=not others, file=sys.stdout, ncols=80
        ):
            if content is None:
                return False
            store.append(path, content)
    except KeyboardInterrupt:
        return False
    finally:
        results.close()  # ends the workers; what they were training is given up
    return True


def record(names: list[str], jobs: int = 2) -> bool:
    """Train what is missing of some studies, until they ask for nothing new.

    A run that any file of evidence/runs/ has is not trained again.

    Args:
        names: Studies, such as "death" or "fashion/death"; "fashion" is the whole confirmation, none is all
            but the confirmation.
        jobs: How many processes.

    Returns:
        Whether all of it is recorded; False after Ctrl-C.

    Raises:
        ValueError: Where a study is unknown, or there is no process.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {jobs}")
    known = store.all_studies()
    wanted = [study for name in names or STUDIES for study in _named(name)]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(f"study must be fashion or one of {', '.join(known)}, got {', '.join(unknown)}")
    print(f"on {device()}, {jobs} process(es)")
    for name in wanted:
        before: list[Planned] = []
        while not (study := store.gather(name, known[name], store.read())).complete:
            if study.missing == before:
                raise ValueError(f"{name}: what was trained is not found again in {store.path_of(name)}")
            before = study.missing
            print(study)
            if not train_all(study.missing, store.path_of(name), jobs):
                print("stopped: the same command goes on from here")
                return False
        print(study)
    return True


def _named(name: str) -> list[str]:
    return [f"fashion/{study}" for study in CONFIRMATION] if name == "fashion" else [name]
