"""A company from one file (N6): read, compared with what is there, shown as a plan, applied whole or not at all.

    text -> marks.read -> document.load -> wanted.of -> State  \\
                                                                compare -> Changes -> write
                                     database -> present.of -> State  /

Only present, write and settings touch the database; use_case puts it together; __main__ is a process of its own, so
that the work of a large file is never done where calls are answered.
"""
