/** Plans of functions, as both runtimes take them: `one` job, `ten` in line, or `state`: 100 kB through ten in line. */
const addOne = (state) => ({ ...state, data: { ...state.data, count: state.data.count + 1 } })

const inLine = (count) => ({
  workflow: {
    steps: Array.from({ length: count }, (_, index) => ({
      id: `job-${index}`,
      expression: [addOne],
      ...(index < count - 1 ? { next: { [`job-${index + 1}`]: true } } : {}),
    })),
  },
})

const rows = Array.from({ length: 1_000 }, (_, id) => ({
  id,
  name: `Person ${id}`,
  email: `person.${id}@example.org`,
  tags: ['tea', 'green'],
  amount: id * 1.5,
}))

const workloads = {
  one: { count: 1, data: { count: 0 } },
  ten: { count: 10, data: { count: 0 } },
  state: { count: 10, data: { count: 0, rows } },
}

const { count, data } = workloads[process.argv[2]]

export const plan = inLine(count)
export const input = { data }

export function check(state) {
  if (state.data.count !== count) throw new Error(`${state.data.count} of ${count} jobs have run`)
}
