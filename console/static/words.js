// Every text of the page, Vietnamese and English.
const WORDS = {
  vi: {
    skip: "Đến danh sách", incidents: "Sự cố", alerts: "Cảnh báo", events: "Sự kiện", leave: "Rời ca", least: "Từ mức", more: "Xem thêm",
    filter: "Lọc trong danh sách…", query: "c-ip:203.0.113.5 AND sc-status:[400 TO 499]", find: "Tìm", keys: "Phím tắt", close: "Đóng",
    live: "Trực tiếp", away: "Mất kết nối, đang nối lại…", rate: "{n} sự kiện/giây", linkUp: "Quốc gia: thông", linkWait: "Quốc gia: {n} đang chờ", linkOff: "Quốc gia: chưa có",
    healthy: "Hệ thống tốt", unhealthy: "Có trục trặc", other: "English",
    informational: "Thông tin", low: "Thấp", medium: "Trung bình", high: "Cao", critical: "Nghiêm trọng",
    happened: "Xảy ra", received: "Nhận", stored: "Lưu", detected: "Phát hiện", entities: "Liên quan", evidence: "Bằng chứng", systems: "Hệ thống", rule: "Luật", techniques: "Kỹ thuật ATT&CK",
    why: "Vì sao gộp", memberAlerts: "Các cảnh báo", receipt: "Báo cáo trung tâm quốc gia", waiting: "Đang chờ gửi", delivered: "Đã nhận biên lai", refused: "Bị từ chối, cần người xem", held: "Chỉ ghi nhận, không gửi", none: "Chưa có trong hộp gửi",
    attempts: "Số lần gửi lại", signature: "Chữ ký", fields: "Trường dữ liệu", original: "Nguyên văn", times: "lần", count: "{n} lần", alertCount: "{n} cảnh báo", response: "Nên làm", open: "Chọn một dòng để xem chi tiết.", openHint: "j / k để đi, Enter để mở, / để tìm, ? để xem mọi phím.",
    noAlerts: "Chưa có cảnh báo nào", noAlertsHint: "Gửi một dòng nhật ký, hoặc chạy `vonggac demo` để phát lại một ngày của tỉnh.", noIncidents: "Chưa có sự cố nào", noIncidentsHint: "Cảnh báo từ mức trung bình trở lên của cùng một đối tượng sẽ thành sự cố.",
    noEvents: "Không có sự kiện nào khớp", noEventsHint: "Nới rộng khoảng thời gian, hoặc bớt từ tìm kiếm.", nothingHere: "Không có dòng nào khớp bộ lọc", nothingHint: "Xoá bộ lọc hoặc hạ mức.",
    found: "{n} trong {total} sự kiện · đã xem {searched} trong {ms} ms", shown: "{n} dòng", partialFound: "Chưa xem hết: thu hẹp thời gian để có con số đúng.",
    "15m": "15 phút qua", "1h": "1 giờ qua", "24h": "24 giờ qua", "7d": "7 ngày qua", all: "Tất cả", failed: "Không tải được: {why}",
    kMove: "xuống, lên", kOpen: "mở", kSearch: "tìm", kViews: "sự cố, cảnh báo, sự kiện", kHelp: "bảng này", kBack: "bỏ chọn", copyHint: "Tìm sự kiện có giá trị này",
  },
  en: {
    skip: "To the list", incidents: "Incidents", alerts: "Alerts", events: "Events", leave: "Leave", least: "From level", more: "Show more",
    filter: "Filter this list…", query: "c-ip:203.0.113.5 AND sc-status:[400 TO 499]", find: "Search", keys: "Keys", close: "Close",
    live: "Live", away: "Connection lost, trying again…", rate: "{n} events/s", linkUp: "National: up", linkWait: "National: {n} waiting", linkOff: "National: none yet",
    healthy: "All well", unhealthy: "Something is wrong", other: "Tiếng Việt",
    informational: "Informational", low: "Low", medium: "Medium", high: "High", critical: "Critical",
    happened: "Happened", received: "Received", stored: "Stored", detected: "Detected", entities: "Entities", evidence: "Evidence", systems: "Systems", rule: "Rule", techniques: "ATT&CK techniques",
    why: "Why together", memberAlerts: "Alerts", receipt: "Report to the national centre", waiting: "Waiting to be sent", delivered: "Receipt received", refused: "Refused, needs a person", held: "Registered only, not sent", none: "Not in the outbox yet",
    attempts: "Retries", signature: "Signature", fields: "Fields", original: "As received", times: "times", count: "{n} times", count1: "once", alertCount: "{n} alerts", alertCount1: "1 alert", response: "What to do", open: "Choose a line to see it whole.", openHint: "j / k to move, Enter to open, / to search, ? for all keys.",
    noAlerts: "No alert yet", noAlertsHint: "Send a log line, or run `vonggac demo` to replay a day in the province.", noIncidents: "No incident yet", noIncidentsHint: "Alerts of level medium and above about one entity become an incident.",
    noEvents: "No event matches", noEventsHint: "Try a longer time, or fewer words.", nothingHere: "Nothing matches the filter", nothingHint: "Clear the filter or lower the level.",
    found: "{n} of {total} events · {searched} searched in {ms} ms", shown: "{n} lines", shown1: "1 line", partialFound: "Not everything was searched: choose a shorter time for exact figures.",
    "15m": "last 15 min", "1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", all: "all time", failed: "Could not load: {why}",
    kMove: "down, up", kOpen: "open", kSearch: "search", kViews: "incidents, alerts, events", kHelp: "this table", kBack: "let go", copyHint: "Find events with this value",
  },
};
let language = localStorage.getItem("language") || (navigator.language.startsWith("en") ? "en" : "vi");

/** The text called `name` in the chosen language, with {placeholders} filled in; `name1` where n is one and the language minds. */
export function t(name, values = {}) {
  const words = WORDS[language];
  return ((values.n === 1 && words[`${name}1`]) || (words[name] ?? name)).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}
export function otherLanguage() {
  language = language === "vi" ? "en" : "vi";
  localStorage.setItem("language", language);
}
export function locale() { return language === "vi" ? "vi-VN" : "en-GB"; }
export function currentLanguage() { return language; }

/** The half of a "tiếng Việt / English" text in the chosen language. */
export function half(text) {
  const parts = (text || "").split(" / ");
  return parts.length === 2 ? parts[language === "vi" ? 0 : 1] : text || "";
}
