import { Fault, type FaultClass } from '../../rotation/faults.ts';

const checkRecord = 'check source.keyId and source.aadContext, or the value is damaged';
export const cannotOpen = `Vault cannot open the ciphertext; ${checkRecord}`;

/**
 * What Vault and OpenBao say of one item of a batch (sdk/helper/keysutil/policy.go, transit/path_rewrap.go).
 * The first row that fits counts. What is wrong with the pin or the key is so for every record, so it stops
 * the rotation.
 */
const rows: readonly (readonly [words: RegExp, FaultClass, code: string, message: string])[] = [
  [
    /^requested version for encryption/,
    'rotation',
    'VERSION_NOT_USABLE',
    'Vault encrypts under the target version no more; check min_encryption_version of the key',
  ],
  [
    /not supported for key type|soft-deleted/,
    'rotation',
    'KEY_NOT_USABLE',
    'Vault can encrypt and decrypt nothing with the key; check its type and state',
  ],
  [
    /too old|no such key version/,
    'record',
    'VERSION_NOT_USABLE',
    'Vault decrypts this key version no more; lower min_decryption_version of the key until all is rotated',
  ],
  [
    /version is too new/,
    'record',
    'VERSION_NOT_FOUND',
    'Vault knows no such version of the key; check source.keyId',
  ],
  [
    /missing 'context'/,
    'record',
    'CONTEXT_MISSING',
    'the key is a derived one and wants a context; set source.aadContext and target.aadContext',
  ],
  [
    /invalid ciphertext|base64/,
    'record',
    'BAD_CIPHERTEXT',
    `the value is no ciphertext of the key; ${checkRecord}`,
  ],
  [/authentication failed/, 'record', 'BAD_CIPHERTEXT', cannotOpen],
];

/**
 * An item's error as a fault; of its words only what is known is kept. Throws it where it is none of the
 * item's own.
 */
export function createItemFault(error: string): Fault {
  const [, faultClass, code, message] = rows.find(([words]) => words.test(error)) ?? [
    null,
    'record',
    'INVALID_ARGUMENT',
    `Vault refused the ciphertext (INVALID_ARGUMENT); ${checkRecord}`,
  ];
  const fault = new Fault(faultClass, code, message, { peer: 'kms' });
  if (faultClass !== 'record') throw fault;
  return fault;
}
