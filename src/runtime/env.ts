/** What steps get as `__env__`. There is nothing to enumerate: whoever wants a value must know its name. */
export interface Env {
  get(key: string): unknown
}

type Layer = Readonly<Record<string, unknown>> | undefined

/** Looks a key up in one layer after the other; own properties only. */
export function createEnv(...layers: readonly Layer[]): Env {
  const get = (key: string): unknown => {
    for (const layer of layers) if (layer && Object.hasOwn(layer, key)) return layer[key]
    return undefined
  }
  return Object.freeze({ get })
}

/** The environment of the process, where there is one. */
export function processEnv(): Layer {
  const { process } = globalThis as { process?: { env?: Layer } }
  return process?.env
}
