/** Which part of a key, split at "/", is the id of the run, by how the key begins. */
const RUN_PART: Readonly<Record<string, number>> = {
  run: 2,
  ended: 2,
  unsettled: 2,
  ticket: 2,
  outbox: 2,
  claim: 2,
  exported: 1,
  history: 3,
  remembered: 2,
  'timeline/run': 2,
  'timeline/events': 2,
  'timeline/by-time': 3,
  'timeline/by-workflow': 4,
  'timeline/by-status': 4,
}

/** The run that a record of Busline belongs to; `undefined` for one that belongs to none, such as a process's. */
export function runOfKey(key: string): string | undefined {
  const parts = key.split('/')
  const isTimeline = parts[0] === 'timeline'
  const kind = isTimeline ? `${parts[0]}/${parts[1]}` : parts[0]!
  const place = Object.hasOwn(RUN_PART, kind) ? RUN_PART[kind]! : -1
  const part = parts[place]
  return isTimeline ? part?.replace(/%([0-9a-f]{4})/g, unescapeUnit) : part
}

/** Timelines escape what their keys cannot hold. */
function unescapeUnit(_match: string, code: string): string {
  return String.fromCharCode(parseInt(code, 16))
}
