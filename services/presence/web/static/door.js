// The way to the services. Whatever goes wrong comes out as a Wrong with words for people.

import { t } from "./words.js";

export class Wrong extends Error {
  constructor(status, body) {
    super(body?.message ?? "");
    this.status = status;
    this.error = body?.error ?? "";
    this.field = body?.field ?? null;
    this.retryAfter = null;
  }

  get words() {
    if (this.status === 0) return t("no_answer");
    if (this.status === 429) return t("too_many", { wait: this.retryAfter ?? "?" });
    if (this.status === 503 || this.status === 502) return t("unavailable");
    return t.has(`error_${this.error}`) ? t(`error_${this.error}`, { field: t.has(this.field) ? t(this.field) : this.field }) : this.message || t("went_wrong");
  }
}

let leave = () => {};
export function onLeave(callback) { leave = callback; }

export function address(service, path, query) {
  const parts = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(parts).toString();
  return `page/api/${service}${path}${text ? `?${text}` : ""}`;
}

/** ask("routing", "/v1/call-log", {query, method, body, headers, signal}) -> parsed answer, null for none */
export function ask(service, path, options = {}) {
  return send(address(service, path, options.query), options);
}

export async function send(where, { method = "GET", body, headers = {}, signal } = {}) {
  let answer;
  try {
    answer = await fetch(where, {
      method, signal, credentials: "same-origin", cache: "no-store",
      headers: {
        Accept: "application/json", "X-Pbx-Page": "1",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Wrong(0);
  }
  const text = answer.status === 204 ? "" : await answer.text();
  let found = null;
  try { found = text ? JSON.parse(text) : null; } catch { found = null; }
  if (answer.ok) return found;
  const wrong = new Wrong(answer.status, found);
  wrong.retryAfter = answer.headers.get("Retry-After");
  if (answer.status === 401 && !where.endsWith("page/session")) leave();
  throw wrong;
}

/** A new key for each click: the same one never dials twice. */
export function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

/**
 * Server-sent events, for ever: begun anew when they break off, later and later while nobody answers. Closed while the
 * page is out of view: a browser opens only six connections to one place, for all its windows together.
 * handlers: {event name: data => …}; onState(true|false): whether it is open. silentMs: heard nothing for so long, it is
 * taken for broken, as a line that died without a word is. Returns what ends it.
 */
export function stream(where, handlers, onState, silentMs = 0) {
  let source = null, timer = null, tries = 0, over = false, watchdog = null;
  const stop = () => { clearTimeout(timer); clearTimeout(watchdog); source?.close(); source = null; };
  const heard = () => {
    clearTimeout(watchdog);
    if (silentMs) watchdog = setTimeout(broken, silentMs);
  };
  const begin = () => {
    stop();
    if (over || document.hidden) return;
    source = new EventSource(where);
    heard();
    source.onopen = () => { tries = 0; heard(); onState?.(true); };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => { heard(); handle(JSON.parse(event.data)); });
    }
    source.onerror = broken;
  };
  const broken = () => {
    stop();
    onState?.(false);
    tries += 1;
    timer = setTimeout(begin, Math.min(15000, 300 * 1.7 ** Math.min(tries, 10)) * (0.7 + Math.random() * 0.6));
    if (tries === 2) send("page/session").catch((wrong) => { if (wrong.status === 401) leave(); });
  };
  const seen = () => {
    if (!document.hidden) { if (!source) begin(); return; }
    stop();
    onState?.(false);
  };
  document.addEventListener("visibilitychange", seen);
  begin();
  return () => { over = true; stop(); document.removeEventListener("visibilitychange", seen); };
}

/** Looks again every so often while the page is in view, and at once when it comes back into view. */
export function every(milliseconds, look) {
  let timer = null, over = false;
  const turn = async () => {
    clearTimeout(timer);
    if (over) return;
    if (!document.hidden) { try { await look(); } catch { /* the next look tells */ } }
    if (!over) timer = setTimeout(turn, milliseconds);
  };
  const seen = () => { if (!document.hidden) turn(); };
  document.addEventListener("visibilitychange", seen);
  turn();
  return () => { over = true; clearTimeout(timer); document.removeEventListener("visibilitychange", seen); };
}
