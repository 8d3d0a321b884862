"""Where a model runs: on the processor, or on a graphics card through onnxruntime's CUDA provider.

The base install brings onnxruntime for processors. `onnxruntime-gpu`, installed in its place, lists a CUDA provider as
well, whether or not there are a card, a driver and CUDA's libraries: that shows when a session is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iqa_cli.checkpoint import ONNX
from iqa_cli.errors import UsageError

if TYPE_CHECKING:
    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.records import Device

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
LARGE_BYTES = 64 * 2**20
"""Of `model.onnx`, from which a model is large. Below it, as with the shipped one, decoding takes most of the time.
From it on the model does, so that `auto` looks for a card, and processes are not worth a copy each. A ViT-B has 350 MB.
"""
_CUDA_OPTIONS = {
    "use_tf32": "0",  # ten bits of mantissa would move levels that hang by a hair
    "cudnn_conv_algo_search": "HEURISTIC",  # a search by time may end otherwise in the next run
}

_HINT = (
    "`pip uninstall onnxruntime`, then `pip install onnxruntime-gpu`; it needs an NVIDIA card, its driver and CUDA's "
    "libraries. Or leave the device to auto"
)


def is_large(checkpoint: Checkpoint) -> bool:
    """Whether the model takes most of the time and memory of a run: by the card's text, so that it costs nothing."""
    return int(checkpoint.card["files"].get(ONNX, {}).get("bytes", 0)) >= LARGE_BYTES


def may_be_cuda(device: Device, checkpoint: Checkpoint) -> bool:
    """Whether the model might run on a card: asks for no more than the card's text, so that it costs nothing."""
    if device == "auto":
        return is_large(checkpoint)
    return device == "cuda"


def session_on(device: Device, checkpoint: Checkpoint, content: bytes, options: Any) -> Any:
    """An onnxruntime session of a model on the device.

    device   cpu; cuda; or auto, which takes a card for a large model if there is one that works
    content  of the checkpoint's `model.onnx`
    options  onnxruntime's SessionOptions
    raises   UsageError  for cuda where there is none
             whatever onnxruntime raises for a model that it cannot load
    """
    from iqa_cli.models.quiet_onnxruntime import onnxruntime

    wanted = may_be_cuda(device, checkpoint)
    if wanted and CUDA in onnxruntime.get_available_providers():
        session = onnxruntime.InferenceSession(content, options, providers=[(CUDA, _CUDA_OPTIONS), CPU])
        # onnxruntime goes on without a provider that cannot be had, and says so in its log alone.
        if runs_on(session) == "cuda":
            return session
        if device == "cuda":
            raise UsageError(
                "device 'cuda' cannot be used: onnxruntime finds no card, driver or CUDA library", hint=_HINT
            )
    elif device == "cuda":
        raise UsageError("device 'cuda' cannot be used: this onnxruntime is for processors only", hint=_HINT)
    return onnxruntime.InferenceSession(content, options, providers=[CPU])


def runs_on(session: Any) -> Device:
    """Where a session computes: cpu or cuda."""
    return "cuda" if CUDA in session.get_providers() else "cpu"
