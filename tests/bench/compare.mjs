// Measures and prints the tables of `compare`, which sets the stage and passes KEY=VALUE:
//   models: folder of the benchmark networks     cases, shipped: folder and names of our models
//   wanted: names, all when empty                programs: folder of ours
//   peer: folder with onnxruntime-node           passes, seconds, runs, others: as options
//   threads, kernels: lists                      markdown: true or false
//   revision: of our tree                        log: file for every single measurement
// Exit 1 when a measurement failed or an output is off by more than LIMIT.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const LIMIT = 1e-4;
const MAIN_JOB = ['keypoint_unet', 'dewarp_unet', 'unet32', 'hrnet_w18_small'];

const ATTEMPTS = 10; // to get a measurement that others do not disturb

const given = Object.fromEntries(process.argv.slice(2).map(pair =>
  [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
const words = text => text.split(/[ ,]/).filter(Boolean);
const plan = {
  ...given,
  cases: chosenCases(),
  passes: Number(given.passes),
  seconds: Number(given.seconds),
  runs: Number(given.runs),
  others: Number(given.others) / 100,
  threads: words(given.threads).map(Number),
  kernels: words(given.kernels),
  markdown: given.markdown === 'true',
};
const driver = path.join(path.dirname(fileURLToPath(import.meta.url)), 'peer.mjs');
function note(text) {
  process.stderr.write(text + '\n');
}

// flops: of one run, from the networks' index; null: as our program counts them.
function chosenCases() {
  const index = JSON.parse(fs.readFileSync(path.join(given.models, 'models.json')));
  const all = [
    ...Object.entries(index).map(([name, facts]) => (
      { name, folder: given.models, flops: facts.macs ? 2 * facts.macs : null, shipped: false })),
    ...words(given.shipped).map(name => (
      { name, folder: given.cases, flops: null, shipped: true })),
  ];
  const wanted = words(given.wanted);
  const unknown = wanted.filter(name => !all.some(item => item.name === name));
  if (unknown.length > 0) {
    note(`compare: no network ${unknown.join(', ')}; there are ` +
      all.map(item => item.name).join(', '));
    process.exit(2);
  }
  const missing = all.filter(item => !fs.existsSync(path.join(item.folder, item.name + '.onnx')));
  if (missing.length > 0) {
    note(`compare: ${missing[0].folder} lacks ${missing[0].name}.onnx; remove it to make it anew`);
    process.exit(2);
  }
  return wanted.length > 0 ? all.filter(item => wanted.includes(item.name)) : all;
}

// ---- how busy others keep the machine ----

// Clock ticks: of all processors (busy, stolen, all) and of this process with its children.
function ticks() {
  const all = fs.readFileSync('/proc/stat', 'latin1').split('\n')[0].split(/\s+/).slice(1, 9)
    .map(Number);
  const [user, nice, system, idle, wait, irq, softirq, steal] = all;
  const own = fs.readFileSync('/proc/self/stat', 'latin1').replace(/^.*\) /, '').split(' ')
    .slice(11, 15).map(Number).reduce((a, b) => a + b);
  return { busy: user + nice + system + irq + softirq, steal, own,
    all: user + nice + system + idle + wait + irq + softirq + steal };
}

function shares(before) {
  const now = ticks(), all = Math.max(1, now.all - before.all);
  return {
    others: Math.max(0, now.busy - before.busy - (now.own - before.own)) / all,
    steal: (now.steal - before.steal) / all,
  };
}

// ---- one measurement, in a process of its own ----

function measureOnce(program, args, kernels) {
  const env = { ...process.env };
  delete env.GONIO_CPU_CONV;
  delete env.GONIO_CPU_KERNELS;
  if (kernels && kernels !== 'widest')
    env.GONIO_CPU_KERNELS = kernels;
  const before = ticks();
  const done = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 24 });
  const load = shares(before);
  let figures = null;
  try {
    figures = JSON.parse(done.stdout);
  } catch {
    figures = { failed: (done.stderr || String(done.error || '')).trim().slice(0, 300) };
  }
  return { ...figures, ...load };
}

