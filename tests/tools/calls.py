"""A filter of the system's calls: what a process meets on a machine that refuses them."""

import ctypes
import errno
import platform
import sys

# By machine.
NUMBERS = {
    "socket": {"x86_64": 41, "aarch64": 198},
    "fsync": {"x86_64": 74, "aarch64": 82},
    "fdatasync": {"x86_64": 75, "aarch64": 83},
}
ENDS = 0x80000000
FAILS = 0x00050000 | errno.EIO
ALLOWED = 0x7FFF0000


class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]


def missing():
    """Why there is no such filter here; nothing where there is one."""
    if sys.platform != "linux" or platform.machine() not in NUMBERS["socket"]:
        return f"there is no filter of calls for {sys.platform} on {platform.machine()}"
    return ""


def refusing(names, outcome):
    """What a new process does first: from there on it has this outcome where it asks for one of these calls."""
    numbers = [NUMBERS[name][platform.machine()] for name in names]

    def refuse():
        # Load the call's number; is it one of them? Then the outcome behind the permission.
        rules = [Filter(0x20, 0, 0, 0)]
        rules += [Filter(0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
        rules += [Filter(0x06, 0, 0, ALLOWED), Filter(0x06, 0, 0, outcome)]
        libc = ctypes.CDLL(None, use_errno=True)
        program = Program(len(rules), (Filter * len(rules))(*rules))
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0):
            raise OSError(ctypes.get_errno(), "no filter of calls")

    return refuse
