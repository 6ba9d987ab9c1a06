import { z } from 'zod';
import { Fault, type FaultClass } from '../../rotation/faults.ts';

interface Meaning {
  readonly faultClass: FaultClass;
  readonly code: string;
}

const unavailable: Meaning = { faultClass: 'transient', code: 'STORE_UNAVAILABLE' };

/**
 * What a SQLSTATE means for a rotation; the first row that matches.
 * Codes: PostgreSQL's manual, appendix A.
 */
const meanings: readonly (readonly [sqlstate: RegExp, meaning: Meaning])[] = [
  // Rolled back, deadlock, lock not available: somebody else was at the same rows.
  [/^(40|55)/, { faultClass: 'transient', code: 'STORE_BUSY' }],
  // Connection, read-only after a failover, resources, shutdown or a timeout, system, internal.
  [/^(08|25|53|57|58|XX000)/, unavailable],
  [/^(28|42501)/, { faultClass: 'rotation', code: 'STORE_DENIED' }],
  [/^3D/, { faultClass: 'rotation', code: 'STORE_NO_DATABASE' }],
  // No such table, column, schema or function; syntax; a type that does not fit; not supported.
  [/^(0A|3F|42)/, { faultClass: 'rotation', code: 'STORE_SCHEMA' }],
  [/^XX/, { faultClass: 'rotation', code: 'STORE_CORRUPTED' }],
];

/** The rest: data too long or ill-formed, constraints, and whatever a trigger raises, under any SQLSTATE. */
const refused: Meaning = { faultClass: 'record', code: 'VALUE_REFUSED' };

/** Of what PostgreSQL reports, `detail` may hold a row's values, so it is not even parsed. */
const serverError = z.object({
  severity: z.string(),
  code: z.string().regex(/^[0-9A-Z]{5}$/),
  message: z.string(),
  constraint: z.string().nullish(),
  /** The functions and triggers that it came out of; absent for a fault of our own statement. */
  where: z.string().nullish(),
});

const clientError = z.object({ code: z.string().optional(), message: z.string() });

/**
 * Client-side errors that only a person can mend:
 * certificates, TLS refused, no or wrong kind of password.
 */
const refusal = /CERT|ERR_(TLS|SSL)|not support SSL|SASL|password/i;

/** Takes an error of a PostgreSQL driver as a fault. Holds neither values nor the URL. */
export function toStoreFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const server = serverError.safeParse(error);
  if (server.success) return ofServer(server.data);
  const { code, message } = clientError.safeParse(error).data ?? { message: 'unknown error' };
  const words = [message, code].filter((word) => word !== undefined && word !== '').join(', ');
  if (refusal.test(words)) {
    return new Fault('rotation', 'STORE_DENIED', `no connection to PostgreSQL: ${words}; check store.url`, {
      peer: 'store',
    });
  }
  const what = message.startsWith('Query read timeout')
    ? 'PostgreSQL did not answer a statement in time; look into pg_stat_activity for who locks the table'
    : `PostgreSQL is out of reach: ${words}`;
  return new Fault(unavailable.faultClass, unavailable.code, what, { peer: 'store' });
}

function ofServer(error: z.output<typeof serverError>): Fault {
  const { faultClass, code } = meanings.find(([pattern]) => pattern.test(error.code))?.[1] ?? refused;
  const details = faultClass === 'record' ? {} : { peer: 'store' as const };
  const sqlstate = `SQLSTATE ${error.code}`;
  // What is wrong with a value may be told by quoting it, and what comes out of a trigger may say anything.
  if (faultClass !== 'record' && error.where == null)
    return new Fault(faultClass, code, `PostgreSQL: ${error.message} (${sqlstate})`, details);
  const rule = typeof error.constraint === 'string' ? `, constraint ${error.constraint}` : '';
  return new Fault(
    faultClass,
    code,
    `PostgreSQL refuses the value (${sqlstate}${rule}); the server's log says more`,
    details,
  );
}
