import { Fault } from '../../rotation/faults.ts';

/**
 * One HTTP call to the KMS: `code` is `OK` or that of its fault, `seconds` the time until the whole reply was
 * here.
 */
export interface MeasuredCall {
  readonly method: string;
  readonly code: string;
  readonly seconds: number;
}

/** Makes a call and tells of it once it has ended, however it did. */
export async function measureCall<T>(
  method: string,
  onCall: (call: MeasuredCall) => void,
  call: () => Promise<T>,
): Promise<T> {
  const startMs = performance.now();
  let code = 'OK';
  try {
    return await call();
  } catch (error) {
    code = error instanceof Fault ? error.code : 'INTERNAL_ERROR';
    throw error;
  } finally {
    onCall({ method, code, seconds: (performance.now() - startMs) / 1000 });
  }
}
