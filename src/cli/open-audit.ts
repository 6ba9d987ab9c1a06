import { hostname } from 'node:os';
import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { asFault } from '../rotation/faults.ts';
import type { AuditEvent, CommandDetails } from '../telemetry/audit-event.ts';
import { openAuditLog } from '../telemetry/audit-log.ts';
import { actorOf } from './audit-actor.ts';
import { exitCode, exitCodeFor } from './exit-code.ts';
import { wasInterrupted } from './interrupt.ts';
import { toolVersion } from './tool-version.ts';

/** Commands that change nothing, and prove nothing. All others are recorded. */
const readOnlyCommands: readonly string[] = ['check', 'plan', 'status', 'failures'];

/** The audit log as commands see it. */
export interface Audit {
  /** Returns when the event is on the disk; at once where the config names no log. */
  record(event: AuditEvent): Promise<void>;
  /** What the command's last line shall say as well. */
  note(details: CommandDetails): void;
}

const silent: Audit = { record: async () => undefined, note: () => undefined };

/** Of the commands that are running, by their config: all that works for a command has its config. */
const running = new WeakMap<KeyturnConfig, Audit>();

/** The audit log of the command that runs with this config. */
export function auditOf(config: KeyturnConfig): Audit {
  return running.get(config) ?? silent;
}

/**
 * Records that a command begins and how it ends, where the config names an audit log. If the beginning cannot
 * be recorded, the command does not begin.
 */
export async function audited(
  config: KeyturnConfig,
  command: string,
  action: () => Promise<number>,
): Promise<number> {
  if (config.audit === null || readOnlyCommands.includes(command)) return action();
  const { record } = openAuditLog(config.audit, {
    rotation: config.rotation,
    actor: actorOf(process.env),
    host: hostname(),
    pid: process.pid,
    tool: `keyturn ${toolVersion()}`,
  });
  let details: CommandDetails = {};
  const note = (more: CommandDetails): void => void (details = { ...details, ...more });
  running.set(config, { record, note });
  const end = (code: number, faultCode: string | null): Promise<void> =>
    record({ ...details, event: 'command.ended', command, exitCode: code, code: faultCode });

  await record({ event: 'command.started', command });
  let code: number;
  try {
    code = await action();
  } catch (error) {
    const fault = asFault(error);
    await end(wasInterrupted() ? exitCode.interrupted : exitCodeFor(fault), fault.code).catch(
      (lost: unknown) => process.stderr.write(`keyturn: ${asFault(lost).message}\n`),
    );
    throw error;
  }
  await end(code, null);
  return code;
}
