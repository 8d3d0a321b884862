"""onnxruntime without its telemetry: `from iqa_cli.models.quiet_onnxruntime import onnxruntime`, everywhere.

From 1.29 on it writes a device id and a database of events into the user's home, and asks a host of its maker in long
runs. The variable is read when the library is loaded; `disable_telemetry_events()` comes too late for both.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
