import { Fault } from '../../rotation/faults.ts';
import { describeReply, type HttpReply } from './http-reply.ts';
import { parseJsonBody, type ReplySchema } from './json-body.ts';
import type { Peer } from './network-fault.ts';

/** The body of a success; a transient `BAD_REPLY` fault if it is not what `schema` says. */
export function parseReply<T>(schema: ReplySchema<T>, reply: HttpReply, peer: Peer): T {
  const parsed = parseJsonBody(schema, reply.body);
  if (parsed === null) throw createBadReplyFault(reply, peer);
  return parsed;
}

/** A success that says nothing we can use; it may be of a proxy, or cut, so it is worth another try. */
function createBadReplyFault(reply: HttpReply, peer: Peer): Fault {
  const message = `${peer.name} at ${peer.origin} answered HTTP ${reply.status} with a body that is not what it should be`;
  return new Fault('transient', 'BAD_REPLY', message, describeReply(reply));
}
