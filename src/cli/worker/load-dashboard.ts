import { type Duration, toMs } from '../../core/duration.js'
import type { ExecutionProfile } from '../../workers/runner/execution-profile.js'
import type { LoadProgress } from '../../workers/load/run-load.js'
import { formatMs } from '../terminal/durations.js'
import { createLiveBlock } from '../terminal/live-block.js'
import type { Terminal } from '../terminal/terminal.js'
import { drawLoad, formatCount, formatLatency } from './draw-load.js'

/** What whoever looks on sees while a load runs. */
export interface LoadDashboard {
  readonly show: (progress: LoadProgress) => void
  readonly print: (text: string) => void
  readonly end: () => void
}

/** A picture that is drawn anew every second where a person looks on; lines in a pipe or a file, fewer and fewer of them. */
export function createLoadDashboard(
  title: string,
  profile: ExecutionProfile,
  terminal: Terminal,
): LoadDashboard {
  return terminal.isLive ? createPicture(title, profile, terminal) : createLines(terminal)
}

function createPicture(title: string, profile: ExecutionProfile, terminal: Terminal): LoadDashboard {
  const block = createLiveBlock(terminal)
  const totalMs = plannedMs(profile)
  return {
    show: ({ elapsedMs, metrics, thresholds }) => {
      const part = partDone(profile, totalMs, elapsedMs, metrics.totals.iterations)
      const head = `${terminal.paint('bold', title)}  ${terminal.paint('dim', `${formatCount(metrics.active)} under way`)}`
      const time =
        totalMs === undefined ? formatMs(elapsedMs) : `${formatMs(elapsedMs)} of ${formatMs(totalMs)}`
      const bar = part === undefined ? '' : `${terminal.paint('cyan', renderBar(part, 30))}  `
      const figures = drawLoad(
        {
          totals: metrics.totals,
          durationMs: elapsedMs,
          responseTime: metrics.responseTime.summary(),
          serviceTime: metrics.serviceTime.summary(),
          stages: [],
          series: metrics.series.list(elapsedMs),
          thresholds,
        },
        terminal,
      )
      block.draw(`${head}\n${bar}${time}\n\n${figures}\n`)
    },
    print: block.print,
    end: block.end,
  }
}

function createLines({ write }: Terminal): LoadDashboard {
  let nextMs = 0
  return {
    show: ({ elapsedMs, metrics, isOver }) => {
      if (elapsedMs < nextMs || isOver) return
      nextMs = Math.max(elapsedMs + 900, elapsedMs * 1.2)
      const { totals, responseTime } = metrics
      const parts = [
        formatMs(elapsedMs),
        `${formatCount(totals.iterations)} iterations`,
        `${formatCount((totals.iterations * 1000) / Math.max(1, elapsedMs))}/s`,
        `p50 ${formatLatency(responseTime.percentile(50))}`,
        `p99 ${formatLatency(responseTime.percentile(99))}`,
        `${formatCount(totals.errors)} ${totals.errors === 1 ? 'error' : 'errors'}`,
        ...(totals.dropped > 0 ? [`${formatCount(totals.dropped)} dropped`] : []),
      ]
      write(`${parts.join(' · ')}\n`)
    },
    print: write,
    end: () => {
      if (nextMs > 0) write('\n')
      nextMs = 0
    },
  }
}

/** How long the profile lasts, where it says so. */
function plannedMs({ duration, stages }: ExecutionProfile): number | undefined {
  if (duration !== undefined) return toMs(duration)
  return stages?.reduce((sum, stage: { readonly duration: Duration }) => sum + toMs(stage.duration), 0)
}

function partDone(
  { iterations }: ExecutionProfile,
  totalMs: number | undefined,
  elapsedMs: number,
  done: number,
): number | undefined {
  if (iterations !== undefined) return iterations === 0 ? 1 : Math.min(1, done / iterations)
  return totalMs === undefined || totalMs === 0 ? undefined : Math.min(1, elapsedMs / totalMs)
}

function renderBar(part: number, width: number): string {
  const full = Math.round(part * width)
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`
}
