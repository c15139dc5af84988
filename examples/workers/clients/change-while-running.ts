/** One runner without an end: it is watched, paused, moved on by hand, resumed, changed while it runs, and thereby ended. */
import { openManager } from '../open-manager.js'

const manager = openManager(1)
const worker = await manager.addWorker()
const runner = await worker.addRunner({
  testType: 'batch',
  executionProfile: { delayBetweenIterations: 20 },
  options: { batchSize: 2 },
})
runner.on('stateChange', ({ from, to, reason }) => console.log(`${from} → ${to} by ${reason}`))

await runner.start()
await new Promise<void>((resolve) => {
  const stop = runner.on('telemetry', ({ iterationCount }) => {
    if (iterationCount < 3) return
    stop()
    resolve()
  })
})
await runner.pause()
await runner.execute()
await runner.resume()
// Options are merged: what is not named stays what it was.
await runner.update({
  executionProfile: { iterations: 200, delayBetweenIterations: 1 },
  options: { batchSize: 1 },
})
const { state, optionsRevision, telemetrySnapshots } = await runner.ended()
console.log(
  `${state} with options of revision ${optionsRevision} after ${telemetrySnapshots.at(-1)!.iterationCount} iterations`,
)
await manager.close()
