import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { describeError } from './describe-error.ts';

/** How what a store module does wrong becomes a `Fault`. `step` is what was called: `read()`. */
export interface ModuleFaults {
  /** The module cannot be a store at all: a usage `Fault`. */
  unfit(what: string): Fault;
  /** An answer breaks a rule of the port: a rotation `Fault`, since it would do so again. */
  breach(step: string, rule: string): Fault;
  /** What a method threw. A usage fault becomes one of class `rotation`, for the rotation runs by then. */
  thrown(step: string, error: unknown): Fault;
  /** What the default export threw. */
  thrownAtOpening(error: unknown): Fault;
}

/** A fault by its shape, since the module may have a copy of keyturn of its own. */
const faultShape = z.object({
  name: z.literal('Fault'),
  faultClass: z.enum(['record', 'transient', 'rotation', 'usage']),
  code: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,63}$/)
    .catch('STORE_ERROR'),
  message: z.string(),
  requestId: z.string().optional().catch(undefined),
  retryAfterMs: z.number().nonnegative().optional().catch(undefined),
});

/** A fault of ours for one of any copy of keyturn; null where it is none. */
export function adoptFault(error: unknown): Fault | null {
  const shape = faultShape.safeParse(error).data;
  if (shape === undefined) return null;
  const { faultClass, code, message, requestId, retryAfterMs } = shape;
  return new Fault(faultClass, code, message, {
    ...(faultClass === 'transient' || faultClass === 'rotation' ? { peer: 'store' } : {}),
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

export function faultsOf(module: string): ModuleFaults {
  const subject = `store module ${module}`;
  function breach(step: string, rule: string): Fault {
    const message = `${subject}: ${step} breaks the store's contract: ${rule}; mend the module, then resume`;
    return new Fault('rotation', 'STORE_CONTRACT', message, { peer: 'store' });
  }
  function thrown(step: string, error: unknown): Fault {
    const fault = adoptFault(error);
    if (fault === null) {
      const advice = 'its message is not shown, since it may hold values: throw a Fault to say more';
      const message = `${subject}: ${step} failed with ${describeError(error)}; ${advice}`;
      return new Fault('transient', 'STORE_ERROR', message, { peer: 'store' });
    }
    if (fault.faultClass !== 'record') return fault;
    return breach(step, `it threw the record fault ${fault.code}, which only an outcome of replace() may be`);
  }
  return {
    unfit: (what) => new Fault('usage', 'BAD_STORE_MODULE', `${subject} ${what}`),
    breach,
    thrown(step, error) {
      const fault = thrown(step, error);
      if (fault.faultClass !== 'usage') return fault;
      return new Fault('rotation', fault.code, fault.message, { peer: 'store' });
    },
    thrownAtOpening: (error) => thrown('openStore()', error),
  };
}
