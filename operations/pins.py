"""`make pins`: requirements*.txt anew from requirements*.in, each with its hashes and without index addresses."""

import subprocess

from operations.places import ROOT, VAR, VENV_PYTHON
from operations.screen import Trouble, say

OPTIONS = ("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--strip-extras", "--allow-unsafe",
           "--quiet")


def main(_: list[str]) -> int:
    tools = VAR / "pins"
    if not (tools / "bin" / "pip-compile").exists():
        say("  making an environment with pip-tools in var/pins")
        subprocess.run([VENV_PYTHON, "-m", "venv", "--clear", tools], check=True)
        done = subprocess.run([tools / "bin" / "python", "-m", "pip", "install", "-q", "pip-tools"])
        if done.returncode:
            raise Trouble("pip-tools could not be installed", "is a package index reachable?")
    for name in ("requirements", "requirements-dev"):
        say(f"  pinning {name}.in")
        done = subprocess.run([tools / "bin" / "pip-compile", *OPTIONS, "--output-file", f"{name}.txt", f"{name}.in"],
                              cwd=ROOT)
        if done.returncode:
            raise Trouble(f"{name}.in could not be pinned; the reason is above")
    return 0
