"""Feature codes: dialled at a handset, answered in words, the setting is made, and calls go by it (F1)."""

from __future__ import annotations

from operations.story_report import proves
from tests.scenarios.dialled_codes import as_before, change, dials, digits, setting
from tests.scenarios.spoken import LIKE, hears, likeness, prompt
from tests.scenarios.stage import Sound, Stage

SWITCHES = (
    ("anna", "*78", "*79", None, "do_not_disturb", "enabled", "do-not-disturb"),
    ("bernd", "*77", "*87", "*52*", "anonymous_rejection", "enabled", "anonymous-rejection"),
    ("clara", "*43", "#43", "*53*", "call_waiting", "enabled", "call-waiting"),
    ("david", "*31", "#31", "*54*", "shown_number", "suppressed", "suppress-number"),
)


@proves("F1", "R5", "R6", "R7", "O2")
def test_switches_go_on_and_off_and_say_how_they_stand(stage: Stage) -> None:
    for on, code in ((True, 1), (False, 2)):
        word = "on" if on else "off"
        dials(stage, *((one[0], one[code], [f"{one[6]}-{word}"]) for one in SWITCHES),
              *((one[0], one[3], [f"{one[6]}-{word}"]) for one in SWITCHES if one[3]))
        for who, _, _, _, name, field, _ in SWITCHES:
            assert setting(stage, who, name)[field] is on, (who, name)
    change(stage, "clara", "call_waiting", {"enabled": True})


FORWARDS = (
    ("anna", "*72", "*73", "*21*", "always", "forward-always"),
    ("bernd", "*90", "*91", "*67*", "busy", "forward-busy"),
    ("clara", "*92", "*93", "*61*", "no_answer", "forward-no-answer"),
    ("david", "*94", "*95", "*63*", "not_reachable", "forward-not-reachable"),
)


@proves("F1", "R1", "R2")
def test_each_forward_goes_on_with_a_number_off_and_on_again_with_the_stored_one(stage: Stage) -> None:
    def said(one, number):
        rings = ["after", "number-4", "rings"] if one[4] == "no_answer" else []
        return [f"{one[5]}-is-set-to", *digits(number), *rings]

    with as_before(stage, "anna", "forwardings"), as_before(stage, "bernd", "forwardings"), \
            as_before(stage, "clara", "forwardings"), as_before(stage, "david", "forwardings"):
        for who, *_ in FORWARDS:
            with stage.database.platform() as tx:
                tx.execute("DELETE FROM routing.forwardings WHERE subscriber_id = :s", s=stage.subscriber_id(who))
        dials(stage, *((one[0], one[1], ["code-nothing-stored"]) for one in FORWARDS),
              *((one[0], one[3], [f"{one[5]}-off"]) for one in FORWARDS),
              *((one[0], f"{one[1]}25", said(one, "25")) for one in FORWARDS))
        for who, _, _, _, kind, _ in FORWARDS:
            stands = setting(stage, who, "forwardings")[kind]
            assert (stands["enabled"], stands["target"]) == (True, "25"), (who, kind)
        dials(stage, *((one[0], one[2], [f"{one[5]}-off"]) for one in FORWARDS))
        for who, _, _, _, kind, _ in FORWARDS:
            stands = setting(stage, who, "forwardings")[kind]
            assert (stands["enabled"], stands["target"]) == (False, "25"), (who, kind)
        dials(stage, *((one[0], one[1], said(one, "25")) for one in FORWARDS),
              *((one[0], one[3], said(one, "25")) for one in FORWARDS))


