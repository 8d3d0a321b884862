"""Labelled photos: reading label CSVs, grouping photos into scenes, splitting them, and proving the split sound.

`read_labels` makes a `LabelTable` of a file. Nothing here decodes a picture or knows about models; what needs a
library of the split extra imports it inside its function.
"""

from iqa_cli.labels.bucket import ImageBucket, images_at
from iqa_cli.labels.folder import ImageFolder
from iqa_cli.labels.images import Images
from iqa_cli.labels.read import read_labels
from iqa_cli.labels.table import LabelTable

__all__ = ["ImageBucket", "ImageFolder", "Images", "LabelTable", "images_at", "read_labels"]
