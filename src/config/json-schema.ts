import { z } from 'zod';
import { createConfigSchema } from './config-schema.ts';

/** The JSON Schema (draft 2020-12) of a config file, before placeholders are replaced. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  const { $schema, ...schema } = z.toJSONSchema(createConfigSchema('.'), {
    io: 'input',
    target: 'draft-2020-12',
  });
  return { ...($schema !== undefined && { $schema }), title: 'keyturn rotation config', ...schema };
}
