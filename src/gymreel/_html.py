"""Videos as HTML for notebooks."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from gymreel._regular_files import open_regular, size_of_regular

__all__ = ["MAX_EMBEDDED_BYTES", "text_html", "video_html"]

MAX_EMBEDDED_BYTES = 8 * 2**20
"""A larger file is not embedded: the notebook refers to it by its relative path."""

_TYPES: Mapping[str, str] = {
    ".gif": "image/gif",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
"""Media types of the containers that most browsers play."""

_CODECS = {"av1", "gif", "h264", "hevc", "vp8", "vp9"}
_STYLE = 'style="max-width: 100%"'


def video_html(
    path: Path,
    *,
    caption: str | None = None,
    codec: str | None = None,
    max_embedded_bytes: int = MAX_EMBEDDED_BYTES,
) -> str:
    """Return HTML that plays a video, or that says why it cannot be played.

    Args:
        path: The file. Only a regular file is shown, and no link is followed.
        caption: Text below the video; None for the name of the file.
        codec: Format of the video, if it is known.
        max_embedded_bytes: Size up to which the file is embedded, in bytes.
    """
    caption = path.name if caption is None else caption
    media_type = _TYPES.get(path.suffix.lower())
    try:
        num_bytes = size_of_regular(path)
        if num_bytes is None:
            return text_html(f"{caption}: there is no file {path}")
        if media_type is None or (codec is not None and codec not in _CODECS):
            what = f"{path.suffix} files" if media_type is None else f"{codec}"
            return text_html(f"{caption}: {path} ({num_bytes} bytes; browsers play no {what})")
        if num_bytes <= max_embedded_bytes:
            with open_regular(path) as file:
                data = base64.b64encode(file.read(num_bytes)).decode()
            source = f"data:{media_type};base64,{data}"
        else:
            source = html.escape(_url(path))
    except OSError as error:
        return text_html(f"{caption}: {path} cannot be read: {error.strerror or error}")
    label = html.escape(caption)
    if media_type == "image/gif":
        tag = f'<img src="{source}" alt="{label}" {_STYLE}>'
    else:
        tag = f'<video src="{source}" controls loop muted playsinline {_STYLE}></video>'
    return f"<figure>{tag}<figcaption>{label}</figcaption></figure>"


def text_html(text: str) -> str:
    """Return plain text as HTML."""
    return f"<p>{html.escape(text)}</p>"


def _url(path: Path) -> str:
    """Return the URL of a path relative to the working folder, which usually is the notebook's."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # It is on another drive.
        return path.absolute().as_uri()
    # Without "./", a colon in the name of the first folder would end the scheme of the URL.
    return "./" + quote(os.fsencode(relative.replace(os.sep, "/")))
