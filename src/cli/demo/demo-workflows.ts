import { setTimeout as sleep } from 'node:timers/promises'
import type { ModeOptions } from '../../runtime/modes/create-mode.js'
import { workflow } from '../../runtime/workflow-builder.js'
import type { EventLine } from '../events/event-lines.js'
import { type WorkflowModule, toWorkflowModule } from '../run/load-workflows.js'

interface DemoEvents {
  'page:clicked': { page: string }
  'order:placed': { orderId: string; parcels: readonly string[] }
  'order:paid': { orderId: string }
}

const MODES: Readonly<Record<string, ModeOptions>> = {
  'two-at-once': { type: 'transient', concurrency: 2 },
  'one-by-one': { type: 'serialized' },
  newest: { type: 'singleton_loop', onBusy: 'replace' },
  'if-free': { type: 'exclusive', onBusy: 'reject' },
}

/** One workflow per mode, all for the same event, and one that retries, waits, works on several things, and undoes. */
export function demoWorkflows(): WorkflowModule {
  const clicks = Object.entries(MODES).map(([id, mode]) =>
    workflow<DemoEvents>()(id, { on: 'page:clicked', mode })
      .step('render', () => sleep(140))
      .build(),
  )
  const order = workflow<DemoEvents>()('order', { on: 'order:placed', compensate: true })
    .step('reserve', () => sleep(120), { compensate: () => sleep(90) })
    .step(
      'charge',
      async ({ attempt, logger }) => {
        await sleep(80)
        if (attempt < 3) throw new Error('The bank does not answer')
        logger.info('charged', { attempt })
      },
      { retry: { limit: 4, delay: 60 } },
    )
    .waitFor('payment', {
      event: 'order:paid',
      where: [{ field: 'orderId', op: '==', valueFrom: 'orderId' }],
      timeout: '600ms',
    })
    .step('check', ({ state }) => {
      if (state.payment.kind === 'timeout') throw new Error('Nobody has paid')
    })
    .forEach(
      'packed',
      ({ parcels }) => parcels,
      (parcel) => parcel.step('pack', ({ state }) => sleep(90 + 40 * state.item.length)),
    )
    .build()
  return toWorkflowModule([...clicks, order], 'demo')
}

const CLICKS = 12
const GAP_MS = 55

/** Clicks that come faster than they are worked on; two orders, of which one is paid. */
export async function* demoEvents(): AsyncGenerator<EventLine> {
  const between: Readonly<Record<number, readonly [type: string, payload: unknown]>> = {
    0: ['order:placed', { orderId: 'o-1', parcels: ['tea', 'a teapot', 'cups'] }],
    1: ['order:placed', { orderId: 'o-2', parcels: ['coffee'] }],
    11: ['order:paid', { orderId: 'o-1' }],
  }
  let line = 0
  for (let click = 0; click < CLICKS; click++) {
    yield { line: ++line, type: 'page:clicked', payload: { page: `/${click}` }, meta: {} }
    const [type, payload] = between[click] ?? []
    if (type !== undefined) yield { line: ++line, type, payload, meta: {} }
    await sleep(GAP_MS)
  }
}

/** How many events {@link demoEvents} gives. */
export const DEMO_EVENT_COUNT = CLICKS + 3
