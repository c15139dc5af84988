import { systemClock } from '../core/clock.js'
import type { Logger } from '../core/logger.js'
import { MAX_DEPTH } from '../core/plain-data.js'
import type { StepExecutor, StepTask, TaskControl } from '../core/step-executor.js'
import { SystemError, isSystemError } from '../core/system-error.js'
import { within } from '../core/within.js'

export interface ExecutorConformanceOptions {
  /** A fresh executor, ready to work, whose places know the {@link conformanceTasks}. */
  readonly openExecutor: () => StepExecutor | Promise<StepExecutor>
}

/** One rule of a seam: `run` rejects when it does not hold. */
export interface ExecutorConformanceCase {
  readonly title: string
  readonly run: () => Promise<void>
}

/** How long a task may be on its way. */
const PATIENCE_MS = 20_000

/**
 * The rules that every {@link StepExecutor} keeps, for any test runner:
 * `for (const { title, run } of executorConformance({ openExecutor })) it(title, run)`.
 */
export function executorConformance({
  openExecutor,
}: ExecutorConformanceOptions): readonly ExecutorConformanceCase[] {
  const cases: ExecutorConformanceCase[] = []

  /** Each case has an executor of its own, which is closed however it went. */
  function rule(title: string, check: (executor: StepExecutor) => Promise<void>): void {
    cases.push({
      title,
      run: async () => {
        const executor = await openExecutor()
        try {
          await inTime(check(executor), title)
        } finally {
          await inTime(executor.close(), `${title}: close()`)
        }
      },
    })
  }

  rule('brings input there and the result back', async (executor) => {
    for (const input of [
      { order: { lines: [1, 'two', null, true], empty: {} } },
      [],
      'text',
      0,
      null,
      '\u0000 "\\ 🚌',
    ]) {
      same(await executor.execute(order('echo', input), control()), input, 'the result')
    }
    same(
      await executor.execute(order('nothing', 1), control()),
      undefined,
      'the result of a task without one',
    )
  })

  rule('tells the task who asks, and which attempt it is', async (executor) => {
    const task = order('identity', null, { attempt: 3, requires: { zone: 'north' }, key: 'k' })
    const { input: _, ...identity } = task
    same(await executor.execute(task, control()), { ...identity, timeoutMs: 60_000 }, 'the identity')
  })

  rule('runs many at once, each with its own result', async (executor) => {
    const inputs = Array.from({ length: 200 }, (_, n) => n)
    const results = await Promise.all(inputs.map((n) => executor.execute(order('echo', n), control())))
    same(results, inputs, 'the results')
  })

  rule('refuses a task that nobody knows, by name', async (executor) => {
    const error = await failure(executor.execute(order('no-such-task', 1), control()))
    same(error.code, 'NOT_FOUND', 'the code')
    same(error.message.includes('"no-such-task"'), true, 'whether the message names the task')
    same(await executor.execute(order('echo', 1), control()), 1, 'the next result')
  })

  rule('does not take a name that every object has for a task', async (executor) => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      same(
        (await failure(executor.execute(order(name, 1), control()))).code,
        'NOT_FOUND',
        `the code of ${name}`,
      )
    }
  })

  rule('keeps code, message, context and causes of a SystemError', async (executor) => {
    const error = await failure(executor.execute(order('refuse', { code: 'CONFLICT' }), control()))
    same(error.code, 'CONFLICT', 'the code')
    same(error.message, 'Refused as asked', 'the message')
    same(error.context['place'], 'far away', 'the context')
    same((error.cause as Error).message, 'the reason behind', 'the cause')
  })

  rule('turns anything else that a task throws into EXECUTION_FAILED', async (executor) => {
    for (const [what, says] of [
      ['error', 'no such order'],
      ['text', 'thrown text'],
      ['null', 'null'],
      ['cycle', ''],
    ] as const) {
      const error = await failure(executor.execute(order('throw', what), control()))
      same(error.code, 'EXECUTION_FAILED', `the code for ${what}`)
      same(error.message.includes(says), true, `whether the message for ${what} says "${says}"`)
    }
  })

  rule('keeps that an error is not worth another attempt', async (executor) => {
    const error = await failure(executor.execute(order('throw', 'final'), control()))
    same(error.context['retryable'], false, 'context.retryable')
  })

  rule('refuses a result that cannot travel', async (executor) => {
    const error = await failure(executor.execute(order('unsendable', null), control()))
    same(error.code, 'VALIDATION', 'the code')
    same(await executor.execute(order('echo', 1), control()), 1, 'the next result')
  })

  rule('refuses an input that cannot travel', async (executor) => {
    const error = await failure(executor.execute(order('echo', { call: () => 1 }), control()))
    same(error.code, 'VALIDATION', 'the code')
    let deep: unknown = 1
    for (let level = 0; level <= MAX_DEPTH; level++) deep = [deep]
    same((await failure(executor.execute(order('echo', deep), control()))).code, 'VALIDATION', 'the code')
    same(await executor.execute(order('echo', 1), control()), 1, 'the next result')
  })

  rule('brings progress and logs before the result, in order', async (executor) => {
    const told: unknown[] = []
    await executor.execute(order('chatter', null), control({ told }))
    const wanted = [
      ['progress', 0.25, 'begun'],
      ['info', 'half way', { at: 1 }],
      ['progress', 0.75],
      ['warn', 'nearly there'],
    ]
    same(told, wanted, 'what was told')
  })

  rule('does not begin what is aborted already', async (executor) => {
    const reason = new SystemError('ABORTED', 'Not wanted')
    const error = await failure(
      executor.execute(order('echo', 1), control({ signal: AbortSignal.abort(reason) })),
    )
    same(error.message, 'Not wanted', 'the reason')
  })

  rule('rejects at once when the step is no longer wanted, and tells the task', async (executor) => {
    const controller = new AbortController()
    const begun = gate()
    const running = failure(
      executor.execute(
        order('until-aborted', null, { idempotencyKey: 'to-be-aborted' }),
        control({ signal: controller.signal, onProgress: begun.open }),
      ),
    )
    await begun.opened
    controller.abort(new SystemError('ABORTED', 'Changed our mind'))
    same((await running).message, 'Changed our mind', 'the reason')
    // The word takes a moment; where there are several places, each is asked in turn.
    let wasTold = false
    while (!wasTold) {
      wasTold = (await executor.execute(order('was-aborted', 'to-be-aborted'), control())) === true
    }
  })

  rule('lets no task that hangs hold up the others', async (executor) => {
    const controller = new AbortController()
    const begun = gate()
    const hanging = failure(
      executor.execute(order('hang', null), control({ signal: controller.signal, onProgress: begun.open })),
    )
    await begun.opened
    same(await executor.execute(order('echo', 2), control()), 2, 'the result beside it')
    controller.abort(new SystemError('TIMEOUT', 'Took too long'))
    same((await hanging).code, 'TIMEOUT', 'the code')
    same(await executor.execute(order('echo', 3), control()), 3, 'the result after it')
  })

  rule('refuses work once it is closed, and ends what is under way', async (executor) => {
    const begun = gate()
    const running = failure(executor.execute(order('hang', null), control({ onProgress: begun.open })))
    await begun.opened
    await executor.close()
    same((await running).code, 'UNAVAILABLE', 'the code of what was under way')
    same((await failure(executor.execute(order('echo', 1), control()))).code, 'UNAVAILABLE', 'the code after')
    await executor.close()
  })

  return cases
}

