/** A map from key to the promise of what was built. */
import { report } from '../stopwatch.mjs'
import { KEYS, nanosecondsPerCall } from './call.mjs'

const map = new Map(KEYS.map((key) => [key, Promise.resolve({ key })]))
report(nanosecondsPerCall((key) => map.get(key)))
