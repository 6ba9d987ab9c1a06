/** Text of others on one line, without what moves a cursor or turns the direction of reading. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{C}]+/gu, ' ').trim();
}
