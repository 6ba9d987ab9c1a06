import type { GetObjectAclCommandOutput, Grantee, Permission } from '@aws-sdk/client-s3';

const headers = [
  ['GrantFullControl', 'FULL_CONTROL'],
  ['GrantRead', 'READ'],
  ['GrantReadACP', 'READ_ACP'],
  ['GrantWriteACP', 'WRITE_ACP'],
] as const satisfies readonly (readonly [string, Permission])[];

export type KeptGrants = Partial<Record<(typeof headers)[number][0], string>>;

/**
 * An ACL in the words of PutObject; nothing where it is the one that every new object gets: the owner alone.
 */
export function keptGrants({ Owner, Grants = [] }: GetObjectAclCommandOutput): KeptGrants {
  const isDefault = Grants.every(
    ({ Grantee, Permission }) =>
      Grantee?.URI === undefined && Grantee?.ID === Owner?.ID && Permission === 'FULL_CONTROL',
  );
  if (isDefault) return {};
  const kept = headers.map(([header, permission]) => {
    const grantees = Grants.filter(({ Permission }) => Permission === permission).map(
      ({ Grantee }) => Grantee,
    );
    return [header, grantees.flatMap((grantee) => nameOf(grantee)).join(', ')] as const;
  });
  return Object.fromEntries(kept.filter(([, grantees]) => grantees !== ''));
}

function nameOf(grantee: Grantee | undefined): string[] {
  if (grantee?.URI !== undefined) return [`uri="${grantee.URI}"`];
  if (grantee?.ID !== undefined) return [`id="${grantee.ID}"`];
  return [];
}
