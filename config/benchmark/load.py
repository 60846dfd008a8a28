"""Clients over loopback: one request after the other on each of a few connections that stay open."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TIMEOUT_SECONDS = 60.0
SLICE_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """A response and how long it took from sending the request to having read all of it."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Target:
    """A GET request to repeat; ``token`` is a shopper's."""

    path: str
    token: str | None = None


@dataclass(frozen=True)
class Latencies:
    """What some seconds of load gave: milliseconds, and requests answered in each second."""

    rps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    requests: int


class Client:
    """One connection; opened again when the server has closed it."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self.token = token

    def get(self, path: str) -> Answer:
        return self._send("GET", path, None)

    def post(self, path: str, content: Any) -> Answer:
        return self._send("POST", path, json.dumps(content).encode())

    def close(self) -> None:
        self._connection.close()

    def _send(self, method: str, path: str, body: bytes | None) -> Answer:
        headers: dict[str, str] = {"Content-Type": "application/json"} if body else {}
        if self.token:
            headers["Authorization"] = f"Shopper {self.token}"
        started = time.perf_counter()
        try:
            return self._once(method, path, body, headers, started)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # Kept open for longer than the server does.
            self._connection.close()
            return self._once(method, path, body, headers, time.perf_counter())

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], started: float
    ) -> Answer:
        self._connection.request(method, path, body=body, headers=dict(headers))
        response = self._connection.getresponse()
        content = response.read()
        return Answer(response.status, content, time.perf_counter() - started)


def get(port: int, path: str, token: str | None = None) -> Answer:
    client = Client(port, token)
    try:
        return client.get(path)
    finally:
        client.close()


def in_threads(count: int, work: Callable[[int, threading.Event], None]) -> None:
    """``work(number, failed)`` in so many threads at once; ``failed`` is set once one of them has raised. Raises
    RuntimeError with the first one's reason."""
    failed = threading.Event()
    reasons: list[Exception] = []

    def caught(number: int) -> None:
        try:
            work(number, failed)
        except (OSError, http.client.HTTPException, RuntimeError) as failure:
            reasons.append(failure)
            failed.set()

    threads = [threading.Thread(target=caught, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if reasons:
        raise RuntimeError(str(reasons[0]) or repr(reasons[0])) from reasons[0]


@dataclass(frozen=True)
class Load:
    """One stretch of load: seconds of each answer, and seconds that all of it took."""

    taken: list[float]
    elapsed: float


def measure(port: int, targets: Sequence[Target], *, concurrency: int, seconds: float) -> Load:
    """That many clients go round the targets for that long. Raises RuntimeError on any answer but 200."""
    end = time.perf_counter() + seconds
    taken: list[list[float]] = [[] for _ in range(concurrency)]

    def work(number: int, failed: threading.Event) -> None:
        with contextlib.closing(Client(port)) as client:
            step = number * len(targets) // concurrency
            while time.perf_counter() < end and not failed.is_set():
                target = targets[step % len(targets)]
                step += 1
                client.token = target.token
                answer = client.get(target.path)
                if answer.status != 200:
                    raise RuntimeError(f"GET {target.path}: {answer.status} {answer.body[:300]!r}")
                taken[number].append(answer.seconds)

    started = time.perf_counter()
    in_threads(concurrency, work)
    return Load([second for part in taken for second in part], time.perf_counter() - started)


def measure_in_turn(
    port: int, loads: Mapping[str, tuple[Sequence[Target], int]], *, seconds: float
) -> dict[str, Latencies]:
    """Each of the loads (targets, concurrency) for ``seconds``, in slices that take turns.

    Whatever else the machine is busy with then falls on all of them alike, and ratios between them hold.
    """
    slices = max(1, round(seconds / SLICE_SECONDS))
    found: dict[str, list[Load]] = {name: [] for name in loads}
    for _ in range(slices):
        for name, (targets, concurrency) in loads.items():
            found[name].append(measure(port, targets, concurrency=concurrency, seconds=seconds / slices))
    return {name: latencies(parts) for name, parts in found.items()}


def latencies(loads: Sequence[Load]) -> Latencies:
    """Of all the stretches together. Raises RuntimeError if nothing was answered in any."""
    taken = [second for load in loads for second in load.taken]
    elapsed = sum(load.elapsed for load in loads)
    if not taken:
        raise RuntimeError("nothing was answered in time: give more --seconds")
    p50, p95, p99 = np.percentile(np.asarray(taken) * 1000, [50, 95, 99])
    return Latencies(len(taken) / elapsed, float(p50), float(p95), float(p99), len(taken))
