// Every word of the page, German and English side by side, so that none is forgotten.

const WORDS = {
  // the frame
  title: ["Telefon", "Telephone"],
  colleagues: ["Kollegen", "Colleagues"], calls: ["Anrufe", "Calls"], mailbox: ["Mailbox", "Mailbox"],
  explain: ["Warum dort?", "Why there?"], system: ["System", "System"],
  main_menu: ["Hauptmenü", "Main menu"], skip: ["Zum Inhalt", "Skip to content"],
  language: ["Sprache", "Language"], look: ["Aussehen", "Appearance"],
  light: ["hell", "light"], dark: ["dunkel", "dark"], auto: ["wie das Gerät", "as the device"],
  log_out: ["Abmelden", "Log out"], you: ["Sie", "You"], operator: ["Betreiber", "Operator"],
  administrator: ["Verwaltung", "Administrator"], extension: ["Nebenstelle {n}", "extension {n}"],
  close: ["Schließen", "Close"], more: ["Mehr", "More"], again: ["Noch einmal", "Try again"], today: ["heute", "today"],
  yesterday: ["gestern", "yesterday"], loading: ["Wird geladen …", "Loading …"],
  live_on: ["Live", "Live"], live_off: ["Verbindung wird gesucht …", "Looking for the connection …"],
  live_away: ["Vermittlung nicht erreichbar", "Switch not reachable"],
  // logging in
  welcome: ["Willkommen", "Welcome"], log_in: ["Anmelden", "Log in"],
  log_in_hint: ["Ihr Telefon, Ihre Kollegen, Ihre Mailbox.", "Your telephone, your colleagues, your mailbox."],
  login: ["Anmeldename oder E-Mail", "Login or e-mail"], password: ["Passwort", "Password"],
  token: ["Zugangstoken", "Access token"], with_token: ["Mit Token anmelden", "Log in with a token"],
  with_password: ["Mit Passwort anmelden", "Log in with a password"],
  forgotten: ["Passwort vergessen?", "Forgotten your password?"],
  forgotten_hint: ["Geben Sie Ihren Anmeldenamen ein, dann schicken wir Ihnen einen Link.",
    "Enter your login, and we send you a link."],
  forgotten_sent: ["Wenn es dieses Konto gibt, ist eine E-Mail mit einem Link unterwegs.",
    "If there is such an account, a mail with a link is on its way."],
  session_over: ["Ihre Sitzung ist zu Ende. Bitte melden Sie sich wieder an.",
    "Your session is over. Please log in again."],
  log_out_failed: ["Die Abmeldung hat nicht geklappt: {why} Sie sind noch angemeldet.",
    "Logging out did not work: {why} You are still logged in."],
  // what goes wrong
  no_answer: ["Keine Verbindung zur Telefonanlage.", "No connection to the telephone system."],
  unavailable: ["Dieser Teil der Telefonanlage antwortet gerade nicht.",
    "This part of the telephone system does not answer just now."],
  too_many: ["Zu viele Versuche. Bitte in {wait} Sekunden noch einmal.",
    "Too many attempts. Please try again in {wait} seconds."],
  went_wrong: ["Das hat nicht geklappt.", "That did not work."],
  error_wrong_login: ["Anmeldename oder Passwort ist falsch.", "Login or password is wrong."],
  error_wrong_token: ["Dieses Token gilt nicht.", "This token is not valid."],
  error_unauthorized: ["Bitte melden Sie sich wieder an.", "Please log in again."],
  error_forbidden: ["Das dürfen Sie hier nicht.", "You may not do this here."],
  error_invalid_field: ["Diese Angabe geht nicht: {field}.", "This will not do: {field}."],
  error_no_number: ["Diese Nebenstelle hat keine Rufnummer, niemand außen kann sie wählen.",
    "This extension has no number, so nobody outside can dial it."],
  error_not_found: ["Das gibt es nicht (mehr).", "There is no such thing (any more)."],
  error_conflict: ["Das hat gerade jemand anders geändert. Bitte noch einmal.", "Somebody else changed this just now. Please try again."],
  error_number_not_own: ["Diese Rufnummer gehört Ihnen nicht.", "This number is not one of yours."],
  error_unknown_subscriber: ["Diese Person gibt es nicht (mehr).", "There is no such person (any more)."],
  error_watched_twice: ["Diese Person steht schon auf der Liste.", "This person is on the list already."],
  error_cannot_watch_self: ["Sich selbst kann man nicht beobachten.", "Nobody can watch themselves."],
  error_unknown_device: ["Dieses Telefon gibt es nicht mehr.", "There is no such telephone any more."],
  error_too_many_streams: ["Die Seite ist schon zu oft offen.", "The page is open too many times."],
  error_switch_unavailable: ["Die Vermittlung antwortet gerade nicht.", "The switch does not answer just now."],
  error_too_many_watched: ["Es können höchstens acht Kollegen beobachtet werden.",
    "At most eight colleagues can be watched."],
  error_too_many_calls: ["Es laufen schon zu viele Anrufe.", "Too many calls are under way already."],
  error_invalid_target: ["Das ist keine Rufnummer, die gewählt werden kann.", "This is no number that can be dialled."],
  error_number_not_allowed: ["Diese Rufnummer ist für Sie gesperrt.", "You may not call this number."],
  error_no_device: ["Sie haben kein Telefon, das klingeln könnte.", "You have no telephone that could ring."],
  // colleagues
  search: ["Name oder Nummer …", "Name or number …"], search_label: ["Suchen und wählen", "Search and dial"],
  found: ["{n} gefunden", "{n} found"], nobody_found: ["Niemand gefunden", "Nobody found"],
  dial_number: ["{n} anrufen", "Call {n}"], call: ["Anrufen", "Call"], call_who: ["{name} anrufen", "Call {name}"],
  pick_up: ["Heranholen", "Pick up"], pick_up_who: ["Anruf von {name} heranholen", "Pick up {name}'s call"],
  watch: ["Beobachten", "Watch"], watch_who: ["{name} beobachten", "Watch {name}"],
  watch_key: ["Umschalt und Enter: auf die Liste", "Shift and Enter: put on the list"],
  unwatch: ["Nicht mehr beobachten", "Stop watching"], watched: ["Beobachtet", "Watched"],
  edit: ["Liste ändern", "Edit list"], done: ["Fertig", "Done"],
  move_up: ["{name} nach vorn", "Move {name} up"], move_down: ["{name} nach hinten", "Move {name} down"],
  unwatch_who: ["{name} nicht mehr beobachten", "Stop watching {name}"],
  nobody_watched: ["Noch niemand auf Ihrer Liste", "Nobody on your list yet"],
  nobody_watched_hint: ["Suchen Sie oben einen Kollegen und nehmen Sie ihn mit dem Stern auf Ihre Liste. Bis zu acht "
    + "haben Platz; dieselben zeigen die Tasten Ihres Telefons.",
  "Search for a colleague above and put them on your list with the star. There is room for eight; the keys of your "
    + "handset show the same ones."],
  everybody: ["Weitere Kollegen", "More colleagues"], your_list: ["Ihre Liste", "Your list"],
  of_eight: ["{n} von 8", "{n} of 8"], contact: ["Kontakt", "Contact"],
  state_ringing: ["Klingelt", "Ringing"], state_on_a_call: ["Im Gespräch", "On a call"],
  state_held: ["Hält ein Gespräch", "Call on hold"], state_do_not_disturb: ["Nicht stören", "Do not disturb"],
  state_away: ["Nicht am Platz", "Away"], state_not_registered: ["Telefon aus", "Telephone off"],
  state_idle: ["Frei", "Free"],
  why_forwarded: ["Anrufe umgeleitet", "Calls forwarded"], why_remote_office: ["Remote Office", "Remote Office"],
  why_night_service: ["Nachtschaltung", "Night service"], why_mailbox: ["Mailbox eingeschaltet", "Mailbox is on"],
  why_intercepted: ["Anrufe abgefangen", "Calls intercepted"],
  now_is: ["{name}: {state}", "{name}: {state}"], with_who: ["mit {who}", "with {who}"], from_who: ["von {who}", "from {who}"],
  dnd: ["Nicht stören", "Do not disturb"], dnd_on: ["Nicht stören ist ein", "Do not disturb is on"],
  dnd_off: ["Erreichbar", "Reachable"],
  night_on_now: ["Nachtschaltung an", "Night service on"],
  keys_hint: ["Tasten: / sucht, 1–8 springt zu einem Kollegen, Enter ruft an, Umschalt und Enter in der Suche nimmt auf die Liste",
    "Keys: / searches, 1–8 jumps to a colleague, Enter calls, Shift and Enter in the search puts on the list"],
  missed_lately: ["Zuletzt verpasst", "Missed lately"], messages_lately: ["Neue Nachrichten", "New messages"],
  all_calls: ["Alle Anrufe", "All calls"], all_messages: ["Alle Nachrichten", "All messages"],
  nothing_missed: ["Nichts verpasst.", "Nothing missed."], no_new_messages: ["Keine neuen Nachrichten.", "No new messages."],
  // calling
  ring_which: ["Zuerst klingelt", "Rings first"], as_set: ["wie eingestellt", "as it is set"],
  my_mobile: ["mein Mobiltelefon", "my mobile"], this_phone: ["dieses Gerät wählt selbst", "this device dials itself"],
  error_no_mobile_number: ["Es ist keine Mobilnummer eingetragen.", "There is no mobile number set."],
  error_remote_office_off: ["Remote Office ist ausgeschaltet.", "Remote Office is off."],
  step_accepted: ["Anruf wird vorbereitet …", "Preparing the call …"],
  step_ringing_first: ["Ihr Telefon klingelt: bitte abnehmen", "Your telephone rings: please answer"],
  step_first_answered: ["{who} wird gerufen …", "Calling {who} …"],
  step_ringing_target: ["Es klingelt bei {who}", "Ringing at {who}"],
  step_connected: ["Verbunden mit {who}", "Connected to {who}"],
  step_ended: ["Gespräch beendet", "Call ended"], step_failed: ["Nicht verbunden", "Not connected"],
  step_cancelled: ["Anruf abgebrochen", "Call cancelled"],
  step_unknown: ["Was aus dem Anruf wurde, ist nicht bekannt.", "What became of the call is not known."],
  one_at_a_time: ["Es wird schon ein Anruf aufgebaut.", "A call is being made already."],
  hang_up: ["Auflegen", "Hang up"], cancel: ["Abbrechen", "Cancel"],
  dial_here: ["Wählen Sie an diesem Telefon:", "Dial on this telephone:"],
  // call log
  all: ["Alle", "All"], missed: ["Verpasst", "Missed"], received: ["Angenommen", "Received"], placed: ["Gewählt", "Placed"],
  kind_missed: ["verpasst", "missed"], kind_received: ["angenommen", "received"], kind_placed: ["gewählt", "placed"],
  search_calls: ["In den Anrufen suchen", "Search the calls"], no_calls: ["Keine Anrufe", "No calls"],
  no_calls_hint: ["Hier stehen Anrufe, sobald es welche gibt.", "Calls are listed here as soon as there are any."],
  withheld: ["Unbekannt", "Unknown"], delete_one: ["Anruf löschen", "Delete call"],
  delete_all: ["Liste leeren", "Empty list"],
  delete_all_sure: ["Wirklich alle Anrufe aus Ihrer Liste löschen?", "Really delete all calls from your list?"],
  delete_all_yes: ["Ja, alle löschen", "Yes, delete all"], deleted: ["Gelöscht", "Deleted"], undo: ["Zurückholen", "Undo"],
  as_csv: ["Als Tabelle", "As a table"], older: ["Ältere zeigen", "Show older"],
  missed_new: ["{n} neu verpasst", "{n} newly missed"],
  // mailbox
  new_messages: ["{n} neu", "{n} new"], messages_of: ["{n} Nachrichten", "{n} messages"],
  no_messages: ["Keine Nachrichten", "No messages"],
  no_messages_hint: ["Wenn jemand auf Ihre Mailbox spricht, hören Sie es hier.",
    "When somebody speaks to your mailbox, you can listen here."],
  no_mailbox: ["Sie haben keine Mailbox.", "You have no mailbox."],
  play_who: ["Nachricht von {name} abspielen", "Play the message from {name}"], pause: ["Anhalten", "Pause"],
  position: ["Stelle in der Nachricht", "Position in the message"],
  urgent: ["dringend", "urgent"], fresh: ["neu", "new"], incomplete: ["unvollständig", "incomplete"],
  mark_new: ["Als neu merken", "Mark as new"], delete_message: ["Nachricht löschen", "Delete message"],
  audio_gone: ["Die Aufnahme ist nicht mehr da.", "The recording is no longer there."],
  // explain
  explain_intro: ["Wo klingelt es, und warum? Stufe um Stufe, für jeden Anruf und jede Zeit.",
    "Where does it ring, and why? Step by step, for any call and any time."],
  company: ["Firma", "Company"], caller: ["Wer ruft an", "Who calls"], callee: ["Wen", "Whom"], when: ["Wann", "When"],
  caller_hint: ["Nebenstelle, Nummer oder „withheld“", "extension, number or “withheld”"],
  callee_hint: ["Nebenstelle oder Nummer", "extension or number"], now: ["jetzt", "now"],
  show_why: ["Zeigen", "Show"], decided: ["entscheidet", "decides"], passed: ["weiter", "passed"],
  at_place: ["bei {name} ({place})", "at {name} ({place})"], then: ["Was dann geschieht", "What happens then"],
  sent_on_to: ["weitergegeben an {name}", "sent on to {name}"], happened: ["Was geschah", "What happened"], week_of: ["Woche von {name}", "Week of {name}"],
  week: ["Woche", "Week"], week_before: ["Woche davor", "Week before"], week_after: ["Woche danach", "Week after"],
  holiday: ["Feiertag: {name}", "Holiday: {name}"], night_on: ["Nachtschaltung an bis {until}", "Night service on until {until}"],
  not_known: ["Nicht berücksichtigt: laufende Gespräche, angemeldete Telefone und erreichte Grenzen jener Zeit.",
    "Not considered: calls, registered telephones and limits reached at that time."],
  trunk_registered: ["angemeldet", "registered"], trunk_unregistered: ["nicht angemeldet", "not registered"],
  trunk_failed: ["Anmeldung gescheitert", "registration failed"], trunk_not_needed: ["bereit", "ready"],
  trunk_unknown: ["unbekannt", "unknown"],
  mail_waiting: ["wartet", "waiting"], mail_sending: ["wird gesendet", "being sent"], mail_refused: ["abgelehnt", "refused"],
  mail_given_up: ["aufgegeben", "given up"],
  limit_reached: ["Jetzt gestoppt von der Grenze: {name}", "Stopped now by the limit: {name}"],
  limit_per_subscriber_per_minute: ["Anrufe nach außen je Person und Minute", "calls to the outside per person and minute"],
  limit_per_minute: ["Anrufe nach außen der Firma je Minute", "the company's calls to the outside per minute"],
  limit_forwarded_at_once: ["gleichzeitige Umleitungen nach außen", "forwards to the outside at once"],
  limit_daily_budget: ["Tagesbudget der Firma", "the company's budget of the day"],
  open_picture: ["Bild einzeln öffnen", "Open the picture alone"], steps_before: ["{n} Stufen ohne Wirkung", "{n} steps without effect"],
  do_ring: ["klingelt", "rings"], do_splash: ["klingelt kurz an", "rings briefly"], do_send_on: ["umgeleitet von", "sent on by"],
  do_announce: ["Ansage", "announcement"], do_mailbox: ["Mailbox", "mailbox"], do_end: ["Ende", "end"],
  do_say: ["Ansage", "announcement"], do_code: ["Dienstkennzahl", "feature code"], do_pick_up: ["heranholen", "pick up"],
  do_portal: ["Mailbox abhören", "voice portal"], do_fallback: ["Notbetrieb der Vermittlung", "the switch by itself"], do_unknown: ["unbekannt", "unknown"],
  yes: ["ja", "yes"], no: ["nein", "no"],
  do_as: ["wie Schritt {id}", "as step {id}"],
  if_busy: ["wenn besetzt", "when busy"], if_no_answer: ["wenn niemand abnimmt", "when nobody answers"],
  if_not_reachable: ["wenn nicht erreichbar", "when not reachable"], if_gone: ["wenn fort", "when gone"], if_then: ["dann", "then"],
  do_private: ["weiter nach Einstellungen eines anderen", "goes on by somebody else's settings"],
  reason_busy: ["besetzt", "busy"], reason_no_answer: ["nicht angenommen", "not answered"],
  reason_not_reachable: ["nicht erreichbar", "not reachable"], reason_rejected: ["abgewiesen", "rejected"],
  reason_barred: ["gesperrt", "barred"], reason_unknown_number: ["niemandem zugeteilt", "nobody's number"],
  made: ["Der Anruf, wie er gemacht wird", "The call as it is made"],
  label_extension: ["Nebenstelle", "extension"], label_work: ["geschäftlich", "work"], label_mobile: ["mobil", "mobile"],
  label_home: ["privat", "home"], label_fax: ["Fax", "fax"], label_other: ["andere", "other"],
  seconds: ["{n} s", "{n} s"],
  // the system
  calls_up: ["Gespräche", "Calls up"], devices: ["Telefone angemeldet", "Telephones registered"],
  queues: ["Warteschlangen", "Queues"], mails: ["E-Mails", "Mails"], errors: ["Letzte Fehler", "Last errors"],
  health: ["Zustand", "Health"], lamps: ["Lampen", "Lamps"], waiting: ["warten", "waiting"], refused: ["abgewiesen", "refused"],
  nothing_up: ["Gerade telefoniert niemand.", "Nobody is on the telephone just now."],
  no_errors: ["Keine Fehler, seit der Dienst läuft.", "No errors since the service is running."],
  from: ["Von", "From"], to: ["An", "To"], since: ["Seit", "Since"], state: ["Zustand", "State"], rung: ["Stufe", "Rung"],
  queue: ["Schlange", "Queue"], depth: ["Tiefe", "Depth"], oldest: ["Ältester", "Oldest"], consumers: ["Arbeiter", "Workers"],
  call_ringing: ["klingelt", "ringing"], call_talking: ["im Gespräch", "talking"], call_held: ["gehalten", "held"],
  up: ["läuft", "up"], down: ["gestört", "down"], why_this: ["Warum?", "Why?"], as_of: ["Stand {time}", "As of {time}"],
  not_since: ["Keine Antwort, Stand {time}", "No answer, as of {time}"],
  calls_old: ["Die Vermittlung ist nicht erreichbar. So war es zuletzt.", "The switch is not reachable. This is how it was."],
  switch_not_ready: ["nimmt keine Anrufe an", "takes no calls"],
  switch_not_in_step: ["wird gerade neu abgefragt", "is being asked anew"],
  service: ["Dienst", "Service"], when_col: ["Wann", "When"], what: ["Was", "What"], device: ["Telefon", "Telephone"],
  address: ["Adresse", "Address"], switch: ["Vermittlung", "Switch"], database: ["Datenbank", "Database"],
  broker: ["Warteschlangen", "Message broker"], person: ["Person", "Person"], registered_of: ["{n} von {of}", "{n} of {of}"],
  uptime: ["läuft seit {time}", "up for {time}"], recent_calls: ["Letzte Anrufe", "Recent calls"],
};

