"""Which passwords and PINs are too easy, and that a comparison tells nothing but right or wrong."""

from __future__ import annotations

import time

import gevent
import pytest

from shared import passwords
from shared.passwords import password_problem, pin_problem


@pytest.mark.parametrize("password", [
    "", "kurz", "neunstell", "x" * 200, "aaaaaaaaaaaa", "abababababab", "1234567890", "0987654321", "abcdefghijkl",
    "qwertzuiop12", "Passwort123", "password2026", "Geheim!!!12", "anna-berger1", "Musterbau2026", "Sommer2026!",
    "clara schaefer", "Clara Schäfer",
])
def test_an_easy_password_is_refused(password):
    assert password_problem(password, ["Anna Berger", "anna@musterbau.example", "Musterbau GmbH", "Clara", "Schäfer"])


@pytest.mark.parametrize("password", ["Regen fällt auf Bern", "tR7-vquK2.mm", "korrekt pferd batterie", "7xk29dmw03pq"])
def test_a_good_password_is_taken(password):
    assert password_problem(password, ["Anna Berger", "anna@musterbau.example"]) is None


@pytest.mark.parametrize("pin", [
    "", "12345", "12345678901", "12a456", "000000", "121212", "123123", "123456", "654321", "789012", "٣٤٥٦٧٨",
    "550021", "212121", "112233", "123321", "147258", "159753", "111112", "000001", "789456", "258000", "2580",
    "123457", "456123", "11223", "987321", "7894561230", "1221", "0852", "305550",
])
def test_an_easy_pin_is_refused(pin):
    assert pin_problem(pin, 4 if len(pin) < 6 else 6, numbers=["21", "+49305550021", "305550"])


def test_hardly_any_pin_is_easy():
    every_so_many = [f"{number:06}" for number in range(0, 1_000_000, 97)]
    easy = [pin for pin in every_so_many if pin_problem(pin)]
    assert len(easy) < len(every_so_many) * 0.03


@pytest.mark.parametrize(("pin", "at_least"), [("294817", 6), ("8305", 4), ("1928374650", 6), ("112947", 6)])
def test_a_good_pin_is_taken(pin, at_least):
    assert pin_problem(pin, at_least, ["21"]) is None


def test_only_the_right_secret_fits_and_nothing_fits_nobody():
    known = passwords.hash_of("Regen fällt auf Bern")
    assert known.startswith("$argon2id$")
    assert passwords.verify(known, "Regen fällt auf Bern")
    assert not passwords.verify(known, "Regen fällt auf Köln")
    assert not passwords.verify(None, "compared with when there is no account")
    assert not passwords.verify("no hash at all", "x")


def test_a_missing_account_costs_the_same_work():
    known = passwords.hash_of("Regen fällt auf Bern")

    def cpu_s(of):
        began = time.process_time()
        for _ in range(5):
            passwords.verify(of, "wrong")
        return time.process_time() - began

    assert 0.4 < cpu_s(None) / cpu_s(known) < 2.5


def test_the_hub_goes_on_while_a_secret_is_hashed():
    turns = 0

    def count():
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    counting = gevent.spawn(count)
    passwords.hash_of("Regen fällt auf Bern")
    gevent.kill(counting)
    assert turns > 10
