// `node scripts/grafana-dashboard.ts` (Node 22.18 or newer, which runs TypeScript) writes the Grafana dashboard anew, and
// its copy for the Helm chart, which can hold no file from outside of its folder.
import { writeFileSync } from 'node:fs';
import { renderDashboard } from './grafana/render.ts';

const dashboard = await renderDashboard();
for (const folder of ['grafana', 'helm/keyturn/dashboards'])
  writeFileSync(new URL(`../deploy/${folder}/keyturn.json`, import.meta.url), dashboard);
