"""Memory that a step gives back is kept for the next one."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Names of malloc.h (mallopt(3))."""


def keep_freed_memory() -> None:
    """Ask the C library to give no memory back to the system while this process lives; call once, before any work.

    glibc takes large blocks from the system and returns them as soon as they are free; when they are taken again, the
    system fills them with zeros, page by page. At 256 clips a step that was a third of the time of CP-Mobile's training
    on a CPU. Results do not change. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
