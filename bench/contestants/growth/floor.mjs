/** The same with mitt and immer by hand; keys are lines of promises in a map. */
import mitt from 'mitt'
import { freeze, produce } from 'immer'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { ballast, sizes } from './sizes.mjs'

const { workflows, stages, bytes, keys } = sizes
const emitter = mitt()
const line = createFinishLine()
const untouched = freeze(ballast(bytes), true)
const add = async ({ count }) => ({ count: count + 1 })

for (let index = 0; index < workflows; index++) {
  const lanes = new Map()
  emitter.on('task', ({ key }) => {
    const run = async () => {
      let state = { count: 0, untouched }
      for (let stage = 0; stage < stages; stage++) {
        const output = await add(state)
        state = produce(state, (draft) => {
          Object.assign(draft, output)
        })
      }
      if (state.count === stages) line.finished()
    }
    const lane = (lanes.get(key) ?? Promise.resolve()).then(run)
    lanes.set(key, lane)
    void lane.then(() => {
      if (lanes.get(key) === lane) lanes.delete(key)
    })
  })
}

const events = Math.max(1, keys, Math.round(1000 / (workflows * stages)))
const batch = events * workflows
let next = 0
const rate = await ratePerSecond(
  () => {
    const done = line.expect(batch)
    for (let index = 0; index < events; index++) {
      emitter.emit('task', { key: `key-${keys > 0 ? next++ % keys : 0}` })
    }
    return done
  },
  { batch },
)
report(rate * stages)
