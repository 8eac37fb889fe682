# probe.py server ADDRESS: answers UDP 5010. probe.py client ADDRESS: sends every millisecond until an answer comes, then prints
# the monotonic time of it in nanoseconds.
import select, socket, sys, time

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[1] == "server":
    sock.bind((sys.argv[2], 5010))
    print("ready", flush=True)
    while True:
        data, peer = sock.recvfrom(100)
        try:
            sock.sendto(data, peer)
        except OSError:
            pass
else:
    end = time.monotonic() + 30
    print("probing", flush=True)
    while time.monotonic() < end:
        try:
            sock.sendto(b"?", (sys.argv[2], 5010))
        except OSError:
            pass
        if select.select([sock], [], [], 0.001)[0]:
            try:
                sock.recvfrom(100)
            except OSError:
                continue
            print("answered", time.monotonic_ns(), flush=True)
            sys.exit(0)
    sys.exit(1)
