// GUIDs as Windows writes them: struct GUID, 16 bytes, whose first three fields (32, 16 and 16 bits) are little-endian.

/** "{8F0E4F5B-1B7C-4D0A-9A5B-6C2F3D1E7A94}" of struct GUID, 16 bytes. */
export function formatGuid(guid: Uint8Array): string {
  const [one, two, three] = [guid.slice(0, 4), guid.slice(4, 6), guid.slice(6, 8)].map((part) =>
    Buffer.from(part.reverse()).toString('hex'),
  );
  const last = Buffer.from(guid.slice(8)).toString('hex');
  return `{${one}-${two}-${three}-${last.slice(0, 4)}-${last.slice(4)}}`.toUpperCase();
}

/** Throws RangeError for another text. */
export function parseGuid(text: string): Uint8Array {
  if (!/^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/i.test(text))
    throw new RangeError(`"${text}" is no GUID.`);
  const bytes = Buffer.from(text.replace(/[{}-]/g, ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
