import { z } from 'zod';
import { nameOf, type KubeObject } from './kube-object.ts';

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }).optional() }).loose();
const container = z
  .object({
    name: z.string(),
    image: z.string(),
    command: z.array(z.string()).optional(),
    args: z.array(z.string()).default([]),
    ports: z.array(z.object({ name: z.string(), containerPort: z.int() }).loose()).default([]),
    volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() }).loose()).default([]),
    startupProbe: probe.optional(),
    livenessProbe: probe.optional(),
    readinessProbe: probe.optional(),
    securityContext: z.object({}).loose().default({}),
    resources: z.object({ requests: z.object({}).loose(), limits: z.object({}).loose() }).optional(),
  })
  .loose();
const pod = z
  .object({
    serviceAccountName: z.string().optional(),
    terminationGracePeriodSeconds: z.int().default(30),
    containers: z.array(container).min(1),
    initContainers: z.array(container).default([]),
    volumes: z.array(z.object({ name: z.string() }).loose()).default([]),
    securityContext: z.object({}).loose().default({}),
  })
  .loose();
const workload = z.object({
  spec: z
    .object({
      template: z.object({
        metadata: z.object({ labels: z.record(z.string(), z.string()) }).loose(),
        spec: pod,
      }),
    })
    .loose(),
});

export type Container = z.output<typeof container>;
export type Pod = z.output<typeof pod>;

export interface NamedPod {
  /** Of the object that makes it: `Job/keyturn-verify`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: Pod;
  /** Those that begin it included. */
  readonly containers: readonly Container[];
}

/** The pods that Deployments and Jobs make. */
export function podsOf(objects: readonly KubeObject[]): NamedPod[] {
  return objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
    .map((object) => {
      const { template } = workload.parse(object).spec;
      return {
        name: nameOf(object),
        labels: template.metadata.labels,
        pod: template.spec,
        containers: [...template.spec.initContainers, ...template.spec.containers],
      };
    });
}

/** Those of our own processes. */
export function keyturnPods(objects: readonly KubeObject[]): NamedPod[] {
  return podsOf(objects).filter(({ labels }) => labels['app.kubernetes.io/name'] === 'keyturn');
}
