// A click becomes a call: the own telephone rings first, then the other side. One bar shows how far it is.

import { address, ask, key, stream } from "./door.js";
import { h, icon, say, show } from "./dom.js";
import { keep, kept } from "./kept.js";
import { t } from "./words.js";

const FINAL = ["ended", "failed", "cancelled", "unknown"];
const STEPS = ["ringing_first", "ringing_target", "connected"];
const GONE_AFTER_MS = 7000;
const FIRST = "first_leg", CALLED = "pbx.called";
const NO_ANSWER = [0, 502, 503, 504];
const DOUBTFUL_MS = 60000;

let bar = null, now = null, endStream = null, timer = null, doubtful = null;

export function putBar(place) { bar = place; draw(); }

/** What rings first: "" as it is set, "device:<id>", "first_leg:<place>" or "mode:this_phone". */
export function chosen() { return kept(FIRST) ?? ""; }
export function choose(what) { keep(FIRST, what); }

/** Calls; who: as it is shown meanwhile. */
export function act(target, who) { return begin({ target }, who); }

/** Takes what rings at a watched colleague to one's own telephone. */
export function pickUp(lamp) { return begin({ target: `**${lamp.extension}` }, lamp.name); }

/** A call of one's own that is under way: begun before the page was, or in doubt here. */
export async function findRunning() {
  try {
    const { calls } = await ask("callback", "/v1/calls", { query: { limit: 10 } });
    const one = calls.find((each) => !FINAL.includes(each.state));
    if (now || !one) return;
    const [id, who] = JSON.parse(sessionStorage.getItem(CALLED) ?? "[]");
    now = { who: id === one.id ? who : one.target, target: one.target, state: null };
    take(now, one);
    follow(now);
  } catch { /* then there is nothing to show */ }
}

async function begin(request, who) {
  // Whoever talks may call a second one. A call that is still being made stays in reach until it is called off.
  if (now && !FINAL.includes(now.state) && now.state !== "connected") {
    if (now.target !== request.target) note(now, t("one_at_a_time"));
    return;
  }
  const own = { who, target: request.target, state: "accepted", id: null };
  leave();
  now = own;
  draw();
  const [name, value] = chosen().split(":");
  const body = value ? { ...request, [name]: value } : request;
  try {
    const made = await asked(body);
    if (made.dial) return dialHere(own, made.dial);
    sessionStorage.setItem(CALLED, JSON.stringify([made.id, who]));
    take(own, made);
    if (now === own) follow(own);
  } catch (wrong) {
    if (wrong.error === "unknown_device") choose("");
    own.state = NO_ANSWER.includes(wrong.status) ? "unknown" : "failed";
    own.message = wrong.words ?? String(wrong);
    if (now === own) finish();
  }
}

/** Stays for a while, whatever step comes meanwhile. */
function note(own, text) {
  clearTimeout(own.noted);
  own.note = text;
  own.noted = setTimeout(() => { own.note = null; if (now === own) draw(); }, GONE_AFTER_MS);
  draw();
  say(text);
}

/** No answer says nothing about the call, and the same key again never dials twice: tried once more, and kept. */
async function asked(body) {
  const text = JSON.stringify(body);
  const once = doubtful?.text === text && Date.now() - doubtful.at < DOUBTFUL_MS ? doubtful.once : key();
  const options = { method: "POST", body, headers: { "Idempotency-Key": once } };
  doubtful = { text, once, at: Date.now() };
  const made = await ask("callback", "/v1/calls", options).catch((wrong) => {
    if (wrong.status === 0) return ask("callback", "/v1/calls", options);
    throw wrong;
  }).catch((wrong) => {
    if (!NO_ANSWER.includes(wrong.status)) doubtful = null;
    throw wrong;
  });
  doubtful = null;
  return made;
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
  leave();
  draw();
  timer = setTimeout(gone, GONE_AFTER_MS);
}

/** The one before it may still be up, or one in doubt have been made. */
function gone() {
  leave();
  now = null;
  draw();
  findRunning();
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
  const more = own.message ?? own.note;
  return more ? `${said}: ${more}` : said;
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
      ? h("button", { class: "round", "aria-label": t("close"), title: t("close"), onclick: gone }, icon("cross"))
      : h("button", { class: "pill end", disabled: !own.id, onclick: () => hangUp(own) }, icon("cross"),
        t(own.state === "connected" ? "hang_up" : "cancel")));
}
