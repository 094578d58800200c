"""The voice portal: a mailbox by telephone (V2, V6).

    hands (the switch's call) <-> dialogue (what is said, what a key does) -> access (PIN), box (messages), greetings
"""
