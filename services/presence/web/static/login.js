// Logging in: with login and password, or with a token.

import { send } from "./door.js";
import { h, noteOf, show } from "./dom.js";
import { t } from "./words.js";

/** done: called when there is a session. said: why one has to log in again. controls: language and appearance. */
export function logIn(done, said, controls) {
  let withToken = false;
  const wrong = h("div", { role: "alert" }, said ? noteOf(said) : null);
  const fields = h("div", { class: "fields" });
  const other = h("button", { type: "button", class: "quiet", onclick: () => { withToken = !withToken; draw(); fields.querySelector("input").focus(); } });
  const forgotten = h("button", { type: "button", class: "quiet", onclick: forget }, t("forgotten"));
  const button = h("button", { class: "pill main" }, t("log_in"));
  const form = h("form", { class: "login", onsubmit: submit, "aria-labelledby": "hello" },
    h("img", { src: "page/icon.svg", alt: "", width: 56, height: 56 }),
    h("h1", { id: "hello" }, t("welcome")), h("p", { class: "soft" }, t("log_in_hint")),
    wrong, fields, button, h("div", { class: "row" }, forgotten, other));

  function draw() {
    show(other, withToken ? t("with_password") : t("with_token"));
    forgotten.hidden = withToken;
    show(fields, withToken
      ? field("token", { type: "password", minlength: 16, maxlength: 256, autocomplete: "off" })
      : [field("login", { maxlength: 254, autocomplete: "username", autocapitalize: "none", spellcheck: "false" }),
        field("password", { type: "password", maxlength: 128, autocomplete: "current-password" })]);
  }

  function field(name, more) {
    return h("label", {}, h("span", {}, t(name)), h("input", { name, required: true, ...more }));
  }

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    show(wrong);
    const body = Object.fromEntries(new FormData(form));
    if (body.token) body.token = body.token.trim();
    try {
      await send("page/session", { method: "POST", body });
      done();
    } catch (problem) {
      show(wrong, noteOf(problem.words, "wrong", "minus"));
      form.querySelector("input").select();
    } finally { button.disabled = false; }
  }

  async function forget() {
    const login = fields.querySelector("[name=login]");
    if (!login?.value.trim()) { show(wrong, noteOf(t("forgotten_hint"))); login?.focus(); return; }
    try {
      await send("page/forgotten", { method: "POST", body: { login: login.value.trim() } });
      show(wrong, noteOf(t("forgotten_sent"), "good"));
    } catch (problem) { show(wrong, noteOf(problem.words, "wrong")); }
  }

  draw();
  return h("main", { class: "alone", id: "main" }, form, h("div", { class: "controls" }, controls));
}
