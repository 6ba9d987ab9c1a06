import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * How a link behaves. `blackhole`: open connections stay open and nothing comes through, new ones are taken
 * and never answered. `reset`: every connection, open or new, is reset. `dropReplies`: what is sent arrives,
 * and no answer comes back. `delay`: each piece arrives 300 ms later. `hold`: what
 * connections that are open now carry arrives when the link passes again; new ones pass.
 */
export type LinkMode = 'pass' | 'blackhole' | 'reset' | 'dropReplies' | 'delay' | 'hold';

const delayMs = 300;

/** A TCP proxy between keyturn and one of its peers. */
export interface FaultProxy {
  readonly port: number;
  /** Holds from now on, also for open connections. What a blackhole swallowed does not come back. */
  setMode(mode: LinkMode): void;
  /** Pieces that a link in `hold` has kept back. */
  held(): number;
  close(): Promise<void>;
}

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const links = new Set<Socket>();
  /** Connections that have lost bytes: after the fault nothing sensible can come over them. */
  const holed = new Set<Socket>();
  const held: (() => void)[] = [];
  const onHold = new WeakSet<Socket>();
  let mode: LinkMode = 'pass';

  function join(from: Socket, to: Socket, isReply: boolean): void {
    let underWay = 0;
    /** In order: delays of equal length end in the order of their start, and nothing overtakes them. */
    function inOrder(step: () => void): void {
      if (mode === 'hold' && onHold.has(from)) return void held.push(step);
      if (mode !== 'delay' && underWay === 0) return step();
      underWay += 1;
      setTimeout(() => {
        underWay -= 1;
        step();
      }, delayMs);
    }
    from.on('data', (piece: Buffer) => {
      if (mode === 'blackhole' || (mode === 'dropReplies' && isReply)) holed.add(from).add(to);
      else inOrder(() => to.write(piece));
    });
    from.on('error', () => undefined);
    from.once('close', () => {
      links.delete(from);
      holed.delete(from);
      // Nor does a goodbye come through a blackhole.
      if (mode === 'blackhole') holed.add(to);
      else inOrder(() => to.destroy());
    });
  }

  const server = createServer((client) => {
    if (mode === 'reset') return void client.resetAndDestroy();
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) links.add(socket.setNoDelay());
    join(client, target, false);
    join(target, client, true);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return {
    port: address.port,
    setMode(next) {
      mode = next;
      if (mode === 'hold') for (const socket of links) onHold.add(socket);
      if (mode === 'pass') for (const step of held.splice(0)) step();
      for (const socket of next === 'reset' ? links : next === 'pass' ? holed : []) socket.resetAndDestroy();
    },
    held: () => held.length,
    async close() {
      for (const socket of links) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
