"""The Linux end of the stand-in wintun.dll: bridge.py DEVICE PORT carries packets between a new TUN device and UDP on
loopback, one packet a datagram, from PORT + 1 to PORT. Until it is killed."""
import fcntl
import os
import select
import socket
import struct
import sys

name, port = sys.argv[1], int(sys.argv[2])
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", port + 1))
print("ready", flush=True)
while True:
    readable, _, _ = select.select([tun, datagrams], [], [])
    if tun in readable:
        datagrams.sendto(os.read(tun, 65535), ("127.0.0.1", port))
    if datagrams in readable:
        try:
            os.write(tun, datagrams.recv(65535))
        except OSError:
            pass  # nobody listens yet, or no IP packet
