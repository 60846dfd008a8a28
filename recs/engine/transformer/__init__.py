"""The transformer: two towers whose inner product ranks the catalogue.

``sequence`` turns histories into padded arrays, ``item_tower`` items into unit vectors, ``user_tower`` a
history of such vectors into the user's; ``batches``, ``losses`` and ``training`` fit both together. The
recommender over them is ``recs/engine/recommenders/transformer.py``.

What is taken from where:

- attention, and a feed-forward layer per position: Vaswani et al. 2017, arXiv:1706.03762; with the norm
  before each: Xiong et al. 2020, arXiv:2002.04745;
- one causal pass that predicts the next item at every position: SASRec, Kang and McAuley 2018,
  arXiv:1808.09781; with cross-entropy over the whole catalogue instead of one negative: Klenitskiy and Vasilev
  2023, arXiv:2309.07602;
- unit vectors and a temperature: Yi et al. 2019, *Sampling-bias-corrected neural modeling*;
- dropping the id so that content alone can place an item: DropoutNet, Volkovs et al. 2017.
"""
