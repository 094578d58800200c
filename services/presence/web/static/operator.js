// The whole system at a glance: calls up with the rung that decided, telephones, queues, mails, errors, health.

import { ask, every } from "./door.js";
import { h, icon, noteOf, show } from "./dom.js";
import { clock, length, moment, number, rungWord, t } from "./words.js";

const LOOK_EVERY_MS = 2000;
const DEVICES = 200;

/** whole: an operator of the system sees all of it, a company's administrator its calls, telephones and mails. */
export function system(main, whole) {
  const stamp = h("span", { class: "soft" });
  const tiles = h("ul", { class: "tiles" });
  const callsUp = section("calls_up", "phone"), health = section("health", "pulse"), queues = section("queues", "clock"),
    mails = section("mails", "mailbox"), errors = section("errors", "off"), devices = section("devices", "people");
  const field = h("input", { type: "search", "aria-label": t("search_label"), placeholder: t("search"), maxlength: 80,
    oninput: () => { clearTimeout(field.timer); field.timer = setTimeout(lookAtDevices, 200); } });
  const more = h("button", { class: "quiet wide", hidden: true, onclick: () => lookAtDevices(true) }, t("more"));
  let registrations = [], next = null, asked = 0, further = false;
  show(main, h("section", { class: "wide-page", "aria-labelledby": "system-head" },
    h("header", { class: "head" }, h("h1", { id: "system-head" }, t("system")), stamp),
    whole && tiles,
    callsUp.whole,
    h("div", { class: "pair" }, whole && health.whole, whole && queues.whole),
    h("div", { class: "pair" }, mails.whole, whole && errors.whole),
    devices.whole));
  devices.whole.append(more);
  devices.head.append(h("label", { class: "find" }, icon("search"), field));

  async function lookAtAll() {
    const looks = [["calls", "/v1/operator/calls", drawCalls, callsUp], ["mails", "/v1/operator/mails?limit=50", drawMails, mails]];
    if (whole) looks.push(["overview", "/v1/operator/overview", drawOverview, health], ["errors", "/v1/operator/errors?limit=30", drawErrors, errors]);
    const seen = {};
    await Promise.all(looks.map(async ([name, path, draw, place]) => {
      try {
        seen[name] = await ask("presence", path);
        draw(seen[name]);
      } catch (wrong) { failed(place, wrong); }
    }));
    // How old it is: as the server says, and for as long as it says nothing.
    const whatever = whole ? seen.overview : seen.calls;
    if (whatever) at = whatever.at ?? new Date().toISOString();
    for (const place of [tiles, queues.body]) place.classList.toggle("old", !whatever);
    stamp.classList.toggle("bad-text", !whatever);
    stamp.textContent = at ? t(whatever ? "as_of" : "not_since", { time: clock(at) }) : "";
  }
  let at = null;

  async function lookAtDevices(older = false) {
    const mine = ++asked;
    further = older;
    try {
      const found = await ask("presence", "/v1/operator/registrations", { query: { search: field.value.trim(), limit: DEVICES, next: older ? next : null } });
      if (mine !== asked) return;
      registrations = older ? [...registrations, ...found.registrations] : found.registrations;
      next = found.next;
      more.hidden = !next;
      redraw(devices, registrations, () => table([t("device"), t("person"), t("state"), t("address")], registrations.map((one) => [
        [h("strong", {}, one.device_id), h("span", { class: "soft" }, ` ${one.label}`)],
        `${one.name} (${one.extension})`,
        mark(one.registered, one.registered ? t("up") : t("state_not_registered")),
        one.address ? `${one.address} ${one.transport}` : "–"]), t("devices")));
    } catch (wrong) { if (mine === asked) failed(devices, wrong); }
  }

  function drawCalls(found) {
    redraw(callsUp, found, () => callsTable(found));
    if (!found.in_step) return;
    for (const each of callsUp.body.querySelectorAll("time")) each.textContent = lasts(each.dateTime);
  }

  function lasts(since) { return length((Date.now() - new Date(since)) / 1000); }

  function callsTable({ calls, in_step: inStep }) {
    const note = inStep ? null : noteOf(t("calls_old"), "wrong");
    if (!calls.length) return [note, h("p", { class: "soft" }, t("nothing_up"))];
    const rows = [...calls].sort((one, other) => (other.started_at ?? "").localeCompare(one.started_at ?? ""));
    return [note, table([t("from"), t("to"), t("state"), t("rung"), t("since"), ""], rows.map((one) => [
      ends(one)[0], ends(one)[1],
      h("span", { class: `state ${{ ringing: "ringing", talking: "on_a_call", held: "held" }[one.state]}` }, t(`call_${one.state}`)),
      one.rung ? h("span", { class: "tag rung" }, rungWord(one.rung)) : h("span", { class: "soft" }, "…"),
      one.started_at ? h("time", { datetime: one.started_at, class: "digits" }, inStep ? lasts(one.started_at) : clock(one.started_at)) : "–",
      h("a", { class: "quiet", href: `#explain/${one.call_id}` }, t("why_this"))]), t("calls_up"))];
  }

  function ends(one) {
    const leg = (direction) => one.legs.find((each) => each.direction === direction);
    const called = (name, more) => name || more ? [name ? h("strong", {}, name) : null, more && more !== name ? h("span", { class: name ? "soft" : null }, name ? ` ${more}` : more) : null] : "–";
    const [first, second] = [leg("inbound"), leg("outbound")];
    return [
      called(one.caller_name || first?.name, one.caller_number || first?.extension || first?.number || (one.direction === "incoming" ? t("withheld") : null)),
      called(one.callee_name || second?.name, one.callee_number || second?.extension || one.dialled || second?.number)];
  }

  function drawOverview(seen) {
    const waiting = (seen.mails.waiting ?? 0) + (seen.mails.sending ?? 0), refused = (seen.mails.refused ?? 0) + (seen.mails.given_up ?? 0);
    const depth = seen.queues.reduce((sum, one) => sum + one.messages, 0) + seen.outboxes.reduce((sum, one) => sum + one.waiting, 0);
    const parts = [["switch", { ...seen.switch, ...wrongWithSwitch(seen.switch) }], ["database", seen.database], ["broker", seen.broker]];
    const allUp = parts.every(([, one]) => one.up) && seen.services.every((one) => one.up && one.ready)
      && seen.trunks.every(trunkUp) && seen.queues.every((one) => one.consumers);
    show(tiles,
      tile("phone", t("calls_up"), number(seen.calls.calls)),
      tile("people", t("devices"), number(seen.devices.registered), seen.devices.known === null ? null : `/ ${number(seen.devices.known)}`),
      tile("bell", t("lamps"), number(seen.lamps.subscriptions + seen.lamps.pages)),
      tile("clock", t("queues"), number(depth), null, depth > 100 ? "warn" : ""),
      tile("mailbox", `${t("mails")}: ${t("waiting")} / ${t("refused")}`, `${number(waiting)} / ${number(refused)}`, null, refused ? "warn" : ""),
      tile("pulse", t("health"), allUp ? t("up") : t("down"), null, allUp ? "good" : "bad"));
    redraw(health, { ...seen, at: null }, () => h("ul", { class: "parts" },
      parts.map(([name, one]) => part(t(name), one.up, one.reason, facts(name, one))),
      seen.services.map((one) => part(one.name, one.up && one.ready, one.reason ?? Object.entries(one.checks).filter(([, said]) => said !== "ok").map(([what, said]) => `${what}: ${said}`).join(", "))),
      seen.trunks.map((one) => part(`${one.name} · ${one.company}`, trunkUp(one), ...Array(2).fill(t(`trunk_${one.state}`))))));
    redraw(queues, [seen.queues, seen.outboxes], () => table([t("queue"), t("waiting"), t("consumers")], [
      ...seen.queues.map((one) => [one.name, digits(one.messages), one.consumers ? digits(one.consumers) : mark(false, "0")]),
      ...seen.outboxes.map((one) => [`outbox ${one.name}`, digits(one.waiting), one.waiting ? t("seconds", { n: number(Math.round(one.oldest_s)) }) : "–"])], t("queues")));
  }

  function wrongWithSwitch(one) {
    const reason = one.up && (one.ready === false ? t("switch_not_ready") : one.in_step === false ? t("switch_not_in_step") : null);
    return reason ? { up: false, reason } : {};
  }

  function facts(name, one) {
    if (!one.up) return null;
    if (name === "switch") return [one.version, one.uptime_s !== undefined && t("uptime", { time: span(one.uptime_s) }), one.sessions !== undefined && `${one.sessions} / ${one.sessions_limit}`].filter(Boolean).join(" · ");
    if (name === "database") return [one.version?.split(" ")[0], one.answer_ms !== undefined && `${one.answer_ms.toFixed(1)} ms`, one.bytes !== undefined && `${number(Math.round(one.bytes / 1e6))} MB`].filter(Boolean).join(" · ");
    return null;
  }

  function drawMails({ mails: found }) {
    redraw(mails, found, () => found.length ? h("ul", { class: "parts" }, found.map((one) => part(`${one.name} (${one.extension})`, one.state === "waiting" || one.state === "sending",
      [t(`mail_${one.state}`), one.last_reply].filter(Boolean).join(": "), `${t(`mail_${one.state}`)} · ${moment(one.left_at)}`))) : h("p", { class: "soft" }, "–"));
  }

  function drawErrors({ errors: found }) {
    redraw(errors, found, () => found.length ? h("ul", { class: "parts" }, found.map((one) => h("li", {}, h("time", { class: "soft", datetime: one.at }, moment(one.at)),
      h("span", { class: "name" }, one.event), h("span", { class: "soft" }, [one.service, one.reason].filter(Boolean).join(" · ")))))
      : h("p", { class: "soft" }, t("no_errors")));
  }

  const endAll = every(LOOK_EVERY_MS, lookAtAll);
  const endDevices = every(10000, async () => { if (!further) await lookAtDevices(); });
  return () => { endAll(); endDevices(); };
}

