import { expect, test } from 'vitest';
import { keptGrants } from '../../../src/stores/s3/grants.ts';

const Owner = { ID: 'owner' };
const owner = {
  Grantee: { ID: 'owner', Type: 'CanonicalUser' as const },
  Permission: 'FULL_CONTROL' as const,
};

test('the ACL that every new object gets is not sent, so that no right to set one is needed', () => {
  expect(keptGrants({ $metadata: {}, Owner, Grants: [owner] })).toEqual({});
});

test('grants to others are sent again, each with its permission', () => {
  const everyone = { URI: 'http://acs.amazonaws.com/groups/global/AllUsers', Type: 'Group' as const };
  const auditor = { ID: 'auditor', Type: 'CanonicalUser' as const };
  const Grants = [
    owner,
    { Grantee: everyone, Permission: 'READ' as const },
    { Grantee: auditor, Permission: 'READ' as const },
    { Grantee: auditor, Permission: 'READ_ACP' as const },
  ];
  expect(keptGrants({ $metadata: {}, Owner, Grants })).toEqual({
    GrantFullControl: 'id="owner"',
    GrantRead: 'uri="http://acs.amazonaws.com/groups/global/AllUsers", id="auditor"',
    GrantReadACP: 'id="auditor"',
  });
});
