/** LangGraph: a graph of three nodes, compiled once and invoked per event. */
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import mitt from 'mitt'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from './order.mjs'

const emitter = mitt()
const line = createFinishLine()

const channels = Object.keys(initialState(order)).map((name) => [name, Annotation()])
const graph = new StateGraph(Annotation.Root(Object.fromEntries(channels)))
  .addNode('addUp', addUp)
  .addNode('addTax', addTax)
  .addNode('close', close)
  .addEdge(START, 'addUp')
  .addEdge('addUp', 'addTax')
  .addEdge('addTax', 'close')
  .addEdge('close', END)
  .compile()

emitter.on('order:placed', async (payload) => {
  const { status } = await graph.invoke(initialState(payload))
  if (status === 'closed') line.finished()
})

report(
  await ratePerSecond((batch) => {
    const done = line.expect(batch)
    for (let index = 0; index < batch; index++) emitter.emit('order:placed', order)
    return done
  }),
)
