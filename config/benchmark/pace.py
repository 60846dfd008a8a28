"""How fast a training learns: its steps alone, without what is read before them and validated between epochs."""

import time
from collections.abc import Mapping


class Pace:
    """Listens to a training: when it began, and how many interactions its steps learnt from in which time."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.learnt = self.spent = 0.0
        self._before: tuple[float, float] | None = None

    def listen(self, figures: Mapping[str, float]) -> None:
        now = time.perf_counter()
        self.began = self.began or now
        learnt = figures.get("interactions")
        if learnt is not None and self._before is not None:
            self.spent += now - self._before[0]
            self.learnt += learnt - self._before[1]
        # Between epochs it validates: that time is nobody's pace.
        self._before = None if learnt is None else (now, learnt)

    @property
    def per_second(self) -> float | None:
        """Interactions; None where fewer than two steps told of themselves."""
        return self.learnt / self.spent if self.learnt else None
