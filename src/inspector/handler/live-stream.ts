import { type Clock, systemClock } from '../../core/clock.js'
import { SystemError } from '../../core/system-error.js'
import type { RunWatch } from '../run-watch.js'
import { formatServerSentEvent } from '../server-sent-events.js'
import { toWireJson } from '../wire-json.js'
import { answerText, toPublicError } from './answers.js'
import { LIMITS } from './read-query.js'

/** How often a stream on which nothing happens says that it is there, milliseconds. */
const HEARTBEAT_MS = 15_000

/** How many bytes may wait for a reader that does not read; then its stream ends, and it may come again. */
const MAX_WAITING_BYTES = 4_000_000

/** A stream of the runs that are new or have changed, as server-sent events. Ends when the reader goes. */
export function openLiveStream(watch: RunWatch, signal: AbortSignal, clock: Clock = systemClock): Response {
  if (watch.listenerCount >= LIMITS.streams) {
    throw new SystemError('CAPACITY', `Cannot open another live stream: ${LIMITS.streams} are open`)
  }
  const encoder = new TextEncoder()
  let end = () => {}
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let heartbeat: unknown
        let hasEnded = false
        end = () => {
          if (hasEnded) return
          hasEnded = true
          clock.clearTimeout(heartbeat)
          unsubscribe()
          signal.removeEventListener('abort', close)
        }
        const close = () => {
          end()
          try {
            controller.close()
          } catch {
            // The reader has closed it.
          }
        }
        const send = (text: string) => {
          if (hasEnded) return
          controller.enqueue(encoder.encode(text))
          if ((controller.desiredSize ?? 0) < 0) close()
        }
        const beat = () => {
          send(': here\n\n')
          heartbeat = clock.setTimeout(beat, HEARTBEAT_MS)
        }
        const unsubscribe = watch.subscribe({
          changed: (runs) => send(formatServerSentEvent('runs', toWireJson(runs))),
          failed: (error) => send(formatServerSentEvent('failed', toWireJson(toPublicError(error)))),
        })
        signal.addEventListener('abort', close)
        beat()
      },
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
  )
  return answerText(body, 'text/event-stream; charset=utf-8', { headers: { 'x-accel-buffering': 'no' } })
}
