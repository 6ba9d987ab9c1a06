/** What the environment names. `npm run test:interop` runs no test of a peer that is not named. */
export function named(variable: string): string {
  const value = process.env[variable];
  if (value === undefined || value === '')
    throw new Error(`${variable} names no server; see 'npm run test:interop'`);
  return value;
}
