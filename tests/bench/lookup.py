"""How long the facts of one call take, in a database of 1,000 subscribers and in one of 1,000,000.

python -m tests.bench.lookup prints {"lookup_ms": {"1000": …, "1000000": …}}; the big one is filled in some minutes.

Measured is what a call waits for: Directory.look_up, from the question to the facts as the rungs read them, for
internal calls and calls from outside among people with ordinary settings, each to another one.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from typing import Any

SIZES = (1_000, 1_000_000)
LOOK_UPS = 2_000
WARM_UP = 300
PEOPLE_OF_A_COMPANY = 1_000
PEOPLE_OF_A_SITE = 100

# Person n (from 0) is number n % 1000 of company n / 1000: extension 20000 + that, number +4930 and ten digits of n.
# Each has a telephone and a mailbox, every second some setting, every third a forward, every tenth rules; and every
# tenth is the number of a customer, whose name the company knows.
_FILL = """
INSERT INTO directory.companies (company_id, name, sip_domain)
SELECT c, 'Company ' || c, 'c' || c || '.example' FROM generate_series(1, {companies}) c;
INSERT INTO directory.sites (company_id, site_id, name, area_code, main_number)
SELECT s / {sites} + 1, s + 1, 'Site ' || s, '30', '+4940' || lpad(s::text, 8, '0')
FROM generate_series(0, {companies} * {sites} - 1) s;
INSERT INTO directory.trunks (company_id, name, position)
SELECT c, 'trunk-' || c || '-' || p, p FROM generate_series(1, {companies}) c, generate_series(1, 2) p;
INSERT INTO directory.subscribers (company_id, subscriber_id, site_id, first_name, last_name, extension, mobile_number)
SELECT n / {people} + 1, n + 1, n / {people_of_a_site} + 1, 'Person', n::text, (20000 + n % {people})::text,
       CASE WHEN n % 2 = 0 THEN '+49171' || lpad(n::text, 8, '0') END
FROM generate_series(0, {size} - 1) n;
INSERT INTO directory.numbers (number, company_id, site_id, subscriber_id, is_main)
SELECT '+4930' || lpad(n::text, 10, '0'), n / {people} + 1, n / {people_of_a_site} + 1, n + 1, true
FROM generate_series(0, {size} - 1) n;
INSERT INTO directory.devices (company_id, device_id, subscriber_id, sip_ha1, lamp_key)
SELECT n / {people} + 1, 'device-' || n, n + 1, repeat('a', 32), 'key' || lpad(n::text, 10, '0')
FROM generate_series(0, {size} - 1) n;
INSERT INTO voicemail.mailboxes (company_id, subscriber_id)
SELECT n / {people} + 1, n + 1 FROM generate_series(0, {size} - 1) n;
INSERT INTO routing.barring_profiles (company_id, profile_id, name)
SELECT c, c, 'Ordinary' FROM generate_series(1, {companies}) c;
INSERT INTO routing.barring_ranges (company_id, profile_id, part, prefix, allowed)
SELECT c, c, part, '+49' || p, false FROM generate_series(1, {companies}) c, generate_series(900, 904) p,
       unnest(ARRAY['incoming', 'outgoing', 'forwarded']) part;
