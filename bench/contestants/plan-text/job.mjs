/** One job as text, run as often as the first argument says; each run is given the plan as text, as its users do. */
export const JOB = 'export default [(state) => ({ ...state, data: { n: state.data.n + 1 } })]'
export const RUNS = Number(process.argv[2] ?? 1000)

export async function measure(run) {
  for (let n = 0; n < 20; n++) await run({ data: { n } })
  const startedAt = performance.now()
  for (let n = 0; n < RUNS; n++) {
    const { data } = await run({ data: { n } })
    if (data.n !== n + 1) throw new Error(`Run ${n} gave ${data.n}`)
  }
  const seconds = (performance.now() - startedAt) / 1000
  console.log(JSON.stringify({ value: RUNS / seconds }))
}
