import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  MemoryTimelineStore,
  type TimelineEvent,
  WorkflowRuntime,
  createEventBus,
  pause,
} from 'busline'
import { toTimelineRows } from '../../../src/cli/timeline/timeline-rows.js'
import { simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../../runtime/open-runtime.js'

const clock = simulatedClock()
const takes = (ms: number, error?: string) => () =>
  new Promise<void>((resolve, reject) => {
    clock.setTimeout(() => (error ? reject(new Error(error)) : resolve()), ms)
  })

/** What a real run of the pipeline puts on its timeline. */
async function record(pipeline: AnyPipeline, abortAfterMs = Infinity): Promise<readonly TimelineEvent[]> {
  const timelineStore = new MemoryTimelineStore({ clock })
  const bus = createEventBus({ clock })
  const runtime = new WorkflowRuntime({ bus, clock, logger: quietLogger, timelineStore })
  await runtime.register({ id: 'w', triggers: { t: { event: 'go' } }, pipelines: { main: pipeline } })
  bus.publish('go', {})
  if (abortAfterMs !== Infinity) {
    await clock.advance(abortAfterMs)
    // Not awaited: a compensation may take time, and that must be moved.
    for (const { runId } of runtime.listAllRuns()) void runtime.abort(runId)
  }
  await clock.advance('1m')
  await runtime.stop()
  const [run] = (await timelineStore.listRuns()).runs
  return timelineStore.getEvents(run!.runId)
}

/** Rows as text: label, then each segment as kind and span. */
const shown = (events: readonly TimelineEvent[]) =>
  toTimelineRows(events).map(({ label, depth, segments, notes }) =>
    [
      `${'  '.repeat(depth)}${label}:`,
      ...segments.map(({ kind, from, to }) => `${kind} ${from}-${to}`),
      ...notes.map((note) => `(${note})`),
    ].join(' '),
  )

describe('toTimelineRows()', () => {
  it('shows a stage of one step as one row, one of several as a row each', async () => {
    const events = await record({
      id: 'p',
      stages: [
        { id: 'read', steps: { load: takes(10) } },
        { id: 'write', steps: { left: takes(5), right: takes(20) } },
      ],
    })
    expect(shown(events)).toEqual([
      'read load: done 0-10',
      'write: stage 10-30',
      '  left: done 10-15',
      '  right: done 10-30',
    ])
  })

  it('shows attempts, what lies between them, and the last failure', async () => {
    const events = await record({
      id: 'p',
      stages: [{ id: 'call', steps: { call: { action: takes(10, 'no'), retry: { limit: 1, delay: 5 } } } }],
    })
    expect(shown(events)).toEqual(['call: failed 0-10 backoff 10-15 failed 15-25 (1 retry)'])
  })

  it('shows pauses beside their stage, and what ended them', async () => {
    let rounds = 0
    const events = await record({
      id: 'p',
      stages: [
        {
          id: 'wait',
          router: () => (++rounds < 3 ? pause({ timeout: 10, resumeAt: 'wait' }) : { type: 'terminate' }),
        },
      ],
    })
    expect(shown(events)).toEqual([
      'wait: stage 0-0 stage 10-10 stage 20-20 (3 visits)',
      'asleep: asleep 0-10 asleep 10-20 (woken by the clock (2×))',
    ])
  })

  it('shows children below their stage, and a pause inside one', async () => {
    const child: AnyPipeline = {
      id: 'child',
      stages: [
        { id: 'ask', router: () => pause({ timeout: 10 }) },
        { id: 'do', steps: { it: takes(5) } },
      ],
    }
    const events = await record({
      id: 'p',
      stages: [{ id: 'fan', pipelines: [child], forEach: () => ['a', 'b'], concurrency: 1 }],
    })
    expect(shown(events)).toEqual([
      'fan: stage 0-20',
      '  #1:',
      '    ask: stage 0-0',
      '    asleep: asleep 0-10 (woken by the clock)',
      '    do it: done 10-15',
      '  #2:',
      '    ask: stage 0-0',
      '    asleep: asleep 0-10 (woken by the clock)',
      '    do it: done 15-20',
    ])
  })

  it('shows what was cut off by an abort, and what was undone after it', async () => {
    const events = await record(
      {
        id: 'p',
        compensate: true,
        stages: [
          { id: 'book', steps: { seat: { action: takes(10), compensate: takes(7) } } },
          { id: 'pay', steps: { pay: takes(1000) } },
        ],
      },
      30,
    )
    expect(shown(events)).toEqual([
      'book: stage 0-10',
      '  seat: done 0-10',
      '  undo seat: undone 30-37',
      'pay: cut 10-30',
    ])
  })

  it('shows what a stage cut off when its time was up', async () => {
    const events = await record({
      id: 'p',
      stages: [{ id: 'slow', timeout: 20, steps: { a: takes(5), b: takes(1000) } }],
    })
    expect(shown(events)).toEqual(['slow: stage 0-20', '  a: done 0-5', '  b: cut 0-20'])
  })

  it('shows nothing for nothing', () => {
    expect(toTimelineRows([])).toEqual([])
  })
})
