import { WorkflowRuntime, createEventBus, systemClock } from 'busline'
import { defineInspector, timelineSource } from 'busline/inspector'
import { indexedDbStorage } from 'busline/storage/indexeddb'
import { StoredTimelineStore } from 'busline/timeline'
import { showOrders } from './order-strip.js'
import { openTeaHouse } from './workflows/open-tea-house.js'
import { TEAS, type OrderItem, type TeaHouseEvents } from './workflows/tea-house-events.js'

/** The tea house: workflows in a tab, recorded in its IndexedDB, with the inspector below. */
const GUESTS = ['Aiko', 'Bram', 'Chiara', 'Dele', 'Elif', 'Farid']

const bus = createEventBus<TeaHouseEvents>()
const timelineStore = new StoredTimelineStore(indexedDbStorage({ name: 'tea-house', durability: 'relaxed' }))
const runtime = new WorkflowRuntime<TeaHouseEvents>({ bus, timelineStore })
await openTeaHouse(runtime, { clock: systemClock, random: Math.random })

const find = <Type extends HTMLElement>(id: string) => document.getElementById(id) as Type
const pick = <Item>(items: readonly Item[]) => items[Math.floor(Math.random() * items.length)]!

defineInspector()
const inspector = document.querySelector('busline-inspector')!
inspector.source = timelineSource(timelineStore, { runtime })

function placeOrder(guest = pick(GUESTS)): void {
  const items: OrderItem[] = Array.from({ length: 1 + Math.floor(Math.random() * 3) }, () => ({
    tea: pick(Object.keys(TEAS)),
    grams: 50 + 25 * Math.floor(Math.random() * 5),
  }))
  bus.publish('order:placed', { id: crypto.randomUUID(), guest, items })
}

find('order').addEventListener('click', () => placeOrder())
find('rush').addEventListener('click', () => {
  const guest = pick(GUESTS)
  for (let index = 0; index < 5; index++) placeOrder(guest)
})
find('approve').addEventListener('click', () => {
  for (const { status, workflowId, state } of runtime.listAllRuns()) {
    if (status !== 'paused' || workflowId !== 'order') continue
    bus.publish('order:approved', { id: String(state['id']), by: 'the house' })
  }
})
find('stock').addEventListener('click', () => {
  bus.publish('stock:counted', { tea: pick(Object.keys(TEAS)), grams: Math.floor(Math.random() * 400) })
})

const show = () =>
  showOrders(find('orders'), runtime, (runId) => {
    inspector.page = 'runs'
    inspector.run = runId
  })
for (const type of [
  'run:started',
  'run:paused',
  'run:resumed',
  'run:completed',
  'run:failed',
  'run:aborted',
] as const) {
  bus.subscribe(type, show)
}
