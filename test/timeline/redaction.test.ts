import fc from 'fast-check'
import { applyPatches, enablePatches, produceWithPatches } from 'immer'
import { describe, expect, it } from 'vitest'
import { SystemError } from 'busline'
import { simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { createRedaction } from '../../src/timeline/redaction.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'
import { textOf } from './timeline-fixtures.js'

enablePatches()

describe('createRedaction()', () => {
  it('replaces the values at paths, for every element where a path says *', () => {
    const redaction = createRedaction({
      redact: ['card.number', 'users.*.password', ['a.b'], 'absent.x', 'all.*'],
    })!
    const state = Object.freeze({
      card: { number: '4111', expires: '12/30' },
      users: [{ name: 'Ann', password: 'x' }, { name: 'Bob' }, null],
      'a.b': { deep: 1 },
      all: { one: 1, two: [2] },
      date: new Date(0),
    })
    expect(redaction.state(state)).toEqual({
      card: { number: '[redacted]', expires: '12/30' },
      users: [{ name: 'Ann', password: '[redacted]' }, { name: 'Bob' }, null],
      'a.b': '[redacted]',
      all: { one: '[redacted]', two: '[redacted]' },
      date: new Date(0),
    })
    expect(state.card.number).toBe('4111')
  })

  it('shares what it does not change', () => {
    const state = { card: { number: '4111' }, other: { large: [] } }
    const redacted = createRedaction({ redact: ['card.number'], secrets: ['hunter2'] })!.state(state)
    expect(redacted.other).toBe(state.other)
  })

  it('is nothing when there is nothing to remove', () => {
    expect(createRedaction({})).toBeUndefined()
  })

  it.each(['', '.', 'a.', 'a..b', [], [''], 7 as unknown as string])('refuses %j as a path', (path) => {
    expect(() => createRedaction({ redact: [path] })).toThrow(/'card.number' or 'users/)
  })

  it.each(['', 'abc'])('refuses "%s" as a secret: it would be found everywhere', (secret) => {
    expect(() => createRedaction({ secrets: [secret] })).toThrow(SystemError)
  })

  it('treats states and the patches between them alike, so that a redacted run replays to redacted states', () => {
    const key = fc.constantFrom('a', 'b', 'length', 'list', 'hunter2')
    const leaf = fc.oneof(fc.integer(), fc.constant('hunter2 is it'), fc.string())
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.dictionary(key, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
        fc.array(tie('tree'), { maxLength: 4 }),
      ),
    }))
    const path = fc.array(fc.oneof(key, fc.constantFrom('*', '0', '1')), { minLength: 1, maxLength: 3 })
    const place = fc.array(fc.nat(), { maxLength: 3 })
    const edit = fc.record({
      place,
      key,
      value: tree,
      kind: fc.constantFrom('set', 'delete', 'splice', 'cut'),
    })

    fc.assert(
      fc.property(
        fc.array(path, { maxLength: 3 }),
        fc.dictionary(key, tree, { noNullPrototype: true }),
        fc.array(edit, { maxLength: 6 }),
        fc.boolean(),
        (redact, initial, edits, masks) => {
          fc.pre(redact.length > 0 || masks)
          const redaction = createRedaction({ redact, secrets: masks ? ['hunter2'] : [] })!
          let state = produceWithPatches(initial, () => {})[0] as Record<string, unknown>
          let redacted = redaction.state(state)
          for (const each of edits) {
            const [next, patches] = produceWithPatches(state, (draft) => {
              let at: unknown = draft
              for (const step of each.place) {
                const children = Object.values(at as object).filter((child) => typeof child === 'object')
                if (children.length > 0) at = children[step % children.length]
              }
              if (Array.isArray(at)) {
                if (each.kind === 'cut') at.length = Math.floor(at.length / 2)
                else if (each.kind === 'delete') at.shift()
                else at.splice(each.place[0] ?? 0, each.kind === 'set' ? 1 : 0, each.value)
              } else if (each.kind === 'delete') delete (at as Record<string, unknown>)[each.key]
              else (at as Record<string, unknown>)[each.key] = each.value
            })
            redacted = applyPatches(redacted, redaction.delta(patches, next))
            expect(redacted).toEqual(redaction.state(next))
            state = next
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('secrets', () => {
  const SECRET = 'Tr0ub4dor&3/é+"x'
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const forms: readonly (readonly [string, string])[] = [
    ['as it is', SECRET],
    ['in a sentence', `the password ${SECRET} was wrong`],
    ['in a URL', `https://x.org/?p=${encodeURIComponent(SECRET)}`],
    ['in a form', new URLSearchParams({ p: SECRET }).toString()],
    ['in base64', base64(SECRET)],
    ['in base64url', Buffer.from(SECRET).toString('base64url')],
    ['after one byte in base64', base64(`u${SECRET}`)],
    ['after two bytes in base64', base64(`u:${SECRET}`)],
    ['between others in base64', base64(`user:${SECRET}:more`)],
    ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['in JSON', JSON.stringify({ p: SECRET })],
  ]

  it.each(forms)('are masked %s', (_where, text) => {
    const masked = createRedaction({ secrets: [SECRET] })!.mask!(text)
    expect(masked).toContain('[redacted]')
    // Nor does a recognisable part of it stay.
    for (let at = 0; at + 5 <= SECRET.length; at++) expect(masked).not.toContain(SECRET.slice(at, at + 5))
    const inside = Buffer.from(masked.replace(/\[redacted\]/g, ''), 'base64').toString()
    expect(inside).not.toContain('ub4dor')
  })

  it('leave no trace in anything that is kept of a run', async () => {
    const clock = simulatedClock()
    const store = new MemoryTimelineStore()
    const canary = 'canary-7f3a'
    const recorder = new TimelineRecorder({
      store,
      clock,
      redaction: createRedaction({ redact: ['login.password', 'tokens.*'], secrets: [canary] }),
      maxPayloadBytes: 4096,
    })
    const facts = { runId: 'run', workflowId: 'w', pipelineId: 'p' }
    const recording = recorder.open({ ...facts, metadata: { url: `https://x/?k=${canary}` } })
    const path = 'path-secret'
    const state = Object.freeze({
      login: { password: path },
      tokens: [path],
      note: base64(`x:${canary}`),
      [canary]: 1,
    })
    recording.record('pipeline', 'pipeline:start', {}, { state })
    recording.record('store', 'state:signal', { patch: { login: { password: path }, tokens: { a: path } } })
    recording.record('pipeline', 'pipeline:resume', { cause: { kind: 'manual', patch: { tokens: [path] } } })
    recording.record('store', 'state:commit', { delta: [{ op: 'add', path: ['tokens', 1], value: path }] })
    recording.record(
      'store',
      'state:commit',
      {},
      {
        delta: [
          { op: 'replace', path: ['login', 'password'], value: `${path}2` },
          { op: 'replace', path: [canary], value: canary },
        ],
        state: Object.freeze({ ...state, login: { password: `${path}2` }, [canary]: canary }),
      },
    )
    const error = new SystemError('EXECUTION_FAILED', `Bad key ${canary}`, {
      cause: new Error(base64(canary)),
    })
    recording.record('pipeline', 'step:failure', { error })
    const text = `${'x'.repeat(2030)}${canary}${'y'.repeat(5000)}`
    recording.record('logger', 'log:info', { message: text, data: new Map([[canary, { [canary]: canary }]]) })
    recording.setStatus('failed')
    await recorder.close()
    const kept = await textOf(store.exportRun('run'))
    for (const trace of [canary, canary.slice(0, 6), path, base64(canary).slice(0, 12)]) {
      expect(kept).not.toContain(trace)
    }
    expect(kept.split('[redacted]').length).toBeGreaterThan(12)
  })
})
