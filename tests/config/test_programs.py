"""The web server as the demo starts it."""

import urllib.request
from pathlib import Path

import pytest

from config.demo.programs import web
from tests.processes import ROOT, answers, free_port, python_process


def test_the_command_for_machines_of_ones_own_takes_as_long_addresses():
    [line] = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("gunicorn ")]

    assert "--limit-request-line 8190" in line


@pytest.mark.slow
def test_an_address_of_8000_characters_is_answered_by_the_shop(tmp_path: Path):
    port = free_port()
    program = web(port)
    url = f"http://127.0.0.1:{port}/healthz"

    with python_process(
        program.command[1:], log=tmp_path / "web.log", environment=program.environment
    ) as server:
        server.wait_for(lambda: answers(url), what="the web server")
        with urllib.request.urlopen(f"{url}?q={'x' * 8_000}", timeout=10) as response:
            assert response.status == 200
