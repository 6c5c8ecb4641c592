"""python -m evidence record [study …] | judge | check"""

import argparse
import os
import sys


def main() -> int:
    """Record, judge or check.

    Returns:
        The exit status: 1 where something is wrong, or was stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m evidence", description="The evidence of the series.")
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="train what is missing; resumes after a stop")
    record.add_argument(
        "study", nargs="*", help="such as death, fashion/death, or fashion; all but fashion if none"
    )
    record.add_argument("--jobs", type=int, default=2, help="processes (2)")
    commands.add_parser("judge", help="compute every verdict from the recordings")
    commands.add_parser("check", help="say what is missing, wrong or out of date")
    arguments = parser.parse_args()

    # Before TensorFlow starts: one thread an operation makes the numbers independent of the number of cores, and
    # two processes can share a GPU only if each takes memory as it needs it.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from . import judge
    from . import record as recorder
    from .finders import results

    try:
        if arguments.command == "record":
            return 0 if recorder.record(arguments.study, arguments.jobs) else 1
        if arguments.command == "judge":
            judge.write()
            results.write()
            return 0
    except ValueError as error:
        parser.error(str(error))
    problems = judge.check() + results.check()
    print("\n".join(problems) or "nothing is missing, wrong or out of date")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
