"""Voicemail: greetings, deposit, e-mail, message lamp.

    call -> deposit (dialogue) -> recording in the spool -> store (message row + outbox) -> lamp
                                                         -> tasks: level and MP3, mail
"""
