/** Text from a config or a peer on one line, without what could move a cursor or turn the direction of reading. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{C}]+/gu, ' ').trim();
}
