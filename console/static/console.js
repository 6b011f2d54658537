// The page: three lists, one detail, live. State is here; how things look is in draw.js, words in words.js.
import { alertDetail, alertRow, chart, empty, eventDetail, eventRow, incidentDetail, incidentRow, make } from "./draw.js";
import { currentLanguage, locale, otherLanguage, t } from "./words.js";

const $ = (id) => document.getElementById(id);
const LEVELS = ["informational", "low", "medium", "high", "critical"];
const VIEWS = {
  incidents: { row: incidentRow, detail: (x) => incidentDetail(x, hunt, openAlert), kind: (x) => x.severity, order: (x) => x.detected_at },
  alerts: { row: alertRow, detail: (x) => alertDetail(x, hunt), kind: (x) => x.level, order: (x) => x.detected_at },
  events: { row: eventRow, detail: (x) => eventDetail(x, hunt), kind: () => "event", order: (x) => x.happened_at },
};
const KEPT = 1000;
const lists = { incidents: { items: [], next: "" }, alerts: { items: [], next: "" }, events: { items: [], next: "" } };
let view = "incidents", chosen = "", fresh = new Set(), loading = 0;

async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (response.status === 401) { location.reload(); return new Promise(() => {}); }
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || body.title);
  return body;
}

async function load(more = false) {
  const mine = ++loading, wanted = view, list = lists[wanted];
  const after = more ? list.next : "";
  try {
    const path = wanted === "events" ? eventsPath(after) : `/api/v1/${wanted}?limit=100&before=${encodeURIComponent(after)}${wanted === "alerts" ? `&level=${$("level").value}` : ""}`;
    const page = await get(path);
    if (mine !== loading) return;
    list.items = more ? [...list.items, ...page.items] : page.items;
    list.next = page.items.length ? page.next : "";
    say(wanted === "events" ? t("found", { n: list.items.length, total: page.total.toLocaleString(locale()), searched: page.searched.toLocaleString(locale()), ms: Math.round(page.took * 1000) }) + (page.partial ? ` · ${t("partialFound")}` : "") : "");
  } catch (error) { if (mine === loading) say(t("failed", { why: error.message }), true); }
  show();
  if (wanted === "events" && !more) histogram();
}

function eventsPath(after, path = "/api/v1/events") {
  const span = $("span").value, ago = { "15m": 15, "1h": 60, "24h": 1440, "7d": 10080 }[span];
  const parameters = new URLSearchParams({ q: $("query").value, limit: "100", after });
  if (ago) parameters.set("since", new Date(Date.now() - ago * 60000).toISOString());
  return `${path}?${parameters}`;
}

async function histogram() {
  try {
    const { items } = await get(eventsPath("", "/api/v1/events/histogram"));
    $("chart").replaceChildren(...chart(items));
    $("chart").hidden = view !== "events";
  } catch { $("chart").hidden = true; }
}

function say(text, wrong = false) {
  $("told").textContent = text;
  $("told").hidden = !text;
  $("told").classList.toggle("wrong", wrong);
}

function wanted() {
  const words = $("filter").value.toLowerCase().normalize("NFC");
  if (view === "events" || !words) return lists[view].items;
  return lists[view].items.filter((item) => JSON.stringify(item).toLowerCase().normalize("NFC").includes(words));
}

function show() {
  const { row, kind } = VIEWS[view], items = wanted();
  $("list").replaceChildren(...items.map((item) => make("li", {
    class: `${kind(item)} ${fresh.has(item.id) ? "new" : ""}`, "data-id": item.id, tabindex: "0", "aria-current": String(item.id === chosen), onclick: () => choose(item.id),
  }, ...row(item))));
  if (!items.length) $("list").append(empty(view, view !== "events" && ($("filter").value || $("level").value !== "informational")));
  $("more").hidden = !lists[view].next;
  $("shown").textContent = t("shown", { n: items.length });
  fresh = new Set();
  detail();
}

function detail() {
  const item = lists[view].items.find((x) => x.id === chosen);
  $("detail").replaceChildren(...(item ? VIEWS[view].detail(item) : [make("div", { class: "empty" }, make("strong", {}, t("open")), t("openHint"))]));
}

function choose(id, focus = false) {
  chosen = id;
  for (const row of $("list").children) row.setAttribute("aria-current", String(row.dataset.id === id));
  detail();
  $("detail").scrollTop = 0;
  const row = [...$("list").children].find((x) => x.dataset.id === id);
  if (row) { row.scrollIntoView({ block: "nearest" }); if (focus) row.focus({ preventScroll: true }); }
}

function go(name) {
  view = name;
  chosen = "";
  for (const tab of document.querySelectorAll("nav button")) tab.setAttribute("aria-selected", String(tab.dataset.view === name));
  $("levels").hidden = name === "events";
  $("level").parentElement.hidden = name !== "alerts";
  $("search").hidden = name !== "events";
  $("chart").hidden = true;
  history.replaceState(null, "", `#${name}`);
  say("");
  show();
  load();
}

