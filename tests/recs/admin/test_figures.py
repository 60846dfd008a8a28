from recs.admin.figures import best_first, figures_table


def test_figures_of_several_recommenders_share_one_head():
    table = figures_table({"transformer": {"ndcg@10": 0.0512}, "popularity": {"ndcg@10": 0.02}})

    assert table.count("<thead>") == 1
    assert "<th>transformer</th><td>0.0512</td>" in table
    assert "<th>popularity</th><td>0.0200</td>" in table


def test_rows_without_a_common_column_stand_in_tables_of_their_own():
    table = figures_table({"seconds": {"train": 100.25}, "dataset": {"users": 4300}})

    assert table.count("<thead>") == 2
    assert "<td>100.2</td>" in table
    assert "<td>4,300</td>" in table


def test_a_list_of_figures_becomes_rows():
    table = figures_table([{"epoch": 1, "loss": 3.5}, {"epoch": 2, "loss": 3.25, "ndcg@10": None}])

    assert "<tr><td>2</td><td>3.2500</td><td>–</td></tr>" in table


def test_whole_numbers_stand_without_decimals_whatever_their_type():
    table = figures_table([{"epoch": 2.0, "targets": 1200, "gain": 0.0}])

    assert "<tr><td>2</td><td>1,200</td><td>0.0000</td></tr>" in table


def test_deeper_figures_get_a_title():
    table = figures_table({"held_out": {"transformer": {"mrr": 0.5}}})

    assert "<h4>held out</h4>" in table
    assert "<th>transformer</th><td>0.5000</td>" in table


def test_no_figures_are_a_dash():
    assert figures_table({}) == "–"


def test_names_and_values_are_escaped():
    assert "<b>" not in figures_table({"<b>x</b>": "<b>y</b>"})


def test_the_best_recommender_stands_first_and_the_metrics_in_their_order():
    quality = {
        "ease": {"mrr": 0.2, "ndcg@10": 0.03},
        "hybrid": {"train_seconds": 9, "ndcg@10": 0.04},
        "new": {},
    }

    found = best_first(quality)

    assert list(found) == ["hybrid", "ease", "new"]
    assert [list(row) for row in found.values()] == [["ndcg@10", "train_seconds"], ["ndcg@10", "mrr"], []]
