// The own calls: placed, received, missed; searched, called back, deleted.

import { act } from "./call.js";
import { address, ask } from "./door.js";
import { face, h, icon, named, noteOf, say, show } from "./dom.js";
import { look, missedAreSeen, onNews, who } from "./news.js";
import { day, length, t, time } from "./words.js";

const KINDS = ["", "missed", "received", "placed"];
const PAGE = 40;

export function calls(main) {
  let kind = "", search = "", next = null, entries = [], asked = 0, over = false, older = false;
  const list = h("div", { class: "log", "aria-live": "off" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": t("calls") });
  const field = h("input", { type: "search", placeholder: t("search_calls"), "aria-label": t("search_calls"), maxlength: 64,
    oninput: () => { clearTimeout(field.timer); field.timer = setTimeout(() => { search = field.value.trim(); load(); }, 200); } });
  const more = h("button", { class: "quiet wide", hidden: true, onclick: () => load(true) }, t("older"));
  const csv = h("a", { class: "quiet", download: "" }, icon("down"), t("as_csv"));
  const empty = h("button", { class: "quiet danger", onclick: sure }, icon("trash"), t("delete_all"));

  show(main, h("section", { class: "narrow", "aria-labelledby": "log-head" },
    h("header", { class: "head" }, h("h1", { id: "log-head" }, t("calls")), h("span", {}), csv, empty),
    h("div", { class: "tools" }, chips, h("label", { class: "find" }, icon("search"), field)),
    list, more));

  function drawChips() {
    show(chips, KINDS.map((one) => h("button", { class: "chip", "aria-pressed": String(one === kind), data: { kind: one || "all" },
      onclick: () => { kind = one; drawChips(); load(); } }, t(one || "all"))));
  }

  async function load(further = false) {
    const mine = ++asked;
    older = further;
    try {
      const found = await ask("routing", "/v1/call-log", { query: { kind, search, limit: PAGE, next: further ? next : null } });
      if (mine !== asked || over) return;
      entries = further ? [...entries, ...found.entries] : found.entries;
      next = found.next;
      draw();
      if (kind !== "received" && kind !== "placed" && !search) missedAreSeen();
    } catch (wrong) {
      if (mine !== asked || over) return;
      if (further) { older = entries.length > PAGE; say(wrong.words); } else show(list, noteOf(wrong.words, "wrong"));
    }
  }

  function draw() {
    csv.href = address("routing", "/v1/call-log.csv", { kind, search });
    more.hidden = !next;
    empty.hidden = entries.length === 0;
    if (!entries.length) {
      show(list, h("div", { class: "blank" }, icon("clock"), h("strong", {}, search ? t("nobody_found") : t("no_calls")),
        !search && h("p", {}, t("no_calls_hint"))));
      return;
    }
    const parts = [];
    for (const one of entries) {
      const title = day(one.started_at);
      if (parts.at(-1)?.title !== title) parts.push({ title, entries: [] });
      parts.at(-1).entries.push(one);
    }
    show(list, parts.map((part) => h("section", { "aria-label": part.title }, h("h2", { class: "day" }, part.title),
      h("ul", { class: "lines big" }, part.entries.map(line)))));
  }

  function line(one) {
    const name = who(one.name, one.number_shown);
    const sub = [one.name && !one.colleague_id && one.number_shown, one.kind !== "missed" && one.duration_s ? length(one.duration_s) : null, one.why].filter(Boolean);
    const item = h("li", { class: `call-line ${one.kind}`, data: { call: one.call_id } },
      face(name, h("span", { class: `kind ${one.kind}` }, icon({ missed: "cross", received: "in", placed: "out" }[one.kind]))),
      h("span", { class: "who" },
        h("span", { class: "named" }, named(name), one.colleague_id && h("span", { class: "tag" }, t("extension", { n: one.number }))),
        h("span", { class: "soft" }, h("span", { class: "unseen" }, `${t(`kind_${one.kind}`)}, `), sub.join(" · "))),
      h("time", { datetime: one.started_at }, time(one.started_at)),
      h("span", { class: "buttons" },
        one.number && h("button", { class: "round call", "aria-label": t("call_who", { name }), title: t("call_who", { name }),
          onclick: () => act(one.number, name) }, icon("phone")),
        h("button", { class: "round faint", "aria-label": `${t("delete_one")}: ${name}`, title: t("delete_one"),
          onclick: () => remove(one, item) }, icon("trash"))));
    return item;
  }

  async function remove(one, item) {
    try {
      await ask("routing", `/v1/call-log/${one.call_id}`, { method: "DELETE" });
    } catch (wrong) { if (wrong.status !== 404) { say(wrong.words); return; } }
    const following = item.nextElementSibling ?? item.previousElementSibling;
    entries = entries.filter((other) => other.call_id !== one.call_id);
    const id = following?.dataset.call;
    draw();
    say(t("deleted"));
    (id && list.querySelector(`[data-call="${id}"] .faint`) || field).focus();
  }

  function sure() {
    const dialog = h("dialog", { class: "sheet", "aria-labelledby": "sure-head", onclose: () => dialog.remove() },
      h("h2", { id: "sure-head" }, t("delete_all")), h("p", {}, t("delete_all_sure")),
      h("div", { class: "row" },
        h("button", { class: "pill end", onclick: async () => {
          try { await ask("routing", "/v1/call-log", { method: "DELETE" }); } catch (wrong) { say(wrong.words); }
          dialog.close();
          await load();
          look();
        } }, t("delete_all_yes")),
        h("button", { class: "quiet", autofocus: true, onclick: () => dialog.close() }, t("cancel"))));
    document.body.append(dialog);
    dialog.showModal();
  }

  drawChips();
  load();
  const endNews = onNews((came) => { if (came && !older && !list.contains(document.activeElement)) load(); });
  return () => { over = true; endNews(); };
}
