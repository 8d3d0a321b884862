"""The exported model on onnxruntime: what `assess` runs, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.checkpoint import GRAPH_KEY, ONNX, Checkpoint
from iqa_cli.errors import CheckpointError, UsageError
from iqa_cli.models.prepare import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.records import Device


class OnnxModel:
    """A checkpoint's `model.onnx`, loaded once; may be called from several threads at once.

    checkpoint  the checkpoint; its card says how pictures are prepared and what comes out
    threads     onnxruntime's own threads; 1 leaves the other cores to decoding
    device      see `device.session_on`
    raises      CheckpointError  if the file is missing, damaged, or does not fit the card's graph and preprocessing
                UsageError       for the device cuda where there is none
    """

    def __init__(self, checkpoint: Checkpoint, *, threads: int = 1, device: Device = "cpu") -> None:
        # Imported here: it costs 0.4 s, which a bad path or a damaged card should not have to wait for.
        from iqa_cli.models.device import runs_on, session_on
        from iqa_cli.models.quiet_onnxruntime import onnxruntime

        content = checkpoint.read_verified(ONNX)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only; warnings about unused initialisers mean nothing to a user
        try:
            self._session = session_on(device, checkpoint, content, options)
        except UsageError:
            raise
        except Exception as error:  # onnxruntime has exception types of its own
            raise CheckpointError(
                f"{checkpoint.folder / ONNX}: onnxruntime cannot load it ({type(error).__name__}: {error})"
            ) from error
        self.device = runs_on(self._session)
        """Where it computes: cpu or cuda."""
        checkpoint.refuse_other_graph(self._session.get_modelmeta().custom_metadata_map.get(GRAPH_KEY))
        self._preprocessing = checkpoint.preprocessing
        entry = self._session.get_inputs()[0]
        self._input = entry.name
        expected = (3, self._preprocessing.size, self._preprocessing.size)
        # A size that the file leaves open is a name or None.
        if len(entry.shape) != 4 or any(
            isinstance(pixels, int) and pixels != wanted
            for pixels, wanted in zip(entry.shape[1:], expected, strict=True)
        ):
            raise CheckpointError(
                f"{checkpoint.folder / ONNX}: takes pictures of shape {tuple(entry.shape[1:])}, "
                f"the card's preprocessing gives {expected}"
            )
        width = self._session.get_outputs()[0].shape[-1]
        if width != checkpoint.graph.n_nodes:
            raise CheckpointError(
                f"{checkpoint.folder / ONNX}: gives {width} scores a photo, "
                f"the card's graph needs {checkpoint.graph.n_nodes}"
            )

    def node_scores(self, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unary scores of prepared pictures.

        prepared  B arrays (S, S, 3) uint8 from `prepare.squash`
        returns   (B, N) float32, one score per label and threshold in graph order: log-potential of "level >= k"
        """
        scores = self._session.run(None, {self._input: normalise(prepared, self._preprocessing)})[0]
        return np.asarray(scores, np.float32)
