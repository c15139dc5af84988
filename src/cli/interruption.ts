/** The exit code of what was interrupted by a person, as shells have it. */
export const INTERRUPTED = 130

export interface Interruption {
  /** Aborted by the first Ctrl-C, or by SIGTERM. The second ends the process at once. */
  readonly signal: AbortSignal
  /** Ends the listening. */
  readonly release: () => void
}

/** Lets a command come to an end by itself when it is interrupted. */
export function listenForInterruption(onInterrupt: () => void): Interruption {
  const controller = new AbortController()
  const interrupted = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    controller.abort()
    onInterrupt()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, interrupted)
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, interrupted)
    },
  }
}
