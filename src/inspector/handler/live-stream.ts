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
export function openLiveStream(watch: RunWatch, request: Request, clock: Clock = systemClock): Response {
  if (watch.listenerCount >= LIMITS.streams) {
    throw new SystemError('CAPACITY', `Cannot open another live stream: ${LIMITS.streams} are open`)
  }
  // Who has gone already will not say so again.
  if (request.signal.aborted) throw new SystemError('ABORTED', 'The reader has gone')
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
          // By way of the request, so that it is kept: on Node its signal is silent once it is collected.
          request.signal.removeEventListener('abort', close)
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
          // Asked before it is put there: one message that is larger by itself finds its reader all the same.
          if (isFull()) return close()
          controller.enqueue(encoder.encode(text))
        }
        const isFull = () => (controller.desiredSize ?? 0) <= 0
        const beat = () => {
          // Where something waits, that is sign enough.
          if (!isFull()) send(': here\n\n')
          heartbeat = clock.setTimeout(beat, HEARTBEAT_MS)
        }
        const unsubscribe = watch.subscribe({
          changed: (runs) => send(formatServerSentEvent('runs', toWireJson(runs))),
          failed: (error) => send(formatServerSentEvent('failed', toWireJson(toPublicError(error)))),
        })
        request.signal.addEventListener('abort', close)
        beat()
      },
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
  )
  return answerText(body, 'text/event-stream; charset=utf-8', { headers: { 'x-accel-buffering': 'no' } })
}
