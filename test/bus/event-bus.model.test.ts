import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEventBus } from 'busline'

/**
 * A script says what each handler does when it hears an event: publish others, subscribe, unsubscribe, throw. The
 * model is the rule itself: a list of events in the order of publishing, and for each handler the numbers between
 * which it was subscribed. The bus must make exactly the calls that follow from it, in that order.
 */
type Deed =
  | { do: 'publish'; type: string }
  | { do: 'dispatch'; type: string }
  | { do: 'subscribe'; to: string; once: boolean }
  | { do: 'unsubscribe'; which: number }
  | { do: 'throw' }

const TYPES = ['a', 'b', 'c']
const anyType = fc.constantFrom(...TYPES)
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), type: anyType }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dispatch' as const), type: anyType }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      to: fc.constantFrom(...TYPES, '*'),
      once: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'throw' as const }) },
)

interface Host {
  publish(type: string, number: number): void
  dispatch(type: string, number: number): void
  subscribe(to: string, once: boolean, handler: (number: number) => void): () => void
}

/** Runs the scripts on a host. Each call of a handler is logged and takes the next script; nested deeds stay finite. */
function play(
  host: Host,
  outside: readonly Deed[],
  scripts: readonly (readonly Deed[])[],
): readonly string[] {
  const log: string[] = []
  const ends: (() => void)[] = []
  let published = 0
  let calls = 0
  const perform = (deeds: readonly Deed[]) => {
    for (const each of deeds) {
      if (each.do === 'throw') throw new Error('scripted')
      else if (each.do === 'unsubscribe') ends[each.which]?.()
      else if (each.do === 'subscribe') {
        if (ends.length >= 20) continue
        const name = ends.length
        ends.push(
          host.subscribe(each.to, each.once, (number) => {
            log.push(`${name} hears ${number}`)
            perform(scripts[calls++] ?? [])
          }),
        )
      } else if (published < 60) host[each.do](each.type, published++)
    }
  }
  for (const each of outside) {
    if (each.do !== 'throw') perform([each])
  }
  return log
}

function realHost(): Host {
  const bus = createEventBus({ onError: () => {} })
  return {
    publish: (type, number) => void bus.publish(type, number),
    dispatch: (type, number) => void bus.dispatch({ id: `d${number}`, type, payload: number, timestamp: 0 }),
    // Faults of scripted handlers are events too; they are not part of the model.
    subscribe: (to, once, handler) =>
      bus[once && to !== '*' ? 'once' : 'subscribe'](to, ({ type, payload }) => {
        if (type !== 'bus:error') handler(payload as number)
      }),
  }
}

function modelHost(): Host {
  const events: { type: string; number: number }[] = []
  const subscriptions: { to: string; since: number; isActive: boolean; hear: (number: number) => void }[] = []
  let delivered = 0
  let isDelivering = false
  const publish = (type: string, number: number) => {
    events.push({ type, number })
    if (isDelivering) return
    isDelivering = true
    for (; delivered < events.length; delivered++) {
      const event = events[delivered]!
      for (const to of [event.type, '*']) {
        for (const each of subscriptions.filter((subscription) => subscription.to === to)) {
          if (!each.isActive || each.since > delivered) continue
          try {
            each.hear(event.number)
          } catch {
            // Isolated.
          }
        }
      }
    }
    isDelivering = false
  }
  return {
    publish,
    dispatch: publish,
    subscribe(to, once, handler) {
      const end = () => void (subscription.isActive = false)
      const subscription = {
        to,
        since: events.length,
        isActive: true,
        hear: (number: number) => {
          if (once && to !== '*') end()
          handler(number)
        },
      }
      subscriptions.push(subscription)
      return end
    },
  }
}

describe('the order of events', () => {
  it('is that of a model in which handlers publish, subscribe, unsubscribe and throw as they like', () => {
    const outside = fc.array(deed, { maxLength: 15 })
    const scripts = fc.array(fc.array(deed, { maxLength: 4 }), { maxLength: 40 })
    let longest = 0
    fc.assert(
      fc.property(outside, scripts, (deeds, scripted) => {
        // Otherwise most scripts would begin with nobody there to hear anything.
        const begun: Deed[] = [
          { do: 'subscribe', to: 'a', once: false },
          { do: 'subscribe', to: '*', once: false },
          ...deeds,
        ]
        const expected = play(modelHost(), begun, scripted)
        longest = Math.max(longest, expected.length)
        expect(play(realHost(), begun, scripted)).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
    expect(longest).toBeGreaterThan(50)
  })
})
