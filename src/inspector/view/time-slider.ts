import type { TimelineEvent } from '../../timeline/timeline-event.js'
import { formatMs, toneOf } from '../model/event-text.js'
import type { LoadedRun } from '../model/loaded-run.js'
import { button, element } from './element.js'

/** What is drawn over what, and how high, where events are closer than a pixel. */
const TONES = [
  ['plain', 0.28],
  ['start', 0.34],
  ['ok', 0.4],
  ['log', 0.34],
  ['state', 0.72],
  ['wait', 0.9],
  ['warn', 0.9],
  ['bad', 1],
] as const

/** Pixels. */
const BUCKET_WIDTH = 4

/** Milliseconds between two events while it plays. */
const PLAY_MS = 120

/** The slider through the events of a run, above a strip that shows what happened where. */
export class TimeSlider {
  readonly element: HTMLElement
  readonly #onMove: (seq: number) => void
  readonly #range: HTMLInputElement
  readonly #strip = element('canvas', { class: 'strip', attributes: { 'aria-hidden': 'true' } })
  readonly #label = element('output', { class: 'at' })
  readonly #play: HTMLButtonElement
  #events: readonly TimelineEvent[] = []
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(onMove: (seq: number) => void) {
    this.#onMove = onMove
    this.#range = element('input', {
      class: 'range',
      attributes: { type: 'range', min: '0', max: '0', step: '1', value: '0', 'aria-label': 'Event' },
      on: { input: () => this.#onMove(this.position) },
    })
    const jump = (label: string, name: string, target: () => number) =>
      button(label, () => this.#go(target()), { title: name, attributes: { 'aria-label': name } })
    this.#play = button('▶', () => this.#togglePlay(), {
      class: 'play',
      attributes: { 'aria-label': 'Play' },
    })
    this.element = element(
      'div',
      { class: 'slider', role: 'group', attributes: { 'aria-label': 'Through time' } },
      element(
        'div',
        { class: 'slider-tools' },
        jump('⇤', 'First event', () => 1),
        jump('‹‹', 'Change of state before', () => this.#nextChange(-1)),
        jump('‹', 'Event before', () => this.position - 1),
        this.#play,
        jump('›', 'Next event', () => this.position + 1),
        jump('››', 'Next change of state', () => this.#nextChange(1)),
        jump('⇥', 'Last event', () => this.#events.length),
        this.#label,
      ),
      element('div', { class: 'slider-track' }, this.#strip, this.#range),
    )
    new ResizeObserver(() => this.redraw()).observe(this.#strip)
  }

  get position(): number {
    return Number(this.#range.value)
  }

  /** Whether it stands at the end, where it goes along with what is added. */
  get isAtEnd(): boolean {
    return this.position >= this.#events.length
  }

  show({ events }: LoadedRun): void {
    this.#events = events
    this.#range.max = String(events.length)
    this.redraw()
  }

  moveTo(position: number): void {
    if (this.position !== position) this.#range.value = String(position)
    const event = this.#events[position - 1]
    const elapsed = event ? formatMs(Math.max(0, event.timestamp - this.#events[0]!.timestamp)) : '0 ms'
    this.#label.textContent = `${position} / ${this.#events.length}  ·  ${elapsed}`
    this.#range.setAttribute(
      'aria-valuetext',
      event ? `Event ${position}, ${event.type}, at ${elapsed}` : 'Before the first event',
    )
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#play.textContent = '▶'
    this.#play.setAttribute('aria-label', 'Play')
  }

  /** Draws the strip anew: the width or the colours have changed. */
  redraw(): void {
    const { clientWidth, clientHeight } = this.#strip
    const context = this.#strip.getContext('2d')
    if (clientWidth === 0 || !context) return
    const ratio = globalThis.devicePixelRatio || 1
    this.#strip.width = clientWidth * ratio
    this.#strip.height = clientHeight * ratio
    const colours = getComputedStyle(this.element)
    const tones = TONES.map(([tone]) => colours.getPropertyValue(`--tone-${tone}`))
    if (this.#events.length * 2 > clientWidth) this.#drawShares(context, tones, BUCKET_WIDTH * ratio)
    else this.#drawEach(context, tones, ratio)
  }

  /** A bar per event, the higher the more it matters. */
  #drawEach(context: CanvasRenderingContext2D, tones: readonly string[], ratio: number): void {
    const { width, height } = this.#strip
    const count = Math.max(1, this.#events.length)
    const barWidth = Math.max(1, Math.min(6, (width / ratio / count) * 0.6)) * ratio
    this.#events.forEach((event, index) => {
      const place = TONES.findIndex(([tone]) => tone === toneOf(event))
      const barHeight = height * TONES[place]![1]
      context.fillStyle = tones[place]!
      context.fillRect(((index + 1) / count) * (width - barWidth), height - barHeight, barWidth, barHeight)
    })
  }

  /** Where events are closer than can be seen: what share of them was what, the gravest on top. */
  #drawShares(context: CanvasRenderingContext2D, tones: readonly string[], bucketWidth: number): void {
    const { width, height } = this.#strip
    const bucketCount = Math.max(1, Math.floor(width / bucketWidth))
    const buckets = Array.from({ length: bucketCount }, () => new Uint32Array(TONES.length))
    this.#events.forEach((event, index) => {
      const bucket = Math.min(bucketCount - 1, Math.floor((index / this.#events.length) * bucketCount))
      buckets[bucket]![TONES.findIndex(([tone]) => tone === toneOf(event))]!++
    })
    buckets.forEach((counts, bucket) => {
      const total = counts.reduce((sum, each) => sum + each, 0)
      let bottom = height
      counts.forEach((each, place) => {
        const share = (each / Math.max(1, total)) * height
        context.fillStyle = tones[place]!
        context.fillRect(bucket * bucketWidth, bottom - share, bucketWidth - 1, share)
        bottom -= share
      })
    })
  }

  #go(position: number): void {
    this.stop()
    const target = Math.min(this.#events.length, Math.max(0, position))
    this.#range.value = String(target)
    this.#onMove(target)
  }

  /** The next event in a direction that wrote into the state. */
  #nextChange(step: 1 | -1): number {
    let seq = this.position + step
    while (seq >= 1 && seq <= this.#events.length && !this.#events[seq - 1]!.delta) seq += step
    return seq
  }

  #togglePlay(): void {
    if (this.#timer !== undefined) return this.stop()
    if (this.isAtEnd) this.#range.value = '0'
    this.#play.textContent = '❚❚'
    this.#play.setAttribute('aria-label', 'Stop')
    this.#timer = setInterval(() => {
      if (this.isAtEnd || !this.element.isConnected) return this.stop()
      this.#range.value = String(this.position + 1)
      this.#onMove(this.position)
    }, PLAY_MS)
  }
}
