"""Arguments split at blanks as the switch splits them (switch_separate_string in switch_utils.c)."""

from __future__ import annotations


def split_arguments(text: str, limit: int | None = None) -> list[str]:
    """Blanks inside single quotes stay, the quotes go; with a limit the last argument takes the rest."""
    words: list[str] = []
    text = text.strip(" ")
    while text and (limit is None or len(words) < limit - 1):
        word, text = _first_word(text)
        words.append(word)
        text = text.lstrip(" ")
    if text:
        words.append(text.replace("'", ""))
    return words


def _first_word(text: str) -> tuple[str, str]:
    out, quoted = "", False
    for at, letter in enumerate(text):
        if letter == "'" and (quoted or "'" in text[at + 1 :]):
            quoted = not quoted
        elif letter == " " and not quoted:
            return out, text[at:]
        else:
            out += letter
    return out, ""
