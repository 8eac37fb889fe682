# Numbered UDP datagrams both ways at a steady pace, so that every lost one is known by its number.
#   numbered.py server PORT
#   numbered.py client ADDRESS PORT PACKETS_PER_SECOND LENGTH   runs until its standard input closes, then prints JSON
# First byte of a datagram: N numbered (then 8 bytes of number), B begin, E end, R report (JSON).
import ipaddress, json, select, socket, struct, sys, time

FORCED_RECEIVE_BUFFER = 33  # SO_RCVBUFFORCE


def open_socket(family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, FORCED_RECEIVE_BUFFER, 16 << 20)
    s.setsockopt(socket.SOL_SOCKET, 32, 4 << 20)
    s.setblocking(False)
    return s


class Side:
    def __init__(self, sock):
        self.sock, self.seen, self.duplicates, self.sent = sock, set(), 0, 0
        self.refused = 0
        self.first_arrival, self.last_arrival, self.longest_gap, self.gap_at = 0, 0, 0, 0

    def take(self, data):
        number = struct.unpack_from("!Q", data, 1)[0]
        now = time.monotonic()
        if self.last_arrival and now - self.last_arrival > self.longest_gap:
            self.longest_gap, self.gap_at = now - self.last_arrival, self.last_arrival - self.first_arrival
        self.first_arrival = self.first_arrival or now
        self.last_arrival = now
        if number in self.seen:
            self.duplicates += 1
        self.seen.add(number)

    def missing(self, sent):
        """Ranges [first, last] of the numbers below `sent` that did not arrive."""
        ranges = []
        for number in range(sent):
            if number in self.seen:
                continue
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        return ranges

    def send_due(self, began, rate, length, destination):
        due = int((time.monotonic() - began) * rate)
        burst = 0
        while self.sent < due and burst < 16:
            payload = b"N" + struct.pack("!Q", self.sent) + bytes(length - 9)
            try:
                self.sock.sendto(payload, destination)
            except BlockingIOError:
                return
            except OSError:
                # The system refuses it (no route, fail closed): it counts as sent and lost.
                self.refused += 1
            self.sent += 1
            burst += 1


def server(port):
    sock = open_socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    print("ready", flush=True)
    side, client, began, rate, length = Side(sock), None, 0, 0, 0
    while True:
        select.select([sock], [], [], 0.0005 if client else 1)
        for _ in range(64):
            try:
                data, peer = sock.recvfrom(65536)
            except OSError:
                break
            if data[:1] == b"N":
                side.take(data)
            elif data[:1] == b"B":
                wanted = json.loads(data[1:])
                if client != peer:
                    side, client, began = Side(sock), peer, time.monotonic()
                    rate, length = wanted["rate"], wanted["length"]
                sock.sendto(b"B", peer)
            elif data[:1] == b"E":
                client = None
                sock.sendto(b"E" + json.dumps({"sent": side.sent}).encode(), peer)
            elif data[:1] == b"R":
                sent = json.loads(data[1:])["sent"]
                missing = side.missing(sent)
                report = {"received": len(side.seen), "duplicates": side.duplicates, "missing": missing[:20],
                          "lost": sum(last - first + 1 for first, last in missing),
                          "longestGapMilliseconds": round(side.longest_gap * 1000, 1),
                          "gapAtSeconds": round(side.gap_at, 3)}
                sock.sendto(b"R" + json.dumps(report).encode(), peer)
        if client:
            side.send_due(began, rate, length, client)


def client(address, port, rate, length):
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    sock = open_socket(family)
    destination = (address, port)
    side = Side(sock)

    def receive(kind):
        answer = None
        for _ in range(64):
            try:
                data = sock.recv(65536)
            except OSError:
                break
            if data[:1] == b"N":
                side.take(data)
            elif data[:1] == kind:
                answer = data[1:]
        return answer

    def ask(kind, body, limit):
        end, next_try, wanted = time.monotonic() + limit, 0, json.dumps(body).encode()
        while time.monotonic() < end:
            if time.monotonic() >= next_try:
                next_try = time.monotonic() + 0.2
                try:
                    sock.sendto(kind + wanted, destination)
                except OSError:
                    pass
            select.select([sock], [], [], 0.01)
            answer = receive(kind)
            if answer is not None:
                return answer
        print(json.dumps({"error": "no answer to " + kind.decode()}), flush=True)
        sys.exit(1)

    ask(b"B", {"rate": rate, "length": length}, 10)
    print("begun", flush=True)
    began = time.monotonic()
    while True:
        readable, _, _ = select.select([sock, sys.stdin], [], [], 0.0005)
        receive(b"-")
        if sys.stdin in readable and not sys.stdin.read(1):
            break
        side.send_due(began, rate, length, destination)
    lasted = time.monotonic() - began
    peer_sent = json.loads(ask(b"E", {}, 10))["sent"]
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        select.select([sock], [], [], 0.01)
        receive(b"-")
    peer = json.loads(ask(b"R", {"sent": side.sent}, 10))
    missing = side.missing(peer_sent)
    print(json.dumps({
        "seconds": round(lasted, 3), "sent": side.sent, "peerSent": peer_sent, "refused": side.refused,
        "outbound": peer,
        "inbound": {"received": len(side.seen), "duplicates": side.duplicates, "missing": missing[:20],
                    "lost": sum(last - first + 1 for first, last in missing),
                    "longestGapMilliseconds": round(side.longest_gap * 1000, 1),
                    "gapAtSeconds": round(side.gap_at, 3)},
    }), flush=True)


if sys.argv[1] == "server":
    server(int(sys.argv[2]))
else:
    client(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
