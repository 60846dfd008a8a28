"""One history by numpy: the same numbers as by torch, with the weights as they are now."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch

from recs.engine.transformer.alone import alone
from recs.engine.transformer.user_tower import UserTower, UserTowerConfig

WIDTH, LONGEST = 16, 20


def tower(layers: int = 1, heads: int = 2) -> UserTower:
    torch.manual_seed(layers)
    made = UserTower(UserTowerConfig(dimension=WIDTH, layers=layers, heads=heads, longest=LONGEST)).eval()
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
    """By torch, the state of each place and of it the newest."""
    return made(*(torch.from_numpy(part) for part in done(length)))[:, -1].numpy()


@pytest.mark.parametrize(("layers", "heads"), [(1, 2), (1, 4), (2, 2)])
def test_a_history_of_any_length_is_encoded_to_the_same_numbers(layers: int, heads: int):
    made = tower(layers, heads)

    for length in (7, 1, 2, LONGEST, 3):
        assert made.last_states(*done(length)) == pytest.approx(plain(made, length), abs=1e-6)


def test_what_is_learnt_or_loaded_later_is_what_it_uses():
    made = tower()
    before = made.last_states(*done(5))

    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(torch.rand_like(weight))
    learnt, expected = made.last_states(*done(5)), plain(made, 5)
    made.load_state_dict(tower().state_dict())

    assert learnt == pytest.approx(expected, abs=1e-6)
    assert learnt != pytest.approx(before, abs=1e-3)
    assert made.last_states(*done(5)).tolist() == before.tolist()


def test_a_copy_goes_by_its_own_weights():
    made = tower()
    made.last_states(*done(4))
    other = copy.deepcopy(made)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(torch.rand_like(weight))

    assert other.last_states(*done(4)) == pytest.approx(plain(other, 4), abs=1e-6)
    assert other.last_states(*done(4)) != pytest.approx(made.last_states(*done(4)), abs=1e-3)


def test_a_tower_that_nobody_has_any_more_is_let_go():
    made = tower()
    alone(made)
    gone = weakref.ref(made)

    del made
    gc.collect()

    assert gone() is None
