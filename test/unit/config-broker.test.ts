import { describe, expect, test } from 'vitest';
import { minimalConfig, parseWith, problemsWith, tableOf } from '../support/parse-config.ts';

const redis = { kind: 'redis', tls: null, cluster: null, sentinel: null };
const noFiles = { caFile: null, certFile: null, keyFile: null };

describe('broker', () => {
  test.each([
    ['redis://127.0.0.1:6379', { ...redis, url: 'redis://127.0.0.1:6379' }],
    ['rediss://u:p%40s@h/2', { ...redis, url: 'rediss://u:p%40s@h/2', tls: noFiles }],
    ['postgres://u@h/db', { kind: 'postgres', url: 'postgres://u@h/db', tls: null }],
    ['postgresql:///db?host=/run/pg', { kind: 'postgres', url: 'postgresql:///db?host=/run/pg', tls: null }],
    ['embedded:data/queue', { kind: 'embedded', directory: 'data/queue' }],
    [{ url: 'embedded:/var/queue' }, { kind: 'embedded', directory: '/var/queue' }],
    [
      { url: 'rediss://h', tls: { caFile: 'ca.pem', certFile: '/c.pem', keyFile: '/k.pem' } },
      {
        ...redis,
        url: 'rediss://h',
        tls: { caFile: '/etc/keyturn/ca.pem', certFile: '/c.pem', keyFile: '/k.pem' },
      },
    ],
    [
      { cluster: ['rediss://a:1', 'rediss://b:2'] },
      { ...redis, url: null, tls: noFiles, cluster: ['rediss://a:1', 'rediss://b:2'] },
    ],
    [
      { sentinel: { name: 'm', nodes: ['a:1', 'b', '[::1]:5', 'redis://c:7'] } },
      {
        ...redis,
        url: null,
        sentinel: {
          name: 'm',
          nodes: [
            { host: 'a', port: 1 },
            { host: 'b', port: 26_379 },
            { host: '::1', port: 5 },
            { host: 'c', port: 7 },
          ],
        },
      },
    ],
  ])('%j names its servers', (broker, expected) => {
    expect(parseWith({ broker }).config.broker).toEqual(expected);
  });

  test.each([
    ['mysql://canary@h', 'broker: is no broker'],
    ['redis:', 'broker: is no broker'],
    ['redis://', 'broker: names no host'],
    ['embedded:', 'broker: names no folder'],
    ['embedded://data', 'broker: names no folder'],
    ['', 'broker: is no broker'],
    [5, 'broker: is no broker; give a URL, or'],
    [[], 'broker: is no broker; give a URL, or'],
    [{}, 'broker: names no server'],
    [{ url: 'mysql://canary@h' }, 'broker.url: is no broker'],
    [{ url: 'redis://h', tls: {} }, 'broker: gives tls for a redis:// url'],
    [{ url: 'embedded:d', tls: {} }, 'broker: gives tls, which an embedded broker has not'],
    [{ url: 'rediss://h', tls: { certFile: 'c' } }, 'broker.tls: gives one of certFile and keyFile'],
    [{ cluster: [] }, 'broker.cluster: must not be empty'],
    [{ cluster: ['redis://a', 'rediss://b'] }, 'broker: mixes redis:// and rediss://'],
    [{ cluster: ['postgres://canary@h'] }, 'broker.cluster[0]: must begin with redis:// or rediss://'],
    [
      { url: 'postgres://canary@h', cluster: ['redis://a'] },
      'broker: gives cluster or sentinel, which are of Redis',
    ],
    [
      { cluster: ['redis://a'], sentinel: { name: 'm', nodes: ['a'] } },
      'broker: gives both cluster and sentinel',
    ],
    [
      { sentinel: { name: 'm', nodes: ['u:canary@a:1'] } },
      'broker.sentinel.nodes[0]: is no address of a sentinel',
    ],
    [{ sentinel: { name: 'm', nodes: ['a:port'] } }, 'broker.sentinel.nodes[0]: is no address of a sentinel'],
  ])('%j is refused in words', (broker, problem) => {
    const problems = problemsWith({ broker });
    expect(problems).toEqual([expect.stringMatching(/; /)]);
    expect(problems.join().slice(0, problem.length)).toBe(problem);
    expect(problems.join()).not.toContain('canary');
  });
});

describe('URLs with a password', () => {
  // `#`, `/` and `?` end the host early: the URL would be valid, and name host `user`.
  test.each(['can#ary', 'can/ary', 'can?ary', '1#canary', '1/canary', '1?canary', 'can ary', 'can%zzary'])(
    'the unescaped password %j is refused, and no part of it repeated',
    (password) => {
      const url = `postgres://user:${password}@host/db`;
      for (const problems of [
        problemsWith({ store: { ...minimalConfig.store, url } }),
        problemsWith({ broker: url }),
      ]) {
        expect(problems).toEqual([expect.stringContaining(': is not a valid URL; write @ : / ? # %')]);
        expect(problems.join()).not.toMatch(/can|ary/);
      }
    },
  );

  test('escaped, it is taken as it is', () => {
    const url = 'postgres://user:p%40s%2Fs%23@host/db';
    expect(tableOf(parseWith({ store: { ...minimalConfig.store, url } }).config).url).toBe(url);
  });
});
