import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress } from '../replay.js'
import { formatMs } from './durations.js'
import type { Terminal } from './terminal.js'

export interface ProgressLine {
  readonly show: (progress: Progress) => void | Promise<void>
  readonly end: () => void
}

/** How long people get to watch, all in all: without it everything would be over in a blink. */
const WATCHING_MS = 2_000

/** No terminal needs more pictures a second. */
const FRAME_MS = 33

export function createProgressLine(terminal: Terminal): ProgressLine {
  return terminal.isLive ? createLiveLine(terminal) : createPlainLines(terminal)
}

/** One line that is overwritten. Slows the replay down to something one can watch. */
function createLiveLine({ width, paint, write }: Terminal): ProgressLine {
  let drawnAt = 0
  let watchedMs = 0
  const HIDE_CURSOR = '\u001b[?25l'
  const SHOW_CURSOR = '\u001b[?25h'
  const CLEAR_LINE = '\r\u001b[2K'
  const showCursor = () => write(SHOW_CURSOR)
  const interrupted = () => {
    write('\n')
    process.exit(130)
  }
  write(HIDE_CURSOR)
  process.once('exit', showCursor)
  process.once('SIGINT', interrupted)

  const draw = ({ published, total, running, paused, ended, elapsedMs }: Progress) => {
    // Of constant width, so that nothing jumps.
    const counts = [published, running, paused, ended].map((count, index) =>
      String(count).padStart(index % 3 === 0 ? String(total).length : 2),
    )
    const names = [`/${total} events`, ' running', ' asleep', ' done']
    const facts = counts.map((count, index) => `${count}${names[index]}`)
    const time = formatMs(elapsedMs)
    const room = width - [...facts, time].reduce((sum, each) => sum + each.length + 3, 0)
    const bar = room >= 8 ? renderBar(published / Math.max(1, total), Math.min(room, 30)) : ''
    const text = [...facts, paint('dim', time)].join(paint('dim', ' · '))
    write(`${CLEAR_LINE}${paint('cyan', bar)} ${room >= -2 ? text : facts[0]}`)
  }

  return {
    show: async (progress) => {
      const isLast = progress.published === progress.total
      const pause = WATCHING_MS / Math.max(1, progress.total)
      if (Date.now() - drawnAt >= FRAME_MS || isLast) {
        draw(progress)
        drawnAt = Date.now()
      }
      if (isLast || watchedMs >= WATCHING_MS) return
      watchedMs += pause
      // Timers are not finer than a millisecond: of very many events only some are waited for.
      if (pause >= 1 || Math.floor(watchedMs) > Math.floor(watchedMs - pause)) await sleep(Math.max(1, pause))
    },
    end: () => {
      write(CLEAR_LINE)
      showCursor()
      process.off('exit', showCursor)
      process.off('SIGINT', interrupted)
    },
  }
}

/** A line per tenth of the events, for pipes and files. */
function createPlainLines({ write }: Terminal): ProgressLine {
  let tenths = 0
  return {
    show: ({ published, total, running, paused, ended, elapsedMs }) => {
      const reached = Math.floor((published * 10) / Math.max(1, total))
      if (reached === tenths) return
      tenths = reached
      const events = `${String(published).padStart(String(total).length)}/${total} events`
      write(`${events} · ${running} running · ${paused} asleep · ${ended} done · ${formatMs(elapsedMs)}\n`)
    },
    end: () => write('\n'),
  }
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

function renderBar(share: number, width: number): string {
  const eighths = Math.round(share * width * 8)
  const full = Math.floor(eighths / 8)
  return `${'█'.repeat(full)}${EIGHTHS[eighths % 8]}`.padEnd(width, '░').slice(0, width)
}
