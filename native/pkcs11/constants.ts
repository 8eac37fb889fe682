// The numbers of PKCS#11 2.40 that we use, by the standard's names in our spelling.

export const returnValue = {
  ok: 0x0,
  noLibrary: -1,
  hostMemory: 0x2,
  slotIdInvalid: 0x3,
  argumentsBad: 0x7,
  noEvent: 0x8,
  attributeSensitive: 0x11,
  attributeTypeInvalid: 0x12,
  attributeValueInvalid: 0x13,
  deviceError: 0x30,
  deviceMemory: 0x31,
  deviceRemoved: 0x32,
  functionCanceled: 0x50,
  functionNotSupported: 0x54,
  keyHandleInvalid: 0x60,
  keySizeRange: 0x62,
  keyTypeInconsistent: 0x63,
  keyFunctionNotPermitted: 0x68,
  mechanismInvalid: 0x70,
  mechanismParamInvalid: 0x71,
  pinIncorrect: 0xa0,
  pinInvalid: 0xa1,
  pinLenRange: 0xa2,
  pinExpired: 0xa3,
  pinLocked: 0xa4,
  sessionClosed: 0xb0,
  sessionHandleInvalid: 0xb3,
  templateInconsistent: 0xd1,
  tokenNotPresent: 0xe0,
  tokenNotRecognized: 0xe1,
  tokenWriteProtected: 0xe2,
  userAlreadyLoggedIn: 0x100,
  userNotLoggedIn: 0x101,
  userPinNotInitialized: 0x102,
  domainParamsInvalid: 0x130,
  bufferTooSmall: 0x150,
  cryptokiAlreadyInitialized: 0x191,
} as const;

export const slotFlag = { tokenPresent: 0x1 } as const;

export const tokenFlag = {
  writeProtected: 0x2,
  loginRequired: 0x4,
  userPinInitialized: 0x8,
  protectedAuthenticationPath: 0x100,
  tokenInitialized: 0x400,
  userPinCountLow: 0x1_0000,
  userPinFinalTry: 0x2_0000,
  userPinLocked: 0x4_0000,
  soPinFinalTry: 0x20_0000,
  soPinLocked: 0x40_0000,
} as const;

export const sessionFlag = { readWrite: 0x2, serial: 0x4 } as const;
export const userType = { securityOfficer: 0, user: 1, contextSpecific: 2 } as const;
export const objectClass = { data: 0, certificate: 1, publicKey: 2, privateKey: 3, secretKey: 4 } as const;
export const certificateType = { x509: 0 } as const;
export const keyType = { rsa: 0x0, ec: 0x3, genericSecret: 0x10 } as const;

export const attribute = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  application: 0x10,
  value: 0x11,
  certificateType: 0x80,
  keyType: 0x100,
  subject: 0x101,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  sign: 0x108,
  verify: 0x10a,
  derive: 0x10c,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  valueLength: 0x161,
  extractable: 0x162,
  ecParameters: 0x180,
  ecPoint: 0x181,
  alwaysAuthenticate: 0x202,
} as const;

export const mechanism = {
  rsaKeyPairGeneration: 0x0,
  rsaPkcs: 0x1,
  rsaX509: 0x3,
  rsaOaep: 0x9,
  rsaPss: 0xd,
  sha1: 0x220,
  sha256: 0x250,
  sha384: 0x260,
  sha512: 0x270,
  ecKeyPairGeneration: 0x1040,
  ecdsa: 0x1041,
  ecdh1Derive: 0x1050,
} as const;

/** CKG_MGF1_…, by the hash's mechanism. */
export const maskGeneration: ReadonlyMap<number, number> = new Map([
  [mechanism.sha1, 1],
  [mechanism.sha256, 2],
  [mechanism.sha384, 3],
  [mechanism.sha512, 4],
]);

/** CKZ_DATA_SPECIFIED, CKD_NULL. */
export const dataSpecified = 1;
export const noKeyDerivation = 1;
