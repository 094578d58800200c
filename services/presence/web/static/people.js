// The colleagues: up to eight on the list with their lamps, everybody else through the search.

import { act, pickUp } from "./call.js";
import { ask, address, every, stream } from "./door.js";
import { face, h, icon, named, noteOf, say, show } from "./dom.js";
import { latest } from "./news.js";
import { t } from "./words.js";

const SILENT_MS = 40000;     // presence says something every 15 s
const BADGES = {
  idle: "check", ringing: "bell", on_a_call: "phone", held: "pause", do_not_disturb: "minus", away: "arrow",
  not_registered: "off",
};

const CALLS = "button:is(.call, .pick)";

let lamps = null, night = null, state = "off";
const watchers = new Set();

/** Whom the list shows; null: not known yet. */
export function watchedNow() { return lamps && ids(); }

/**
 * Follows the lamps for as long as the page is open. onState: told "on"; "off" while nothing is heard from presence;
 * "away" while presence hears nothing from the switch. What is shown then is how it was.
 */
export function followLamps(onState) {
  const turn = (to) => {
    if (to === state) return;
    state = to;
    onState(state);
    for (const watcher of watchers) watcher(null);
  };
  onState(state);
  const end = stream(address("presence", "/v1/lamps/events"), {
    snapshot: (data) => { lamps = data.lamps; night = data.night_service ?? null; tell(); turn(data.in_step ? "on" : "away"); },
    in_step: (data) => turn(data.in_step ? "on" : "away"),
    ping: () => {},
    night_service: (data) => { night = data; tell(); },
    lamp: (data) => {
      const before = lamps.find((one) => one.position === data.position);
      lamps = lamps.map((one) => (one.position === data.position ? data : one));
      if (before && before.state !== data.state && ["ringing", "idle"].includes(data.state)) {
        say(t("now_is", { name: data.name, state: t(`state_${data.state}`) }));
      }
      tell(data.position);
    },
  }, (open) => { if (!open) turn("off"); }, SILENT_MS);
  return () => { end(); state = "off"; };
}

/** position: of the one lamp that changed; undefined: all may have; null: only how well it is known. */
function tell(position) { for (const watcher of watchers) watcher(position); }

let changes = Promise.resolve();
/** change: ids -> ids, of the list as it stands on the server; what this page shows may be old. One after the other. */
export function rewatch(change) {
  const mine = changes.then(async () => {
    const { watched } = await ask("presence", "/v1/watched");
    const before = watched.map((one) => one.subscriber_id), after = change(before);
    if (String(after) !== String(before)) await ask("presence", "/v1/watched", { method: "PUT", body: { subscriber_ids: after } });
  });
  changes = mine.catch(() => {});
  return mine;
}

export function added(id) { return (ids) => (ids.includes(id) ? ids : [...ids, id]); }

export function badge(state) {
  return h("span", { class: `lamp ${state}` }, icon(BADGES[state] ?? "minus"));
}

/** What a state says in words, with the reason where there is one. */
export function stateLine(one) {
  const caller = one.caller?.name || one.caller?.number;
  const because = (one.because ?? []).find((name) => name !== one.state && t.has(`why_${name}`));
  const extra = one.state === "ringing" && caller ? t("from_who", { who: caller })
    : ["idle", "away", "not_registered"].includes(one.state) && because ? t(`why_${because}`) : null;
  const words = t(`state_${one.state}`);
  return h("span", { class: `state ${one.state}`, title: extra ? `${words} · ${extra}` : null }, words, extra && h("span", { class: "why" }, ` · ${extra}`));
}

function card(one, editing, place, count) {
  const name = one.name;
  if (one.state === null) return null;
  const buttons = editing ? [
    h("button", { class: "round", "aria-label": t("move_up", { name }), title: t("move_up", { name }), disabled: place === 0,
      onclick: () => move(one.subscriber_id, -1) }, icon("up")),
    h("button", { class: "round", "aria-label": t("move_down", { name }), title: t("move_down", { name }),
      disabled: place === count - 1, onclick: () => move(one.subscriber_id, 1) }, icon("down")),
    h("button", { class: "round danger", "aria-label": t("unwatch_who", { name }), title: t("unwatch_who", { name }),
      onclick: () => change((ids) => ids.filter((id) => id !== one.subscriber_id)) }, icon("cross")),
  ] : one.state === "ringing" ? [
    h("button", { class: "pill pick", "aria-label": t("pick_up_who", { name }), onclick: () => pickUp(one) },
      icon("pick"), t("pick_up")),
  ] : [
    h("button", { class: "round call", "aria-label": t("call_who", { name }), title: t("call_who", { name }),
      onclick: () => act(one.extension, name) }, icon("phone")),
  ];
  return h("li", { class: `person ${one.state}`, data: { position: one.position, id: one.subscriber_id } },
    face(name, badge(one.state)),
    h("span", { class: "who" }, named(name), stateLine(one)),
    h("span", { class: "ext", "aria-label": t("extension", { n: one.extension }) }, one.extension),
    h("span", { class: "buttons" }, buttons));
}

function ids() { return (lamps ?? []).filter((one) => one.state !== null).map((one) => one.subscriber_id); }

let failed = null;
async function change(how) {
  failed = null;
  try { await rewatch(how); } catch (wrong) { failed = wrong.words; tell(); }
}

