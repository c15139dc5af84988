import { localExecutor } from 'busline'
import { conformanceTasks, executorConformance } from 'busline/testing'
import { describe, expect, it } from 'vitest'
import { stepTask, taskControl } from '../remote/step-task.js'

describe('localExecutor()', () => {
  const suite = executorConformance({ openExecutor: () => localExecutor(conformanceTasks) })
  for (const { title, run } of suite) it(title, run)

  it.each([[null], [undefined], ['gpu'], [5], [['gpu']]])(
    'refuses requirements that are no object: %j',
    async (requires) => {
      const task = stepTask('echo', 1, { requires: requires as never })
      await expect(localExecutor(conformanceTasks).execute(task, taskControl())).rejects.toMatchObject({
        code: 'VALIDATION',
        context: { path: 'requires' },
      })
    },
  )
})
