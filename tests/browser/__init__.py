"""A real browser in the tests: Debian's chromium, driven by playwright in a process of its own.

    test -> Page.get_by_role(…).click() -> one line of JSON -> child.py -> playwright -> chromium
"""
