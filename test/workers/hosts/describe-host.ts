import type { WorkerHostFactory } from 'busline/workers'
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import { hostCases } from './host-cases.js'
import { createKit } from './host-kit.js'

export interface DescribedHost {
  /** Whether a worker is a thread of its own. @default false */
  readonly isThread?: boolean
  readonly isNode?: boolean
  readonly open: () => Promise<{ readonly host: WorkerHostFactory; readonly close: () => void }>
}

/** Runs the suite of hosts on one of them. */
export function describeHost(name: string, { isThread = false, isNode = false, open }: DescribedHost): void {
  describe(name, { timeout: 60_000 }, () => {
    let opened: Awaited<ReturnType<DescribedHost['open']>>
    let kit: ReturnType<typeof createKit>

    beforeAll(async () => {
      opened = await open()
      kit = createKit(opened.host)
    })
    afterEach(() => kit.closeAll())
    afterAll(() => opened.close())

    for (const hostCase of hostCases) {
      if ((hostCase.needsThread && !isThread) || (hostCase.needsNode && !isNode)) continue
      it(hostCase.title, () => hostCase.run(kit))
    }
  })
}
