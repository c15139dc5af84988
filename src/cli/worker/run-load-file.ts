import { writeFile } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { describe } from '../../core/system-error.js'
import { nodeHost } from '../../workers/hosts/node-host.js'
import { loadChart } from '../../workers/load/load-chart.js'
import type { LoadSummary } from '../../workers/load/load-summary.js'
import { runLoad } from '../../workers/load/run-load.js'
import { WorkerManager } from '../../workers/manager/worker-manager.js'
import { Failure } from '../failure.js'
import { INTERRUPTED, listenForInterruption } from '../interruption.js'
import { formatMs } from '../terminal/durations.js'
import { toJson } from '../terminal/json.js'
import { type Terminal, oneLine, openTerminal } from '../terminal/terminal.js'
import { drawLoad } from './draw-load.js'
import { createLoadDashboard } from './load-dashboard.js'
import { loadModule } from './load-module.js'
import { LOAD_RUNNER, type LoadThreadData, findLoadWorker } from './load-thread.js'

/** The exit code of a load that broke a threshold. */
export const BREACHED = 99

export interface LoadFileOptions {
  readonly file: string
  /** Instead of what the module says. */
  readonly workers: number | undefined
  readonly chart: string | undefined
  readonly isJson: boolean
}

/** Runs the load of a module on threads, shows it, and says what came of it. Resolves to the exit code. */
export async function runLoadFile({ file, chart, isJson, ...given }: LoadFileOptions): Promise<number> {
  const module = await loadModule(file)
  const { profile, thresholds, options } = module
  const workers = given.workers ?? module.workers
  const name = module.name ?? basename(file, extname(file))
  const terminal = openTerminal(isJson ? process.stderr : process.stdout)
  const dashboard = isJson
    ? undefined
    : createLoadDashboard(`${name}  ${profileTitle(profile)}`, profile, terminal)
  const print = (text: string) => (dashboard ? dashboard.print(text) : process.stderr.write(text))
  const channel = new BroadcastChannel(`busline-load-${process.pid}`)
  channel.onmessage = ({ data }) => void print(String(data))
  const data: LoadThreadData = { file: resolve(file), printChannel: channel.name }
  const manager = new WorkerManager({
    host: nodeHost(findLoadWorker(), { workerData: data }),
    maxWorkers: workers,
    // What is shown is a second wide: what happened in it should have arrived by its end.
    telemetry: { maxItems: 500, maxDelay: 200 },
    restart: { policy: 'never' },
    logger: printingLogger(print),
    logLevel: 'info',
  })
  const interruption = listenForInterruption(() => print('Stopping; once more stops at once\n'))
  try {
    await Promise.all(Array.from({ length: workers }, () => manager.addWorker()))
    const summary = await runLoad(manager, {
      name,
      testType: LOAD_RUNNER,
      executionProfile: profile,
      options,
      thresholds,
      runners: workers,
      signal: interruption.signal,
      ...(dashboard && { onProgress: dashboard.show }),
    })
    dashboard?.end()
    process.stdout.write(isJson ? toJson(summary) : `${presentSummary(summary, terminal)}\n`)
    if (chart !== undefined) await writeChart(chart, summary)
    return exitCode(summary, interruption.signal.aborted)
  } finally {
    dashboard?.end()
    interruption.release()
    channel.close()
    await manager.close()
  }
}

/** The load in a few words. */
function profileTitle({
  executor = 'iterations',
  rate,
  timeUnit = '1s',
  vus,
  iterations,
}: {
  readonly executor?: string
  readonly rate?: number
  readonly timeUnit?: number | string
  readonly vus?: number
  readonly iterations?: number
}): string {
  const size = [
    ...(rate === undefined
      ? []
      : [
          `${rate} per ${typeof timeUnit === 'number' ? `${timeUnit} ms` : timeUnit.replace(/^1(?=\D)/, '')}`,
        ]),
    ...(vus === undefined ? [] : [`${vus} at once`]),
    ...(iterations === undefined ? [] : [`${iterations} iterations`]),
  ]
  return [executor, ...size].join(', ')
}

function presentSummary(summary: LoadSummary, terminal: Terminal): string {
  const { paint } = terminal
  const { name, durationMs, failures, breach, ok } = summary
  const failed = Object.entries(failures).map(([reason, count]) =>
    paint('red', `${count} × failed: ${oneLine(reason, terminal.width - 16)}`),
  )
  const verdict = ok ? paint('green', 'passed') : paint('red', 'failed')
  const why = breach ? `, ended by ${breach.metric} ${breach.threshold}` : ''
  return [
    drawLoad(summary, terminal),
    ...(failed.length > 0 ? ['', ...failed] : []),
    '',
    `${paint('bold', name)} ${verdict} after ${formatMs(durationMs)}${why}`,
  ].join('\n')
}

async function writeChart(file: string, summary: LoadSummary): Promise<void> {
  try {
    await writeFile(file, loadChart(summary))
  } catch (cause) {
    throw new Failure(`Cannot write "${file}": ${describe(cause)}`, { cause })
  }
}

function exitCode({ failures, ok }: LoadSummary, wasInterrupted: boolean): number {
  if (wasInterrupted) return INTERRUPTED
  if (Object.keys(failures).length > 0) return 1
  return ok ? 0 : BREACHED
}

function printingLogger(print: (text: string) => unknown) {
  const write = (level: string) => (message: string) => void print(`${level.padEnd(5)} ${oneLine(message)}\n`)
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}
