import { createPublicKey } from 'node:crypto';
import { Fault } from '../../rotation/faults.ts';
import type { ObservedCall } from './crypto-service.ts';
import { maxIdLength } from './resource-id.ts';
import type { ServiceAccountKey } from './service-account-key.ts';

export interface EmulatorOptions {
  /** 0 = a free one. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Ids of keys that are made if absent, as AES_256. */
  keys: readonly string[];
  /** The IAM token that is accepted besides those the emulator issues; random if absent. */
  token?: string;
  /** Public keys of service accounts whose JWTs are exchanged for IAM tokens. */
  serviceAccountKeys?: readonly ServiceAccountKey[];
  /** Where keys are kept; without it, in memory only. The file holds key material. */
  stateFile?: string;
  /** Calls of the data plane in any window of one second; no limit if absent. */
  quota?: number;
  /** Added to every call of the data plane. */
  latencyMs?: number;
  /** The share of calls of the data plane that fail, 0 to 1. */
  failRate?: number;
  /** How long the data plane goes on with the old primary version after a change of it. */
  primaryLagMs?: number;
  /** Of issued tokens; default 3600. */
  tokenLifetimeSeconds?: number;
  /** Told of every call of the data plane just before its answer goes out. */
  onCall?: (call: ObservedCall) => void;
  /** Epoch milliseconds. */
  now?: () => number;
  /** 0 to 1, as Math.random. */
  random?: () => number;
}

/** Throws a usage `Fault` that says which option is wrong. */
export function checkOptions(options: EmulatorOptions): void {
  const { port, keys, token, serviceAccountKeys = [], quota = 1, failRate = 0 } = options;
  const { latencyMs = 0, primaryLagMs = 0, tokenLifetimeSeconds = 1 } = options;
  const rules: readonly (readonly [boolean, string])[] = [
    [Number.isInteger(port) && port >= 0 && port <= 65_535, 'the port must be from 0 to 65535'],
    [
      keys.every((id) => id.length >= 1 && id.length <= maxIdLength),
      `a key id must have 1 to ${maxIdLength} characters`,
    ],
    // Nothing else can stand in an Authorization header.
    [
      token === undefined || /^[!-~]+$/.test(token),
      'the token must be of visible ASCII characters, without spaces',
    ],
    [
      serviceAccountKeys.every(({ public_key }) => isRsaKey(public_key)),
      'the public key of a service account must be an RSA key in PEM',
    ],
    [Number.isInteger(quota) && quota >= 1, 'the quota must be a whole number of calls, 1 or more'],
    [failRate >= 0 && failRate <= 1, 'the fail rate must be from 0 to 1'],
    [isDuration(latencyMs), 'the latency must be 0 ms or more'],
    [isDuration(primaryLagMs), 'the lag of the primary must be 0 ms or more'],
    [isDuration(tokenLifetimeSeconds), 'the lifetime of tokens must be 0 s or more'],
  ];
  const broken = rules.find(([holds]) => !holds);
  if (broken !== undefined) throw new Fault('usage', 'BAD_OPTION', `KMS emulator: ${broken[1]}`);
}

function isDuration(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function isRsaKey(pem: string): boolean {
  try {
    return createPublicKey(pem).asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}
