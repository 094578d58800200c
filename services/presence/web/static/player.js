// A message's play button, with a bar to move in it; one message plays at a time. Played once, it counts as heard.

import { address, ask } from "./door.js";
import { h, icon, show } from "./dom.js";
import { look } from "./news.js";
import { length, t } from "./words.js";

let playing = null;

/** message: as /v1/messages shows it; onHeard: told when it was marked. */
export function player(message, onHeard = () => {}) {
  const total = message.duration_ms / 1000;
  const name = message.caller.name || message.caller.number || t("withheld");
  const sound = h("audio", { preload: "none", src: address("voicemail", `/v1/messages/${message.message_id}/audio`) });
  const button = h("button", { class: "round play", "aria-label": t("play_who", { name }), onclick: toggle }, icon("play"));
  const clock = h("span", { class: "clock", "aria-hidden": "true" }, length(total));
  const bar = h("input", { type: "range", min: 0, max: Math.max(1, total), step: 0.1, "aria-label": t("position"),
    oninput: () => { sound.currentTime = Number(bar.value); } });
  bar.value = 0;
  const whole = h("span", { class: "player", role: "group", "aria-label": t("play_who", { name }) }, button, bar, clock, sound);

  function toggle() {
    if (!sound.paused) { sound.pause(); return; }
    playing?.pause();
    playing = sound;
    sound.play().catch(() => { clock.textContent = "!"; whole.title = t("audio_gone"); });
  }

  const draw = () => {
    show(button, icon(sound.paused ? "play" : "pause"));
    button.setAttribute("aria-label", sound.paused ? t("play_who", { name }) : t("pause"));
    whole.classList.toggle("on", !sound.paused);
  };
  sound.addEventListener("play", draw);
  sound.addEventListener("pause", draw);
  sound.addEventListener("ended", () => { bar.value = 0; clock.textContent = length(total); turn(); });
  sound.addEventListener("error", () => { whole.classList.add("gone"); clock.textContent = t("audio_gone"); });
  sound.addEventListener("timeupdate", () => {
    bar.value = sound.currentTime;
    clock.textContent = length(sound.currentTime);
    turn();
  });
  sound.addEventListener("playing", async () => {
    if (message.state !== "new") return;
    message.state = "saved";
    try {
      await ask("voicemail", `/v1/messages/${message.message_id}`, { method: "PATCH", body: { state: "saved" } });
      onHeard();
      look();
    } catch { message.state = "new"; }
  });
  function turn() { bar.style.setProperty("--done", `${(100 * bar.value) / bar.max}%`); }
  turn();
  return whole;
}
