from __future__ import annotations

import numpy as np

from baselines.data.draws import drawn, order


def test_an_images_draws_are_its_own() -> None:
    numbers = np.arange(50)
    whole = drawn(1, 4, numbers)
    assert whole.shape == (50, 13)
    assert (drawn(1, 4, numbers[[30, 2]]) == whole[[30, 2]]).all()
    assert len(np.unique(whole)) == whole.size
    for other in (drawn(2, 4, numbers), drawn(1, 5, numbers)):
        assert not (other == whole).any()


def test_each_epoch_has_all_images_in_an_order_of_its_own() -> None:
    orders = [order(7, epoch, 100) for epoch in (1, 2)]
    assert all(sorted(each) == list(range(100)) for each in orders)
    assert (orders[0] != orders[1]).any()
    assert (order(7, 1, 100) == orders[0]).all()


def test_sampling_gives_half_positive_and_uses_every_image_of_the_larger_side_once() -> None:
    positive = np.arange(100) < 10
    found = order(7, 1, 100, positive)
    assert positive[found].sum() == 50
    counts = np.bincount(found, minlength=100)
    assert (counts[positive] == 5).all()
    assert counts[~positive].max() == 1
