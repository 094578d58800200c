"""Press a key to accept: a leg that was answered has the call only then (switch_ivr_originate.c, check_channel_status
and collect_thread_run). Until then it is asked, the others ring on, and a time of its own runs.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from freeswitch.simulator import media
from freeswitch.simulator.audio import SoundError
from freeswitch.simulator.channel import Channel
from freeswitch.simulator.variables import leading_int

log = structlog.get_logger()


class Confirmation:
    def __init__(self, channel: Channel, key: str, timeout_s: int) -> None:
        self._channel = channel
        self._key = key
        self.timeout_s = timeout_s
        self.asked = False

    def ask(self) -> None:
        self.asked = True
        file = self._channel.get_variable("group_confirm_file")
        if file and self._channel.telephone is not None:
            try:
                self._channel.telephone.hearing.say(media.open_sound(self._channel, file))
            except SoundError as error:
                log.error("cannot be played", reason=str(error))

    def given(self) -> bool:
        """Each key that is not it is asked again for: so only the last one counts."""
        while self._channel.digits:
            if self._channel.take_key() == self._key:
                # CF_WINNER in check_channel_status (switch_ivr_originate.c) unsets what asked for the key.
                self._channel.set_variable("group_confirm_key", None)
                return True
        return False


def confirmation_of(channel: Channel, variables: Mapping[str, str]) -> Confirmation | None:
    key = variables.get("group_confirm_key")
    if not key:
        return None
    return Confirmation(channel, key, leading_int(variables.get("group_confirm_timeout")))
