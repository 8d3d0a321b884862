"""What keys and values of groups are called: shared by all reports that have groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.records import Language

KEY_NAMES: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "camera": "camera",
        "lens": "lens",
        "iso": "ISO",
        "exposure-time": "exposure time",
        "focal-length": "focal length",
        "flash": "flash",
        "hour": "hour",
        "month": "month",
        "folder": "folder",
    },
    "zh": {
        "camera": "相机",
        "lens": "镜头",
        "iso": "ISO",
        "exposure-time": "曝光时间",
        "focal-length": "焦距",
        "flash": "闪光灯",
        "hour": "小时",
        "month": "月份",
        "folder": "文件夹",
    },
}
"""By the key; `regex:` is called as it is written."""
_VALUES: Mapping[Language, Mapping[str, str]] = {
    "en": {"": "unknown", "fired": "fired", "not fired": "not fired"},
    "zh": {"": "未知", "fired": "闪光", "not fired": "未闪光"},
}
_COMMAS: Mapping[Language, str] = {"en": ", ", "zh": "，"}


def keys_said(names: Sequence[str], lang: Language) -> str:
    """The keys of a grouping."""
    return _COMMAS[lang].join(KEY_NAMES[lang].get(name) or shown(utf8(name)) for name in names)


def values_said(values: Sequence[str], lang: Language) -> str:
    """The values of a group; empty ones are not known."""
    return _COMMAS[lang].join(_VALUES[lang].get(value) or shown(utf8(value)) for value in values)
