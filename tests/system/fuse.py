# SPDX-License-Identifier: GPL-2.0-or-later
"""A file system of user space with files that can be read and executed: what a server of it has to
answer at the least (include/uapi/linux/fuse.h)."""

import contextlib
import ctypes
import errno
import os
import signal
import stat
import struct

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, OPENDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET, STATFS = \
    1, 2, 3, 14, 15, 18, 25, 26, 27, 29, 36, 42, 17
HEADER = struct.Struct('<IIQQIIIHH')
ROOT = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def attributes(node, size):
    mode, links = (stat.S_IFDIR | 0o755, 2) if node == ROOT else (stat.S_IFREG | 0o755, 1)
    return struct.pack('<6Q10I', node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0,
                       4096, 0)


def answer(files, opcode, node, body):
    """The reply's body, None for what has no reply, or an errno."""
    names = list(files)
    content = files[names[node - ROOT - 1]] if node > ROOT else b''
    if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
        return None
    if opcode == INIT:
        return struct.pack('<IIIIHHIIHH', 7, 31, 1 << 16, 0, 16, 8, 1 << 16, 1, 16, 0) + bytes(32)
    if opcode == LOOKUP:
        name = body.rstrip(b'\0').decode()
        if name not in files:
            return errno.ENOENT
        found = ROOT + 1 + names.index(name)
        return struct.pack('<QQQQII', found, 0, 60, 60, 0, 0) + attributes(found, len(files[name]))
    if opcode == GETATTR:
        return struct.pack('<QII', 60, 0, 0) + attributes(node, len(content))
    if opcode in (OPEN, OPENDIR):
        return bytes(16)
    if opcode == READ:
        offset, size = struct.unpack_from('<QI', body, 8)
        return content[offset:offset + size]
    if opcode == STATFS:
        return bytes(80)
    return b'' if opcode in (RELEASE, FLUSH, RELEASEDIR) else errno.ENOSYS


def serve(device, files):
    with contextlib.suppress(OSError):  # it was unmounted
        while True:
            request = os.read(device, 1 << 18)
            _, opcode, unique, node = HEADER.unpack_from(request)[:4]
            reply = answer(files, opcode, node, request[HEADER.size:])
            if reply is None:
                continue
            error, reply = (-reply, b'') if isinstance(reply, int) else (0, reply)
            os.write(device, struct.pack('<IiQ', 16 + len(reply), error, unique) + reply)


@contextlib.contextmanager
def mounted(where, files):
    """{name: bytes} in a directory."""
    device = os.open('/dev/fuse', os.O_RDWR | os.O_CLOEXEC)
    options = f'fd={device},rootmode=40755,user_id=0,group_id=0,allow_other'
    if LIBC.mount(b'test', str(where).encode(), b'fuse', 0, options.encode()) < 0:
        os.close(device)
        raise OSError(ctypes.get_errno(), 'cannot mount a file system of user space')
    # A process of its own: where a program is started with vfork(), we stand still until the kernel has
    # read it.
    server = os.fork()
    if not server:
        try:
            serve(device, files)
        finally:
            os._exit(0)
    os.close(device)
    try:
        yield where
    finally:
        LIBC.umount2(str(where).encode(), 2)
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
