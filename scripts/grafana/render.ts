import { format, resolveConfig } from 'prettier';
import { createDashboard } from './dashboard.ts';

const file = 'deploy/grafana/keyturn.json';

/** The dashboard as it is committed: JSON, formatted as all files of the repository are. */
export async function renderDashboard(): Promise<string> {
  return format(JSON.stringify(createDashboard()), { ...(await resolveConfig(file)), filepath: file });
}