function hunt(value, field = "") {
  const quoted = `"${String(value).replace(/(["\\])/g, "\\$1")}"`;
  $("query").value = field ? `${field.replace(/([ :()])/g, "\\$1")}:${quoted}` : quoted;
  $("span").value = "all";
  go("events");
}
async function openAlert(id) {
  go("alerts");
  try {
    const alert = await get(`/api/v1/alerts/${encodeURIComponent(id)}`);
    put("alerts", alert);
    choose(id);
  } catch (error) { say(t("failed", { why: error.message }), true); }
}

function put(name, item) {
  const items = lists[name].items.filter((x) => x.id !== item.id);
  const place = items.findIndex((x) => VIEWS[name].order(x) <= VIEWS[name].order(item));
  items.splice(place < 0 ? items.length : place, 0, item);
  lists[name].items = items.slice(0, KEPT);
}

let pending = null;
function arrived(name, item) {
  if (name === "alerts" && LEVELS.indexOf(item.level) < LEVELS.indexOf($("level").value)) return;
  fresh.add(item.id);
  put(name, item);
  pending ??= setTimeout(() => { pending = null; if (view !== "events") show(); }, 150);
}

function listen() {
  const source = new EventSource("/api/v1/stream");
  const mark = (on) => { $("live").classList.toggle("on", on); $("live").textContent = on ? t("live") : t("away"); };
  let lost = false;
  source.addEventListener("hello", () => { mark(true); if (lost) load(); lost = false; });
  source.addEventListener("alert", (message) => arrived("alerts", JSON.parse(message.data)));
  source.addEventListener("incident", (message) => arrived("incidents", JSON.parse(message.data)));
  source.addEventListener("reload", () => load());
  source.onerror = () => { lost = true; mark(false); if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000); };
}

async function head() {
  try {
    const now = await get("/api/v1/overview"), number = (n) => n.toLocaleString(locale());
    $("n-alerts").textContent = number(now.alerts);
    $("n-incidents").textContent = number(now.incidents);
    $("rate").textContent = t("rate", { n: number(Math.round(now.events_per_second)) });
    $("link").textContent = now.waiting ? t("linkWait", { n: now.waiting }) : t("linkUp");
    $("link").classList.toggle("bad", now.waiting > 0 && now.oldest_waiting > 60);
    $("health").textContent = now.problems.length ? t("unhealthy") : t("healthy");
    $("health").classList.toggle("bad", now.problems.length > 0);
    $("health").title = now.problems.join("\n");
  } catch { /* the live mark already says that the connection is lost */ }
}

function words() {
  document.documentElement.lang = currentLanguage();
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-p]")) { element.placeholder = t(element.dataset.p); element.setAttribute("aria-label", t(element.dataset.p)); }
  for (const option of document.querySelectorAll("#level option, #span option")) option.textContent = t(option.value);
  $("span").setAttribute("aria-label", t("happened"));
  $("lang").textContent = t("other");
  $("help-button").setAttribute("aria-label", t("keys"));
  $("live").textContent = $("live").classList.contains("on") ? t("live") : t("away");
  $("keylist").replaceChildren(...[["j k", "kMove"], ["Enter", "kOpen"], ["/", "kSearch"], ["1 2 3", "kViews"], ["?", "kHelp"], ["Esc", "kBack"]].flatMap(([key, text]) => [make("dt", {}, ...key.split(" ").map((k) => make("kbd", {}, k))), make("dd", {}, t(text))]));
}

function move(step) {
  const rows = [...$("list").children].filter((row) => row.dataset.id);
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.dataset.id === chosen);
  choose(rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + step))].dataset.id, true);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { document.activeElement.blur(); choose(""); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const act = { j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), "/": () => (view === "events" ? $("query") : $("filter")).focus(), "?": () => $("help").showModal(), 1: () => go("incidents"), 2: () => go("alerts"), 3: () => go("events") }[event.key];
  if (event.key === "Enter" && event.target.dataset.id) choose(event.target.dataset.id);
  if (act) { event.preventDefault(); act(); }
});
for (const tab of document.querySelectorAll("nav button")) tab.addEventListener("click", () => go(tab.dataset.view));
$("level").addEventListener("change", () => load());
$("filter").addEventListener("input", show);
$("levels").addEventListener("submit", (event) => event.preventDefault());
$("search").addEventListener("submit", (event) => { event.preventDefault(); chosen = ""; load(); });
$("span").addEventListener("change", () => load());
$("more").addEventListener("click", () => load(true));
$("help-button").addEventListener("click", () => $("help").showModal());
$("lang").addEventListener("click", () => { otherLanguage(); words(); head(); show(); });
$("leave").addEventListener("click", async () => { await fetch("/session", { method: "DELETE" }); location.reload(); });

words();
go(VIEWS[location.hash.slice(1)] ? location.hash.slice(1) : "incidents");
head();
setInterval(head, 2000);
listen();
