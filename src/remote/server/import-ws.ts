import type * as Ws from 'ws'
import { SystemError } from '../../core/system-error.js'

/** Loads `ws`, which is not installed with Busline. */
export async function importWs(): Promise<typeof Ws> {
  try {
    return await import('ws')
  } catch (cause) {
    throw new SystemError('UNAVAILABLE', 'Cannot serve remote workers: install "ws" (npm install ws)', {
      cause,
    })
  }
}
