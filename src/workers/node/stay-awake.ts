/** A message that comes within so many milliseconds of the one before is part of a stream. */
const MAX_GAP_MS = 0.2

/** So many turns of the event loop, some 20 µs in all, the thread looks for the next message of a stream before it sleeps. */
const MAX_TURNS = 16

/**
 * Makes a listener whose thread does not fall asleep between messages that follow close upon each other: to be woken takes
 * longer than a small task. Where messages are further apart, it sleeps as ever.
 */
export function stayAwake<Message>(listener: (message: Message) => void): (message: Message) => void {
  let lastAt = -Infinity
  let turns = 0
  const turn = () => {
    if (--turns > 0) setImmediate(turn)
  }
  return (message) => {
    listener(message)
    const now = performance.now()
    const isStream = now - lastAt < MAX_GAP_MS
    lastAt = now
    if (!isStream) return
    if (turns <= 0) setImmediate(turn)
    turns = MAX_TURNS
  }
}
