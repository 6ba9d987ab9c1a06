import { parse } from 'yaml';
import { z } from 'zod';
import type { KeyturnConfig } from '../../../src/config/keyturn-config.ts';
import { parseText } from '../parse-config.ts';
import type { KubeObject } from './kube-object.ts';

/** What the files stand for that a Secret brings. */
const secretFiles = {
  '/var/run/keyturn/secrets/broker-url': 'redis://redis:6379',
  '/var/run/keyturn/secrets/store-url': 'postgres://keyturn:demo@postgres/app',
  '/var/run/keyturn/secrets/iam-token': 'demo',
};

const holder = z.object({ data: z.object({ 'rotation.yaml': z.string() }) });

/** The text of the one rotation.yaml among the objects. */
export function rotationText(objects: readonly KubeObject[]): string {
  const found = objects
    .filter(({ kind }) => kind === 'ConfigMap')
    .flatMap((object) => holder.safeParse(object).data ?? []);
  const [only, ...others] = found;
  if (only === undefined || others.length > 0)
    throw new Error(`${found.length} ConfigMaps hold a rotation.yaml`);
  return only.data['rotation.yaml'];
}

/** As the program reads it; throws where it would refuse it, and on what it would warn of. */
export function rotationConfig(text: string): KeyturnConfig {
  const files = text.includes('redis-tls')
    ? { ...secretFiles, '/var/run/keyturn/secrets/broker-url': 'rediss://redis:6380' }
    : secretFiles;
  const { config, warnings } = parseText(text, { files });
  if (warnings.length > 0) throw new Error(warnings.join('\n'));
  return config;
}

/** The paths of the files that a config names, those of placeholders included. */
export function filesNamedIn(text: string): string[] {
  return scalarsOf(parse(text)).flatMap((value) =>
    [...value.matchAll(/^(?:\$\{file:)?(\/[^}]+)\}?$/g)].map(([, path = '']) => path),
  );
}

function scalarsOf(node: unknown): string[] {
  if (typeof node === 'string') return [node];
  return typeof node === 'object' && node !== null ? Object.values(node).flatMap(scalarsOf) : [];
}
