import { describe, expect, it } from 'vitest'
import { type ModeOptions, createMode, validateModeOptions } from '../../../src/runtime/modes/create-mode.js'
import { SystemError } from '../../../src/core/system-error.js'
import { TransientMode } from '../../../src/runtime/modes/transient-mode.js'
import { FakeHost } from './fake-host.js'

describe('createMode()', () => {
  it('makes a transient mode unless told otherwise', () => {
    expect(createMode(undefined, new FakeHost())).toBeInstanceOf(TransientMode)
  })

  it('refuses a type there is not with VALIDATION', () => {
    const create = () => createMode({ type: 'parallel' } as unknown as ModeOptions, new FakeHost())
    expect(create).toThrow(SystemError)
    expect(create).toThrow(/must be one of 'transient', 'serialized', 'singleton_loop', 'exclusive'/)
  })
})

describe('validateModeOptions()', () => {
  it.each([
    { type: 'transient' },
    { type: 'transient', concurrency: 1, capacity: 0 },
    { type: 'transient', concurrency: Infinity, capacity: Infinity },
    { type: 'serialized', capacity: undefined },
    { type: 'singleton_loop', onBusy: 'replace' },
    { type: 'exclusive', onBusy: 'queue_single' },
  ])('finds nothing wrong with %j', (options) => {
    expect(validateModeOptions(options)).toEqual([])
  })

  it.each([
    [undefined, ['mode.type']],
    ['serialized', ['mode.type']],
    [{}, ['mode.type']],
    [{ type: 'toString' }, ['mode.type']],
    [{ type: 'transient', concurrency: 0, capacity: -1 }, ['mode.concurrency', 'mode.capacity']],
    [{ type: 'transient', concurrency: 1.5 }, ['mode.concurrency']],
    [{ type: 'transient', concurrency: '3' }, ['mode.concurrency']],
    [{ type: 'serialized', concurrency: 2 }, ['mode.concurrency']],
    [{ type: 'singleton_loop', onBusy: 'reject' }, ['mode.onBusy']],
    [{ type: 'exclusive', onBusy: null, capacity: 1 }, ['mode.onBusy', 'mode.capacity']],
  ])('names every fault of %j', (options, paths) => {
    expect(validateModeOptions(options).map(({ path }) => path)).toEqual(paths)
  })
})
