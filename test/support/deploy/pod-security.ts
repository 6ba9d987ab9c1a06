import { z } from 'zod';
import type { NamedPod, Pod } from './pods.ts';

const allowedVolumes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const context = z
  .object({
    privileged: z.boolean().default(false),
    allowPrivilegeEscalation: z.boolean().default(true),
    runAsNonRoot: z.boolean().optional(),
    runAsUser: z.int().optional(),
    seccompProfile: z.object({ type: z.string() }).loose().optional(),
    capabilities: z
      .object({ drop: z.array(z.string()).default([]), add: z.array(z.string()).default([]) })
      .default({ drop: [], add: [] }),
    procMount: z.string().default('Default'),
    readOnlyRootFilesystem: z.boolean().default(false),
  })
  .loose();

/**
 * What the Pod Security Standard "restricted" forbids, in words, and two rules of our own: a read-only root and
 * bounded resources. Kubernetes lists the standard under "Pod Security Standards".
 */
export function securityProblems({ name, pod, containers }: NamedPod): string[] {
  return [
    ...podProblems(pod),
    ...containers.flatMap((container) => {
      const own = context.parse({ ...pod.securityContext, ...container.securityContext });
      const { drop, add } = own.capabilities;
      return [
        own.privileged && 'is privileged',
        own.allowPrivilegeEscalation && 'may escalate its privileges',
        own.runAsNonRoot !== true && 'may run as root',
        own.runAsUser === 0 && 'runs as root',
        !['RuntimeDefault', 'Localhost'].includes(own.seccompProfile?.type ?? '') && 'has no seccomp profile',
        !drop.includes('ALL') && 'keeps capabilities',
        add.some((capability) => capability !== 'NET_BIND_SERVICE') && 'adds capabilities',
        own.procMount !== 'Default' && 'unmasks /proc',
        container.ports.some((port) => 'hostPort' in port) && 'takes a port of its host',
        ('seLinuxOptions' in own || 'windowsOptions' in own) && 'sets options of its host',
        !own.readOnlyRootFilesystem && 'can write to its root',
        container.resources?.limits['memory'] === undefined && 'has no limit of memory',
      ].flatMap((problem) => (problem === false ? [] : [`container ${container.name} ${problem}`]));
    }),
  ].map((problem) => `${name}: ${problem}`);
}

function podProblems(pod: Pod): string[] {
  const hosts = ['hostNetwork', 'hostPID', 'hostIPC'].filter((name) => pod[name] === true);
  const volumes = pod.volumes.flatMap((volume) =>
    Object.keys(volume).filter((kind) => kind !== 'name' && !allowedVolumes.includes(kind)),
  );
  return [
    ...hosts.map((name) => `sets ${name}`),
    ...volumes.map((kind) => `has a volume of kind ${kind}`),
    ...('sysctls' in pod.securityContext ? ['sets sysctls'] : []),
  ];
}
