/** For `busline worker run`: a shop that usually takes some milliseconds, and stands still for half a second now and then. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionProfile, IterationContext, Thresholds } from 'busline/workers'

export default async function checkOut({ telemetry, options, signal }: IterationContext): Promise<boolean> {
  const { stallEveryMs = 5000, stallMs = 500 } = options as { stallEveryMs?: number; stallMs?: number }
  telemetry.requestCount++
  const inPeriod = performance.now() % stallEveryMs
  const stallLeft = Math.max(0, stallMs - inPeriod)
  await sleep(stallLeft + 4 + Math.random() * 8, undefined, { signal })
  return Math.random() > 0.002
}

export const name = 'checkout'

export const profile: ExecutionProfile = {
  executor: 'rampingArrivalRate',
  startRate: 20,
  stages: [
    { name: 'warm up', duration: '5s', target: 100 },
    { name: 'plateau', duration: '15s', target: 100 },
    { name: 'rush', duration: '5s', target: 200 },
    { name: 'calm', duration: '5s', target: 20 },
  ],
}

export const thresholds: Thresholds = {
  responseTime: ['p(95)<600', { threshold: 'p(99)<5000', abortOnFail: true, after: '5s' }],
  errors: ['rate<0.01'],
}
