// What came while one was away: missed calls and new messages, for the counters of the menu and the column beside.

import { act } from "./call.js";
import { ask, every } from "./door.js";
import { face, h, icon, named, noteOf, show } from "./dom.js";
import { keep, kept } from "./kept.js";
import { player } from "./player.js";
import { moment, t } from "./words.js";

const SEEN = "missed_seen";
const LOOK_EVERY_MS = 15000;

let missed = [], messages = [], counts = { missed: 0, mailbox: 0 }, trouble = null;
const watchers = new Set();

export function counters() { return counts; }

/** The watcher is told true when something came, false when something was merely seen. */
export function onNews(watcher) { watchers.add(watcher); return () => watchers.delete(watcher); }

export function missedAreSeen() {
  if (!missed[0] || missed[0].started_at === kept(SEEN)) return;
  keep(SEEN, missed[0].started_at);
  count(false);
}

export function lookForNews() { return every(LOOK_EVERY_MS, look); }

export async function look() {
  const [calls, box] = await Promise.allSettled([
    ask("routing", "/v1/call-log", { query: { kind: "missed", limit: 20 } }),
    ask("voicemail", "/v1/messages", { query: { state: "new", page_size: 5 } }),
  ]);
  const before = JSON.stringify([missed, messages, trouble]);
  if (calls.status === "fulfilled") missed = calls.value.entries;
  if (box.status === "fulfilled") { messages = box.value.messages; counts.mailbox = box.value.new; }
  trouble = calls.status === "rejected" ? calls.reason.words : null;
  if (JSON.stringify([missed, messages, trouble]) !== before) count(true);
}

function count(came) {
  const since = kept(SEEN) ?? "";
  counts = { ...counts, missed: missed.filter((one) => one.started_at > since).length };
  for (const watcher of watchers) watcher(came);
}

export function who(name, number) { return name || number || t("withheld"); }

/** Draws the column and keeps it right; answers what ends it. */
export function latest(place) {
  const draw = () => {
    if (place.contains(document.activeElement) || place.querySelector("audio")?.paused === false) return;
    const since = kept(SEEN) ?? "";
    show(place,
      h("section", { class: "box", "aria-labelledby": "missed-head" },
        h("header", {}, icon("missed"), h("h2", { id: "missed-head" }, t("missed_lately")), h("a", { href: "#calls", "aria-label": t("all_calls") }, t("all"))),
        trouble ? noteOf(trouble, "wrong") : missed.length ? h("ul", { class: "lines" }, missed.slice(0, 4).map((one) => h("li", { class: one.started_at > since ? "fresh" : null },
          face(who(one.name, one.number_shown)),
          h("span", { class: "who" }, named(who(one.name, one.number_shown)), h("span", { class: "soft" }, moment(one.started_at))),
          one.number && h("button", { class: "round call", "aria-label": t("call_who", { name: who(one.name, one.number_shown) }),
            title: t("call"), onclick: () => act(one.number, who(one.name, one.number_shown)) }, icon("phone")))))
          : h("p", { class: "soft" }, t("nothing_missed"))),
      h("section", { class: "box", "aria-labelledby": "messages-head" },
        h("header", {}, icon("mailbox"), h("h2", { id: "messages-head" }, t("messages_lately")), h("a", { href: "#mailbox", "aria-label": t("all_messages") }, t("all"))),
        messages.length ? h("ul", { class: "lines" }, messages.slice(0, 3).map((one) => h("li", {},
          face(who(one.caller.name, one.caller.number)),
          h("span", { class: "who" }, named(who(one.caller.name, one.caller.number)), h("span", { class: "soft" }, moment(one.left_at))),
          player(one))))
          : h("p", { class: "soft" }, t("no_new_messages"))));
  };
  draw();
  return onNews(draw);
}
