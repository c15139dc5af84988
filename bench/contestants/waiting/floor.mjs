/** `node floor.mjs RUNS`: a map from value to callback. */
import { report } from '../stopwatch.mjs'
import { microsecondsPerResume } from './resumes.mjs'

const runs = Number(process.argv[2])
let resumed = 0
const waiting = new Map(Array.from({ length: runs }, (_, id) => [id, () => resumed++]))
report(await microsecondsPerResume(runs, (id) => waiting.get(id)()))
