import { type ModeOptions, createMode } from '../../../src/runtime/modes/create-mode.js'
import { KeyedMode } from '../../../src/runtime/modes/keyed-mode.js'
import { createAdmission } from '../../../src/runtime/admission/create-admission.js'
import { simulatedClock } from '../../../src/testing/index.js'
import { describeMode } from './mode-conformance.js'

const MODES: readonly (readonly [ModeOptions, slots: number, waits: number])[] = [
  [{ type: 'transient' }, 10, Infinity],
  [{ type: 'transient', concurrency: 3, capacity: 5 }, 3, 5],
  [{ type: 'transient', concurrency: 1, capacity: 0 }, 1, 0],
  [{ type: 'serialized' }, 1, Infinity],
  [{ type: 'serialized', capacity: 2 }, 1, 2],
  [{ type: 'singleton_loop' }, 1, 0],
  [{ type: 'singleton_loop', onBusy: 'signal' }, 1, 0],
  [{ type: 'singleton_loop', onBusy: 'replace' }, 1, 1],
  [{ type: 'exclusive' }, 1, 0],
  [{ type: 'exclusive', onBusy: 'queue_single' }, 1, 1],
]

for (const [options, slots, waits] of MODES) {
  const holdsWhilePaused = options.type !== 'transient'
  const name = JSON.stringify(options)
  const traits = { slots, waits, holdsWhilePaused }
  describeMode(name, { ...traits, create: (host) => createMode(options, host) })
  describeMode(`${name}, per key`, {
    ...traits,
    create: (host) => new KeyedMode((onIdle) => createMode(options, host, onIdle)),
  })
  describeMode(`${name}, behind gates`, {
    ...traits,
    create: (host) =>
      createAdmission(
        {
          dedupe: { ttl: '1m' },
          rateLimit: { limit: 1000, per: '1s' },
          throttle: { limit: 1000, per: '1s' },
        },
        (inner) => createMode(options, inner),
        host,
        simulatedClock(),
      ),
  })
}
