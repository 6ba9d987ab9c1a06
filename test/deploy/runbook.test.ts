import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { nameOf } from '../support/deploy/kube-object.ts';
import { podsOf } from '../support/deploy/pods.ts';
import { renderOverlay } from '../support/deploy/render.ts';

const runbook = readFileSync('RUNBOOK.md', 'utf8');
const pages = runbook
  .split(/^### /m)
  .slice(1)
  .map((page) => page.split(/^## /m, 1)[0] ?? '')
  .map((page) => [page.split('\n', 1)[0] ?? '', page] as const);

/** All that a pattern's first group finds. */
function found(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group = '']) => group);
}

test.each(pages)('%s: who is woken looks for what to do in the same place of each page', (_title, page) => {
  const parts = found(page, /^\*\*([A-Z][a-z]+(?:, do)?)\b[^*]*\*\*/gm);
  expect(parts.join(', ').toLowerCase()).toBe('means, look, do, over');
});

test('a link of a page would lead nowhere', () => {
  const anchors = found(runbook, /^#+ (.+)$/gm).map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = found(runbook, /\]\(#([^)]+)\)/g);
  expect(links.length).toBeGreaterThan(10);
  expect(anchors).toEqual(expect.arrayContaining(links));
});

test('a page would name a command that the program does not have', () => {
  const main = readFileSync('src/cli/main.ts', 'utf8');
  const commands = found(main, /(?:configured\(\s*|\.command\()'([a-z-]+)'/g);
  const named = found(runbook, /(?:`|\$ )keyturn ([a-z][a-z-]*)/g);
  expect(named.length).toBeGreaterThan(20);
  expect(commands).toEqual(expect.arrayContaining(named));
});

describe('kubectl would find nothing', () => {
  const objects = renderOverlay('base');
  const commands = found(runbook, /(kubectl (?:-n|apply|exec).*)/g).join('\n');

  test('by the names and the namespace that a page gives', () => {
    const kinds: Readonly<Record<string, string>> = { deploy: 'Deployment', job: 'Job' };
    const named = [...commands.matchAll(/\b(deploy|job)[/ ]([a-z][a-z-]+)/g)].map(
      ([, kind = '', name = '']) => `${kinds[kind]}/${name}`,
    );
    expect(named.length).toBeGreaterThan(8);
    expect(objects.map(nameOf)).toEqual(expect.arrayContaining(named));
    expect(new Set(found(commands, /-n ([a-z-]+)/g))).toEqual(new Set(['keyturn']));
  });

  test('by the label, the port, the program and the config that a page gives', () => {
    const rendered = JSON.stringify(objects);
    for (const label of found(commands, / -l (\S+)/g)) {
      const [name, value] = label.split('=');
      expect(rendered).toContain(`"${name}":"${value}"`);
    }
    const ports = podsOf(objects).flatMap(({ containers }) =>
      containers.flatMap((container) => container.ports),
    );
    expect(ports.map(({ containerPort }) => String(containerPort))).toEqual(
      expect.arrayContaining(found(commands, /port-forward \S+ (\d+)/g)),
    );
    expect(rendered).toContain(found(runbook, / -c (\/\S+);/g)[0]);
    expect(readFileSync('Dockerfile', 'utf8')).toContain(
      'ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli/main.js"]',
    );
    expect(runbook).toContain('-- /nodejs/bin/node /app/dist/cli/main.js "$@"');
  });
});
