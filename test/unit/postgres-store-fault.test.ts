import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { toStoreFault } from '../../src/stores/postgres/store-fault.ts';

const canary = 'ciphertext-canary';

/** As node-postgres and PGlite throw what the server reports. */
function serverError(code: string, message = 'words of the server'): Error {
  return Object.assign(new Error(message), {
    severity: 'ERROR',
    code,
    detail: `Failing row contains (${canary}).`,
    constraint: 'a_rule',
  });
}

describe('a SQLSTATE', () => {
  test.each([
    ['40001', 'transient', 'STORE_BUSY'],
    ['40P01', 'transient', 'STORE_BUSY'],
    ['55P03', 'transient', 'STORE_BUSY'],
    ['57P01', 'transient', 'STORE_UNAVAILABLE'],
    ['57P03', 'transient', 'STORE_UNAVAILABLE'],
    ['57014', 'transient', 'STORE_UNAVAILABLE'],
    ['08006', 'transient', 'STORE_UNAVAILABLE'],
    ['53300', 'transient', 'STORE_UNAVAILABLE'],
    ['53100', 'transient', 'STORE_UNAVAILABLE'],
    // A primary that became a standby, as a failover goes on.
    ['25006', 'transient', 'STORE_UNAVAILABLE'],
    ['XX000', 'transient', 'STORE_UNAVAILABLE'],
    ['XX001', 'rotation', 'STORE_CORRUPTED'],
    ['42501', 'rotation', 'STORE_DENIED'],
    ['28P01', 'rotation', 'STORE_DENIED'],
    ['28000', 'rotation', 'STORE_DENIED'],
    ['3D000', 'rotation', 'STORE_NO_DATABASE'],
    ['42P01', 'rotation', 'STORE_SCHEMA'],
    ['42703', 'rotation', 'STORE_SCHEMA'],
  ])('%s is %s %s, in the words of the server', (sqlstate, faultClass, code) => {
    const fault = toStoreFault(serverError(sqlstate));
    expect(fault).toMatchObject({ faultClass, code, peer: 'store' });
    expect(fault.message).toBe(`PostgreSQL: words of the server (SQLSTATE ${sqlstate})`);
    expect(fault.cause).toBeUndefined();
  });

  // The last: any code that RAISE … USING ERRCODE makes up.
  test.each(['22001', '22P02', '22021', '23505', '23514', '44000', '54000', 'P0001', '38000', 'MY001'])(
    '%s stays with its record, without the words of the server, which may quote the value',
    (sqlstate) => {
      const fault = toStoreFault(serverError(sqlstate, `invalid input: "${canary}"`));
      expect(fault).toMatchObject({ faultClass: 'record', code: 'VALUE_REFUSED' });
      expect(fault.message).toContain(`SQLSTATE ${sqlstate}, constraint a_rule`);
      expect(fault.message).not.toContain(canary);
      expect(fault.cause).toBeUndefined();
    },
  );
});

test('what comes out of a trigger is not repeated, under whatever SQLSTATE it comes', () => {
  const raised = Object.assign(serverError('42501', `no right to ${canary}`), {
    where: `PL/pgSQL function refuse() line 1 at RAISE, with "${canary}"`,
  });
  const fault = toStoreFault(raised);
  expect(fault).toMatchObject({ faultClass: 'rotation', code: 'STORE_DENIED' });
  expect(fault.message).not.toContain(canary);
});

describe('an error of the driver', () => {
  test.each([
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }),
    // Five capitals, and no SQLSTATE.
    Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }),
    Object.assign(new AggregateError([new Error('one'), new Error('two')]), { code: 'ETIMEDOUT' }),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Query read timeout'),
    new Error('Cannot use a pool after calling end on the pool'),
    'not even an error',
    undefined,
  ])('%s is transient', (error) => {
    expect(toStoreFault(error)).toMatchObject({
      faultClass: 'transient',
      code: 'STORE_UNAVAILABLE',
      peer: 'store',
    });
  });

  test('a statement that a lock holds up would send people to look for a server that is down', () => {
    expect(toStoreFault(new Error('Query read timeout')).message).toMatch(/in time; .+ who locks the table$/);
  });

  test.each([
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    Object.assign(new Error('unable to verify the first certificate'), {
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    }),
    Object.assign(new Error("Hostname/IP does not match certificate's altnames"), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    }),
    new Error('The server does not support SSL connections'),
    new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'),
  ])('%s waits for a person', (error) => {
    expect(toStoreFault(error)).toMatchObject({
      faultClass: 'rotation',
      code: 'STORE_DENIED',
      peer: 'store',
    });
  });

  test('a fault stays what it is', () => {
    const fault = new Fault('usage', 'ANY', 'any');
    expect(toStoreFault(fault)).toBe(fault);
  });
});
