import type { PlanEvent } from '../../plan/plan-events.js'
import { formatMs } from '../terminal/durations.js'
import { type Terminal, oneLine } from '../terminal/terminal.js'

/** A line for what a reader of a run wants to know; nothing for the rest. */
export function planLine(event: PlanEvent, { paint, width }: Terminal): string | undefined {
  switch (event.type) {
    case 'job:completed':
      return `${paint('green', '✓')} ${event.stepId}  ${paint('dim', formatMs(event.durationMs))}`
    case 'job:retried':
      return `${paint('yellow', '↻')} ${event.stepId}  ${oneLine(event.error.message, width - 20)}`
    case 'job:failed': {
      const { name, message, pos } = event.error
      const place = pos ? ` (line ${pos.line}, column ${pos.column})` : ''
      return `${paint('red', '✗')} ${event.stepId}  ${name}: ${oneLine(message, width - 20)}${place}`
    }
    case 'edge:evaluated': {
      if (event.holds && event.error === undefined) return undefined
      const why = event.error === undefined ? 'not followed' : oneLine(event.error, width - 20)
      return paint('dim', `  ${event.stepId} → ${event.to}  ${why}`)
    }
    default:
      return undefined
  }
}
