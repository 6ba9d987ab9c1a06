import { randomBytes } from 'node:crypto';

/** Any run of this many characters of a secret, in whatever encoding, is found. */
const fragmentLength = 12;

/** Secrets that must not come out anywhere, and the search for them in what did come out. */
export interface Hunt {
  /** `secret` must be nowhere: not as it is, nor as hex, base64 or percent-encoded. */
  hide<T extends string | Uint8Array>(name: string, secret: T): T;
  /** Takes in what came out at a place. */
  see(place: string, output: string | Uint8Array): void;
  /** All that came out at places of this name, to prove that the hunt looks where something is. */
  seen(place: string): string;
  /** Where a fragment of which secret came out; empty if none did. */
  found(): string[];
}

/** A secret that cannot be there by chance. Like real ones it holds characters that encodings differ in. */
export function makeCanary(): string {
  const random = (): string => randomBytes(9).toString('base64url');
  return `${random()}é${random()}/${random()}@:${random()}+${random()}`;
}

export function startHunt(): Hunt {
  const fragments = new Map<string, string>();
  const outputs: { place: string; text: string }[] = [];

  return {
    hide(name, secret) {
      for (const [form, text] of formsOf(secret)) {
        for (let at = 0; at + fragmentLength <= text.length; at += 1) {
          const fragment = text.slice(at, at + fragmentLength);
          if (!fragments.has(fragment)) fragments.set(fragment, `${name} as ${form}`);
        }
      }
      return secret;
    },
    see(place, output) {
      outputs.push({ place, text: toLatin1(output) });
    },
    seen: (place) =>
      outputs
        .filter((output) => output.place === place)
        .map(({ text }) => text)
        .join('\n'),
    found() {
      const findings = new Set<string>();
      for (const { place, text } of outputs) {
        for (let at = 0; at + fragmentLength <= text.length; at += 1) {
          const secret = fragments.get(text.slice(at, at + fragmentLength));
          if (secret === undefined) continue;
          const context = text.slice(Math.max(0, at - 60), at + fragmentLength);
          findings.add(`${secret} in ${place}: …${context}…`);
          // The rest of this secret would only be more of the same.
          at += 200;
        }
      }
      return [...findings];
    },
  };
}

/** All is searched byte by byte, so that text and binary columns need no different hunts. */
function toLatin1(value: string | Uint8Array): string {
  return Buffer.from(value).toString('latin1');
}

function formsOf(secret: string | Uint8Array): (readonly [form: string, text: string])[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const forms: (readonly [string, string])[] = [
    ['it is', toLatin1(secret)],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
  ];
  if (typeof secret === 'string') {
    forms.push(['URL part', encodeURIComponent(secret)]);
    forms.push(['form field', new URLSearchParams({ '': secret }).toString().slice(1)]);
    forms.push(['JSON', JSON.stringify(secret).slice(1, -1)]);
  }
  // In a longer text the secret may begin at any of the three places of a base64 group.
  for (const shift of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(shift), bytes]);
    const whole = shifted.subarray(0, shifted.length - (shifted.length % 3));
    for (const alphabet of ['base64', 'base64url'] as const)
      forms.push([alphabet, whole.toString(alphabet).slice(shift === 0 ? 0 : 4)]);
  }
  return forms;
}
