"""Makes every prompt of shared/prompts.yaml as var/sounds/<language>/<name>.wav, 8 kHz mono 16 bit.

English comes from Debian's recordings where the catalogue names them (`en_recording`, or `recording` for both
languages; a list is played as one), everything else is spoken by espeak-ng. A file somebody replaced by a better one of
the same name is left alone: the book in var/sounds/made.json knows what was made here and from what.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from operations.places import ROOT, SOUNDS
from operations.screen import Trouble, step
from operations.secrets_file import write_private

CATALOGUE = ROOT / "shared" / "prompts.yaml"
LANGUAGES = {"de": "de", "en": "en-us"}         # espeak-ng's voices
WORDS_PER_MINUTE = 150
RECORDINGS = (Path("/usr/share/asterisk/sounds/en_US_f_Allison"), Path("/usr/share/asterisk/sounds/en"))
MUSIC = Path("/usr/share/asterisk/moh")


Entry = dict[str, str | list[str]]


def make_prompts(sounds: Path = SOUNDS) -> None:
    catalogue: dict[str, Entry] = yaml.safe_load(CATALOGUE.read_text())
    book_file = sounds / "made.json"
    book: dict[str, dict[str, str]] = json.loads(book_file.read_text()) if book_file.exists() else {}
    wanted = {f"{language}/{name}": _source(name, language, entry)
              for name, entry in catalogue.items() for language in LANGUAGES}
    to_make = {name: source for name, source in wanted.items() if not _is_there(sounds, name, source, book)}
    for folder in (*LANGUAGES, "music"):
        (sounds / folder).mkdir(parents=True, exist_ok=True)
    if to_make:
        with step(f"making {len(to_make)} prompts"), ThreadPoolExecutor(2) as workers:
            for name, digest in workers.map(lambda item: _make(sounds, *item), to_make.items()):
                book[name] = {"source": wanted[name], "file": digest}
        write_private(book_file, json.dumps(book, indent=1))
    _copy_music(sounds / "music")


def _source(name: str, language: str, entry: Entry) -> str:
    """What a prompt is made from, as one line: `file <path> …` or `say <voice> <text>`."""
    named = entry.get(f"{language}_recording") or entry.get("recording") or []
    names = named if isinstance(named, list) else [named]
    found = [path for path in map(_recording, names) if path]
    if names and len(found) == len(names):
        return " ".join(["file", *map(str, found)])
    if language not in entry:
        raise Trouble(f"shared/prompts.yaml: {name} has neither a {language} text nor a recording that is installed",
                      "apt install asterisk-core-sounds-en-wav, or give it a text")
    return f"say {LANGUAGES[language]} {entry[language]}"


def _recording(name: str) -> Path | None:
    files = (folder / f"{name}.wav" for folder in RECORDINGS)
    return next((file for file in files if file.exists()), None)


def _is_there(sounds: Path, name: str, source: str, book: dict[str, dict[str, str]]) -> bool:
    file = sounds / f"{name}.wav"
    if not file.exists():
        return False
    made = book.get(name)
    return made is None or made["source"] == source or made["file"] != _digest(file)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _make(sounds: Path, name: str, source: str) -> tuple[str, str]:
    target = sounds / f"{name}.wav"
    kind, _, rest = source.partition(" ")
    with tempfile.TemporaryDirectory(dir=sounds) as folder:
        spoken, fresh = Path(folder) / "spoken.wav", Path(folder) / "fresh.wav"
        if kind == "say":
            voice, _, text = rest.partition(" ")
            _run(["espeak-ng", "-v", voice, "-s", str(WORDS_PER_MINUTE), "-w", str(spoken), "--stdin"], text)
        else:
            _run(["sox", *rest.split(), str(spoken)])
        _run(["sox", str(spoken), "-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer", str(fresh)])
        fresh.chmod(0o644)
        fresh.replace(target)
    return name, _digest(target)


def _run(command: list[str], text: str = "") -> None:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise Trouble(f"{command[0]} is not installed", f"apt install {command[0]}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise Trouble(f"{command[0]} failed: {said}")


def _copy_music(folder: Path) -> None:
    for source in sorted(MUSIC.glob("*.wav")):
        target = folder / source.name
        if not target.exists():
            fresh = target.with_suffix(".new")
            shutil.copyfile(source, fresh)
            fresh.rename(target)
    if not any(folder.glob("*.wav")):
        raise Trouble("There is no music on hold",
                      f"apt install asterisk-moh-opsound-wav, or put WAV files into {folder}")


if __name__ == "__main__":
    make_prompts()
