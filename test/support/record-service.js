// The record service that docs/write-your-own-store.md speaks of: records by id, each with a revision.
import { once } from 'node:events';
import { createServer } from 'node:http';

export async function startService() {
  const records = new Map();
  const token = 'token-of-the-service';
  let revisions = 0;

  const methods = {
    ids: ({ after, limit }) =>
      [...records.keys()]
        .toSorted((left, right) => (left < right ? -1 : 1))
        .filter((id) => after === null || id > after)
        .slice(0, limit),
    read: ({ ids }) =>
      ids.filter((id) => records.has(id)).map((id) => ({ id, ...records.get(id), value: base64(id) })),
    replace: ({ changes }) =>
      changes.map(({ id, onlyAt, value }) => {
        const record = records.get(id);
        if (record === undefined || record.revision !== onlyAt) return 'conflict';
        const bytes = Buffer.from(value, 'base64');
        if (bytes.length > 100) return 'refused';
        put(id, { tenant: record.tenant, value: bytes });
        return 'replaced';
      }),
    count: () => ({ records: records.size, exact: true }),
  };

  function put(id, { tenant, value }) {
    revisions += 1;
    records.set(id, { tenant, value: Buffer.from(value), revision: `r${revisions}` });
  }
  function base64(id) {
    return records.get(id).value.toString('base64');
  }

  async function answer(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const method = methods[request.url.slice('/v1/'.length)];
    if (request.headers.authorization !== `Bearer ${token}`) response.writeHead(401).end();
    else if (method === undefined) response.writeHead(404).end();
    else response.end(JSON.stringify(method(JSON.parse(body))));
  }
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${server.address().port}/v1/`,
    token,
    put,
    setValue: (id, value) => put(id, { tenant: records.get(id).tenant, value }),
    remove: (id) => records.delete(id),
    getValue: async (id) => records.get(id)?.value ?? null,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
