"""A recommender that is asked by the owner's ids, and refused from disk where it is not what was published."""

import json
from pathlib import Path

import numpy as np
import pytest

from recs.engine.artifact import ARRAYS, MANIFEST, ArtifactError, read_artifact, write_artifact
from recs.engine.interactions import History, Kind
from recs.engine.recommenders import FAMILY
from recs.engine.recommenders.neural_cf import NeuralCf
from recs.engine.recommenders.scoring import ScoringRecommender
from recs.engine.served import ServedRecommender, read_served, write_served
from tests.contracts.small_recommenders import ITEMS, fitted

IDS = np.arange(ITEMS) * 10 + 7
"""The owner's ids of the small recommenders' items."""
UNKNOWN = 8


def base(name: str) -> ScoringRecommender:
    recommender = fitted(name)
    assert isinstance(recommender, ScoringRecommender)
    return recommender


def by_id(*items: int) -> History:
    return History.of_items(IDS[list(items)])


def columns(history: History) -> tuple[np.ndarray, ...]:
    return history.item, history.kind, history.time, history.value


@pytest.mark.parametrize("name", [name for name in FAMILY if name not in ("hybrid", "neural_cf")])
def test_any_of_the_family_says_the_same_by_the_owners_ids(name: str, tmp_path: Path):
    sha256 = write_served(tmp_path / "a", base(name), ids=IDS)

    served = read_served(tmp_path / "a", recommender=name, sha256=sha256)

    said = base(name).scores([History.of_items([0, 3])])[0]
    found = served.catalogue_scores(by_id(0, 3))
    assert found is not None
    assert found.of(IDS.tolist()) == pytest.approx(said / said.max(), abs=1e-3)
    assert found.scores.max() == pytest.approx(1.0)


def test_a_blend_comes_back_whole(tmp_path: Path):
    hybrid = base("hybrid")
    sha256 = write_served(tmp_path / "a", hybrid, ids=IDS)

    served = read_served(tmp_path / "a", recommender="hybrid", sha256=sha256)

    expected = ServedRecommender(hybrid, IDS).scores([by_id(0, 3)])
    assert served.scores([by_id(0, 3)]) == pytest.approx(expected, abs=1e-3)


def test_complaints_alone_tell_nothing_and_what_is_left_of_others_counts_for_nothing():
    served = ServedRecommender(base("ease"), IDS)
    hidden = History.of_items(IDS[[3]], Kind.HIDE)
    both = History(*(np.concatenate(pair) for pair in zip(columns(by_id(0)), columns(hidden), strict=True)))

    items, without = served.without_each(both)

    assert served.catalogue_scores(hidden) is None
    assert items.tolist() == IDS[[3, 0]].tolist()
    assert not without[1].any()
    assert without[0].any()


def test_ids_that_it_does_not_know_are_passed_over_in_a_history_and_have_no_score():
    served = ServedRecommender(base("ease"), IDS)

    plain = served.catalogue_scores(by_id(0, 3))
    strange = served.catalogue_scores(History.of_items([UNKNOWN, IDS[0], 10**9, IDS[3]]))

    assert plain is not None
    assert strange is not None
    assert strange.scores.tolist() == plain.scores.tolist()
    assert np.isnan(plain.of([UNKNOWN, 10**9])).all()
    assert served.catalogue_scores(History.of_items([UNKNOWN])) is None
    assert served.catalogue_scores(History.of_items([])) is None


def test_another_recommender_than_the_version_says_is_refused(tmp_path: Path):
    sha256 = write_served(tmp_path / "a", base("popularity"), ids=IDS)

    with pytest.raises(ArtifactError, match="is a 'popularity', expected a 'ease'"):
        read_served(tmp_path / "a", recommender="ease", sha256=sha256)


def test_another_manifest_or_format_is_refused(tmp_path: Path):
    sha256 = write_served(tmp_path / "a", base("ease"), ids=IDS)
    manifest = tmp_path / "a" / MANIFEST
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "format": 1}))

    with pytest.raises(ArtifactError, match="its SHA-256 differs"):
        read_served(tmp_path / "a", recommender="ease", sha256=sha256)
    with pytest.raises(ArtifactError, match="has format 1"):
        read_artifact(tmp_path / "a")


def test_damaged_arrays_are_refused(tmp_path: Path):
    sha256 = write_served(tmp_path / "a", base("ease"), ids=IDS)
    data = bytearray((tmp_path / "a" / ARRAYS).read_bytes())
    data[-1] ^= 1
    (tmp_path / "a" / ARRAYS).write_bytes(data)

    with pytest.raises(ArtifactError, match="is damaged"):
        read_served(tmp_path / "a", recommender="ease", sha256=sha256)


@pytest.mark.parametrize("name", ["ease", "item_knn", "matrix_factorization", "content_based", "hybrid"])
def test_a_configuration_that_lacks_what_it_needs_is_refused_in_words(name: str, tmp_path: Path):
    write_served(tmp_path / "a", base(name), ids=IDS)
    artifact = read_artifact(tmp_path / "a")
    artifact.config.clear()
    sha256 = write_artifact(tmp_path / "b", artifact)

    with pytest.raises(ArtifactError, match=f"do not fit a '{name}'"):
        read_served(tmp_path / "b", recommender=name, sha256=sha256)


def test_arrays_of_another_shape_than_the_configuration_says_are_refused_in_words():
    artifact = base("neural_cf").pack()
    wider = {**artifact.config, "deep": artifact.config["deep"] + 1}

    with pytest.raises(ArtifactError, match="do not fit a 'neural_cf'"):
        NeuralCf().restore(type(artifact)(artifact.recommender, wider, artifact.arrays))


def test_an_artifact_without_the_owners_ids_is_refused(tmp_path: Path):
    sha256 = base("ease").save(tmp_path / "a")

    with pytest.raises(ArtifactError, match="has no array 'owner_ids'"):
        read_served(tmp_path / "a", recommender="ease", sha256=sha256)


def test_ids_of_another_number_of_items_are_refused(tmp_path: Path):
    sha256 = write_served(tmp_path / "a", base("ease"), ids=IDS[:-1])

    with pytest.raises(ArtifactError, match=f"ids of {ITEMS - 1} items, and its 'ease' knows {ITEMS}"):
        read_served(tmp_path / "a", recommender="ease", sha256=sha256)


def test_a_recommender_that_this_program_does_not_know_is_refused(tmp_path: Path):
    artifact = base("ease").pack()
    sha256 = write_artifact(
        tmp_path / "a", type(artifact)("oracle", {}, {**artifact.arrays, "owner_ids": IDS})
    )

    with pytest.raises(ArtifactError, match="'oracle', which this program does not know"):
        read_served(tmp_path / "a", recommender="oracle", sha256=sha256)
