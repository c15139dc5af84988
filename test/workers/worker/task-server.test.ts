import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import {
  type WireResult,
  type WireTasks,
  readResults,
  writeTasks,
} from '../../../src/workers/messages/task-messages.js'
import { TaskServer } from '../../../src/workers/worker/task-server.js'
import type { WorkerLink } from '../../../src/workers/worker/worker-link.js'

function serve() {
  let now = 0
  const messages: (readonly WireResult[])[] = []
  const link: Pick<WorkerLink, 'sendResults'> = {
    sendResults(results) {
      const read: WireResult[] = []
      readResults(results, (...result) => read.push(result))
      messages.push(read)
    },
  }
  const tasks = {
    quick: (input: unknown) => input,
    slow: async (input: unknown) => {
      await Promise.resolve()
      return input
    },
    // Computes for so long, and lets nobody in.
    busy: (ms: number) => {
      now += ms
      return ms
    },
  }
  return { server: new TaskServer(tasks, link as WorkerLink, { ...systemClock, now: () => now }), messages }
}

let lastId = 0
/** A message of tasks: names and inputs. */
function tasks(...wanted: readonly (readonly [task: string, ...inputs: unknown[]])[]): WireTasks {
  const step = { workflowId: 'w', pipelineId: 'main', stageId: 's', path: 's', requires: {} }
  const own = { runId: 'run', idempotencyKey: 'key', attempt: 1, timeoutMs: Infinity }
  return writeTasks(
    wanted.flatMap(([task, ...inputs]) =>
      inputs.map((input) => ({ id: ++lastId, order: { ...step, ...own, task, stepId: task, input } })),
    ),
  )
}

const values = (messages: readonly (readonly WireResult[])[]) =>
  messages.map((results) => results.map(([, value]) => value))

describe('TaskServer', () => {
  it('sends the results of tasks that came together together', () => {
    const { server, messages } = serve()
    server.start(tasks(['quick', 1, 2], ['slow'], ['quick', 3]))
    expect(values(messages)).toEqual([[1, 2, 3]])
  })

  it('does not let the result of a task wait for the tasks that compute after it', () => {
    const { server, messages } = serve()
    server.start(tasks(['busy', 5], ['quick', 1, 2], ['busy', 7], ['quick', 3]))
    expect(values(messages)).toEqual([[5], [1, 2, 7], [3]])
  })

  it('sends no more than sixteen results together', () => {
    const { server, messages } = serve()
    server.start(tasks(['quick', ...Array.from({ length: 40 }, (_, index) => index)]))
    expect(messages.map(({ length }) => length)).toEqual([16, 16, 8])
  })

  it('sends the results of tasks that end in the same turn together', async () => {
    const { server, messages } = serve()
    server.start(tasks(['slow', 1, 2, 3]))
    expect(messages).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    expect(values(messages)).toEqual([[1, 2, 3]])
  })
})
