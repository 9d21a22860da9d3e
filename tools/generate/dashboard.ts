import { type Panel, ROWS } from './dashboard-rows.ts';

/** Grafana divides its width into this many columns. */
const COLUMNS = 24;
const PANELS_PER_LINE = 3;
const PANEL_HEIGHT = 8;

/** deploy/grafana/sallyport.json, which Grafana imports: ids and places follow from the order of the panels. */
export function renderDashboard(): string {
  const panels: unknown[] = [];
  let y = 0;
  for (const { title, panels: own } of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
      panels: [],
    });
    y += 1;
    for (const [index, panel] of own.entries()) {
      const w = COLUMNS / PANELS_PER_LINE;
      const line = Math.floor(index / PANELS_PER_LINE);
      const gridPos = { h: PANEL_HEIGHT, w, x: (index % PANELS_PER_LINE) * w, y: y + line * PANEL_HEIGHT };
      panels.push(panelOf(panel, panels.length + 1, gridPos));
    }
    y += Math.ceil(own.length / PANELS_PER_LINE) * PANEL_HEIGHT;
  }
  return `${JSON.stringify({ ...DASHBOARD, panels }, undefined, 2)}\n`;
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

function panelOf({ title, description, unit, queries }: Panel, id: number, gridPos: object): unknown {
  return {
    id,
    type: 'timeseries',
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never' } }, overrides: [] },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: queries.map(({ expression, legend }, index) => ({
      refId: String.fromCodePoint(FIRST_REFERENCE + index),
      datasource: DATASOURCE,
      expr: expression,
      legendFormat: legend,
      range: true,
    })),
  };
}

/** 'A'. */
const FIRST_REFERENCE = 65;

function variable(name: string, label: string, expression: string): Readonly<Record<string, unknown>> {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    definition: expression,
    query: { query: expression, refId: name },
    refresh: 2,
    sort: 1,
  };
}

const DASHBOARD = {
  uid: 'sallyport',
  title: 'Sallyport',
  description:
    'The security gateway: traffic, machine, security and what is inside. Alerts and runbooks come with the gateway.',
  tags: ['sallyport'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  timezone: 'browser',
  templating: {
    list: [
      { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1 },
      variable('job', 'Job', 'label_values(sallyport_build_info, job)'),
      {
        ...variable('instance', 'Instance', 'label_values(sallyport_build_info{job="$job"}, instance)'),
        multi: true,
        includeAll: true,
        current: { text: ['All'], value: ['$__all'] },
      },
    ],
  },
  annotations: {
    list: [
      {
        name: 'New policies',
        datasource: DATASOURCE,
        enable: true,
        iconColor: 'blue',
        expr: 'changes(gateway_config_version{job="$job",instance=~"$instance"}[1m]) > 0',
        titleFormat: 'A policy came into force',
      },
    ],
  },
};
