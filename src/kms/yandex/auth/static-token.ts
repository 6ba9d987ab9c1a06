import { Fault } from '../../../rotation/faults.ts';
import { headerSafeToken, type TokenSource } from '../../connection/token-source.ts';

/** A token from the config. It lives 12 hours at most and nothing here can renew it. */
export function createStaticTokenSource(token: string): TokenSource {
  if (!headerSafeToken.test(token)) {
    throw new Fault(
      'usage',
      'BAD_TOKEN',
      'kms.auth.iamToken is empty or has blanks, line breaks or non-ASCII characters',
    );
  }
  return {
    get: () => token,
    replace: () => Promise.resolve(null),
    remedy: 'put a fresh one into kms.auth.iamToken (`yc iam create-token`) and start keyturn again',
    close: () => Promise.resolve(),
  };
}
