import pytest
import torch

from recs.engine.transformer.dropout import thinned


@pytest.mark.parametrize(("share", "exactly"), [(0.5, 0.5), (0.25, 0.25), (0.1, 26 / 256)])
def test_takes_its_share_and_keeps_the_mean(share, exactly):
    torch.manual_seed(0)

    thin = thinned(torch.ones(1_000, 1_001), share)

    assert float((thin == 0).float().mean()) == pytest.approx(exactly, abs=0.002)
    assert thin[thin > 0].unique().tolist() == pytest.approx([1 / (1 - exactly)])
    # Neighbours come out of one draw of 64 bits, and know nothing of each other.
    gone = (thin == 0).float()
    assert float((gone[:, :-1] * gone[:, 1:]).mean()) == pytest.approx(exactly**2, abs=0.003)


def test_nothing_is_taken_of_a_share_of_nothing_and_something_must_be_left():
    x = torch.randn(3, 5)

    assert thinned(x, 0.0) is x
    with pytest.raises(ValueError, match="less than 1"):
        thinned(x, 1.0)


def test_what_was_taken_learns_nothing_and_a_seed_repeats():
    x = torch.ones(40, 40, requires_grad=True)
    torch.manual_seed(3)
    thin = thinned(x, 0.5)
    torch.manual_seed(3)

    thin.sum().backward()

    assert torch.equal(x.grad, thin.detach())
    assert torch.equal(thinned(x, 0.5), thin)
