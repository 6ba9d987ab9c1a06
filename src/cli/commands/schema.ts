import { configJsonSchema } from '../../config/json-schema.ts';

/** Prints the JSON Schema of the config file. */
export function printSchema(): void {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
}
