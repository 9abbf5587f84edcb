import pytest
import torch

from multimed_hf.models.sets_multimed import MultiMedSetEmbedding


def test_sums_written_out():
    sums = MultiMedSetEmbedding(10, 4, 0.5, "gene", "num_genes").eval()
    ids, values, lengths = torch.tensor([3, 1, 3, 9]), torch.tensor([0.5, 2.0, 1.0, -1.0]), torch.tensor([1, 0, 3])
    weight = sums.weight
    expected = torch.stack([0.5 * weight[3], 0 * weight[0], 2 * weight[1] + weight[3] - weight[9]])
    torch.testing.assert_close(sums(ids, values, lengths), expected)
    assert sums(ids[:0], values[:0], lengths[:0]).shape == (0, 4)
    # In training half of them are left out, and the others count twice.
    torch.manual_seed(0)
    dropped = sums.train()(torch.arange(10), torch.ones(10), torch.ones(10, dtype=torch.long))
    counted = (dropped / weight).round().mean(1)
    assert set(counted.tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("number", [10, 200, -1])
def test_a_number_that_no_thing_has(number):
    sums = MultiMedSetEmbedding(10, 4, 0.0, "gene", "num_genes")
    with pytest.raises(ValueError, match=r"Expected numbers of genes from 0 to 9 \(`num_genes` of the model is 10\)"):
        sums(torch.tensor([2, number]), torch.ones(2), torch.tensor([2]))
