"""A real FreeSWITCH with a scratch configuration: one SIP profile that calls itself, free ports, own folders."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.handsets.process import AudioPorts

MODULES = (
    "mod_console",
    "mod_logfile",
    "mod_event_socket",
    "mod_sofia",
    "mod_loopback",
    "mod_commands",
    "mod_dptools",
    "mod_dialplan_xml",
    "mod_sndfile",
    "mod_tone_stream",
)

CONFIGURATION = """<?xml version="1.0"?>
<document type="freeswitch/xml">
  <section name="configuration">
    <configuration name="switch.conf">
      <settings>
        <param name="loglevel" value="warning"/>
        <param name="max-sessions" value="500"/>
        <param name="sessions-per-second" value="200"/>
        <param name="rtp-start-port" value="{rtp_start}"/>
        <param name="rtp-end-port" value="{rtp_end}"/>
        <param name="event-heartbeat-interval" value="1"/>
      </settings>
    </configuration>
    <configuration name="modules.conf"><modules>{modules}</modules></configuration>
    <configuration name="logfile.conf">
      <profiles><profile name="default"><settings/>
        <mappings><map name="all" value="notice,warning,err,crit,alert"/></mappings>
      </profile></profiles>
    </configuration>
    <configuration name="event_socket.conf">
      <settings>
        <param name="listen-ip" value="127.0.0.1"/>
        <param name="listen-port" value="{esl_port}"/>
        <param name="password" value="{password}"/>
        <param name="stop-on-bind-error" value="true"/>
      </settings>
    </configuration>
    <configuration name="sofia.conf">
      <profiles>
        <profile name="lab">
          <settings>
            <param name="sip-ip" value="127.0.0.1"/>
            <param name="rtp-ip" value="127.0.0.1"/>
            <param name="sip-port" value="{sip_port}"/>
            <param name="context" value="lab"/>
            <param name="dialplan" value="XML"/>
            <param name="auth-calls" value="false"/>
            <param name="rtp-timer-name" value="soft"/>
            <param name="inbound-codec-prefs" value="PCMU"/>
            <param name="outbound-codec-prefs" value="PCMU"/>
            <param name="manage-presence" value="true"/>
          </settings>
        </profile>
      </profiles>
    </configuration>
    <configuration name="timezones.conf"><timezones/></configuration>
    <configuration name="post_load_modules.conf"><modules/></configuration>
  </section>
  <section name="dialplan">
    <context name="lab">
      <extension name="sync">
        <condition field="destination_number" expression="^sync-(\\d+)$">
          <action application="socket" data="127.0.0.1:$1"/>
          <action application="hangup" data="CALL_REJECTED"/>
        </condition>
      </extension>
      <extension name="async">
        <condition field="destination_number" expression="^async-(\\d+)$">
          <action application="socket" data="127.0.0.1:$1 async full"/>
          <action application="hangup" data="CALL_REJECTED"/>
        </condition>
      </extension>
      <extension name="guarded">
        <condition field="destination_number" expression="^guarded-(\\d+)$">
          <action application="sched_transfer" data="+3 given-back XML lab"/>
          <action application="socket" data="127.0.0.1:$1 async full"/>
          <action application="hangup" data="CALL_REJECTED"/>
        </condition>
      </extension>
      <extension name="given-back">
        <condition field="destination_number" expression="^given-back$">
          <action application="hangup" data="CALL_REJECTED"/>
        </condition>
      </extension>
      <extension name="answer">
        <condition field="destination_number" expression="^answer$">
          <action application="answer"/>
          <action application="park"/>
        </condition>
      </extension>
      <extension name="ring">
        <condition field="destination_number" expression="^ring$">
          <action application="ring_ready"/>
          <action application="sleep" data="30000"/>
        </condition>
      </extension>
      <extension name="bridge">
        <condition field="destination_number" expression="^bridge$">
          <action application="set" data="presence_id=21@lab.example"/>
          <action application="set" data="pbx_call_id=4f1c2f10-4e3a-4a59-9c59-1c9b5f2f6a10"/>
          <action application="bridge" data="{{presence_id=22@lab.example}}sofia/lab/answer@127.0.0.1:{sip_port}"/>
        </condition>
      </extension>
    </context>
  </section>
  <section name="directory"/>
</document>
"""


def find_freeswitch() -> str | None:
    """The switch's program, from FREESWITCH_BIN, PATH or the usual folders."""
    named = os.environ.get("FREESWITCH_BIN")
    if named:
        return named if os.access(named, os.X_OK) else None
    on_path = shutil.which("freeswitch")
    if on_path:
        return on_path
    folders = [Path("/usr/local/freeswitch/bin"), Path("/usr/local/bin"), *sorted(Path("/opt").glob("*/bin"))]
    for folder in folders:
        if os.access(folder / "freeswitch", os.X_OK):
            return str(folder / "freeswitch")
    return None


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LiveSwitch:
    """Started by start(), ready when its event socket lets a client in; stop() ends exactly this process."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="esl-live-"))
        self.esl_port = free_port()
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self.audio = AudioPorts()
        self.password = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        text = CONFIGURATION.format(
            modules="".join(f'<load module="{module}"/>' for module in MODULES),
            rtp_start=self.audio.first,
            rtp_end=self.audio.last,
            esl_port=self.esl_port,
            sip_port=self.sip_port,
            password=self.password,
        )
        command = [self.program, "-nf", "-nc", "-nonat", "-nosql"]
        for option in ("conf", "log", "run", "db", "scripts", "temp", "recordings", "certs", "htdocs", "grammar"):
            folder = self.folder / option
            folder.mkdir(exist_ok=True)
            command += [f"-{option}", str(folder)]
        (self.folder / "conf" / "freeswitch.xml").write_text(text)
        self._command = command
        self._spawn()

    def _spawn(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def restart(self) -> None:
        """Killed, and up again on the same ports."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self._spawn()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.audio.give_back()
        shutil.rmtree(self.folder, ignore_errors=True)
