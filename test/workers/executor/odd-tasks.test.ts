import type { StepTask, TaskControl, TaskFunction } from 'busline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WorkerManager, inProcessHost, workerExecutor } from 'busline/workers'
import { silent } from '../hosts/host-kit.js'

async function open(tasks: Readonly<Record<string, TaskFunction<never>>>) {
  const manager = new WorkerManager({ host: inProcessHost({ tasks }), logger: silent })
  onTestFinished(() => manager.close())
  await manager.addWorker()
  const executor = workerExecutor(manager)
  const order = (task: string): StepTask => ({
    task,
    input: null,
    runId: 'run',
    workflowId: 'w',
    pipelineId: 'main',
    stageId: 's',
    stepId: task,
    path: `s/${task}`,
    attempt: 1,
    idempotencyKey: task,
    timeoutMs: Infinity,
    requires: {},
  })
  const execute = (task: string, control: Partial<TaskControl> = {}) =>
    executor.execute(order(task), {
      signal: new AbortController().signal,
      logger: silent,
      progress: () => {},
      ...control,
    })
  return { execute }
}

describe('what a task says', () => {
  const say: TaskFunction = (_input, { logger, progress }) => {
    logger.info(Symbol('sign') as never)
    logger.info('data', () => 1)
    progress(0.5, (() => 1) as never)
    progress('half' as never)
    return 'done'
  }

  it('is no fault of the task where it is no text', async () => {
    const heard: unknown[] = []
    const { execute } = await open({ say })
    const logger = { ...silent, info: (line: string) => void heard.push(line) }
    expect(await execute('say', { logger, progress: (fraction) => void heard.push(fraction) })).toBe('done')
    expect(heard).toEqual(['Symbol(sign)', 'data', 0.5])
  })

  it('does no harm where whoever hears it throws', async () => {
    const { execute } = await open({ say })
    const fail = () => {
      throw new Error('nobody listens')
    }
    const logger = { debug: fail, info: fail, warn: fail, error: fail }
    expect(await execute('say', { logger, progress: fail })).toBe('done')
  })
})

describe('what a task returns', () => {
  it('is waited for as await does, whatever kind of promise it is', async () => {
    const failing = async () => {
      await Promise.resolve()
      throw new Error('later')
    }
    const { execute } = await open({
      nested: () => ({ then: (resolve: (value: unknown) => void) => resolve(Promise.resolve(7)) }),
      failing: () => ({ then: (resolve: (value: unknown) => void) => resolve(failing()) }),
    })
    expect(await execute('nested')).toBe(7)
    await expect(execute('failing')).rejects.toMatchObject({
      code: 'EXECUTION_FAILED',
      message: expect.stringContaining('later') as string,
    })
  })
})
