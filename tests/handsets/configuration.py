"""The configuration of the FreeSWITCH that plays the telephones and the carrier.

A telephone is a gateway of the profile "handsets": it registers, its name comes back in sip_gateway of every
call to it (extension-in-contact), its message lamp is a subscription. The carrier is a profile of its own on
the port where the system's trunk sends, with one gateway towards the system's external profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

MODULES = ("mod_logfile", "mod_event_socket", "mod_sofia", "mod_commands", "mod_dptools", "mod_dialplan_xml",
           "mod_sndfile", "mod_tone_stream", "mod_spandsp", "mod_opus")


@dataclass(frozen=True)
class Login:
    """What stands on a telephone's settings page."""

    device: str
    domain: str
    password: str


@dataclass(frozen=True)
class Places:
    """Where the telephones find the system, and the ports they have themselves."""

    system_host: str
    system_internal_port: int
    system_external_port: int
    handset_port: int
    carrier_port: int
    esl_port: int
    esl_password: str
    rtp_start: int
    rtp_end: int
    second_carrier_port: int = 0
    """0: there is one carrier only."""


def write(folder: Path, places: Places, logins: Iterable[Login]) -> Path:
    """Writes freeswitch.xml and the gateways; comes back with the folder for -conf."""
    conf = folder / "conf"
    (conf / "gateways").mkdir(parents=True, exist_ok=True)
    for old in (conf / "gateways").glob("*.xml"):
        old.unlink()
    for login in logins:
        write_gateway(conf, places, login)
    (conf / "freeswitch.xml").write_text(_DOCUMENT.format(
        modules="".join(f'<load module="{name}"/>' for name in MODULES),
        handset_port=places.handset_port,
        carriers="".join(_CARRIER.format(name=name, port=port, host=places.system_host,
                                         external=places.system_external_port)
                         for name, port in (("carrier", places.carrier_port), ("carrier-2", places.second_carrier_port))
                         if port),
        esl_port=places.esl_port, esl_password=places.esl_password,
        rtp_start=places.rtp_start, rtp_end=places.rtp_end))
    return conf


def write_gateway(conf: Path, places: Places, login: Login) -> None:
    """retry-seconds below 5 is taken for 30 (sofia.c, parse_gateways). Not registered until told to.

    It subscribes once, when it registers by itself at the start, for longer than stories take: it renews when it likes,
    registered or not (sofia_reg.c, sofia_sub_check_gateway), and what it asks for after the challenge is expire-seconds
    of the gateway (sofia_reg_handle_sip_r_challenge).
    """
    values = {
        "username": login.device, "password": login.password, "realm": login.domain, "from-domain": login.domain,
        "proxy": f"{places.system_host}:{places.system_internal_port}",
        "register": "true", "expire-seconds": "3600", "retry-seconds": "5", "extension-in-contact": "true",
        "caller-id-in-from": "false",
    }
    params = "".join(f"<param name={quoteattr(name)} value={quoteattr(value)}/>" for name, value in values.items())
    (conf / "gateways" / f"{login.device}.xml").write_text(
        # FreeSWITCH drops the whole line of an include tag.
        f"<include>\n<gateway name={quoteattr(login.device)}>{params}"
        '<subscriptions><subscription event="message-summary">'
        '<param name="content-type" value="application/simple-message-summary"/></subscription></subscriptions>'
        "</gateway>\n</include>\n")


_PROFILE = """
        <param name="sip-ip" value="127.0.0.1"/><param name="rtp-ip" value="127.0.0.1"/>
        <param name="dialplan" value="XML"/><param name="rtp-timer-name" value="soft"/>
        <param name="inbound-codec-prefs" value="PCMA,PCMU"/><param name="outbound-codec-prefs" value="PCMA,PCMU"/>
        <param name="dtmf-type" value="rfc2833"/><param name="auth-calls" value="false"/>
        <param name="inbound-late-negotiation" value="true"/><param name="manage-presence" value="false"/>
        <param name="parse-all-invite-headers" value="true"/><param name="tls" value="false"/>"""

_CARRIER = """
    <profile name="{name}">
      <gateways>
        <gateway name="exchange-{name}">
          <param name="username" value="carrier"/><param name="password" value="none"/>
          <param name="realm" value="{host}"/><param name="proxy" value="{host}:{external}"/>
          <param name="register" value="false"/><param name="caller-id-in-from" value="true"/>
        </gateway>
      </gateways>
      <settings>
        <param name="sip-port" value="{port}"/><param name="context" value="telephone"/>
        <param name="caller-id-type" value="pid"/>""" + _PROFILE + """
      </settings>
    </profile>
"""

_DOCUMENT = """<?xml version="1.0"?>
<document type="freeswitch/xml">
 <section name="configuration">
  <configuration name="modules.conf"><modules>{modules}</modules></configuration>
  <configuration name="switch.conf"><settings>
    <param name="loglevel" value="info"/><param name="max-sessions" value="1000"/>
    <param name="sessions-per-second" value="200"/>
    <param name="rtp-start-port" value="{rtp_start}"/><param name="rtp-end-port" value="{rtp_end}"/>
  </settings></configuration>
  <configuration name="event_socket.conf"><settings>
    <param name="listen-ip" value="127.0.0.1"/><param name="listen-port" value="{esl_port}"/>
    <param name="password" value="{esl_password}"/><param name="stop-on-bind-error" value="true"/>
  </settings></configuration>
  <configuration name="logfile.conf"><settings/><profiles><profile name="default"><settings>
    <param name="logfile" value="$${{log_dir}}/freeswitch.log"/><param name="uuid" value="true"/></settings>
    <mappings><map name="all" value="console,info,notice,warning,err,crit,alert"/></mappings>
  </profile></profiles></configuration>
  <configuration name="sofia.conf"><profiles>
    <profile name="handsets">
      <gateways>
        <X-PRE-PROCESS cmd="include" data="gateways/*.xml"/>
      </gateways>
      <settings>
        <param name="sip-port" value="{handset_port}"/><param name="context" value="telephone"/>""" + _PROFILE + """
      </settings>
    </profile>
{carriers}  </profiles></configuration>
 </section>
 <section name="dialplan">
  <context name="telephone">
   <extension name="ring"><condition>
     <action application="ring_ready"/>
     <action application="set" data="send_silence_when_idle=-1"/>
     <action application="park"/>
   </condition></extension>
  </context>
 </section>
 <section name="directory"/>
</document>
"""
