import { describe, expect, test } from 'vitest';
import { answerJson, type Answer } from '../../support/recording-server.ts';
import { never, someItem, startYandex, thrownBy } from '../../support/yandex-service.ts';
import { Fault } from '../../../src/rotation/faults.ts';

const secret = 'c2VjcmV0-canary';

/** The fault of one reEncrypt, thrown or returned, and which of the two. */
async function reEncryptFault(answer: Answer): Promise<{ fault: Fault; returned: boolean }> {
  const { service } = await startYandex(answer);
  const outcome = await service.reEncrypt([someItem], never).then(
    ([result]) => ({ fault: result, returned: true }),
    (fault: unknown) => ({ fault, returned: false }),
  );
  if (!(outcome.fault instanceof Fault)) throw new Error('no fault');
  return { fault: outcome.fault, returned: outcome.returned };
}

function answerStatus(httpStatus: number, code: number, headers: Record<string, string> = {}): Answer {
  return (response) => answerJson(response, httpStatus, { code, message: secret, details: [] }, headers);
}

describe('a google.rpc.Status decides by its code alone', () => {
  const record = ['INVALID_ARGUMENT', 'OUT_OF_RANGE'];
  const rotation = [
    'UNAUTHENTICATED',
    'PERMISSION_DENIED',
    'NOT_FOUND',
    'FAILED_PRECONDITION',
    'UNIMPLEMENTED',
  ];
  // Number, HTTP status and name as in google/rpc/code.proto.
  const codes: readonly (readonly [number, number, string])[] = [
    [1, 499, 'CANCELLED'],
    [2, 500, 'UNKNOWN'],
    [3, 400, 'INVALID_ARGUMENT'],
    [4, 504, 'DEADLINE_EXCEEDED'],
    [5, 404, 'NOT_FOUND'],
    [6, 409, 'ALREADY_EXISTS'],
    [7, 403, 'PERMISSION_DENIED'],
    [8, 429, 'RESOURCE_EXHAUSTED'],
    [9, 400, 'FAILED_PRECONDITION'],
    [10, 409, 'ABORTED'],
    [11, 400, 'OUT_OF_RANGE'],
    [12, 501, 'UNIMPLEMENTED'],
    [13, 500, 'INTERNAL'],
    [14, 503, 'UNAVAILABLE'],
    [15, 500, 'DATA_LOSS'],
    [16, 401, 'UNAUTHENTICATED'],
  ];
  for (const [number, httpStatus, name] of codes) {
    const faultClass = record.includes(name) ? 'record' : rotation.includes(name) ? 'rotation' : 'transient';
    test(`${name} is a ${faultClass} fault without the server's words`, async () => {
      const { fault, returned } = await reEncryptFault(answerStatus(httpStatus, number));
      expect(fault).toMatchObject({ faultClass, code: name, throttled: name === 'RESOURCE_EXHAUSTED' });
      expect(fault.peer).toBe('kms');
      expect(returned).toBe(faultClass === 'record');
      expect(fault.message).toContain(name);
      expect(fault.message).not.toContain(secret);
      expect(fault.cause).toBeUndefined();
    });
  }

  test('the pace must fall after any HTTP 429', async () => {
    const { fault } = await reEncryptFault(answerStatus(429, 14));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'UNAVAILABLE', throttled: true });
  });

  test('what the key or version is refused for is no fault of a record', async () => {
    const { service } = await startYandex(answerStatus(400, 3));
    const fault = await thrownBy(service.currentVersion('k', 'v'));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'INVALID_ARGUMENT' });
  });

  test('a refused ciphertext says what to check', async () => {
    const { service } = await startYandex(answerStatus(400, 3));
    const [fault] = await service.reEncrypt([someItem], never);
    expect(fault).toMatchObject({ message: expect.stringMatching(/source\.keyId and source\.aadContext/) });
  });

  test('encrypt and decrypt throw it', async () => {
    const { service } = await startYandex(answerStatus(400, 3));
    const aad = new Uint8Array();
    const call = service.decrypt({ keyId: 'k', aad, ciphertext: Buffer.from('c') });
    expect(await thrownBy(call)).toMatchObject({ faultClass: 'record', code: 'INVALID_ARGUMENT' });
    const encrypt = service.encrypt({ keyId: 'k', aad, plaintext: Buffer.from('p') });
    expect(await thrownBy(encrypt)).toMatchObject({ faultClass: 'record', code: 'INVALID_ARGUMENT' });
  });
});

