"""An ONNX Runtime session, and the device it really runs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime as ort

from model.artefact_folder import ArtefactError

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


def create_session(graph: Path, *, device: str, threads: int) -> tuple[Any, str]:
    """A session for `graph` on `device` ("cpu" or "gpu") and the device it really runs on.

    `threads` are the CPU threads of one run; they do not spin while idle.
    Raises ArtefactError if the graph cannot be loaded, or `device` is gpu and the GPU does not work.
    """
    if threads < 1:
        raise ArtefactError(f"threads is {threads} — set at least 1")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    providers = [_CPU]
    if device == "gpu":
        if not gpu_offered():
            raise ArtefactError(
                "no CUDA in this onnxruntime — install the extra 'gpu' instead of 'cpu', or use cpu"
            )
        # The CUDA and cuDNN libraries come as wheels that the loader does not find by itself.
        ort.preload_dlls()
        providers = [_CUDA, _CPU]
    try:
        session = ort.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # onnxruntime raises a dozen unrelated types here
        raise ArtefactError(f"{graph}: onnxruntime cannot load it ({first_line(error)})") from None
    # A CUDA session without its libraries silently runs on the CPU: ask the session.
    on_gpu = _CUDA in session.get_providers()
    if device == "gpu" and not on_gpu:
        raise ArtefactError(
            "CUDA was asked for but the session came up on the CPU — check driver and CUDA libraries"
        )
    return session, "gpu" if on_gpu else "cpu"


def gpu_offered() -> bool:
    """Whether this build of onnxruntime supports CUDA; only a session shows whether it works."""
    return _CUDA in ort.get_available_providers()


def first_line(error: Exception) -> str:
    """An error's message in one line."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
