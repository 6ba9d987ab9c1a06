import { describe, expect, test } from 'vitest';
import { toBrokerFault } from '../../src/broker/broker-fault.ts';
import { Fault } from '../../src/rotation/faults.ts';

function reply(message: string): Error {
  return Object.assign(new Error(message), {
    name: 'ReplyError',
    command: { name: 'auth', args: ['s3cret'] },
  });
}
function sqlError(code: string): Error {
  return Object.assign(new Error('s3cret'), { severity: 'ERROR', code });
}
function coded(code: string, message = ''): Error {
  return Object.assign(new Error(message), { code });
}

describe('what a broker threw becomes a fault that says who must act', () => {
  for (const [thrown, faultClass, code] of [
    [reply('LOADING Redis is loading the dataset in memory'), 'transient', 'BROKER_BUSY'],
    [reply('MISCONF Redis is configured to save RDB snapshots'), 'transient', 'BROKER_BUSY'],
    [reply('CLUSTERDOWN The cluster is down'), 'transient', 'BROKER_BUSY'],
    [reply('ERR max number of clients reached'), 'transient', 'BROKER_BUSY'],
    [reply('OOM command not allowed'), 'transient', 'BROKER_FULL'],
    [reply('NOAUTH Authentication required.'), 'rotation', 'BROKER_REFUSED'],
    [reply("ERR unknown command 'AUTH', with args beginning with: 's3cret'"), 'rotation', 'BROKER_REFUSED'],
    [reply("ERR unknown command 'evalsha', with args beginning with: 's3cret'"), 'rotation', 'BROKER_ERROR'],
    [sqlError('53300'), 'transient', 'BROKER_BUSY'],
    [sqlError('40P01'), 'transient', 'BROKER_BUSY'],
    [sqlError('25006'), 'transient', 'BROKER_BUSY'],
    [sqlError('53100'), 'transient', 'BROKER_FULL'],
    [sqlError('57P01'), 'transient', 'BROKER_UNREACHABLE'],
    [sqlError('28P01'), 'rotation', 'BROKER_REFUSED'],
    [sqlError('42501'), 'rotation', 'BROKER_REFUSED'],
    [sqlError('XX000'), 'rotation', 'BROKER_ERROR'],
    [coded('ECONNRESET', 's3cret'), 'transient', 'BROKER_UNREACHABLE'],
    [coded('CERT_HAS_EXPIRED'), 'rotation', 'BROKER_UNTRUSTED'],
    [new Error('SASL: client password must be a string'), 'rotation', 'BROKER_REFUSED'],
    [new Error('Query read timeout'), 'transient', 'BROKER_UNREACHABLE'],
    [
      Object.assign(new Error('Missing key for job batch-1. moveToFinished'), { code: -1 }),
      'transient',
      'BATCH_LOST',
    ],
    [
      Object.assign(new Error('Missing lock for job batch-1. moveToDelayed'), { code: -2 }),
      'transient',
      'BATCH_LOST',
    ],
    [new Error('could not renew lock for job batch-1'), 'transient', 'BATCH_LOST'],
    [
      Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: reply('WRONGPASS') }),
      'rotation',
      'BROKER_REFUSED',
    ],
  ] as const) {
    test(`${thrown.name} ${thrown.message} ${'code' in thrown ? String(thrown.code) : ''}`, () => {
      const fault = toBrokerFault(thrown);
      expect(fault).toMatchObject({ faultClass, code, peer: 'broker' });
      expect(fault.message).toMatch(/^broker .+\(.+\)$/);
      expect(fault.message).not.toContain('s3cret');
      expect(fault.cause).toBeUndefined();
    });
  }

  test('a defect of ours is not taken for a broker out of reach', () => {
    expect(toBrokerFault(new TypeError('x is not a function'))).toMatchObject({ code: 'INTERNAL_ERROR' });
  });

  test('a fault stays what it is', () => {
    const fault = new Fault('usage', 'EMBEDDED_IN_USE', 'in use');
    expect(toBrokerFault(fault)).toBe(fault);
  });
});
