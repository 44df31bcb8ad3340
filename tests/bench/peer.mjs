// The peer's side of compare: one network in ONNX Runtime's CPU build, in this process.
//
//   node peer.mjs run PEER FOLDER NAME THREADS SECONDS RUNS
//     NAME.onnx on NAME.in0.npy ..., compared with NAME.out0.npy ...; prints the object that
//     gonio-bench-models --json prints: same warm-ups, same way of timing, same error.
//   node peer.mjs case PEER FOLDER NAME
//     for a network without reference: writes NAME.in0.npy ... (fixed seed) and NAME.out0.npy ...
//
// PEER is the folder whose node_modules holds onnxruntime-node.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const WARM_UPS = 4; // as in bench-models.c

const [task, peer, folder, name, ...rest] = process.argv.slice(2);
const ort = createRequire(path.resolve(peer, 'package.json'))('onnxruntime-node');
const file = suffix => path.join(folder, name + suffix);

// ---- .npy ----

const types = {
  '<f4': { name: 'float32', make: bytes => new Float32Array(bytes) },
  '<i8': { name: 'int64', make: bytes => new BigInt64Array(bytes) },
  '<i4': { name: 'int32', make: bytes => new Int32Array(bytes) },
};

function readNpy(where) {
  const all = fs.readFileSync(where);
  if (all.toString('latin1', 1, 6) !== 'NUMPY' || all[6] !== 1)
    throw new Error(`${where} is no .npy file of version 1`);
  const end = 10 + all.readUInt16LE(8);
  const header = all.toString('latin1', 10, end);
  const [, descr] = /'descr': '([^']+)'/.exec(header);
  const [, dims] = /'shape': \(([^)]*)\)/.exec(header);
  if (!types[descr] || header.includes("'fortran_order': True"))
    throw new Error(`${where}: ${descr} or its order is not supported`);
  const shape = dims.split(',').filter(part => part.trim()).map(Number);
  const data = types[descr].make(Uint8Array.from(all.subarray(end)).buffer);
  return { type: types[descr].name, shape, data };
}

function writeNpy(where, tensor) {
  const descr = Object.keys(types).find(key => types[key].name === tensor.type);
  if (!descr)
    throw new Error(`${where}: ${tensor.type} is not supported`);
  const shape = tensor.dims.join(', ') + (tensor.dims.length === 1 ? ',' : '');
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  const { buffer, byteOffset, byteLength } = tensor.data;
  fs.writeFileSync(where, Buffer.concat(
    [start, Buffer.from(header, 'latin1'), Buffer.from(buffer, byteOffset, byteLength)]));
}

function readSeries(kind) {
  const all = [];
  while (fs.existsSync(file(`.${kind}${all.length}.npy`)))
    all.push(readNpy(file(`.${kind}${all.length}.npy`)));
  return all;
}

// ---- the session ----

const open = threads => ort.InferenceSession.create(file('.onnx'), {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
});

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

function memoryMb(figure) {
  const status = fs.readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`${figure}:\\s+(\\d+)`).exec(status)[1]) / 1024;
}

// The largest difference relative to the largest magnitude expected; null: not comparable.
function errorOf(got, want) {
  if (got.data.length !== want.data.length || got.dims.join() !== want.shape.join())
    return null;
  let off = 0, largest = 0;
  for (let i = 0; i < want.data.length; i++) {
    const difference = Math.abs(Number(got.data[i]) - Number(want.data[i]));
    if (!Number.isFinite(difference))
      return null;
    off = Math.max(off, difference);
    largest = Math.max(largest, Math.abs(Number(want.data[i])));
  }
  return off === 0 ? 0 : largest > 0 ? off / largest : null;
}

async function run([threads, seconds, runs]) {
  const inputs = readSeries('in'), expected = readSeries('out');
  const out = { network: name, rss_base_mb: memoryMb('VmRSS') };
  let start = nowMs();
  const session = await open(Number(threads));
  out.load_ms = nowMs() - start;
  const feeds = {};
  session.inputNames.forEach((input, i) => {
    feeds[input] = new ort.Tensor(inputs[i].type, inputs[i].data, inputs[i].shape);
  });
  start = nowMs();
  const results = await session.run(feeds);
  out.first_ms = nowMs() - start;
  const errors = session.outputNames.map((output, i) => errorOf(results[output], expected[i]));
  out.error = errors.length !== expected.length || errors.includes(null) ? null
    : Math.max(...errors);
  for (let i = 0; i < WARM_UPS; i++)
    await session.run(feeds);
  const times = [], end = nowMs() + Number(seconds) * 1000;
  while (times.length < Number(runs) || nowMs() < end) {
    start = nowMs();
    await session.run(feeds);
    times.push(nowMs() - start);
  }
  times.sort((a, b) => a - b);
  out.runs = times.length;
  out.min_ms = times[0];
  out.median_ms = (times[(times.length - 1) >> 1] + times[times.length >> 1]) / 2;
  out.rss_peak_mb = memoryMb('VmHWM');
  console.log(JSON.stringify(out));
}

async function writeCase() {
  const session = await open(1);
  const feeds = {};
  let state = 2463534242; // xorshift32
  session.inputMetadata.forEach((input, i) => {
    if (input.type !== 'float32' || input.shape.some(size => typeof size !== 'number'))
      throw new Error(`input ${input.name} of ${name} is not of floats and fixed shape`);
    const data = new Float32Array(input.shape.reduce((a, b) => a * b, 1));
    for (let k = 0; k < data.length; k++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      data[k] = (state >>> 0) / 2 ** 32;
    }
    feeds[input.name] = new ort.Tensor('float32', data, input.shape);
    writeNpy(file(`.in${i}.npy`), feeds[input.name]);
  });
  const results = await session.run(feeds);
  session.outputNames.forEach((output, i) => writeNpy(file(`.out${i}.npy`), results[output]));
}

try {
  await (task === 'case' ? writeCase() : run(rest));
} catch (error) {
  console.error(`${name}: ${error.message}`);
  process.exitCode = 1;
}
