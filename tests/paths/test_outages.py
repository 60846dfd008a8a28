"""What a shopper and a client meet while Postgres is away: a page or a problem that says so, and to come back."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from tests.processes import answers, free_port, python_process


def refusal(url: str) -> urllib.error.HTTPError:
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            raise AssertionError(f"{url} answered {response.status}")
    except urllib.error.HTTPError as response:
        return response


def test_pages_and_api_say_503_while_postgres_is_away(process_environment, tmp_path: Path):
    port = free_port()
    nobody = f"postgres://attune@127.0.0.1:{free_port()}/attune"
    arguments = ["-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    environment = {**process_environment, "DATABASE_URL": nobody}
    with python_process(arguments, log=tmp_path / "server.log", environment=environment) as server:
        url = f"http://127.0.0.1:{port}"
        server.wait_for(lambda: answers(f"{url}/healthz"), what="starting a server without Postgres")
        page, product, api = (refusal(url + path) for path in ("/", "/p/85123A", "/api/v1/feed"))

    assert [page.code, product.code, api.code] == [503, 503, 503]
    assert "Back in a moment" in page.read().decode()
    assert api.headers["Content-Type"] == "application/problem+json"
    assert page.headers["Retry-After"] == api.headers["Retry-After"] == "3"
