import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import type { WireTaskGroup, WireTaskResult, WorkerEvents } from '../../../src/workers/messages/protocol.js'
import { TaskServer } from '../../../src/workers/worker/task-server.js'
import type { WorkerLink } from '../../../src/workers/worker/worker-link.js'

function serve() {
  let now = 0
  const messages: (readonly WireTaskResult[])[] = []
  const link: Pick<WorkerLink, 'send'> = {
    send(_command, payload) {
      messages.push((payload as WorkerEvents['taskResult']).results)
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
function group(task: string, inputs: readonly unknown[]): WireTaskGroup {
  const tasks = inputs.map((input) => [++lastId, input, 'run', 'key', undefined] as const)
  return [task, 'w', 'main', 's', task, `s/${task}`, 1, Infinity, {}, tasks]
}

const values = (messages: readonly (readonly WireTaskResult[])[]) =>
  messages.map((results) => results.map(([, value]) => value))

describe('TaskServer', () => {
  it('sends the results of tasks that came together together', () => {
    const { server, messages } = serve()
    server.start({ groups: [group('quick', [1, 2]), group('quick', [3])] })
    expect(values(messages)).toEqual([[1, 2, 3]])
  })

  it('does not let the result of a task wait for the tasks that compute after it', () => {
    const { server, messages } = serve()
    server.start({
      groups: [group('busy', [5]), group('quick', [1, 2]), group('busy', [7]), group('quick', [3])],
    })
    expect(values(messages)).toEqual([[5], [1, 2, 7], [3]])
  })

  it('sends no more than sixteen results together', () => {
    const { server, messages } = serve()
    server.start({
      groups: [
        group(
          'quick',
          Array.from({ length: 40 }, (_, index) => index),
        ),
      ],
    })
    expect(messages.map(({ length }) => length)).toEqual([16, 16, 8])
  })

  it('sends the results of tasks that end in the same turn together', async () => {
    const { server, messages } = serve()
    server.start({ groups: [group('slow', [1, 2, 3])] })
    expect(messages).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    expect(values(messages)).toEqual([[1, 2, 3]])
  })
})