function move(id, by) {
  change((ids) => {
    const at = ids.indexOf(id);
    if (at < 0) return ids;
    const order = ids.filter((one) => one !== id);
    order.splice(Math.max(0, at + by), 0, id);
    return order;
  });
}

/** The view; answers what ends it. */
export function people(main, person) {
  let editing = false;
  const grid = h("ul", { class: "people", "aria-label": t("your_list") });
  const count = h("span", { class: "soft" });
  const edit = h("button", { class: "quiet", onclick: () => { editing = !editing; draw(); } });
  const trouble = h("div", {});
  const moon = h("span", { class: "night", hidden: true }, icon("moon"), t("night_on_now"));
  const rest = h("ul", { class: "people small", "aria-label": t("everybody") });
  const restHead = h("h2", {}, t("everybody"));

  const draw = (position) => {
    if (position === null) { settle(); return; }
    const shown = (lamps ?? []).filter((one) => one.state !== null);
    show(edit, icon(editing ? "check" : "edit"), t(editing ? "done" : "edit"));
    edit.setAttribute("aria-pressed", editing);
    edit.hidden = shown.length === 0;
    moon.hidden = !night?.on;
    moon.title = night?.site ?? "";
    count.textContent = shown.length ? t("of_eight", { n: shown.length }) : "";
    show(trouble, failed && noteOf(failed, "wrong"));
    const there = position && grid.querySelector(`[data-position="${position}"]`);
    const at = shown.findIndex((one) => one.position === position);
    if (there && at >= 0 && !editing) {
      const focus = there.contains(document.activeElement);
      const made = card(shown[at], editing, at, shown.length);
      there.replaceWith(made);
      if (focus) made.querySelector("button")?.focus();
    } else {
      const active = document.activeElement?.closest?.("[data-id]")?.dataset.id;
      const which = document.activeElement?.parentElement ? [...document.activeElement.parentElement.children].indexOf(document.activeElement) : 0;
      if (shown.length) show(grid, shown.map((one, place) => card(one, editing, place, shown.length)));
      else if (!lamps) show(grid, h("li", { class: "blank" }, t("loading")));
      else show(grid, h("li", { class: "blank" }, icon("star"), h("strong", {}, t("nobody_watched")), h("p", {}, t("nobody_watched_hint"))));
      if (active) grid.querySelector(`[data-id="${active}"]`)?.querySelectorAll("button")[which]?.focus();
    }
    if (!position) others();
    settle();
  };

  /** What may be old is grey, and nobody calls by it: where it rings no more, picking up would call instead. */
  const settle = () => {
    const old = state !== "on";
    for (const place of [grid, rest]) {
      place.classList.toggle("old", old);
      for (const button of place.querySelectorAll(CALLS)) {
        if (old) button.setAttribute("aria-disabled", "true");
        else button.removeAttribute("aria-disabled");
      }
    }
  };
  const refuse = (event) => {
    if (state === "on" || !event.target.closest(CALLS)) return;
    event.stopPropagation();
    say(t(`live_${state}`));
  };
  for (const place of [grid, rest]) place.addEventListener("click", refuse, true);

  let all = [];
  const others = () => {
    const watched = new Set(ids());
    const left = all.filter((one) => !watched.has(one.subscriber_id));
    restHead.hidden = left.length === 0;
    show(rest, left.map((one) => colleague(one, lamps && watched.size < 8)));
    settle();
  };
  const colleague = (one, room) => h("li", { class: `person ${one.state}`, data: { id: one.subscriber_id } },
    face(one.name, badge(one.state)),
    h("span", { class: "who" }, named(one.name), stateLine(one)),
    h("span", { class: "ext", "aria-label": t("extension", { n: one.extension }) }, one.extension),
    h("span", { class: "buttons" },
      room && h("button", { class: "round", "aria-label": t("watch_who", { name: one.name }), title: t("watch_who", { name: one.name }),
        onclick: () => change(added(one.subscriber_id)) }, icon("star")),
      h("button", { class: "round call", "aria-label": t("call_who", { name: one.name }), title: t("call_who", { name: one.name }),
        onclick: () => act(one.extension, one.name) }, icon("phone"))));

  const aside = h("aside", { class: "lately" });
  show(main, h("div", { class: "columns" },
    h("section", { "aria-labelledby": "list-head" },
      h("header", { class: "head" }, h("h1", { id: "list-head" }, t("colleagues")), count, moon, edit),
      trouble, grid, restHead, rest, h("p", { class: "soft keys" }, t("keys_hint"))),
    aside));
  const endLatest = latest(aside);

  const keys = (event) => {
    if (event.target.closest("input, textarea, select, dialog") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (/^[1-8]$/u.test(event.key)) grid.querySelector(`[data-position="${event.key}"] .buttons button`)?.focus();
  };
  document.addEventListener("keydown", keys);
  watchers.add(draw);
  draw();
  const endOthers = every(10000, async () => {
    const found = (await ask("presence", "/v1/colleagues", { query: { limit: 50 } })).colleagues;
    if (JSON.stringify(found) === JSON.stringify(all)) return;
    all = found;
    const active = document.activeElement?.closest?.(".small [data-id]")?.dataset.id;
    others();
    if (active) rest.querySelector(`[data-id="${active}"] .call`)?.focus();
  });
  return () => { watchers.delete(draw); document.removeEventListener("keydown", keys); endOthers(); endLatest(); };
}
