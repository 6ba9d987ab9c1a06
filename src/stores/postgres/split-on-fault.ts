import { asFault, type Fault } from '../../rotation/faults.ts';

/**
 * Runs one statement for all items. Where it fails with a record fault, so that one item stops the others,
 * each half is run by itself, down to the items at fault:
 * these are given to `alone`. Other faults are thrown.
 */
export async function splitOnRecordFault<Item, Result>(
  items: readonly Item[],
  together: (items: readonly Item[]) => Promise<Result[]>,
  alone: (item: Item, fault: Fault) => Promise<Result[]> | Result[],
): Promise<Result[]> {
  try {
    return await together(items);
  } catch (error) {
    const fault = asFault(error);
    const [first] = items;
    if (fault.faultClass !== 'record' || first === undefined) throw fault;
    if (items.length === 1) return alone(first, fault);
    const half = Math.ceil(items.length / 2);
    return [
      ...(await splitOnRecordFault(items.slice(0, half), together, alone)),
      ...(await splitOnRecordFault(items.slice(half), together, alone)),
    ];
  }
}
