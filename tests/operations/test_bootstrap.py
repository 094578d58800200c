"""The first stage on machines that lack something."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations import bootstrap, places
from operations.__main__ import TARGETS
from operations.screen import Trouble

ROOT = Path(__file__).resolve().parents[2]


def test_without_apt_the_missing_packages_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Trouble, match=r"sox, espeak-ng: install them"):
        bootstrap.install_packages(["sox", "espeak-ng"])


def test_without_root_and_sudo_the_command_to_give_root_is_named(tmp_path: Path) -> None:
    for name, status in (("apt-get", 0), ("sudo", 1)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    code = ("import os; os.geteuid = lambda: 1000\n"
            "from operations.bootstrap import install_packages; install_packages(['sox', 'espeak-ng'])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PATH": str(tmp_path)}, text=True,
                          capture_output=True)
    assert "only root may install them: apt install sox espeak-ng" in done.stderr


def test_no_server_starts_while_packages_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(bootstrap, "POLICY", policy)
    with bootstrap.no_server_starts([]):
        assert subprocess.run([policy]).returncode == 101
    assert not policy.exists()


def test_what_an_interrupted_run_left_is_taken_away_and_anothers_policy_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(bootstrap, "POLICY", policy)
    policy.write_text(bootstrap.POLICY_TEXT)
    with bootstrap.no_server_starts([]):
        pass
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 101\n")
    with bootstrap.no_server_starts([]):
        pass
    assert policy.exists()


def test_a_command_that_fails_shows_its_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.follow(["sh", "-c", "echo Get:1; echo E: no such package; exit 100"], ("Get:",), "apt") == 100
    assert "E: no such package" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends its servers a folder")
@pytest.mark.parametrize("there_already", [False, True])
def test_behind_a_closed_door_var_is_a_link_to_where_servers_may_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there_already: bool
) -> None:
    open_place = Path("/var/tmp") / f"pbx-test-{os.getpid()}"
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(places, "ROOT", closed)
    monkeypatch.setattr(places, "VAR_IN_CLONE", closed / "var")
    monkeypatch.setattr(places, "VAR_ELSEWHERE", open_place)
    if there_already:
        (closed / "var").mkdir()
        (closed / "var" / "kept").write_text("data")
    try:
        places.prepare_var()
        assert (closed / "var").is_symlink()
        assert places.everyone_may_enter((closed / "var").resolve())
        assert (closed / "var" / "kept").exists() == there_already
        where = (closed / "var").resolve()
        shutil.rmtree(where)        # somebody tidied up /var
        places.prepare_var()
        assert (closed / "var").resolve() == where
        assert where.is_dir()
    finally:
        shutil.rmtree(open_place)


def test_the_makefile_explains_every_target_and_each_has_its_module() -> None:
    text = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    explained = set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE))
    assert named == explained == set(TARGETS) | {"help"}
    said = subprocess.run(["make", "help"], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    assert all(f"make {name} " in said for name in named)


def test_the_pins_have_hashes_and_name_no_index() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
        assert any("--hash=sha256:" in line for line in lines)
        assert not [line for line in lines if re.search(r"://|--(extra-)?index-url|--find-links", line)]
