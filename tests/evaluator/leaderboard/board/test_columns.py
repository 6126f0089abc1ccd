"""A board of a task with figures of its own has them beside the primary one."""

from __future__ import annotations

from evaluator.leaderboard.board.columns import figures_beside, figures_in_tables, offered

USUAL = (
    *("average_precision", "brier", "ece", "calibration_slope"),
    *("sensitivity", "specificity"),
)
MASKS = ("mean_dice", "mean_hd95", "mean_iou", "missed_masks")


def test_a_binary_board_has_the_usual_figures() -> None:
    found = figures_beside("auroc", ["auroc", "log_loss", *reversed(USUAL)])
    assert found == (*USUAL, "log_loss")
    assert figures_beside("auroc", []) == USUAL
    assert figures_in_tables("auroc", ["auroc", "log_loss", *USUAL]) == USUAL


def test_a_board_of_scores_has_no_column_that_no_release_can_fill() -> None:
    metrics = ["auroc", "average_precision", "sensitivity", "specificity", "youden"]
    ranks = ("average_precision", "sensitivity", "specificity")
    assert figures_in_tables("auroc", metrics) == ranks
    shown = {each.metric for each in offered("auroc", metrics, compared=False)}
    assert not shown & {"brier", "ece", "calibration_slope"}


def test_a_board_of_masks_has_none_of_them() -> None:
    assert figures_beside("mean_dice", MASKS) == ("mean_hd95", "mean_iou", "missed_masks")
    assert figures_in_tables("mean_dice", MASKS) == ("mean_hd95", "mean_iou", "missed_masks")
    shown = [each.metric for each in offered("mean_dice", MASKS, compared=False) if each.metric]
    assert "auroc" not in shown
    assert "brier" not in shown
