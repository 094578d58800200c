"""`make logs`: follows the logs of the development instance, all or one."""

import os

from operations import instance
from operations.screen import Trouble


def main(words: list[str]) -> int:
    folder = instance.load("dev").run / "logs"
    files = sorted(folder.glob("*.log"))
    if words:
        names = [file.stem for file in files]
        files = [file for file in files if file.stem == words[0]]
        if not files:
            raise Trouble(f"There is no log of {words[0]!r}", "there are " + ", ".join(names))
    if not files:
        raise Trouble("There are no logs yet", "start it with `make up`")
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])
