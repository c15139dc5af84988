import { SystemError } from '../../core/system-error.js'

/** Who may ask for what. */
export interface AccessOptions {
  /** What every request for data must carry as `Authorization: Bearer …`. @default only this machine may ask */
  readonly token?: string
  /** Lets those who have the token abort, resume and signal runs. Needs a token. @default false */
  readonly allowControl?: boolean
}

export const MIN_TOKEN_LENGTH = 16

/** Names under which only this machine can be meant. Others may be a page on the net that had itself resolved to here. */
const LOCAL_HOST = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * Lets requests in. With a token, those who have it; without one, those that were addressed to this very machine, so
 * that no page from elsewhere can read what the browser reaches.
 */
export class Access {
  readonly canControl: boolean
  readonly #expected: Promise<Uint8Array> | undefined

  /** @throws {SystemError} `VALIDATION` when control is allowed without a token, or the token is short. */
  constructor({ token, allowControl = false }: AccessOptions) {
    if (token !== undefined && token.length < MIN_TOKEN_LENGTH) {
      throw refused(`"token" must have at least ${MIN_TOKEN_LENGTH} characters: it has ${token.length}`)
    }
    if (allowControl && token === undefined) {
      throw refused('"allowControl" needs a "token": without one every page open here could end runs')
    }
    this.canControl = allowControl
    this.#expected = token === undefined ? undefined : hashOf(token)
  }

  /** @throws {AccessError} */
  async check(request: Request, isCommand: boolean): Promise<void> {
    if (this.#expected) await this.#checkToken(request, this.#expected)
    else if (!LOCAL_HOST.test(new URL(request.url).hostname)) {
      throw new AccessError(403, 'Without a token this inspector answers on localhost only: set "token"')
    }
    if (isCommand && !this.canControl) {
      throw new AccessError(403, 'This inspector may only look: it was opened without "allowControl"')
    }
  }

  async #checkToken(request: Request, expected: Promise<Uint8Array>): Promise<void> {
    const given = /^Bearer +(.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    if (given === undefined) throw new AccessError(401, 'Send the token as "Authorization: Bearer …"')
    if (!isEqual(await hashOf(given), await expected)) throw new AccessError(401, 'The token is wrong')
  }
}

/** A request that was not let in, with the status that says so. */
export class AccessError extends SystemError {
  readonly status: 401 | 403

  constructor(status: 401 | 403, message: string) {
    super('UNAUTHORIZED', message, { context: { status } })
    this.status = status
  }
}

function refused(reason: string): SystemError {
  return new SystemError('VALIDATION', `Cannot serve the inspector: ${reason}`)
}

async function hashOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** Takes as long wherever the first difference is. Hashes, so that the length of the token shows neither. */
function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index++) difference |= left[index]! ^ right[index]!
  return difference === 0
}
