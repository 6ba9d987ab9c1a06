import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const kubeObject = z
  .object({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.object({ name: z.string() }).loose(),
  })
  .loose();

/** An object as it is sent to a cluster. */
export type KubeObject = z.output<typeof kubeObject>;

/** The objects of a stream of YAML documents. */
export function parseObjects(text: string): KubeObject[] {
  // As Kubernetes reads it: 0440 is octal.
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      const object: unknown = document.toJS();
      return object;
    })
    .filter((object) => object !== null)
    .map((object) => kubeObject.parse(object));
}

/** `Deployment/keyturn-worker`. */
export function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.name}`;
}
