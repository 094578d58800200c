// The frame: who is there, which view, language and appearance.

import { choose, chosen, findRunning, putBar } from "./call.js";
import { ask, every, key, onLeave, send } from "./door.js";
import { face, h, icon, noteOf, show } from "./dom.js";
import { explain } from "./explain.js";
import { calls } from "./log.js";
import { logIn } from "./login.js";
import { mailbox } from "./mailbox.js";
import { keepFor } from "./kept.js";
import { counters, lookForNews, onNews } from "./news.js";
import { system } from "./operator.js";
import { followLamps, people } from "./people.js";
import { searchField } from "./search.js";
import { currentLanguage, LANGUAGES, setLanguage, t } from "./words.js";

const LANGUAGE = "pbx.language", LOOK = "pbx.look", WHOSE = "pbx.whose";
const LOOKS = { auto: "half", light: "sun", dark: "moon" };
let session = null, ends = [], endView = null, turn = 0;

function dress() {
  const look = localStorage.getItem(LOOK) ?? "auto";
  if (look === "auto") delete document.documentElement.dataset.look;
  else document.documentElement.dataset.look = look;
}

function controls() {
  const look = localStorage.getItem(LOOK) ?? "auto", next = { auto: "light", light: "dark", dark: "auto" }[look];
  return [
    h("button", { class: "round", "aria-label": `${t("look")}: ${t(look)}`, title: `${t("look")}: ${t(look)}`, data: { control: "look" },
      onclick: () => { localStorage.setItem(LOOK, next); dress(); again("look"); } }, icon(LOOKS[look])),
    h("button", { class: "round letters", "aria-label": `${t("language")}: ${currentLanguage()}`, title: t("language"), data: { control: "language" },
      onclick: () => {
        const other = LANGUAGES[(LANGUAGES.indexOf(currentLanguage()) + 1) % LANGUAGES.length];
        localStorage.setItem(LANGUAGE, other);
        setLanguage(other);
        again("language");
      } }, currentLanguage().toUpperCase()),
  ];
}

function again(control) {
  if (session) frame();
  else door();
  document.querySelector(`[data-control="${control}"]`)?.focus();
}

function language() {
  return localStorage.getItem(LANGUAGE) ?? session?.language ?? (navigator.language?.startsWith("de") ? "de" : "en");
}

function end() {
  endView?.();
  endView = null;
  for (const one of ends) one();
  ends = [];
}

function door(said) {
  end();
  session = null;
  document.title = t("title");
  show(document.body, logIn(afresh, said, controls()));
  document.querySelector("input")?.focus();
}

/** Another session begins with an empty page: nothing of the last one is left in it, here or in the tabs beside. */
function afresh() {
  localStorage.setItem(WHOSE, key());
  location.reload();
}

async function begin() {
  try {
    session = await send("page/session");
  } catch (wrong) {
    session = null;
    setLanguage(language());
    return door(wrong.status === 401 ? null : wrong.words);
  }
  keepFor(session.person);
  setLanguage(language());
  frame();
  if (session.person) findRunning();
}

/** The cookie is the browser's: in another tab somebody else may have logged in, or out. */
async function stillMine() {
  if (!session) return;
  const mine = session;
  try {
    const found = await send("page/session");
    if (session === mine && whose(found) !== whose(mine)) location.reload();
  } catch (wrong) {
    if (wrong.status === 401 && session === mine) door(t("session_over"));
  }
}

function whose(one) { return JSON.stringify([one.role, one.company?.company_id, one.person?.subscriber_id]); }

function views() {
  const found = [];
  if (session.person) found.push(["colleagues", "people"], ["calls", "clock"], ["mailbox", "mailbox"]);
  if (session.role !== "subscriber") found.push(["system", "pulse"]);
  found.push(["explain", "why"]);
  return found;
}

