"""Two companies as the tests of presence know them."""

from __future__ import annotations

from services.presence.people import Device, People, Person

DOMAIN = "musterbau.example"
ANNA = Person(1, 101, "21", "Anna Ahrens", DOMAIN)
BERND = Person(1, 102, "22", "Bernd Bauer", DOMAIN)
CLARA = Person(1, 103, "23", "Clara <Chef> & Co", DOMAIN)
ULF = Person(2, 201, "21", "Ulf Unger", "konkurrenz.example")
DEVICES = (
    Device("anna-desk", 101, "annadeskkey"),
    Device("anna-soft", 101, "annasoftkey"),
    Device("bernd-desk", 102, "bernddeskkey"),
    Device("clara-desk", 103, "claradeskkey"),
    Device("ulf-desk", 201, "ulfdeskkey0"),
)
PEOPLE = People((ANNA, BERND, CLARA, ULF), DEVICES, {101: {1: 102, 2: 103}, 102: {1: 101}})