let orders = 0

function order(task: string, input: unknown, more: Partial<StepTask> = {}): StepTask {
  const id = ++orders
  return {
    task,
    input,
    runId: `run-${id}`,
    workflowId: 'conformance',
    pipelineId: 'main',
    stageId: 'work',
    stepId: task,
    path: `work/${task}`,
    attempt: 1,
    idempotencyKey: `run-${id}/work.1/${task}`,
    timeoutMs: 60_000,
    requires: {},
    key: undefined,
    ...more,
  }
}

interface ControlOptions {
  readonly signal?: AbortSignal
  readonly told?: unknown[]
  readonly onProgress?: () => void
}

function control({ signal, told, onProgress }: ControlOptions = {}): TaskControl {
  const write =
    (level: string) =>
    (...words: unknown[]): void => {
      told?.push([level, ...words.filter((word) => word !== undefined)])
    }
  const logger: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
  return {
    signal: signal ?? new AbortController().signal,
    logger,
    progress: (...words) => {
      write('progress')(...words)
      onProgress?.()
    },
  }
}

function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}

async function failure(act: Promise<unknown>): Promise<SystemError> {
  let value: unknown
  try {
    value = await act
  } catch (error) {
    if (isSystemError(error)) return error
    throw new Error('The executor breaks a rule: it must reject with a SystemError', { cause: error })
  }
  throw new Error(`The executor breaks a rule: it must reject, and gave ${JSON.stringify(value)}`)
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [seen, wanted] = [JSON.stringify(sorted(actual)), JSON.stringify(sorted(expected))]
  if (seen !== wanted) throw new Error(`The executor breaks a rule: ${what} must be ${wanted}: it is ${seen}`)
}

/** The order of keys is no part of a value. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function inTime<Value>(act: Promise<Value>, what: string): Promise<Value> {
  const message = `The executor breaks a rule: "${what}" took longer than ${PATIENCE_MS} ms`
  return within(systemClock, PATIENCE_MS, act, () => new Error(message))
}
