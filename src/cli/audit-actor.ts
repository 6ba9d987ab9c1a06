const maxLength = 200;

/**
 * Who runs this process: KEYTURN_ACTOR (which a pipeline sets), else the user behind sudo, else the user,
 * else the user id. It is what the environment says, not a proof.
 */
export function actorOf(env: NodeJS.ProcessEnv): string {
  const named = [env['KEYTURN_ACTOR'], env['SUDO_USER'], env['USER'], env['LOGNAME']].find(
    (name) => name !== undefined && name.trim() !== '',
  );
  return named?.trim().slice(0, maxLength) ?? `uid ${process.getuid?.() ?? 'unknown'}`;
}
