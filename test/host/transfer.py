"""Sends or takes bytes: transfer.py send|receive ADDRESS PORT BYTES. The receiver prints what it got as SHA-256."""
import hashlib
import socket
import sys

direction, address, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
data = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(65536)) * (size // 65536)

if direction == "send":
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect((address, port))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    print(hashlib.sha256(data).hexdigest())
else:
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        print("ready", flush=True)
        listener.settimeout(20)
        connection, _ = listener.accept()
        digest = hashlib.sha256()
        while chunk := connection.recv(1 << 20):
            digest.update(chunk)
        connection.close()
    print(digest.hexdigest())
