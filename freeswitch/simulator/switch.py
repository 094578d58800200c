"""The simulated switch: what all parts share, put together from settings and freeswitch/conf."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
import structlog
from gevent.server import StreamServer

from freeswitch.simulator import audio, events, xml_config
from freeswitch.simulator.directory import Directory
from freeswitch.simulator.events import EventBus, SwitchEvent
from freeswitch.simulator.gateways import Gateways
from freeswitch.simulator.lamps import Lamps
from freeswitch.simulator.registrar import Registrar
from freeswitch.simulator.scheduler import Scheduler
from freeswitch.simulator.settings import SimulatorSettings
from freeswitch.simulator.telephones import Telephones

if TYPE_CHECKING:
    from freeswitch.simulator.channel import Channel

log = structlog.get_logger()

HEARTBEAT_S = 20  # event-heartbeat-interval of switch.conf, 20 when not set (switch_core.c)


class Switch:
    def __init__(self, settings: SimulatorSettings) -> None:
        from freeswitch.simulator.api_commands import Api

        self.settings = settings
        self.bus = EventBus()
        self.globals = self._first_globals()
        self.configuration = xml_config.load(settings.configuration, self.globals)
        self._read_configuration()
        self.directory = Directory(self.configuration)
        self.gateways = Gateways(self)
        self.scheduler = Scheduler()
        self.channels: dict[str, Channel] = {}
        self.registrar = Registrar(self)
        self.telephones = Telephones(self)
        self.lamps = Lamps(self)
        self.api = Api(self)
        self.started_at = time.time()
        self.sessions = 0
        self.peak = 0
        self._music: audio.Sound | None = None
        self._server: StreamServer | None = None
        self._heart: gevent.Greenlet[..., None] | None = None

    def _first_globals(self) -> dict[str, str]:
        """What the core sets before it reads its configuration (switch_core.c, switch_load_core_config)."""
        run = str(self.settings.run)
        return {
            "hostname": events.HOSTNAME, "local_ip_v4": "127.0.0.1", "core_uuid": events.CORE_UUID,
            "switchname": events.HOSTNAME, "domain": "127.0.0.1", "run_dir": run, "log_dir": run, "base_dir": run,
            "conf_dir": str(self.settings.configuration), "sounds_dir": str(self.settings.sounds),
            "recordings_dir": str(self.settings.spool),
        }  # fmt: skip

    def _read_configuration(self) -> None:
        root = self.configuration.root
        self._allowed = {one.get("name", "") for one in root.iter("allow")}
        self.modules = [one.get("module", "") for one in root.iter("load")]
        listening = [one for one in root.iter("profile") if one.find("settings/param[@name='sip-port']") is not None]
        self.profiles = [one.get("name", "") for one in listening]
        interval = root.find(".//param[@name='event-heartbeat-interval']")
        self.heartbeat_s = int(interval.get("value", "")) if interval is not None else HEARTBEAT_S

    def reload(self) -> None:
        """reloadxml: a configuration that cannot be read leaves the old one in force."""
        try:
            self.configuration = xml_config.load(self.settings.configuration, self.globals)
        except xml_config.ConfigurationError as error:
            log.error("the configuration was not read again", reason=str(error))
            return
        self._read_configuration()

    def allows(self, name: str, kind: str) -> bool:
        """interface-allowlist: module, module.name, or module.name.app|api; without a list everything is."""
        if not self._allowed:
            return True
        wanted = (f".{name}.{kind}", f".{name}")
        return any(one.endswith(wanted) for one in self._allowed)

    # Legs

    def remember(self, channel: Channel) -> None:
        self.channels[channel.uuid] = channel
        self.sessions += 1
        self.peak = max(self.peak, len(self.channels))

    def forget(self, channel: Channel) -> None:
        self.channels.pop(channel.uuid, None)
        self.scheduler.cancel_group(channel.uuid)

    def expand_api(self, command: str, arguments: str, channel: Channel | None) -> str | None:
        """${command(arguments)}: nothing where the command is refused (switch_channel.c)."""
        if not self.allows(command, "api"):
            log.error("refused in an expansion", command=command)
            return None
        return self.api.run(command, arguments)

    def hold_music(self) -> audio.Sound:
        if self._music is None:
            files = sorted((self.settings.sounds / "music").glob("*.wav"))
            parts: list[audio.Sound] = [audio.WavFile(file) for file in files[:1]]
            self._music = audio.Sequence(parts, None) if parts else audio.Silence()
        return self._music

    def take_sent_event(self, event: SwitchEvent) -> bool:
        """What a service sends with sendevent; False for what nobody here would hear."""
        if event.name == "PRESENCE_IN":
            self.lamps.presence_in(event)
        elif event.name == "MESSAGE_WAITING":
            self.lamps.message_waiting(event)
        elif event.name != "CUSTOM":
            return False
        return True

    # Running

    def start(self) -> None:
        """Listens; OSError when the port is taken."""
        from freeswitch.simulator.listener import serve

        self._server = StreamServer(
            (self.settings.esl_host, self.settings.esl_port), lambda sock, address: serve(self, sock, address)
        )
        self.gateways.scan()
        self._server.start()
        self._heart = gevent.spawn(self._beat)

    @property
    def port(self) -> int:
        if self._server is None or self._server.server_port is None:
            raise RuntimeError("not listening yet")
        return self._server.server_port

    def stop(self) -> None:
        for channel in list(self.channels.values()):
            channel.hangup("SYSTEM_SHUTDOWN")
        if self._heart is not None:
            self._heart.kill(block=False)
        if self._server is not None:
            self._server.stop(timeout=1)

    def _beat(self) -> None:
        while True:
            gevent.sleep(self.heartbeat_s)
            self.bus.fire(events.heartbeat(len(self.channels), self.started_at, self.sessions))

