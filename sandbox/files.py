"""Uploaded files: a place to upload to, the upload itself, and sharing it in a channel."""

from __future__ import annotations

import mimetypes
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from sandbox.workspace import SlackError, Workspace

LARGEST = 64 * 1024 * 1024


class Files:
    """The files of the workspace, by id; a file is one only when its upload was completed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.base = ""
        self.all: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self._announced: dict[str, tuple[str, int]] = {}

    def announce(self, name: str, length: int) -> dict[str, str]:
        """files.getUploadURLExternal: where to upload, and the id it will have."""
        if not 0 < length <= LARGEST:
            raise SlackError("invalid_arguments")
        file_id = "F" + uuid4().hex[:10].upper()
        self._announced[file_id] = (name, length)
        return {"upload_url": f"{self.base}/upload/v1/{file_id}", "file_id": file_id}

    def receive(self, file_id: str, content: bytes) -> None:
        """The upload; raises `file_not_found` and, for another length than was announced, `length_mismatch`."""
        if file_id not in self._announced:
            raise SlackError("file_not_found")
        if len(content) != self._announced[file_id][1]:
            raise SlackError("length_mismatch")
        self.contents[file_id] = content

    def complete(self, file_id: str, title: str) -> dict[str, Any]:
        """The uploaded file becomes a file of the workspace."""
        if file_id not in self._announced or file_id not in self.contents:
            raise SlackError("file_not_found")
        name, length = self._announced[file_id]
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.all[file_id] = {
            "id": file_id,
            "created": int(self.workspace.now()),
            "name": name,
            "title": title or name,
            "mimetype": kind,
            "filetype": name.rpartition(".")[2] or "binary",
            "size": length,
            "user": self.workspace.bot_user,
            "mode": "hosted",
            "url_private": f"{self.base}/files/{file_id}",
            "url_private_download": f"{self.base}/files/{file_id}",
            "permalink": f"{self.base}/files/{file_id}",
            "channels": [],
        }
        return self.all[file_id]

    def info(self, file_id: str) -> dict[str, Any]:
        """Raises `file_not_found`."""
        if file_id not in self.all:
            raise SlackError("file_not_found")
        return self.all[file_id]


def routes(files: Files) -> APIRouter:
    """`POST /upload/v1/…` takes the bytes as the body, `GET /files/…` gives them back."""
    router = APIRouter()

    @router.post("/upload/v1/{file_id}")
    async def upload(file_id: str, request: Request) -> Response:
        content = await request.body()
        try:
            files.receive(file_id, content)
        except SlackError as refusal:
            return PlainTextResponse(refusal.code, 400)
        return PlainTextResponse(f"OK - {len(content)}")

    @router.get("/files/{file_id}")
    async def download(file_id: str) -> Response:
        if file_id not in files.all:
            return PlainTextResponse("file_not_found", 404)
        # Never rendered in the page's own origin: whatever was uploaded stays a download.
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(files.contents[file_id], media_type=files.all[file_id]["mimetype"], headers=headers)

    return router
