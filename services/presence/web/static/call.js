// A click becomes a call: the own telephone rings first, then the other side. One bar shows how far it is.

import { address, ask, key, stream, Wrong } from "./door.js";
import { h, icon, say, show } from "./dom.js";
import { t } from "./words.js";

const FINAL = ["ended", "failed", "cancelled", "unknown"];
const STEPS = ["ringing_first", "ringing_target", "connected"];
const GONE_AFTER_MS = 7000;
const FIRST = "pbx.first_leg";

let bar = null, now = null, endStream = null, timer = null;

export function putBar(place) { bar = place; }

/** What rings first: "" as it is set, "device:<id>", "first_leg:<place>" or "mode:this_phone". */
export function chosen() { return localStorage.getItem(FIRST) ?? ""; }
export function choose(what) {
  if (what) localStorage.setItem(FIRST, what);
  else localStorage.removeItem(FIRST);
}

/** Calls; who: as it is shown meanwhile. */
export function act(target, who) { return begin({ target }, who); }

/** Takes what rings at a watched colleague to one's own telephone. */
export function pickUp(lamp) { return begin({ target: `**${lamp.extension}` }, lamp.name); }

async function begin(request, who) {
  if (now && !FINAL.includes(now.state) && now.who === who) return;
  const own = { who, state: "accepted", id: null };
  leave();
  now = own;
  draw();
  const [name, value] = chosen().split(":");
  const body = value ? { ...request, [name]: value } : request;
  try {
    const made = await asked(body, key());
    if (made.dial) return dialHere(own, made.dial);
    take(own, made);
    if (now === own) follow(own);
  } catch (wrong) {
    if (wrong.error === "unknown_device") choose("");
    own.state = "failed";
    own.message = wrong.words ?? String(wrong);
    if (now === own) finish();
  }
}

async function asked(body, once) {
  const options = { method: "POST", body, headers: { "Idempotency-Key": once } };
  try {
    return await ask("callback", "/v1/calls", options);
  } catch (wrong) {
    // No answer says nothing about the call: the same key again never dials twice.
    if (!(wrong instanceof Wrong) || wrong.status !== 0) throw wrong;
    return ask("callback", "/v1/calls", options);
  }
}

function follow(own) {
  endStream = stream(address("callback", `/v1/calls/${own.id}/events`), { call: (data) => take(own, data) });
}

function take(own, call) {
  const before = own.state;
  Object.assign(own, { id: call.id, state: call.state, message: call.message });
  if (now !== own) return;
  if (FINAL.includes(own.state)) finish();
  else draw();
  if (before !== own.state) say(words(own));
}

function finish() {
  endStream?.();
  endStream = null;
  draw();
  timer = setTimeout(() => { now = null; draw(); }, GONE_AFTER_MS);
}

function leave() {
  clearTimeout(timer);
  endStream?.();
  endStream = null;
}

async function hangUp(own) {
  try {
    take(own, await ask("callback", `/v1/calls/${own.id}`, { method: "DELETE" }));
  } catch (wrong) {
    own.message = wrong.words;
    draw();
  }
}

/** The call mode is "this phone": it dials itself. */
function dialHere(own, number) {
  leave();
  now = null;
  draw();
  const dialog = h("dialog", { class: "sheet", "aria-labelledby": "dial-head", onclose: () => dialog.remove() },
    h("h2", { id: "dial-head" }, t("dial_here")),
    h("p", {}, h("a", { class: "number", href: `tel:${number.replace(/[^+0-9*#]/gu, "")}` }, number)),
    h("form", { method: "dialog" }, h("button", { class: "quiet" }, t("close"))));
  document.body.append(dialog);
  dialog.showModal();
}

function words(own) {
  const said = t(`step_${own.state}`, { who: own.who });
  return own.message ? `${said}: ${own.message}` : said;
}

function draw() {
  if (!bar) return;
  if (!now) { bar.hidden = true; show(bar); return; }
  const own = now, over = FINAL.includes(own.state);
  const reached = own.state === "first_answered" ? 1 : STEPS.indexOf(own.state);
  bar.hidden = false;
  bar.className = `callbar ${own.state}`;
  show(bar,
    h("span", { class: "way", "aria-hidden": "true" }, STEPS.map((_, place) => h("i", {
      class: over ? "" : place < reached ? "past" : place === Math.max(0, reached) ? "here" : "" }))),
    h("span", { class: "text" }, h("strong", {}, own.who), h("span", {}, words(own))),
    over
      ? h("button", { class: "round", "aria-label": t("close"), title: t("close"), onclick: () => { leave(); now = null; draw(); } }, icon("cross"))
      : h("button", { class: "pill end", disabled: !own.id, onclick: () => hangUp(own) }, icon("cross"),
        t(own.state === "connected" ? "hang_up" : "cancel")));
}
