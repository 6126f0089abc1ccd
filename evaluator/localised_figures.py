"""Words of the figures of masks and marks, for the glossary."""

from __future__ import annotations

MASKS = "Masks"
MARKS = "Marks"

LOCALISED: dict[str, tuple[str, str, str, str, str, str]] = {
    "mean_dice": (
        "Mean Dice",
        "Dice",
        MASKS,
        "higher",
        "Overlap of mask and reference, twice the shared part over the sum; mean over cases. What "
        "an empty mask counts stands in the benchmark's file.",
        "1",
    ),
    "mean_iou": (
        "Mean intersection over union",
        "IoU",
        MASKS,
        "higher",
        "Shared part of mask and reference over their union; mean over cases.",
        "1",
    ),
    "mean_hd95": (
        "Mean 95 % Hausdorff distance, mm",
        "HD95, mm",
        MASKS,
        "lower",
        "95th percentile of the distance between borders, the larger of both directions. Without a "
        "declared penalty, cases with an empty mask are left out: a missed lesion counts nothing.",
        "0",
    ),
    "mean_hd": (
        "Mean Hausdorff distance, mm",
        "HD, mm",
        MASKS,
        "lower",
        "Largest distance from a border to the other; mean over cases.",
        "0",
    ),
    "mean_assd": (
        "Mean average symmetric surface distance, mm",
        "ASSD, mm",
        MASKS,
        "lower",
        "Distance between borders, averaged over the border voxels of both masks; of the cases "
        "that HD95 is of.",
        "0",
    ),
    "mean_masd": (
        "Mean average surface distance, mm",
        "MASD, mm",
        MASKS,
        "lower",
        "Distance between borders, the mean of both directions' means; of the cases of HD95.",
        "0",
    ),
    "mean_volume_difference": (
        "Mean volume difference, mm\N{SUPERSCRIPT THREE} (mm\N{SUPERSCRIPT TWO} in the plane)",
        "Volume diff.",
        MASKS,
        "",
        "Drawn less reference; above 0, masks are too large.",
        "0",
    ),
    "missed_masks": (
        "Missed masks",
        "Missed masks",
        MASKS,
        "lower",
        "Share of the cases with a reference mask in which nothing was drawn.",
        "0",
    ),
    "false_masks": (
        "False masks",
        "False masks",
        MASKS,
        "lower",
        "Share of the cases without a reference mask in which something was drawn.",
        "0",
    ),
    "wafroc": (
        "Weighted area under the AFROC curve",
        "wAFROC",
        MARKS,
        "higher",
        "Chance that a lesion outranks a normal case's highest false mark; cases count alike.",
        "1",
    ),
    "afroc": (
        "Area under the AFROC curve",
        "AFROC",
        MARKS,
        "higher",
        "Chance that a lesion outranks a normal case's highest false mark; lesions count alike.",
        "1",
    ),
    "wafroc1": (
        "Weighted area under the AFROC curve, false marks of all cases",
        "wAFROC1",
        MARKS,
        "higher",
        "As wAFROC, for cohorts in which every case has a lesion.",
        "1",
    ),
    "afroc1": (
        "Area under the AFROC curve, false marks of all cases",
        "AFROC1",
        MARKS,
        "higher",
        "As AFROC, for cohorts in which every case has a lesion.",
        "1",
    ),
    "froc_score": (
        "FROC score",
        "FROC",
        MARKS,
        "higher",
        "Mean sensitivity for lesions over the declared rates of false marks.",
        "1",
    ),
    "lesion_sensitivity": (
        "Sensitivity for lesions, all marks",
        "Lesion sens.",
        MARKS,
        "higher",
        "Share of the lesions that any mark is on.",
        "1",
    ),
    "false_marks_per_image": (
        "False marks per image, all marks",
        "False marks",
        MARKS,
        "lower",
        "Marks on no lesion, divided by the images.",
        "0",
    ),
    "case_auroc": (
        "Area under the ROC curve of cases",
        "Case AUROC",
        MARKS,
        "higher",
        "AUROC with the highest mark as a case's score; a case without marks ranks lowest.",
        "1",
    ),
}
"""Figure -> name, short name, section, which way is better, meaning, ideal."""

LOCALISED_FAMILIES = {
    "sensitivity_at_false_marks": (
        "Sensitivity for lesions at {} false marks an image",
        "Sens. at {} false marks",
        MARKS,
    ),
    "mean_nsd_at_tolerance": (
        "Mean normalised surface distance, tolerance {} mm",
        "NSD at {} mm",
        MASKS,
    ),
}
"""Families of figures that are read at values -> name, short name, section."""

LOCALISED_MEANINGS = {
    "sensitivity_at_false_marks": "Share of the lesions that a mark is on, counting the highest "
    "scores that make no more false marks than this: a point of the FROC curve.",
    "mean_nsd_at_tolerance": "Share of both borders that lies within the tolerance of the other; "
    "mean over cases.",
}
