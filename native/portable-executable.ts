// Which processor a Windows library was built for, read off its header before it is loaded.

/** IMAGE_FILE_HEADER.Machine as Node's names of architectures. */
const machines: Readonly<Record<number, string>> = {
  332: 'ia32',
  452: 'arm',
  34404: 'x64',
  43620: 'arm64',
};

/**
 * The architecture as in `process.arch`, "machine 0x…" for one that has no name there; undefined where the bytes are no
 * Windows library. Layout: "MZ", at 0x3c the offset of "PE\0\0", 16 bits of machine behind that.
 */
export function libraryArchitecture(file: Uint8Array): string | undefined {
  if (file.length < 0x40) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint16(0, true) !== 0x5a4d) return undefined;
  const header = view.getUint32(0x3c, true);
  if (header + 6 > file.length || view.getUint32(header, true) !== 0x4550) return undefined;
  const machine = view.getUint16(header + 4, true);
  return machines[machine] ?? `machine 0x${machine.toString(16)}`;
}
