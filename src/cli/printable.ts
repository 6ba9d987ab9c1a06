/** Of a reference or a message, so that none fills the screen. */
const shownCharacters = 300;

/** Text that comes from a store, a broker or a KMS, as it is shown: it must not steer the terminal. */
export function printable(text: string): string {
  const plain = text.slice(0, shownCharacters).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD');
  return text.length > shownCharacters ? `${plain}…` : plain;
}
