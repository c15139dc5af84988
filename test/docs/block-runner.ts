/**
 * A process that executes modules, each in a thread of its own, and reports what became of them as JSON on its standard output.
 * Started by `runBlocks()` with the path of its plan.
 */
import { readFile } from 'node:fs/promises'
import { formatWithOptions } from 'node:util'
import { pathToFileURL } from 'node:url'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

export interface BlockToRun {
  /** Its place in the report. */
  readonly index: number
  /** The path of the module. */
  readonly module: string
  readonly timeLimitMs: number
}

/** What a block printed with `console.log`, and on which line of its page. */
export interface PrintedText {
  readonly line: number
  readonly text: string
}

export interface BlockReport {
  readonly printed: readonly PrintedText[]
  /** Why it did not come to its end; absent when it did. */
  readonly failure?: string
}

/** Threads at once. */
const CONCURRENCY = 2

if (isMainThread) await runPlan(process.argv[2]!)
else await runBlock(workerData as string)

async function runPlan(path: string): Promise<void> {
  const plan = JSON.parse(await readFile(path, 'utf8')) as readonly BlockToRun[]
  const reports: BlockReport[] = []
  let next = 0
  const work = async () => {
    while (next < plan.length) {
      const block = plan[next++]!
      reports[block.index] = await runInThread(block)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  process.stdout.write(JSON.stringify(reports))
}

function runInThread({ module, timeLimitMs }: BlockToRun): Promise<BlockReport> {
  return new Promise((resolve) => {
    const printed: PrintedText[] = []
    let failure: string | undefined
    const worker = new Worker(new URL(import.meta.url), { workerData: module, stdout: true, stderr: true })
    const timer = setTimeout(() => {
      failure = `did not end by itself within ${timeLimitMs} ms`
      void worker.terminate()
    }, timeLimitMs)
    worker.on('message', (text: PrintedText) => printed.push(text))
    worker.on('error', (error: unknown) => {
      failure = `throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
    })
    worker.on('exit', (code) => {
      clearTimeout(timer)
      if (code !== 0) failure ??= `ends with exit code ${code}`
      resolve({ printed, ...(failure === undefined ? {} : { failure }) })
    })
  })
}

async function runBlock(module: string): Promise<void> {
  process.setSourceMapsEnabled(true)
  console.log = (...values: unknown[]) => {
    const text = formatWithOptions({ breakLength: 110 }, ...values)
    parentPort!.postMessage({ line: callingLine(), text } satisfies PrintedText)
  }
  await import(pathToFileURL(module).href)
}

/** The line of the page that called `console.log`: source maps lead back to it. 0 when the call came from elsewhere. */
function callingLine(): number {
  const [, line] = /block:\d+:(\d+):\d+/.exec(new Error('for its stack').stack ?? '') ?? []
  return Number(line ?? 0)
}
