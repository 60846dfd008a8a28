from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recs.engine.interactions import Items
from recs.engine.transformer.content_start import PENALTIES, chosen_penalty, content_weights
from recs.engine.transformer.item_tower import ItemTower, item_features, item_tower_config


def made(seed: int = 0) -> tuple[dict[str, np.ndarray | sparse.csr_matrix], dict[str, np.ndarray]]:
    """Two parts of 200 items, and weights for them."""
    rng = np.random.default_rng(seed)
    text = rng.standard_normal((200, 6)).astype(np.float32)
    category = sparse.csr_matrix(np.eye(5, dtype=np.float32)[rng.integers(0, 5, 200)])
    weights = {
        name: rng.standard_normal((size, 3)).astype(np.float32)
        for name, size in (("text", 6), ("category", 5))
    }
    return {"text": text, "category": category}, weights


def test_what_content_tells_of_the_vectors_is_found():
    blocks, true = made()
    vectors = sum(blocks[name] @ true[name] for name in blocks)

    found = content_weights(blocks, vectors, penalty=1e-4)

    for name, weights in true.items():
        assert found[name] == pytest.approx(weights, abs=1e-2)


def test_it_is_the_solution_of_ridge_regression():
    blocks, true = made()
    noise = np.random.default_rng(1).standard_normal((200, 3)).astype(np.float32)
    vectors = sum(blocks[name] @ true[name] for name in blocks) + noise
    design = np.hstack([blocks["text"], blocks["category"].toarray()])
    exact = np.linalg.solve(design.T @ design + 3.0 * np.eye(11), design.T @ vectors)

    found = content_weights(blocks, vectors, penalty=3.0)

    assert np.vstack([found["text"], found["category"]]) == pytest.approx(exact, abs=1e-3)


def test_an_item_of_which_nothing_is_known_has_no_say():
    blocks, true = made()
    vectors = sum(blocks[name] @ true[name] for name in blocks)
    fewer = {name: block[:150] for name, block in blocks.items()}
    vectors[150:] = 0.0

    found = content_weights(blocks, vectors, penalty=3.0)

    for name, weights in content_weights(fewer, vectors[:150], penalty=3.0).items():
        assert found[name] == pytest.approx(weights, abs=1e-5)


def test_without_any_vector_content_starts_at_nothing():
    blocks, _ = made()

    found = content_weights(blocks, np.zeros((200, 3), dtype=np.float32))

    assert not any(part.any() for part in found.values())


def shelves() -> Items:
    """Items 0 … 39 on two shelves, by turns, told apart by every part; 40 and 41 are on them, too."""
    rng = np.random.default_rng(0)
    shelf = np.arange(42) % 2
    signs = np.where(shelf, 1.0, -1.0).astype(np.float32)[:, None]
    return Items(
        count=42,
        text=signs * np.ones((42, 4), dtype=np.float32) / 2 + rng.normal(0, 0.1, (42, 4)).astype(np.float32),
        image=signs * np.ones((42, 3), dtype=np.float32) / 2 + rng.normal(0, 0.1, (42, 3)).astype(np.float32),
        category=shelf.astype(np.int64),
        price=np.where(shelf, 20.0, 5.0).astype(np.float32),
        attribute_ids=np.concatenate([[10, value] for value in shelf]).astype(np.int64),
        attribute_offsets=np.arange(0, 86, 2),
    )


@pytest.mark.parametrize("part", ["text", "image", "category", "price", "attributes"])
def test_an_item_without_interactions_begins_among_its_like(part: str):
    whole = shelves()
    names = ("attribute_ids", "attribute_offsets") if part == "attributes" else (part,)
    items = Items(count=42, **{name: getattr(whole, name) for name in names})
    vectors = np.zeros((42, 8), dtype=np.float32)
    vectors[np.arange(40), np.arange(40) % 2] = 1.0
    tower = ItemTower(item_tower_config(items, dimension=8))
    known = np.where(np.arange(42) < 40, np.arange(42), -1)

    tower.start_from(vectors, item_features(items, np.arange(42), tower.config))

    placed = tower.vectors(items, known=known)
    for item in (40, 41):
        likeness = placed[:40] @ placed[item]
        same = np.arange(40) % 2 == item % 2
        assert likeness[same].min() > likeness[~same].max()


def test_the_penalty_is_that_which_places_unseen_items_best():
    """Text alone tells where an item lies, but for noise that grows; a thousand useless tags tempt."""
    rng = np.random.default_rng(3)
    tags = sparse.random(400, 1000, density=0.02, random_state=4, format="csr", dtype=np.float32)
    text = rng.standard_normal((400, 4)).astype(np.float32)
    clear = text @ rng.standard_normal((4, 3)).astype(np.float32)
    noisy = clear + 3 * rng.standard_normal((400, 3)).astype(np.float32)
    blocks = {"text": text, "tags": tags}

    def unseen_error(vectors: np.ndarray, penalty: float) -> float:
        some = {name: block[:320] for name, block in blocks.items()}
        weights = content_weights(some, vectors[:320], penalty=penalty)
        placed = sum(blocks[name][320:] @ weights[name] for name in blocks)
        return float(np.linalg.norm(placed - clear[320:]))

    chosen = chosen_penalty(blocks, noisy)

    assert chosen == 10.0
    assert unseen_error(noisy, chosen) == min(unseen_error(noisy, penalty) for penalty in PENALTIES)
    assert chosen_penalty({}, clear) == PENALTIES[0]
    assert chosen_penalty({"text": text[:3]}, clear[:3]) == PENALTIES[0]
