import run, { type ValidationError } from 'busline/plan'
import { openJobEngine } from 'busline/plan/sandbox'
import { ESCAPE_ATTEMPTS } from '../escape-attempts.js'
import { runJob } from '../run-job.js'

/** Runs job text where it is a page that hosts it, and leaves what came of it for the test. */
async function tell() {
  const engine = await openJobEngine({ maxWorkers: 1 })
  const plan = {
    workflow: {
      steps: [
        {
          id: 'a',
          expression: 'export default [(s) => ({ n: 1 })]',
          next: { b: { condition: 'state.n === 1' } },
        },
        {
          id: 'b',
          expression: 'export default [(s) => ({ n: s.n + 1, window: typeof window, fetch: typeof fetch })]',
        },
      ],
    },
  }
  const result = await run(plan)
  const functions = await run({
    workflow: {
      steps: [
        {
          id: 'a',
          expression: [(state) => ({ ...state, n: 1 }), async (state) => ({ ...state, m: 2 })],
          next: { b: { condition: (state) => (state as { n?: number }).n === 1 } },
        },
        { id: 'b', expression: (state) => ({ ...state, b: true }) },
      ],
    },
  })
  const refused = await run({ workflow: { steps: [{ id: 'a', next: 'nowhere' }] } }).catch(
    ({ name, message, issues }: ValidationError) => ({ name, message, issues }),
  )
  const failed = await run('export default [() => { throw new TypeError("No") }]')
  const loop = await runJob(engine, 'export default [() => { for (;;); }]', {}, { timeoutMs: 200 })
  const stuck = 'export default [() => [].indexOf.call({ length: 2 ** 53 - 1 }, 1)]'
  const ended = await runJob(engine, stuck, {}, { timeoutMs: 200 })
  const after = await runJob(engine, 'export default [() => ({ ok: 1 })]')
  const names = ESCAPE_ATTEMPTS['globals of hosts']!.concat(ESCAPE_ATTEMPTS['walks to constructors']!)
  const found: string[] = []
  for (const body of names) {
    const source = `const lib = {}; const given = () => {}; const attempt = async function () { ${body} }
      export default [async () => { let got; try { got = await attempt() } catch {} ; return { found: got != null } }]`
    const outcome = await runJob(engine, source)
    if (!outcome.ok || JSON.stringify(outcome.state) !== '{"found":false}') found.push(body)
  }
  await engine.close()
  return { result, functions, refused, failed, loop, ended, after, found }
}

Object.assign(globalThis, { told: tell().catch((error: unknown) => ({ error: String(error) })) })
