"""Sends small UDP packets to argv[1] at argv[2] packets a second until it is ended: a burst each millisecond."""

import socket
import sys
import time

destination, packets_per_second = sys.argv[1], int(sys.argv[2])
payload = bytes(32)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((destination, 9))
send = sender.send
began = time.monotonic()
sent = 0
while True:
    due = int((time.monotonic() - began) * packets_per_second)
    if due - sent > packets_per_second // 10:
        # The computer is too busy for the rate: what was missed is not made up for in one burst.
        sent = due - packets_per_second // 100
    for _ in range(due - sent):
        try:
            send(payload)
        except OSError:
            pass
    sent = due
    time.sleep(0.001)
