import type { ModeOptions } from 'busline'

/** One way to admit events, and what it is good for. */
export interface ModeChoice {
  readonly id: string
  readonly label: string
  readonly mode: ModeOptions
  /** What happens to an event that comes while a run is active. */
  readonly says: string
  readonly goodFor: string
}

export const MODE_CHOICES: readonly ModeChoice[] = [
  {
    id: 'transient',
    label: 'transient',
    mode: { type: 'transient', concurrency: 2, capacity: 3 },
    says: 'Two runs of a key at once, three events wait, one more is dropped.',
    goodFor: 'Independent work with a limit: webhooks, mails, uploads.',
  },
  {
    id: 'serialized',
    label: 'serialized',
    mode: { type: 'serialized' },
    says: 'One run of a key at a time, strictly in order. Everything else waits.',
    goodFor: 'Steps on one thing that must not overtake each other: an account, an order.',
  },
  {
    id: 'loop-drop',
    label: 'singleton_loop · drop',
    mode: { type: 'singleton_loop', onBusy: 'drop' },
    says: 'While a run is active, further events are dropped.',
    goodFor: 'A refresh that is under way already: once is enough.',
  },
  {
    id: 'loop-signal',
    label: 'singleton_loop · signal',
    mode: { type: 'singleton_loop', onBusy: 'signal' },
    says: 'Further events are written into the state of the active run, between two of its stages.',
    goodFor: 'A session or a cart: one run that takes in what comes.',
  },
  {
    id: 'loop-replace',
    label: 'singleton_loop · replace',
    mode: { type: 'singleton_loop', onBusy: 'replace' },
    says: 'The active run is aborted, and when it has settled the newest event starts the next.',
    goodFor: 'Search as you type, a preview: only the newest counts.',
  },
  {
    id: 'exclusive-reject',
    label: 'exclusive · reject',
    mode: { type: 'exclusive', onBusy: 'reject' },
    says: 'While a run is active, further events are rejected, and whoever sent them can be told.',
    goodFor: 'Two must not book one seat.',
  },
  {
    id: 'exclusive-queue',
    label: 'exclusive · queue_single',
    mode: { type: 'exclusive', onBusy: 'queue_single' },
    says: 'One event waits; a newer one supersedes it.',
    goodFor: 'Saving a document: one more time at the end, with the latest.',
  },
]