@proves("F1", "R1", "R2")
def test_numbers_outside_are_read_out_and_calls_go_there(stage: Stage) -> None:
    bernd = stage.telephones["bernd"].register()
    with as_before(stage, "anna", "forwardings"):
        dials(stage, ("anna", "*72+49305550088#", ["forward-always-is-set-to", *digits("0305550088")]))
        assert setting(stage, "anna", "forwardings")["always"]["target"] == "+49305550088"
        call = bernd.dial("21")
        stage.telephones.carrier.wait_for_ring().answer()
        call.wait_for("answered")
        call.hangup()
        dials(stage, ("anna", "*73", ["forward-always-off"]))
        call = bernd.dial("21")
        stage.telephones["anna"].wait_for_ring()
        call.hangup()


@proves("F1", "R2")
def test_the_number_of_rings_by_code(stage: Stage) -> None:
    with as_before(stage, "anna", "forwardings"):
        dials(stage, ("anna", "*9222", ["forward-no-answer-is-set-to", *digits("22"), "after", "number-4", "rings"]),
              ("anna", "*6102", ["forward-no-answer-rings-set-to", "number-2"]),
              *(("anna", wrong, ["code-rings"]) for wrong in ("*6101", "*61021", "*610")))
        assert setting(stage, "anna", "forwardings")["no_answer"]["rings"] == 2
        dials(stage, ("anna", "*61020", ["forward-no-answer-rings-set-to", "number-20"]),
              ("anna", "*6100", ["forward-no-answer-rings-set-to", "number-0"]))
        stands = setting(stage, "anna", "forwardings")["no_answer"]
        assert (stands["rings"], stands["enabled"]) == (0, True)


@proves("F1", "R11")
def test_the_mailbox_takes_calls_as_the_codes_say(stage: Stage) -> None:
    before = setting(stage, "anna", "mailbox_conditions")
    kinds = (("*21", "#21", "always"), ("*40", "#40", "busy"), ("*41", "#41", "no_answer"))
    said = []
    try:
        for on_code, off_code, kind in kinds:
            prompt = f"mailbox-{kind.replace('_', '-')}"
            said.append((off_code, on_code, kind, prompt))
        dials(stage, *(("anna", off_code, [f"{prompt}-off"]) for off_code, _, _, prompt in said))
        assert {kind: setting(stage, "anna", "mailbox_conditions")[kind] for _, _, kind in kinds} == {
            "always": False, "busy": False, "no_answer": False}
        dials(stage, *(("anna", on_code, [f"{prompt}-on"]) for _, on_code, _, prompt in said))
        assert {kind: setting(stage, "anna", "mailbox_conditions")[kind] for _, _, kind in kinds} == {
            "always": True, "busy": True, "no_answer": True}
        call = stage.telephones["bernd"].register().dial("21")
        call.wait_for("answered", timeout_s=10)     # always: the greeting, and nothing rings
        assert stage.telephones["anna"].stays_silent()
        call.hangup()
    finally:
        change(stage, "anna", "mailbox_conditions", before)


@proves("F1", "R3")
def test_selective_forwarding_by_code_needs_its_rules(stage: Stage) -> None:
    rule = {"name": "von außen", "external": True}
    with as_before(stage, "greta", "selective_forwarding"):
        dials(stage, ("greta", "#76", ["code-not-set-up"]))
        change(stage, "greta", "selective_forwarding", {"enabled": False, "target": "28", "rules": [rule]})
        dials(stage, ("greta", "#76", ["selective-forwarding-on"]))
        assert setting(stage, "greta", "selective_forwarding")["enabled"] is True
        dials(stage, ("greta", "#77", ["selective-forwarding-off"]))
        assert setting(stage, "greta", "selective_forwarding")["enabled"] is False
        change(stage, "greta", "selective_forwarding", {"enabled": False, "rules": []})


