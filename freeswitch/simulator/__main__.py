"""`python -m freeswitch.simulator`: the switch of an instance on a machine without FreeSWITCH."""

from shared import patched  # isort: skip  # noqa: F401  (before everything else)

import signal

import gevent
import gevent.event
import structlog

from freeswitch.simulator.settings import from_environment
from freeswitch.simulator.switch import Switch
from freeswitch.simulator.xml_config import ConfigurationError
from shared import logs
from shared.settings import stop_start


def main() -> None:
    settings = from_environment()
    logs.configure("simulator", settings.log_level)
    try:
        switch = Switch(settings)
    except ConfigurationError as error:
        stop_start(str(error))
    try:
        switch.start()
    except OSError as error:
        stop_start(f"cannot listen on {settings.esl_host}:{settings.esl_port}: {error.strerror} (PBX_ESL_PORT)")
    structlog.get_logger().info("simulator is ready", port=switch.port)
    stop = gevent.event.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    stop.wait()
    switch.stop()


if __name__ == "__main__":
    main()
