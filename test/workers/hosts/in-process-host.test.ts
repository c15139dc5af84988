import { inProcessHost } from 'busline/workers'
import { workerScript } from '../fixtures/worker-script.js'
import { describeHost } from './describe-host.js'

describeHost('inProcessHost', { open: async () => ({ host: inProcessHost(workerScript), close: () => {} }) })