@proves("F1", "R6")
def test_do_not_disturb_by_code_makes_callers_hear_busy(stage: Stage) -> None:
    with as_before(stage, "emma", "do_not_disturb"), stage.setting(
            "voicemail.mailboxes", subscriber_id=stage.subscriber_id("emma"), on_busy=False, on_no_answer=False):
        dials(stage, ("emma", "*78", ["do-not-disturb-on"]))
        call = stage.telephones["anna"].register().dial("25")
        call.wait_for("ended", timeout_s=10)
        assert call.end_cause == "USER_BUSY"
        assert stage.telephones["emma"].stays_silent()
        dials(stage, ("emma", "*79", ["do-not-disturb-off"]))
        call = stage.telephones["anna"].dial("25")
        stage.telephones["emma"].wait_for_ring()
        call.hangup()


@proves("F1", "R5")
def test_anonymous_callers_are_rejected_when_the_code_says_so(stage: Stage) -> None:
    with as_before(stage, "felix", "anonymous_rejection"):
        dials(stage, ("felix", "*77", ["anonymous-rejection-on"]))
        call = stage.telephones.carrier.dial("+49305550026", from_number=None)
        call.wait_for("ended", timeout_s=20)
        assert stage.telephones["felix"].stays_silent()
        dials(stage, ("felix", "*87", ["anonymous-rejection-off"]))
        call = stage.telephones.carrier.dial("+49305550026", from_number=None)
        stage.telephones["felix"].wait_for_ring()
        call.hangup()


WRONG = (
    ("*4711", "code-unknown"),
    ("#99", "code-unknown"),
    ("*21*0305550088#", "code-left-over"),
    ("*781", "code-left-over"),
    ("*70", "code-number-missing"),
    ("*80", "code-two-digits"),
    ("*801", "code-two-digits"),
    ("*72112", "code-number-not-permitted"),
    ("*7209001234567", "code-number-not-permitted"),
    ("*7221", "code-number-is-own"),
    ("*7299", "number-not-assigned"),
    ("*7201", "code-number-invalid"),
    ("*84", "code-nothing-stored"),
    ("*8422", "code-number-not-outside"),
    ("*9722", "code-not-available"),
    ("#61", "code-not-available"),
    ("#63", "code-not-available"),
)


@proves("F1")
def test_what_is_dialled_wrongly_is_answered_with_what_is_wrong(stage: Stage) -> None:
    with as_before(stage, "anna", "forwardings", "remote_office"):
        before = setting(stage, "anna", "forwardings"), setting(stage, "anna", "remote_office")
        dials(stage, *(("anna", dialled, [prompt]) for dialled, prompt in WRONG))
        assert (setting(stage, "anna", "forwardings"), setting(stage, "anna", "remote_office")) == before


@proves("F1")
def test_a_caller_somebody_transferred_hears_that_codes_are_not_for_him(stage: Stage) -> None:
    anna = stage.telephones["anna"].register()
    call = stage.telephones.carrier.dial("+49305550021", from_number="+491715550123")
    ringing = anna.wait_for_ring().answer()
    call.wait_for("answered")
    recording = call.record()
    ringing.transfer("*78")
    call.wait_for("ended", timeout_s=30)
    like, _ = likeness(Sound.so_far(recording).samples.astype(float), prompt("de", "code-nobodys-telephone"))
    assert like > LIKE
    assert setting(stage, "anna", "do_not_disturb")["enabled"] is False


@proves("F1")
def test_every_change_by_code_is_noted_with_who_made_it(stage: Stage) -> None:
    with as_before(stage, "ida", "do_not_disturb"):
        with stage.database.platform() as tx:
            last = tx.one("SELECT coalesce(max(audit_id), 0) AS id FROM routing.audit").id
        hears(stage.telephones["ida"].register().dial("*78"), "de", "do-not-disturb-on")
        with stage.database.platform() as tx:
            [note] = tx.rows("SELECT via, what, actor_subscriber_id, after FROM routing.audit WHERE audit_id > :last"
                             " AND subscriber_id = :s", last=last, s=stage.subscriber_id("ida"))
        assert (note.via, note.what, note.actor_subscriber_id, note.after) == (
            "code", "do_not_disturb", stage.subscriber_id("ida"), {"enabled": True})
