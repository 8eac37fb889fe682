// What the benchmark asks of each thing that it compares, and the two computers between which all of them run.
import { type Lab, Lab as Laboratory, type Namespace } from '../../interop/lab/lab.ts';

export interface Contender {
  readonly name: string;
  /** Programs without which it cannot run. */
  readonly programs: readonly string[];
  /** Sets it up and connects it. */
  open(pair: Pair): Promise<OpenContender>;
}

export interface OpenContender {
  /** The server's address as the terminal reaches it through the tunnel. */
  readonly serverAddress: string;
  /** The processes whose CPU time counts, by what they are called in the report. */
  readonly processes: readonly { readonly label: string; readonly processId: number }[];
  /** Disconnects, so that `connect` can be timed; absent where there is nothing to connect. */
  disconnect?(): Promise<void>;
  /** Resolves when the request was handed over; the prober sees when the first packet is through. */
  connect?(): Promise<void>;
  /** What must end before the namespaces do. */
  close?(): Promise<void>;
}

/** Two computers on one link. The server has an inside address that is reachable through a tunnel only. */
export interface Pair {
  readonly lab: Lab;
  readonly terminal: Namespace;
  readonly server: Namespace;
  readonly terminalAddress: string;
  readonly serverAddress: string;
  readonly insideAddress: string;
  readonly insidePrefix: string;
}

export async function openPair(): Promise<Pair> {
  const lab = new Laboratory();
  const [terminal, server] = [await lab.namespace('terminal'), await lab.namespace('server')];
  await lab.link(
    { namespace: terminal, name: 'link', addresses: ['192.0.2.2/24'] },
    { namespace: server, name: 'wan', addresses: ['192.0.2.1/24'] },
  );
  await terminal.ip('route add default via 192.0.2.1');
  await server.ip(
    'link add name inside type bridge',
    'link set dev inside up',
    'addr add 10.1.0.1/16 dev inside',
  );
  await server.shell('echo 1 > /proc/sys/net/ipv4/ip_forward');
  await server.run(['nft', '-f', '-'], {
    input:
      'table ip bench { chain in { type filter hook prerouting priority -300; ' +
      'iifname "wan" ip daddr 10.1.0.0/16 drop; }; }\n',
  });
  return {
    lab,
    terminal,
    server,
    terminalAddress: '192.0.2.2',
    serverAddress: '192.0.2.1',
    insideAddress: '10.1.0.1',
    insidePrefix: '10.1.0.0/16',
  };
}
