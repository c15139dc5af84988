import { localExecutor } from 'busline'
import { conformanceTasks, executorConformance } from 'busline/testing'
import { describe, it } from 'vitest'

describe('localExecutor()', () => {
  const suite = executorConformance({ openExecutor: () => localExecutor(conformanceTasks) })
  for (const { title, run } of suite) it(title, run)
})
