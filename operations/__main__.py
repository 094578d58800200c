"""The targets of the Makefile, inside the virtual environment: `python -m operations <target>`."""

import importlib
import os
import sys

from operations.screen import Trouble, complain

# Target -> module with main(arguments) -> exit status; imported only when asked for.
TARGETS = {
    "up": "operations.up",
    "down": "operations.down",
    "status": "operations.status",
    "logs": "operations.logs",
    "call": "operations.click",
    "explain": "operations.explain",
    "timetable": "operations.timetable",
    "mail-test": "operations.mail_test",
    "apply": "operations.apply",
    "demo": "operations.demo",
    "test": "operations.test_run",
    "bench": "operations.bench",
    "faults": "operations.faults",
    "lint": "operations.lint",
    "pins": "operations.pins",
}


def main() -> int:
    target = sys.argv[1] if len(sys.argv) > 1 else ""
    if target not in TARGETS:
        raise Trouble(f"There is no target {target!r}", "`make help` lists them")
    try:
        module = importlib.import_module(TARGETS[target])
    except ModuleNotFoundError as error:
        if error.name != TARGETS[target]:
            raise
        raise Trouble(f"`make {target}` is not there yet") from None
    status: int = module.main(sys.argv[2:])
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        complain(trouble)
        sys.exit(1)
    except BrokenPipeError:         # whoever read us has seen enough
        os._exit(141)
    except KeyboardInterrupt:
        print("\nInterrupted: the same command goes on from here", file=sys.stderr)
        sys.exit(130)
