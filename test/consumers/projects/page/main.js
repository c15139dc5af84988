import { WorkflowRuntime, createEventBus, workflow } from 'busline'
import { indexedDbStorage } from 'busline/storage/indexeddb'

const storage = indexedDbStorage({ name: 'consumer' })
const bus = createEventBus()
const runtime = new WorkflowRuntime({ bus, storage })
await runtime.register(
  workflow()('greet', { on: 'greet' })
    .step('say', ({ state }) => ({ said: `Hello, ${state.name}` }))
    .build(),
)
const { value } = await runtime.invoke('greet', 'greet', { name: 'page' })
document.getElementById('result').textContent = value.state.said
await runtime.stop()
await storage.close()