// The rungs of the ladder as they are called in the interfaces.
const RUNGS = {
  "loop guard": "Schleifenschutz", "intercept": "Abfangen", "incoming barring": "Sperre ankommend",
  "enterprise rule": "Firmenregel", "night service": "Nachtschaltung", "negative list": "Negativliste",
  "positive list": "Positivliste", "anonymous rejection": "Anonyme abweisen",
  "selective forwarding": "Selektive Weiterleitung", "forward always, mailbox always": "Rufumleitung immer",
  "executive filter": "Chef-Filter", "do not disturb": "Nicht stören", "busy": "Besetzt",
  "Remote Office": "Remote Office", "devices": "Telefone", "emergency": "Notruf", "lamp key": "Namenstaste",
  "feature code or speed dial": "Dienstkennzahl oder Kurzwahl", "barring": "Sperre", "extension": "Nebenstelle",
  "external number": "externe Rufnummer", "number": "Rufnummer", "emergency call-back": "Rückruf nach einem Notruf",
  "fallback": "Notbetrieb der Vermittlung", "unknown": "unbekannt",
};

let language = "de";

export const LANGUAGES = ["de", "en"];

export function setLanguage(wanted) {
  language = LANGUAGES.includes(wanted) ? wanted : "de";
  document.documentElement.lang = language;
}

