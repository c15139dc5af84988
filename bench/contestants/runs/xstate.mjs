/** XState: per event an actor whose machine invokes the three functions as promises, one state after the other. */
import mitt from 'mitt'
import { assign, createActor, fromPromise, setup } from 'xstate'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from './order.mjs'

const emitter = mitt()
const line = createFinishLine()

const invoke = (src, target) => ({
  invoke: {
    src,
    input: ({ context }) => context,
    onDone: { target, actions: assign(({ event }) => event.output) },
  },
})

const machine = setup({
  actors: {
    addUp: fromPromise(({ input }) => addUp(input)),
    addTax: fromPromise(({ input }) => addTax(input)),
    close: fromPromise(({ input }) => close(input)),
  },
}).createMachine({
  id: 'orders',
  context: ({ input }) => initialState(input),
  initial: 'addingUp',
  states: {
    addingUp: invoke('addUp', 'addingTax'),
    addingTax: invoke('addTax', 'closing'),
    closing: invoke('close', 'closed'),
    closed: { type: 'final' },
  },
})

emitter.on('order:placed', (payload) => {
  const actor = createActor(machine, { input: payload })
  actor.subscribe({
    complete: () => {
      if (actor.getSnapshot().context.status === 'closed') line.finished()
    },
  })
  actor.start()
})

report(
  await ratePerSecond((batch) => {
    const done = line.expect(batch)
    for (let index = 0; index < batch; index++) emitter.emit('order:placed', order)
    return done
  }),
)
