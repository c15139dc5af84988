import { conformanceTasks } from 'busline/testing'
import { serveWorker } from 'busline/workers/web'

serveWorker({ tasks: conformanceTasks })
