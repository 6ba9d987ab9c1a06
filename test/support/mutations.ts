/** A ciphertext with something wrong, and what. */
export interface Mutation {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every prefix, the empty one included; every byte of the header flipped; more bytes behind. */
export function mutationsOf(valid: Uint8Array, headerLength: number): Mutation[] {
  const prefixes = Array.from(valid, (_, length) => ({
    name: `its first ${length} bytes`,
    bytes: Buffer.from(valid.subarray(0, length)),
  }));
  const flips = Array.from({ length: headerLength }, (_, at) => ({
    name: `byte ${at} flipped`,
    bytes: withByte(valid, at, (valid[at] ?? 0) ^ 0xff),
  }));
  const longer = { name: 'a byte behind it', bytes: Buffer.concat([valid, Buffer.of(0)]) };
  return [...prefixes, ...flips, longer];
}

/** The length words of a value, each as large as it can be, and as small. */
export function lengthsOf(valid: Uint8Array, offsets: readonly number[]): Mutation[] {
  return offsets.flatMap((offset) =>
    [0xffffffff, 0x7fffffff, 0].map((length) => {
      const bytes = Buffer.from(valid);
      bytes.writeUInt32BE(length, offset);
      return { name: `length ${length} at ${offset}`, bytes };
    }),
  );
}

function withByte(valid: Uint8Array, at: number, byte: number): Buffer {
  const bytes = Buffer.from(valid);
  bytes[at] = byte;
  return bytes;
}
