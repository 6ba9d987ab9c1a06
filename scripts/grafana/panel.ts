import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorBuilder, FieldColorModeId, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** The data source that the viewer has chosen. */
export const datasource = { type: 'prometheus', uid: '${datasource}' };

/** One query of a panel. `legend` may name labels: `{{code}}`. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** What a panel of any kind has. */
interface PanelSpec {
  readonly title: string;
  /** What it tells, and what to do when it looks bad. */
  readonly description: string;
  /** As Grafana names it: `s`, `bytes`, `reqps`, `percentunit`, `short`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Of the 24 columns of the dashboard; 8 unless given. */
  readonly span?: number;
}

const height = 7;

/** One number, the last of the range. */
export function stat(spec: PanelSpec): Builder<Panel> {
  const panel = new StatBuilder()
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .graphMode(BigValueGraphMode.None)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor('text'))
    .noValue('–')
    .height(4);
  return filled(panel, spec);
}

/** Lines over time; `stacked` where they are parts of one whole. */
export function lines(spec: PanelSpec & { readonly stacked?: true }): Builder<Panel> {
  const panel = new TimeseriesBuilder()
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .showPoints(VisibilityMode.Never)
    .min(0)
    .height(height);
  if (spec.stacked) {
    panel.fillOpacity(25).stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  }
  return filled(panel, spec);
}

/** One row for each series, coloured while its value is there. */
export function timeline(spec: PanelSpec): Builder<Panel> {
  const panel = new StateTimelineBuilder()
    .legend(new VizLegendOptionsBuilder().showLegend(false))
    .showValue(VisibilityMode.Never)
    .mergeValues(true)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .height(height);
  return filled(panel, spec);
}

function filled<B extends StatBuilder | TimeseriesBuilder | StateTimelineBuilder>(
  panel: B,
  { title, description, unit, queries, span = 8 }: PanelSpec,
): B {
  panel.title(title).description(description).unit(unit).span(span).datasource(datasource);
  for (const [index, { expr, legend }] of queries.entries()) {
    const refId = String.fromCodePoint('A'.charCodeAt(0) + index);
    panel.withTarget(
      new DataqueryBuilder().datasource(datasource).expr(expr).legendFormat(legend).refId(refId).range(),
    );
  }
  return panel;
}
