import { describe, expect, it } from 'vitest'
import { MODE_CHOICES } from '../../docs/simulator/mode-choices.js'
import { Simulation } from '../../docs/simulator/simulation.js'

/** Three events of one key while the first is at work, one of another key; what was decided, and when each ran. */
async function play(id: string) {
  const simulation = await Simulation.open(MODE_CHOICES.find((choice) => choice.id === id)!)
  await simulation.publish('A', 1000)
  await simulation.advance(100)
  await simulation.publish('A', 1000)
  await simulation.publish('A', 1000)
  await simulation.publish('B', 1000)
  await simulation.advance(5000)
  await simulation.close()
  return simulation.events.map(({ receipts, run }) => ({
    told: receipts.map(({ outcome }) => outcome).join(' '),
    ran: run ? [run.startedAt, run.endedAt, run.status] : [],
  }))
}

describe('the mode simulator', () => {
  const free = { told: 'started', ran: [0, 1000, 'succeeded'] }
  const other = { told: 'started', ran: [100, 1100, 'succeeded'] }

  it('shows two at once and one waiting under transient', async () => {
    expect(await play('transient')).toEqual([
      free,
      { told: 'started', ran: [100, 1100, 'succeeded'] },
      { told: 'queued started', ran: [1000, 2000, 'succeeded'] },
      other,
    ])
  })

  it('shows one after the other under serialized', async () => {
    expect(await play('serialized')).toEqual([
      free,
      { told: 'queued started', ran: [1000, 2000, 'succeeded'] },
      { told: 'queued started', ran: [2000, 3000, 'succeeded'] },
      other,
    ])
  })

  it('shows what is dropped, signalled and replaced under singleton_loop', async () => {
    const dropped = { told: 'dropped', ran: [] }
    expect(await play('loop-drop')).toEqual([free, dropped, dropped, other])
    const signalled = { told: 'signalled', ran: [] }
    expect(await play('loop-signal')).toEqual([free, signalled, signalled, other])
    expect(await play('loop-replace')).toEqual([
      { told: 'started', ran: [0, 100, 'aborted'] },
      { told: 'queued replaced', ran: [100, 100, 'aborted'] },
      { told: 'queued replaced', ran: [100, 1100, 'succeeded'] },
      other,
    ])
  })

  it('shows what is rejected or superseded under exclusive', async () => {
    const rejected = { told: 'rejected', ran: [] }
    expect(await play('exclusive-reject')).toEqual([free, rejected, rejected, other])
    expect(await play('exclusive-queue')).toEqual([
      free,
      { told: 'queued superseded', ran: [] },
      { told: 'queued started', ran: [1000, 2000, 'succeeded'] },
      other,
    ])
  })
})
