"""The exported model on onnxruntime: what `assess` runs, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iqa_cli.checkpoint import GRAPH_KEY, ONNX, Checkpoint
from iqa_cli.errors import CheckpointError, UsageError
from iqa_cli.models.prepare import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.models.onnx_check import Work
    from iqa_cli.models.onnx_file import OnnxFile
    from iqa_cli.records import Device

SHIPPED_CARDS = frozenset({"ae8559072c7a27ee10fac87851c6d8ecdec404c1e084e0ad95f61954024b6cc0"})
"""SHA-256 of the cards of checkpoints that came with this iqa. The card vouches for every file beside it, and the tests
give these checkpoints the checks that others get whenever they are loaded: 20 ms of processor time at every start."""
_HINT = "models that `iqa train` exported are run, and no others; `iqa checkpoint-check FOLDER` tells all that is wrong"


def check_onnx(checkpoint: Checkpoint, content: bytes) -> tuple[OnnxFile, Work]:
    """Whether a model is one that may be given to onnxruntime, by its bytes and sizes alone; nothing is computed.

    content  of the checkpoint's `model.onnx`
    raises   CheckpointError  if it holds what our exports do not, would take more than a bounded amount of memory and
                              work, or does not fit the card's graph and preprocessing
    """
    from iqa_cli.models.onnx_check import work_of
    from iqa_cli.models.onnx_file import NotOurOnnxError, read_onnx

    try:
        file = read_onnx(content)
        # First: a model of another graph may give as many scores.
        checkpoint.refuse_other_graph(file.metadata.get(GRAPH_KEY))
        return file, work_of(file, checkpoint.preprocessing.size, checkpoint.graph.n_nodes)
    except NotOurOnnxError as error:
        raise CheckpointError(f"{checkpoint.folder / ONNX}: {error}", hint=_HINT) from None


class OnnxModel:
    """A checkpoint's `model.onnx`, loaded once; may be called from several threads at once.

    checkpoint  the checkpoint; its card says how pictures are prepared and what comes out
    threads     onnxruntime's own threads; 1 leaves the other cores to decoding
    device      see `device.session_on`
    raises      CheckpointError  if the file is missing, damaged, holds what our exports do not, does not fit the card's
                                 graph and preprocessing, or gives no scores for a black picture
                UsageError       for the device cuda where there is none
    """

    def __init__(self, checkpoint: Checkpoint, *, threads: int = 1, device: Device = "cpu") -> None:
        # Imported here: it costs 0.4 s, which a bad path or a damaged card should not have to wait for.
        from iqa_cli.models.device import runs_on, session_on
        from iqa_cli.models.quiet_onnxruntime import onnxruntime

        self._path = checkpoint.folder / ONNX
        self._preprocessing = checkpoint.preprocessing
        self._n_nodes = checkpoint.graph.n_nodes
        content = checkpoint.read_verified(ONNX)
        shipped = checkpoint.card_sha256 in SHIPPED_CARDS
        if not shipped:
            from iqa_cli.models.onnx_file import without_guesses

            check_onnx(checkpoint, content)
            content = without_guesses(content)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is told in our words, not on stderr beside them
        # As it was checked: bytes that are ONNX to one reader may be onnxruntime's own format to another.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = session_on(device, checkpoint, content, options)
        except UsageError:
            raise
        except Exception as error:  # onnxruntime has exception types of its own
            raise self._broken("onnxruntime cannot load it", error) from error
        self.device = runs_on(self._session)
        """Where it computes: cpu or cuda."""
        self._input = self._session.get_inputs()[0].name
        if not shipped:
            self.try_out()

    def try_out(self) -> None:
        """Score a black picture, before anybody waits for that of a photo.

        raises  CheckpointError  as `node_scores`
        """
        size = self._preprocessing.size
        self.node_scores([np.zeros((size, size, 3), np.uint8)])

    def photo_scores(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unary scores of one photo: the mean over its views.

        views    (V, S, S, 3) uint8 from `prepare.views`
        returns  (1, N) float32
        raises   CheckpointError  as `node_scores`
        """
        # One after the other: as quick as all at once on a processor, and a photo takes no more memory than a picture.
        scores = [self.node_scores([view]) for view in views]
        return scores[0] if len(scores) == 1 else np.mean(scores, axis=0, dtype=np.float32)

    def node_scores(self, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unary scores of prepared pictures, each for itself.

        prepared  B arrays (S, S, 3) uint8, views of photos
        returns   (B, N) float32, one score per label and threshold in graph order: log-potential of "level >= k"
        raises    CheckpointError  if the model cannot compute them, or they are not finite
        """
        try:
            scores: Any = self._session.run(None, {self._input: normalise(prepared, self._preprocessing)})[0]
        except Exception as error:  # see above
            raise self._broken("onnxruntime cannot run it", error) from error
        if scores.shape != (len(prepared), self._n_nodes) or not np.isfinite(scores).all():
            raise CheckpointError(
                f"{self._path}: gives scores that are no numbers, or not {self._n_nodes} of them", hint=_HINT
            )
        return np.asarray(scores, np.float32)

    def _broken(self, what: str, error: Exception) -> CheckpointError:
        # Names in the file may hold anything; `repr` spells out what would move a terminal's cursor.
        said = repr(str(error)[:500])[1:-1]
        return CheckpointError(f"{self._path}: {what} ({type(error).__name__}: {said})", hint=_HINT)
