import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import type { KubeObject } from './kube-object.ts';

const models = [
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  NetworkPolicy,
  PodDisruptionBudget,
  ConfigMap,
  Namespace,
  Secret,
  Service,
  ServiceAccount,
  ScaledObject,
  PodMonitor,
];

/**
 * What is wrong with an object by its schema, in words, empty if nothing is: types, required fields, and fields
 * that the schema does not know, which a cluster would drop or refuse.
 */
export function schemaProblems(object: KubeObject): string[] {
  const model = models.find(
    (candidate) => candidate.apiVersion === object.apiVersion && candidate.kind === object.kind,
  );
  if (model === undefined) return [`no schema of ${object.kind} in ${object.apiVersion} is at hand`];
  const seen = new Set<string>();
  try {
    model.prototype.validate.call(watched(object, '', seen));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return fieldsOf(object, '')
    .filter((path) => !seen.has(path))
    .map((path) => `${path} is no known field`);
}

/**
 * The schemas are compiled code, which looks at each field it knows and passes over the others: what it never
 * looked at is unknown.
 */
function watched<Value>(value: Value, path: string, seen: Set<string>): Value {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, name, receiver) {
      const child: unknown = Reflect.get(target, name, receiver);
      if (typeof name !== 'string' || !Object.hasOwn(target, name)) return child;
      seen.add(`${path}/${name}`);
      return watched(child, `${path}/${name}`, seen);
    },
  });
}

function fieldsOf(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => [
    `${path}/${name}`,
    ...fieldsOf(child, `${path}/${name}`),
  ]);
}
