// The answer of a DNS server that knows one name and its IPv4 address (RFC 1035 section 4).

const headerBytes = 12;
const typeA = 1;
const classInternet = 1;

/** undefined for what is not a query with one question. Other names get NXDOMAIN, other types no records. */
export function answerQuery(query: Uint8Array, name: string, address: string): Buffer | undefined {
  const message = Buffer.from(query);
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1 || (message[2]! & 0x80) !== 0)
    return undefined;
  const question = readName(message, headerBytes);
  if (question === undefined || question.end + 4 > message.length) return undefined;
  const known = question.name.toLowerCase() === name;
  const wanted =
    known &&
    message.readUInt16BE(question.end) === typeA &&
    message.readUInt16BE(question.end + 2) === classInternet;
  const head = Buffer.from(message.subarray(0, question.end + 4));
  head.writeUInt16BE(0x8580 | (known ? 0 : 3), 2); // answer, authoritative, recursion as if available
  head.writeUInt16BE(wanted ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  return wanted ? Buffer.concat([head, record(address)]) : head;
}

/** The name by a pointer to the question, type, class, 60 seconds to live, length and address. */
function record(address: string): Buffer {
  const bytes = Buffer.from([0xc0, headerBytes, 0, typeA, 0, classInternet, 0, 0, 0, 60, 0, 4, 0, 0, 0, 0]);
  bytes.set(address.split('.').map(Number), 12);
  return bytes;
}

function readName(message: Buffer, start: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let offset = start;
  while (offset < message.length) {
    const length = message[offset]!;
    if (length === 0) return { name: labels.join('.'), end: offset + 1 };
    if (length > 63) return undefined;
    labels.push(message.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  return undefined;
}
