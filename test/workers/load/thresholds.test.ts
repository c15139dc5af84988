import { describe, expect, it } from 'vitest'
import { LatencyHistogram } from '../../../src/workers/telemetry/latency-histogram.js'
import {
  type Thresholds,
  compileThresholds,
  evaluateThresholds,
  findBreach,
} from '../../../src/workers/load/thresholds.js'

function figures(durationMs = 10_000) {
  const responseTime = new LatencyHistogram()
  for (let ms = 1; ms <= 100; ms++) responseTime.record(ms)
  const totals = {
    iterations: 100,
    errors: 2,
    requests: 300,
    retries: 5,
    dropped: 25,
    interrupted: 0,
    tx: 0,
    rx: 0,
  }
  return { totals, responseTime, serviceTime: new LatencyHistogram(), durationMs }
}

function issuesOf(thresholds: unknown): readonly { readonly path: string; readonly message: string }[] {
  try {
    compileThresholds(thresholds as Thresholds)
    return []
  } catch (error) {
    return (error as { context: { issues: [] } }).context.issues
  }
}

describe('thresholds', () => {
  it.each([
    ['responseTime', 'p(95)<96', 95, true],
    ['responseTime', 'p(99.5) <= 99', 100, false],
    ['responseTime', 'med<51', 50, true],
    ['responseTime', 'avg>=50.5', 50.5, true],
    ['responseTime', 'min==1', 1, true],
    ['responseTime', 'max<100', 100, false],
    ['errors', 'rate<0.01', 0.02, false],
    ['errors', 'count<=2', 2, true],
    ['retries', 'rate!=0.05', 0.05, false],
    ['iterations', 'rate>9.9', 10, true],
    ['requests', 'rate>=30', 30, true],
    ['droppedIterations', 'rate<0.1', 0.2, false],
    ['interruptedIterations', 'count<1', 0, true],
  ])('holds %s to %s', (metric, threshold, actual, ok) => {
    const [result] = evaluateThresholds(compileThresholds({ [metric]: [threshold] }), figures())
    expect(result).toMatchObject({ metric, ok })
    expect(result!.actual).toBeCloseTo(actual, 0.1)
  })

  it('has nothing against what was never measured', () => {
    const [result] = evaluateThresholds(compileThresholds({ serviceTime: ['p(99)<1'] }), figures())
    expect(result).toEqual({ metric: 'serviceTime', threshold: 'p(99)<1', actual: null, ok: true })
  })

  it('ends a load only for one that asks for it, and not before its time', () => {
    const compiled = compileThresholds({
      errors: ['rate<0.01'],
      responseTime: [{ threshold: 'max<50', abortOnFail: true, after: '5s' }],
    })
    expect(findBreach(compiled, figures(4999))).toBeUndefined()
    expect(findBreach(compiled, figures(5000))).toMatchObject({ metric: 'responseTime', actual: 100 })
  })

  it('names everything that is wrong, and what is allowed', () => {
    const issues = issuesOf({
      latency: ['p(95)<1'],
      errors: ['p(95)<1', 'rate<'],
      responseTime: [
        'rate<1',
        'p(101)<1',
        { threshold: 'max<1', abort: 'yes' },
        { threshold: 'max<1', end: true },
      ],
      iterations: 'rate>1',
      serviceTime: [{ threshold: 'max<1', after: 'soon' }, null],
    })
    expect(issues.map(({ path }) => path)).toEqual([
      'thresholds.latency',
      'thresholds.errors.0',
      'thresholds.errors.1',
      'thresholds.responseTime.0',
      'thresholds.responseTime.1',
      'thresholds.responseTime.2',
      'thresholds.responseTime.3',
      'thresholds.iterations',
      'thresholds.serviceTime.0',
      'thresholds.serviceTime.1',
    ])
    expect(issues[0]!.message).toContain('responseTime, serviceTime')
    expect(issues[1]!.message).toBe('has no "p(95)": allowed is count<10 or rate<0.01')
  })
})
