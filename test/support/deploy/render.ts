import { execFileSync } from 'node:child_process';
import { clusterTool } from './cluster-tools.ts';
import { parseObjects, type KubeObject } from './kube-object.ts';

/** The folders under `deploy/kubernetes` that a user applies. */
export const overlays = [
  'base',
  'overlays/redis-tls',
  'overlays/keda',
  'overlays/hpa',
  'overlays/yandex-workload-identity',
  'overlays/grafana-dashboard',
  'overlays/traces',
  'overlays/demo',
] as const;

/** Those that the Helm chart can render too, with a file of values under `examples` but for the base. */
export const charted = overlays.filter((overlay) => overlay !== 'overlays/demo');

const rendered = new Map<string, KubeObject[]>();

/** The objects of a folder under `deploy/kubernetes`. */
export function renderOverlay(overlay: string): KubeObject[] {
  return once(`kustomize ${overlay}`, () => run('kubectl', ['kustomize', `deploy/kubernetes/${overlay}`]));
}

/** The objects of the Helm chart, installed in the namespace `keyturn`. */
export function renderChart(
  overlay: string,
  { release = 'keyturn', flags = [] }: { release?: string; flags?: readonly string[] } = {},
): KubeObject[] {
  const values =
    overlay === 'base' ? [] : ['-f', `${chart}/examples/${overlay.replace('overlays/', '')}.yaml`];
  const args = ['template', release, chart, '-n', 'keyturn', ...values, ...flags];
  return once(args.join(' '), () => run('helm', args));
}

const chart = 'deploy/helm/keyturn';

function once(name: string, render: () => string): KubeObject[] {
  const objects = rendered.get(name) ?? parseObjects(render());
  rendered.set(name, objects);
  return objects;
}

function run(tool: 'kubectl' | 'helm', args: readonly string[]): string {
  return execFileSync(clusterTool(tool), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
