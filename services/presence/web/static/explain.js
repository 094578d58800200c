// Why it rings there: a call that was or might be, rung by rung, and the week of the one who is called.

import { address, ask } from "./door.js";
import { h, icon, noteOf, show } from "./dom.js";
import { metWords, saidWords, sawWords } from "./said.js";
import { currentLanguage, moment, rungWord, t } from "./words.js";

const FOLLOWS = ["busy", "no_answer", "not_reachable", "gone", "then"];

/** session: who asks; callId: of a call that was, from the address. */
export async function explain(main, session, callId) {
  const answer = h("div", { "aria-live": "polite" });
  const week = h("div", {});
  const companies = session.role === "operator" ? await ask("routing", "/v1/companies").then((found) => found.companies, () => []) : [];
  const own = session.person;
  const form = h("form", { class: "asking", onsubmit: (event) => { event.preventDefault(); imagine(); } },
    companies.length ? labelled("company", h("select", { name: "company" }, companies.map((one) => h("option", { value: one.domain }, one.name)))) : null,
    labelled("caller", h("input", { name: "caller", required: true, maxlength: 40, placeholder: t("caller_hint"), autocomplete: "off" })),
    labelled("callee", h("input", { name: "callee", required: true, maxlength: 40, placeholder: t("callee_hint"), autocomplete: "off", value: session.role === "subscriber" && own ? own.extension : "" })),
    labelled("when", h("input", { name: "at", type: "datetime-local" })),
    h("button", { class: "pill" }, icon("why"), t("show_why")));
  show(main, h("section", { class: "narrow", "aria-labelledby": "why-head" },
    h("header", { class: "head" }, h("h1", { id: "why-head" }, t("explain"))),
    h("p", { class: "soft" }, t("explain_intro")), form, answer, week));

  async function imagine() {
    const asked = new FormData(form);
    const query = { company: asked.get("company"), caller: asked.get("caller"), callee: asked.get("callee"), at: asked.get("at") };
    show(answer, h("p", { class: "soft" }, t("loading")));
    for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    try {
      const found = await ask("routing", "/v1/explain", { query });
      show(answer, account(found));
      timetable(found.callee);
    } catch (wrong) {
      show(answer, noteOf(wrong.words, "wrong"));
      show(week);
      const field = wrong.field && form.querySelector(`[name="${wrong.field}"]`);
      if (field) { field.setAttribute("aria-invalid", "true"); field.focus(); }
    }
  }

  async function past() {
    show(answer, h("p", { class: "soft" }, t("loading")));
    try {
      const found = await onceWritten(() => ask("routing", `/v1/calls/${callId}/explain`));
      show(answer, account(found));
      timetable(found.callee);
    } catch (wrong) { show(answer, noteOf(wrong.words, "wrong")); }
  }

  function timetable(callee) {
    const mine = callee && own && callee.subscriber_id === own.subscriber_id;
    if (!callee || (session.role === "subscriber" && !mine)) { show(week); return; }
    let monday = 0;
    const draw = () => {
      const path = mine ? "/v1/timetable.svg" : `/v1/subscribers/${callee.subscriber_id}/timetable.svg`;
      const source = address("routing", path, { week: isoWeek(monday), language: currentLanguage() });
      show(week, h("section", { class: "box", "aria-labelledby": "week-head" },
        h("header", {}, icon("clock"), h("h2", { id: "week-head" }, t("week_of", { name: callee.name })),
          h("button", { class: "round", "aria-label": t("week_before"), title: t("week_before"), onclick: () => { monday -= 7; draw(); } }, icon("left")),
          h("button", { class: "round", "aria-label": t("week_after"), title: t("week_after"), onclick: () => { monday += 7; draw(); } }, icon("right")),
          h("a", { class: "quiet", href: source, target: "_blank", rel: "noopener" }, t("open_picture"))),
        h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("week_of", { name: callee.name }) },
          h("img", { src: source, alt: `${t("week_of", { name: callee.name })}, ${isoWeek(monday)}`, class: "week" }))));
    };
    draw();
  }

  if (callId) await past();
  return () => {};
}

/** A call that is up already may be a few seconds from its record. */
async function onceWritten(look) {
  for (let tries = 1; ; tries += 1) {
    try { return await look(); } catch (wrong) {
      if (wrong.status !== 404 || tries === 6) throw wrong;
      await new Promise((again) => setTimeout(again, 1000));
    }
  }
}

function labelled(name, input) { return h("label", {}, h("span", {}, t(name)), input); }

