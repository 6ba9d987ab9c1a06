// A KMS that costs next to nothing: it gives ciphertexts of the right shape and opens none. With `LATENCY_MS` each
// call takes that long. Prints its address; keeps when each call came, for GET /arrivals (ms since the epoch).
import { randomFillSync } from 'node:crypto';
import { createServer } from 'node:http';

const latencyMs = Number(process.env.LATENCY_MS ?? '0');
const headerBytes = 64;
const versionAt = [8, 28];
const arrivals = [];
let generation = 1;
const versionId = () => `bench${String(generation).padStart(15, '0')}`;

const answers = {
  reEncrypt({ sourceKeyId, ciphertext }) {
    arrivals.push(performance.timeOrigin + performance.now());
    const bytes = Buffer.from(ciphertext, 'base64');
    const sourceVersionId = bytes.latin1Slice(...versionAt);
    bytes.latin1Write(versionId(), versionAt[0]);
    randomFillSync(bytes, headerBytes);
    return { sourceKeyId, sourceVersionId, ciphertext: bytes.toString('base64') };
  },
  generateDataKey: () => ({}),
  rotate: () => ((generation += 1), {}),
};

const server = createServer((request, response) => {
  if (request.method === 'GET') return response.end(JSON.stringify(arrivals));
  let body = '';
  request.setEncoding('utf8').on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    const method = request.url.slice(request.url.lastIndexOf(':') + 1);
    const reply = JSON.stringify({
      keyId: 'k1',
      ...answers[method](JSON.parse(body)),
      versionId: versionId(),
    });
    const send = () =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length })
        .end(reply);
    if (latencyMs === 0) send();
    else setTimeout(send, latencyMs);
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(
    JSON.stringify({
      endpoint: `http://127.0.0.1:${server.address().port}`,
      token: 'bench',
      versionId: versionId(),
    }),
  ),
);
