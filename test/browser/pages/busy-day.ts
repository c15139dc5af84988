import { MemoryTimelineStore, WorkflowRuntime, createEventBus } from 'busline'
import { type InspectorSource, timelineSource } from 'busline/inspector'
import { openTeaHouse } from '../../../examples/browser/workflows/open-tea-house.js'
import {
  type OrderItem,
  TEAS,
  type TeaHouseEvents,
} from '../../../examples/browser/workflows/tea-house-events.js'
import { sequentialIds } from '../../../src/testing/sequential-ids.js'
import { simulatedClock } from '../../../src/testing/simulated-clock.js'

const GUESTS = ['Aiko', 'Bram', 'Chiara', 'Dele', 'Elif', 'Farid']
const silent = () => {}

/** A day in the tea house, the same each time: time is simulated, chance begins with the same seed. */
export async function busyDay(): Promise<InspectorSource> {
  const clock = simulatedClock(Date.UTC(2026, 4, 12, 9, 30))
  const random = seeded(20_260_512)
  const bus = createEventBus<TeaHouseEvents>({ clock, ids: sequentialIds() })
  const timelineStore = new MemoryTimelineStore({ clock })
  const logger = { debug: silent, info: silent, warn: silent, error: silent }
  const ids = sequentialIds()
  const runtime = new WorkflowRuntime<TeaHouseEvents>({ bus, clock, ids, random, logger, timelineStore })
  await openTeaHouse(runtime, { clock, random })

  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)]!
  let orders = 0
  const place = (guest = pick(GUESTS), count = 1 + Math.floor(random() * 3)) => {
    const items: OrderItem[] = Array.from({ length: count }, () => ({
      tea: pick(Object.keys(TEAS)),
      grams: 50 + 25 * Math.floor(random() * 5),
    }))
    bus.publish('order:placed', { id: `TH-${String(++orders).padStart(4, '0')}`, guest, items })
  }
  const approve = () => {
    for (const { status, workflowId, state } of runtime.listAllRuns()) {
      if (status === 'paused' && workflowId === 'order') {
        bus.publish('order:approved', { id: String(state['id'] as string), by: 'Hana' })
      }
    }
  }

  for (let hour = 0; hour < 9; hour++) {
    place()
    await clock.advance('20s')
    place()
    bus.publish('stock:counted', { tea: pick(Object.keys(TEAS)), grams: Math.floor(random() * 400) })
    bus.publish('stock:counted', { tea: pick(Object.keys(TEAS)), grams: 120 })
    await clock.advance('45s')
    approve()
    await clock.advance('3m')
  }
  bus.publish('stock:counted', { tea: 'Lapsang', grams: -5 })
  await clock.advance('5s')
  bus.publish('stock:counted', { tea: 'Lapsang', grams: -5 })
  place('Aiko', 3)
  place('Aiko', 2)
  await clock.advance('40s')
  approve()
  await clock.advance('20s')
  for (let index = 0; index < 5; index++) place('Chiara', 3)
  for (let index = 0; index < 3; index++) place('Elif', 2)
  await clock.advance('700ms')
  bus.publish('stock:counted', { tea: 'Sencha', grams: 230 })
  bus.publish('stock:counted', { tea: 'Darjeeling', grams: 90 })
  await clock.advance('300ms')
  return timelineSource(timelineStore, {
    runtime,
    clock: { ...clock, setTimeout: realTimeout, clearTimeout: realClear },
  })
}

/** The inspector looks for news in real time, though the day stands still. */
const realTimeout = (callback: () => void, ms: number) => setTimeout(callback, ms)
const realClear = (timer: unknown) => clearTimeout(timer as number)

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
