import { nodeHost } from 'busline/workers/node'
import { bundleScript } from '../fixtures/bundle-script.js'
import { describeHost } from './describe-host.js'

describeHost('nodeHost', {
  isThread: true,
  isNode: true,
  async open() {
    const { url, remove } = await bundleScript('node-worker.ts')
    return { host: nodeHost(url), close: remove }
  },
})