describe('an error without a google.rpc.Status decides by its HTTP status', () => {
  test.each([
    [400, 'transient', 'HTTP_400'],
    [401, 'rotation', 'UNAUTHENTICATED'],
    [403, 'rotation', 'PERMISSION_DENIED'],
    [404, 'rotation', 'NOT_FOUND'],
    [408, 'transient', 'HTTP_408'],
    [413, 'transient', 'HTTP_413'],
    [429, 'transient', 'RESOURCE_EXHAUSTED'],
    [500, 'transient', 'INTERNAL'],
    [501, 'transient', 'HTTP_501'],
    [502, 'transient', 'HTTP_502'],
    [503, 'transient', 'UNAVAILABLE'],
    [504, 'transient', 'DEADLINE_EXCEEDED'],
    [599, 'transient', 'HTTP_599'],
  ])('%i from a proxy is %s %s', async (status, faultClass, code) => {
    const { fault } = await reEncryptFault((response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end(`<h1>${secret}</h1>`);
    });
    expect(fault).toMatchObject({ faultClass, code, throttled: status === 429 });
    expect(fault.message).not.toContain(secret);
  });

  test.each([301, 302, 303, 307, 308])('%i is not followed and says so', async (status) => {
    const { kms, service } = await startYandex((response) => {
      response.writeHead(status, { location: `${kms.url}/elsewhere` }).end();
    });
    const fault = await thrownBy(service.reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'REDIRECT' });
    expect(fault.message).toContain('redirects');
    expect(kms.received).toHaveLength(1);
  });

  const bodies: Readonly<Record<string, string>> = {
    empty: '',
    html: '<html><body>Bad Gateway</body></html>',
    'cut-off JSON': '{"code":3,"message":"Bad ciph',
    'JSON null': 'null',
    'JSON list': '[3]',
    'code OK': '{"code":0}',
    'code beyond google.rpc': '{"code":17}',
    'code in words': '{"code":"INVALID_ARGUMENT"}',
    'fractional code': '{"code":3.5}',
    'nested code': '{"error":{"code":3}}',
    'deep JSON': '['.repeat(100_000),
    'huge, with a Status in front': `{"code":3,"message":"${'x'.repeat(3_000_000)}"}`,
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`HTTP 400 is no record fault when its body is ${name}`, async () => {
      const { fault } = await reEncryptFault((response) => response.writeHead(400).end(body));
      expect(fault).toMatchObject({ faultClass: 'transient', code: 'HTTP_400' });
    });
  }

  test('a cut connection in the body of an error leaves its status', async () => {
    const { fault } = await reEncryptFault((response) => {
      response.writeHead(403, { 'content-length': 1000 });
      response.write('{"code":', () => response.destroy());
    });
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'PERMISSION_DENIED' });
  });
});

describe('a success that is none', () => {
  const bodies: Readonly<Record<string, string>> = {
    empty: '',
    html: `<html>${secret}</html>`,
    'JSON of another kind': '[]',
    'a number where a string should be': '{"keyId":1}',
    'cut-off JSON': `{"ciphertext":"${secret}`,
    'no base64': '{"ciphertext":"a*b="}',
    'cut-off base64': '{"ciphertext":"YWJ"}',
    'base64 with bits to spare': '{"ciphertext":"YWK="}',
    huge: `{"ciphertext":"${'A'.repeat(3_000_000)}"}`,
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`is tried again when its body is ${name}`, async () => {
      const { fault } = await reEncryptFault((response) => response.writeHead(200).end(body));
      expect(fault).toMatchObject({ faultClass: 'transient', code: 'BAD_REPLY' });
      expect(fault.message).not.toContain(secret);
      expect(JSON.stringify(fault.cause) ?? '').not.toContain(secret);
    });
  }

  test('is tried again when currentVersion gets no version', async () => {
    const { service } = await startYandex((response) => answerJson(response, 200, { versionId: '' }));
    expect(await thrownBy(service.currentVersion('k'))).toMatchObject({
      faultClass: 'transient',
      code: 'BAD_REPLY',
    });
  });
});

describe('what the server says of a failed request is kept', () => {
  const info = { '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: 'from-details' };
  const other = { '@type': 'type.googleapis.com/google.rpc.DebugInfo', requestId: 'not-this' };

  test('the request id of the header', async () => {
    const { fault } = await reEncryptFault((response) =>
      answerJson(response, 400, { code: 3, details: [info] }, { 'x-request-id': 'from-header' }),
    );
    expect(fault.requestId).toBe('from-header');
  });

  test('else the request id of the details', async () => {
    const { fault } = await reEncryptFault((response) =>
      answerJson(response, 400, { code: 3, details: [7, other, info] }),
    );
    expect(fault.requestId).toBe('from-details');
  });

  test.each(['two words', 'x'.repeat(129), ''])('but nothing that is no id: %j', async (requestId) => {
    const { fault } = await reEncryptFault((response) =>
      answerJson(
        response,
        503,
        { code: 14, details: [{ ...info, requestId }] },
        { 'x-request-id': requestId },
      ),
    );
    expect(fault.requestId).toBeUndefined();
  });

  test.each([429, 503, 403])('Retry-After of a %i', async (status) => {
    const { fault } = await reEncryptFault((response) =>
      response.writeHead(status, { 'retry-after': '7' }).end(),
    );
    expect(fault.retryAfterMs).toBe(7000);
  });
});
