"""The phone book: colleagues, the company's contacts, one's own (C7).

Here and not with click-to-dial, since routing owns who is in a company, reads numbers as they are written at a
site, and names in its log of calls whom a number belongs to.
"""
