import { Fault } from '../../rotation/faults.ts';

export interface EndpointUrl {
  /** Scheme, host and port: what a pool connects to and what a message may show. */
  readonly origin: string;
  /** The endpoint's own path without a trailing slash; empty where it has none. */
  readonly prefix: string;
}

/** Takes an endpoint apart. `setting` names it in the `usage` fault; the text itself may hold a password. */
export function parseEndpointUrl(text: string, setting: string): EndpointUrl {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Fault('usage', 'BAD_ENDPOINT', `${setting} is not an http(s) URL`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Fault('usage', 'BAD_ENDPOINT', `${setting} must have no user, password, query or fragment`);
  }
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}
