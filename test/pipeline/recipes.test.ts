import { describe, expect, it } from 'vitest'
import { drive } from './hand-driven.js'

interface Draft {
  n: number
  list: number[]
  box: { x?: object; list?: number[] }
}
type Recipe = (draft: Draft) => unknown

async function play(recipe: Recipe) {
  const { run, finish } = drive({
    id: 'p',
    initialState: { n: 1, list: [1], box: {} },
    stages: [{ id: 's', steps: { a: () => recipe } }],
  })
  await finish()
  return run
}

describe('a recipe', () => {
  const placed = { deep: { x: 1 } }
  const kept: readonly (readonly [string, Recipe, object])[] = [
    ['nothing', (draft) => void draft.n++, { n: 2 }],
    ['the value of an assignment', (draft) => (draft.n = 5), { n: 5 }],
    ['a number, of an increment', (draft) => draft.n++, { n: 2 }],
    ['a number, of a push', (draft) => draft.list.push(2), { list: [1, 2] }],
    ['false, and changes nothing', (draft) => draft.n > 5 && draft.n++, { n: 1 }],
    ['an array, of splice', (draft) => draft.list.splice(0, 1), { list: [] }],
    ['the draft', (draft) => Object.assign(draft, { n: 3 }), { n: 3 }],
    ['a part of the draft', (draft) => (draft.box.x ??= {}) && draft.box, { box: { x: {} } }],
    ['the object it has put in', (draft) => (draft.box = { x: {} }), { box: { x: {} } }],
    [
      'a part of what it has put in',
      (draft) => ((draft.box = { x: placed }), placed.deep),
      { box: { x: placed } },
    ],
  ]
  it.each(kept)('may give back %s', async (_what, recipe, expected) => {
    const run = await play(recipe)
    expect(run.error).toBeUndefined()
    expect(run.state).toMatchObject(expected)
  })

  const lost: readonly (readonly [string, Recipe])[] = [
    ['in place of the draft', (draft) => ({ ...draft, n: 2 })],
    ['without any of the draft', () => ({ n: 2 })],
    ['beside what it changes', (draft) => ((draft.n = 3), { ...draft, box: {} })],
  ]
  it.each(lost)('that gives back a new object %s is refused, as that would be lost', async (_how, recipe) => {
    const run = await play(recipe)
    expect(run.status).toBe('failed')
    expect(run.error?.errors?.[0]).toMatchObject({ code: 'VALIDATION' })
    expect(run.error?.errors?.[0]?.message).toContain('change the draft and return nothing')
    expect(run.state).toEqual({ n: 1, list: [1], box: {} })
  })

  it('that is asynchronous is refused, and what it does later reaches nobody', async () => {
    const unhandled: unknown[] = []
    const hear = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', hear)
    const run = await play(async (draft) => {
      await Promise.resolve()
      draft.n = 9
    })
    expect(run.error?.errors?.[0]).toMatchObject({ code: 'VALIDATION' })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })
})
