"""What is said of files, in Chinese: notes on how a photo was read, and reasons why it was not.

Those who read files do not know the language of a report; they say it in English, and a cache keeps it so. Here is the
same sentence in Chinese. What a library or the system adds in brackets stays as it says it.
"""

from __future__ import annotations

import functools
import re

SENTENCES: dict[str, str] = {
    # files.py
    "the file is empty (0 bytes)": "文件为空（0 字节）",
    "not a photo format that iqa reads ({})": "不是 iqa 能读取的照片格式（{}）",
    "it looks like {}": "看起来是{}",
    "a JPEG 2000 picture": " JPEG 2000 图片",
    "a Photoshop file": " Photoshop 文件",
    "a PDF document": " PDF 文档",
    "a zip archive": " zip 压缩包",
    "a video": "视频",
    "an AppleDouble side file": " AppleDouble 附属文件",
    "a web page": "网页",
    "text": "文本",
    "it begins with zero bytes only": "开头全是零字节",
    "it starts with {}": "开头为 {}",
    "this is a folder, not a photo": "这是文件夹，不是照片",
    "not a regular file": "不是普通文件",
    "the file has {} bytes; the limit is {}": "文件有 {} 字节；上限为 {}",
    "the link leads nowhere": "链接指向的文件不存在",
    "the link leads back to itself": "链接指回自身",
    "the file is not there any more": "文件已不存在",
    "permission denied": "没有读取权限",
    "reading failed: {}": "读取失败：{}",
    "reading it failed ({})": "读取失败（{}）",
    # decode.py
    "cut off: {} of the picture is there": "文件不完整：画面仅存{}",
    "cut off: {} of the file is there": "文件不完整：内容仅存{}",
    "only {} %": " {} %",
    "{} %": " {} %",
    "hardly any": "极少一部分",
    "cut off: only a coarse version of the picture is there": "文件不完整：只有粗略的画面",
    "cut off: the file ends before the picture begins": "文件不完整：在画面开始之前就已结束",
    "cut off: the file ends before the picture does": "文件不完整：在画面结束之前就已结束",
    "claims {} x {} = {} megapixels; the limit is {}": "标称 {} x {}，共 {} 百万像素；上限为 {}",
    "not enough memory to decode it": "内存不足，无法解码",
    "could not be decoded ({})": "无法解码（{}）",
    "could not be decoded: {}": "无法解码：{}",
    "the JPEG header states no size": "JPEG 文件头没有尺寸",
    "too many scans; the limit is {}": "扫描次数过多；上限为 {}",
    "the JPEG XL data are damaged, cut off, or of a kind that libjxl does not know": (
        "JPEG XL 数据已损坏、不完整，或属于 libjxl 不支持的类型"
    ),
    "damaged, or a kind of raw file that LibRaw does not know": "已损坏，或属于 LibRaw 不支持的 RAW 类型",
    "the file ends early: {}": "文件提前结束：{}",
    "{} % of the picture is there": "画面有 {} %",
    "the whole picture is there": "画面完整",
    "{}, without its finest detail": "{}，但缺少最细的细节",
    "a raw file with a preview of {} x {} pixels, too small to judge": (
        "RAW 文件，其预览图只有 {} x {} 像素：太小，无法评判"
    ),
    "a raw file: the camera's preview of {} x {} pixels is judged": "RAW 文件：评判的是相机的 {} x {} 像素预览图",
    "a raw file without a preview": "RAW 文件，没有预览图",
    # headers.py, isobmff.py, jpeg.py
    "too many chunks; the limit is {}": "数据块过多；上限为 {}",
    "more than one header": "有多个文件头",
    "more than one frame header": "有多个帧头",
    "too many boxes or entries in one box; the limit is {}": "数据盒或其条目过多；上限为 {}",
    "the properties of its pictures are too large; the limit is {}": "图片属性过大；上限为 {}",
    "a box that there may be only one of is there twice": "只能有一个的数据盒出现了两次",
    "the picture is put together from pictures that are put together, without an end": "画面由图片层层拼合，没有尽头",
    "too many segments; the limit is {}": "数据段过多；上限为 {}",
    "too many tables before the picture; the limit is {} bytes": "画面之前的表过多；上限为 {} 字节",
    # costs.py
    "takes too much to decode ({}: {}; the limit is {})": "解码开销过大（{}：{}；上限为 {}）",
    "{} pixels": "{} 像素",
    "{} x {} pixels in {} scans": "{} x {} 像素，{} 次扫描",
    "{} GB of memory": "{} GB 内存",
    "about {} s": "约 {} 秒",
    "{} s": "{} 秒",
    "decoded at a fraction of its size: all of its pixels would take too much memory or time": (
        "以缩小的尺寸解码：读取全部像素会占用过多内存或时间"
    ),
    # damage.py
    "the file is damaged: {}": "文件已损坏：{}",
    "zeros stand where picture data should": "本应是画面数据之处全是零",
    "its picture data are corrupt": "画面数据有错误",
    "its picture data are corrupt (libjpeg: {})": "画面数据有错误（libjpeg：{}）",
    "its picture data end early, {}": "画面数据提前结束，{}",
    # pixels.py, colour.py, surroundings.py, preview.py
    "a file of several pages: the first is judged": "多页文件：评判的是第一页",
    "an animation: its first frame is judged": "动画：评判的是第一帧",
    "transparent areas are shown on white": "透明区域显示为白色",
    "an HDR picture ({} curve): judged in a standard rendition ({})": "HDR 图片（{} 曲线）：按标准再现（{}）评判",
    "its colours ({}) cannot be converted to sRGB: judged without conversion": (
        "其颜色编码（{}）无法转换为 sRGB：未经转换即评判"
    ),
    "primaries {}, transfer {}, matrix {} of {}": "{3}：原色 {0}，传递函数 {1}，矩阵 {2}",
    "the colour profile cannot be used; the colours are taken as sRGB": "颜色配置文件不可用；按 sRGB 处理",
    "judged without the even surroundings ({}): {} % of the frame is picture": (
        "评判时不计纯色边框（{}）：画面占全幅的 {} %"
    ),
    "top": "上",
    "bottom": "下",
    "left": "左",
    "right": "右",
    "the camera's preview has another shape than the picture and was not used": "相机预览图与照片形状不同，未使用",
    "the picture was changed after the camera wrote its preview, which was not used": (
        "照片在相机写入预览图之后被修改过，未使用预览图"
    ),
    "the camera's preview is damaged and was not used": "相机预览图已损坏，未使用",
    "judged from the camera's {} x {} preview": "根据相机的 {} x {} 预览图评判",
    "judged from the camera's {} x {} preview, which agrees with {} of the picture's {} tiles": (
        "根据相机的 {} x {} 预览图评判，它与照片的 {} 块（共 {} 块）一致"
    ),
    "the camera's preview looks unlike the picture and was not used": "相机预览图与照片看起来不同，未使用",
    "too close to call from the camera's preview: the picture was decoded": "根据相机预览图难以判定，已解码照片本身",
    # exif.py, settings.py
    "the camera settings (EXIF) are damaged": "拍摄参数（EXIF）已损坏",
    "the camera settings in XMP are damaged": "XMP 中的拍摄参数已损坏",
    "left out of the camera settings: {}": "未采用的拍摄参数：{}",
    "{} (unreadable)": "{}（无法读取）",
    "{} (text that is not UTF-8)": "{}（非 UTF-8 文本）",
    "text that is not UTF-8": "非 UTF-8 文本",
    "only XMP says that the picture is to be turned, which viewers do not heed; it was left as it is": (
        "只有 XMP 说照片需要旋转，而看图软件不理会这一点；照片保持原样"
    ),
    # copies.toml, left_out.py: who keeps copies
    "iPhoto and Aperture": "iPhoto 与 Aperture",
    "other NAS systems": "其他 NAS 系统",
    "snapshots of file systems": "文件系统快照",
    "the system": "系统",
    "thumbnail folders": "缩略图文件夹",
    "folders marked .nomedia": "标有 .nomedia 的文件夹",
    # workers.py, child.py
    "the process that read it ended by itself ({})": "读取它的进程自行结束（{}）",
    "the decoder crashed on it ({})": "解码器在读取它时崩溃（{}）",
    "the process that read it was killed, perhaps for want of memory ({})": "读取它的进程被终止，可能是内存不足（{}）",
    "it did not say how": "原因未知",
    "signal {}": "信号 {}",
    "exit code {}": "退出码 {}",
}
"""English sentences and parts of them, with a slot `{}` for what differs. What stands in a slot is looked up itself."""


@functools.lru_cache(maxsize=1024)
def in_chinese(text: str) -> str:
    """The same in Chinese; what is not known here, such as what a library said, as it is."""
    known = SENTENCES.get(text)
    if known is not None:
        return known
    for pattern, chinese in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            return chinese.format(*map(_slot, found.groups()))
    return text


def _slot(text: str) -> str:
    """What stands in a slot: a sentence itself, or several things with commas between them."""
    whole = in_chinese(text)
    if whole != text or ", " not in text:
        return whole
    parts = text.split(", ")
    known = [in_chinese(part) for part in parts]
    is_list = all(one != other for one, other in zip(parts, known, strict=True))
    return ("、" if is_list else ", ").join(known)


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The sentences with slots. What says the most comes first, and last what may begin with anything."""
    slotted = [sentence for sentence in SENTENCES if "{}" in sentence]
    slotted.sort(key=lambda sentence: (sentence.startswith("{}"), -len(sentence)))
    return tuple(
        (re.compile("(.+?)".join(map(re.escape, sentence.split("{}"))), re.DOTALL), SENTENCES[sentence])
        for sentence in slotted
    )
