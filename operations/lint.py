"""`make lint`: ruff, mypy --strict on what is pinned down by types, import-linter on the layers of the house."""

import subprocess

from operations.places import ROOT, VENV_PYTHON
from operations.screen import say

CHECKS = (
    ("ruff", ["-m", "ruff", "check", "."]),
    ("mypy", ["-m", "mypy"]),
    ("import-linter", ["-c", "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"]),
)


def main(_: list[str]) -> int:
    failed = []
    for name, words in CHECKS:
        done = subprocess.run([VENV_PYTHON, *words], cwd=ROOT, capture_output=True, text=True)
        said = (done.stdout + done.stderr).strip()
        if done.returncode:
            failed.append(name)
            say(said)
        say(f"  {name:14} {'failed' if done.returncode else 'ok'}")
    return 1 if failed else 0
