import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { datasource } from './panel.ts';
import { rows } from './rows.ts';

const state = 'max by (state) (keyturn_rotation_state{rotation="$rotation"}';
/** A state that was not there half a minute ago. */
const stateChanges = `${state}) == 1 unless ${state} offset 30s) == 1`;

/** The dashboard of one rotation, over any Prometheus that scrapes its workers. */
export function createDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('keyturn')
    .uid('keyturn')
    .description('One rotation: how far it is, what it asks of the KMS and the store, and what went wrong.')
    .tags(['keyturn'])
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('rotation')
        .label('Rotation')
        .datasource(datasource)
        .query('label_values(keyturn_build_info, rotation)')
        .refresh(VariableRefresh.OnTimeRangeChanged),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name('State changes')
        .datasource(datasource)
        .enable(true)
        .iconColor('blue')
        .expr(stateChanges)
        .step('15s')
        .titleFormat('{{state}}')
        .tagKeys('state'),
    );
  for (const { title, panels } of rows) {
    dashboard.withRow(new RowBuilder(title));
    for (const panel of panels) dashboard.withPanel(panel);
  }
  return dashboard.build();
}
