/** One program that does the work of a workload, in a process of its own. */
export interface Contestant {
  readonly name: string
  /** Below `contestants/`, with its arguments. */
  readonly command: readonly [file: string, ...args: string[]]
  readonly nodeOptions?: readonly string[]
}

/** What was promised, as a bound on the ratio of Busline to another contestant, or on its own figure. */
export interface Goal {
  readonly what: string
  /** The contestant that is judged. */
  readonly contestant: string
  /** The contestant it is compared with. Without one the figure itself is judged. */
  readonly over?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** What is measured: contestants that do the same work, the first of them the floor. */
export interface Workload {
  readonly name: string
  readonly title: string
  readonly unit: string
  /** Whether more is better. */
  readonly higherIsBetter: boolean
  readonly contestants: readonly Contestant[]
  readonly goals?: readonly Goal[]
  readonly rounds?: number
}

function contestant(name: string, ...command: [string, ...string[]]): Contestant {
  return { name, command }
}

/** Busline and the floor at each size of one thing; the rate per stage should stay what it is. */
function growth(name: string, title: string, sizes: readonly string[]): Workload {
  return {
    name: `growth-${name}`,
    title,
    unit: 'stages/s',
    higherIsBetter: true,
    rounds: 3,
    contestants: sizes.flatMap((size) => [
      contestant(`by hand, ${size}`, 'growth/floor.mjs', ...size.split(' ')),
      contestant(`busline, ${size}`, 'growth/busline.mjs', ...size.split(' ')),
    ]),
  }
}

/** One job of text, run so often in one process: what a run leaves behind tells. */
function textWorkload(runs: string, atLeast: number, rounds: number, peerRuns = runs): Workload {
  const peer = (name: string, ...more: string[]): Contestant => ({
    name,
    command: ['plan-text/openfn.mjs', peerRuns, ...more],
    nodeOptions: ['--no-warnings', '--experimental-vm-modules'],
  })
  const fewer =
    peerRuns === runs
      ? ''
      : `; of the peer only ${peerRuns}, as it slows down with each run and ends too late`
  return {
    name: `plan-text-${runs}`,
    title: `A plan of one job, text, averaged over ${runs} runs, both with their default options${fewer}`,
    unit: 'runs/s',
    higherIsBetter: true,
    rounds,
    contestants: [
      peer('@openfn/runtime'),
      peer('@openfn/runtime, its loader hook turned off', 'no-hook'),
      contestant('busline', 'plan-text/busline.mjs', runs),
    ],
    goals: [
      {
        what: `at least ${atLeast} times the runs of @openfn/runtime`,
        contestant: 'busline',
        over: '@openfn/runtime',
        atLeast,
      },
    ],
  }
}

/** Plans whose jobs are functions, next to the runtime whose plans they are. */
function planWorkload(name: string, title: string, atLeast: number): Workload {
  return {
    name: `plan-${name}`,
    title,
    unit: 'runs/s',
    higherIsBetter: true,
    contestants: [
      contestant('@openfn/runtime', 'plan-functions/openfn.mjs', name),
      contestant('busline', 'plan-functions/busline.mjs', name),
      contestant('busline, compiled once', 'plan-functions/compiled.mjs', name),
    ],
    goals: [
      {
        what: `at least ${atLeast} times the runs of @openfn/runtime`,
        contestant: 'busline',
        over: '@openfn/runtime',
        atLeast,
      },
    ],
  }
}

const withGc = (name: string, file: string, runs: number | string = 100_000): Contestant => ({
  name,
  command: [file, String(runs)],
  nodeOptions: ['--expose-gc'],
})

/** Needs what is written in TypeScript for the tests: a server of its own, a browser. */
const withTsx = (name: string, ...command: [string, ...string[]]): Contestant => ({
  name,
  command,
  nodeOptions: ['--import', 'tsx'],
})

/**
 * Programs of their own, which print their figures themselves and exit with 1 when a goal is missed: what the harness does
 * is to run them. `isLong`: only when it is asked for by its name.
 */
export const PROGRAMS: readonly {
  readonly name: string
  readonly file: string
  readonly isLong?: boolean
}[] = [
  { name: 'kill', file: 'kill.ts', isLong: true },
  { name: 'soak', file: 'soak.ts', isLong: true },
  { name: 'storage', file: 'storage.ts' },
  { name: 'timelines-indexeddb', file: 'timelines-indexeddb.ts' },
  { name: 'inspector', file: 'inspector.ts' },
  { name: 'token-timing', file: 'token-timing.ts' },
]

/** How much is asked of how many remote workers. */
const REMOTE_SIZES = [
  { workload: 'remote-one', name: '1 worker, 64 at a time', size: ['workers=1'] },
  { workload: 'remote-sixteen', name: '16 workers, 64 at each', size: ['workers=16', 'window=1024'] },
  { workload: 'remote-sixteen-few', name: '16 workers, 4 at each', size: ['workers=16'] },
]

/** Requests to remote workers, against frames of the same bytes that are only echoed. */
function remote({ workload, name, size }: (typeof REMOTE_SIZES)[number]): Workload {
  const [floor, busline] = ['ws, echoed by hand', 'busline']
  return {
    name: workload,
    title: `Requests through remoteExecutor: ${name}`,
    unit: 'requests/s',
    higherIsBetter: true,
    contestants: [
      contestant(floor, 'remote/floor.mjs', ...size),
      contestant(busline, 'remote/busline.mjs', ...size),
    ],
    // The echo alone differs by a third from one round to the next.
    rounds: 21,
    goals: [{ what: 'at least 0.6 of the echo', contestant: busline, over: floor, atLeast: 0.6 }],
  }
}

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'runs',
    title: 'From an event to a finished run of three stages, in memory, ten at a time',
    unit: 'runs/s',
    higherIsBetter: true,
    rounds: 7,
    contestants: [
      contestant('by hand: mitt + immer', 'runs/floor.mjs'),
      contestant('busline', 'runs/busline.mjs'),
      contestant('busline, immer recipes', 'runs/busline.mjs', 'recipes'),
      contestant('XState 5', 'runs/xstate.mjs'),
      contestant('Effect 4', 'runs/effect.mjs'),
      contestant('RxJS 7', 'runs/rxjs.mjs'),
      contestant('LangGraph 1', 'runs/langgraph.mjs'),
    ],
    goals: [
      {
        what: 'at least a third of what is done by hand',
        contestant: 'busline',
        over: 'by hand: mitt + immer',
        atLeast: 1 / 3,
      },
      { what: 'ahead of XState', contestant: 'busline', over: 'XState 5', atLeast: 1 },
    ],
  },
  {
    name: 'queue',
    title: '100 000 events at once through a concurrency of 10, each with one empty task',
    unit: 'tasks/s',
    higherIsBetter: true,
    contestants: [
      contestant('p-queue 9 alone', 'queue/floor.mjs'),
      contestant('busline', 'queue/busline.mjs'),
      contestant('mitt + p-queue', 'queue/mitt-and-p-queue.mjs'),
      contestant('p-limit 7 alone', 'queue/p-limit.mjs'),
      contestant('fastq 1 alone', 'queue/fastq.mjs'),
    ],
  },
  {
    name: 'recording',
    title: 'A run of three stages, 50 at a time, and what recording its twenty events in memory adds',
    unit: 'µs a run',
    higherIsBetter: false,
    rounds: 9,
    contestants: [
      contestant('not recorded', 'recording/busline.mjs'),
      contestant('recorded', 'recording/busline.mjs', 'recorded'),
    ],
    goals: [{ what: 'at most 1.6 times', contestant: 'recorded', over: 'not recorded', atMost: 1.6 }],
  },
  {
    name: 'waiting',
    title: 'An event that ends the wait of one of many parked runs, found by a value it names',
    unit: 'µs',
    higherIsBetter: false,
    contestants: [
      contestant('a Map, 10 in it', 'waiting/floor.mjs', '10'),
      contestant('a Map, 10 000 in it', 'waiting/floor.mjs', '10000'),
      contestant('busline, 10 parked', 'waiting/busline.mjs', '10'),
      contestant('busline, 10 000 parked', 'waiting/busline.mjs', '10000'),
    ],
    goals: [
      {
        what: 'with 10 000 at most three times what it costs with 10',
        contestant: 'busline, 10 000 parked',
        over: 'busline, 10 parked',
        atMost: 3,
      },
    ],
  },
  {
    name: 'services',
    title: 'A step asks for a service that is built already, one of 64 in turn',
    unit: 'ns',
    higherIsBetter: false,
    contestants: [
      contestant('Map.get', 'services/floor.mjs'),
      contestant('busline, ctx.use', 'services/busline.mjs'),
    ],
    goals: [
      { what: 'at most five times a Map.get', contestant: 'busline, ctx.use', over: 'Map.get', atMost: 5 },
    ],
  },
  {
    name: 'memory',
    title: 'Growth of the heap from 1 000 finished runs to 100 000, a key of its own for each',
    unit: 'MB',
    higherIsBetter: false,
    rounds: 3,
    contestants: [
      withGc('by hand: mitt + immer', 'memory/floor.mjs'),
      withGc('busline', 'memory/busline.mjs'),
    ],
    goals: [{ what: 'within 10 MB', contestant: 'busline', atMost: 10 }],
  },
  {
    name: 'memory-million',
    title: 'Growth of the heap from 1 000 finished runs to 1 000 000, a key of its own for each',
    unit: 'MB',
    higherIsBetter: false,
    rounds: 3,
    contestants: [
      withGc('by hand: mitt + immer', 'memory/floor.mjs', 1_000_000),
      withGc('busline', 'memory/busline.mjs', 1_000_000),
    ],
    goals: [{ what: 'within 10 MB', contestant: 'busline', atMost: 10 }],
  },
  {
    name: 'startup',
    title: 'Import in a process that has just begun, and the first run',
    unit: 'ms',
    higherIsBetter: false,
    rounds: 9,
    contestants: [
      contestant('mitt + immer', 'startup/import.mjs', 'its dependencies'),
      contestant('busline', 'startup/import.mjs', 'busline'),
      contestant('busline, to the end of the first run', 'startup/first-run.mjs'),
      contestant('XState 5', 'startup/import.mjs', 'xstate'),
      contestant('Effect 4', 'startup/import.mjs', 'effect'),
      contestant('RxJS 7', 'startup/import.mjs', 'rxjs'),
    ],
  },
  {
    name: 'durable',
    title: 'Durable runs of three stages on SQLite, 50 at a time, synchronous = FULL',
    unit: 'runs/s',
    higherIsBetter: true,
    contestants: [
      contestant('by hand', 'durable/sqlite-by-hand.mjs'),
      contestant('busline', 'durable/sqlite.mjs'),
      contestant('busline, encrypted', 'durable/sqlite.mjs', 'encrypted'),
      contestant('busline, NORMAL', 'durable/sqlite.mjs', 'NORMAL'),
      contestant('openworkflow', 'durable/openworkflow.mjs'),
    ],
    goals: [
      {
        what: 'at least half of the same writes by hand, 50 commits in a transaction',
        contestant: 'busline',
        over: 'by hand',
        atLeast: 0.5,
      },
      { what: 'ahead of openworkflow', contestant: 'busline', over: 'openworkflow', atLeast: 1 },
    ],
  },
  {
    name: 'durable-one',
    title: 'Durable runs of three stages on SQLite, one after the other, synchronous = FULL',
    unit: 'runs/s',
    higherIsBetter: true,
    // A round takes seconds, in which the disk is now twice as fast, now half.
    rounds: 21,
    contestants: [
      contestant('by hand, in three transactions', 'durable/sqlite-by-hand.mjs', 'three'),
      contestant('by hand, in four', 'durable/sqlite-by-hand.mjs', '1'),
      contestant('busline', 'durable/sqlite.mjs', 'one'),
      contestant('three transactions of one record', 'durable/one-by-hand.mjs'),
    ],
    goals: [
      {
        what: 'at most 1.5 times as long as the same writes in three flushed transactions, so at least 0.67 of their rate',
        contestant: 'busline',
        over: 'by hand, in three transactions',
        atLeast: 1 / 1.5,
      },
    ],
  },
  {
    name: 'recovery',
    title: 'Recovery of 10 000 runs that wait on SQLite, in a process that has just begun',
    unit: 'ms',
    higherIsBetter: false,
    contestants: [
      contestant('by hand: their rows read three times', 'recovery/floor.mjs'),
      contestant('busline', 'recovery/busline.mjs'),
      contestant('by hand: their records alone read three times', 'recovery/floor.mjs', 'records'),
    ],
    goals: [
      {
        what: 'under the time of reading their rows three times',
        contestant: 'busline',
        over: 'by hand: their rows read three times',
        atMost: 1,
      },
    ],
  },
  {
    name: 'durable-postgres',
    title: 'Durable runs of three stages on PostgreSQL, 50 at a time',
    unit: 'runs/s',
    higherIsBetter: true,
    rounds: 3,
    contestants: [
      withTsx('by hand: pg', 'durable/postgres-by-hand.mjs'),
      withTsx('busline', 'durable/postgres.mjs'),
      withTsx('DBOS', 'durable/dbos.mjs'),
      withTsx('BullMQ 6', 'durable/bullmq.mjs', 'postgres'),
      withTsx('BullMQ 6, Redis, appendfsync always', 'durable/bullmq.mjs', 'redis'),
    ],
    goals: [
      { what: 'ahead of DBOS', contestant: 'busline', over: 'DBOS', atLeast: 1 },
      { what: 'ahead of BullMQ on PostgreSQL', contestant: 'busline', over: 'BullMQ 6', atLeast: 1 },
    ],
  },
  {
    name: 'durable-indexeddb',
    title: "Durable runs of three stages on Chromium's IndexedDB, 50 at a time, durability = strict",
    unit: 'runs/s',
    higherIsBetter: true,
    rounds: 3,
    contestants: [
      withTsx('by hand: IndexedDB', 'durable/indexeddb.mjs', 'by-hand'),
      withTsx('busline', 'durable/indexeddb.mjs'),
    ],
  },
  {
    name: 'workers',
    title: 'Tiny tasks on one thread and back, 64 at a time',
    unit: 'tasks/s',
    higherIsBetter: true,
    contestants: [
      contestant('postMessage by hand', 'workers/floor.mjs', 'tiny'),
      contestant('busline', 'workers/busline.mjs', 'tiny'),
      contestant('piscina 5', 'workers/piscina.mjs', 'tiny'),
      contestant('tinypool 2', 'workers/tinypool.mjs', 'tiny'),
    ],
    goals: [
      {
        what: 'at least half of postMessage by hand',
        contestant: 'busline',
        over: 'postMessage by hand',
        atLeast: 0.5,
      },
      { what: 'at least as many as piscina', contestant: 'busline', over: 'piscina 5', atLeast: 1 },
      { what: 'at least as many as tinypool', contestant: 'busline', over: 'tinypool 2', atLeast: 1 },
    ],
  },
  {
    name: 'workers-transfer',
    title: 'A megabyte that moves to a thread and back, 8 at a time',
    unit: 'tasks/s',
    higherIsBetter: true,
    contestants: [
      contestant('postMessage by hand', 'workers/floor.mjs', 'transfer'),
      contestant('busline', 'workers/busline.mjs', 'transfer'),
      contestant('piscina 5', 'workers/piscina.mjs', 'transfer'),
      contestant('tinypool 2', 'workers/tinypool.mjs', 'transfer'),
    ],
    goals: [
      {
        what: 'at least half of postMessage by hand',
        contestant: 'busline',
        over: 'postMessage by hand',
        atLeast: 0.5,
      },
      { what: 'at least as many as piscina', contestant: 'busline', over: 'piscina 5', atLeast: 1 },
      { what: 'at least as many as tinypool', contestant: 'busline', over: 'tinypool 2', atLeast: 1 },
    ],
  },
  {
    name: 'workers-telemetry',
    title: 'Processor time of an iteration, both threads together, with and without telemetry on the way',
    unit: 'µs',
    higherIsBetter: false,
    rounds: 7,
    contestants: [
      contestant('telemetry kept back', 'workers/telemetry.mjs', 'off'),
      contestant('busline, telemetry on', 'workers/telemetry.mjs', 'on'),
    ],
    goals: [
      {
        what: 'telemetry costs at most a tenth',
        contestant: 'busline, telemetry on',
        over: 'telemetry kept back',
        atMost: 1.1,
      },
    ],
  },
  textWorkload('1000', 3, 3),
  textWorkload('10000', 10, 3, '2000'),
  {
    name: 'plan-text-growth',
    title: 'Growth of the heap over 10 000 runs of job text, after 2 000',
    unit: 'MB',
    higherIsBetter: false,
    rounds: 1,
    contestants: [
      withGc('busline, heap', 'plan-text/growth.mjs', 'heap'),
      withGc('busline, the whole process', 'plan-text/growth.mjs', 'rss'),
    ],
    goals: [{ what: 'within 20 MB', contestant: 'busline, heap', atMost: 20 }],
  },
  {
    name: 'plan-text-cost',
    title: 'What the last 2 000 of 10 000 runs of job text take, compared with the first 2 000',
    unit: 'times',
    higherIsBetter: false,
    rounds: 3,
    contestants: [withGc('busline', 'plan-text/growth.mjs', 'cost')],
    goals: [{ what: 'no more than 1.25 times', contestant: 'busline', atMost: 1.25 }],
  },
  planWorkload('one', 'A plan of one job, a function', 20),
  planWorkload('ten', 'A plan of ten jobs in line, functions', 20),
  planWorkload('state', 'A plan of ten jobs in line, functions, with 100 kB of state', 5),
  growth(
    'workflows',
    'Workflows registered on one event type',
    [1, 10, 100, 1000].map((size) => `workflows=${size}`),
  ),
  growth(
    'stages',
    'Stages of a pipeline',
    [1, 10, 100].map((size) => `stages=${size}`),
  ),
  growth(
    'state',
    'Bytes of state that no stage touches',
    [1_000, 10_000, 100_000, 1_000_000].map((size) => `bytes=${size}`),
  ),
  growth(
    'keys',
    'Keys, each a line of its own',
    [1, 100, 10_000].map((size) => `keys=${size}`),
  ),
  ...REMOTE_SIZES.map(remote),
  {
    name: 'remote-p99',
    title: '99th percentile of the same requests',
    unit: 'ms',
    higherIsBetter: false,
    rounds: 7,
    contestants: REMOTE_SIZES.flatMap(({ name, size }) => [
      contestant(`ws, ${name}`, 'remote/floor.mjs', ...size, 'figure=p99'),
      contestant(`busline, ${name}`, 'remote/busline.mjs', ...size, 'figure=p99'),
    ]),
    goals: REMOTE_SIZES.map(({ name }) => ({
      what: `within twice the echo, ${name}`,
      contestant: `busline, ${name}`,
      over: `ws, ${name}`,
      atMost: 2,
    })),
  },
  ...(['memory', 'heartbeats'] as const).map((figure) => ({
    name: `remote-idle-${figure}`,
    title:
      figure === 'memory'
        ? '5 000 idle connections: memory of the server, per connection'
        : '5 000 heartbeats, one from each worker: time of a processor until all are answered',
    unit: figure === 'memory' ? 'kB' : 'ms',
    higherIsBetter: false,
    rounds: 3,
    contestants: ['floor', 'busline'].map((side) => ({
      ...contestant(side === 'floor' ? 'ws, by hand' : side, 'remote/idle.mjs', side, `figure=${figure}`),
      nodeOptions: ['--expose-gc'],
    })),
  })),
]
