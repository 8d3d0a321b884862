"""What reading one photo may take, whatever its file says.

A header of a few bytes can ask for gigabytes and hours. So what a decoder would take is reckoned from the header (see
`costs`), and what is above these limits is not begun. They are far above what cameras and editors write; what they
were measured on and what they refuse is in docs/decisions/0116.
"""

from __future__ import annotations

# The largest phone originals (200-megapixel JPEG, motion photos) are below 150 MB; what is larger with the first bytes
# of a JPEG is a disk image or a trap, and would be read into memory whole.
MAX_FILE_BYTES = 1 << 29

# The largest phone sensors have 200 megapixels. Of 300, a JPEG that is scaled while it is decoded takes 60 MB.
MAX_MEGAPIXELS = 300

MAX_MEMORY_BYTES = 1_000_000_000
"""That reading one photo may take at once, its file included."""
MAX_SECONDS = 4.5
"""Of processor time by the reckoning of `costs`, which is that of a common server core."""

# A JPEG has room for 64 KB. Others have no limit, and every copy of an EXIF block takes as much again.
MAX_EXIF_BYTES = 4 * 1024 * 1024
# The largest of common printing conditions have 2.7 MB.
MAX_PROFILE_BYTES = 8 * 1024 * 1024


class ExcessError(Exception):
    """A photo that would take more than it may; the message is the reason, one line for a person."""
