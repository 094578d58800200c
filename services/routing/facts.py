"""Everything a rung may ask about a call, as it stands at one moment; `now` is one of the facts.

Made by directory.py from one answer of the database; decided upon by ladder.py and outgoing.py, which
touch nothing else. A setting nobody has made yet has its "off" as the default here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.barring import Range
from shared.schedule import ALWAYS, NO_NIGHT_SERVICE, NightService, Times

MOST_REDIRECTIONS = 5  # R12
MAILBOX = "mailbox:"
"""Before an extension, in the target of night service: the mailbox there, and no telephone (G6)."""
RING_S = 5  # R2: one ring
NETWORK_RING_LIMIT_S = 120
CALL_BACK_WITHIN = timedelta(minutes=60)  # N5
CALL_BACK_RINGS = 6
CALL_BACK_RING_S = CALL_BACK_RINGS * RING_S + 1
"""How long the last emergency caller's telephones ring before the call goes on as usual."""


class ForwardReason(StrEnum):
    """Why a call was sent on; the values are those of a Diversion header (RFC 5806, section 4)."""

    ALWAYS = "unconditional"
    BUSY = "user-busy"
    NO_ANSWER = "no-answer"
    NOT_REACHABLE = "unavailable"
    SELECTIVE = "time-of-day"
    NIGHT = "out-of-service"
    RULE = "follow-me"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. subscriber_id None: from outside the company."""

    subscriber_id: int | None = None
    extension: str = ""
    number: str = ""
    """E.164 of an outside caller; empty when withheld or unknown."""
    name: str = ""
    """From the company directory, never from the caller's own telephone."""
    withheld: bool = False
    """He shows no number, whether we know it (a colleague's, a trunk's for us alone) or not."""
    main_number: str = ""
    calls_back_an_emergency_call: bool = False
    """N5: he calls from an emergency number. For a call back to the site's number see CallFacts.called_site."""

    @property
    def is_internal(self) -> bool:
        return self.subscriber_id is not None


@dataclass(frozen=True, slots=True)
class CallerRule:
    """R3, R4, E1, G10: a condition about the caller and the time, and what follows when it holds.

    Rules that are switched off never become facts.
    """

    name: str
    numbers: frozenset[str] = frozenset()
    """E.164, or extensions of the company."""
    prefixes: tuple[str, ...] = ()
    """Of E.164 numbers of callers from outside."""
    internal: bool = False
    external: bool = False
    anonymous: bool = False
    times: Times = ALWAYS
    is_exception: bool = False
    """Looked at before all others; when it holds the rung is over, and the next one is asked."""
    target: str = ""
    """Of `send_to`; of selective forwarding, where empty means the common target."""
    action: str = ""
    """Enterprise rules: allow, reject, announce, send_to."""


class InterceptAction(StrEnum):
    ANNOUNCE = "announce"
    ANNOUNCE_THEN_TRANSFER = "announce_then_transfer"
    RING = "ring"


@dataclass(frozen=True, slots=True)
class Intercept:
    """G9: what somebody hears who calls one who left, and where the call goes then."""

    action: InterceptAction = InterceptAction.ANNOUNCE
    target: str = ""


@dataclass(frozen=True, slots=True)
class Forwarding:
    target: str
    """An extension of the company, or E.164."""
    rings: int = 0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """R11: when the mailbox takes a call."""

    always: bool = False
    busy: bool = False
    no_answer: bool = False
    rings: int = 4


@dataclass(frozen=True, slots=True)
class Assistant:
    subscriber_id: int
    extension: str
    device_ids: tuple[str, ...]
    do_not_disturb: bool = False


@dataclass(frozen=True, slots=True)
class ExecutiveFilter:
    """E1: whose calls the assistants take. An exception among the rules leaves its callers to the executive; the other
    rules are asked when neither `internal` nor `external` covers the caller."""

    internal: bool = True
    external: bool = True
    rules: tuple[CallerRule, ...] = ()
    assistants: tuple[Assistant, ...] = ()
    also_rings_the_executive: bool = False


