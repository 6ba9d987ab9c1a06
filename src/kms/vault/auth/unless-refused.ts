import { Fault } from '../../../rotation/faults.ts';

/** What the call gives, or null where Vault refuses; a fault that passes is thrown on. */
export async function unlessRefused<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Fault && error.code === 'TOKEN_REFUSED') return null;
    throw error;
  }
}
