import type { z } from 'zod';
import { opensEnvelopes } from '../rotation/formats/opens-envelopes.ts';
import type { DataKeySpec } from '../rotation/ports/data-key-service.ts';
import type { KeyturnConfig } from './keyturn-config.ts';

export const modes = ['rewrap', 'regenerate'] as const;

interface ModeSettings {
  readonly mode: (typeof modes)[number];
  readonly allowPlaintext?: boolean | undefined;
  readonly dataKeySpec?: DataKeySpec | undefined;
}

/** Refuses settings that do not fit the mode: nobody shall get plaintext into a process by a slip. */
export function checkMode(
  config: ModeSettings & Pick<KeyturnConfig, 'kms' | 'format'>,
  context: z.core.$RefinementCtx,
): void {
  const refuse = (path: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], message });
  if (config.mode === 'rewrap') {
    for (const name of ['allowPlaintext', 'dataKeySpec'] as const)
      if (config[name] !== undefined && config[name] !== false)
        refuse(name, 'is for mode: regenerate alone; leave it out');
    return;
  }
  if (config.allowPlaintext !== true)
    refuse(
      'mode',
      'regenerate decrypts every payload in this process; set allowPlaintext: true if that is what you want',
    );
  if (!opensEnvelopes(config.format))
    refuse('format', 'has no data key that could be replaced; mode: regenerate needs envelope');
  if (config.kms.provider !== 'yandex')
    refuse('mode', `regenerate is not available with ${config.kms.provider}; use yandex, or mode: rewrap`);
}

export function toMode({ mode, dataKeySpec }: ModeSettings): KeyturnConfig['mode'] {
  return mode === 'rewrap'
    ? { kind: 'rewrap' }
    : { kind: 'regenerate', dataKeySpec: dataKeySpec ?? 'AES_256' };
}
