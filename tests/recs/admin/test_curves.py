from recs.admin.curves import learning_curves

CURVES = {
    "transformer": [
        {"stage": "training", "epoch": 1.0, "seconds": 30.0, "loss": 8.1, "ndcg@10": 0.02},
        {"stage": "training", "epoch": 2.0, "seconds": 60.0, "loss": 7.2, "ndcg@10": 0.04},
    ],
    "neural_cf": [
        {"stage": "factorised", "epoch": 1.0, "seconds": 3.0, "ndcg@10": 0.01},
        {"stage": "deep", "epoch": 1.0, "seconds": 6.0, "ndcg@10": 0.02},
    ],
}


def test_each_recommender_or_stage_has_a_line_from_low_left_to_high_right():
    drawing = learning_curves(CURVES)

    assert drawing.count("<polyline") == 3
    # Half of the seconds and half of the height, then the whole of both.
    assert '<polyline points="311.0,111.0 570.0,12.0"/>' in drawing
    assert ">transformer</text>" in drawing
    assert ">neural cf, deep</text>" in drawing
    assert "<title>epoch 2: 0.0400 after 60 s</title>" in drawing
    assert ">60 s</text>" in drawing
    assert ">0.0400</text>" in drawing


def test_names_of_lines_that_end_alike_do_not_lie_on_each_other():
    alike = [{"epoch": 1.0, "seconds": 9.0, "ndcg@10": 0.03}]

    drawing = learning_curves({"one": alike, "two": alike})

    assert '<text x="578.0" y="16.0">one</text>' in drawing
    assert '<text x="578.0" y="30.0">two</text>' in drawing


def test_nothing_is_drawn_where_nobody_was_judged():
    assert learning_curves({}) == ""
    assert learning_curves({"transformer": [{"epoch": 1.0, "seconds": 9.0, "loss": 3.0}]}) == ""
    assert "<svg" in learning_curves({"transformer": [{"epoch": 0.0, "seconds": 0.0, "ndcg@10": 0.0}]})


def test_names_are_text_and_not_markup():
    assert "<b>" not in learning_curves({"<b>x</b>": CURVES["transformer"]})
