import { type BusEvent, type WorkflowDefinition, definePipeline, pause, terminate } from 'busline'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import type { Statistics, WebhookEvents } from '../webhook-events.js'

/** One delivery as it lies in the inbox. */
interface Delivery {
  readonly type: string
  readonly repository: string
  readonly sender: string
}

interface LoopState extends Statistics {
  /** A field per delivery that was signalled and is not counted yet, named after the event. */
  readonly [inbox: `delivery ${string}`]: Delivery
}

const INBOX = 'delivery '

/** What the loop publishes itself: were it to listen to that, it would never come to rest. */
const REPORT = 'statistics:reported'

function toDelivery({ type, payload }: BusEvent): Delivery {
  const { repository, sender } = (payload ?? {}) as {
    readonly repository?: { readonly full_name?: unknown } | null
    readonly sender?: { readonly login?: unknown } | null
  }
  return {
    type: toName(type, 'no type'),
    repository: toName(repository?.full_name, 'no repository'),
    sender: toName(sender?.login, 'nobody'),
  }
}

/** Keys that Busline lets nobody write into a state. */
const RESERVED = ['__proto__', 'constructor']

/** A name that can be counted under: anybody's payload may hold anything in its place. */
function toName(value: unknown, otherwise: string): string {
  if (typeof value !== 'string') return otherwise
  return RESERVED.includes(value) ? `"${value}"` : value
}

function countOne(counts: Record<string, number>, name: string): void {
  // A plain object inherits names such as `toString`.
  counts[name] = (Object.hasOwn(counts, name) ? counts[name]! : 0) + 1
}

/** What an event writes into the loop that runs already: a field of its own, so that none overwrites another. */
export function toInbox(event: BusEvent): Readonly<Record<string, unknown>> {
  return { [INBOX + event.id]: toDelivery(event) }
}

function isInbox(field: string): field is `delivery ${string}` {
  return field.startsWith(INBOX)
}

/**
 * Sleeps for two seconds, counts what was signalled meanwhile, and sleeps again. When nothing came for ten naps in a
 * row it reports and ends; the next event starts it anew.
 */
const loop = definePipeline<BusEvent, WebhookEvents>()({
  id: 'loop',
  label: 'Count what is signalled',
  // It goes round for as long as anything happens; the default would take it for a runaway.
  maxVisits: Infinity,
  initialState: (event): LoopState & { readonly idleNaps: number } => ({
    deliveries: 0,
    repositories: {},
    senders: {},
    types: {},
    idleNaps: 0,
    ...toInbox(event),
  }),
  stages: [
    {
      id: 'count',
      steps: {
        tally: ({ state }) => {
          const fields = Object.keys(state).filter(isInbox)
          return (draft) => {
            draft.idleNaps = fields.length === 0 ? draft.idleNaps + 1 : 0
            for (const field of fields) {
              const { type, repository, sender } = draft[field]!
              draft.deliveries++
              countOne(draft.types, type)
              countOne(draft.repositories, repository)
              countOne(draft.senders, sender)
              delete draft[field]
            }
          }
        },
      },
      router: ({ state }) => (state.idleNaps < 10 ? pause({ timeout: '2s', resumeAt: 'count' }) : 'report'),
    },
    {
      id: 'report',
      steps: {
        publish: ({ state: { deliveries, repositories, senders, types }, publish }) =>
          void publish(REPORT, { deliveries, repositories, senders, types }),
      },
      // Whatever was signalled while it reported is counted too.
      router: ({ state }) => (Object.keys(state).some(isInbox) ? 'count' : terminate()),
    },
  ],
})

/** Ids of triggers have no slash, types of events may. */
function toTriggerId(type: string): string {
  return type.replaceAll('%', '%25').replaceAll('/', '%2F')
}

/**
 * One run for all: the first event starts it, every further one is written into its state. It listens to every type of
 * event there is, so it has a trigger for each.
 */
export function statistics(types: readonly string[]): RegisteredWorkflow {
  return {
    does: 'one loop that counts every delivery',
    workflow: {
      id: 'statistics',
      // The types come from whoever gives the events, so the compiler cannot know them.
      triggers: Object.fromEntries(
        types.filter((type) => type !== REPORT).map((type) => [toTriggerId(type), { event: type }]),
      ) as unknown as WorkflowDefinition<WebhookEvents>['triggers'],
      pipelines: { loop },
    },
    options: { mode: { type: 'singleton_loop', onBusy: 'signal', toPatch: toInbox } },
  }
}
