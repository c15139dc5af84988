/** What the imports of job text may name, and where it is found. Plans made of functions have no use for it. */
export interface LinkerOptions {
  /**
   * Specifiers that may be imported: regular expressions, or strings that are read as one, bare or as `/…/flags`.
   * Without it every module that `modules` and `repo` offer may be imported, and nothing else.
   */
  readonly whitelist?: readonly (RegExp | string)[]
  /** By specifier. Those of a step are put over those of the plan. */
  readonly modules?: Readonly<Record<string, LinkedModule>>
  /** A folder whose `package.json` names its dependencies `name_version`. Only `busline/plan/node` can read it. */
  readonly repo?: string
  /** Whether `node_modules` of the application are looked through as well. Only with `busline/plan/node`. @default false */
  readonly allowNodeModules?: boolean
  /** The same key shares the state of modules between jobs; a new one loads them afresh. */
  readonly cacheKey?: string
}

/** One module, by where it stands or by what it is. */
export interface LinkedModule {
  /** A folder with a `package.json`, or a file. Only with `busline/plan/node`. */
  readonly path?: string
  /** The version wanted of the repo, exactly. @default the newest there */
  readonly version?: string
  /** The exports themselves: plain data, and functions of plain data, which the job sees as asynchronous. Everywhere. */
  readonly exports?: Readonly<Record<string, unknown>>
}
