// Building the page from elements and text, never from markup: what people are called is only ever text.

const SVG = "http://www.w3.org/2000/svg";

/** h("button", {class: "quiet", onclick: f, "aria-label": "…"}, "text", element, null, [more]) */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

export function show(place, ...children) {
  place.replaceChildren(...flat(children));
  return place;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

const ICONS = {
  people: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 9v-1a6 6 0 0 1 6-6h2a6 6 0 0 1 6 6v1M16.5 3.5a4 4 0 0 1 0 7M18 13.5a6 6 0 0 1 4 5.5v1",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-14v5l3.5 2",
  mailbox: "M6 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm12 0a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM6 15.5h12",
  phone: "M5 3h3.2l1.8 4.6-2.3 1.7a12 12 0 0 0 5 5l1.7-2.3L19 13.8V17a3 3 0 0 1-3.2 3A15.5 15.5 0 0 1 2 6.2 3 3 0 0 1 5 3Z",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm5-1.5L21 21",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15L6 16Zm4 4.5h4",
  pause: "M8.5 5v14M15.5 5v14",
  minus: "M6 12h12",
  arrow: "M5 12h13m-5-5.5 5.5 5.5-5.5 5.5",
  check: "M5 12.5 10 17.5 19.5 7",
  cross: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  out: "M7 17 17 7m-8 0h8v8",
  in: "M17 7 7 17m8 0H7V9",
  missed: "M3 7l7.5 7.5L21 4M3 7v6M3 7h6",
  trash: "M4 6.5h16M9 6V3.5h6V6m-8.5.5 1 14h9l1-14M10 11v5.5m4-5.5v5.5",
  play: "M8 5.2v13.6L19 12 8 5.2Z",
  pick: "M12 3v10m0 0 4-4m-4 4L8 9M4 17c0 2.2 3.6 4 8 4s8-1.8 8-4",
  pulse: "M2.5 12.500h4.500l2.5-7 4.5 14 2.5-7h5",
  why: "M6 3v4a4 4 0 0 0 4 4h4a4 4 0 0 1 4 4v6m-3-3 3 3 3-3M6 3 3.5 5.500M6 3l2.5 2.5",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v1.500M12 19.500V21M3 12h1.500M19.5 12H21M5.6 5.600l1 1M17.4 17.400l1 1M18.4 5.600l-1 1M6.6 17.400l-1 1",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500Z",
  half: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-18v18",
  leave: "M14 4H6v16h8m-4-8h11m-3.5-3.500L21 12l-3.5 3.5",
  off: "M5 19 19 5M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  up: "M12 19V5m-6 6 6-6 6 6",
  down: "M12 5v14m-6-6 6 6 6-6",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  edit: "M4 20h4L19.5 8.500l-4-4L4 16v4Zm9.5-13.5 4 4",
  star: "M12 3.500l2.6 5.4 5.9.8-4.3 4.1 1 5.900L12 16.900l-5.2 2.8 1-5.900L3.5 9.700l5.9-.8L12 3.500Z",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  if (name === "play") path.setAttribute("class", "full");
  svg.append(path);
  return svg;
}

const HUES = [14, 38, 78, 150, 178, 205, 232, 262, 300, 338];

/** Initials in a colour that stays the person's. */
export function face(name, badge) {
  const words = (name || "?").trim().split(/\s+/u);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  let sum = 0;
  for (const sign of name ?? "") sum = (sum * 31 + sign.codePointAt(0)) % 9973;
  const person = /\p{L}/u.test(letters[0]?.[0] ?? "");
  const element = h("span", { class: person ? "face" : "face plain", "aria-hidden": "true" },
    person ? letters.map((word) => [...word][0] ?? "").join("").toUpperCase() : icon("phone"), badge);
  element.style.setProperty("--hue", HUES[sum % HUES.length]);
  return element;
}

/** A name, whole where it is pointed at. */
export function named(name) { return h("span", { class: "name", title: name }, name); }

let speaker;
/** Said by a screen reader, once, without moving anybody. */
export function say(text) {
  // Drawing the page anew takes it away with the rest.
  if (!speaker?.isConnected) speaker = document.body.appendChild(h("div", { class: "unseen", role: "status", "aria-live": "polite" }));
  speaker.textContent = "";
  requestAnimationFrame(() => { speaker.textContent = text; });
}

export function noteOf(text, kind = "empty", name = null) {
  return h("p", { class: `note ${kind}`, role: kind === "wrong" ? "alert" : null }, name && icon(name), text);
}