function measure(program, args, kernels) {
  let quietest = null;
  for (let i = 0; i < ATTEMPTS && !(quietest && quietest.others <= plan.others); i++) {
    const figures = measureOnce(program, args, kernels);
    if (!quietest || figures.others < quietest.others)
      quietest = figures;
  }
  return quietest;
}

const ours = (item, threads, kernels) => measure(path.join(plan.programs, 'gonio-bench-models'),
  ['--json', '--runs', plan.runs, '--seconds', plan.seconds, '--threads', threads, item.folder,
    item.name].map(String), kernels);
const peers = (item, threads) => measure(process.execPath,
  [driver, 'run', plan.peer, item.folder, item.name, threads, plan.seconds, plan.runs].map(String));

function peaks(threads) {
  const run = spawnSync(path.join(plan.programs, 'gonio-bench-peak'), [String(threads)],
    { encoding: 'utf8' });
  return run.stdout.trim().split('\n').map(line => line.split(/\s+/));
}

// ---- all of them, interleaved ----

const key = (item, threads, side) => `${item.name} ${threads} ${side}`;
const kept = new Map(); // key: every pass's figures
const limits = {};      // threads: {set: GFLOP/s}, the highest seen
const background = [];
let bad = 0;

function keep(item, threads, side, figures) {
  const at = key(item, threads, side);
  kept.set(at, [...(kept.get(at) || []), figures]);
  const line = { network: item.name, threads, side, ...figures };
  fs.appendFileSync(plan.log, JSON.stringify(line) + '\n');
  background.push(figures);
  const off = figures.failed !== undefined || figures.error === null || figures.error > LIMIT;
  bad += off;
  note(`  ${side.padEnd(9)} ${off ? `FAILED ${figures.failed || `error ${figures.error}`}`
    : `${figures.median_ms.toFixed(2)} ms`}  others ${(figures.others * 100).toFixed(0)} %`);
}

function seePeaks() {
  for (const threads of plan.threads)
    for (const [set, , rate] of peaks(threads)) {
      limits[threads] ||= {};
      limits[threads][set] = Math.max(limits[threads][set] || 0, Number(rate));
    }
}

const started = new Date();
const idle = ticks();
spawnSync('sleep', ['2']);
if (shares(idle).others > 0.05)
  note('Warning: other programs are computing on this machine; the figures will be wrong.');
seePeaks();
const absent = plan.kernels.filter(set => set !== 'widest' && !limits[plan.threads[0]][set]);
if (absent.length > 0) {
  note(`compare: this processor has no ${absent.join(', ')}`);
  process.exit(2);
}
for (let pass = 1; pass <= plan.passes; pass++)
  for (const item of plan.cases)
    for (const threads of plan.threads) {
      note(`${item.name}, ${threads} thread${threads > 1 ? 's' : ''}, pass ${pass}`);
      fs.readFileSync(path.join(item.folder, item.name + '.onnx')); // from memory for both
      keep(item, threads, 'peer', peers(item, threads));
      for (const set of plan.kernels)
        keep(item, threads, set, ours(item, threads, set));
    }
seePeaks();

// ---- tables ----

// What is kept of the passes: the lowest median, the quickest load to first result, the highest
// memory, the worst error.
function best(item, threads, side) {
  const all = (kept.get(key(item, threads, side)) || []).filter(one => one.failed === undefined);
  if (all.length === 0)
    return null;
  const start = all.reduce((a, b) => (a.load_ms + a.first_ms <= b.load_ms + b.first_ms ? a : b));
  return {
    ms: Math.min(...all.map(one => one.median_ms)),
    load: start.load_ms,
    first: start.first_ms,
    rss: Math.max(...all.map(one => one.rss_peak_mb)),
    base: Math.max(...all.map(one => one.rss_base_mb)),
    error: all.some(one => one.error === null) ? Infinity : Math.max(...all.map(one => one.error)),
    same: all.every(one => one.identical !== false && one.digest === all[0].digest),
    flops: all[0].flops,
  };
}

