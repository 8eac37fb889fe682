// The commands of package.json: what each runs, what must be built before, and which Debian packages it needs.

/** A name with "|" stands for the first of the alternatives that the distribution knows. */
const network = ['iproute2', 'util-linux', 'nftables'];
const desktop = [
  'xvfb',
  'xauth',
  'dbus',
  'libgtk-3-0t64|libgtk-3-0',
  'libnss3',
  'libgbm1',
  'libasound2t64|libasound2',
];
/** A Secret Service without a desktop, and file systems for media. */
const keyStores = ['gnome-keyring', 'libsecret-1-0', 'dbus', 'dosfstools', 'e2fsprogs'];
const peers = [
  'strongswan',
  'strongswan-swanctl',
  'strongswan-pki',
  'libcharon-extra-plugins',
  'libcharon-extauth-plugins',
  'libstrongswan-standard-plugins',
  'libstrongswan-extra-plugins',
];

/** Windows' files are tried in Wine, with libraries built for them. */
const windows = ['gcc-mingw-w64-x86-64', 'wine64', 'wine'];

const cards = ['pcscd', 'vsmartcard-vpcd', 'libpcsclite1', 'opensc', 'softhsm2', 'gcc', 'libc6-dev'];

/** Built again when one of its sources is newer. */
const packetModule = {
  script: 'build/assembly.ts',
  sources: ['build/assembly.ts', 'main/engine/assembly', 'package-lock.json'],
  output: 'dist/packet.wasm',
};

const windowPages = {
  script: 'build/renderer.ts',
  sources: ['build/renderer.ts', 'renderer', 'main/tray/text', 'resources/translations', 'package-lock.json'],
  output: 'dist/renderer/index.html',
};

export const commands = {
  sealnic: { main: 'main/cli/sealnic.ts', before: [packetModule], systemPackages: [] },
  demo: { main: 'build/demo/main.ts', before: [packetModule], systemPackages: network },
  test: {
    main: 'build/test.ts',
    before: [packetModule, windowPages],
    systemPackages: [
      ...network,
      ...peers,
      ...desktop,
      ...keyStores,
      ...cards,
      ...windows,
      'tshark',
      'iputils-ping',
      'openssl',
      'python3',
      'mmdebstrap',
      'rpm',
    ],
  },
  'test:unit': { main: 'build/test-unit.ts', before: [packetModule], systemPackages: [] },
  check: { main: 'build/check.ts', before: [], systemPackages: [] },
  bench: {
    main: 'test/bench/main.ts',
    before: [packetModule],
    systemPackages: [
      ...network,
      ...peers,
      'iperf3',
      'iputils-ping',
      'openssl',
      'python3',
      'wireguard-go',
      'wireguard-tools',
      'openvpn',
    ],
  },
  start: {
    main: 'build/start.ts',
    before: [packetModule, windowPages],
    systemPackages: ['iproute2', 'nftables', ...desktop.slice(3)],
  },
  package: { main: 'build/package/main.ts', before: [packetModule, windowPages], systemPackages: [] },
  build: { main: 'build/bundle.ts', before: [packetModule, windowPages], systemPackages: [] },
};
