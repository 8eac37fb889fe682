"""Tells LAPTOP that what it sent from PORT to GATEWAY was too big: too_big.py SOURCE LAPTOP PORT GATEWAY MTU."""
import ipaddress
import socket
import struct
import sys

source, laptop, port, gateway, mtu = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


udp = struct.pack("!HHHH", port, 4500, 1408, 0)
addresses = ipaddress.ip_address(laptop).packed + ipaddress.ip_address(gateway).packed
if ":" in gateway:
    quoted = struct.pack("!IHBB", 0x60000000, 1408, 17, 64) + addresses + udp
    message = struct.pack("!BBHI", 2, 0, 0, mtu) + quoted
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
else:
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 1428, 1, 0x4000, 64, 17, 0) + addresses + udp
    message = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.bind((source, 0))
raw.sendto(message, (laptop, 0))
