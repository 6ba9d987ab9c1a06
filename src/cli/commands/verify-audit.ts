import { checkAudit, type AuditCheck } from '../../telemetry/audit-check.ts';
import { exitCode } from '../exit-code.ts';
import type { Output } from '../output.ts';

/** Follows the chain of an audit log; exit 0 only if it holds from the first line to the end, with `head` in it. */
export async function verifyAudit(file: string, head: string | null, output: Output): Promise<number> {
  const check = await checkAudit(file, head);
  output.result({ file, ...check }, () => describe(file, head, check));
  return check.ok ? exitCode.done : exitCode.notDone;
}

function describe(file: string, asked: string | null, check: AuditCheck): string {
  const { entries, firstTime, lastTime, head, torn, afterHead, problem } = check;
  const held =
    entries === 0 ? [] : [`${entries} lines hold, from ${firstTime} to ${lastTime}`, `head: ${head}`];
  const where = problem?.line === null ? '' : `line ${problem?.line} `;
  return [
    `${file}: ${problem === null ? 'the chain holds' : 'NOT intact'}`,
    ...(problem === null ? [] : [`${where}${problem.message}`]),
    ...held,
    ...(torn === 0 ? [] : [`${torn} half lines, left by processes that died as they wrote, and recorded so`]),
    ...(afterHead === null
      ? []
      : [`up to ${asked} nothing was edited, cut or reordered; ${afterHead} lines come after it`]),
    ...(asked === null
      ? ['note: without --head a cut end, or a log that was written anew as a whole, cannot be seen']
      : []),
  ].join('\n');
}