@dataclass(frozen=True, slots=True)
class SimultaneousNumber:
    """R8: a number outside that rings with the telephones."""

    number: str
    confirm: bool = False
    """Whoever answers there must press 1, so that no mobile mailbox takes the call."""


@dataclass(frozen=True, slots=True)
class EmergencyCall:
    """The last one of a site (N5)."""

    subscriber_id: int
    called_at: datetime


@dataclass(frozen=True, slots=True)
class Site:
    site_id: int = 0
    country: str = "DE"
    area_code: str = ""
    main_number: str = ""
    time_zone: str = "Europe/Berlin"
    region: str = ""
    """Federal state or the like, within the country (`BE`): its holidays."""
    night: NightService = NO_NIGHT_SERVICE
    intercept_incoming: Intercept | None = None
    intercept_outgoing: Intercept | None = None
    last_emergency_call: EmergencyCall | None = None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One person's settings: all the ladder asks about the one who is called."""

    subscriber_id: int
    extension: str
    name: str = ""
    language: str = "de"
    main_number: str = ""
    site: Site = Site()
    numbers: tuple[str, ...] = ()
    """All of his, the main one and the additional ones."""
    device_ids: tuple[str, ...] = ()
    call_limit: int = 20
    calls_up: int = 0
    """Calls he is on now; 0 also when nobody knows."""
    distinctive_rings: Mapping[str, str] = field(default_factory=dict)
    """Own number -> Alert-Info (N2)."""

    intercept_incoming: Intercept | None = None
    """His own; the site's stands with the site."""
    intercept_outgoing: Intercept | None = None
    barring_incoming: tuple[Range, ...] = ()
    """Of his profile, or else of his site's."""
    barring_outgoing: tuple[Range, ...] = ()
    barring_forwarded: tuple[Range, ...] = ()
    enterprise_incoming: tuple[CallerRule, ...] = ()
    """His own, then those of his site, then those of the company."""
    enterprise_outgoing: tuple[CallerRule, ...] = ()
    negative_list_on: bool = False
    negative_list: tuple[CallerRule, ...] = ()
    positive_list_on: bool = False
    positive_list: tuple[CallerRule, ...] = ()
    rejects_anonymous: bool = False
    selective_forwarding_on: bool = False
    selective_forwarding_target: str = ""
    """Of the rules that name none."""
    selective_forwarding: tuple[CallerRule, ...] = ()

    forward_always: Forwarding | None = None
    forward_always_splash: bool = False
    """R1: one short ring at the desk meanwhile."""
    forward_busy: Forwarding | None = None
    forward_no_answer: Forwarding | None = None
    forward_not_reachable: Forwarding | None = None
    mailbox: Mailbox = Mailbox()

    executive_filter: ExecutiveFilter | None = None
    do_not_disturb: bool = False
    dnd_reminder: bool = False
    """R6: one short ring at the desk."""
    call_waiting: bool = True
    call_waiting_off_once: bool = False
    """R7: switched off for the call he is on now."""
    remote_office: str = ""
    """Not empty: Remote Office is on, with this number (R9)."""
    simultaneous_ring: tuple[SimultaneousNumber, ...] = ()
    """Empty while R8 is switched off."""
    simultaneous_ring_not_when_busy: bool = False
    shared_line_device_ids: tuple[str, ...] = ()
    speed_dials: Mapping[str, str] = field(default_factory=dict)
    """00 to 99 -> what is dialled; his site's where he has none of his own."""
    number_suppressed: bool = False
    """O2: for all calls that leave."""
    shown_number: str = ""
    """O2: one of his own numbers; empty: the main one."""


