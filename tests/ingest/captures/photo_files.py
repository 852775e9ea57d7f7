"""Photos with depth, byte by byte from the specifications, in shapes that devices write."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import ExifTags, Image

GUID = "36BE52D449F3E6B9760D7602FF75168D"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def coded(array: np.ndarray, kind: str = "PNG", orientation: int | None = None, **options: object) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
        options["exif"] = exif
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def photo(size: tuple[int, int] = (160, 120), orientation: int | None = None, focal_35mm: int | None = None) -> bytes:
    """A JPEG of (width, height), with EXIF tags."""
    stream, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    if focal_35mm is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = focal_35mm
    Image.new("RGB", size, "grey").save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def packet(content: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF {RDF}>{content}</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def with_segments(jpeg: bytes, *added: bytes) -> bytes:
    """The JPEG with segments behind its first marker."""
    return jpeg[:2] + b"".join(added) + jpeg[2:]


def xmp_segment(xmp: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)


def extended_segments(xmp: bytes, guid: str = GUID, whole: int | None = None, size: int = 65400) -> list[bytes]:
    """XMP that is too large for one segment (XMP specification part 3, 1.1.3.1)."""
    return [
        segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0"
            + guid.encode()
            + struct.pack(">II", len(xmp) if whole is None else whole, at)
            + xmp[at : at + size],
        )
        for at in range(0, len(xmp), size)
    ]


def gdepth_fields(**stated: object) -> str:
    return " ".join(f'GDepth:{name}="{value}"' for name, value in stated.items() if value is not None)


def gdepth_photo(
    depth: bytes, jpeg: bytes | None = None, *, confidence: bytes | None = None, guid: str = GUID, **stated: object
) -> bytes:
    """A photo of Google Camera: fields in the main XMP, images in the extended one."""
    space = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
    note = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{GUID}"'
    main = packet(f'<rdf:Description rdf:about="" {space} {note} {gdepth_fields(**stated)}/>')
    data = {"Data": base64.b64encode(depth).decode()}
    if confidence is not None:
        data["Confidence"] = base64.b64encode(confidence).decode()
    extended = packet(f'<rdf:Description rdf:about="" {space} {gdepth_fields(**data)}/>')
    return with_segments(jpeg or photo(), xmp_segment(main), *extended_segments(extended, guid))


DYNAMIC = " ".join(
    f'xmlns:{prefix}="http://ns.google.com/photos/dd/1.0/{name}/"'
    for prefix, name in {
        "Device": "device", "Container": "container", "Item": "item", "Camera": "camera", "DepthMap": "depthmap",
        "ImagingModel": "imagingmodel",
    }.items()
)  # fmt: skip


def dynamic_photo(
    items: Sequence[tuple[str, bytes]],
    jpeg: bytes | None = None,
    *,
    depth_map: str | None = None,
    model: str = "",
    padding: bytes = b"",
    trailer: bytes = b"",
    lengths: Sequence[object] | None = None,
    **stated: object,
) -> bytes:
    """A photo as Android's ``DepthPhotoProcessor`` writes it: (URI, data) of the items behind the picture."""
    stated = {"ItemSemantic": "Depth", "DepthURI": "android/depthmap", **stated}
    attributes = " ".join(f'DepthMap:{name}="{value}"' for name, value in stated.items() if value is not None)
    sizes = [len(data) for _, data in items] if lengths is None else lengths
    first = f'<Container:Item Item:Mime="image/jpeg" Item:Length="0" Item:Padding="{len(padding)}"/>'
    listed = [first] + [
        f'<Container:Item Item:Mime="image/jpeg" Item:Length="{size}" Item:DataURI="{uri}"/>'
        for (uri, _), size in zip(items, sizes, strict=True)
    ]
    directory = "".join(f'<rdf:li rdf:parseType="Resource">{item}</rdf:li>' for item in listed)
    xmp = packet(
        f'<rdf:Description {DYNAMIC}><Device:Container rdf:parseType="Resource"><Container:Directory><rdf:Seq>'
        f"{directory}</rdf:Seq></Container:Directory></Device:Container>"
        f'<Device:Cameras><rdf:Seq><rdf:li rdf:parseType="Resource"><Device:Camera rdf:parseType="Resource">'
        f"{depth_map or f'<Camera:DepthMap {attributes}/>'}{model}"
        f"</Device:Camera></rdf:li></rdf:Seq></Device:Cameras></rdf:Description>"
    )
    body = b"".join(data for _, data in items)
    return with_segments(jpeg or photo(), xmp_segment(xmp)) + padding + body + trailer


def apple_xmp(
    kind: str = "disparity", native: int | str = 1751411059, matrix: Sequence[float] = (), **changes: object
) -> bytes:
    """XMP of an auxiliary picture in the form of an iPhone's; ``hdis`` is 1751411059 and ``hdep`` 1751410032."""
    values = {
        "apdi:IntMaxValue": 255, "apdi:StoredFormat": 1278226488, "apdi:NativeFormat": native, "apdi:IntMinValue": 0,
        "apdi:FloatMaxValue": 2.5, "apdi:FloatMinValue": 0.25, "apdi:AuxiliaryImageType": kind,
        "depthData:DepthDataVersion": 65541, "depthData:Quality": "high", "depthData:Accuracy": "absolute",
        "depthData:Filtered": "True", "depthData:IntrinsicMatrixReferenceWidth": 4032,
        "depthData:IntrinsicMatrixReferenceHeight": 3024,
    }  # fmt: skip
    for name, value in changes.items():
        values[f"{'apdi' if name[:3] in ('Int', 'Flo') and 'Matrix' not in name else 'depthData'}:{name}"] = value
    written = "".join(f"<{name}>{value}</{name}>" for name, value in values.items() if value is not None)
    if matrix:
        listed = "".join(f"<rdf:li>{value}</rdf:li>" for value in matrix)
        written += f"<depthData:IntrinsicMatrix><rdf:Seq>{listed}</rdf:Seq></depthData:IntrinsicMatrix>"
    spaces = " ".join(
        f'xmlns:{p}="http://ns.apple.com/{n}/1.0/"' for p, n in (("apdi", "pixeldatainfo"), ("depthData", "depthData"))
    )
    return packet(f'<rdf:Description rdf:about="" {spaces}>{written}</rdf:Description>')


def mpf_photo(first: bytes, *others: bytes, sizes: Sequence[int] | None = None, order: str = ">") -> bytes:
    """Several pictures in one file with an MPF index (CIPA DC-007)."""
    sizes = [len(other) for other in others] if sizes is None else sizes

    def index(starts: Sequence[int]) -> bytes:
        count = len(others) + 1
        entries = struct.pack(f"{order}IIIHH", 0x030000, len(first), 0, 0, 0)
        for start, size in zip(starts, sizes, strict=True):
            entries += struct.pack(f"{order}IIIHH", 0, size, start, 0, 0)
        tags = struct.pack(f"{order}HHI4s", 0xB000, 7, 4, b"0100")
        tags += struct.pack(f"{order}HHII", 0xB001, 4, 1, count)
        tags += struct.pack(f"{order}HHII", 0xB002, 7, 16 * count, 50)
        mark = b"MM\0*" if order == ">" else b"II*\0"
        directory = struct.pack(f"{order}IH", 8, 3) + tags + struct.pack(f"{order}I", 0)
        return segment(0xE2, b"MPF\0" + mark + directory + entries)

    shift = len(index([0] * len(others)))
    base, at, starts = 2 + 8, len(first) + shift, []
    for other in others:
        starts.append(at - base)
        at += len(other)
    return with_segments(first, index(starts)) + b"".join(others)
