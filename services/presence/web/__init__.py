"""The page people open in a browser: colleagues and their lamps, calls, mailbox; for operators the whole system.

    browser --cookie--> Door -> the API of this service, or forward.py -> the API of another one
                        (rules.py: only what this page itself asks for)

One origin for everything, so no service needs to let foreign pages in (CORS).
"""