export function currentLanguage() { return language; }

export function t(name, values = {}) {
  const found = WORDS[name];
  if (!found) return name;
  return found[language === "de" ? 0 : 1].replace(/\{(\w+)\}/gu, (_, key) => values[key] ?? "");
}
t.has = (name) => name in WORDS;

export function rungWord(rung) {
  if (!rung) return "";
  if (language === "de") return RUNGS[rung] ?? rung;
  return rung[0].toUpperCase() + rung.slice(1);
}

const locale = () => (language === "de" ? "de-DE" : "en-GB");

/** To the second. */
export function clock(at) { return new Date(at).toLocaleTimeString(locale()); }

export function time(at) {
  return new Date(at).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
}

/** "heute", "gestern", "Montag", "12. März" */
export function day(at) {
  const then = new Date(at), now = new Date();
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.round((midnight - new Date(then.getFullYear(), then.getMonth(), then.getDate())) / 86400000);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  if (days > 1 && days < 7) return then.toLocaleDateString(locale(), { weekday: "long" });
  const year = then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return then.toLocaleDateString(locale(), { day: "numeric", month: "long", ...year });
}

export function moment(at) { return `${day(at)}, ${time(at)}`; }

/** 75 -> "1:15" */
export function length(seconds) {
  const whole = Math.max(0, Math.round(seconds)), hours = Math.floor(whole / 3600);
  const rest = [Math.floor((whole % 3600) / 60), whole % 60];
  return [...(hours ? [hours, String(rest[0]).padStart(2, "0")] : [rest[0]]), String(rest[1]).padStart(2, "0")].join(":");
}

export function number(value) { return Number(value).toLocaleString(locale()); }
