import type { Certificate } from '../rotation/certificate.ts';

/**
 * What the verdict means for the old key version, in the terms of NIST SP 800-57 Part 1 Rev. 5: cryptoperiods
 * (§5.3) and the states of keys (§7).
 */
export function nistParagraph(verdict: Certificate['verdict']): string {
  const next =
    verdict === 'safe-to-retire'
      ? 'Nothing that was read needs an older version any more: its originator-usage period can end now, if the ' +
        'application no longer encrypts under it, and it can become *deactivated*.'
      : 'Records still need an older version, so its cryptoperiod goes on: it must stay *active*, or at least ' +
        'be able to decrypt.';
  return (
    `${next} It may become *destroyed* only when its recipient-usage period is over too, that is, when no backup ` +
    'or copy under it will ever have to be read. A version that is *compromised* stays so: re-encryption ends ' +
    'its further use, and what was disclosed under it remains disclosed.'
  );
}
