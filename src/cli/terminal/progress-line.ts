import { setTimeout as sleep } from 'node:timers/promises'
import { formatMs } from './durations.js'
import type { Terminal } from './terminal.js'

export interface Progress {
  readonly published: number
  /** How many events there are; absent while nobody knows, as of a pipe. */
  readonly total?: number
  readonly running: number
  readonly paused: number
  readonly ended: number
  /** Since the beginning, milliseconds. */
  readonly elapsedMs: number
}

export interface ProgressLine {
  readonly show: (progress: Progress) => void | Promise<void>
  /** Writes lines above the progress, as whoever is watched prints something. */
  readonly print: (text: string) => void
  readonly end: () => void
}

export interface ProgressOptions {
  /**
   * How long people get to watch, all in all, milliseconds: `show` takes its part of that per event. For what would be
   * over in a blink. @default 0
   */
  readonly watchingMs?: number
}

/** No terminal needs more pictures a second. */
const FRAME_MS = 33

/** One line that is overwritten where a person looks on; a line now and then in a pipe or a file. */
export function createProgressLine(terminal: Terminal, options: ProgressOptions = {}): ProgressLine {
  return terminal.isLive ? createLiveLine(terminal, options) : createPlainLines(terminal)
}

function createLiveLine(terminal: Terminal, { watchingMs = 0 }: ProgressOptions): ProgressLine {
  const { write } = terminal
  let drawnAt = 0
  let watchedMs = 0
  let drawn = ''
  const HIDE_CURSOR = '\u001b[?25l'
  const SHOW_CURSOR = '\u001b[?25h'
  const CLEAR_LINE = '\r\u001b[2K'
  const showCursor = () => write(SHOW_CURSOR)
  write(HIDE_CURSOR)
  process.once('exit', showCursor)

  return {
    show: async (progress) => {
      const { published, total } = progress
      const isLast = published === total
      if (Date.now() - drawnAt >= FRAME_MS || isLast) {
        drawn = drawLine(progress, terminal)
        write(`${CLEAR_LINE}${drawn}`)
        drawnAt = Date.now()
      }
      if (isLast || watchedMs >= watchingMs) return
      const pause = watchingMs / Math.max(1, total ?? 1)
      watchedMs += pause
      // Timers are not finer than a millisecond: of very many events only some are waited for.
      if (pause >= 1 || Math.floor(watchedMs) > Math.floor(watchedMs - pause)) await sleep(Math.max(1, pause))
    },
    print: (text) => write(`${CLEAR_LINE}${text.endsWith('\n') ? text : `${text}\n`}${drawn}`),
    end: () => {
      write(CLEAR_LINE)
      showCursor()
      process.off('exit', showCursor)
    },
  }
}

function drawLine(progress: Progress, { width, paint }: Terminal): string {
  const { published, total, running, paused, ended, elapsedMs } = progress
  // Of constant width, so that nothing jumps.
  const digits = String(total ?? published).length
  const counts = [published, running, paused, ended].map((count, index) =>
    String(count).padStart(index % 3 === 0 ? digits : 2),
  )
  const names = [total === undefined ? ' events' : `/${total} events`, ' running', ' asleep', ' done']
  const facts = counts.map((count, index) => `${count}${names[index]}`)
  const time = formatMs(elapsedMs)
  const room = width - [...facts, time].reduce((sum, each) => sum + each.length + 3, 0)
  const hasBar = room >= 8 && total !== undefined
  const bar = hasBar ? renderBar(published / Math.max(1, total), Math.min(room, 30)) : ''
  const text = [...facts, paint('dim', time)].join(paint('dim', ' · '))
  return `${paint('cyan', bar)} ${room >= -2 ? text : facts[0]}`
}

/** A line per tenth of the events, for pipes and files; where their number is not known, one each time it doubles. */
function createPlainLines({ write }: Terminal): ProgressLine {
  let reached = 0
  return {
    show: ({ published, total, running, paused, ended, elapsedMs }) => {
      const now =
        total === undefined
          ? Math.floor(Math.log2(Math.max(1, published)))
          : Math.floor((published * 10) / Math.max(1, total))
      if (now === reached) return
      reached = now
      const events =
        total === undefined
          ? `${published} events`
          : `${String(published).padStart(String(total).length)}/${total} events`
      write(`${events} · ${running} running · ${paused} asleep · ${ended} done · ${formatMs(elapsedMs)}\n`)
    },
    print: write,
    end: () => {
      if (reached > 0) write('\n')
    },
  }
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

function renderBar(share: number, width: number): string {
  const eighths = Math.round(share * width * 8)
  const full = Math.floor(eighths / 8)
  return `${'█'.repeat(full)}${EIGHTHS[eighths % 8]}`.padEnd(width, '░').slice(0, width)
}
