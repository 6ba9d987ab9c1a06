// `node scripts/grafana-dashboard.ts` (Node 22.18 or newer, which runs TypeScript) writes the Grafana dashboard anew.
import { writeFileSync } from 'node:fs';
import { renderDashboard } from './grafana/render.ts';

writeFileSync(new URL('../deploy/grafana/keyturn.json', import.meta.url), await renderDashboard());
