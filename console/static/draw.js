// Values to elements. Text is only ever set as text: nothing a log line says becomes markup.
import { currentLanguage, half, locale, t } from "./words.js";

/** An element: tag, properties (class, on… functions, attributes), children (elements or texts). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : visible(String(child)))));
  return element;
}

/** Control and direction-changing characters made visible, so that a line cannot lie about itself. */
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const ZONE = { timeZone: "Asia/Ho_Chi_Minh" };
export function clock(text, milliseconds = false) {
  return new Date(text).toLocaleTimeString(locale(), { ...ZONE, hour12: false, ...(milliseconds ? { fractionalSecondDigits: 3, hour: "2-digit", minute: "2-digit", second: "2-digit" } : {}) });
}
export function day(text) { return new Date(text).toLocaleDateString(locale(), { ...ZONE, day: "2-digit", month: "2-digit", year: "numeric" }); }
function moment(text) { return `${clock(text)} ${day(text)}`; }

function chips(values, search) {
  return make("ul", { class: "chips" }, ...values.map(([kind, value]) => make("li", {},
    search ? make("button", { title: t("copyHint"), onclick: () => search(value) }, make("i", {}, kind), value) : make("span", {}, make("i", {}, kind), value))));
}
function section(title, ...content) { return content.filter(Boolean).length ? [make("h2", {}, title), ...content.filter(Boolean)] : []; }

/** An alert's title in the chosen language, when its rule has it in both. */
function named(alert) { return (currentLanguage() === "vi" && alert.title_vi) || alert.title; }

export function alertRow(alert) {
  return [make("span", { class: "edge" }), make("span", { class: "title" }, named(alert)),
    make("span", { class: "side" }, clock(alert.detected_at), make("br"), make("span", { class: "badge" }, t(alert.level))),
    make("span", { class: "about" }, [alert.entities.map((e) => (e.kind === "hash" ? `${e.value.slice(0, 12)}…` : e.value)).join(", "), alert.systems.join(", "), alert.count > 1 ? t("count", { n: alert.count }) : ""].filter(Boolean).join(" · "))];
}
export function incidentRow(incident) {
  return [make("span", { class: "edge" }), make("span", { class: "title" }, half(incident.title)),
    make("span", { class: "side" }, clock(incident.detected_at), make("br"), make("span", { class: "badge" }, incident.severity)),
    make("span", { class: "about" }, [incident.systems.join(", "), t("alertCount", { n: incident.alerts.length }), incident.national_id || t(incident.delivery)].filter(Boolean).join(" · "))];
}
export function eventRow(event) {
  return [make("span", { class: "edge" }), make("span", { class: "when" }, clock(event.happened_at), make("br"), event.host || event.peer),
    make("span", { class: "line" }, event.original.slice(0, 400))];
}

function fourTimes(alert) {
  const names = ["happened", "received", "stored", "detected"];
  return make("dl", { class: "times" }, ...names.map((name) => make("div", {}, make("dt", {}, t(name)), make("dd", {}, clock(alert[`${name}_at`], true), make("br"), make("small", {}, day(alert[`${name}_at`]))))));
}
function evidence(lines) {
  return make("ul", { class: "evidence" }, ...lines.map((line) => make("li", {},
    make("div", { class: "where" }, make("span", {}, moment(line.happened_at)), make("span", {}, line.host), make("span", {}, line.system)), make("pre", {}, line.excerpt))));
}

export function alertDetail(alert, search) {
  const techniques = alert.tags.filter((tag) => tag.startsWith("attack."));
  return [make("span", { class: `badge ${alert.level}` }, t(alert.level)), make("h1", {}, named(alert)), make("p", { class: "quiet" }, alert.description), fourTimes(alert),
    ...section(t("response"), alert.response[currentLanguage()] ? make("p", { class: "response" }, alert.response[currentLanguage()]) : null),
    ...section(t("entities"), alert.entities.length ? chips(alert.entities.map((e) => [e.kind, e.value]), search) : null),
    ...section(t("systems"), alert.systems.length ? chips(alert.systems.map((s) => ["", s])) : null),
    ...section(t("evidence"), alert.evidence.length ? evidence(alert.evidence) : null),
    ...section(t("techniques"), techniques.length ? chips(techniques.map((tag) => ["", tag.replace("attack.", "")])) : null),
    ...section(t("rule"), make("p", { class: "mono quiet" }, `${alert.rule} · ${t("count", { n: alert.count })} · ${alert.id}`))];
}

