// The mailbox: listen, call back, mark, delete.

import { act } from "./call.js";
import { ask } from "./door.js";
import { face, h, icon, named, noteOf, say, show } from "./dom.js";
import { look, onNews, who } from "./news.js";
import { player } from "./player.js";
import { length, moment, t } from "./words.js";

const PAGE = 30;

export function mailbox(main) {
  let page = 1, found = null, messages = [], over = false;
  const list = h("div", {});
  const count = h("span", { class: "soft" });
  const more = h("button", { class: "quiet wide", hidden: true, onclick: () => load(page + 1) }, t("older"));
  show(main, h("section", { class: "narrow", "aria-labelledby": "box-head" },
    h("header", { class: "head" }, h("h1", { id: "box-head" }, t("mailbox")), count), list, more));

  const busy = () => page > 1 || [...list.querySelectorAll("audio")].some((sound) => !sound.paused) || list.contains(document.activeElement);

  /** meanwhile: nobody asked for it, so it shows only to who is not busy with the list by then. */
  async function load(wanted = 1, meanwhile = false) {
    let asked;
    try {
      asked = await ask("voicemail", "/v1/messages", { query: { page: wanted, page_size: PAGE } });
    } catch (wrong) {
      if (!over) show(list, noteOf(wrong.status === 404 ? t("no_mailbox") : wrong.words, wrong.status === 404 ? "empty" : "wrong"));
      return;
    }
    if (over || (meanwhile && busy())) return;
    found = asked;
    page = wanted;
    messages = wanted === 1 ? found.messages : [...messages, ...found.messages];
    draw();
  }

  function draw() {
    count.textContent = [found.new && t("new_messages", { n: found.new }), found.total && t("messages_of", { n: found.total })].filter(Boolean).join(" · ");
    more.hidden = messages.length >= found.total;
    if (!messages.length) {
      show(list, h("div", { class: "blank" }, icon("mailbox"), h("strong", {}, t("no_messages")), h("p", {}, t("no_messages_hint"))));
      return;
    }
    show(list, h("ul", { class: "messages" }, messages.map(line)));
  }

  function line(one) {
    const name = who(one.caller.name, one.caller.number);
    const tags = () => [one.state === "new" && h("span", { class: "tag new" }, t("fresh")), one.urgent && h("span", { class: "tag urgent" }, t("urgent")),
      one.incomplete && h("span", { class: "tag" }, t("incomplete"))];
    const tagged = h("span", { class: "tags" }, tags());
    const item = h("li", { class: `message ${one.state}`, data: { message: one.message_id } },
      face(name),
      h("span", { class: "who" }, h("span", { class: "named" }, named(name), tagged),
        h("span", { class: "soft" }, [moment(one.left_at), length(one.duration_ms / 1000), one.caller.name && one.caller.number].filter(Boolean).join(" · "))),
      player(one, () => { item.className = `message ${one.state}`; show(tagged, tags()); found.new = Math.max(0, found.new - 1); }),
      h("span", { class: "buttons" },
        one.caller.number && h("button", { class: "round call", "aria-label": t("call_who", { name }), title: t("call_who", { name }),
          onclick: () => act(one.caller.number, name) }, icon("phone")),
        h("button", { class: "round faint", "aria-label": `${t("delete_message")}: ${name}`, title: t("delete_message"),
          onclick: () => remove(one) }, icon("trash"))));
    return item;
  }

  async function remove(one) {
    try {
      await ask("voicemail", `/v1/messages/${one.message_id}`, { method: "DELETE" });
    } catch (wrong) { if (wrong.status !== 404) { say(wrong.words); return; } }
    say(t("deleted"));
    await load();
    look();
    list.querySelector("button")?.focus();
  }

  load();
  const endNews = onNews((came) => { if (came && !busy()) load(1, true); });
  return () => { over = true; endNews(); };
}