const digits = value => (value >= 100 ? value.toFixed(0)
  : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const both = (a, b, show = digits) => `${a ? show(a) : '-'} / ${b ? show(b) : '-'}`;
const off = value => value.toExponential(0) + (value > LIMIT ? ' !!' : '');
const geomean = all => Math.exp(all.reduce((sum, x) => sum + Math.log(x), 0) / all.length);

function table(head, rows) {
  if (plan.markdown)
    return [`| ${head.join(' | ')} |`, `|---|${'--:|'.repeat(head.length - 1)}`,
      ...rows.map(row => `| ${row.join(' | ')} |`)].join('\n');
  const widths = head.map((_, c) => Math.max(...[head, ...rows].map(row => row[c].length)));
  return [head, ...rows].map(row => row.map((cell, c) =>
    (c ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join('  ')).join('\n');
}

const heading = text => (plan.markdown ? `\n## ${text}\n` : `\n${text}\n`);

function peakFor(threads, set) {
  const all = limits[threads];
  return all[set] && set !== 'amx' ? all[set] : all.avx512 || all.avx2 || all.baseline;
}

function results(threads, set) {
  return plan.cases.map(item => {
    const a = best(item, threads, set), b = best(item, threads, 'peer');
    const flops = item.flops || (a && a.flops) || 0;
    const share = side => (side && flops
      ? 100 * flops / side.ms / 1e6 / peakFor(threads, set) : 0);
    return { item, a, b, flops, share: share(a), peerShare: share(b),
      ratio: a && b ? b.ms / a.ms : 0,
      start: a && b ? (b.load + b.first) / (a.load + a.first) : 0 };
  });
}

function means(rows) {
  const groups = [
    ['benchmark networks', rows.filter(row => !row.item.shipped)],
    ['networks of the main job',
      rows.filter(row => row.item.shipped || MAIN_JOB.includes(row.item.name))],
    ['shipped models', rows.filter(row => row.item.shipped)],
  ];
  const lines = [];
  for (const [title, group] of groups) {
    const whole = group.filter(row => row.ratio > 0);
    if (whole.length === 0)
      continue;
    const lowest = whole.reduce((a, b) => (a.ratio <= b.ratio ? a : b));
    const slowest = whole.reduce((a, b) => (a.start <= b.start ? a : b));
    lines.push([`${title} (${whole.length})`, geomean(whole.map(row => row.ratio)).toFixed(2),
      `${lowest.ratio.toFixed(2)} ${lowest.item.name}`,
      geomean(whole.map(row => row.start)).toFixed(2),
      `${slowest.start.toFixed(2)} ${slowest.item.name}`]);
  }
  const head = ['geometric mean of', 'ratio', 'lowest', 'load + first', 'lowest'];
  return lines.length === 0 ? '' : table(head, lines);
}

function mainTable(threads, set) {
  const head = ['network', 'MFLOP', 'ours ms', 'peer ms', 'ratio', 'GFLOP/s', '% of peak',
    'peer %', 'load ms', 'first ms', 'load + first', 'RSS MB', 'before load', 'error'];
  const rows = results(threads, set);
  const lines = rows.map(({ item, a, b, flops, share, peerShare, ratio, start }) => [
    item.name, (flops / 1e6).toFixed(0), a ? digits(a.ms) : '-', b ? digits(b.ms) : '-',
    ratio ? ratio.toFixed(2) : '-', a ? digits(flops / a.ms / 1e6) : '-', share.toFixed(0),
    peerShare.toFixed(0), both(a && a.load, b && b.load), both(a && a.first, b && b.first),
    start ? start.toFixed(2) : '-', both(a && a.rss, b && b.rss, x => x.toFixed(0)),
    both(a && a.base, b && b.base, x => x.toFixed(0)),
    `${a ? off(a.error) : '-'} / ${b && !item.shipped ? off(b.error) : '-'}`]);
  const title = `${threads} thread${threads > 1 ? 's' : ''}, ${set} kernels: ` +
    `peak ${peakFor(threads, set).toFixed(0)} GFLOP/s`;
  const differ = rows.filter(row => row.a && !row.a.same).map(row => row.item.name);
  const bits = differ.length > 0
    ? `The bits of our outputs differ between runs: ${differ.join(', ')}.`
    : rows.some(row => row.a) ? 'Every run of ours gave the same bits.' : '';
  return [heading(title), table(head, lines), '', means(rows), '', bits].join('\n');
}

function variantTable(threads) {
  const sets = plan.kernels.map(set => [set, results(threads, set)]);
  const head = ['network', 'peer ms',
    ...plan.kernels.flatMap(set => [`${set} ms`, 'ratio', '% of peak'])];
  const lines = plan.cases.map((item, i) => {
    const { b } = sets[0][1][i];
    return [item.name, b ? digits(b.ms) : '-', ...sets.flatMap(([, rows]) => [
      rows[i].a ? digits(rows[i].a.ms) : '-', rows[i].ratio.toFixed(2),
      rows[i].share.toFixed(0)])];
  });
  return [heading(`Kernel sets, ${threads} thread${threads > 1 ? 's' : ''}`), table(head, lines)]
    .concat(sets.slice(1).flatMap(([set, rows]) => ['', `Kernels ${set}:`, '', means(rows)])).join('\n');
}

function machine() {
  const info = fs.readFileSync('/proc/cpuinfo', 'latin1');
  const field = name => (new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(info) || [, '?'])[1];
  const ort = JSON.parse(fs.readFileSync(
    path.join(plan.peer, 'node_modules/onnxruntime-node/package.json'))).version;
  const sorted = figure => background.map(one => one[figure]).sort((a, b) => a - b);
  const percent = (all, at) => `${(100 * all[Math.min(all.length - 1,
    Math.floor(at * all.length))]).toFixed(1)} %`;
  const spread = figure => `median ${percent(sorted(figure), 0.5)}, 90th percentile ` +
    `${percent(sorted(figure), 0.9)}, worst ${percent(sorted(figure), 1)}`;
  const peakLines = plan.threads.map(threads => `${threads} thread${threads > 1 ? 's' : ''} ` +
    Object.entries(limits[threads]).map(([set, rate]) => `${set} ${rate.toFixed(0)}`).join(', '));
  return [
    `Date: ${started.toISOString().slice(0, 16).replace('T', ' ')} to ` +
      `${new Date().toISOString().slice(11, 16)} UTC.`,
    `Machine: ${field('model name')}, ${os.cpus().length} processors, ` +
      `${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()} ${os.arch()}.`,
    `Measured peak, GFLOP/s (amx: bfloat16 products): ${peakLines.join('; ')}.`,
    `Ours: ${plan.revision}. Peer: onnxruntime-node ${ort} (optimisation all, sequential), ` +
      `node ${process.version}.`,
    `Passes: ${plan.passes}, each of at least ${plan.runs} runs and ${plan.seconds} s after the ` +
      'first and 4 more.',
    `Others' share of the processors during the measurements: ${spread('others')}; stolen: ` +
      `${spread('steal')}.`,
  ].map(line => (plan.markdown ? `- ${line}` : line)).join('\n');
}

console.log(plan.markdown
  ? '# Gonio and ONNX Runtime on the processor\n\nWritten by `tests/bench/compare --markdown`; ' +
    '`README.md` says what the columns mean.\n'
  : 'Gonio and ONNX Runtime on the processor\n');
console.log(machine());
for (const threads of plan.threads)
  console.log(mainTable(threads, plan.kernels[0]));
if (plan.kernels.length > 1)
  for (const threads of plan.threads)
    console.log(variantTable(threads));
if (bad > 0)
  console.log(`\n${bad} measurements failed or were off by more than ${LIMIT}.`);
process.exitCode = bad > 0 ? 1 : 0;
