import type { TaskContext, TaskFunction } from '../core/step-executor.js'
import { type ErrorCode, SystemError } from '../core/system-error.js'

/** What became of tasks that were told to stop, in this place. */
const aborted = new Set<string>()

/** The tasks that a place must know for `executorConformance`: hand them to whatever serves tasks there. */
export const conformanceTasks: Readonly<Record<string, TaskFunction>> = {
  echo: (input: unknown) => input,

  nothing: () => undefined,

  identity: (
    _input: unknown,
    { signal: _signal, logger: _logger, progress: _progress, ...identity }: TaskContext,
  ) => identity,

  chatter: (_input: unknown, { logger, progress }: TaskContext) => {
    progress(0.25, 'begun')
    logger.info('half way', { at: 1 })
    progress(0.75)
    logger.warn('nearly there')
  },

  refuse: ({ code }: { readonly code: ErrorCode }) => {
    throw new SystemError(code, 'Refused as asked', {
      context: { place: 'far away' },
      cause: new Error('the reason behind'),
    })
  },

  throw: (what: string) => {
    if (what === 'text') throw 'thrown text'
    if (what === 'null') throw null
    if (what === 'final') throw Object.assign(new Error('for good'), { retryable: false })
    if (what === 'cycle') {
      const error = new Error('round and round')
      error.cause = error
      throw error
    }
    throw new Error('no such order')
  },

  unsendable: () => ({ call: () => 1 }),

  'until-aborted': (_input: unknown, { signal, idempotencyKey, progress }: TaskContext) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted.add(idempotencyKey)
        resolve('too late')
      })
      progress(0)
    }),

  'was-aborted': async (key: string) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    return aborted.has(key)
  },

  hang: (_input: unknown, { progress }: TaskContext) => {
    progress(0)
    return new Promise(() => {})
  },
}