/** 2026-W48 of the day so many days from now */
function isoWeek(days) {
  const then = new Date(Date.now() + days * 86400000);
  const thursday = new Date(Date.UTC(then.getFullYear(), then.getMonth(), then.getDate() + 4 - (then.getDay() || 7)));
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-W${String(Math.ceil(((thursday - first) / 86400000 + 1) / 7)).padStart(2, "0")}`;
}

function account(told) {
  const caller = told.caller.name || told.caller.number || t("withheld");
  const callee = told.callee ? `${told.callee.name} (${told.callee.extension})` : told.dialled;
  const notes = [told.calendar?.holiday && t("holiday", { name: told.calendar.holiday }),
    told.calendar?.night?.on && t("night_on", { until: told.calendar.night.until ? wall(told.calendar.night.until) : "…" }),
    told.not_known?.length && t("not_known"), told.limit && t("limit_reached", { name: t(`limit_${told.limit}`) })].filter(Boolean);
  return h("section", { class: "account" },
    h("h2", { class: "route" }, h("span", {}, caller), icon("arrow"), h("span", {}, callee)),
    h("p", { class: "soft" }, wall(told.at), ...notes.map((one) => ` · ${one}`)),
    places(told.rungs).map(ladder),
    (told.later ?? []).map((one) => [h("p", { class: "soft" }, `${wall(one.at)} · ${t("sent_on_to", { name: one.dialled })}`),
      places(one.rungs).map(ladder)]),
    told.plan && [h("h3", {}, t("then")), h("ul", { class: "plan" }, step(told.plan))],
    told.happened?.length ? [h("h3", {}, t("happened")), h("ul", { class: "plan" }, told.happened.map((one) => h("li", {}, one.at && h("span", { class: "soft digits" }, `${wall(one.at)} `), described(one))))] : null);
}

/** The rungs in a row that were climbed at one place. */
function places(rungs) {
  const found = [];
  for (const rung of rungs) {
    const last = found.at(-1);
    if (last && last[0].place === rung.place && last[0].sent_on === rung.sent_on) last.push(rung);
    else found.push([rung]);
  }
  return found;
}

function ladder(rungs) {
  const { place, name } = rungs[0];
  return h("div", { class: "ladder" },
    h("h3", {}, place === "outgoing" ? t("made") : name && name !== place ? t("at_place", { name, place }) : place),
    h("ol", {}, rungs.map((one) => h("li", { class: one.decides ? "decides" : one.said === "passed" ? "passed" : "spoke" },
      h("span", { class: "no digits" }, one.number ?? "·"),
      h("span", { class: "name" }, one.number === null ? metWords(rungWord(one.rung)) : rungWord(one.rung)),
      h("span", { class: "said" }, saidWords(one.said), one.decides && h("span", { class: "tag" }, t("decided"))),
      Object.keys(one.saw).length ? h("span", { class: "saw" }, sawWords(one.saw)) : null))));
}

const REASONS = ["busy", "no_answer", "not_reachable", "rejected", "barred", "unknown_number"];

/** A step in words, as the ladder's plan or the record of a call names it. */
function described(node) {
  const said = node.do === "as" ? t("do_as", { id: node.id }) : t.has(`do_${node.do}`) ? t(`do_${node.do}`) : node.do ?? "";
  const more = [];
  if (node.legs) more.push(node.legs.map(legWords).join(", "));
  else if (node.name || node.extension || node.from) more.push([node.name, (node.extension ?? node.from) && `(${node.extension ?? node.from})`].filter(Boolean).join(" "));
  if (node.prompt) more.push(node.prompt);
  if (node.function) more.push(node.function);
  if (REASONS.includes(node.reason)) more.push(t(`reason_${node.reason}`));
  const seconds = node.for_s ?? node.ring_s;
  if (seconds) more.push(t("seconds", { n: seconds }));
  return [h("strong", {}, said), more.filter(Boolean).map((one) => ` · ${one}`)];
}

function legWords(leg) {
  if (typeof leg === "string") return leg;
  const name = leg.device ? `${leg.name || leg.extension} (${leg.device})` : leg.number;
  return leg.registered === false ? `${name}, ${t("state_not_registered")}` : name;
}

function step(node) {
  const follows = FOLLOWS.filter((name) => node[name]);
  const words = described(node);
  // What simply comes next stands below it; what depends on how it went is told with its if.
  return [h("li", {}, words, follows.some((name) => name !== "then") ? h("ul", {}, follows.filter((name) => name !== "then").map((name) =>
    h("li", {}, h("span", { class: "soft" }, `${t(`if_${name}`)}: `), h("ul", {}, step(node[name]))))) : null),
  node.then ? step(node.then) : null];
}

/** What the clock on the site's wall shows, wherever the reader is. */
function wall(at) { return moment(at.slice(0, 16)); }