function frame() {
  end();
  const main = h("main", { id: "main", tabindex: -1 });
  const links = Object.fromEntries(views().map(([name, picture]) => [name, h("a", { href: `#${name}`, data: { view: name } },
    icon(picture), h("span", {}, t(name)), h("span", { class: "count", hidden: true }))]));
  const search = session.person ? searchField(session.person.subscriber_id) : null;
  const bar = h("div", { class: "callbar", role: "group", "aria-label": t("calls"), hidden: true });
  const live = h("span", { class: "live", role: "status" });
  const me = session.person?.name ?? t(session.role);
  show(document.body,
    h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("skip")),
    h("div", { class: "frame" },
      h("nav", { "aria-label": t("main_menu") }, h("span", { class: "brand" }, h("img", { src: "page/icon.svg", alt: "", width: 32, height: 32 }),
        h("span", {}, session.company?.name ?? t("title"))), Object.values(links)),
      h("header", { class: "top" }, search?.whole ?? h("span", { class: "search" }), live,
        session.person && doNotDisturb(),
        h("details", { class: "me" }, h("summary", { "aria-label": `${t("you")}: ${me}` }, face(me)),
          h("div", { class: "sheet" }, h("p", {}, h("strong", {}, me), h("span", { class: "soft" }, session.person ? t("extension", { n: session.person.extension }) : t(session.role))),
            session.person && firstLeg(),
            h("div", { class: "row" }, controls()),
            h("button", { class: "quiet", onclick: logOut }, icon("leave"), t("log_out"))))),
      main, bar));
  putBar(bar);
  document.title = t("title");

  const count = () => {
    const { missed, mailbox: box } = counters();
    for (const [name, value, words] of [["calls", missed, t("missed_new", { n: missed })], ["mailbox", box, t("new_messages", { n: box })]]) {
      const place = links[name]?.querySelector(".count");
      if (!place) continue;
      place.hidden = !value;
      show(place, h("span", { "aria-hidden": "true" }, value > 99 ? "99+" : value), h("span", { class: "unseen" }, words));
    }
    document.title = missed + box ? `(${missed + box}) ${t("title")}` : t("title");
  };
  if (session.person) {
    ends.push(onNews(count), lookForNews(), followLamps((state) => {
      live.className = `live ${state}`;
      show(live, h("i", {}), h("span", {}, t(`live_${state}`)));
    }));
    count();
  }
  const keys = (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select") && search) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape") document.querySelector("details[open]")?.removeAttribute("open");
  };
  const outside = (event) => { const open = document.querySelector("details.me[open]"); if (open && !open.contains(event.target)) open.removeAttribute("open"); };
  document.addEventListener("keydown", keys);
  document.addEventListener("pointerdown", outside);
  ends.push(() => { document.removeEventListener("keydown", keys); document.removeEventListener("pointerdown", outside); });
  go();

  async function go() {
    const mine = ++turn;
    const [wanted, part] = location.hash.slice(1).split("/");
    const name = links[wanted] ? wanted : views()[0][0];
    endView?.();
    endView = null;
    for (const [key, link] of Object.entries(links)) {
      if (key === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    main.dataset.view = name;
    // A place of its own: what a view left behind still fetches is never shown in the next one, nor can anyone type into it.
    const place = h("div", {});
    show(main, place);
    const begun = { colleagues: () => people(place, session.person), calls: () => calls(place), mailbox: () => mailbox(place),
      system: () => system(place, session.role === "operator"), explain: () => explain(place, session, part) }[name]();
    const ended = await begun;
    if (mine === turn) endView = ended;
    else ended?.();
  }
  const changed = () => { go(); window.scrollTo(0, 0); };
  window.addEventListener("hashchange", changed);
  ends.push(() => window.removeEventListener("hashchange", changed));
}

/** What rings first when one clicks; a person has these ways whether or not they are set up. */
function firstLeg() {
  const ways = [["", t("as_set")], ...session.person.devices.map((one) => [`device:${one.device_id}`, one.label || one.device_id]),
    ["first_leg:mobile", t("my_mobile")], ["first_leg:remote_office", t("why_remote_office")], ["mode:this_phone", t("this_phone")]];
  if (!ways.some(([value]) => value === chosen())) choose("");
  const select = h("select", { onchange: () => choose(select.value) }, ways.map(([value, name]) => h("option", { value }, name)));
  select.value = chosen();
  return h("label", {}, h("span", { class: "soft" }, t("ring_which")), select);
}

/** One's own door sign: a switch that says how it stands. */
function doNotDisturb() {
  const place = h("button", { class: "sign", role: "switch", "aria-checked": "false", hidden: true, onclick: change });
  const draw = (on) => {
    place.hidden = false;
    place.setAttribute("aria-checked", String(on));
    place.setAttribute("aria-label", t("dnd"));
    place.className = `sign ${on ? "do_not_disturb" : "idle"}`;
    show(place, icon(on ? "minus" : "check"), h("span", {}, t(on ? "dnd" : "dnd_off")));
  };
  async function change() {
    const on = place.getAttribute("aria-checked") !== "true";
    try { draw((await ask("routing", "/v1/settings/do_not_disturb", { method: "PATCH", body: { enabled: on } })).enabled); }
    catch (wrong) { place.title = wrong.words; }
  }
  ends.push(every(20000, async () => draw((await ask("routing", "/v1/settings/do_not_disturb")).enabled)));
  return place;
}

async function logOut(event) {
  const place = event.currentTarget.parentElement;
  try {
    await send("page/session", { method: "DELETE" });
  } catch (wrong) {
    place.querySelector(".note")?.remove();
    place.append(noteOf(t("log_out_failed", { why: wrong.words }), "wrong"));
    return;
  }
  history.replaceState(null, "", location.pathname);
  afresh();
}

onLeave(() => { if (session) door(t("session_over")); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) stillMine(); });
window.addEventListener("storage", (event) => {
  if (event.key !== WHOSE) return;
  if (session) stillMine();
  else location.reload();
});
dress();
setLanguage(language());
begin();
