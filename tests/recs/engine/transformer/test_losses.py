"""The gradient that is written out is the one of the formula."""

import pytest
import torch
from torch.nn import functional

from recs.engine.transformer import losses
from recs.engine.transformer.losses import softmax_backward


def unit(rows: int, width: int) -> torch.Tensor:
    return functional.normalize(torch.randn(rows, width), dim=1)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("rows", "logits"), [(3, 1), (2, 150), (1000, 1)], ids=["pieces of 3", "pieces of 4", "one piece"]
)
@pytest.mark.parametrize("corrected", [False, True])
def test_loss_and_gradients_equal_those_of_autograd(
    monkeypatch: pytest.MonkeyPatch, rows: int, logits: int, corrected: bool
):
    users, items = unit(10, 8).requires_grad_(), unit(30, 8).requires_grad_()
    targets, weights = torch.randint(30, (10,)), torch.rand(10)
    log_q = -torch.rand(30) if corrected else None
    whole = users @ items.T / 0.1 - (log_q if log_q is not None else 0.0)
    expected = (functional.cross_entropy(whole, targets, reduction="none") * weights).sum() / weights.sum()
    by_autograd = torch.autograd.grad(expected, [users, items])
    monkeypatch.setattr(losses, "ROWS", rows)
    monkeypatch.setattr(losses, "CHUNK_LOGITS", logits)

    loss = softmax_backward(users, targets, weights, items, temperature=0.1, log_q=log_q)

    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert users.grad is not None
    assert items.grad is not None
    assert torch.allclose(users.grad, by_autograd[0], atol=1e-5)
    assert torch.allclose(items.grad, by_autograd[1], atol=1e-5)


@pytest.mark.parametrize("rows_at_once", [3, 1000])
def test_a_weight_below_nothing_counts_against_its_target(monkeypatch: pytest.MonkeyPatch, rows_at_once: int):
    users, items = unit(10, 8).requires_grad_(), unit(30, 8).requires_grad_()
    targets, weights = torch.randint(30, (10,)), torch.rand(10)
    weights[::3] *= -1
    chances = (users @ items.T / 0.1).softmax(1).gather(1, targets[:, None])[:, 0]
    losses_apart = torch.where(weights < 0, (1 - chances).log(), -chances.log())
    expected = (losses_apart * weights).sum() / weights[weights > 0].sum()
    by_autograd = torch.autograd.grad(expected, [users, items])
    monkeypatch.setattr(losses, "ROWS", rows_at_once)
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 1)

    loss = softmax_backward(users, targets, weights, items, temperature=0.1)

    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert users.grad is not None
    assert items.grad is not None
    assert torch.allclose(users.grad, by_autograd[0], atol=1e-5)
    assert torch.allclose(items.grad, by_autograd[1], atol=1e-5)


@pytest.mark.parametrize("likely", [False, True])
def test_bfloat16_turns_the_gradient_by_little(likely: bool):
    gradients = []
    users, items = unit(50, 16), unit(200, 16)
    targets, weights = torch.randint(200, (50,)), torch.ones(50)
    if likely:
        users = functional.normalize(users + items[targets], dim=1)
    for bf16 in (False, True):
        inputs = users.clone().requires_grad_(), items.clone().requires_grad_()
        softmax_backward(inputs[0], targets, weights, inputs[1], temperature=0.06, bf16=bf16)
        gradients.append(inputs[0].grad)
    chance = (users @ items.T / 0.06).softmax(1).gather(1, targets[:, None]).mean()

    assert (chance > 0.5) == likely
    assert (gradients[0] - gradients[1]).norm() < (0.02 if likely else 0.01) * gradients[0].norm()


def test_a_temperature_at_which_sums_would_overflow_is_refused():
    with pytest.raises(ValueError, match=r"temperature of 0.001, expected at least 0.02"):
        softmax_backward(unit(2, 4), torch.tensor([0, 1]), torch.ones(2), unit(3, 4), temperature=0.001)
