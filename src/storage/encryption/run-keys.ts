import { SystemError } from '../../core/system-error.js'

/** A key for AES-GCM, and the name it is found under again. */
export interface NamedKey {
  /** Stands beside each record in the clear; at most 256 characters. */
  readonly id: string
  /** For AES-GCM, with the usages `encrypt` and `decrypt`. It need not be extractable. */
  readonly key: CryptoKey
}

/**
 * Where the keys are. A run has keys of its own, so that deleting them makes the run unreadable wherever copies of it lie;
 * what belongs to no run (`runId` is `undefined`) has keys, too. Rejecting means that the keys cannot be reached now: what
 * needs them fails with `STORAGE` and can be tried again.
 */
export interface RunKeys {
  /** The key for what is written from now on. `undefined` when the run's keys were deleted. */
  current(runId: string | undefined): NamedKey | undefined | Promise<NamedKey | undefined>
  /** The key that a record was encrypted with. `undefined` when it was deleted. */
  find(runId: string | undefined, id: string): CryptoKey | undefined | Promise<CryptoKey | undefined>
}

export interface MasterKey {
  /** Stands beside each record in the clear, so that the key is found again; at most 256 characters. */
  readonly id: string
  /** At least 32 bytes from a source of true randomness; a password is none. */
  readonly secret: Uint8Array
}

const MIN_SECRET_BYTES = 32
/** Deriving a key takes longer than using it. */
const MAX_CACHED = 10_000

/**
 * A key per run, derived from master keys with HKDF-SHA-256, so that nothing has to be kept but these. The first of them
 * encrypts, all decrypt: to change it, put a new one in front, and take the old one out when nothing needs it any more.
 *
 * As the keys come from the master key, a single run cannot be made unreadable: for that, keep a random key per run
 * and pass {@link RunKeys} of your own.
 *
 * @throws {SystemError} `VALIDATION` when there is no key, two have one id, or a secret is too short.
 */
export function derivedRunKeys(masterKeys: readonly MasterKey[]): RunKeys {
  const [newest] = masterKeys
  const byId = new Map(masterKeys.map((master) => [master.id, master]))
  if (!newest || byId.size < masterKeys.length) {
    throw new SystemError('VALIDATION', 'Master keys must be at least one, each with an id of its own')
  }
  for (const { id, secret } of masterKeys) {
    if (secret.byteLength >= MIN_SECRET_BYTES) continue
    throw new SystemError(
      'VALIDATION',
      `The master key "${id}" has ${secret.byteLength} bytes: use ${MIN_SECRET_BYTES} or more, all of them random`,
      { context: { keyId: id } },
    )
  }
  const imported = new Map<string, Promise<CryptoKey>>()
  const derived = new Map<string, Promise<CryptoKey>>()

  const materialOf = ({ id, secret }: MasterKey): Promise<CryptoKey> => {
    let material = imported.get(id)
    if (!material) {
      // A copy: whoever gave the secret may wipe it.
      material = webCrypto().importKey('raw', new Uint8Array(secret), 'HKDF', false, ['deriveKey'])
      imported.set(id, material)
    }
    return material
  }

  const keyOf = (master: MasterKey, runId: string | undefined): Promise<CryptoKey> => {
    const info = runId === undefined ? 'busline/shared' : `busline/run/${runId}`
    const name = JSON.stringify([master.id, info])
    let key = derived.get(name)
    // Again to the end: the one that was used longest ago goes first.
    if (key) derived.delete(name)
    else key = materialOf(master).then((material) => derive(material, info))
    derived.set(name, key)
    if (derived.size > MAX_CACHED) derived.delete(derived.keys().next().value!)
    return key
  }

  for (const master of masterKeys) void materialOf(master).catch(() => imported.delete(master.id))
  return {
    current: async (runId) => ({ id: newest.id, key: await keyOf(newest, runId) }),
    find: async (runId, id) => {
      const master = byId.get(id)
      return master && keyOf(master, runId)
    },
  }
}

/** @throws {SystemError} `UNAVAILABLE` where the host has no WebCrypto. */
export function webCrypto(): SubtleCrypto {
  const { subtle } = (globalThis.crypto ?? {}) as Partial<Crypto>
  if (subtle) return subtle
  throw new SystemError(
    'UNAVAILABLE',
    'Cannot encrypt: there is no WebCrypto here, serve the page over https or from localhost',
  )
}

function derive(material: CryptoKey, info: string): Promise<CryptoKey> {
  return webCrypto().deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info: new TextEncoder().encode(info) },
    material,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  )
}
