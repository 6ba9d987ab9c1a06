import { readInteger, readString, type Message } from './message-fields.ts';
import { refusal } from './status.ts';

const defaultPageSize = 100;
const maxPageSize = 1000;

/**
 * The page that `pageSize` and `pageToken` of a list request ask for, and the token of the next one, "" at
 * the end. A token names the last item before its page, so that items added meanwhile shift nothing.
 */
export function pageOf<T extends { readonly id: string }>(
  items: readonly T[],
  request: Message,
): { page: readonly T[]; nextPageToken: string } {
  const pageSize = readInteger(request, 'pageSize') || defaultPageSize;
  if (pageSize < 0 || pageSize > maxPageSize) {
    throw refusal('INVALID_ARGUMENT', `pageSize must be from 0 to ${maxPageSize}`);
  }
  const from = positionAfter(items, readString(request, 'pageToken', 256));
  const page = items.slice(from, from + pageSize);
  const last = page.at(-1);
  const more = last !== undefined && from + pageSize < items.length;
  return { page, nextPageToken: more ? Buffer.from(last.id).toString('base64url') : '' };
}

function positionAfter(items: readonly { readonly id: string }[], pageToken: string): number {
  if (pageToken === '') return 0;
  const lastId = Buffer.from(pageToken, 'base64url').toString();
  const at = items.findIndex(({ id }) => id === lastId);
  if (at === -1) throw refusal('INVALID_ARGUMENT', 'pageToken is not one of this list');
  return at + 1;
}
