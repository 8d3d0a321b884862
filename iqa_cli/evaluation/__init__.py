"""How good a model is: labelled photos to predictions to figures. What `iqa eval` does.

    from iqa_cli.evaluation import evaluate, judge, labelled_photos, read_predictions
    from iqa_cli import Auditor

    auditor = Auditor.load("default")
    evaluation = evaluate(judge(auditor, labelled_photos("labels.csv", "photos", auditor.graph)))
    evaluation = evaluate(read_predictions("predictions.csv"))
    difference = evaluate_against(read_predictions("new.csv"), read_predictions("old.csv"))

`evaluate` and `evaluate_against` need scikit-learn, which the eval extra brings.
"""

from iqa_cli.evaluation.against import evaluate_against
from iqa_cli.evaluation.evaluate import evaluate, refuse_without_scikit_learn
from iqa_cli.evaluation.folder import LabelledPhotos, judge, labelled_photos
from iqa_cli.evaluation.predictions_file import SEED_LABELS, predictions_csv, read_predictions

__all__ = [
    "SEED_LABELS",
    "LabelledPhotos",
    "evaluate",
    "evaluate_against",
    "judge",
    "labelled_photos",
    "predictions_csv",
    "read_predictions",
    "refuse_without_scikit_learn",
]
