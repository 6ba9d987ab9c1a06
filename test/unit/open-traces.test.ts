import { expect, test } from 'vitest';
import { openTraces } from '../../src/cli/open-traces.ts';
import { minimalConfig, parseText } from '../support/parse-config.ts';

const { config } = parseText(JSON.stringify(minimalConfig), {});
const endpoint = 'http://127.0.0.1:4318';

test.each([
  ['unset', {}],
  ['empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ['overruled', { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: 'true' }],
])('an endpoint that is %s means no traces', async (_how, environment) => {
  expect(await openTraces(config, environment, () => undefined)).toBeNull();
});
