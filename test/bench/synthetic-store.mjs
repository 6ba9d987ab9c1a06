// A store of any number of records, none of which is kept anywhere: each is made up as it is read. One in
// `options.staleOneIn` lies under another version than `options.versionId`, so that only these cost a call.
const headerBytes = 64;

/** @type {import('keyturn').OpenStore} */
export default async function openStore({ options: { records, staleOneIn, versionId }, fields }) {
  const template = Buffer.alloc(headerBytes + 32);
  [
    [1, 0],
    [20, 4],
    [16, 28],
    [12, 48],
  ].forEach(([word, at]) => template.writeUInt32BE(word, at));

  function valueOf(id) {
    const value = Buffer.from(template);
    value.latin1Write(id % staleOneIn === 0 ? 'other000000000000000' : versionId, 8);
    value.writeDoubleBE(id, headerBytes);
    return value;
  }

  return {
    async *scan(from, limit, signal) {
      let next = from === null ? 1 : Number(from) + 1;
      while (next <= records && !signal.aborted) {
        const end = Math.min(records, next + limit - 1);
        const refs = Array.from({ length: end - next + 1 }, (_, index) => String(next + index));
        next = end + 1;
        yield { refs, cursor: String(end) };
      }
    },
    read: async (refs) =>
      refs.map((ref) => ({
        ref,
        value: valueOf(Number(ref)),
        fields: Object.fromEntries(fields.map((name) => [name, ref])),
        keyVersion: null,
        revision: null,
      })),
    replace: async (changes) => changes.map(() => 'replaced'),
    count: async () => ({ records, exact: true }),
    check: async () => 'synthetic',
    caveats: [],
    excluded: async () => null,
    close: async () => undefined,
  };
}