function trunkUp(one) { return !["down", "failed", "unregistered"].includes(one.state); }

/** Only what is another than before, and never what somebody is copying; the focus and how far it was moved stay. */
function redraw(place, data, draw) {
  const told = JSON.stringify(data), chosen = getSelection();
  if (told === place.told || (!chosen.isCollapsed && chosen.intersectsNode(place.body))) return;
  place.told = told;
  const focused = place.body.contains(document.activeElement) ? document.activeElement : null;
  const link = focused?.getAttribute("href"), left = place.body.querySelector(".scroll")?.scrollLeft ?? 0;
  show(place.body, draw());
  const region = place.body.querySelector(".scroll");
  if (region) region.scrollLeft = left;
  if (focused) ((link && place.body.querySelector(`[href="${link}"]`)) ?? region)?.focus({ preventScroll: true });
}

function failed(place, wrong) {
  const words = wrong.words ?? String(wrong);
  redraw(place, words, () => noteOf(words, "wrong"));
}

function section(name, picture) {
  const body = h("div", { class: "body" }), head = h("header", {}, icon(picture), h("h2", { id: `head-${name}` }, t(name)));
  return { body, head, whole: h("section", { class: "box", "aria-labelledby": `head-${name}` }, head, body) };
}

function tile(picture, name, value, more, kind = "") {
  return h("li", { class: `tile ${kind}` }, icon(picture), h("span", { class: "value" }, value, more && h("span", { class: "soft" }, ` ${more}`)), h("span", { class: "soft" }, name));
}

function mark(good, text) {
  return h("span", { class: `mark ${good ? "good" : "bad"}` }, icon(good ? "check" : "cross"), text);
}

function part(name, good, reason, more) {
  return h("li", {}, mark(good, ""), h("span", { class: "name" }, name), h("span", { class: "unseen" }, good ? t("up") : t("down")),
    h("span", { class: good ? "soft" : "bad-text" }, (good ? more : reason) ?? ""));
}

function digits(value) { return h("span", { class: "digits" }, number(value)); }

function span(seconds) {
  const days = Math.floor(seconds / 86400);
  return `${days ? `${days} d ` : ""}${length(seconds % 86400)}`;
}

export function table(heads, rows, name) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, place) => h("td", { data: { head: heads[place] } }, h("span", {}, cell))))))));
}
