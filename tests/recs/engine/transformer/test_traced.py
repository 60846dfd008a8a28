"""One history by its trace: the same numbers, with the weights as they are now."""

import copy
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from recs.engine.transformer.traced import newest_of_one
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig

WIDTH, LONGEST = 16, 20


def tower(layers: int = 2) -> UserTower:
    torch.manual_seed(layers)
    made = UserTower(UserTowerConfig(dimension=WIDTH, layers=layers, heads=2, longest=LONGEST)).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


def done(length: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(length)
    return (
        rng.standard_normal((1, length, WIDTH)).astype(np.float32),
        rng.integers(1, 9, (1, length)),
        rng.integers(0, 20, (1, length)),
        rng.random((1, length), dtype=np.float32),
        np.array([length]),
    )


@torch.inference_mode()
def plain(made: UserTower, length: int) -> np.ndarray:
    return made.newest(*(torch.from_numpy(part) for part in done(length))).numpy()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_history_of_any_length_is_encoded_to_the_same_numbers(layers: int):
    made = tower(layers)

    for length in (7, 1, 2, LONGEST, 3):
        assert made.last_states(*done(length)).tolist() == plain(made, length).tolist()


def test_what_is_learnt_or_loaded_later_is_what_it_uses():
    made = tower()
    before = made.last_states(*done(5))

    with torch.no_grad():
        made.kind.weight.add_(1.0)
    learnt, expected = made.last_states(*done(5)), plain(made, 5)
    made.load_state_dict(tower().state_dict())

    assert learnt.tolist() == expected.tolist()
    assert learnt.tolist() != before.tolist()
    assert made.last_states(*done(5)).tolist() == before.tolist()


def test_a_copy_has_a_trace_of_its_own():
    made = tower()
    made.last_states(*done(4))
    other = copy.deepcopy(made)
    with torch.no_grad():
        other.gap.weight.mul_(-1.0)

    assert other.last_states(*done(4)).tolist() == plain(other, 4).tolist()
    assert other.last_states(*done(4)).tolist() != made.last_states(*done(4)).tolist()


def test_a_tower_that_nobody_has_any_more_is_let_go():
    made = tower()
    newest_of_one(made, WIDTH)
    gone = weakref.ref(made)

    del made
    gc.collect()

    assert gone() is None


def test_threads_that_ask_at_once_share_one_trace_and_warn_of_nothing(recwarn: pytest.WarningsRecorder):
    made = tower()
    start = threading.Barrier(4)

    def ask(_: int) -> object:
        start.wait()
        return newest_of_one(made, WIDTH)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))

    assert all(one is found[0] for one in found)
    assert not recwarn.list
