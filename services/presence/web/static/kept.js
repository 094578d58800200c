// What the browser keeps for one person: the next one at this desk has his own.

let of = "";

export function keepFor(person) { of = person ? `.${person.subscriber_id}` : ""; }

export function kept(name) { return localStorage.getItem(`pbx.${name}${of}`); }

/** Nothing to keep: it is forgotten. */
export function keep(name, value) {
  if (value) localStorage.setItem(`pbx.${name}${of}`, value);
  else localStorage.removeItem(`pbx.${name}${of}`);
}
