"""Errors as the API says them: RFC 9457 problem documents, Vietnamese title and English detail."""

import json
from typing import Any

from aiohttp import web

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: ("bad-request", "Yêu cầu không hợp lệ / Bad request"),
    401: ("unauthorised", "Chưa xác thực / Not authenticated"),
    403: ("forbidden", "Không có quyền / Not allowed"),
    404: ("not-found", "Không tìm thấy / Not found"),
    405: ("method-not-allowed", "Phương thức không được phép / Method not allowed"),
    409: ("conflict", "Xung đột với dữ liệu đã có / Conflict with what is stored"),
    411: ("length-required", "Thiếu độ dài nội dung / Length required"),
    412: ("precondition-failed", "Dữ liệu đã thay đổi / Changed meanwhile"),
    413: ("too-large", "Nội dung quá lớn / Too large"),
    415: ("unsupported-media-type", "Kiểu nội dung không được hỗ trợ / Unsupported media type"),
    422: ("unprocessable", "Nội dung không đúng lược đồ / Not according to the schema"),
    428: ("precondition-required", "Thiếu tiêu đề bắt buộc / Required header missing"),
    429: ("too-many-requests", "Quá nhiều yêu cầu / Too many requests"),
    500: ("internal", "Lỗi nội bộ / Internal error"),
    503: ("unavailable", "Tạm thời không phục vụ / Temporarily unavailable"),
}


class Refusal(Exception):
    """A request that is answered with a problem document. ``more`` are extension members (``errors``, ``national_id``)."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        self.status, self.detail, self.headers, self.more = status, detail, headers or {}, more
        super().__init__(detail)


def document(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem document."""
    name, title = TITLES.get(status, ("error", "Lỗi / Error"))
    return {"type": f"urn:vonggac:national:problem:{name}", "title": title, "status": status, "detail": detail, **more}


def answer(refusal: Refusal) -> web.Response:
    """The response for a refusal."""
    text = json.dumps(document(refusal.status, refusal.detail, **refusal.more), ensure_ascii=False)
    return web.Response(
        status=refusal.status, body=text.encode("utf-8", "replace"), content_type=MEDIA_TYPE, headers=refusal.headers
    )
