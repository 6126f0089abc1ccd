"""A board of a task with figures of its own has them beside the primary one."""

from __future__ import annotations

from evaluator.leaderboard.board.columns import figures_beside, offered

MASKS = ("mean_dice", "mean_hd95", "mean_iou", "missed_masks")


def test_a_binary_board_has_the_usual_figures() -> None:
    found = figures_beside("auroc", ["auroc", "brier", "log_loss"])
    assert found[0] == "average_precision"
    assert "log_loss" in found
    assert "auroc" not in found
    assert figures_beside("auroc", []) == found[:-1]


def test_a_board_of_masks_has_none_of_them() -> None:
    assert figures_beside("mean_dice", MASKS) == ("mean_hd95", "mean_iou", "missed_masks")
    shown = [each.metric for each in offered("mean_dice", MASKS, compared=False) if each.metric]
    assert "auroc" not in shown
    assert "brier" not in shown
