// What a rung looked at and said, in the reader's language: routing says it in English, for programs and `make explain`.

import { currentLanguage, t } from "./words.js";

const OUTCOMES = { busy: "besetzt", "no answer": "nicht angenommen", "not reachable": "nicht erreichbar" };
const KINDS = { internal: "intern", emergency: "Notruf", service: "Dienst", national: "Inland", mobile: "Mobilfunk",
  international: "Ausland", premium: "Mehrwert", satellite: "Satellit", toll_free: "gebührenfrei" };

// The first that fits; what stands in brackets is put in the place of $1, itself put into German.
const SAID = [
  [/^(.+), then (forward to .+)$/u, "$1, dann $2"],
  [/^(.+): refused, (.+)$/u, "$1: nicht möglich, $2"], [/^refused, (.+)$/u, "nicht möglich, $1"],
  [/^passed$/u, "weiter"], [/^decided$/u, "entschieden"], [/^ring$/u, "klingeln"], [/^rings first$/u, "klingelt zuerst"],
  [/^forward to (.+)$/u, "umleiten zu $1"], [/^mailbox of (.+)$/u, "Mailbox von $1"],
  [/^as if (busy|no answer|not reachable)$/u, "als wäre es: $1"], [/^announce (.+)$/u, "Ansage $1"], [/^end with (.+)$/u, "Ende mit $1"],
  [/^nobody has this extension$/u, "niemand hat diese Nebenstelle"], [/^no trunk$/u, "keine Amtsleitung"],
  [/^no number to show$/u, "keine eigene Rufnummer, die gezeigt werden kann"], [/^barred$/u, "gesperrt"],
  [/^class (\S+) not allowed$/u, "Rufnummern dieser Art sind nicht erlaubt: $1"],
];
const RUNGS = [
  [/^after (\d+) rings$/u, "nach $1-mal Klingeln"], [/^when (busy|no answer|not reachable)$/u, "wenn: $1"],
  [/^ring (\+\d+)$/u, "mitklingeln bei $1"],
];
const SAW = {
  on: "eingeschaltet", rule: "Regel", rules: "Regeln", exception: "Ausnahme", takes_its_calls: "nimmt diese Anrufe an",
  withheld: "unterdrückte Nummer", handed_out_by: "zugeteilt von", target: "Ziel", redirections: "schon umgeleitet",
  seen_before: "war schon hier", intercepted: "abgefangen", action: "was dann", internal: "intern", ranges: "Nummernbereiche",
  denied: "gesperrter Bereich", allowed: "erlaubter Bereich", forward: "Umleitung", mailbox: "Mailbox", night: "Nacht",
  filter: "Filter", remote_office: "Remote Office", own_assistant: "eigene Assistenz", matches: "trifft zu", legs: "Telefone",
  calls_up: "Gespräche", call_waiting: "Anklopfen", limit: "Grenze", devices: "Telefone", places: "weitere Plätze",
  numbers: "Rufnummern außerhalb", emergency: "Notruf", watched: "auf der Taste", rings: "klingelt", code: "Kennzahl",
  argument: "Angabe", refused: "abgelehnt", subscriber: "Person", class: "Art der Nummer", owner: "gehört",
  trunks: "Amtsleitungen", shown: "gezeigte Nummer", suppressed: "Nummer unterdrückt",
};
const VALUES = { hunt_group: "Sammelanschluss", queue: "Warteschlange", group_call: "Gruppenruf", announce: "Ansage",
  announce_then_transfer: "Ansage, dann weiter", ring: "klingeln", allow: "erlauben", reject: "abweisen", send_to: "umleiten", ...KINDS };

function german(text, patterns) {
  for (const [pattern, words] of patterns) {
    const found = pattern.exec(text);
    if (found) return words.replace(/\$(\d)/gu, (_, place) => german(found[place], patterns));
  }
  return OUTCOMES[text] ?? KINDS[text] ?? text;
}

/** "forward to 24: refused, no trunk; mailbox of 22" */
export function saidWords(said) {
  if (said === "passed") return t("passed");
  return currentLanguage() === "de" ? said.split("; ").map((one) => german(one, SAID)).join("; ") : said;
}

/** The name of a rung that is no name but tells what was met. */
export function metWords(rung) { return currentLanguage() === "de" ? german(rung, RUNGS) : rung; }

/** What it looked at: {on: true, rule: null} */
export function sawWords(saw) {
  const own = currentLanguage() === "de";
  return Object.entries(saw).map(([name, value]) => `${(own && SAW[name]) || name.replaceAll("_", " ")}: ${plain(value)}`).join(", ");
}

function plain(value) {
  if (value === null) return "–";
  if (value === true || value === false) return t(value ? "yes" : "no");
  if (Array.isArray(value)) return value.map(plain).join(", ") || "–";
  if (typeof value === "object") return Object.entries(value).map(([key, one]) => `${key} ${plain(one)}`).join(", ");
  return (currentLanguage() === "de" && VALUES[value]) || String(value).replace(/^[a-z]+(_[a-z]+)+$/u, (text) => text.replaceAll("_", " "));
}
