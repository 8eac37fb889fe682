// The names of ciphers, pseudo-random functions and groups as people write them. The same in every language.

const names: Readonly<Record<string, string>> = {
  'aes-256-gcm-16': 'AES-256-GCM',
  'aes-128-gcm-16': 'AES-128-GCM',
  'chacha20-poly1305': 'ChaCha20-Poly1305',
  'aes-256-cbc': 'AES-256-CBC',
  'aes-128-cbc': 'AES-128-CBC',
  'hmac-sha2-256': 'HMAC-SHA-256',
  'hmac-sha2-384': 'HMAC-SHA-384',
  'hmac-sha2-512': 'HMAC-SHA-512',
  'hmac-sha2-256-128': 'HMAC-SHA-256-128',
  curve25519: 'Curve25519',
  ecp256: 'NIST P-256',
  ecp384: 'NIST P-384',
  ecp521: 'NIST P-521',
  modp2048: 'MODP-2048',
  modp3072: 'MODP-3072',
};

/** "aes-256-gcm-16" is "AES-256-GCM"; a name that is not known stays as it is. */
export function algorithmName(name: string): string {
  return names[name] ?? name;
}

export interface ProposalNames {
  readonly cipher: string;
  readonly integrity: string | undefined;
  readonly pseudoRandomFunction: string | undefined;
  readonly keyExchange: string | undefined;
}

/** Takes "cipher / [integrity /] prf / group" apart, as the service writes it. */
export function proposalNames(proposal: string): ProposalNames {
  const parts = proposal.split('/').map((part) => algorithmName(part.trim()));
  const [cipher = proposal] = parts;
  return {
    cipher,
    integrity: parts.length > 3 ? parts[1] : undefined,
    pseudoRandomFunction: parts.length > 2 ? parts.at(-2) : undefined,
    keyExchange: parts.length > 1 ? parts.at(-1) : undefined,
  };
}
