"""Sends standard input to a server by libshout in its ICY mode. Arguments: host, port, password."""

import ctypes
import sys

ICY, MP3 = 2, 1

host, port, password = sys.argv[1:]
lib = ctypes.CDLL("libshout.so.3")
lib.shout_new.restype = ctypes.c_void_p
lib.shout_get_error.restype = ctypes.c_char_p
lib.shout_init()
shout = ctypes.c_void_p(lib.shout_new())


def do(name, *arguments):
    if getattr(lib, name)(shout, *arguments):
        sys.exit(f"{name}: {lib.shout_get_error(shout).decode()}")


do("shout_set_host", host.encode())
do("shout_set_port", ctypes.c_ushort(int(port)))
do("shout_set_password", password.encode())
do("shout_set_protocol", ICY)
do("shout_set_format", MP3)
do("shout_set_meta", b"name", b"Guest FM")
do("shout_open")
print("open", flush=True)
# (In this mode, its shout_set_metadata crashes before it has sent anything: libshout 2.4.6.)
while data := sys.stdin.buffer.read1(4096):
    do("shout_send", data, ctypes.c_size_t(len(data)))
do("shout_close")
