"""A client of the REST API without cookies, over a real socket."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from accounts.models import Shopper


@dataclass(frozen=True)
class ApiShopper:
    """A shopper known by a token."""

    url: str
    token: str
    uuid: str

    @property
    def row(self) -> Shopper:
        return Shopper.objects.get(uuid=self.uuid)

    def interact(self, kind: str, *products: str) -> int:
        """Posts one interaction per product; returns the acknowledged sequence number."""
        entries = [{"id": str(uuid.uuid4()), "kind": kind, "product": code} for code in products]
        return int(self.call("POST", "/api/v1/interactions", {"interactions": entries})["seq"])

    def feed(self, **query: Any) -> dict[str, Any]:
        words = "&".join(f"{name}={value}" for name, value in query.items())
        return self.call("GET", f"/api/v1/feed?{words}")

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return call(self.url, method, path, body, token=self.token)


def new_shopper(url: str) -> ApiShopper:
    made = call(url, "POST", "/api/v1/shoppers")
    return ApiShopper(url, made["token"], made["id"])


def call(url: str, method: str, path: str, body: Any = None, *, token: str = "") -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            **({"Authorization": f"Shopper {token}"} if token else {}),
        },
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        text = response.read()
    return json.loads(text) if text else {}


def codes(feed: dict[str, Any]) -> list[str]:
    return [item["product"]["id"] for item in feed["items"]]


def names(feed: dict[str, Any]) -> list[str]:
    return [item["product"]["name"] for item in feed["items"]]
