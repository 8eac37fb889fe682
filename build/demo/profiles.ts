// The two profiles of the demo, as a person would write them.
export const officeAddress = '10.20.0.10';
export const officeNetwork = '10.20.0.0/24';
export const secretName = 'demo';

export const laptopProfile = `# What the laptop knows: where the gateway is, who it is, what is protected.
networks = ["${officeNetwork}"]

[gateway]
address = "192.0.2.1"
identity = "gateway.office.test"

[local]
identity = "laptop@office.test"

[authentication]
method = "psk"
secret = "${secretName}"

[[filter]]
action = "DISCARD"
destination = "${officeNetwork}"
protocol = "tcp"
destination_ports = "25"
note = "no mail past the mail server"
`;

export const gatewayProfile = `# What the gateway knows: who it is, which network lies behind it, which addresses it gives out.
role = "gateway"

[local]
identity = "gateway.office.test"

[authentication]
method = "psk"
secret = "${secretName}"

[responder]
pool4 = "10.99.0.0/24"
dns = ["${officeAddress}"]
networks = ["${officeNetwork}"]
`;
