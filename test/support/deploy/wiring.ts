import { z } from 'zod';
import { nameOf, type KubeObject } from './kube-object.ts';
import { podsOf, type Pod } from './pods.ts';

const labels = z.record(z.string(), z.string());
const selecting = z.object({
  spec: z
    .object({
      selector: z.object({ matchLabels: labels }).optional(),
      podSelector: z.object({ matchLabels: labels }).optional(),
    })
    .loose(),
});
const scaling = z.object({
  spec: z.object({
    scaleTargetRef: z.object({ kind: z.string().default('Deployment'), name: z.string() }).optional(),
  }),
});
const serviceSpec = z.object({ spec: z.object({ selector: labels }).loose() });

/** Selectors and references of the objects that lead nowhere, in words. */
export function loosePoints(objects: readonly KubeObject[], broughtByUser: readonly string[]): string[] {
  const names = new Set([...objects.map(nameOf), ...broughtByUser]);
  const pods = podsOf(objects);
  const problems: string[] = [];
  for (const object of objects.filter((candidate) => 'spec' in candidate)) {
    for (const wanted of selectorsOf(object)) {
      const selected = pods.some((pod) =>
        Object.entries(wanted).every(([name, value]) => pod.labels[name] === value),
      );
      if (!selected) problems.push(`${nameOf(object)} selects no pod`);
    }
    const { scaleTargetRef: target } = scaling.parse(object).spec;
    if (target !== undefined && !names.has(`${target.kind}/${target.name}`))
      problems.push(`${nameOf(object)} scales ${target.kind}/${target.name}, which is not there`);
  }
  for (const { name, pod } of pods) {
    for (const reference of referencesOf(pod))
      if (!names.has(reference)) problems.push(`${name} refers to ${reference}, which is not there`);
    const volumes = pod.volumes.map((volume) => volume.name);
    const mounted = [...pod.initContainers, ...pod.containers].flatMap(({ volumeMounts }) =>
      volumeMounts.map((mount) => mount.name),
    );
    for (const volume of new Set([...volumes, ...mounted]))
      if (!volumes.includes(volume) || !mounted.includes(volume))
        problems.push(`${name}: volume ${volume} is not both there and mounted`);
  }
  return problems;
}

function selectorsOf(object: KubeObject): Readonly<Record<string, string>>[] {
  if (object.kind === 'Service') return [serviceSpec.parse(object).spec.selector];
  const { selector, podSelector } = selecting.parse(object).spec;
  return [selector, podSelector].flatMap((found) => (found === undefined ? [] : [found.matchLabels]));
}

const references = z.object({
  configMap: z.object({ name: z.string() }).optional(),
  secret: z.object({ secretName: z.string() }).optional(),
});
const environment = z.array(
  z.object({
    valueFrom: z.object({ secretKeyRef: z.object({ name: z.string() }).loose() }).optional(),
  }),
);

function referencesOf(pod: Pod): string[] {
  const inVolumes = pod.volumes.flatMap((volume) => {
    const { configMap, secret } = references.parse(volume);
    return [
      ...(configMap === undefined ? [] : [`ConfigMap/${configMap.name}`]),
      ...(secret === undefined ? [] : [`Secret/${secret.secretName}`]),
    ];
  });
  const inEnvironment = [...pod.initContainers, ...pod.containers].flatMap(({ env = [] }) =>
    environment
      .parse(env)
      .flatMap(({ valueFrom }) => (valueFrom === undefined ? [] : [`Secret/${valueFrom.secretKeyRef.name}`])),
  );
  const account = pod.serviceAccountName === undefined ? [] : [`ServiceAccount/${pod.serviceAccountName}`];
  return [...inVolumes, ...inEnvironment, ...account];
}
