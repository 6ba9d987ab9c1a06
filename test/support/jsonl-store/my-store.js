// A store of one's own for keyturn: a directory of JSONL files, each line {"id": …, "tenant": …, "value": …}
// with strings alone, `value` being the ciphertext in base64 (`format: base64`).
//
//   store:
//     type: module
//     module: ./my-store.js
//     options: { directory: ./customers }
//
// A file is never changed in place: who writes takes the file's lock (file-lock.js), writes the whole file
// beside it and renames it, so that a reader and a crash see the old file or the new one. The application must
// write in the same way (`rewriteFile`). All processes are on one machine; a file fits into memory.
import { isUtf8 } from 'node:buffer';
import { open, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { withLock } from './file-lock.js';

/** Neither a folder nor a lock nor a file half written; a ref from elsewhere does not lead out of the directory. */
const fileName = /^[\w-][\w.-]*\.jsonl$/;

/** @type {import('keyturn').OpenStore} */
export default async function openStore({ options, directory, fields, Fault }) {
  if (typeof options?.directory !== 'string')
    throw new Fault('usage', 'BAD_OPTIONS', 'store.options.directory must name the directory of the files');
  const root = resolve(directory, options.directory);
  await listFiles();

  async function listFiles() {
    try {
      return (await readdir(root)).filter((name) => fileName.test(name)).toSorted();
    } catch (error) {
      throw storeFault(error, 'the directory');
    }
  }

  /** The records of a file by id; what is not there has none. */
  async function readRecords(file) {
    try {
      return await readLines(join(root, file));
    } catch (error) {
      throw storeFault(error, file);
    }
  }

  function storeFault(error, what) {
    if (error instanceof SyntaxError) {
      const message = `${what} is no JSONL file of records with an id each; mend it, then resume`;
      return new Fault('rotation', 'STORE_CORRUPTED', message);
    }
    const code = error.code ?? error.name;
    // No permission, no such directory, a read-only disk: it stays so until somebody acts.
    if (/^(EACCES|EPERM|ENOENT|ENOTDIR|EROFS)$/.test(code))
      return new Fault('rotation', 'STORE_DENIED', `${what} cannot be used (${code}); mend it, then resume`);
    return new Fault('transient', 'STORE_UNAVAILABLE', `${what} cannot be used now (${code})`);
  }

  return {
    // The order is that of the file names, then of the ids: a rewritten file keeps it, and a cursor holds its
    // place also when its record is gone.
    async *scan(from, limit, signal) {
      const [afterFile, afterId] = from === null ? ['', ''] : parseRef(from);
      for (const file of await listFiles()) {
        if (file < afterFile) continue;
        const records = await readRecords(file);
        const refs = [...records.values()]
          .filter(({ id, value }) => value !== null && (file > afterFile || id > afterId))
          .map(({ id }) => `${file}/${id}`)
          .toSorted((left, right) => (left < right ? -1 : 1));
        for (let start = 0; start < refs.length; start += limit) {
          if (signal.aborted) return;
          const page = refs.slice(start, start + limit);
          yield { refs: page, cursor: page.at(-1) };
        }
      }
    },

    async read(refs) {
      const found = [];
      for (const [file, ids] of byFile(refs, parseRef)) {
        const records = await readRecords(file);
        for (const id of new Set(ids.map(([, id]) => id))) {
          const record = records.get(id);
          if (record === undefined || record.value === null) continue;
          found.push({
            ref: `${file}/${id}`,
            value: Buffer.from(record.value),
            fields: Object.fromEntries(fields.map((name) => [name, record[name] ?? null])),
            keyVersion: null,
            revision: null,
          });
        }
      }
      return found;
    },

    async replace(changes) {
      const outcomes = changes.map(() => 'conflict');
      const places = changes.map(({ ref }, index) => [...parseRef(ref), index]);
      for (const [file, inFile] of byFile(places, (place) => place)) {
        try {
          await rewriteFile(join(root, file), (records) => {
            for (const [, id, index] of inFile) {
              const { oldValue, newValue } = changes[index];
              const record = records.get(id);
              // Compare, and swap: nobody else writes the file meanwhile.
              if (record === undefined || record.value === null) continue;
              if (!Buffer.from(record.value).equals(oldValue)) continue;
              if (isUtf8(newValue)) record.value = Buffer.from(newValue).toString();
              outcomes[index] = isUtf8(newValue)
                ? 'replaced'
                : new Fault('record', 'VALUE_REFUSED', 'the new value is no text; set format: base64');
            }
          });
        } catch (error) {
          throw storeFault(error, file);
        }
      }
      return outcomes;
    },

    async count() {
      let records = 0;
      for (const file of await listFiles())
        for (const { value } of (await readRecords(file)).values()) if (value !== null) records += 1;
      return { records, exact: true };
    },

    async check() {
      return `${(await listFiles()).length} JSONL files`;
    },
    caveats: ['copies and backups of the files'],
    async close() {},
  };
}

/** Changes the records of a file as one step, which is made wholly or not at all; the application's way, too. */
export function rewriteFile(path, change) {
  return withLock(`${path}.lock`, async () => {
    const records = await readLines(path);
    const before = toText(records);
    change(records);
    const text = toText(records);
    if (text === before) return;
    const file = await open(`${path}.new`, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    // The new name, too, outlives a loss of power.
    const folder = await open(dirname(path));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}

async function readLines(path) {
  const records = new Map();
  const text = await readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const record = JSON.parse(line);
    const strings = [record?.id, record?.value ?? ''].every((part) => typeof part === 'string');
    // Of two lines with one id one would be left behind unseen.
    if (!strings || records.has(record.id)) throw new SyntaxError('not a line of its own');
    records.set(record.id, { ...record, value: record.value ?? null });
  }
  return records;
}

function toText(records) {
  return [...records.values()].map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** A ref is the file's name and the id: never anything of the value. */
function parseRef(ref) {
  const slash = ref.indexOf('/');
  return [ref.slice(0, slash), ref.slice(slash + 1)];
}

function byFile(items, placeOf) {
  const files = new Map();
  for (const item of items) {
    const place = placeOf(item);
    if (!fileName.test(place[0])) continue;
    files.set(place[0], [...(files.get(place[0]) ?? []), place]);
  }
  return files;
}
