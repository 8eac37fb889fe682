// Every way in which a packet ends other than by being delivered. Each reason has one counter, in this order.

/** Why a packet was dropped. The position in this list is the counter's index; append only. */
export const dropReasons = [
  // outbound and inbound: the packet itself
  'malformed', // headers do not parse (RFC 791, 8200)
  'fragment-without-first', // a fragment whose first fragment was not seen, where a port row could match
  'fragment-table-full',
  // outbound
  'policy-discard', // a DISCARD row, or the default, decided
  'hold-queue-full', // waiting for an SA, and the bounded queue was full
  'agreement-failed', // held packets when the agreement failed, or packets during its back-off
  'too-big', // DF set (or IPv6) and larger than the tunnel carries; answered by ICMP
  'sequence-exhausted', // the outbound SA's sequence numbers are used up
  'sa-expired', // hard lifetime reached
  'no-bypass-link', // BYPASS decided, but no link leads there
  'send-failed', // the system refused the datagram
  // inbound ESP
  'unknown-spi',
  'early-queue-full', // ESP for an SPI still in agreement, and the bounded queue was full
  'bad-length', // shorter than an ESP packet can be, or not aligned
  'bad-icv',
  'replayed',
  'selector-mismatch', // inner packet outside the SA's selectors
  'inbound-policy', // inner packet that the filter does not say PROTECT for
  // inbound in the clear
  'should-have-been-protected',
  'unsolicited', // belongs to no flow and no row allows it
  'adapter-refused', // the adapter did not take the packet
  'ike-flood', // more IKE datagrams than the control side is given
] as const;

export type DropReason = (typeof dropReasons)[number];

/** Index of a reason in the counters. */
export const dropReasonIndex = Object.fromEntries(
  dropReasons.map((reason, index) => [reason, index]),
) as Record<DropReason, number>;
