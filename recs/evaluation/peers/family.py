"""The peers: which library, which program trains it, which packages that needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Peer:
    """``module`` is run by the peer's own interpreter as ``-m module NAME TASK ANSWER``; ``environment`` names it."""

    name: str
    environment: str
    module: str

    @property
    def requirements(self) -> Path:
        return HERE / f"requirements-{self.environment}.txt"


_RECTOOLS = "recs.evaluation.peers.rectools_models"
_IMPLICIT = "recs.evaluation.peers.implicit_models"

PEERS = {
    peer.name: peer
    for peer in (
        Peer("rectools_sasrec", "rectools", _RECTOOLS),
        Peer("rectools_esasrec", "rectools", _RECTOOLS),
        Peer("rectools_ease", "rectools", _RECTOOLS),
        Peer("implicit_als", "implicit", _IMPLICIT),
        Peer("implicit_item_knn", "implicit", _IMPLICIT),
    )
}
RACED = ("rectools_sasrec", "rectools_esasrec")
"""Those whose time our transformer is measured against."""