INSERT INTO routing.site_settings (company_id, site_id, barring_profile_id)
SELECT s / {sites} + 1, s + 1, s / {sites} + 1 FROM generate_series(0, {companies} * {sites} - 1) s;
INSERT INTO routing.call_settings (company_id, subscriber_id, call_waiting)
SELECT n / {people} + 1, n + 1, n % 4 = 0 FROM generate_series(0, {size} - 1, 2) n;
INSERT INTO routing.forwardings (company_id, subscriber_id, kind, target, rings)
SELECT n / {people} + 1, n + 1, 'no_answer', (20000 + (n + 500) % {people})::text, 4
FROM generate_series(0, {size} - 1, 3) n;
INSERT INTO routing.call_rules (company_id, list, subscriber_id, position, name, prefixes)
SELECT n / {people} + 1, 'negative', n + 1, p, 'Rule ' || p, ARRAY['+49' || p]
FROM generate_series(0, {size} - 1, 10) n, generate_series(1, 3) p;
INSERT INTO routing.call_rules (company_id, list, position, name, prefixes, action)
SELECT c, 'enterprise_incoming', 1, 'Nobody from there', ARRAY['+8'], 'reject'
FROM generate_series(1, {companies}) c;
INSERT INTO directory.contacts (company_id, contact_id, organisation)
SELECT n / {people} + 1, n + 1, 'Customer ' || n FROM generate_series(0, {size} - 1, 10) n;
INSERT INTO directory.contact_numbers (company_id, contact_id, position, label, number)
SELECT n / {people} + 1, n + 1, 1, 'work', '+4989' || lpad(n::text, 10, '0') FROM generate_series(0, {size} - 1, 10) n;
INSERT INTO presence.calls_up_confirmed (at) VALUES (now() + interval '1 day');
INSERT INTO presence.calls_up (company_id, subscriber_id, leg_uuids)
SELECT n / {people} + 1, n + 1, ARRAY[gen_random_uuid()] FROM generate_series(0, {size} - 1, 100) n;
"""
# What every change tells the switch costs more than the row itself, and nobody listens here.
_TOLD = ("directory.subscribers", "directory.numbers", "directory.devices", "directory.trunks", "voicemail.mailboxes",
         "directory.companies", "directory.sites")


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """{"lookup_ms": {"<subscribers>": median}}: one process for each size, so that none inherits a warm one."""
    found = {}
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.lookup", str(size)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"look-ups among {size} subscribers: {done.stderr.strip()[-500:]}")
        found[str(size)] = json.loads(done.stdout.splitlines()[-1])  # before it may stand that servers start
    return {"lookup_ms": found}


def fill(admin_url: str, size: int) -> None:
    """size subscribers in companies of 1,000, with the settings people have; then VACUUM ANALYZE."""
    import psycopg2

    connection = psycopg2.connect(admin_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off; SET pbx.company = 'platform'")
            for table in _TOLD:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in _FILL.format(
                size=size, companies=max(1, size // PEOPLE_OF_A_COMPANY), people=PEOPLE_OF_A_COMPANY,
                people_of_a_site=PEOPLE_OF_A_SITE, sites=PEOPLE_OF_A_COMPANY // PEOPLE_OF_A_SITE,
            ).split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
            cursor.execute("VACUUM ANALYZE")
    finally:
        connection.close()


def median_ms(routing_url: str, size: int) -> float:
    from services.routing.directory import Directory
    from services.routing.memory import Asked, Memory
    from shared.database import Database

    database = Database(routing_url)
    directory = Directory(database, Memory(), deadline_s=5)
    dice = random.Random(size)

    def asked(turn: int) -> Asked:
        callee = dice.randrange(size)
        if turn % 2:
            number = f"+4930{callee:010}"
            customer = f"+4989{callee - callee % 10:010}"  # the company's contact
            return Asked(trunk=f"trunk-{callee // PEOPLE_OF_A_COMPANY + 1}-1", dialled=number, dialled_number=number,
                         caller_number=customer)
        colleague = callee - callee % PEOPLE_OF_A_COMPANY + dice.randrange(min(size, PEOPLE_OF_A_COMPANY))
        return Asked(device_id=f"device-{colleague}", dialled=str(20000 + callee % PEOPLE_OF_A_COMPANY))

    took = []
    try:
        for turn in range(WARM_UP + LOOK_UPS):
            question = asked(turn)
            began = time.perf_counter()
            directory.look_up(question)
            if turn >= WARM_UP:
                took.append(time.perf_counter() - began)
    finally:
        database.close()
    return round(statistics.median(took) * 1000, 3)


def main() -> None:
    from operations.testing import scratch_database

    if len(sys.argv) < 2:
        print(json.dumps(measure()))
        return
    size = int(sys.argv[1])
    with scratch_database() as database:
        fill(database.admin_url, size)
        print(median_ms(database.role_urls["routing"], size))


if __name__ == "__main__":
    from shared import patched  # noqa: F401

    main()
