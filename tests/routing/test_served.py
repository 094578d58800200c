"""What the switch was given outlives us."""

from __future__ import annotations

from pathlib import Path

from services.routing.served import Served, digest_of


def opened(path: Path) -> Served:
    one = Served(path)
    one.open()
    return one


def test_a_killed_process_knows_again_what_it_served(tmp_path: Path) -> None:
    path = tmp_path / "run" / "served"
    first = opened(path)
    assert first.began_empty
    first.keep("anna-desk@m.example", digest_of("one"))
    first.keep("22@m.example", digest_of("two"))
    first.keep("22@m.example", digest_of("three"))
    first.drop("anna-desk@m.example")
    again = opened(path)  # the first was never closed
    assert not again.began_empty
    assert list(again.entries()) == ["22@m.example"]
    assert again.is_current("22@m.example", digest_of("three"))
    assert path.read_text().count("\n") == 1


def test_a_line_cut_in_half_costs_that_line(tmp_path: Path) -> None:
    path = tmp_path / "served"
    path.write_text("22@m.example abc\n23@m.exam")
    assert list(opened(path).entries()) == ["22@m.example"]
