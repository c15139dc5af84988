/** RxJS: a subject, and per event a chain of `concatMap`. No run is kept, named or reported. */
import { Subject, concatMap, from, map, mergeMap, of } from 'rxjs'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from './order.mjs'

const events = new Subject()
const line = createFinishLine()

const apply = (stage) =>
  concatMap((state) => from(stage(state)).pipe(map((output) => ({ ...state, ...output }))))

events
  .pipe(mergeMap((payload) => of(initialState(payload)).pipe(apply(addUp), apply(addTax), apply(close))))
  .subscribe(({ status }) => {
    if (status === 'closed') line.finished()
  })

report(
  await ratePerSecond((batch) => {
    const done = line.expect(batch)
    for (let index = 0; index < batch; index++) events.next(order)
    return done
  }),
)
