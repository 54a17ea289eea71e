"""Every figure of a diagnosis, as JSON values."""

from dataclasses import asdict
from typing import Any

from foldline.training.diagnose_training.batches import Batches
from foldline.training.diagnose_training.diagnosis import Diagnosis
from foldline.training.diagnose_training.learning_curve import LearningCurve


def figures(found: Diagnosis, curve: LearningCurve, tried: list[Batches]) -> dict[str, Any]:
    """What the sealed diagnosis holds beside its words."""
    return {
        "fit": found.fit,
        "rows": found.rows,
        "error": curve.metric,
        "constant": found.constant,
        "seen": found.seen,
        "unseen": found.unseen,
        "signal_p_value": found.signal.p_value,
        "gap": found.gap.difference,
        "gap_p_value": found.gap.p_value,
        "gap_share": found.gap_share,
        "gain_share": list(found.gain_share),
        "learning_curve": [
            {"training_rows": float(rows), "best_epoch": epoch, "folds": scores}
            for rows, epoch, scores in zip(curve.rows, curve.epochs, curve.scores, strict=True)
        ],
        "converged": curve.converged,
        "twice_the_rows": asdict(curve.doubling) | {"gain": curve.doubling.gain},
        "epochs": curve.curves,
        "batches": [asdict(one) | {"mean": one.mean, "standard_error": one.standard_error} for one in tried],
        "recommended_batch_size": found.batches.size,
    }
