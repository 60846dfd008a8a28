"""The browser of the tests: one that is installed, else Playwright's own, else the system's package."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOAD_SECONDS = 300
"""A download of 170 MB; without a network it fails within seconds."""

LOCK = Path(__file__).resolve().parents[2] / "var" / "chromium.lock"
"""Two processes of tests would install at once."""


class NoBrowser(RuntimeError):
    """No Chromium was found or could be brought. The message is one line that says what to install."""


def launch_flags() -> list[str]:
    """Flags that keep Chromium quiet and off the network; its sandbox does not run as root."""
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync", "dev-shm-usage"]
    flags = ["--no-first-run", *(f"--disable-{part}" for part in quiet)]
    return [*flags, "--no-sandbox"] if os.geteuid() == 0 else flags


def provide() -> Path:
    """The path of a Chromium that runs, installed if need be. Raises NoBrowser."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for find in (_on_path, _of_playwright, _download, _from_packages):
            program = find()
            if program and _runs(program):
                return program
    raise NoBrowser("the browser tests need Chromium: install it ('apt-get install chromium' as root)")


def _on_path() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def _of_playwright() -> Path | None:
    """Playwright's own driver is asked in another process: it starts an event loop in the one that asks."""
    question = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as driver: print(driver.chromium.executable_path)"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    path = Path(answer.stdout.strip() or "/nonexistent")
    return path if path.exists() else None


def _download() -> Path | None:
    print("no Chromium on the PATH: trying Playwright's download", file=sys.stderr, flush=True)
    if _succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return _of_playwright()
    return None


def _from_packages() -> Path | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("no download either: trying apt-get install chromium", file=sys.stderr, flush=True)
    install = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    if _succeeds(install) or (_succeeds(["apt-get", "update"]) and _succeeds(install)):
        return _on_path()
    return None


def _succeeds(command: list[str]) -> bool:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=quiet, capture_output=True, check=False, timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _runs(program: Path) -> bool:
    """A download may lack the system's libraries; that shows at once."""
    return _succeeds([str(program), "--version"])


if __name__ == "__main__":
    try:
        print(provide())
    except NoBrowser as failure:
        sys.exit(str(failure))