export function incidentDetail(incident, search, openAlert) {
  const receipt = incident.receipt;
  return [make("span", { class: `badge ${incident.severity}` }, incident.severity), make("h1", {}, half(incident.title)), make("p", { class: "quiet" }, half(incident.why)),
    ...section(t("receipt"), make("div", { class: `receipt ${incident.delivery}` }, make("strong", {}, incident.national_id || t(incident.delivery)),
      make("p", { class: "quiet small" }, receipt ? [t("delivered"), moment(receipt.received_at), incident.attempts ? `${t("attempts")}: ${incident.attempts}` : ""].filter(Boolean).join(" · ") : incident.delivery_error || t(incident.delivery)),
      receipt ? make("p", { class: "mono quiet" }, `${t("signature")}: ${receipt.signature.slice(0, 32)}…`) : null)),
    ...section(t("entities"), chips(incident.entities.map((e) => [e.kind, e.value]), search)),
    ...section(`${t("memberAlerts")} (${incident.alert_lines.length})`, make("ul", { class: "evidence" }, ...incident.alert_lines.map((line) => make("li", { class: line.level },
      make("div", { class: "where" }, make("span", {}, moment(line.happened_at)), make("span", { class: "badge" }, t(line.level)), make("span", {}, t("count", { n: line.count }))),
      make("pre", {}, make("button", { class: "plain", onclick: () => openAlert(line.id) }, named(line))))))),
    ...section(t("evidence"), ...incident.evidence.slice(0, 20).map((text) => make("pre", { class: "raw" }, text))),
    ...section(t("systems"), incident.systems.length ? chips(incident.systems.map((s) => ["", s])) : null),
    ...section(t("techniques"), incident.techniques.length ? chips(incident.techniques.map((x) => ["", x])) : null)];
}

export function eventDetail(event, search) {
  const shown = Object.entries({ format: event.format, system: event.system, host: event.host, source: event.source, peer: event.peer, tags: event.tags.join(", "), ...event.fields }).filter(([, v]) => v !== "" && v !== null);
  return [make("h1", {}, `${event.format} · ${event.host || event.peer}`), make("p", { class: "quiet" }, moment(event.happened_at)),
    ...section(t("original"), make("pre", { class: "raw" }, event.original)),
    ...section(t("fields"), make("table", { class: "fields" }, make("tbody", {}, ...shown.map(([name, value]) => {
      const text = Array.isArray(value) ? value.join(", ") : String(value);
      return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, make("button", { title: t("copyHint"), onclick: () => search(text, name) }, text)));
    }))))];
}

/** Bars over time: rows of {at (ms), count}. */
export function chart(rows) {
  const most = Math.max(1, ...rows.map((row) => row.count)), width = 1000 / Math.max(1, rows.length);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 54");
  svg.setAttribute("preserveAspectRatio", "none");
  rows.forEach((row, index) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect"), height = row.count ? Math.max(2, (row.count / most) * 52) : 0;
    for (const [name, value] of Object.entries({ x: index * width + 1, y: 54 - height, width: Math.max(1, width - 2), height })) bar.setAttribute(name, value);
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `${moment(row.at)}: ${row.count}`;
    bar.append(title);
    svg.append(bar);
  });
  return [svg, make("div", { class: "axis" }, make("span", {}, rows.length ? moment(rows[0].at) : ""), make("span", {}, rows.length ? moment(rows.at(-1).at) : ""))];
}

export function empty(view, filtered) {
  const [title, hint] = filtered ? ["nothingHere", "nothingHint"] : { alerts: ["noAlerts", "noAlertsHint"], incidents: ["noIncidents", "noIncidentsHint"], events: ["noEvents", "noEventsHint"] }[view];
  return make("li", { class: "empty" }, make("strong", {}, t(title)), t(hint));
}
