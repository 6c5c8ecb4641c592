"""Record the full-scale runs of a notebook: `python notebooks/recorded/record.py 01`.

Runs the notebook's own cells that are tagged setup, parameters or study, with DATASET = "mnist". What the store
beside this file has is read, the rest is trained in two processes and appended; stop and start it as you like.
With --check nothing is trained: it fails where a run is missing.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

import joblib
import nbformat
from IPython.core.inputtransformer2 import TransformerManager

NOTEBOOKS = Path(__file__).parents[1]


def study(number: str) -> str:
    """The code that defines and runs a notebook's experiments."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    cells = [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if {"setup", "parameters", "study"} & set(cell.metadata.get("tags", []))
    ]
    code = "\n".join(map(TransformerManager().transform_cell, cells))
    assert code.count('DATASET = "digits"') == 1, f"{path.name} must set DATASET once"
    return code.replace('DATASET = "digits"', 'DATASET = "mnist"')


def main() -> None:
    """Record, or check that all is recorded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", help="its number, such as 01")
    parser.add_argument("--check", action="store_true", help="train nothing, fail where a run is missing")
    arguments = parser.parse_args()
    code = study(arguments.notebook)
    os.chdir(NOTEBOOKS)
    sys.path.insert(0, "")  # a notebook imports what lies beside it
    if arguments.check:
        code = code.replace("import lr_study", "import lr_study; lr_study.train = refuse", 1)
    with joblib.parallel_config(n_jobs=1 if arguments.check else 2):
        exec(
            compile(code, f"study of notebook {arguments.notebook}", "exec"),
            {"__name__": "study", "refuse": refuse},
        )


def refuse(experiment: object, **options: object) -> NoReturn:
    """In place of training."""
    raise LookupError(f"not recorded: {experiment}")


if __name__ == "__main__":
    main()
