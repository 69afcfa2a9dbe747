/** A report of use as a table, CSV or JSON. Pure. */
import type { Forecast, UsageReport } from './report.js';

type Cell = string | number | undefined;

export const FORMATS = { table: asTable, csv: asCsv, json: asJson };

function asJson(report: UsageReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

function asTable(report: UsageReport): string {
  const { span, comparedUntil, consumers, clients, elsewhere, used, forecast, findings } = report;
  const costs = forecast?.cost === undefined ? [] : ['cost'];
  const cost = (amount: number | undefined): Cell[] => (forecast?.cost === undefined ? [] : [money(amount)]);
  const byConsumer = [
    ['consumer', 'requests', 'share', ...costs],
    ...consumers.map((one) => [label(one), one.requests, percent(one.sharePercent), ...cost(one.cost)]),
    ...(elsewhere === undefined
      ? []
      : [['(not through the gateway)', elsewhere.requests, percent(elsewhere.sharePercent), ...cost(elsewhere.cost)]]),
    ['all', used, '', ...cost(forecast?.cost)],
  ];
  const byClient = [
    ['OAuth client', 'name', 'gateway', 'Genesys', 'difference'],
    ...clients.map(({ id, name, gateway, genesys, difference, differencePercent }) => [
      id === '' ? '(none)' : id,
      name,
      gateway,
      genesys,
      difference === undefined ? '' : `${difference > 0 ? '+' : ''}${difference} (${differencePercent} %)`,
    ]),
  ];
  const compared = comparedUntil === undefined ? '' : ` until ${comparedUntil}, the last day that Genesys has`;
  return [
    `Use from ${span.since} to ${span.until} (UTC)`,
    '',
    columns(byConsumer),
    `By OAuth client${compared}`,
    '',
    columns(byClient),
    ...(forecast === undefined ? [] : [ending(forecast)]),
    ...findings.map((finding) => `! ${finding}`),
    '',
  ].join('\n');
}

function ending({ isRunning, atEnd, allocation, cost }: Forecast): string {
  const requests = isRunning ? `At this rate ${atEnd} requests by the end` : `${atEnd} requests in all`;
  const paid = allocation === undefined ? '' : `, of ${allocation} in the allocation`;
  return `${requests}${paid}${cost === undefined ? '' : `: ${money(cost)} for what is beyond`}`;
}

function label({ id, name }: { id: string; name: string }): string {
  return name || id || '(no consumer)';
}

function percent(value: number): string {
  return `${value} %`;
}

function money(amount: number | undefined): string {
  return amount === undefined ? '' : amount.toFixed(2);
}

/** Aligns numbers to the right, everything else to the left. */
function columns(rows: readonly (readonly Cell[])[]): string {
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, index) => Math.max(known[index] ?? 0, String(cell ?? '').length)),
    [],
  );
  const lines = rows.map((row) =>
    row
      .map((cell, index) => {
        const text = String(cell ?? '');
        const isNumber = rows.slice(1).every((other) => typeof other[index] !== 'string' || other[index] === '');
        return isNumber ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

function asCsv({ consumers, clients, elsewhere, used, forecast }: UsageReport): string {
  const head = 'kind,id,name,requests,genesys,difference,share_percent,cost';
  const rows: Cell[][] = [
    ...consumers.map((one) => ['consumer', one.id, one.name, one.requests, '', '', one.sharePercent, one.cost]),
    ...(elsewhere === undefined
      ? []
      : [['elsewhere', '', '', elsewhere.requests, '', '', elsewhere.sharePercent, elsewhere.cost]]),
    ...clients.map((one) => ['client', one.id, one.name, one.gateway, one.genesys, one.difference, '', '']),
    ['used', '', '', used, '', '', '', ''],
    ...(forecast === undefined ? [] : [['forecast', '', '', forecast.atEnd, '', '', '', forecast.cost]]),
  ];
  return [head, ...rows.map((row) => row.map(csvCell).join(',')), ''].join('\n');
}

/** A text that a spreadsheet would take for a formula gets an apostrophe in front. */
function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') return cell === undefined ? '' : String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
