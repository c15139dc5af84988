import {
  type RunnerOptions,
  type RunnerState,
  type StateChange,
  type WorkerHostFactory,
  WorkerManager,
  type WorkerManagerOptions,
} from 'busline/workers'

/**
 * What a case of the host suite works with. It knows nothing of the test runner, because the cases run in a page, too.
 */
export interface HostKit {
  readonly host: WorkerHostFactory
  /** A manager that is closed after the case. Quiet, with a short heartbeat. */
  manager(options?: Partial<WorkerManagerOptions>): WorkerManager
}

export interface HostCase {
  readonly title: string
  /** Only hosts that are threads of their own can contain it. */
  readonly needsThread?: boolean
  /** Only Node's threads have it. */
  readonly needsNode?: boolean
  run(kit: HostKit): Promise<void>
}

export const silent = { debug() {}, info() {}, warn() {}, error() {} }

export function createKit(host: WorkerHostFactory): HostKit & { closeAll(): Promise<void> } {
  const managers: WorkerManager[] = []
  return {
    host,
    manager(options = {}) {
      const manager = new WorkerManager({
        host,
        logger: silent,
        messageTimeout: '20s',
        heartbeat: { interval: '2s', misses: 10 },
        restart: { policy: 'never' },
        ...options,
      })
      managers.push(manager)
      return manager
    },
    async closeAll() {
      await Promise.all(managers.splice(0).map((manager) => manager.close()))
    },
  }
}

/** Waits for a condition, on the real clock. */
export async function until(condition: () => boolean, what: string, ms = 20_000): Promise<void> {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export function same(actual: unknown, expected: unknown, what = 'value'): void {
  const [is, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (is !== wanted) throw new Error(`Wrong ${what}: it is ${is}, wanted ${wanted}`)
}

/** What a promise rejects with, as the facts that programs read. */
export async function refusal(
  promise: Promise<unknown>,
): Promise<{ code: string; reason: unknown; message: string }> {
  try {
    await promise
  } catch (error) {
    const { code, context, message } = error as {
      code: string
      context: Record<string, unknown>
      message: string
    }
    return { code, reason: context?.['reason'], message }
  }
  throw new Error('It did not reject')
}

/** Options that hold a runner in `running`: one iteration, then a wait of an hour. */
export const IDLING: RunnerOptions = {
  testType: 'count',
  executionProfile: { delayBetweenIterations: '1h' },
}

/** Fails when the changes that a client saw are no way through the table. */
export function checkPath(changes: readonly StateChange[]): void {
  let state: RunnerState = 'initializing'
  let seq = 0
  for (const change of changes) {
    same(change.from, state, `start of change ${change.seq}`)
    if (change.seq !== ++seq) throw new Error(`Change ${change.seq} came in place of ${seq}`)
    same(
      expectedState(change.from, change.reason),
      change.to,
      `end of change ${change.seq} (${change.reason})`,
    )
    state = change.to
  }
}

const COLUMNS = [
  'start',
  'pause',
  'resume',
  'execute',
  'reset',
  'stop',
  'terminate',
  'update',
  'exhausted',
  'fault',
]

/** The table of the requirements, written down once more: x refuses, = stays. */
const ROWS: Readonly<Record<string, string>> = {
  initializing: 'running      x       x        x  =  stopped  terminated  =  x          error',
  running: '     x            paused  x        x  =  stopped  terminated  =  completed  error',
  paused: '      x            x       running  =  =  stopped  terminated  =  completed  error',
  stopped: '     x            x       x        x  x  x        x           x  x          x',
  completed: '   x            x       x        x  x  x        x           x  x          x',
  error: '       x            x       x        x  x  x        x           x  x          x',
  terminated: '  x            x       x        x  x  x        x           x  x          x',
}

/** Where the table leads; `undefined` where it refuses. */
export function expectedState(from: string, reason: string): string | undefined {
  const column = COLUMNS.indexOf(reason === 'WORKER_LOST' ? 'fault' : reason)
  const cell = ROWS[from]!.trim().split(/ +/)[column]!
  if (cell === 'x') return undefined
  return cell === '=' ? from : cell
}
