// IANA's IKEv2 numbers that this engine speaks (registry "Internet Key Exchange Version 2 (IKEv2) Parameters").

export const exchangeType = {
  ikeSaInit: 34,
  ikeAuth: 35,
  createChildSa: 36,
  informational: 37,
} as const;

export const payloadType = {
  none: 0,
  securityAssociation: 33,
  keyExchange: 34,
  identityInitiator: 35,
  identityResponder: 36,
  certificate: 37,
  certificateRequest: 38,
  authentication: 39,
  nonce: 40,
  notify: 41,
  delete: 42,
  vendorId: 43,
  selectorsInitiator: 44,
  selectorsResponder: 45,
  encrypted: 46,
  configuration: 47,
  extensibleAuthentication: 48,
  encryptedFragment: 53,
} as const;

export const notifyType = {
  unsupportedCriticalPayload: 1,
  invalidIkeSpi: 4,
  invalidMajorVersion: 5,
  invalidSyntax: 7,
  invalidMessageId: 9,
  invalidSpi: 11,
  noProposalChosen: 14,
  invalidKePayload: 17,
  authenticationFailed: 24,
  singlePairRequired: 34,
  noAdditionalSas: 35,
  internalAddressFailure: 36,
  failedCpRequired: 37,
  tsUnacceptable: 38,
  invalidSelectors: 39,
  temporaryFailure: 43,
  childSaNotFound: 44,
  /** From here on notifies tell a status and are no errors. */
  firstStatus: 16384,
  initialContact: 16384,
  natDetectionSourceIp: 16388,
  natDetectionDestinationIp: 16389,
  cookie: 16390,
  useTransportMode: 16391,
  rekeySa: 16393,
  espTfcPaddingNotSupported: 16394,
  nonFirstFragmentsAlso: 16395,
  fragmentationSupported: 16430,
  signatureHashAlgorithms: 16431,
} as const;

const notifyNames = new Map<number, string>([
  [1, 'UNSUPPORTED_CRITICAL_PAYLOAD'],
  [4, 'INVALID_IKE_SPI'],
  [5, 'INVALID_MAJOR_VERSION'],
  [7, 'INVALID_SYNTAX'],
  [9, 'INVALID_MESSAGE_ID'],
  [11, 'INVALID_SPI'],
  [14, 'NO_PROPOSAL_CHOSEN'],
  [17, 'INVALID_KE_PAYLOAD'],
  [24, 'AUTHENTICATION_FAILED'],
  [34, 'SINGLE_PAIR_REQUIRED'],
  [35, 'NO_ADDITIONAL_SAS'],
  [36, 'INTERNAL_ADDRESS_FAILURE'],
  [37, 'FAILED_CP_REQUIRED'],
  [38, 'TS_UNACCEPTABLE'],
  [39, 'INVALID_SELECTORS'],
  [43, 'TEMPORARY_FAILURE'],
  [44, 'CHILD_SA_NOT_FOUND'],
]);

/** The registry's name of a notify, or "NOTIFY_<number>". */
export function notifyName(type: number): string {
  return notifyNames.get(type) ?? `NOTIFY_${type}`;
}

export const protocolId = { none: 0, ike: 1, esp: 3 } as const;

export const identityType = {
  ipv4: 1,
  fqdn: 2,
  email: 3,
  ipv6: 5,
  distinguishedName: 9,
  keyId: 11,
} as const;

export const authenticationMethod = {
  rsaSignature: 1,
  sharedKey: 2,
  ecdsaP256: 9,
  digitalSignature: 14,
} as const;

export const certificateEncoding = { x509Signature: 4 } as const;

/** RFC 7427 section 7. */
export const signatureHash = { sha1: 1, sha256: 2, sha384: 3, sha512: 4 } as const;

export const configurationType = { request: 1, reply: 2, set: 3, acknowledge: 4 } as const;

export const configurationAttribute = {
  internalIp4Address: 1,
  internalIp4Netmask: 2,
  internalIp4Dns: 3,
  internalIp6Address: 8,
  internalIp6Dns: 10,
  internalIp4Subnet: 13,
  internalIp6Subnet: 15,
} as const;
