import { asFault, Fault, type FaultClass } from '../rotation/faults.ts';

type Row = readonly [pattern: RegExp, faultClass: FaultClass, code: string, words: string];

const refused = "refused us; check the user, password and permissions of 'broker'";
const full = 'has no room left; give it memory or disk';
const busy = 'takes no writes now';
const untrusted = "has a certificate that is not trusted; check 'broker.tls' and the host name";

/**
 * Redis's error replies by their first words.
 * https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
 */
const redisRows: readonly Row[] = [
  [/^(NOAUTH|WRONGPASS|NOPERM)\b|^ERR .*AUTH/, 'rotation', 'BROKER_REFUSED', refused],
  [/^OOM\b/, 'transient', 'BROKER_FULL', full],
  [
    /^(MISCONF|READONLY|LOADING|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|BUSY|MOVED|ASK|UNBLOCKED)\b/,
    'transient',
    'BROKER_BUSY',
    busy,
  ],
  [/^ERR max number of clients/, 'transient', 'BROKER_BUSY', 'has no connection left for us'],
];

/** SQLSTATEs by class. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const postgresRows: readonly Row[] = [
  [/^(28...|3D000|42501)$/, 'rotation', 'BROKER_REFUSED', refused],
  [/^(53100|53200|53400)$/, 'transient', 'BROKER_FULL', full],
  [/^53300$/, 'transient', 'BROKER_BUSY', 'has no connection left for us'],
  [/^(25006|40...|55...|57014)$/, 'transient', 'BROKER_BUSY', busy],
  [/^(08...|57P..|58...)$/, 'transient', 'BROKER_UNREACHABLE', 'is going down or coming up'],
  [/^(42P01|3F000|42883)$/, 'rotation', 'BROKER_SCHEMA_LOST', 'has lost the tables of keyturn; start again'],
];

/** Node names a refused certificate by OpenSSL's X509_V_ERR_* without that prefix. */
const untrustedCertificate =
  /^(ERR_TLS_CERT_\w+|CERT_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_\w+|HOSTNAME_MISMATCH|EPROTO|ERR_SSL_\w+)$/;

/** BullMQ's words for a job that is gone, or in the hands of another worker (finished-errors.js, lock-manager.js). */
const batchLost =
  /^(Missing (key|lock) for job|Lock mismatch for job|could not renew lock|Job .+ is not in the) /;

/**
 * Whatever the client of a broker threw, as a fault of the peer `broker`. What is not an answer of the server
 * is a connection that failed. The original is not kept: ioredis hangs the command's arguments on it, a
 * password in AUTH and all.
 */
export function toBrokerFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (!(error instanceof Error) || isDefect(error)) return asFault(error);
  if ('lastNodeError' in error && error.lastNodeError !== undefined)
    return toBrokerFault(error.lastNodeError);

  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.name === 'ReplyError') return classify(redisRows, error.message, error.message.split(' ', 1)[0]);
  if ('severity' in error) return classify(postgresRows, code, code);
  if (/^(SchemaVersionMismatch|UnsupportedPostgresVersion)Error$/.test(error.name)) {
    return brokerFault(
      'rotation',
      'BROKER_VERSION',
      'is not of a version that this keyturn works with',
      error.name,
    );
  }
  if (untrustedCertificate.test(code)) return brokerFault('rotation', 'BROKER_UNTRUSTED', untrusted, code);
  if (/^SASL|SSL connections/.test(error.message)) {
    return brokerFault('rotation', 'BROKER_REFUSED', refused, 'sign-in failed');
  }
  if (batchLost.test(error.message)) {
    const lost = 'has lost a batch that was in work, or given it to another worker; it is done again';
    return brokerFault('transient', 'BATCH_LOST', lost, 'no lock of it');
  }
  const words = 'is out of reach; check that it runs and that this host may reach it';
  return brokerFault('transient', 'BROKER_UNREACHABLE', words, code || readReason(error));
}

function classify(rows: readonly Row[], text: string, mark = ''): Fault {
  const [, faultClass, code, words] = rows.find(([pattern]) => pattern.test(text)) ?? [
    null,
    'rotation' as const,
    'BROKER_ERROR',
    'answered with an error that keyturn does not expect',
  ];
  return brokerFault(faultClass, code, words, mark);
}

function brokerFault(faultClass: FaultClass, code: string, words: string, mark: string): Fault {
  return new Fault(faultClass, code, `broker ${words} (${mark})`, { peer: 'broker' });
}

/** The clients' own texts are long and differ; all of them mean one of two things. */
function readReason(error: Error): string {
  return /time/i.test(error.message) ? 'no answer in time' : 'connection lost';
}

function isDefect(error: Error): boolean {
  return ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'ZodError', '$ZodError'].includes(
    error.name,
  );
}