@dataclass(frozen=True, slots=True)
class Company:
    company_id: int
    domain: str
    trunks: tuple[str, ...] = ()
    """Gateways in the order they are tried (O4)."""
    allowed_classes: frozenset[str] = frozenset()
    codes: Mapping[str, str] = field(default_factory=dict)
    """Function -> the company's own feature code, where it changed one."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """One step the call was already sent on: from whom, and why."""

    place: str
    number: str
    name: str
    reason: ForwardReason


class HandedOutBy(StrEnum):
    """What hands a call to a member instead of the caller having dialled him (G2)."""

    HUNT_GROUP = "hunt_group"
    QUEUE = "queue"
    GROUP_CALL = "group_call"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call that enters a subscriber's ladder."""

    now: datetime
    company: Company
    caller: Caller
    callee_id: int | None
    """None: what was dialled is a site's number and nobody's own."""
    people: Mapping[int, Subscriber]
    """The callee, and everyone his forwards lead to within the company; of `called_site` the last emergency caller."""
    owners: Mapping[str, int] = field(default_factory=dict)
    """Extension or number of a forward -> subscriber of the company."""
    dialled: str = ""
    redirections: tuple[Redirection, ...] = ()
    handed_out_by: HandedOutBy | None = None
    called_site: Site | None = None
    """Set when what was dialled from outside is the main number of this site (N5)."""
    nobody: Subscriber | None = None
    """While callee_id is None: stands for whoever would have the number of a site that was dialled."""
    handed_on_by: frozenset[str] = frozenset()
    """Extensions at which the call was answered before somebody transferred it here."""
    callee: Subscriber = field(init=False, repr=False, compare=False)
    """Whose ladder it is; not to be asked for while callee_id is None."""

    def __post_init__(self) -> None:
        if self.callee_id is not None:
            object.__setattr__(self, "callee", self.people[self.callee_id])

    def sent_on(self, redirection: Redirection, callee_id: int, dialled: str) -> CallFacts:
        """The same call at the next one's ladder, where it comes as from its caller, not from a group."""
        return CallFacts(
            self.now, self.company, self.caller, callee_id, self.people, self.owners, dialled,
            (*self.redirections, redirection), handed_on_by=self.handed_on_by)

    def calling_back(self, callee_id: int) -> CallFacts:
        """The same call as one to the site's last emergency caller."""
        caller = replace(self.caller, calls_back_an_emergency_call=True)
        return CallFacts(self.now, self.company, caller, callee_id, self.people, self.owners, self.dialled)


class Presentation(StrEnum):
    """Whether the called person sees the caller's number (O2)."""

    AS_SET = "as_set"
    """As the subscriber set it for all his calls."""
    SUPPRESSED_ONCE = "suppressed_once"
    SHOWN_ONCE = "shown_once"


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a subscriber dialled, read with his site's country and area code."""

    digits: str
    number: str = ""
    """E.164, empty when it is none."""
    number_class: str = ""
    is_emergency: bool = False
    presentation: Presentation = Presentation.AS_SET
    """What a code in front of the number said (*67, *65)."""
    lamp_owner_id: int | None = None
    """For a lamp key: whom it shows, resolved through presence's watched list."""
    is_lamp: bool = False
    pick_up_leg_uuid: str = ""
    """For a lamp key: a call that rings there now."""


@dataclass(frozen=True, slots=True)
class CodeDialled:
    """What the feature code that was dialled means (codes/meaning.py)."""

    function: str
    """Of the table in feature_codes.py; empty when there is no such code."""
    argument: str = ""
    number: str = ""
    """It calls this number, which climbs the rungs as if it had been dialled; empty: it does something."""
    refused: str = ""
    """Not empty: it was dialled wrongly, or is not there yet; the prompt that says so."""

    @property
    def presentation(self) -> Presentation:
        once = {"suppress_number_once": Presentation.SUPPRESSED_ONCE, "show_number_once": Presentation.SHOWN_ONCE}
        return once.get(self.function, Presentation.AS_SET)


@dataclass(frozen=True, slots=True)
class OutgoingFacts:
    """A call that a subscriber makes."""

    now: datetime
    company: Company
    subscriber: Subscriber | None
    """None: the leg belongs to the company, but is nobody's telephone (a caller somebody transferred)."""
    caller: Caller
    dialled: Dialled
    owner_id: int | None
    """Subscriber of the same company who owns what was dialled, or whom the lamp key shows."""
    people: Mapping[int, Subscriber]
    owners: Mapping[str, int] = field(default_factory=dict)
    code: CodeDialled | None = None
    handed_on_by: frozenset[str] = frozenset()
    """Extensions at which the call was answered before somebody transferred it."""
