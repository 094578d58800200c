"""A stand-in for FreeSWITCH on a machine without one: the event socket in both directions, no SIP.

bytes -> listener -> command -> channel -> event -> bytes; telephones are driven over the same socket.
"""
