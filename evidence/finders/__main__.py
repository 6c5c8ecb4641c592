"""python -m evidence.finders record [task …] | table | candidates"""

import argparse
import os
import sys


def main() -> int:
    """Record, or print what came out.

    Returns:
        The exit status: 1 where the recording was stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m evidence.finders", description="How wrong finders are.")
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="run what is missing; resumes after a stop")
    record.add_argument("task", nargs="*", help="such as digits-cnn-sgd or digits-cnn-prodigy; all if none")
    record.add_argument("--jobs", type=int, default=2, help="processes (2)")
    commands.add_parser("table", help="regret, failures and cost of every known rule")
    commands.add_parser("candidates", help="the same for improved rules, each judged on a data set left out")
    arguments = parser.parse_args()

    # Before TensorFlow starts: one thread makes the numbers independent of the number of cores, and such small
    # networks no slower.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from . import candidates, measure, recording

    try:
        if arguments.command == "record":
            return 0 if recording.record(arguments.task, arguments.jobs) else 1
        print(measure.table() if arguments.command == "table" else candidates.table())
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
