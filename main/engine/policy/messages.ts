// What the filter tells about rows, as codes with parameters. Clients put words to them (resources/translations).

/** Why a row cannot be used. */
export type RowProblem =
  | { readonly code: 'protocol-unknown'; readonly text: string }
  | { readonly code: 'any-stands-alone' }
  /** A name in the row stands for nothing at present: the link is down, the gateway is not resolved. */
  | { readonly code: 'no-address-now'; readonly text: string }
  | { readonly code: 'prefix-bits'; readonly text: string }
  | { readonly code: 'address-unknown'; readonly text: string; readonly names: string }
  | { readonly code: 'ip-versions-differ' }
  | { readonly code: 'icmp-is-ipv4' }
  | { readonly code: 'icmpv6-is-ipv6' }
  | { readonly code: 'inbound-needs-bypass' }
  | { readonly code: 'profile-needs-protect'; readonly action: string }
  | { readonly code: 'icmp-without-source-ports' }
  | { readonly code: 'ports-need-protocol' }
  | { readonly code: 'port-invalid'; readonly text: string }
  | { readonly code: 'icmp-type-invalid'; readonly text: string }
  | { readonly code: 'protect-needs-profile' }
  | { readonly code: 'protecting-profile-unknown'; readonly profile: string };

/** Why a row, or a default, decides about a packet. */
export type DecisionReason =
  | { readonly code: 'row-fits' }
  | { readonly code: 'default-inside-decides'; readonly address: string }
  | { readonly code: 'default-outside-decides'; readonly address: string };

/** The first thing of a packet that is not what a row asks for. */
export type RowDifference =
  | { readonly code: 'protocol-differs'; readonly found: string; readonly wanted: string }
  | { readonly code: 'source-differs'; readonly found: string; readonly wanted: string }
  | { readonly code: 'destination-differs'; readonly found: string; readonly wanted: string }
  | { readonly code: 'source-port-differs'; readonly found: number; readonly wanted: string }
  | { readonly code: 'destination-port-differs'; readonly found: number; readonly wanted: string }
  | { readonly code: 'icmp-type-differs'; readonly found: string }
  | { readonly code: 'packet-without-ports'; readonly wanted: string };
