// One field to find and call anybody: colleagues with their lamps, contacts, or the number as it is typed.

import { act } from "./call.js";
import { ask } from "./door.js";
import { face, h, icon, named, say, show } from "./dom.js";
import { added, badge, rewatch, stateLine, watchedNow } from "./people.js";
import { t } from "./words.js";

const NUMBER = /^[+0-9][0-9 ()/.-]{1,30}$/u;

/** The phone book's answer, colleagues with their lamps, a contact once for each of its numbers, oneself left out. */
async function everywhere(text, own) {
  const { entries } = await ask("routing", "/v1/directory", { query: { search: text, limit: 10 } });
  const ids = entries.filter((one) => one.kind === "colleague" && one.id !== own).map((one) => one.id);
  const states = new Map();
  if (ids.length) {
    const { colleagues } = await ask("presence", "/v1/colleagues", { query: { subscriber_ids: ids.join(",") } });
    for (const one of colleagues) states.set(one.subscriber_id, one);
  }
  return entries.flatMap((entry) => {
    if (entry.kind === "colleague") {
      const one = states.get(entry.id);
      return one ? [{ name: one.name, number: one.extension, one, more: entry.department }] : [];
    }
    return entry.numbers.map((each) => ({ name: entry.name, number: each.number, shown: each.shown, label: t(`label_${each.label}`) }));
  });
}

/** own: the id of the one who searches. */
export function searchField(own) {
  let options = [], chosen = -1, asked = 0, timer = null;
  const list = h("ul", { id: "found", role: "listbox", "aria-label": t("search_label"), class: "found", hidden: true });
  const field = h("input", { type: "search", role: "combobox", "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
    "aria-label": t("search_label"), placeholder: t("search"), maxlength: 64, autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
    oninput: () => { clearTimeout(timer); timer = setTimeout(find, 120); }, onkeydown: key, onfocus: () => { if (field.value) find(); } });
  const whole = h("div", { class: "search" }, h("label", { class: "find" }, icon("search"), field, h("kbd", { "aria-hidden": "true" }, "/")), list);
  whole.addEventListener("focusout", (event) => { if (!whole.contains(event.relatedTarget)) close(); });

  async function find() {
    const text = field.value.trim(), mine = ++asked;
    if (!text) { close(); return; }
    let found;
    try {
      found = await everywhere(text, own);
    } catch (wrong) {
      if (mine === asked) { close(); say(wrong.words); }
      return;
    }
    if (mine !== asked) return;
    options = found;
    const plain = text.replace(/[^+0-9]/gu, "");
    if (NUMBER.test(text) && !options.some((one) => one.number === plain)) options.push({ name: t("dial_number", { n: text }), number: text, raw: true });
    chosen = options.length ? 0 : -1;
    draw();
    say(options.length ? t("found", { n: options.length }) : t("nobody_found"));
  }

  function draw() {
    show(list, options.length ? options.map((option, place) => h("li", { role: "option", id: `found-${place}`, "aria-selected": String(place === chosen),
      onmousemove: () => { if (chosen !== place) { chosen = place; mark(); } }, onmousedown: (event) => event.preventDefault(),
      onclick: (event) => { if (!event.target.closest("button")) take(option); } },
    option.raw ? h("span", { class: "face plain" }, icon("phone")) : face(option.name, option.one && badge(option.one.state)),
    h("span", { class: "who" }, named(option.name),
      option.one ? stateLine(option.one) : !option.raw && h("span", { class: "soft" }, [option.label, option.shown].filter(Boolean).join(" · "))),
    option.one && h("span", { class: "ext" }, option.one.extension),
    watchable(option) && h("button", { class: "round", tabindex: -1, title: t("watch_who", { name: option.name }),
      "aria-label": t("watch_who", { name: option.name }), onclick: () => watch(option) }, icon("star"))))
      : h("li", { class: "nobody", role: "option", "aria-disabled": "true" }, t("nobody_found")));
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark();
  }

  function watchable(option) {
    const watched = watchedNow();
    return Boolean(option?.one && watched && watched.length < 8 && !watched.includes(option.one.subscriber_id));
  }

  function mark() {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
    field.setAttribute("aria-description", watchable(options[chosen]) ? t("watch_key") : "");
    if (chosen >= 0) field.setAttribute("aria-activedescendant", `found-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  }

  function key(event) {
    if (event.key === "Escape") { if (list.hidden) field.value = ""; close(); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) { find(); return; }
      if (options.length) chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
      mark();
    } else if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      if (!list.hidden && watchable(options[chosen])) watch(options[chosen]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!list.hidden && options[chosen]) take(options[chosen]);
      else find();
    }
  }

  function take(option) {
    close();
    field.value = "";
    act(option.number, option.raw ? option.number : option.name);
  }

  async function watch(option) {
    try {
      await rewatch(added(option.one.subscriber_id));
      say(t("watched"));
      setTimeout(draw, 300);
    } catch (wrong) { say(wrong.words); }
  }

  function close() {
    asked += 1;
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  return { whole, focus: () => { field.focus(); field.select(); } };
}
