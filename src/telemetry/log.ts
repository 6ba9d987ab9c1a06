import { pino, type Logger } from 'pino';
import type { Fault } from '../rotation/faults.ts';

/**
 * The only fields that are ever logged. A list of what is allowed, since a list of what is forbidden misses
 * the deep field, the header in an error, the URL in a message. Nothing but our own words, codes, counts and
 * references is in it; a driver's error never is.
 */
const fieldNames = [
  'rotation',
  'worker',
  'code',
  'faultClass',
  'peer',
  'requestId',
  'count',
  'cause',
  'reason',
] as const;
export type LogFields = Readonly<Partial<Record<(typeof fieldNames)[number], string | number>>>;

export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A fault that is being waited out; the same one again within ten seconds is only counted. */
  fault(fault: Fault): void;
}

const repeatAfterMs = 10_000;

/** JSON lines, each with its line break. `nowMs` is a clock that only goes forward. */
export function createLog(
  level: string,
  base: LogFields,
  write: (line: string) => void,
  nowMs = () => performance.now(),
): Log {
  const logger: Logger = pino(
    { level, base: pick(base), timestamp: pino.stdTimeFunctions.isoTime },
    { write },
  );
  const seen = new Map<string, { at: number; more: number }>();

  return {
    info: (message, fields = {}) => logger.info(pick(fields), message),
    warn: (message, fields = {}) => logger.warn(pick(fields), message),
    error: (message, fields = {}) => logger.error(pick(fields), message),
    fault(fault) {
      const key = `${fault.peer ?? ''} ${fault.code}`;
      const known = seen.get(key);
      if (known !== undefined && nowMs() - known.at < repeatAfterMs) {
        known.more += 1;
        return;
      }
      seen.set(key, { at: nowMs(), more: 0 });
      const { code, faultClass, message, peer, requestId } = fault;
      logger.warn(
        pick({
          code,
          faultClass,
          ...(peer === undefined ? {} : { peer }),
          ...(requestId === undefined ? {} : { requestId }),
          ...(known === undefined ? {} : { count: known.more + 1 }),
        }),
        message,
      );
    },
  };
}

function pick(fields: LogFields): LogFields {
  return Object.fromEntries(
    fieldNames.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
  );
}
