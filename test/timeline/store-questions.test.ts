import { beforeEach, describe, expect, it } from 'vitest'
import { simulatedClock } from '../../src/testing/index.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import type { RunFilter, TimelineStore } from '../../src/timeline/timeline-store.js'
import { STORES, batchOf, textOf } from './timeline-fixtures.js'

describe.each(STORES)('what %s is asked', (_name, createStore) => {
  let store: TimelineStore
  beforeEach(async () => {
    store = createStore(simulatedClock(100_000))
    await store.append([batchOf('run', 1, 2, { status: 'complete', endTime: 2_000 })])
  })

  it.each([
    ['from', '5'],
    ['from', NaN],
    ['to', '5'],
    ['to', new Date(5)],
    ['to', null],
    ['status', 'running'],
    ['workflowId', 5],
    ['limit', '5'],
  ])('lists nothing for a "%s" of %j, and says so', async (field, value) => {
    await expect(store.listRuns({ [field]: value })).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringContaining(`Cannot list runs: "${field}" must be`) as string,
      context: { issues: [{ path: field }] },
    })
  })

  it('takes runs of any time where a bound is endless, or absent', async () => {
    const filters = [
      { from: -Infinity, to: Infinity },
      { to: undefined, cursor: undefined },
    ]
    for (const filter of filters) expect((await store.listRuns(filter as RunFilter)).runs).toHaveLength(1)
  })

  it.each([
    ['maxRuns', NaN],
    ['maxRuns', null],
    ['maxRuns', '3'],
    ['maxBytes', -1],
    ['olderThan', null],
    ['olderThan', 'a week'],
  ])('deletes nothing for a "%s" of %j, and says so', async (bound, value) => {
    await expect(store.prune({ [bound]: value })).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringContaining(`Cannot prune timelines: "${bound}" must be`) as string,
    })
    expect((await store.listRuns()).runs).toHaveLength(1)
  })

  it('exports a run that is deleted meanwhile with an error, not a part of it without a word', async () => {
    await store.append([batchOf('long', 1, 1_200)])
    const lines: string[] = []
    const reading = async () => {
      for await (const line of store.exportRun('long')) {
        lines.push(line)
        if (lines.length === 100) await store.deleteRun('long')
      }
    }
    await expect(reading()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(lines).toHaveLength(501)
  })

  it.each([
    ['events that came later', batchOf('live', 8, 9, { previousStatus: 'recording' })],
    ['its end', batchOf('live', 8, 7, { previousStatus: 'recording', status: 'complete', endTime: 5_000 })],
  ])('does not bring a run back that was deleted while it went on, with %s', async (_case, batch) => {
    await store.append([batchOf('live', 1, 7)])
    await store.deleteRun('live')
    for (const batches of [[batch], [batchOf('other', 1, 2), batch]]) {
      await expect(store.append(batches)).rejects.toMatchObject({
        code: 'VALIDATION',
        context: { runId: 'live' },
      })
    }
    expect((await store.listRuns()).runs.map(({ runId }) => runId)).toEqual(['run'])
    await expect(new TimelinePlayer(store, 'live').seek(0)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await store.append([batchOf('live', 1, 3)])
    expect(await store.getEvents('live')).toHaveLength(3)
  })

  it.each([
    ['endTime', '"yesterday"'],
    ['lostEvents', '"some"'],
    ['lostEvents', '-1'],
    ['metadata', '[1]'],
  ])('refuses to import a run whose "%s" is %s', async (field, value) => {
    const text = await textOf(store.exportRun('run'))
    const changed = text.replace(/"endTime":\d+/, `"${field}":${value}`)
    await store.deleteRun('run')
    await expect(store.importRun(changed)).rejects.toMatchObject({ code: 'VALIDATION' })
  })
})
