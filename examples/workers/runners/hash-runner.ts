import { createHash, randomBytes } from 'node:crypto'
import { defineRunner } from 'busline/workers'

/** Computes: each iteration hashes so many kilobytes. A plain object, since it keeps nothing. */
export const hashRunner = defineRunner({
  execute({ options, telemetry }) {
    const { kilobytes = 64 } = options as { kilobytes?: number }
    const data = randomBytes(kilobytes * 1024)
    telemetry.requestCount++
    telemetry.rx += data.byteLength
    return createHash('sha256').update(data).digest('hex').length === 64
  },
  terminate: ({ logger }) => logger.warn('was terminated'),
})
